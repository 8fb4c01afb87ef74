"""cpeek's answers against what the dumped program itself said: every object, every thread, every frame, every local."""
import os
import re
import shutil
import subprocess
import time

import pytest

import cores
import disturbance

PROGRAMS = [('small',), ('values',), ('stacks',), ('stacks', 'held'), ('stdlib',), ('extensions',)]


def lines(folder):
    with open(os.path.join(str(folder), 'truth.jsonl'), encoding='ascii') as f:
        yield from f


@pytest.mark.parametrize('program', PROGRAMS + [('unusual',)], ids='-'.join)
def test_core(cpeek, agree, core_of, interpreter, program):
    folder = core_of(interpreter, *program)
    result = cpeek.compare(lines(folder), *interpreter.core_options(), os.path.join(folder, 'core'))
    agree(result, interpreter.name, 'kernel ' + '-'.join(program))


def test_chance(cpeek, agree, interpreter, tmp_path):
    """Random values, others in each run; CPEEK_SEED repeats one."""
    seed = os.environ.get('CPEEK_SEED') or str(time.time_ns() // 1000 % 1000000000)
    print('CPEEK_SEED=%s' % seed)
    cores.run_to_core(interpreter, 'chance', str(tmp_path), [seed], PYTHONHASHSEED=str(int(seed) % 2 ** 32))
    result = cpeek.compare(lines(tmp_path), *interpreter.core_options(), tmp_path / 'core')
    shutil.rmtree(str(tmp_path))
    agree(result, interpreter.name, 'kernel chance')


@pytest.mark.parametrize('program', PROGRAMS, ids='-'.join)
def test_walk_disturbs_nothing(core_of, interpreter, program):
    """Of the tests themselves: the truth is that of the core, though a child of the dumped process wrote it."""
    folder = core_of(interpreter, *program)
    if not cores.kernel_leaves_cores():
        pytest.skip('the kernel leaves no cores here, and gcore has other segments')
    assert disturbance.find(os.path.join(folder, 'core'), lines(folder)) == []


def test_committed_core(cpeek, agree, unpack, committed):
    """The cores of fixtures/cores, with nothing of the machine that made them but what lies beside them."""
    folder = unpack(committed)
    agree(cpeek.compare(lines(folder), '--sysroot', folder / 'root', folder / 'core'), committed, 'committed')


@pytest.fixture
def small_arenas(native):
    """gdb writes out all that is reserved: of a free-threaded process a GiB, if mimalloc is not told otherwise."""
    return {'MIMALLOC_ARENA_RESERVE': '8192'} if native.free_threaded else {}


def test_gcore(cpeek, agree, native, small_arenas, tmp_path):
    if shutil.which('gdb') is None:
        pytest.skip('there is no gdb here')
    with cores.running(native, 'small', str(tmp_path), flags=cores.SMALL_FLAGS, **small_arenas) as process:
        cores.gcore(process.pid, str(tmp_path / 'core'))
    agree(cpeek.compare(lines(tmp_path), tmp_path / 'core'), native.name, 'gcore small')


def test_files_removed(cpeek_that_sees, agree, core_of, interpreter):
    """The core alone: no ELF file of the target is there."""
    cpeek = cpeek_that_sees(*[word for path in interpreter.own_paths() for word in ('--empty', path)])
    folder = core_of(interpreter, 'small')
    agree(cpeek.compare(lines(folder), os.path.join(folder, 'core')), interpreter.name, 'no-files small')


def test_wrong_files(cpeek_that_sees, agree, core_of, interpreter):
    """Another build where the target's was: refused, with both build ids and what to pass; and never taken for it."""
    other = shutil.which('gdb') or '/bin/sh'
    cpeek = cpeek_that_sees(*[word for path in interpreter.files() for word in ('--over', other, path)])
    folder = core_of(interpreter, 'small')
    target = interpreter.core_options() + [os.path.join(folder, 'core')]
    done = cpeek.run(*target, 'bt')
    message = done.stderr.decode()
    assert (done.returncode, done.stdout) == (3, b'') and '--mismatch' in message, message
    ids = len(set(re.findall(r'\b[0-9a-f]{40}\b', message)))
    assert ids == 2 or ids == 1 and interpreter.emulated, message       # qemu may leave the page of the id out
    result = cpeek.compare(lines(folder), '--mismatch', 'ignore', *target)
    agree(result, interpreter.name, 'wrong-files small')


def goes_on(pid):
    """Whether every thread of a process that waits is back in its wait, untraced, within two seconds."""
    for _ in range(100):
        states = set()
        for task in os.listdir('/proc/%d/task' % pid):
            with open('/proc/%d/task/%s/status' % (pid, task), errors='replace') as f:  # 3.14+ cuts names in characters
                states.update(line.strip() for line in f if line.startswith(('State:', 'TracerPid:')))
        if states == {'State:\tS (sleeping)', 'TracerPid:\t0'}:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize('program, flags, options', [('stacks', (), ()), ('small', cores.SMALL_FLAGS, ('--no-pause',))],
                         ids=['stopped', 'running'])
def test_live(cpeek, agree, native, tmp_path, program, flags, options):
    """A process, by its id; it goes on afterwards."""
    with cores.running(native, program, str(tmp_path), flags=flags) as process:
        result = cpeek.compare(lines(tmp_path), *options, process.pid)
        assert goes_on(process.pid)
        process.stdin.write(b'x')           # it wakes, returns from dump() and comes to its end
        process.stdin.flush()
        if program == 'small':
            assert process.wait(timeout=20) == 0
    agree(result, native.name, 'live %s%s' % (program, ''.join(options)))


@pytest.fixture(scope='session')
def stripped(tmp_path_factory):
    """stripped(interpreter): a --sysroot in which its own ELF files are stripped copies; the rest is what it was."""
    if shutil.which('strip') is None:
        pytest.skip('there is no strip here')
    done = {}

    def make(interpreter):
        if interpreter.name not in done:
            done[interpreter.name] = root = str(tmp_path_factory.mktemp('stripped'))
            for path in interpreter.files():
                copy = root + interpreter.seen_as(path)
                os.makedirs(os.path.dirname(copy), exist_ok=True)
                subprocess.run(['strip', '--strip-all', '-o', copy, path], check=True)
            for part in ('lib', 'lib64', 'usr/lib', 'usr/lib64') if interpreter.sysroot else ():
                if os.path.isdir(os.path.join(interpreter.sysroot, part)):
                    os.makedirs(os.path.dirname(os.path.join(root, part)), exist_ok=True)
                    os.symlink(os.path.join(interpreter.sysroot, part), os.path.join(root, part))
        return done[interpreter.name]
    return make


@pytest.mark.parametrize('program', ['small', 'stacks'])
def test_stripped_files(cpeek, core_of, stripped, interpreter, program):
    """The same core with stripped files gives the same bytes."""
    if interpreter.emulated:
        pytest.skip('strip knows the ELF files of this machine only')
    core = os.path.join(core_of(interpreter, program), 'core')
    root = stripped(interpreter)
    for command in (['bt', '--all', '--locals', '--full'], ['threads'], ['objects', '--referents', '--repr'],
                    ['objects', '--json', '--referents', '--repr', '--limit', '1000']):
        assert (cpeek.answer(*interpreter.core_options(), core, *command) ==
                cpeek.answer('--sysroot', root, core, *command))


def test_stripped_process(cpeek, agree, stripped, native, tmp_path):
    """A core that a stripped interpreter left; and here the collector has frozen what there is."""
    root = stripped(native)
    exe = root + native.inner_path
    environment = {'PYTHONHOME': os.path.dirname(os.path.dirname(native.inner_path))}
    if native.library:
        environment['LD_LIBRARY_PATH'] = os.path.dirname(root + native.library)
    cores.run_to_core(native, 'values', str(tmp_path), ['frozen'], path=exe, bind=[root], **environment)
    result = cpeek.compare(lines(tmp_path), *native.core_options(), tmp_path / 'core')
    assert root.encode() in cpeek.answer(*native.core_options(), tmp_path / 'core', 'info')
    shutil.rmtree(str(tmp_path))
    agree(result, native.name, 'stripped values-frozen')


def test_unsupported(cpeek, unsupported, tmp_path):
    """A version or flavour without a layout is refused by name, with exit code 5; never guessed."""
    cores.crash(unsupported.command() + ['-c', 'import os; os.abort()'], str(tmp_path))
    done = cpeek.run(tmp_path / 'core', 'bt')
    message = done.stderr.decode('utf-8')
    assert (done.returncode, done.stdout) == (5, b''), message
    assert message.count('\n') == 1 and message.endswith('\n')
    assert '%d.%d' % unsupported.minor in message
