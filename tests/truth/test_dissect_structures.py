"""What dissect and type say of dicts, sets, classes and instances, against fixtures/programs/structures.py: the tables that
CPython's rules, carried out in Python, lead to; and what the classes say of themselves."""
import json
import os
import shutil
import struct

import asking
import pytest
from asking import read_truth

DUMMY = -2


@pytest.fixture(scope='module')
def ask(cpeek, core_of, interpreter):
    folder = core_of(interpreter, 'structures')
    with asking.Asking(cpeek, os.path.join(folder, 'core'), interpreter.core_options()) as session:
        session.folder = folder
        yield session


def parts(ask, line):
    """The parts of the answer; none of them may be a problem."""
    answer = ask.json(line)
    assert not [p['text'] for p in answer['parts'] if p['kind'] == 'problem'] and not ask.partial, line
    return answer


def table(answer, title):
    found = [p['rows'] for p in answer['parts'] if p['kind'] == 'table' and p['title'].startswith(title)]
    assert len(found) <= 1
    return found[0] if found else []


def block(answer, title):
    return next(p for p in answer['parts'] if p['kind'] == 'block' and p['title'].startswith(title))


def field(rows, name):
    return next(f['value'] for f in rows['fields'] if f['name'] == name)


def text(cell):
    """The repr of an object that a table shows behind its address; an address alone."""
    return cell.partition(' ')[2]


def address(cell):
    return cell.partition(' ')[0]


def test_dict(ask):
    records = ask.some(read_truth(ask.folder, 'dict'))
    for record in records:
        answer = parts(ask, 'dissect ' + record['address'])
        indices = [f['value'] for f in block(answer, 'dk_indices')['fields'] if f['name']]
        assert indices[:record['slots']] == record['indices'], record
        header = block(answer, 'ma_keys')
        assert field(header, 'dk_usable') == record['usable'] and field(header, 'dk_nentries') == record['nentries']
        rows = table(answer, 'Entries')
        assert [None if r['key'] == '(removed)' else text(r['key']) for r in rows] == record['keys']
        assert [[r['entry'], r['home'], r['slot'], r['probes']] for r in rows if 'slot' in r] == record['probes']
    assert len(records) >= 1


def test_set(ask):
    records = ask.some(read_truth(ask.folder, 'set'))
    for record in records:
        answer = parts(ask, 'dissect ' + record['address'])
        own = answer['parts'][0]
        assert field(own, 'fill') == record['fill'] and field(own, 'used') == record['used']
        rows = [f for f in block(answer, 'the table')['fields'] if f['name']]
        slots = []
        for key, hash_ in zip(rows[::2], rows[1::2]):
            assert key['name'].endswith('.key') and hash_['name'].endswith('.hash')
            slots.append(None if not key['value'] else 'dummy' if 'dummy' in key.get('meaning', '')
                         else [key['value']['address'], hash_['value']])
        assert slots == record['table'], record
    assert len(records) >= 1


def test_type(ask):
    records = ask.some(read_truth(ask.folder, 'type'))
    for record in records:
        answer = parts(ask, 'type ' + record['address'])
        assert answer['address'] == record['address'] and answer['flags'] & ~(1 << 19) == record['flags']
        for name in ('basicsize', 'itemsize', 'dictoffset', 'weaklistoffset'):
            assert answer[name] == record[name], (record, name)
        assert [r['address'] for r in table(answer, 'MRO')] == record['mro']
        assert [n.rpartition('.')[2] for n in answer['bases']] == record['bases']
        assert sorted(r['address'] for r in table(answer, 'Direct subclasses')) == record['subclasses']
        assert [[r['name'], r['kind']] for r in table(answer, 'Attributes')] == record['attributes'], record['address']
        if record['merge']:
            assert [[r['taken'], [w.partition(' (')[0] for w in r['must wait'].split(', ') if w]]
                    for r in table(answer, 'How C3')] == record['merge']
    assert len(records) >= 1


def test_type_of_instance(ask):
    record = read_truth(ask.folder, 'instance')[0]
    answer = parts(ask, 'type ' + record['address'])
    assert answer['name'] == '__main__.Attributes' and answer['mro'] == ['__main__.Attributes', 'object']


def test_type_memory(ask):
    for record in ask.some(read_truth(ask.folder, 'type')):
        answer = parts(ask, 'dissect ' + record['address'])
        own = answer['parts'][0]
        assert own['structure'] == 'PyTypeObject' and own['header'].endswith('object.h')
        assert field(own, 'tp_basicsize') == record['basicsize']
        slots = {r['slot']: r for r in table(answer, 'Slots')}
        assert {'tp_repr', 'tp_hash', 'tp_getattro'} <= set(slots)
        assert all(r['stands for'] for s, r in slots.items() if s in ('tp_repr', 'tp_getattro')), slots


def test_instance(ask):
    records = ask.some(read_truth(ask.folder, 'instance'))
    for record in records:
        answer = parts(ask, 'dissect ' + record['address'])
        own = answer['parts'][0]
        for name, value in record['slots']:
            said = field(own, name)
            assert (said and said['address']) == value
        weak = [address(r['reference']) for r in table(answer, 'Weak references')]
        assert weak == record['references']
        order = table(answer, 'Attributes in the order')
        if order:
            assert [[text(r['name']).strip("'"), address(r['value'])] for r in order] == record['attributes']
    assert len(records) >= 1


def test_exception(ask):
    record, = read_truth(ask.folder, 'exception')
    answer = parts(ask, 'dissect ' + record['address'])
    assert [address(r['exception']) for r in table(answer, 'The chain')] == record['chain']
    frames = table(answer, 'Frames')
    assert [[text(r['function']).strip("'").rpartition('.')[2], r['tb_lasti']] for r in frames] == record['frames']


def test_odict(ask):
    record, = read_truth(ask.folder, 'odict')
    answer = parts(ask, 'dissect ' + record['address'])
    assert [text(r['key']) for r in table(answer, 'The linked list')] == record['keys']


def test_builtin(ask):
    for record in read_truth(ask.folder, 'builtin'):
        answer = parts(ask, 'dissect ' + record['address'])
        name = next(f for f in block(answer, 'm_ml')['fields'] if f['name'] == 'ml_name')
        assert name['meaning'] == '"%s"' % record['name']


ASKED = {'dict': 15, 'set': 5, 'frozenset': 5, 'type': 8}     # of each type, and one of any other


def test_committed(cpeek, unpack, committed):
    """Nothing in the cores of any version, flavour and machine contradicts itself: each key is where a search for it leads."""
    folder = unpack(committed)
    with open(str(folder / 'truth.jsonl')) as lines:
        records = [r for r in map(json.loads, lines) if 'type' in r]
    left, chosen = {}, []
    for record in records:
        left.setdefault(record['type'], ASKED.get(record['type'], 1))
        if left[record['type']] > 0:
            left[record['type']] -= 1
            chosen.append(record)
    with asking.Asking(cpeek, folder / 'core', ['--sysroot', str(folder / 'root')]) as session:
        for record in session.some(chosen):
            answer = session.json('dissect ' + record['address'])
            problems = [p['text'] for p in answer['parts'] if p['kind'] == 'problem']
            assert not problems and not session.partial, (record, problems)
            if record['type'] in ('dict', 'set', 'frozenset'):
                rows = table(answer, 'Entries') or table(answer, 'Keys')
                assert all('probes' in r for r in rows if r['key'] != '(removed)'), record
            if record['type'] == 'type':
                assert not [p for p in session.json('type ' + record['address'])['parts'] if p['kind'] == 'problem']


class Patched:
    """A copy of a core whose memory may be changed: 64-bit little-endian."""
    def __init__(self, core, copy):
        shutil.copyfile(core, copy)
        self.path = copy
        with open(copy, 'rb') as f:
            head = f.read(64)
            at, size, count = struct.unpack_from('<Q', head, 32)[0], *struct.unpack_from('<HH', head, 54)
            f.seek(at)
            table = f.read(size * count)
        rows = [struct.unpack_from('<IIQQQQQQ', table, i * size) for i in range(count)]
        self.loads = [(vaddr, vaddr + filesz, offset) for kind, _, offset, vaddr, _, filesz, _, _ in rows if kind == 1]

    def write(self, address, data):
        """Changes bytes, and answers what changes them back."""
        start, _, offset = next(load for load in self.loads if load[0] <= address < load[1])
        with open(self.path, 'r+b') as f:
            f.seek(offset + address - start)
            before = f.read(len(data))
            f.seek(offset + address - start)
            f.write(data)
        return before


def place(rows, name):
    """Where a field lies, and its bytes."""
    found = next(f for f in rows['fields'] if f['name'] == name)
    return int(rows['address'], 16) + found['offset'], found['size']


def damages(ask):
    """What to change where, and a word of what must be said then."""
    record = next(r for r in read_truth(ask.folder, 'dict') if DUMMY in r['indices'] and r['slots'] < 100)
    answer = ask.json('dissect ' + record['address'])
    own, keys, indices = answer['parts'][0], block(answer, 'ma_keys'), block(answer, 'dk_indices')
    taken = [slot for slot, index in enumerate(record['indices']) if index >= 0]
    dummy = record['indices'].index(DUMMY)
    dict_ = record['address']
    yield dict_, place(keys, 'dk_nentries'), 0x7fff, 'dk_nentries 32767 > '
    yield dict_, place(keys, 'dk_usable'), 0x7fff, 'dk_usable 32767 + dk_nentries'
    yield dict_, place(indices, 'dk_indices[%d]' % taken[0]), 99, 'has the index 99'
    yield dict_, place(indices, 'dk_indices[%d]' % taken[0]), record['indices'][taken[1]], 'both point at entry'
    yield dict_, place(indices, 'dk_indices[%d]' % taken[0]), 0xff, 'no slot points at entry'
    yield dict_, place(indices, 'dk_indices[%d]' % dummy), record['keys'].index(None), 'which was removed'
    yield dict_, place(own, 'ma_used'), record['used'] + 1, 'ma_used %d, but %d entries' % (record['used'] + 1, record['used'])
    yield dict_, place(own, 'ma_keys'), 8, 'unreadable'
    record = next(r for r in read_truth(ask.folder, 'set') if 'dummy' in r['table'] and r['slots'] == 8)
    own = ask.json('dissect ' + record['address'])['parts'][0]
    yield record['address'], place(own, 'fill'), record['fill'] + 1, 'fill %d, but' % (record['fill'] + 1)
    yield record['address'], place(own, 'used'), 0, 'used 0, but'
    yield record['address'], place(own, 'mask'), 6, 'mask 6 is not'
    yield record['address'], place(own, 'mask'), (1 << 40) - 1, 'does not lie in memory'
    yield record['address'], place(own, 'table'), 8, 'does not lie in memory'


def test_damage(cpeek, ask, interpreter, tmp_path):
    if interpreter.machine != 'x86_64':
        pytest.skip('the patches are for x86-64')
    core = Patched(os.path.join(ask.folder, 'core'), str(tmp_path / 'core'))
    made = list(damages(ask))
    for address_, (at, size), value, said in made[::1 if ask.session else 4]:
        before = core.write(at, value.to_bytes(size, 'little'))
        done = cpeek.run(*interpreter.core_options(), core.path, 'dissect', address_, '--json')
        core.write(at, before)
        assert done.returncode == 1, (said, done.stdout[-400:], done.stderr)
        problems = [p['text'] for p in json.loads(done.stdout.decode())['parts'] if p['kind'] == 'problem']
        assert any(said in p for p in problems), (said, problems)
