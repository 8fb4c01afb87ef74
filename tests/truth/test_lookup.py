"""hash() as the target would compute it, and the probes of a search in its dicts and sets: fixtures/programs/algorithms.py
reads the tables in its own memory, probes them in Python, and checks the outcome with `in`."""
import json
import os
import re

import pytest

import asking
from asking import read_truth
from test_without_files import hide_files


@pytest.fixture(scope='module')
def ask(cpeek, core_of):
    def make(interpreter):
        folder = core_of(interpreter, 'algorithms')
        return folder, asking.Asking(cpeek, os.path.join(folder, 'core'), interpreter.core_options())
    return make


def test_hashes(ask, interpreter):
    """Every hash that runs no code of the program's is computed, and equals that of CPython."""
    folder, session = ask(interpreter)
    with session:
        empty = [r for r in read_truth(folder, 'lookup') if r['name'] == 'empty'][0]['container']
        records = session.some(read_truth(folder, 'hash'))
        for record in records:
            facts, tables = session.parts('lookup %s @%s' % (empty, record['address']))
            if record['refused']:       # 3.14 and later say more than which type it is
                kind = re.search("unhashable type: '(\\w+)'", record['refused']).group(1)
                assert facts['note'] == ["There is no search: TypeError: unhashable type: '%s'." % kind], record
                assert 'hash' not in facts and not tables and not session.partial
            elif 'Own object' in record['repr']:
                assert 'Own.__hash__ is code' in facts['problem'][0] and session.partial, record
            else:
                assert facts['hash'] == record['hash'], record
                assert not session.partial and facts['found'] is False


def test_probes(ask, interpreter):
    """Slot by slot, with the hash of a literal: computed here, as no object of the target has it."""
    folder, session = ask(interpreter)
    compared = 0
    with session:
        for record in session.some(read_truth(folder, 'lookup')):
            facts, tables = session.parts('lookup --full %s %s' % (record['container'], record['key']))
            rows, = tables.values()
            steps = [[int(r['perturb'], 16), r['slot'], r['holds'], r.get('entry', -1)] for r in rows]
            assert (facts['hash'], steps, facts['found']) == (record['hash'], record['steps'], record['found']), record
            assert (facts.get('value') or {}).get('address') == record['value'], record
            assert [r['probe'] for r in rows] == list(range(1, len(rows) + 1)) and facts['probes'] == len(rows)
            assert not session.partial
            compared += len(rows)
    assert compared > (1200 if session.session else 80)


def test_calls(ask, interpreter):
    """Where __eq__ is written in Python, the keys that it is asked of, in CPython's own order; found or not depends."""
    folder, session = ask(interpreter)
    asked = 0
    with session:
        for record in read_truth(folder, 'calls'):
            facts, tables = session.parts('lookup --full %s @%s' % (record['container'], record['key']))
            if not tables:      # its hash is code too, and no table keeps it
                assert 'Recorder.__hash__ is code' in facts['problem'][0] and session.partial
                assert not record['found']
                continue
            rows, = tables.values()
            would = [r['key'].split()[0] for r in rows if 'would call __main__.Recorder.__eq__' in r['result']]
            assert would == record['asked'], (record, rows)
            if would:
                assert facts['found'] == '%s unless __main__.Recorder.__eq__ says otherwise before' % (
                    'yes' if record['found'] else 'no')
            else:
                assert facts['found'] is record['found'], record
            asked += len(would)
    assert asked > 8


def test_attributes(ask, interpreter):
    """Those of an instance, whether it has a dict or not, and of a module by its own name."""
    folder, session = ask(interpreter)
    with session:
        for key, value in (('alpha', '1'), ('beta', "'b'"), ('gamma', 'None'), ('nothing', None)):
            facts, tables = session.parts("lookup shared[1] '%s'" % key)
            assert facts['found'] is (value is not None)
            assert (facts.get('value') or {}).get('repr') == value
        facts, tables = session.parts("lookup sys 'path'")
        assert facts['found'] is True
        facts, tables = session.parts("lookup Shared '__init__'")
        assert facts['found'] is True and 'Shared.__init__' in facts['value']['repr']


def test_keys(cpeek, ask, interpreter):
    """How a KEY is written; what is none is refused with exit code 2 and one line."""
    folder, session = ask(interpreter)
    target = interpreter.core_options() + [os.path.join(folder, 'core')]
    with session:
        for key, kind in (('1_000', 'int'), ('0x1F', 'int'), ('-0b101', 'int'), ('1e3', 'float'), ('.5', 'float'),
                          ('1-2j', 'complex'), ('"a\\x41\\u20ac\\n"', 'str'), ("b'\\0a'", 'bytes'), ('()', 'tuple'),
                          ('(1)', 'int'), ('(1,)', 'tuple'), ("( 'a' , (None , -1.5 ) , )", 'tuple'), ('sys', 'module'),
                          ('(sys.path, @Shared)', 'tuple'), ('True', 'bool'), ('None', 'NoneType')):
            facts, tables = session.parts('lookup sys.modules ' + key)
            assert facts['key type'] == kind, key
        facts, tables = session.parts('lookup sys.modules "a\\x41\\u20ac\\n"')
    for bad in ('', '1 2', "'open", '(1', '(1,,2)', '1+2', '0x', '12abc', '\\', "b'\u20ac'", '@', '1j2'):
        done = cpeek.run(*target, 'lookup', 'sys.modules', bad)
        assert (done.returncode, done.stdout) == (2, b''), bad
        assert done.stderr.startswith(b'cpeek: ') and done.stderr.count(b'\n') == 1
    done = cpeek.run(*target, 'lookup', 'unorderable[0]', '1')
    assert done.returncode == 2 and b'no table' in done.stderr


def test_broken(ask, interpreter):
    """Tables that CPython would probe for ever, or read past the end of: said, after a bounded search."""
    folder, session = ask(interpreter)
    with session:
        for place, problem in ((0, 'no slot is empty: after '), (1, 'the index table names entry 127, and '),
                               (2, 'no slot is empty: after ')):
            facts, tables = session.parts('lookup --full broken[%d] 3' % place)
            rows, = tables.values()
            assert facts['problem'][0].startswith(problem) and session.partial and 'found' not in facts
            assert len(rows) == 1 if place == 1 else facts['slots'] <= len(rows) <= 10 * (facts['slots'] + 16)


def test_without_symbols(cpeek, ask, interpreter, tmp_path):
    """The secret is found in memory where no file tells its symbol."""
    folder, session = ask(interpreter)
    with session:
        facts, tables = session.parts("lookup sys.modules 'not in it'")
    with open(os.path.join(folder, 'core'), 'rb') as f:
        (tmp_path / 'core').write_bytes(hide_files(bytearray(f.read())))
    said = cpeek.run(tmp_path / 'core', 'lookup', 'sys.modules', "'not in it'", '--json')
    found = {}
    for part in json.loads(said.stdout.decode('utf-8'))['parts']:
        found.update(part.get('facts', {}))
    assert facts['secret'].startswith('symbol _Py_HashSecret at 0x') and 'in the data of' in found['secret']
    assert found['hash'] == facts['hash']


def test_committed(cpeek, committed, unpack):
    """Of every version, flavour and machine: each key of sys.modules is found where its value says, and one that is not in
    it is not. Text is hashed with the secret of a process that is long gone."""
    folder = unpack(committed)
    with asking.Asking(cpeek, folder / 'core', ['--sysroot', str(folder / 'root')]) as session:
        modules = session.json('lookup sys.modules "no such module"')
        facts, tables = session.parts('lookup sys.modules "no such module"')
        assert facts['found'] is False and not session.partial
        for name in ('sys', 'builtins', '__main__'):
            facts, tables = session.parts("lookup %s '%s'" % (modules['address'], name))
            assert facts['found'] is True and "<module '%s'" % name in facts['value']['repr']
