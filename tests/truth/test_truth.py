"""cpeek's answers against what the dumped program itself said: every object, every thread, every frame, every local."""
import os
import shutil
import subprocess
import time

import pytest

import cores
import disturbance

PROGRAMS = [('small',), ('values',), ('stacks',), ('stacks', 'held'), ('stdlib',)]


def lines(folder):
    with open(os.path.join(str(folder), 'truth.jsonl'), encoding='ascii') as f:
        yield from f


@pytest.mark.parametrize('program', PROGRAMS, ids='-'.join)
def test_core(cpeek, agree, core_of, interpreter, program):
    folder = core_of(interpreter, *program)
    agree(cpeek.compare(lines(folder), os.path.join(folder, 'core')), interpreter.name, '-'.join(program))


def test_chance(cpeek, agree, interpreter, tmp_path):
    """Random values, others in each run; CPEEK_SEED repeats one."""
    seed = os.environ.get('CPEEK_SEED') or str(time.time_ns() // 1000 % 1000000000)
    print('CPEEK_SEED=%s' % seed)
    cores.run_to_core([interpreter.path], 'chance', str(tmp_path), [seed], PYTHONHASHSEED=str(int(seed) % 2 ** 32))
    result = cpeek.compare(lines(tmp_path), tmp_path / 'core')
    shutil.rmtree(str(tmp_path))
    agree(result, interpreter.name, 'chance')


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


def test_gcore(cpeek, agree, interpreter, tmp_path):
    if shutil.which('gdb') is None:
        pytest.skip('there is no gdb here')
    with cores.running([interpreter.path], 'small', str(tmp_path), flags=cores.SMALL_FLAGS) as process:
        cores.gcore(process.pid, str(tmp_path / 'core'))
    agree(cpeek.compare(lines(tmp_path), tmp_path / 'core'), interpreter.name, 'gcore')


def goes_on(pid):
    """Whether every thread of a process that waits is back in its wait, untraced, within two seconds."""
    for _ in range(100):
        states = set()
        for task in os.listdir('/proc/%d/task' % pid):
            with open('/proc/%d/task/%s/status' % (pid, task)) as f:
                states.update(line.strip() for line in f if line.startswith(('State:', 'TracerPid:')))
        if states == {'State:\tS (sleeping)', 'TracerPid:\t0'}:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize('program, flags, options', [('stacks', (), ()), ('small', cores.SMALL_FLAGS, ('--no-pause',))],
                         ids=['stopped', 'running'])
def test_live(cpeek, agree, interpreter, tmp_path, program, flags, options):
    """A process, by its id; it goes on afterwards."""
    with cores.running([interpreter.path], program, str(tmp_path), flags=flags) as process:
        result = cpeek.compare(lines(tmp_path), *options, process.pid)
        assert goes_on(process.pid)
        process.stdin.write(b'x')           # it wakes, returns from dump() and comes to its end
        process.stdin.flush()
        if program == 'small':
            assert process.wait(timeout=20) == 0
    agree(result, interpreter.name, 'live' + ''.join(options))


@pytest.fixture(scope='session')
def stripped(tmp_path_factory):
    """stripped(interpreter): a folder with stripped copies of its ELF files, each at its whole path."""
    if shutil.which('strip') is None:
        pytest.skip('there is no strip here')
    done = {}

    def make(interpreter):
        if interpreter.name not in done:
            done[interpreter.name] = root = str(tmp_path_factory.mktemp('stripped'))
            for path in interpreter.files():
                os.makedirs(os.path.dirname(root + path), exist_ok=True)
                subprocess.run(['strip', '--strip-all', '-o', root + path, path], check=True)
        return done[interpreter.name]
    return make


@pytest.mark.parametrize('program', ['small', 'stacks'])
def test_stripped_files(cpeek, core_of, stripped, interpreter, program):
    """The same core with stripped files gives the same bytes."""
    core = os.path.join(core_of(interpreter, program), 'core')
    root = stripped(interpreter)
    for command in (['bt', '--all', '--locals', '--full'], ['threads'], ['objects', '--referents', '--repr'],
                    ['objects', '--json', '--referents', '--repr', '--limit', '1000']):
        assert cpeek.answer(core, *command) == cpeek.answer('--sysroot', root, core, *command)


def test_stripped_process(cpeek, agree, stripped, interpreter, tmp_path):
    """A core that a stripped interpreter left; and here the collector has frozen what there is."""
    root = stripped(interpreter)
    exe = root + interpreter.path
    environment = {'PYTHONHOME': os.path.dirname(os.path.dirname(interpreter.path))}
    if interpreter.library:
        environment['LD_LIBRARY_PATH'] = os.path.dirname(root + interpreter.library)
    cores.run_to_core([exe], 'values', str(tmp_path), ['frozen'], **environment)
    result = cpeek.compare(lines(tmp_path), tmp_path / 'core')
    assert root.encode() in cpeek.answer(tmp_path / 'core', 'info')
    shutil.rmtree(str(tmp_path))
    agree(result, interpreter.name, 'stripped')


def test_unsupported(cpeek, unsupported, tmp_path):
    """A version or flavour without a layout is refused by name, with exit code 5; never guessed."""
    cores.crash([unsupported.path, '-c', 'import os; os.abort()'], str(tmp_path))
    done = cpeek.run(tmp_path / 'core', 'bt')
    message = done.stderr.decode('utf-8')
    assert (done.returncode, done.stdout) == (5, b''), message
    assert message.count('\n') == 1 and message.endswith('\n')
    assert '%d.%d' % unsupported.minor in message
