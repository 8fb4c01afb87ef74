"""Fixtures of the truth tests, and the table that they print at the end."""
import json
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

import pytest

import compare
import cores

sys.path.insert(0, os.path.join(cores.ROOT, 'tests'))
from committed import CORES as COMMITTED, CPEEK                     # noqa: E402

# tests/matrix chooses interpreters and wants the results; without it, what the machine has.
if 'CPEEK_INTERPRETERS' in os.environ:
    sys.path.insert(0, os.path.join(cores.ROOT, 'tests', 'interpreters'))
    import collection
    ALL, broken = collection.find(os.environ['CPEEK_INTERPRETERS'].split())
    if broken or not ALL:
        raise pytest.UsageError('; '.join(broken) or 'none is here: ' + os.environ['CPEEK_INTERPRETERS'])
else:
    ALL = cores.find_interpreters()
SUPPORTED = [i for i in ALL if i.supported]
NATIVE = [i for i in SUPPORTED if not i.emulated]       # those whose process is a process of this kernel
FREE_THREADED = [i for i in NATIVE if i.free_threaded]
UNSUPPORTED = [i for i in ALL if not i.supported]
SHARED = [i for i in NATIVE if i.library and i.minor >= (3, 8)]     # those whose libpython a program can have in itself
PAIRS = [(a, b) for a, b in zip(SHARED, SHARED[1:]) if a.minor != b.minor]

table = {}          # (row, column): compare.Result of the objects
failures = []       # (row, test, why)


def pytest_generate_tests(metafunc):
    # In programs that are built here, an older and a newer one will do, unless it is the matrix that asks.
    shared = SHARED if 'CPEEK_INTERPRETERS' in os.environ else SHARED[:1] + SHARED[1:][-1:]
    for name, values in (('interpreter', SUPPORTED), ('native', NATIVE), ('free_threaded', FREE_THREADED),
                         ('unsupported', UNSUPPORTED), ('shared', shared)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, values, ids=[i.name for i in values], scope='session')
    if 'shared_pair' in metafunc.fixturenames:
        pairs = PAIRS[-2:]
        metafunc.parametrize('shared_pair', pairs, ids=['%s+%s' % (a.name, b.name) for a, b in pairs], scope='session')
    if 'committed' in metafunc.fixturenames:
        versions = sorted(os.listdir(COMMITTED)) if os.path.isdir(COMMITTED) else []
        metafunc.parametrize('committed', versions, ids=versions, scope='session')


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        parameters = getattr(item, 'callspec', None) and item.callspec.params or {}
        for name in ('interpreter', 'native', 'free_threaded', 'shared', 'unsupported'):
            if name in parameters:
                failures.append((parameters[name].name, item.name, str(call.excinfo.value).strip().split('\n')[0][:300]))


def pytest_sessionfinish():
    if 'CPEEK_RESULTS' not in os.environ:
        return
    with open(os.environ['CPEEK_RESULTS'], 'w') as f:
        json.dump({
            'interpreters': [{'name': i.name, 'version': i.version, 'flavour': i.flavour, 'machine': i.machine,
                              'origin': i.origin, 'supported': i.supported} for i in ALL],
            'results': [{'name': row, 'column': column, 'objects': r.objects, 'full': r.full, 'missing': r.missing,
                         'incomplete': r.incomplete, 'wrong': sum(r.wrong.values()), 'frames': r.frames,
                         'locals': r.locals} for (row, column), r in table.items()],
            'failures': [{'name': name, 'test': test, 'why': why} for name, test, why in failures],
        }, f, indent=1)


def pytest_terminal_summary(terminalreporter):
    if not table:
        return
    write = terminalreporter.write_line
    order = {i.name: n for n, i in enumerate(ALL)}
    rows = sorted({r for r, c in table}, key=lambda r: (order.get(r, -1), r))
    columns = sorted({c for r, c in table})
    write('')
    write('objects compared with CPython: in full agreement / of … (wrong values, missing, incomplete)')
    for column in columns:
        write(column)
        for row in rows:
            r = table.get((row, column))
            if r:
                write('  %-24s %8d / %8d  %7.3f %%  wrong %d, missing %d, incomplete %d; frames %d, locals %d' % (
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

    def __init__(self, prefix=(), codes=(0,)):
        """prefix: of the command; codes: the exit codes that are right."""
        if not os.access(CPEEK, os.X_OK):
            pytest.exit('there is no cpeek at %s: build it, or set CPEEK or CPEEK_BUILD' % CPEEK, 1)
        self.command, self.codes = list(prefix) + [CPEEK], codes

    def run(self, *arguments, **options):
        options.setdefault('timeout', 120)
        return subprocess.run(self.command + [str(a) for a in arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, **options)

    def answer(self, *arguments):
        """stdout of a command that must succeed and say nothing on stderr."""
        done = self.run(*arguments)
        message = done.stderr.decode('utf-8', 'replace')
        assert done.returncode in self.codes, 'exit code %d: %s' % (done.returncode, message)
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
                command = self.command + [str(a) for a in target] + ['objects', '--referents', '--repr', '--json']
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
                try:
                    compare.compare_objects(expected, process.stdout, result)
                    code = process.wait(timeout=60)
                finally:
                    process.stdout.close()
                    process.kill()
                    process.wait()
                errors.seek(0)
                result.check('exit code of objects', '', (True, b''), (code in self.codes, errors.read()))
        said = self.json(*target, 'bt', '--all', '--locals', '--full')
        compare.compare_threads(threads, said['threads'], result)
        return result


@pytest.fixture(scope='session')
def cpeek():
    return Cpeek()


@pytest.fixture(scope='session')
def cpeek_that_sees():
    """cpeek_that_sees(options of namespace.py…): cpeek, with other files where those of the target are."""
    if subprocess.run(cores.NAMESPACE + ['true'], stderr=subprocess.DEVNULL).returncode:
        pytest.skip('this user may make no mount namespaces here')
    return lambda *options: Cpeek(cores.NAMESPACE + list(options) + ['--'], codes=(0, 1))


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


