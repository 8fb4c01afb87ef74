"""The fixture of the fault tests: committed cores, unpacked once for all of them."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))     # tests/, for committed

import committed


@pytest.fixture(scope='session')
def unpack(tmp_path_factory):
    """unpack(version) answers the paths of a committed core and of its target's files."""
    done = {}

    def one(version):
        if version not in done:
            done[version] = committed.unpack(version, str(tmp_path_factory.mktemp(version)))
        return done[version]

    return one
