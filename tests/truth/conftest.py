"""Fixtures of the truth tests, and the table that they print at the end."""
import json
import lzma
import os
import shutil
import subprocess
import tarfile
import tempfile

import pytest

import compare
import cores

BUILD = os.environ.get('CPEEK_BUILD', os.path.join(cores.ROOT, 'build'))
CPEEK = os.environ.get('CPEEK', os.path.join(BUILD, 'plugin', 'cpeek'))
COMMITTED = os.path.join(cores.ROOT, 'fixtures', 'cores')

ALL = cores.find_interpreters()
SUPPORTED = [i for i in ALL if i.supported]
UNSUPPORTED = [i for i in ALL if not i.supported]

table = {}          # (row, column): compare.Result of the objects


def pytest_generate_tests(metafunc):
    for name, values in (('interpreter', SUPPORTED), ('unsupported', UNSUPPORTED)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, values, ids=[i.name for i in values], scope='session')
    if 'committed' in metafunc.fixturenames:
        versions = sorted(os.listdir(COMMITTED)) if os.path.isdir(COMMITTED) else []
        metafunc.parametrize('committed', versions, ids=versions, scope='session')


def pytest_terminal_summary(terminalreporter):
    if not table:
        return
    write = terminalreporter.write_line
    rows = sorted({r for r, c in table}, key=lambda r: [int(n) for n in r.split()[0].rstrip('+').split('.')] + [len(r)])
    columns = sorted({c for r, c in table})
    write('')
    write('objects compared with CPython: in full agreement / of … (wrong values, missing, incomplete)')
    for column in columns:
        write(column)
        for row in rows:
            r = table.get((row, column))
            if r:
                write('  %-16s %8d / %8d  %7.3f %%  wrong %d, missing %d, incomplete %d; frames %d, locals %d' % (
                    row, r.full, r.objects, 100 * r.agreement, sum(r.wrong.values()), r.missing, r.incomplete,
                    r.frames, r.locals))
    total = compare.Result()
    for r in table.values():
        total.add(r)
    write('all together: %d of %d objects (%.3f %%), %d wrong values; values compared: %s' % (
        total.full, total.objects, 100 * total.agreement, sum(total.wrong.values()),
        ', '.join('%s %d' % item for item in sorted(total.compared.items()))))


class Cpeek:
    """Runs the command line. Every answer's text must be valid UTF-8 and hold no control character."""

    def __init__(self):
        if not os.access(CPEEK, os.X_OK):
            pytest.exit('there is no cpeek at %s: build it, or set CPEEK or CPEEK_BUILD' % CPEEK, 1)

    def run(self, *arguments, **options):
        options.setdefault('timeout', 120)
        return subprocess.run([CPEEK] + [str(a) for a in arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, **options)

    def answer(self, *arguments, codes=(0,)):
        """stdout of a command that must succeed and say nothing on stderr."""
        done = self.run(*arguments)
        message = done.stderr.decode('utf-8', 'replace')
        assert done.returncode in codes, 'exit code %d: %s' % (done.returncode, message)
        assert message == ''
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.answer(*arguments, '--json').decode('utf-8'))

    def compare(self, truth, *target, objects=True):
        """A Result of everything that cpeek says of target: objects, threads, frames, locals. truth: lines."""
        result = compare.Result()
        expected, threads, meta = compare.read_truth(truth)
        info = self.json(*target, 'info')
        said = '%s threads of %s' % (info['threads'], info['python'])
        result.check('info', '', '%d threads of %s' % (len(threads), meta['python']), said)
        if objects:
            with tempfile.TemporaryFile() as errors:
                command = [CPEEK] + [str(a) for a in target] + ['objects', '--referents', '--repr', '--json']
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
                try:
                    compare.compare_objects(expected, process.stdout, result)
                    code = process.wait(timeout=60)
                finally:
                    process.stdout.close()
                    process.kill()
                    process.wait()
                errors.seek(0)
                result.check('exit code of objects', '', (0, b''), (code, errors.read()))
        said = self.json(*target, 'bt', '--all', '--locals', '--full')
        compare.compare_threads(threads, said['threads'], result)
        return result


@pytest.fixture(scope='session')
def cpeek():
    return Cpeek()


@pytest.fixture(scope='session')
def agree():
    """agree(result, row, column): remember a result for the table; fail unless it is good enough."""
    def check(result, row, column, share=0.99):
        table[row, column] = result
        assert result.objects == 0 or result.objects > 5000, 'the truth is thin: %d objects' % result.objects
        assert result.frames > 0 and result.compared['type'] > 0
        assert not result.wrong and (result.objects == 0 or result.agreement >= share), '\n' + result.explain()
    return check


@pytest.fixture(scope='session')
def core_of():
    """core_of(interpreter, program, arguments…): folder with core and truth.jsonl, cached from run to run."""
    def make(interpreter, program, *arguments):
        flags = tuple(cores.SMALL_FLAGS) if program == 'small' else ()
        return cores.cached_core(interpreter, program, cores.cache_folder(), arguments, flags)
    return make


@pytest.fixture(scope='session')
def unpack(tmp_path_factory):
    """unpack(version): folder with core, truth.jsonl and root/ of a committed core."""
    done = {}

    def one(version):
        if version not in done:
            done[version] = folder = tmp_path_factory.mktemp(version)
            for name in ('core', 'truth.jsonl'):
                with lzma.open(os.path.join(COMMITTED, version, name + '.xz')) as packed, open(folder / name, 'wb') as f:
                    shutil.copyfileobj(packed, f)
            with tarfile.open(os.path.join(COMMITTED, version, 'root.tar.xz')) as packed:
                packed.extractall(folder / 'root')
        return done[version]
    return one


