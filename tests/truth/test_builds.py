"""CPython where it is no distribution's interpreter: in a C program that links it or loads it, under other names, without
symbols, without section headers, twice in one process. Built here with cc, from the libpython of an interpreter of this
machine; the truth is what that CPython said."""
import json
import os
import shutil
import struct
import subprocess

import pytest

import cores

HOST = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'host.c')
SCRIPT = '''import sys
sys.argv = [{program!r}, {truth!r}]
exec(compile(open({program!r}).read(), {program!r}, 'exec'), dict(__name__='__main__', __file__={program!r}))'''
SLEEPER = '''import time
def asleep_in_another_python(word):
    open('ready', 'w').close()
    time.sleep(1000)
asleep_in_another_python('word')'''


def compile_host(folder, *options, name='host'):
    cc = shutil.which('cc')
    if cc is None:
        pytest.skip('there is no cc here')
    os.makedirs(str(folder), exist_ok=True)
    path = os.path.join(str(folder), name)
    subprocess.run([cc, '-g', '-o', path, HOST] + list(options) + ['-ldl', '-lpthread'], check=True)
    return path


def link_options(interpreter):
    folder = os.path.dirname(interpreter.library)
    return ['-DLINKED', '-Wl,-rpath,' + folder, interpreter.library]


def home(interpreter):
    return os.path.dirname(os.path.dirname(interpreter.path))


def script(folder, program='small'):
    return SCRIPT.format(program=os.path.join(cores.PROGRAMS, program + '.py'), truth=str(folder / 'truth.jsonl'))


def lines(folder):
    return (folder / 'truth.jsonl').read_text(encoding='ascii').splitlines()


def crash(command, folder):
    """The core that it leaves in folder; never one of a process that did not get to its abort()."""
    cores.crash(command, str(folder))
    assert cores.truth_is_whole(str(folder / 'truth.jsonl')), 'no whole truth from %s' % command
    return folder / 'core'


@pytest.mark.parametrize('options', [('-pie', '-fPIE'), ('-no-pie', '-fno-PIE')], ids=['pie', 'no-pie'])
def test_linked(cpeek, agree, shared, tmp_path, options):
    """A C program that is linked to libpython."""
    host = compile_host(tmp_path, *options, *link_options(shared))
    core = crash([host, script(tmp_path), '-', home(shared)], tmp_path)
    agree(cpeek.compare(lines(tmp_path), core), shared.name, 'embedded linked' + options[0])


def test_loaded(cpeek, agree, shared, tmp_path):
    """A C program that loads libpython with dlopen."""
    core = crash([compile_host(tmp_path), script(tmp_path), shared.library, home(shared)], tmp_path)
    agree(cpeek.compare(lines(tmp_path), core), shared.name, 'embedded loaded')


def test_renamed(cpeek, agree, shared, tmp_path):
    """As PyInstaller and its like ship it: nothing has a name with python in it, nothing has symbols of its own."""
    host = compile_host(tmp_path / 'dist', '-s', name='server')
    library = str(tmp_path / 'dist' / 'libengine.so.7')
    subprocess.run(['strip', '--strip-all', '-o', library, shared.library], check=True)
    core = crash([host, script(tmp_path), library, home(shared)], tmp_path)
    agree(cpeek.compare(lines(tmp_path), core), shared.name, 'embedded renamed')


def strip_sections(path, out):
    """As sstrip does it: no section headers, and nothing behind what the program headers name."""
    with open(path, 'rb') as f:
        data = bytearray(f.read())
    start, = struct.unpack_from('<Q', data, 32)
    size, count = struct.unpack_from('<HH', data, 54)
    end = start + size * count
    for i in range(count):
        offset, = struct.unpack_from('<Q', data, start + size * i + 8)
        filesz, = struct.unpack_from('<Q', data, start + size * i + 32)
        end = max(end, offset + filesz)
    struct.pack_into('<Q', data, 40, 0)
    struct.pack_into('<HHH', data, 58, 0, 0, 0)
    with open(out, 'wb') as f:
        f.write(data[:end])
    os.chmod(out, 0o755)


def test_no_section_headers(cpeek, agree, shared, tmp_path):
    host = compile_host(tmp_path, '-s')
    library = str(tmp_path / 'libengine.so')
    strip_sections(host, str(tmp_path / 'server'))
    strip_sections(shared.library, library)
    core = crash([str(tmp_path / 'server'), script(tmp_path), library, home(shared)], tmp_path)
    agree(cpeek.compare(lines(tmp_path), core), shared.name, 'embedded no-sections')


def test_moved_interpreter(cpeek, agree, native, tmp_path):
    """A copy of the interpreter under another name, deleted while it runs."""
    copy = str(tmp_path / 'worker')
    shutil.copy(native.path, copy)
    prefix = os.path.dirname(os.path.dirname(native.inner_path))
    with cores.running(native, 'small', str(tmp_path), path=copy, flags=['-S', '-B'], PYTHONHOME=prefix) as process:
        os.unlink(copy)
        agree(cpeek.compare(lines(tmp_path), process.pid), native.name, 'live deleted')


def test_two_pythons(cpeek, agree, shared_pair, tmp_path):
    """Two libpythons in one process: each is answered for by name, and the answers of one never hold the other's."""
    older, newer = shared_pair
    core = crash([compile_host(tmp_path), SLEEPER, older.library, home(older), script(tmp_path), newer.library, home(newer)],
                 tmp_path)
    chosen = '%d.%d' % newer.minor
    agree(cpeek.compare(lines(tmp_path), '--python', chosen, core), newer.name, 'embedded two-pythons')
    said = cpeek.json(core, '--python', '%d.%d' % older.minor, 'bt', '--all')
    assert [f['function'] for t in said['threads'] for f in t['frames']] == ['asleep_in_another_python', '<module>']
    for options, used in (((), None), (('--python', chosen), newer), (('--python', '%d.%d' % older.minor), older)):
        info = cpeek.json(*options, core, 'info')
        both = [info['python']] + [other['python'] for other in info['other_pythons']]
        assert sorted(both) == sorted(i.version for i in shared_pair)
        assert used is None or info['python'] == used.version
    text = cpeek.answer(core, 'info').decode()
    assert older.version in text and newer.version in text and '--python' in text
