"""The committed cores, unpacked: what the tests of damage work on."""
import lzma
import os
import shutil
import tarfile

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('CPEEK_BUILD', os.path.join(ROOT, 'build'))
CORES = os.path.join(ROOT, 'fixtures', 'cores')


@pytest.fixture(scope='session')
def unpack(tmp_path_factory):
    """unpack(version) answers the paths of a committed core and of the target's files."""
    done = {}

    def one(version):
        if version not in done:
            folder = tmp_path_factory.mktemp(version)
            core, root = str(folder / 'core'), str(folder / 'root')
            with lzma.open(os.path.join(CORES, version, 'core.xz')) as packed, open(core, 'wb') as file:
                shutil.copyfileobj(packed, file)
            with tarfile.open(os.path.join(CORES, version, 'root.tar.xz')) as packed:
                packed.extractall(root)
            done[version] = core, root
        return done[version]

    return one


@pytest.fixture(scope='session')
def build():
    return BUILD
