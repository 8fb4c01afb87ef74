"""Live processes in other namespaces, of other users, and such that end or become another program while they are read."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'truth'))
import cores                                                        # noqa: E402

CPEEK = os.environ.get('CPEEK') or os.path.join(os.environ.get('CPEEK_BUILD', os.path.join(ROOT, 'build')), 'plugin', 'cpeek')
OK, PARTIAL, USAGE, NO_TARGET, NO_PYTHON, UNSUPPORTED, PERMISSION = range(7)
PROGRAM = r'''
import os, signal, sys, threading, time
def become_another(*_):
    os.execv("/bin/sh", ["sh", "-c", "kill -STOP $$; sleep 1000"])
def wait(secret):
    sys.stdout.write("%d\n" % os.getpid())
    sys.stdout.flush()
    time.sleep(1000)                                    # this line
signal.signal(signal.SIGUSR1, become_another)
keep = [["item %d" % i] for i in range(20000)]
helper = threading.Thread(target=time.sleep, args=(1000,), name="helper")
helper.daemon = True
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})      # it is for the main thread, which must wake
helper.start()
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
while not helper.is_alive():
    time.sleep(0.01)
wait("known")
'''


def cpeek(*arguments):
    return subprocess.run([CPEEK] + [str(a) for a in arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60)


def state_of(pid):
    with open('/proc/%d/stat' % pid) as f:
        return f.read().rpartition(')')[2].split()[0]


def sleeps(pid):
    """Is its main thread in time.sleep(), and not on its way there? By the number of the system call, x86-64."""
    with open('/proc/%d/syscall' % pid) as f:
        return f.read().split()[0] in ('23', '35', '230', '270')      # select, nanosleep, clock_nanosleep, pselect6


def eventually(condition):
    """Waits for what must come, however busy the machine is."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope='session')
def python():
    found = [i for i in cores.find_interpreters() if i.supported and not i.root]
    assert found, 'there is no CPython here that cpeek knows'
    return found[-1]


class Running:
    """The program, by a command that ends in the interpreter; pid is its id here."""
    def __init__(self, command, program, environment=None):
        self.process = subprocess.Popen(command + ['-S', '-B', program], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=dict(os.environ, **(environment or {})), start_new_session=True)
        self.says = self.process.stdout.readline()
        if not self.says:
            error = self.process.communicate()[1].decode()
            raise RuntimeError(error)
        self.pid = self.find(self.process.pid)
        eventually(lambda: sleeps(self.pid))

    def find(self, pid):
        """unshare --fork leaves its child behind it."""
        with open('/proc/%d/task/%d/children' % (pid, pid)) as f:
            children = f.read().split()
        return self.find(int(children[0])) if children else pid

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for pid in (self.pid, self.process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.communicate()


@pytest.fixture
def program(tmp_path):
    path = tmp_path / 'program.py'
    path.write_text(PROGRAM)
    return str(path)


@pytest.fixture
def running(python, program):
    with Running([python.path], program) as process:
        yield process


def check_answer(process, *options):
    """Both stacks, and the source line that the process itself would see."""
    done = cpeek(*options, process.pid, 'bt', '--all', '--locals')
    text = done.stdout.decode('utf-8')
    assert done.returncode == OK, done.stderr
    assert 'in wait\n    time.sleep(1000)                                    # this line\n' in text
    assert "secret = 'known'" in text and '(helper)' in text
    threads = json.loads(cpeek(*options, '--json', process.pid, 'bt', '--all').stdout.decode('utf-8'))['threads']
    assert {t['native_id'] for t in threads} == {int(t) for t in os.listdir('/proc/%d/task' % process.pid)}
    assert [t['native_id'] for t in threads if t['name'] == 'MainThread'] == [process.pid]


# --- namespaces --------------------------------------------------------------------------------------------------------

NAMESPACES = {'mount': [], 'pid': ['unshare', '--pid', '--fork'], 'user': ['unshare', '--map-root-user', '--pid', '--fork']}


def can_unshare(kind):
    return subprocess.run((NAMESPACES[kind] or ['unshare', '--mount']) + ['true'], stderr=subprocess.DEVNULL).returncode == 0


@pytest.mark.parametrize('kind', sorted(NAMESPACES))
def test_other_namespaces(python, program, tmp_path, kind):
    """Where the paths of the process name other files here: another executable, another source. And it has another id."""
    if not can_unshare(kind):
        pytest.skip('this system lets us make no namespace: %s' % kind)
    executable, source = str(tmp_path / 'python-inside'), str(tmp_path / 'inside.py')
    shutil.copy('/bin/sh', executable)
    with open(source, 'w') as f:
        f.write('# not the source\n' * 40)
    command = NAMESPACES[kind] + [sys.executable, os.path.join(ROOT, 'tests', 'interpreters', 'namespace.py'),
                                  '--over', python.path, executable, '--over', program, source, '--',
                                  'env', 'PYTHONHOME=' + os.path.dirname(os.path.dirname(python.path)), executable]
    with Running(command, source) as process:
        assert int(process.says) == (1 if kind != 'mount' else process.pid)
        for options in ([], ['--no-pause']):
            check_answer(process, *options)
        eventually(lambda: state_of(process.pid) == 'S')


# --- files that are gone -------------------------------------------------------------------------------------------------

def test_replaced_executable(python, program, tmp_path):
    """An upgrade took the file away, and has put another one there."""
    executable = str(tmp_path / 'python-gone')
    shutil.copy(python.path, executable)
    environment = {'PYTHONHOME': os.path.dirname(os.path.dirname(python.path))}
    with Running([executable], program, environment) as process:
        check_answer(process)
        os.unlink(executable)
        check_answer(process)
        shutil.copy('/bin/sh', executable)
        check_answer(process)


# --- forks -----------------------------------------------------------------------------------------------------------------

FORK = r'''
import ctypes, os, sys, time
def child():
    sys.stdout.write("%d\n" % os.getpid())
    sys.stdout.flush()
    time.sleep(1000)
if ctypes.PyDLL(None).fork() == 0:          # CPython is not told: the thread state keeps the parent's id
    child()
os.wait()
'''


def test_forked_child(python, tmp_path):
    path = tmp_path / 'fork.py'
    path.write_text(FORK)
    with Running([python.path], str(path)) as process:
        assert process.pid == int(process.says) != process.process.pid
        for options in ([], ['--no-pause']):
            threads = json.loads(cpeek(*options, process.pid, 'bt', '--json').stdout.decode('utf-8'))['threads']
            assert [(t['native_id'], t['frames'][0]['function']) for t in threads] == [(process.pid, 'child')]


# --- the end ---------------------------------------------------------------------------------------------------------------

def start_reading(*arguments):
    """A cpeek that has answered in part, and waits for its reader."""
    reader = subprocess.Popen([CPEEK] + [str(a) for a in arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
    assert len(reader.stdout.read(1000)) == 1000
    return reader


def finish_reading(reader):
    out, error = reader.communicate(timeout=60)
    return reader.returncode, error.decode('utf-8')


@pytest.mark.parametrize('options', [[], ['--no-pause']], ids=['stopped', 'running'])
def test_end(running, options):
    """What is left of the answer is none: it is an error, not a heap of holes that looks like an answer."""
    reader = start_reading(*options, running.pid, 'objects', '--repr', '--json')
    os.kill(running.pid, signal.SIGKILL)
    eventually(lambda: state_of(running.pid) == 'Z')
    code, error = finish_reading(reader)
    assert code == NO_TARGET and 'process %d' % running.pid in error and 'ended' in error and error.count('\n') == 1


def test_exec(running):
    """Not one byte of the next program is taken for the last one's."""
    reader = start_reading('--no-pause', running.pid, 'objects', '--repr', '--json')
    os.kill(running.pid, signal.SIGUSR1)
    eventually(lambda: state_of(running.pid) == 'T')        # the next program has stopped itself
    code, error = finish_reading(reader)
    assert code == NO_TARGET and 'process %d' % running.pid in error and 'exec' in error and error.count('\n') == 1
    assert cpeek(running.pid, 'bt').returncode == NO_PYTHON
    eventually(lambda: state_of(running.pid) == 'T')        # it wakes for a moment when it is let go


def test_exec_of_a_stopped_one(running):
    """It waits for cpeek to end."""
    reader = start_reading(running.pid, 'objects', '--repr', '--json')
    os.kill(running.pid, signal.SIGUSR1)
    assert finish_reading(reader)[0] == OK
    eventually(lambda: state_of(running.pid) == 'T')


def test_thread_id(running):
    """The id of any thread stands for its process."""
    other = [int(t) for t in os.listdir('/proc/%d/task' % running.pid) if int(t) != running.pid]
    assert cpeek(other[0], 'bt').stdout == cpeek(running.pid, 'bt').stdout != b''


# --- permission ------------------------------------------------------------------------------------------------------------

@pytest.mark.skipif(os.getuid() != 0, reason='only root can take its capabilities away')
def test_root_without_the_capability(running, python, program):
    """As in a container: what to pass to docker is said."""
    if shutil.which('setpriv') is None:
        pytest.skip('there is no setpriv here')
    as_nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
    if subprocess.run(as_nobody + [python.path, '-c', ''], stderr=subprocess.DEVNULL).returncode != 0:
        as_nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'sleep', '1000']
        process = subprocess.Popen(as_nobody)
    else:
        process = subprocess.Popen(as_nobody + [python.path, '-c', 'import time; time.sleep(1000)'])
    try:
        eventually(lambda: os.stat('/proc/%d' % process.pid).st_uid == 65534)
        done = subprocess.run(['setpriv', '--bounding-set=-sys_ptrace', CPEEK, str(process.pid), 'bt'], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60)
        assert done.returncode == PERMISSION and b'--cap-add=SYS_PTRACE' in done.stderr, done.stderr
    finally:
        process.kill()
        process.wait()
