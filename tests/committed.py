"""The cores that the tree holds, and where the programs under test are. Knows nothing of pytest, nor of any test."""
import lzma
import os
import re
import shutil
import tarfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('CPEEK_BUILD', os.path.join(ROOT, 'build'))
CPEEK = os.environ.get('CPEEK', os.path.join(BUILD, 'plugin', 'cpeek'))
CORES = os.path.join(ROOT, 'fixtures', 'cores')


def every():
    """The cores of every version, flavour and machine."""
    return sorted(os.listdir(CORES))


def versions():
    """The newest of each series that is an ordinary build for x86-64: for tests that take long."""
    newest = {}
    for name in every():
        if re.fullmatch(r'[\d.]+', name):
            series = tuple(int(n) for n in name.split('.')[:2])
            newest[series] = max(newest.get(series, name), name, key=lambda n: [int(part) for part in n.split('.')])
    return [newest[series] for series in sorted(newest)]


def machines():
    """One of each machine but x86-64."""
    return list({name.rpartition('-')[2]: name for name in every() if '-' in name}.values())


def unpack(version, folder):
    """The paths of a core and of a folder with its target's files, both below folder."""
    core, root = os.path.join(folder, 'core'), os.path.join(folder, 'root')
    with lzma.open(os.path.join(CORES, version, 'core.xz')) as packed, open(core, 'wb') as file:
        shutil.copyfileobj(packed, file)
    with tarfile.open(os.path.join(CORES, version, 'root.tar.xz')) as packed:
        packed.extractall(root)
    return core, root
