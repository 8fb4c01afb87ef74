"""Interpreters of this machine, and cores with their truth made by them. Knows nothing of pytest or of cpeek."""
import fcntl
import glob
import hashlib
import os
import re
import resource
import shutil
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PROGRAMS = os.path.join(ROOT, 'fixtures', 'programs')
SUPPORTED = [(3, minor) for minor in range(8, 14)]      # release builds with a GIL; see layouts.def
SMALL_FLAGS = ['-I', '-S', '-E', '-B']

PROBE = '''
import platform, sys, sysconfig
library = [l.split()[-1] for l in open("/proc/self/maps") if "/libpython" in l and ".so" in l]
print("|".join([platform.python_implementation(), "%d.%d.%d" % sys.version_info[:3],
    str(int(hasattr(sys, "gettotalrefcount"))), str(sysconfig.get_config_var("Py_GIL_DISABLED") or 0),
    str(sys.executable), (library + [""])[0]]))
'''


class CannotMake(Exception):
    """The core could not be made: the machine's fault, not cpeek's."""


class Interpreter:
    def __init__(self, fields):
        self.implementation, self.version, debug, free, path, library = fields
        self.path = os.path.realpath(path)
        self.library = library or None      # libpython, when it is not inside the executable
        self.minor = tuple(int(n) for n in self.version.split('.')[:2])
        self.debug, self.free_threaded = debug == '1', free == '1'
        self.supported = self.minor in SUPPORTED and not self.debug and not self.free_threaded
        self.name = self.version + ('d' if self.debug else '') + ('t' if self.free_threaded else '')

    def files(self):
        return [self.path] + ([self.library] if self.library else [])

    def key(self):
        parts = [self.version]
        for path in self.files():
            s = os.stat(path)
            parts += [path, s.st_size, s.st_mtime_ns]
        return repr(parts)


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


def probe(path):
    """The interpreter at path; None when it is no CPython or does not start."""
    try:
        done = subprocess.run([path, '-c', PROBE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=30,
                              universal_newlines=True, cwd='/')
    except (OSError, subprocess.SubprocessError):
        return None
    fields = done.stdout.strip().split('|')
    if done.returncode != 0 or len(fields) != 6 or fields[0] != 'CPython' or not os.path.exists(fields[4]):
        return None
    return Interpreter(fields)


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
    """The core that a process left in folder, renamed to `core`."""
    cores = [p for p in glob.glob(os.path.join(folder, 'core*')) if re.fullmatch(r'core(\.\d+)?', os.path.basename(p))]
    if len(cores) != 1:
        raise CannotMake('the kernel left %d cores in %s' % (len(cores), folder))
    path = os.path.join(folder, 'core')
    os.rename(cores[0], path)
    return path


def run_to_core(python, program, folder, arguments=(), flags=(), **environment):
    """Runs a fixture program until it has dumped: folder/core and folder/truth.jsonl. python: an argv list."""
    os.makedirs(folder, exist_ok=True)
    truth = os.path.join(folder, 'truth.jsonl')
    command = list(python) + list(flags) + [os.path.join(PROGRAMS, program + '.py'), truth] + list(arguments)
    if not kernel_leaves_cores():
        with running(python, program, folder, arguments, flags, **environment) as process:
            gcore(process.pid, os.path.join(folder, 'core'))
        return folder
    try:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=120, preexec_fn=_unlimited,
                              env=_environment(**environment))
    except subprocess.TimeoutExpired as e:
        raise CannotMake('%s hangs: %r' % (command, e.output))
    if done.returncode != -6:
        raise CannotMake('%s ended with %d: %s' % (command, done.returncode, done.stdout.decode('utf-8', 'replace')))
    take_core(folder)
    if not truth_is_whole(truth):
        raise CannotMake('%s wrote no whole truth: %s' % (command, done.stdout.decode('utf-8', 'replace')))
    return folder


def crash(command, folder, **options):
    """The core of a command that aborts."""
    if not kernel_leaves_cores():
        raise CannotMake('/proc/sys/kernel/core_pattern does not leave cores in the working directory')
    subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   timeout=60, preexec_fn=_unlimited, env=_environment(), **options)
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
    def __init__(self, python, program, folder, arguments=(), flags=(), **environment):
        os.makedirs(folder, exist_ok=True)
        self.truth = os.path.join(folder, 'truth.jsonl')
        command = list(python) + list(flags) + [os.path.join(PROGRAMS, program + '.py'), self.truth] + list(arguments)
        self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL,
                                        env=_environment(CPEEK_TRUTH_WAIT='1', **environment))
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
            return words[:2] == ['0', '0x0']
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
            run_to_core([interpreter.path], program, folder, arguments, flags)
            key.truncate(0)
            key.write(h.hexdigest())
    return folder
