"""Every interpreter that can be had by script. Data only: a root is a folder of unpacked packages, a build is a folder that
a source was compiled into."""
from archive import DEBIAN, UBUNTU

# By suite: what an interpreter and its modules need. Closed lists: no dependency is looked up.
LIBRARIES = ['libc6', 'zlib1g', 'libexpat1', 'libbz2-1.0', 'liblzma5', 'libsqlite3-0']
NEW = LIBRARIES + ['libgcc-s1', 'libffi8', 'libssl3t64', 'libzstd1', 'libuuid1']
HEADERS = ['libpython3.14-dev', 'libpython3.15-dev']    # for `mklayout --headers`: nobody has free-threaded builds of them


def python(version, suffix=''):
    """The packages of an interpreter, release and debug build, with the debug information of both."""
    return ['python%s-minimal' % version, 'libpython%s-minimal' % version, 'libpython%s-stdlib' % version,
            'python%s-dbg' % version, 'libpython%s%s-dbg' % (version, suffix)]


class Root:
    def __init__(self, mirror, architecture, **packages):
        """packages: by suite, with `_` for `-`."""
        self.mirror, self.architecture = mirror, architecture
        self.packages = {suite.replace('_', '-'): names for suite, names in packages.items()}


class Build:
    def __init__(self, mirror, suite, source, *options):
        self.mirror, self.suite, self.source, self.options = mirror, suite, source, options


# Forky and sid move, the others stand still. libc-bin: 3.6 needs the locale C.UTF-8, which glibc had no idea of then.
ROOTS = {
    'bionic-amd64': Root(UBUNTU, 'amd64', bionic=python('3.6') + ['libffi6', 'libmpdec2'],
                         bionic_updates=LIBRARIES + ['libc-bin', 'libgcc1', 'libssl1.1', 'libuuid1'] + python('3.7')),
    'focal-amd64': Root(UBUNTU, 'amd64', focal=LIBRARIES + [
        'libgcc-s1', 'libcrypt1', 'libffi7', 'libssl1.1', 'libmpdec2', 'libuuid1'] + python('3.8')),
    'jammy-amd64': Root(UBUNTU, 'amd64', jammy=LIBRARIES + [
        'libgcc-s1', 'libcrypt1', 'libffi8', 'libssl3', 'libmpdec3', 'libuuid1'] + python('3.10')),
    'noble-amd64': Root(UBUNTU, 'amd64', noble=NEW + python('3.12', 't64')),
    'questing-amd64': Root(UBUNTU, 'amd64', questing=NEW + python('3.14')),
    'resolute-amd64': Root(UBUNTU, 'amd64', resolute=NEW + python('3.14')),
    'bullseye-amd64': Root(DEBIAN, 'amd64', bullseye=LIBRARIES + [
        'libgcc-s1', 'libcrypt1', 'libffi7', 'libssl1.1', 'libmpdec3', 'libuuid1'] + python('3.9')),
    'bookworm-amd64': Root(DEBIAN, 'amd64', bookworm=LIBRARIES + [
        'libgcc-s1', 'libcrypt1', 'libffi8', 'libssl3', 'libuuid1'] + python('3.11')),
    'trixie-amd64': Root(DEBIAN, 'amd64', trixie=NEW + python('3.13')),
    'forky-amd64': Root(DEBIAN, 'amd64', forky=NEW + python('3.13') + python('3.14') + python('3.15') + HEADERS),
    'sid-amd64': Root(DEBIAN, 'amd64', sid=NEW + python('3.13') + python('3.14') + python('3.15') + HEADERS),
    # 15-bit digits: 32-bit builds had them by default up to 3.10.
    'bullseye-i386': Root(DEBIAN, 'i386', bullseye=LIBRARIES + [
        'libgcc-s1', 'libcrypt1', 'libffi7', 'libssl1.1', 'libmpdec3', 'libuuid1'] + python('3.9')),
    'bookworm-arm64': Root(DEBIAN, 'arm64', bookworm=LIBRARIES + [
        'libgcc-s1', 'libcrypt1', 'libffi8', 'libssl3', 'libuuid1'] + python('3.11')),
    'trixie-i386': Root(DEBIAN, 'i386', trixie=NEW + python('3.13')),
    'trixie-arm64': Root(DEBIAN, 'arm64', trixie=NEW + python('3.13')),
    'trixie-armhf': Root(DEBIAN, 'armhf', trixie=NEW + python('3.13')),
    'trixie-s390x': Root(DEBIAN, 's390x', trixie=NEW + python('3.13')),
}

# No distribution has free-threaded builds in its archive's main parts: these are compiled.
BUILDS = {
    '3.13t': Build(DEBIAN, 'forky', 'python3.13', '--disable-gil'),
    '3.13td': Build(DEBIAN, 'forky', 'python3.13', '--disable-gil', '--with-pydebug'),
    '3.14t': Build(UBUNTU, 'resolute', 'python3.14', '--disable-gil'),
    '3.14td': Build(UBUNTU, 'resolute', 'python3.14', '--disable-gil', '--with-pydebug'),
}
