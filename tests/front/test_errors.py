"""Bad input: one line on stderr that says what, why and what to try, the exit code of DESIGN section 8, nothing on
stdout, nothing left stopped. And hostile text: no control character, valid UTF-8, valid JSON."""
import json
import os
import pwd
import re
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
SUPPORTED = [i for i in cores.find_interpreters() if i.supported]

OK, PARTIAL, USAGE, NO_TARGET, NO_PYTHON, UNSUPPORTED, PERMISSION = range(7)
SLEEP = 'import sys, time\nsys.stdout.write("ready\\n")\nsys.stdout.flush()\ntime.sleep(1000)\n'


def cpeek(*arguments, **options):
    return subprocess.run([CPEEK] + [str(a) for a in arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60, **options)


def refused(done, code, *words):
    """One line, no answer, that exit code, and these words in the line."""
    message = done.stderr.decode('utf-8')
    assert done.returncode == code, message
    assert done.stdout == b''
    assert message.endswith('\n') and message.count('\n') == 1, message
    assert 'Traceback' not in message
    assert_clean(message)
    for word in words:
        assert word in message, message
    return message


# Control characters, and those that change the direction or the look of what stands around them.
RAW = re.compile('[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]')


def assert_clean(text):
    found = RAW.search(text)
    assert not found, ascii(text[max(0, found.start() - 40):found.end() + 40])


@pytest.fixture(scope='session')
def python():
    """The newest supported interpreter."""
    assert SUPPORTED, 'there is no CPython here that cpeek has a layout for'
    return SUPPORTED[-1]


@pytest.fixture(scope='session')
def core(python):
    flags = tuple(cores.SMALL_FLAGS)
    return os.path.join(cores.cached_core(python, 'small', cores.cache_folder(), (), flags), 'core')


def start_sleeper(python):
    process = subprocess.Popen([python.path, '-I', '-S', '-c', SLEEP], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b'ready\n'
    process.stdout.close()
    wait_for_state(process.pid, 'S')
    return process


@pytest.fixture
def sleeper(python):
    process = start_sleeper(python)
    yield process
    process.kill()
    process.wait()


def state_of(pid):
    with open('/proc/%d/stat' % pid) as f:
        return f.read().rpartition(')')[2].split()[0]


def wait_for_state(pid, state, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if state_of(pid) == state:
            return
        time.sleep(0.02)
    raise AssertionError('process %d is in state %s' % (pid, state_of(pid)))


# --- what is no core ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize('name, content', [
    ('empty', b''), ('text', b'no core\n' * 100), ('zeroes', bytes(100000)), ('magic', b'\x7fELF'),
    ('header', b'\x7fELF\x02\x01\x01' + bytes(57)), ('noise', bytes(range(256)) * 100), ('xz', b'\xfd7zXZ\x00' + bytes(50)),
    ('gzip', b'\x1f\x8b\x08' + bytes(50)), ('zstd', b'\x28\xb5\x2f\xfd' + bytes(50)),
], ids=lambda p: p if isinstance(p, str) else '')
def test_no_core(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    refused(cpeek(path, 'bt'), NO_TARGET, str(path))


@pytest.mark.parametrize('path', ['/nonexistent/core', '/', '/dev/null', '/dev/zero', '/bin/true', '/proc/self/maps',
                                  '/proc/self/mem'])
def test_no_file(path):
    refused(cpeek(path, 'info'), NO_TARGET, path)


def test_fifo(tmp_path):
    path = tmp_path / 'fifo'
    os.mkfifo(str(path))
    refused(cpeek(path, 'info'), NO_TARGET, str(path))


def test_name_with_control_characters(tmp_path):
    refused(cpeek(tmp_path / 'a\x1b[31m\n\u202eb', 'info'), NO_TARGET)
    refused(cpeek(os.fsencode(str(tmp_path)).decode() + '/\udcff', 'info'), NO_TARGET)


def test_directory(tmp_path):
    refused(cpeek(tmp_path, 'bt'), NO_TARGET, str(tmp_path))


# --- no CPython, a wrong file, an unknown version -----------------------------------------------------------------

def test_core_without_python(tmp_path):
    cores.crash(['sh', '-c', 'kill -ABRT $$'], str(tmp_path))
    for command in ('info', 'bt', 'objects'):
        refused(cpeek(tmp_path / 'core', command), NO_PYTHON)


def test_core_of_compiled_program(tmp_path):
    """One that even has the names: a symbol _PyRuntime, and a version text."""
    compiler = shutil.which('cc') or shutil.which('gcc')
    if compiler is None:
        pytest.skip('there is no C compiler here')
    (tmp_path / 'x.c').write_text('#include <stdlib.h>\nchar _PyRuntime[65536] = {"xdebugpy"};\nconst unsigned long '
                                  'Py_Version = 0x030c01f0;\nchar v[] = "3.12.1 (main, Jan  1 2024, 00:00:00) [GCC 12]";\n'
                                  'int main(void) { _PyRuntime[100] = v[0]; abort(); }\n')
    program = str(tmp_path / 'x')
    subprocess.run([compiler, '-rdynamic', '-o', program, str(tmp_path / 'x.c')], check=True)
    cores.crash([program], str(tmp_path))
    done = cpeek(tmp_path / 'core', 'bt')
    assert done.returncode in (NO_PYTHON, UNSUPPORTED)
    refused(done, done.returncode)


def test_process_without_python():
    process = subprocess.Popen(['sleep', '1000'])
    try:
        wait_for_state(process.pid, 'S')
        refused(cpeek(process.pid, 'bt'), NO_PYTHON)
        wait_for_state(process.pid, 'S')
    finally:
        process.kill()
        process.wait()


def test_mismatching_build_id(core, python):
    """An --exe of another build: cpeek does not take it in silence."""
    others = [i for i in cores.find_interpreters() if i.path != python.path]
    other = others[-1].path if others else '/bin/sh'
    done = cpeek('--exe', other, core, 'info')
    text = (done.stdout + done.stderr).decode('utf-8')
    assert other in text and 'build' in text, text
    assert done.returncode in (OK, PARTIAL, NO_TARGET), text


@pytest.mark.parametrize('kind', ['.rodata', '.text'])
def test_other_build_in_sysroot(core, python, tmp_path, kind):
    """A file of another build where the core's own is looked for: its bytes are not taken for the core's."""
    root = tmp_path / 'root'
    for path in python.files():
        target = str(root) + path
        os.makedirs(os.path.dirname(target))
        shutil.copy('/bin/sh' if kind == '.text' else [i for i in SUPPORTED][0].path, target)
    done = cpeek('--sysroot', root, core, 'bt', '--all', '--locals')
    same = cpeek(core, 'bt', '--all', '--locals')
    assert done.stdout == same.stdout and done.returncode == same.returncode == OK, done.stderr


# --- truncated cores -------------------------------------------------------------------------------------------------

def test_truncated(core, tmp_path):
    """Cut anywhere, a core is refused or answered with what is left; it never crashes, hangs or prints garbage."""
    whole = os.path.getsize(core)
    cut = tmp_path / 'core'
    lengths = sorted({0, 1, 15, 16, 63, 64, 65, 100, 120, 1000, 2000, 3000, 4095, 4096, 4097, 5000, 8192}
                     | {whole * i // 20 for i in range(20)} | {whole - 1, whole - 4096})
    codes = {}
    for length in lengths:
        shutil.copyfile(core, str(cut))
        os.truncate(str(cut), length)
        for command in (['info'], ['bt', '--all', '--locals', '--json'], ['objects', '--repr', '--referents', '--json']):
            done = cpeek(cut, *command)
            message = done.stderr.decode('utf-8')
            assert done.returncode in (OK, PARTIAL, NO_TARGET, NO_PYTHON, UNSUPPORTED), (length, command, message)
            assert message.count('\n') <= 1
            assert_clean(message)
            text = done.stdout.decode('utf-8')
            assert_clean(text)
            if command[-1] == '--json':
                for line in text.splitlines():
                    json.loads(line)
            if done.returncode not in (OK, PARTIAL):
                refused(done, done.returncode)
            codes.setdefault(done.returncode, []).append(length)
        if length < whole // 2:
            assert done.returncode != OK, 'half of the core is gone, and the answer is said to be complete'
    assert NO_TARGET in codes and PARTIAL in codes, codes


def test_truncated_says_so(core, tmp_path):
    cut = tmp_path / 'core'
    shutil.copyfile(core, str(cut))
    os.truncate(str(cut), os.path.getsize(core) * 9 // 10)
    done = cpeek(cut, 'info')
    assert 'truncated' in (done.stdout + done.stderr).decode('utf-8')


# --- processes ---------------------------------------------------------------------------------------------------------

def test_vanished_process():
    process = subprocess.Popen(['true'])
    process.wait()
    refused(cpeek(process.pid, 'bt'), NO_TARGET, str(process.pid))


@pytest.mark.parametrize('pid', ['0', '99999999', '4294967295', '18446744073709551615', '99999999999999999999999'])
def test_no_such_process(pid):
    done = cpeek(pid, 'bt')
    assert done.returncode in (NO_TARGET, USAGE)
    refused(done, done.returncode, pid)


def test_process_dies_meanwhile(python):
    """Killed at odd moments, a process is answered for or refused; cpeek neither hangs nor crashes."""
    for delay in (0, 0.001, 0.003, 0.01, 0.03):
        process = start_sleeper(python)
        reader = subprocess.Popen([CPEEK, str(process.pid), 'objects', '--repr', '--json'], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(delay)
        process.kill()
        out, error = reader.communicate(timeout=60)
        process.wait()
        assert reader.returncode in (OK, PARTIAL, NO_TARGET, NO_PYTHON), error
        assert error.decode().count('\n') <= 1


def test_zombie(python):
    process = subprocess.Popen([python.path, '-c', ''])
    wait_for_state(process.pid, 'Z')
    refused(cpeek(process.pid, 'bt'), NO_TARGET, str(process.pid))
    process.wait()


def as_nobody():
    user = pwd.getpwnam('nobody')
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


needs_root = pytest.mark.skipif(os.getuid() != 0, reason='only root can become another user')


@pytest.fixture
def program_for_all(tmp_path_factory):
    """cpeek where nobody can run it, with its library."""
    folder = tmp_path_factory.mktemp('program')
    for parent in [folder] + list(folder.parents)[:2]:
        os.chmod(str(parent), 0o755)
    library = [line.split('=>')[1].split()[0] for line in
               subprocess.run(['ldd', CPEEK], stdout=subprocess.PIPE, universal_newlines=True).stdout.splitlines()
               if 'libcpeek' in line]
    for path in [CPEEK] + library:
        shutil.copy(path, str(folder))
    return folder


def run_as_nobody(folder, *arguments):
    return subprocess.run([str(folder / 'cpeek')] + [str(a) for a in arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, preexec_fn=as_nobody,
                          env={'LD_LIBRARY_PATH': str(folder)}, cwd='/')


@needs_root
def test_process_of_another_user(program_for_all, sleeper):
    for options in ([], ['--no-pause']):
        refused(run_as_nobody(program_for_all, *options, sleeper.pid, 'bt'), PERMISSION, str(sleeper.pid))
    assert state_of(sleeper.pid) == 'S'


@needs_root
def test_core_of_another_user(program_for_all, core, tmp_path):
    path = program_for_all / 'core'
    shutil.copyfile(core, str(path))
    os.chmod(str(path), 0o600)
    refused(run_as_nobody(program_for_all, path, 'bt'), PERMISSION, str(path))


def test_nothing_left_stopped(sleeper):
    """After an answer, a usage error, and cpeek's own death by any signal."""
    assert cpeek(sleeper.pid, 'bt').returncode == OK
    assert cpeek(sleeper.pid, 'no-such-command').returncode == USAGE
    assert cpeek(sleeper.pid, 'print', 'no_such_name').returncode != OK
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGPIPE, signal.SIGSEGV, signal.SIGHUP):
        reader = subprocess.Popen([CPEEK, str(sleeper.pid), 'objects', '--repr'], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        reader.stdout.read(100)             # it has answered, so the process is stopped; and now blocks on its pipe
        reader.send_signal(number)
        reader.stdout.close()
        reader.wait(timeout=20)
        wait_for_state(sleeper.pid, 'S', 5)
        with open('/proc/%d/status' % sleeper.pid) as f:
            assert 'TracerPid:\t0\n' in f.read()


def test_traced_by_another(sleeper):
    """A process that a debugger holds: no hang; an answer without a stop, or a refusal that says who holds it."""
    gdb = shutil.which('gdb')
    if gdb is None:
        pytest.skip('there is no gdb here')
    debugger = subprocess.Popen([gdb, '-nx', '-q', '-p', str(sleeper.pid)], stdin=subprocess.PIPE,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_state(sleeper.pid, 't')
        done = cpeek(sleeper.pid, 'bt')
        if done.returncode == OK:
            assert b'Traceback' in done.stdout
        else:
            refused(done, PERMISSION, str(sleeper.pid), 'gdb')
        assert state_of(sleeper.pid) == 't'
    finally:
        debugger.kill()
        debugger.wait()


# --- usage -------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('arguments', [['nonsense'], ['bt', '--nonsense'], ['objects', '--limit', 'x'], ['objects', '--limit'],
                                       ['print'], ['frame', 'x'], ['bt', 'extra']])
def test_usage(core, arguments):
    refused(cpeek(core, *arguments), USAGE)


@pytest.mark.parametrize('version', ['3.99', 'x', '3', '', '2.7'])
def test_forced_version(core, version):
    done = cpeek('--python', version, core, 'bt')
    assert done.returncode in (USAGE, UNSUPPORTED)
    refused(done, done.returncode)


# --- hostile text ---------------------------------------------------------------------------------------------------------

HOSTILE = r'''
import os, sys, threading
control = 'esc\x1b[31m nul\x00 bell\x07 csi\x9b31m del\x7f tab\t nl\n bidi\u202e\u2066 zero\u200b\ufeff'
half = 'half\ud800 \udfff'
names = {'__name__': '__main__', 'control': control, 'half': half, 'os': os}
bad = 'n\x1b\u202e\ud800\nx'
cls = type(bad.replace('\ud800', ''), (), {'__module__': bad})
o = cls()
setattr(o, bad, {bad: [bad, o, b'\x1b\xff']})
names['o'] = o
names[bad] = o
def f(**kw):
    for_locals = (o, control, half, cls, list(kw))
    os.abort()
code = f.__code__
if hasattr(code, 'replace'):
    code = code.replace(co_name=bad, co_filename='/tmp/' + bad)
else:
    code = type(code)(code.co_argcount, code.co_kwonlyargcount, code.co_nlocals, code.co_stacksize, code.co_flags, code.co_code,
                      code.co_consts, code.co_names, code.co_varnames, '/tmp/' + bad, bad, code.co_firstlineno, code.co_lnotab)
f = type(f)(code, names | globals() if sys.version_info >= (3, 9) else {**names, **globals()}, bad)
f.__qualname__ = bad
threading.current_thread().name = 'thread \x1b]0;title\x07 \u202e\ud800'
f(**{bad: o, 'control': control})
'''


@pytest.fixture(scope='session', params=SUPPORTED, ids=lambda i: i.name)
def hostile(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp('hostile')
    (folder / 'program.py').write_text(HOSTILE)
    cores.crash([request.param.path, str(folder / 'program.py')], str(folder))
    return folder / 'core'


@pytest.mark.parametrize('command', [['info'], ['threads'], ['bt', '--all', '--locals', '--full'], ['locals'], ['globals'],
                                     ['print', 'o'], ['print', 'control'], ['print', 'half'], ['print', 'cls'],
                                     ['objects', '--repr', '--referents']], ids=' '.join)
def test_hostile_text(hostile, command):
    done = cpeek('--color', 'never', hostile, *command)
    assert done.returncode in (OK, PARTIAL), done.stderr
    assert done.stderr == b''
    assert done.stdout
    assert_clean(done.stdout.decode('utf-8'))
    colored = cpeek('--color', 'always', hostile, *command)
    assert_clean(re.sub('\x1b\\[[0-9;]*m', '', colored.stdout.decode('utf-8')))
    done = cpeek(hostile, *command, '--json')
    text = done.stdout.decode('utf-8')
    assert_clean(text)
    documents = [json.loads(line) for line in text.splitlines()]
    assert documents and (len(documents) == 1 or command[0] in ('objects', 'globals', 'locals'))


def test_hostile_names_survive_json(hostile):
    """What text escapes, JSON tells: the very name, but for half a pair, which UTF-8 cannot hold."""
    document = json.loads(cpeek(hostile, 'bt', '--locals', '--json').stdout.decode('utf-8'))
    frame = document['threads'][0]['frames'][0]
    assert frame['function'].startswith('n\x1b\u202e') and frame['function'].endswith('\nx')
    assert frame['file'].startswith('/tmp/n\x1b\u202e')
    assert set(frame['locals']) == {'kw', 'for_locals'}
