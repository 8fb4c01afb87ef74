"""The interpreters of the catalogue on this machine: gets them, finds them. Knows nothing of the tests that use them."""
import fnmatch
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

import archive
import catalogue

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'truth'))
import cores                                                        # noqa: E402

# A CPU without pointer authentication, which qemu computes at the price of four times the time.
EMULATORS = {'arm64': ['qemu-aarch64-static', '-cpu', 'cortex-a72'], 'armhf': ['qemu-arm-static'],
             's390x': ['qemu-s390x-static']}


def cache(name):
    return os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), name)


def folder(name=''):
    """Where a root or a build is, or is to be."""
    return os.path.join(cache('cpeek-matrix'), name)


def is_here(name):
    return os.path.exists(os.path.join(folder(name), '.done'))


def get(name, say):
    """Makes a root or a build, unless it is there."""
    if is_here(name):
        return
    say('%s: …' % name)
    final = folder(name)
    part = final + '.part'
    shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(final, ignore_errors=True)
    os.makedirs(part)
    if name in catalogue.ROOTS:
        unpack(catalogue.ROOTS[name], part)
        os.rename(part, final)
    else:
        os.rename(part, final)              # its own path is compiled into it
        compile_source(catalogue.BUILDS[name], final)
    open(os.path.join(final, '.done'), 'w').close()


def unpack(root, target):
    for suite, names in root.packages.items():
        source = archive.Suite(root.mirror, suite, cache('cpeek-debs'))
        archive.unpack([source.package(name, root.architecture) for name in names], target)


def compile_source(build, target):
    """A shared build with debug information, as ./configure makes it, and the standard library but for its tests."""
    tarball = archive.Suite(build.mirror, build.suite, cache('cpeek-debs')).source(build.source)
    environment = {'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': os.path.expanduser('~'),
                   'LC_ALL': 'C.UTF-8'}
    with tempfile.TemporaryDirectory() as work:
        def run(*command):
            with open(os.path.join(target, 'build.log'), 'ab') as log:
                done = subprocess.run(command, cwd=work, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            if done.returncode:
                raise archive.ArchiveError('%s failed: see %s' % (' '.join(command), log.name))

        run('tar', '-xf', tarball, '--strip-components', '1')
        run('./configure', '-q', '--prefix=' + target, '--enable-shared', '--without-ensurepip', '--disable-test-modules',
            'OPT=-g -O2', *build.options)
        run('make', '-s', '-j%d' % len(os.sched_getaffinity(0)))
        run('make', '-s', 'altbininstall', 'sharedinstall', 'inclinstall')
        library, = glob.glob(os.path.join(target, 'lib', 'python3*'))
        shutil.copytree(os.path.join(work, 'Lib'), library, dirs_exist_ok=True, ignore=shutil.ignore_patterns('test'))
        for path in glob.glob(os.path.join(work, 'build', '*', '_sysconfigdata*.py')):
            shutil.copy(path, library)


def executables(path):
    """The interpreters of a folder bin, each once: python3.6 and python3.6m are one file."""
    out = {}
    for file in sorted(glob.glob(os.path.join(path, 'python3.*'))):
        if re.fullmatch(r'python3\.\d+t?d?m?', os.path.basename(file)):
            out.setdefault(os.stat(file).st_ino, file)
    return sorted(out.values())


def of_root(name):
    """The interpreters of a root. Those of this machine's kind have it for their /; qemu looks into it first. A debug
    build is several times as slow as a release build, and under qemu that is too slow: it is left out there."""
    path, architecture = folder(name), catalogue.ROOTS[name].architecture
    for file in executables(os.path.join(path, 'usr', 'bin')):
        if architecture in EMULATORS:
            if file.endswith('d'):
                continue
            yield cores.probe(file, EMULATORS[architecture] + ['-L', path], sysroot=path, emulated=True), file
        else:
            yield cores.probe(file[len(path):], root=path), file


def of_build(name):
    path = folder(name)
    for file in executables(os.path.join(path, 'bin')):
        yield cores.probe(file, environment={'LD_LIBRARY_PATH': os.path.join(path, 'lib')}), file


def find(patterns=('*',)):
    """Every interpreter that is here and whose name, or that of its root or build, fits one of the patterns; and why
    others that fit do not run."""
    out, broken = [], []

    def fits(*names):
        return any(fnmatch.fnmatch(name, pattern) for name in names for pattern in patterns)

    for name in list(catalogue.ROOTS) + list(catalogue.BUILDS):
        # Starting each takes a while: only those that may fit.
        if not is_here(name) or name in catalogue.ROOTS and not any(name in p or '*' in p for p in patterns):
            continue
        for interpreter, file in of_root(name) if name in catalogue.ROOTS else of_build(name):
            if interpreter is None:
                broken.append('%s does not start' % file)
                continue
            interpreter.origin = name
            if name in catalogue.ROOTS:
                interpreter.name += '-' + name
            if fits(name, interpreter.name):
                out.append(interpreter)
    for interpreter in cores.find_interpreters():
        interpreter.origin = 'machine'
        if fits('machine', interpreter.name) and interpreter.minor >= (3, 6):
            out.append(interpreter)
    out.sort(key=lambda i: (i.minor, i.version_hex, i.machine != 'x86_64', i.machine, i.flavour, i.name))
    return out, broken
