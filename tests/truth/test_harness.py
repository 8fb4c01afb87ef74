"""The truth tests can fail: each way in which an answer may be wrong is seen by the comparison."""
import copy
import json

import pytest

import compare

OBJECT = {'address': '0x1000', 'type': 'list', 'size': 88, 'tracked': True, 'referents': ['0x10', '0x20', '0x10'],
          'repr': '[1, 2, 1]', 'repr_kind': 'builtin'}
FRAME = {'function': 'f', 'qualname': 'C.f', 'file': 'x.py', 'line': 5, 'position': [5, 6, 7, 8], 'kind': 'fast',
         'locals': {'x': {'address': '0x10', 'type': 'int', 'repr': '1', 'repr_kind': 'builtin'}}}
THREAD = {'native_id': 7, 'thread_id': 70, 'name': 'main', 'main': True, 'frames': [FRAME]}
SAID_FRAME = {'function': 'f', 'qualname': 'C.f', 'file': 'x.py', 'line': 5, 'end_line': 6, 'column': 7, 'end_column': 8,
              'address': '0x99', 'locals': {'x': {'address': '0x10', 'type': 'int', 'repr': '1'}}}
SAID_THREAD = {'native_id': 7, 'thread_id': 70, 'name': 'main', 'frames': [SAID_FRAME]}


def objects(truth, *said):
    result = compare.Result()
    compare.compare_objects({truth['address']: truth}, [json.dumps(s) for s in said], result)
    return result


def threads(*said):
    result = compare.Result()
    compare.compare_threads([THREAD], list(said), result)
    return result


def change(record, **fields):
    return dict(copy.deepcopy(record), **fields)


def test_agreement():
    result = objects(OBJECT, change(OBJECT, referents=['0x10', '0x10', '0x20']), change(OBJECT, address='0x2000'))
    assert (result.full, result.extra, result.missing, dict(result.wrong)) == (1, 1, 0, {})
    result = threads(SAID_THREAD)
    assert (result.frames, result.locals, dict(result.wrong)) == (1, 1, {})


@pytest.mark.parametrize('field, value', [
    ('type', 'tuple'), ('type', None), ('size', 87), ('size', '88'), ('tracked', False), ('tracked', 1), ('tracked', None),
    ('referents', ['0x10', '0x20']), ('referents', ['0x10', '0x20', '0x20']), ('referents', []),
    ('referents', ['0x10', '0x20', '0x10', '0x30']), ('repr', '[1, 2, 3]'), ('repr', '<list object at 0x1000>'), ('repr', ''),
])
def test_wrong_object(field, value):
    result = objects(OBJECT, change(OBJECT, **{field: value}))
    assert result.full == 0 and list(result.wrong) == [(field, 'list')]


@pytest.mark.parametrize('fields', [{'repr': '[1, …', 'truncated': True}, {'repr': None}, {'size': None}, {'referents': None}])
def test_incomplete_object(fields):
    result = objects(OBJECT, change(OBJECT, **fields))
    assert (result.full, result.incomplete, dict(result.wrong)) == (0, 1, {})


def test_missing_and_double():
    assert objects(OBJECT).missing == 1
    assert list(objects(OBJECT, OBJECT, OBJECT).wrong) == [('address', 'list')]


@pytest.mark.parametrize('field, value', [('function', 'g'), ('qualname', 'f'), ('file', ''), ('line', 6), ('line', None),
                                          ('column', 9), ('locals', {})])
def test_wrong_frame(field, value):
    assert threads(change(SAID_THREAD, frames=[change(SAID_FRAME, **{field: value})])).wrong


@pytest.mark.parametrize('field, value', [('address', '0x11'), ('type', 'bool'), ('repr', '2')])
def test_wrong_local(field, value):
    local = change(SAID_FRAME['locals']['x'], **{field: value})
    assert threads(change(SAID_THREAD, frames=[change(SAID_FRAME, locals={'x': local})])).wrong


@pytest.mark.parametrize('said', [[], [change(SAID_THREAD, native_id=8)], [change(SAID_THREAD, name='other')],
                                  [change(SAID_THREAD, thread_id=71)], [SAID_THREAD, change(SAID_THREAD, thread_id=71)],
                                  [change(SAID_THREAD, frames=[])], [change(SAID_THREAD, frames=[SAID_FRAME] * 2)]])
def test_wrong_thread(said):
    assert threads(*said).wrong


def test_cut_truth():
    lines = [json.dumps(OBJECT), json.dumps({'threads': []}), json.dumps({'end': 1})]
    assert compare.read_truth(lines)[0] == {'0x1000': OBJECT}
    for bad in (lines[:2], lines[1:], [lines[0], lines[2]]):
        with pytest.raises(ValueError):
            compare.read_truth(bad)


def test_corrupted_truth(cpeek, unpack, committed):
    """A real core, with one record of its truth changed."""
    folder = unpack(committed)
    with open(folder / 'truth.jsonl') as f:
        lines = f.readlines()
    at = next(i for i, line in enumerate(lines) if '"type":"tuple"' in line and '"repr":' in line)
    lines[at] = lines[at].replace('"repr":"', '"repr":"changed ')
    result = cpeek.compare(lines, '--sysroot', folder / 'root', folder / 'core')
    assert result.wrong['repr', 'tuple'] >= 1
