import committed
import pytest


@pytest.fixture(scope='session')
def unpack(tmp_path_factory):
    """unpack(version) answers the paths of a committed core and of its target's files."""
    done = {}

    def one(version):
        if version not in done:
            done[version] = committed.unpack(version, str(tmp_path_factory.mktemp(version)))
        return done[version]

    return one
