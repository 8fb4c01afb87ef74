"""dis and dissect of code, functions, frames and generators: fixtures/programs/bytecode.py says what its own dis.dis(…,
adaptive=True, show_caches=True) prints, byte for byte, and what code objects and suspended frames hold."""
import json
import os

import pytest

import asking
from asking import read_truth

MODULES = ['argparse', 'collections', 'contextlib', 'difflib', 'functools', 'textwrap', 'threading']
if 'CPEEK_INTERPRETERS' in os.environ:      # the matrix has time
    MODULES += ['enum', 'inspect', 'json.decoder', 'pathlib', 'statistics', 'traceback', 'typing']


@pytest.fixture(scope='module')
def ask(cpeek, core_of):
    def make(interpreter):
        folder = core_of(interpreter, 'bytecode', *MODULES)
        return folder, asking.Asking(cpeek, os.path.join(folder, 'core'), interpreter.core_options())
    return make


def texts_of(asked, records):
    for record in records:
        yield record, asked.text('dis ' + record['address'])


def test_text(ask, interpreter):
    """What dis.dis() prints of functions, classes, generators, instrumented code."""
    folder, asked = ask(interpreter)
    compared = 0
    with asked:
        records = read_truth(folder, 'dis')
        said = [r for r in records if r['text'] is not None]
        assert len(said) > 0.95 * len(records)      # dis itself fails on some that sys.monitoring has changed
        for record, text in texts_of(asked, asked.some(said)):
            assert text == record['text'], record['address']
            compared += 1
    assert compared > (300 if asked.session else 20)


def test_frames(ask, interpreter):
    """A frame's code alone, with the instruction that it is at."""
    folder, asked = ask(interpreter)
    with asked:
        records = read_truth(folder, 'frame')
        assert len(records) == 2
        for record, text in texts_of(asked, records):
            assert text == record['text'] and '-->' in text


def test_json(ask, interpreter):
    """The same instructions as records; every name and constant is there."""
    folder, asked = ask(interpreter)
    with asked:
        for record in read_truth(folder, 'code')[:60:12 if asked.session else 30]:
            code = asked.json('dis ' + record['address'])['disassembly'][0]
            assert code['code'] == record['address'] and 'problem' not in code and not asked.partial
            instructions, caches = code['instructions'], 0
            for one in instructions:
                caches += sum(cache['units'] for cache in one.get('caches', ()))
                assert one['start_offset'] <= one['offset'] and one['opname'] and one['baseopname']
            assert 2 * (len(instructions) + caches) == record['length']
            assert [[e[k] for k in ('start', 'end', 'target', 'depth', 'lasti')] for e in code['exceptions']] == \
                record['exceptions']
            if record['positions']:
                for one in instructions:
                    at = [one[k] for k in ('line', 'end_line', 'column', 'end_column')]
                    assert at == record['positions'][one['offset'] // 2]


def rows_of(table):
    """Objects by their addresses."""
    return [{k: v.split(' ')[0] if isinstance(v, str) and v.startswith('0x') else v for k, v in row.items()}
            for row in table]


def test_code(ask, interpreter):
    """dissect of code: fields, variables, constants, the line table and the exception table."""
    folder, asked = ask(interpreter)
    lines = 0
    with asked:
        for record in read_truth(folder, 'code')[:120:3 if asked.session else 40]:
            answer = asked.json('dissect --full ' + record['address'])
            fields = {f['name']: f['value'] for f in answer['parts'][0]['fields'] if f['name']}
            assert answer['parts'][0]['structure'] == 'PyCodeObject' and answer['parts'][0]['header']
            for name in ('flags', 'stacksize', 'firstlineno', 'argcount'):
                assert fields['co_' + name] == record[name], record
            tables = {p['title'].split(':')[0]: rows_of(p['rows']) for p in answer['parts'] if p['kind'] == 'table'}
            assert not [p for p in answer['parts'] if p['kind'] == 'problem'] and not asked.partial
            variables = [r['name'] for r in tables.get('Variables', [])]
            assert sorted(variables) == sorted(record['variables'])
            assert [r['value'] for r in tables.get('Constants', [])] == record['constants']
            assert len(tables.get('Names', [])) == record['names']
            assert [[r[k] for k in ('from', 'to', 'handler', 'stack depth', 'lasti')]
                    for r in tables.get('Exception table', [])] == record['exceptions']
            for start, end, line in record['lines'] or ():
                found = [r for r in tables['Line table'] if r['from'] <= start < r['to']]
                assert [r['line'] for r in found] == ['-' if line is None else line], record
                lines += 1
    assert lines or interpreter.minor < (3, 10)


def test_functions(ask, interpreter):
    folder, asked = ask(interpreter)
    with asked:
        records = read_truth(folder, 'function')
        assert len(records) == 4
        for record in records:
            answer = asked.json('dissect --full ' + record['address'])
            fields = {f['name']: f['value'] for f in answer['parts'][0]['fields'] if f['name']}
            assert fields['func_code']['address'] == record['code']
            assert (fields['func_defaults'] or {}).get('address') == record['defaults']
            rows = [r for p in answer['parts'] if p['kind'] == 'table' for r in rows_of(p['rows'])]
            assert {r['name']: [r['cell'], r['content']] for r in rows} == record['closure']
            assert not asked.partial


STATES = {'created': 'FRAME_CREATED', 'suspended': 'FRAME_SUSPENDED', 'finished': ('FRAME_CLEARED', 'FRAME_COMPLETED')}


def test_generators(ask, interpreter):
    """State, place and variables of generators, coroutines, async generators and a frame object."""
    folder, asked = ask(interpreter)
    with asked:
        records = read_truth(folder, 'generator') + read_truth(folder, 'frame_object')
        assert len(records) == 6
        for record in records:
            answer = asked.json('dissect --full ' + record['address'])
            own = {f['name']: f for f in answer['parts'][0]['fields'] if f['name']}
            assert answer['parts'][0]['header'] and not asked.partial
            if 'gi_frame_state' in own:
                assert own['gi_frame_state']['meaning'] in STATES[record['state']], record
            if 'gi_frame' in own:       # to 3.10 the frame is an object of its own
                if record['locals'] is None:
                    assert own['gi_frame']['value'] is None
                    continue
                answer = asked.json('dissect --full ' + own['gi_frame']['value']['address'])
            if record['locals'] is None:
                continue
            fields = [f for p in answer['parts'] if p['kind'] == 'block' for f in p['fields'] if f['name']]
            slots = {f['meaning'].split(':')[0]: f['value'] for f in fields if f['name'].startswith('localsplus[')}
            assert {n: v['address'] for n, v in slots.items() if v} == record['locals'], record
            place = [f['meaning'] for f in fields if f['name'] in ('instr_ptr', 'prev_instr', 'f_lasti')]
            expected = 'before the first' if record['lasti'] < 0 else 'offset %d, line %d' % (record['lasti'],
                                                                                             record['line'])
            assert len(place) == 1 and place[0].startswith(expected), record


def test_damage(ask, interpreter):
    """What is no code is refused in a sentence."""
    folder, asked = ask(interpreter)
    with asked:
        constants = [r['constants'] for r in read_truth(folder, 'code') if r['constants']]
        done = asked.cpeek.run(*asked.options, asked.core, 'dis', constants[0][0])
        assert done.returncode == 2 and b"don't know how to disassemble " in done.stderr
        assert done.stdout == b''
