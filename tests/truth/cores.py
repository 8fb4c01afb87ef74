"""Interpreters of this machine, and cores with their truth made by them. Knows nothing of pytest or of cpeek."""
import fcntl
import functools
import glob
import hashlib
import os
import re
import resource
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PROGRAMS = os.path.join(ROOT, 'fixtures', 'programs')
NAMESPACE = [sys.executable, os.path.join(ROOT, 'tests', 'interpreters', 'namespace.py')]
LAYOUTS = os.path.join(ROOT, 'lib', 'layout')
SMALL_FLAGS = ['-I', '-S', '-E', '-B']
MACHINES = {3: 'i386', 22: 's390x', 40: 'arm', 62: 'x86_64', 183: 'aarch64'}        # ELF e_machine
TIMEOUT = 120                           # seconds, of a program that runs natively

PROBE = '''
import sys
library = [l.split()[-1] for l in open("/proc/self/maps") if "/libpython" in l and ".so" in l]
print("|".join(["cpython" if "PyPy" not in sys.version else "other", "%d.%d.%d" % sys.version_info[:3],
    str(sys.hexversion), str(int(hasattr(sys, "gettotalrefcount"))), str(int("t" in getattr(sys, "abiflags", ""))),
    str(sys.executable), (library + [""])[0]]))
'''


class CannotMake(Exception):
    """The core could not be made: the machine's fault, not cpeek's."""


class Interpreter:
    """A CPython, and how it is run. path and library are those of its files here; with a root it sees others."""
    origin = 'machine'                  # where it is from
    def __init__(self, fields, prefix=(), environment=None, root=None, sysroot=None, emulated=False):
        self.implementation, self.version, version_hex, debug, free, path, library = fields
        self.prefix, self.environment = list(prefix), dict(environment or {})
        self.root, self.emulated = root, emulated
        self.sysroot = sysroot or root      # where the files are that its cores name
        self.inner_path = path if root else os.path.realpath(path)
        self.path = root + path if root else self.inner_path
        self.library = (root or '') + library if library else None      # when it is not inside the executable
        self.version_hex = int(version_hex)
        self.minor = tuple(int(n) for n in self.version.split('.')[:2])
        self.debug, self.free_threaded = debug == '1', free == '1'
        with open(self.path, 'rb') as f:
            head = f.read(20)
        self.machine = MACHINES[int.from_bytes(head[18:20], 'big' if head[5] == 2 else 'little')]
        self.flavour = ('t' if self.free_threaded else '') + ('d' if self.debug else '')
        self.supported = any(l.holds_for(self) for l in layouts())
        self.name = self.version + self.flavour

    def command(self, path=None, bind=()):
        """The argv that runs it, or a copy of it at path, in folders that it sees: bind, and the working directory."""
        if not self.root:
            return self.prefix + [path or self.path]
        binds = [argument for folder in [PROGRAMS] + list(bind) for argument in ('--bind', folder)]
        return NAMESPACE + binds + ['--root', self.root, '--', path or self.inner_path]

    def own_paths(self):
        """What holds its ELF files: paths that can be taken away from a program that reads a core of it."""
        top = self.sysroot or os.path.dirname(os.path.dirname(self.path))
        return [top] if top != '/usr' else [self.path] + glob.glob('/usr/lib/python%d.%d/lib-dynload' % self.minor)

    def files(self):
        return [self.path] + ([self.library] if self.library else [])

    def core_options(self):
        """What cpeek needs to find the files of a core of it."""
        return ['--sysroot', self.sysroot] if self.sysroot else []

    def timeout(self):
        return TIMEOUT * (10 if self.emulated else 1)

    def seen_as(self, path):
        """The path of one of its files as its own cores name it."""
        return path[len(self.root):] if self.root else path

    def key(self):
        parts = [self.version]
        for path in self.files():
            s = os.stat(path)
            parts += [path, s.st_size, s.st_mtime_ns]
        return repr(parts)


class Layout:
    """A row of layouts.def: for which builds it is."""
    def __init__(self, first, last, build):
        machine, pointer, big_endian, debug, free_threaded = build
        self.first, self.last = int(first, 16), int(last, 16)
        self.machine = machine.replace('EM_', '').replace('386', 'i386').lower().replace('s390', 's390x')
        self.debug, self.free_threaded = debug == 'true', free_threaded == 'true'

    def holds_for(self, interpreter):
        return (self.first <= interpreter.version_hex <= self.last and
                (self.machine, self.debug, self.free_threaded) ==
                (interpreter.machine, interpreter.debug, interpreter.free_threaded))


@functools.lru_cache(maxsize=None)
def layouts():
    """What cpeek has layouts for: layouts.def alone says it."""
    out = []
    with open(os.path.join(LAYOUTS, 'layouts.def')) as f:
        rows = re.findall(r'^LAYOUT\(".*?", (0x\w+), (0x\w+)\)\n#include "layout/(.*)"$', f.read(), re.M)
    for first, last, name in rows:
        with open(os.path.join(LAYOUTS, name)) as f:
            build = re.search(r'^BUILD\(".*", 0x\w+, (\w+), (\d), (\w+), (\w+), (\w+)\)$', f.read(), re.M)
        out.append(Layout(first, last, build.groups()))
    return out


def _candidates():
    root = os.environ.get('PYENV_ROOT', os.path.expanduser('~/.pyenv'))
    for folder in sorted(glob.glob(os.path.join(root, 'versions', '*', 'bin'))):
        for name in ('python3', 'python2'):
            if os.path.exists(os.path.join(folder, name)):
                yield os.path.join(folder, name)
                break
    for folder in ['/usr/bin', '/usr/local/bin'] + os.environ.get('PATH', '').split(':'):
        for path in sorted(glob.glob(os.path.join(folder, 'python[23]*'))):
            if re.fullmatch(r'python(2\.7|3(\.\d+)?d?t?d?)', os.path.basename(path)):
                yield path


def probe(path, prefix=(), environment=None, root=None, sysroot=None, emulated=False):
    """The interpreter at path; None when it is no CPython or does not start. prefix: of the command that runs it;
    root: what it has for /, where path then lies."""
    command = list(prefix) + [path] if not root else NAMESPACE + ['--root', root, '--', path]
    try:
        done = subprocess.run(command + ['-S', '-E', '-c', PROBE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60,
                              universal_newlines=True, cwd='/tmp', env=_environment(**(environment or {})))
    except (OSError, subprocess.SubprocessError):
        return None
    fields = done.stdout.strip().split('|')
    if done.returncode != 0 or len(fields) != 7 or fields[0] != 'cpython' or not os.path.exists((root or '') + fields[5]):
        return None
    return Interpreter(fields, prefix, environment, root, sysroot, emulated)


def find_interpreters():
    """Every CPython of this machine, each once, oldest first; unsupported ones too."""
    found, tried = {}, set()
    for path in _candidates():
        real = os.path.realpath(path)
        if real in tried:
            continue
        tried.add(real)
        i = probe(path)
        if i:
            found.setdefault(i.path, i)
    out = sorted(found.values(), key=lambda i: (i.minor, [int(n) for n in i.version.split('.')], i.path))
    names = set()
    for i in out:
        while i.name in names:              # two builds of one version
            i.name += '+'
        names.add(i.name)
    return out


def kernel_leaves_cores():
    """Whether the kernel writes cores into the working directory of the process."""
    with open('/proc/sys/kernel/core_pattern') as f:
        pattern = f.read().strip()
    return bool(pattern) and '/' not in pattern and '|' not in pattern


def _unlimited():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _environment(**more):
    """A plain one: nothing of the caller's changes what the interpreters are or load."""
    keep = {k: v for k, v in os.environ.items() if k in ('PATH', 'HOME', 'TMPDIR')}
    keep.update({'LC_ALL': 'C.UTF-8', 'PYTHONDONTWRITEBYTECODE': '1'}, **more)
    return keep


def take_core(folder):
    """The core that a process left in folder, renamed to `core`. qemu-user writes the one of what it runs, as
    qemu_NAME_TIME_PID.core, before the kernel writes that of qemu itself."""
    cores = [p for p in glob.glob(os.path.join(folder, 'core*')) if re.fullmatch(r'core(\.\d+)?', os.path.basename(p))]
    emulated = glob.glob(os.path.join(folder, 'qemu_*.core'))
    if emulated:
        for path in cores:
            os.unlink(path)
        cores = emulated
    if len(cores) != 1:
        raise CannotMake('there are %d cores in %s' % (len(cores), folder))
    path = os.path.join(folder, 'core')
    os.rename(cores[0], path)
    return path


def command_of(interpreter, program, folder, arguments=(), flags=(), path=None, bind=()):
    """The argv that runs a fixture program in folder, which gets truth.jsonl. path: of a copy of the interpreter,
    which lies in one of the folders of bind."""
    os.makedirs(folder, exist_ok=True)
    return interpreter.command(path, bind) + list(flags) + [
        os.path.join(PROGRAMS, program + '.py'), os.path.join(folder, 'truth.jsonl')] + list(arguments)


def run_to_core(interpreter, program, folder, arguments=(), flags=(), path=None, bind=(), **environment):
    """Runs a fixture program until it has dumped: folder/core and folder/truth.jsonl. As command_of()."""
    truth = os.path.join(folder, 'truth.jsonl')
    command = command_of(interpreter, program, folder, arguments, flags, path, bind)
    environment = dict(interpreter.environment, **environment)
    if not kernel_leaves_cores() and not interpreter.emulated:
        with running(interpreter, program, folder, arguments, flags, path, bind, **environment) as process:
            gcore(process.pid, os.path.join(folder, 'core'))
        return folder
    try:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=interpreter.timeout(), preexec_fn=_unlimited,
                              env=_environment(**environment))
    except subprocess.TimeoutExpired as e:
        raise CannotMake('%s hangs: %r' % (command, e.output))
    if done.returncode != -6:
        raise CannotMake('%s ended with %d: %s' % (command, done.returncode, done.stdout.decode('utf-8', 'replace')))
    take_core(folder)
    if not truth_is_whole(truth):
        raise CannotMake('%s wrote no whole truth: %s' % (command, done.stdout.decode('utf-8', 'replace')))
    return folder


def crash(command, folder, environment=None, **options):
    """The core of a command that aborts."""
    if not kernel_leaves_cores():
        raise CannotMake('/proc/sys/kernel/core_pattern does not leave cores in the working directory')
    subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   timeout=60, preexec_fn=_unlimited, env=_environment(**(environment or {})), **options)
    return take_core(folder)


def truth_is_whole(path):
    try:
        with open(path, 'rb') as f:
            f.seek(0, 2)
            f.seek(max(0, f.tell() - 100))
            return b'\n{"end":' in f.read()
    except OSError:
        return False


class running:
    """A fixture program that has written its truth and now waits, alive: `with running(…) as process`."""
    def __init__(self, interpreter, program, folder, arguments=(), flags=(), path=None, bind=(), **environment):
        command = command_of(interpreter, program, folder, arguments, flags, path, bind)
        self.truth = os.path.join(folder, 'truth.jsonl')
        environment = dict(interpreter.environment, CPEEK_TRUTH_WAIT='1', **environment)
        self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, env=_environment(**environment))
        self.process.truth = self.truth

    def __enter__(self):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise CannotMake('%s ended with %d' % (self.process.args, self.process.returncode))
            if truth_is_whole(self.truth) and self._reads():
                return self.process
            time.sleep(0.02)
        self.__exit__()
        raise CannotMake('%s does not get to its wait' % self.process.args)

    def _reads(self):
        """Whether the main thread is blocked in read(0, …)."""
        try:
            with open('/proc/%d/syscall' % self.process.pid) as f:
                words = f.read().split()
            return words[:2] in (['0', '0x0'], ['3', '0x0'])   # x86-64, i386
        except OSError:                     # no such file in this kernel: the child is gone, so give it a moment
            time.sleep(0.5)
            return True

    def __exit__(self, *exception):
        self.process.kill()
        self.process.stdin.close()
        self.process.wait()


def gcore(pid, path):
    gdb = shutil.which('gdb')
    if gdb is None:
        raise CannotMake('no gdb for gcore')
    done = subprocess.run([gdb, '-nx', '-q', '-batch', '-iex', 'set auto-load off', '-iex', 'set debuginfod enabled off',
                           '-iex', 'set auto-solib-add off', '-p', str(pid), '-ex', 'gcore ' + path],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    if not os.path.exists(path):
        raise CannotMake('gcore: ' + done.stdout.decode('utf-8', 'replace'))


def cache_folder():
    return os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'cpeek-tests')


def cached_core(interpreter, program, cache, arguments=(), flags=()):
    """folder with core and truth.jsonl, made anew only when the program or the interpreter has changed."""
    folder = os.path.join(cache, interpreter.name, '-'.join([program] + list(arguments)))
    h = hashlib.sha256(interpreter.key().encode())
    for path in (program + '.py', 'truth.py', 'settle.py'):
        with open(os.path.join(PROGRAMS, path), 'rb') as f:
            h.update(f.read())
    h.update(repr((PROGRAMS, arguments, flags, kernel_leaves_cores())).encode())
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with open(folder + '.key', 'a+') as key:
        fcntl.flock(key, fcntl.LOCK_EX)             # another run of the suite may be at it
        key.seek(0)
        if key.read() != h.hexdigest() or not truth_is_whole(os.path.join(folder, 'truth.jsonl')):
            shutil.rmtree(folder, ignore_errors=True)
            run_to_core(interpreter, program, folder, arguments, flags)
            key.truncate(0)
            key.write(h.hexdigest())
    return folder
