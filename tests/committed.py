"""The cores that the tree holds, and where the programs under test are. Knows nothing of pytest, nor of any test."""
import lzma
import os
import shutil
import tarfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('CPEEK_BUILD', os.path.join(ROOT, 'build'))
CORES = os.path.join(ROOT, 'fixtures', 'cores')


def versions():
    return sorted(os.listdir(CORES))


def unpack(version, folder):
    """The paths of a core and of a folder with its target's files, both below folder."""
    core, root = os.path.join(folder, 'core'), os.path.join(folder, 'root')
    with lzma.open(os.path.join(CORES, version, 'core.xz')) as packed, open(core, 'wb') as file:
        shutil.copyfileobj(packed, file)
    with tarfile.open(os.path.join(CORES, version, 'root.tar.xz')) as packed:
        packed.extractall(root)
    return core, root
