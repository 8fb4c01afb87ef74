"""Where the files of a core come from: right ones, missing ones, those of another build, at other places, by build id and
from a debuginfod server. A core is never read with the file of another build in silence."""
import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'truth'))
import cores                                                        # noqa: E402

CPEEK = os.environ.get('CPEEK') or os.path.join(os.environ.get('CPEEK_BUILD', os.path.join(ROOT, 'build')), 'plugin', 'cpeek')
OK, PARTIAL, USAGE, NO_TARGET, NO_PYTHON, UNSUPPORTED, PERMISSION = range(7)
FILTERS = {'header': 0x33, 'no-header': 0x23}       # whether the kernel saves the pages that hold build ids
PROGRAM = r'''
import os, sys
def inner(depth, text):
    mapping = {"depth": depth, text: [1.5, None, b"x", ("tuple", depth)]}
    if depth:
        return inner(depth - 1, text * 2)
    with open("/proc/self/coredump_filter", "w") as f:
        f.write(sys.argv[1])
    os.abort()
inner(3, "ab")
'''


class Place:
    """A folder with the files of an interpreter, under names of its own, and a core of them."""
    def __init__(self, interpreter, folder, coredump_filter):
        self.folder, self.core = str(folder), str(folder / 'core')
        self.executable = str(folder / 'renamed')
        shutil.copy(interpreter.path, self.executable)
        self.file = self.executable                 # the one that has CPython in it
        environment = {'PYTHONHOME': os.path.dirname(os.path.dirname(interpreter.path))}
        if interpreter.library:
            self.file = str(folder / os.path.basename(interpreter.library))
            shutil.copy(interpreter.library, self.file)
            environment['LD_LIBRARY_PATH'] = self.folder
        (folder / 'program.py').write_text(PROGRAM)
        cores.crash([self.executable, '-S', '-B', str(folder / 'program.py'), hex(coredump_filter)], self.folder, environment)
        self.right = str(folder / 'right')          # a copy, where nobody looks
        shutil.copy(self.file, self.right)
        self.build_id = build_id(self.file)
        self.wanted = self.answer()

    def run(self, *arguments, **environment):
        keep = {k: v for k, v in os.environ.items() if not k.startswith('DEBUGINFOD')}
        return subprocess.run([CPEEK] + [str(a) for a in arguments[:-1]] + [self.core] + arguments[-1], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, cwd=self.folder,
                              env=dict(keep, **environment))

    def answer(self, *options, **environment):
        """The stacks and every object, complete."""
        done = [self.run(*options, command, **environment) for command in
                (['bt', '--locals', '--full'], ['objects', '--repr', '--referents', '--json'])]
        assert [d.returncode for d in done] == [OK, OK], done[0].stderr + done[1].stderr
        return [d.stdout for d in done]

    def modules(self, *options):
        done = self.run(*options, ['info', '--json'])
        assert done.returncode == OK, done.stderr
        return {m['path']: m for m in json.loads(done.stdout.decode('utf-8'))['modules']}


@functools.lru_cache(maxsize=None)
def build_id(path):
    text = subprocess.run(['readelf', '-nW', path], stdout=subprocess.PIPE, universal_newlines=True).stdout
    return text.split('Build ID: ')[1].split()[0]


def of_other_build(place):
    """The same file, but for its build id: the least that another build can differ in."""
    with open(place.right, 'rb') as f:
        content = f.read()
    mine = bytes.fromhex(place.build_id)
    assert mine in content
    return content.replace(mine, mine[::-1])


def interpreters():
    found = [i for i in cores.find_interpreters() if i.supported and not i.root]
    kinds = {}
    for i in found:
        kinds['shared' if i.library else 'static'] = i
    return sorted(kinds.items())


_made = {}


def use(request, factory):
    """The place of a fixture's parameters, made once; what a test does to its file is undone."""
    kind, interpreter, name = request.param
    if (kind, name) not in _made:
        _made[kind, name] = Place(interpreter, factory.mktemp('files'), FILTERS[name])
    place = _made[kind, name]
    place.has_build_id = name == 'header'
    yield place
    shutil.copy(place.right, place.file)


def parameters(*names):
    return {'params': [(kind, i, name) for kind, i in interpreters() for name in names],
            'ids': lambda p: '%s-%s' % (p[0], p[2])}


@pytest.fixture(**parameters('header', 'no-header'))
def place(request, tmp_path_factory):
    yield from use(request, tmp_path_factory)


@pytest.fixture(**parameters('header'))
def with_build_id(request, tmp_path_factory):
    yield from use(request, tmp_path_factory)


@pytest.fixture(**parameters('no-header'))
def without_build_id(request, tmp_path_factory):
    yield from use(request, tmp_path_factory)


def test_right_files(place):
    assert b'inner' in place.wanted[0] and b"('tuple', 0)" in place.wanted[0]
    module = place.modules()[place.file]
    assert module['build_id'] == (place.build_id if place.has_build_id else None)
    assert module['file_build_id'] == place.build_id and module['file'] == place.file
    assert module['state'] == ('verified' if place.has_build_id else 'used for its contents, as there is no build id')


def test_stripped(place):
    subprocess.run(['strip', place.file], check=True)
    assert place.answer() == place.wanted


def test_missing_here_and_elsewhere(place, tmp_path):
    """Below a sysroot, as --exe, or under any name in a folder that is searched by build id."""
    os.unlink(place.file)
    assert place.modules()[place.file]['state'] == 'missing here' if place.has_build_id else True
    inside = str(tmp_path / 'root') + place.file
    os.makedirs(os.path.dirname(inside))
    shutil.copy(place.right, inside)
    assert place.answer('--sysroot', tmp_path / 'root') == place.wanted
    if place.file == place.executable:
        assert place.answer('--exe', place.right) == place.wanted
    if place.has_build_id:
        folder = tmp_path / 'search' / 'deep'
        folder.mkdir(parents=True)
        shutil.copy(place.right, str(folder / 'any name'))
        assert place.answer('--debug-dir', '/nonexistent:%s' % (tmp_path / 'search')) == place.wanted
        folder = tmp_path / 'store' / '.build-id' / place.build_id[:2]
        folder.mkdir(parents=True)
        shutil.copy(place.right, str(folder / place.build_id[2:]))
        assert place.answer('--debug-dir', tmp_path / 'store') == place.wanted
    assert place.modules('--sysroot', tmp_path / 'root')[place.file]['file'] == inside


def test_separate_debug_file_has_no_bytes(with_build_id, tmp_path):
    """It has the right build id, and nothing where the code and the data were."""
    place = with_build_id
    symbols = tmp_path / 'symbols'
    subprocess.run(['objcopy', '--only-keep-debug', place.right, str(symbols)], check=True)
    os.unlink(place.file)
    alone = [d.stdout for d in (place.run(['bt', '--locals']), place.run(['objects', '--repr', '--json']))]
    with_it = [d.stdout for d in (place.run('--debug-dir', tmp_path, ['bt', '--locals']),
                                  place.run('--debug-dir', tmp_path, ['objects', '--repr', '--json']))]
    assert with_it == alone
    done = place.run('--exe', symbols, ['bt'])
    assert done.returncode == NO_TARGET and b'no ELF file with code in it' in done.stderr


def test_other_build_is_refused(with_build_id, tmp_path):
    place = with_build_id
    with open(place.file, 'wb') as f:
        f.write(of_other_build(place))
    for command in (['bt'], ['info'], ['objects', '--json']):
        done = place.run(command)
        message = done.stderr.decode('utf-8')
        assert done.returncode == NO_TARGET and done.stdout == b'' and message.count('\n') == 1
        for word in (place.file, place.build_id, bytes.fromhex(place.build_id)[::-1].hex(), '--mismatch'):
            assert word in message, message
    # The right one elsewhere ends the matter.
    shutil.copy(place.right, str(tmp_path / 'x'))
    assert place.answer('--debug-dir', tmp_path) == place.wanted
    # As one says: this file differs in its build id alone.
    assert place.answer('--mismatch', 'use') == place.wanted
    assert place.modules('--mismatch', 'use')[place.file]['state'] == 'another build, and used all the same'


def test_other_build_is_ignored(with_build_id):
    """As if there were no file: what the core alone says, no more and no less."""
    place = with_build_id
    os.unlink(place.file)
    commands = (['bt', '--locals'], ['objects', '--repr', '--json'])
    alone = [place.run(c) for c in commands]
    with open(place.file, 'wb') as f:
        f.write(of_other_build(place))
    ignored = [place.run('--mismatch', 'ignore', c) for c in commands]
    assert [d.returncode for d in ignored] == [d.returncode for d in alone]
    assert ignored[0].stdout == alone[0].stdout
    # The reason of a hole is told, which is another one.
    assert len(ignored[1].stdout.splitlines()) == len(alone[1].stdout.splitlines())


def test_other_contents_without_build_id(without_build_id):
    """Nothing but the mapped segments and what was written of them tells that this is no file of that core."""
    place = without_build_id
    shutil.copy('/bin/sh', place.file)
    done = place.run(['bt'])
    message = done.stderr.decode('utf-8')
    assert done.returncode == NO_TARGET and place.file in message and 'their contents differ' in message, message


def test_wrong_executable(with_build_id, tmp_path):
    place = with_build_id
    for path, words in (('/bin/sh', ('/bin/sh', build_id('/bin/sh'), build_id(place.executable))),
                        (str(tmp_path), (str(tmp_path), 'no ELF file')), (CPEEK + '.none', ('is not there',)),
                        (os.path.join(place.folder, 'program.py'), ('program.py', 'the interpreter that its first line names'))):
        done = place.run('--exe', path, ['bt'])
        message = done.stderr.decode('utf-8')
        assert done.returncode == NO_TARGET and done.stdout == b'' and message.count('\n') == 1
        for word in words:
            assert word in message, message


def test_usage(with_build_id):
    done = with_build_id.run('--mismatch', 'perhaps', ['bt'])
    assert done.returncode == USAGE and b'ignore or use' in done.stderr


# --- debuginfod ------------------------------------------------------------------------------------------------------

@pytest.fixture
def server(with_build_id):
    """One that has the file, and notes what it is asked for."""
    made, asked = with_build_id, []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            if self.path != '/buildid/%s/executable' % made.build_id:
                self.send_error(404)
                return
            with open(made.right, 'rb') as f:
                content = f.read()
            self.send_response(200)
            self.send_header('Content-Length', str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            pass

    httpd = http.server.HTTPServer(('127.0.0.1', 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield 'http://127.0.0.1:%d' % httpd.server_address[1], asked
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def has_debuginfod():
    return subprocess.run([sys.executable, '-c', 'import ctypes; ctypes.CDLL("libdebuginfod.so.1")'],
                          stderr=subprocess.DEVNULL).returncode == 0


@pytest.mark.skipif(not has_debuginfod(), reason='libdebuginfod.so.1 is not installed')
def test_debuginfod(with_build_id, server, tmp_path):
    """Asked only if the environment names a server, only for what is not here, and cached as its users know it."""
    place, (url, asked) = with_build_id, server
    environment = {'DEBUGINFOD_CACHE_PATH': str(tmp_path / 'cache'), 'DEBUGINFOD_TIMEOUT': '20'}
    assert place.answer(DEBUGINFOD_URLS=url, **environment) == place.wanted
    assert '/buildid/%s/executable' % place.build_id not in asked
    os.unlink(place.file)
    place.run(['bt'], DEBUGINFOD_URLS='', **environment)
    place.run(['bt'], **environment)
    assert '/buildid/%s/executable' % place.build_id not in asked
    assert place.answer(DEBUGINFOD_URLS=url, **environment) == place.wanted
    assert asked.count('/buildid/%s/executable' % place.build_id) == 1
    assert not [path for path in asked if not path.endswith('/executable')]
    # No server: as without the file.
    done = place.run(['bt'], DEBUGINFOD_URLS='http://127.0.0.1:9', DEBUGINFOD_CACHE_PATH=str(tmp_path / 'other'))
    assert done.stdout == place.run(['bt']).stdout
