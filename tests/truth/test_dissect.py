"""What dissect says of numbers, texts and sequences, and of where objects live, against fixtures/programs/scalars.py: what
Python itself tells of them, and how they grow when it appends to them."""
import json
import os
import re
import shutil
import struct

import asking
import pytest
from asking import read_truth


@pytest.fixture(scope='module')
def ask(cpeek, core_of, interpreter):
    folder = core_of(interpreter, 'scalars')
    with asking.Asking(cpeek, os.path.join(folder, 'core'), interpreter.core_options()) as session:
        session.folder, session.interpreter = folder, interpreter
        yield session


class Answer:
    """What dissect says of one object; none of it may be a problem."""
    def __init__(self, ask, record):
        self.all = ask.json('dissect ' + record['address'])
        self.parts = self.all['parts']
        assert not [p['text'] for p in self.parts if p['kind'] == 'problem'] and not ask.partial, record
        self.own = self.parts[0]
        assert self.own['kind'] == 'block' and self.own['address'] == record['address'] and self.own['header']
        self.facts = {}
        for part in self.parts:
            if part['kind'] == 'facts':
                self.facts.update(part['facts'])

    def field(self, name, block=None):
        return next(f for f in (block or self.own)['fields'] if f['name'] == name)

    def value(self, name, block=None):
        return self.field(name, block)['value']

    def rows(self, prefix, block=None):
        """Those of an array: their names are an index behind the prefix, and in order."""
        rows = [f for f in (block or self.own)['fields'] if re.fullmatch(re.escape(prefix) + r'\[\d+\]', f['name'] or '')]
        assert all(a['offset'] < b['offset'] for a, b in zip(rows, rows[1:]))
        return rows

    def block(self, title):
        return next(p for p in self.parts if p['kind'] == 'block' and p['title'].startswith(title))

    def table(self, title):
        return next((p['rows'] for p in self.parts if p['kind'] == 'table' and p['title'].startswith(title)), [])

    def memory(self):
        """Its own bytes from its address on, of all rows, some of which are bits of the same bytes."""
        out = {}
        for f in self.own['fields']:
            assert len(f['bytes']) == 2 * f['size']
            for i in range(f['size']):
                assert out.setdefault(f['offset'] + i, f['bytes'][2 * i:2 * i + 2]) == f['bytes'][2 * i:2 * i + 2]
        return ''.join(out[i] for i in range(self.own['size']))


def each(ask, kind, least=1):
    records = [r for r in ask.some(read_truth(ask.folder, kind)) if r['kind'] == kind]
    assert len(records) >= (least if ask.session else 1)
    return [(r, Answer(ask, r)) for r in records]


def items(rows):
    return [row['value']['address'] for row in rows]


def test_head(ask):
    for record, answer in each(ask, 'counted'):
        names = {f['name']: f['value'] for f in answer.own['fields']}
        if ask.interpreter.free_threaded:
            assert names['ob_ref_local'] == record['references'] and names['ob_ref_shared'] >> 2 == 0
            assert answer.field('ob_tid')['meaning'].startswith('owned by thread')
        else:
            assert names['ob_refcnt'] == record['references']
    for record, answer in each(ask, 'immortal', 4):
        count = answer.field('ob_ref_local' if ask.interpreter.free_threaded else 'ob_refcnt')
        assert count['meaning'].startswith('immortal') == record['immortal'], record
        assert answer.facts['lives in'].startswith('static data of') == record['static'], answer.facts


def test_int(ask):
    for record, answer in each(ask, 'int', 30):
        facts = answer.facts
        digits = [f['value'] for f in answer.rows('ob_digit')][:len(record['digits'])]
        assert digits == record['digits'] and facts['digits'] == len(digits), record
        assert facts['value'] == record['value'] or len(record['value']) > 100000
        if 'small int' in facts and answer.all['type'] == 'int':
            assert facts['small int'] == record['small'] or str(facts['small int']).startswith('not known'), record
        if 'sum' in facts and '…' not in facts['sum']:
            assert eval(facts['sum'].replace('×', '*')) == int(record['value'])
        assert facts.get('compact', len(digits) <= 1) == (len(digits) <= 1)


def test_str(ask):
    for record, answer in each(ask, 'str', 12):
        where = answer.own if record['compact'] else answer.block('data')
        rows = answer.rows('', where)
        assert [int(r['meaning'][2:], 16) for r in rows[:-1]] == record['points'] and rows[-1]['meaning'].startswith('the NUL')
        assert all(r['size'] == record['width'] for r in rows) and set(rows[-1]['bytes']) == {'0'}
        assert answer.value('kind') == record['width'] and answer.value('ascii') == record['ascii'], record
        assert answer.value('compact') == record['compact'] and answer.value('length') == len(record['points'])
        assert record['interned'] is None or bool(answer.value('interned')) == record['interned'], record
        if record['hash'] is not None:
            assert answer.value('hash') == record['hash']
        if record['utf8']:
            assert answer.field('utf8', answer.block('utf8'))['bytes'] == record['utf8']


def test_bytes(ask):
    for record, answer in each(ask, 'bytes', 6):
        rows = answer.rows('ob_sval')
        assert ''.join(f['bytes'] for f in rows) == record['bytes'] + '00'
        if record['hash'] is not None:
            assert answer.value('ob_shash') == record['hash']
        assert answer.facts.get('singleton', record['single']) == record['single'], record


def test_bytearray(ask):
    for record, answer in each(ask, 'bytearray', 5):
        assert answer.value('ob_alloc') == record['alloc'] and answer.value('ob_exports') == record['exports']
        if record['bytes']:
            rows = answer.rows('ob_start', answer.block('ob_bytes'))
            assert ''.join(f['bytes'] for f in rows).startswith(record['bytes'])
            assert answer.facts['used'] == len(record['bytes']) // 2


def test_tuple(ask):
    for record, answer in each(ask, 'tuple', 5):
        assert items(answer.rows('ob_item')) == record['items']
        assert answer.facts.get('singleton', True) is True
        if record['hash'] is not None and any(f['name'] == 'ob_hash' for f in answer.own['fields']):
            assert answer.value('ob_hash') == record['hash']


def growth_of(ask, record):
    return next(r['steps'] for r in read_truth(ask.folder, 'growth') if r['address'] == record['address'])


def test_list(ask):
    for record, answer in each(ask, 'list', 6):
        assert answer.value('allocated') == record['allocated'] and answer.facts['used'] == len(record['items'])
        if record['allocated']:
            rows = answer.rows('ob_item', answer.block('ob_item'))
            assert items(rows[:len(record['items'])]) == record['items']
        steps = growth_of(ask, record)
        said = answer.table('What the next appends')
        assert [[r['length'], r['allocated then']] for r in said[:len(steps) - 1]] == steps[1:], record['address']
        assert said[0]['allocated before'] == steps[0][1]


def test_array(ask):
    for record, answer in each(ask, 'array', 13):
        assert answer.facts['kind'].startswith("'%s'" % record['typecode'])
        rows = answer.rows('ob_item', answer.block('ob_item'))[:len(record['items'])]
        assert [f['value'] for f in rows] == record['items'] and {f['size'] for f in rows} == {record['itemsize']}
        assert answer.value('allocated') == record['allocated']
        steps = growth_of(ask, record)
        said = answer.table('What the next appends')
        assert [[r['length'], r['allocated then']] for r in said] == steps[1:], record


def test_float(ask):
    for record, answer in each(ask, 'float', 13):
        facts = answer.facts
        if record['repr'] != 'nan':
            assert facts['bits'].replace(' ', '') == record['bits']
        assert facts['hex'] == record['hex'] and facts['value'] == record['repr']
        if record['exactly']:
            assert float(facts['exactly']) == float(record['exactly'])
            assert facts['exactly'].rstrip('0').rstrip('.') == record['exactly'].rstrip('0').rstrip('.') or \
                '.' not in record['exactly']
    for record, answer in each(ask, 'complex', 2):
        assert answer.field('cval.real')['text'] == record['real'] and answer.field('cval.imag')['text'] == record['imag']


def test_range_slice(ask):
    for kind, names in (('range', ('start', 'stop', 'step', 'length')), ('slice', ('start', 'stop', 'step'))):
        for record, answer in each(ask, kind, 2):
            assert [answer.value(n)['repr'] for n in names] == [record[n] for n in names]


def test_deque(ask):
    for record, answer in each(ask, 'deque', 4):
        blocks = [p for p in answer.parts if p['kind'] == 'block' and p['title'].startswith('block')]
        assert len(blocks) == record['blocks'] == answer.facts['blocks']
        found = [f['value']['address'] for b in blocks for f in b['fields']
                 if f['name'] and f['name'].startswith('data[') and isinstance(f['value'], dict)]
        assert found == record['items'] and answer.facts.get('maxlen') == record['maxlen']
        for before, behind in zip(blocks, blocks[1:]):
            assert answer.value('rightlink', before) == behind['address']
            assert answer.value('leftlink', behind) == before['address']


def test_memoryview(ask):
    for record, answer in each(ask, 'memoryview', 7):
        for name in ('itemsize', 'ndim', 'readonly'):
            assert answer.value('view_' + name) == record[name]
        assert answer.value('view_len') == record['nbytes'] and answer.value('view_obj')['address'] == record['obj']
        assert ("'%s'" % record['format']) in answer.field('view_format')['meaning']
        numbers = {f['name'].partition(': ')[2]: f['value'] for f in answer.own['fields']
                   if f['name'] and f['name'].startswith('ob_array')}
        for name in ('shape', 'strides'):
            assert [numbers['%s[%d]' % (name, i)] for i in range(record['ndim'])] == record[name]
        if record['together'] and record['nbytes']:
            assert ''.join(f['bytes'] for f in answer.block('view.buf')['fields']) == record['bytes']
    for record, answer in each(ask, 'released'):
        assert 'RELEASED' in answer.field('flags')['meaning']


def test_memory(ask):
    """The bytes of each row, laid together, are what ctypes read in the process."""
    if not read_truth(ask.folder, 'memory'):
        pytest.skip('this interpreter has no ctypes')
    for record, answer in each(ask, 'memory', 30):
        assert answer.memory()[2 * record['offset']:] == record['bytes'], record


# ---- Where objects live ----

def check_pool(record, facts, word, pool_size, requested):
    """A block of pymalloc's, by arithmetic on the address. requested: bytes asked for, what debug hooks add included."""
    block, pool = int(re.match(r'0x\w+', facts['block']).group(), 16), int(re.match(r'0x\w+', facts['pool']).group(), 16)
    where = re.match(r'pymalloc: block (\d+) of (\d+) in a pool of size class (\d+) \((\d+) bytes\), allocated$', facts['lives in'])
    assert where, facts
    index, capacity, size_class, size = (int(n) for n in where.groups())
    unit = size // (size_class + 1)
    header = 48 if word == 8 else 32
    assert unit in (8, 16) and size_class == (requested - 1) // unit, record
    assert pool == int(record['address'], 16) & ~(pool_size - 1) and block == pool + header + index * size
    assert capacity == (pool_size - header) // size and block <= int(record['address'], 16) < block + size


def check_places(ask):
    allocator = read_truth(ask.folder, 'allocator')[0]
    word, is_debug = allocator['word'], allocator['debug'] or allocator['name'] in ('debug', 'malloc_debug')
    pool_size = 1 << 14 if word == 8 and ask.interpreter.minor >= (3, 10) else 1 << 12
    kinds = set()
    for record, answer in each(ask, 'place', 30):
        facts = answer.facts
        hooks = is_debug * word * (4 if ask.interpreter.minor < (3, 8) else 3)
        if ask.interpreter.minor < (3, 8) and is_debug:
            assert facts['debug hooks'].startswith('%d bytes asked for, of allocator \'o\'; allocation number' % record['size'])
        elif is_debug:
            assert facts['debug hooks'] == "%d bytes asked for, of allocator 'o'" % record['size'], facts
        else:
            assert 'debug hooks' not in facts
        assert 'freed' not in facts and 'overrun' not in facts and 'free list' not in facts, facts
        if allocator['name'] in ('malloc', 'malloc_debug') or (record['size'] + hooks > 512 and not ask.interpreter.free_threaded):
            size = re.match(r'malloc: a chunk of (\d+) bytes', facts['lives in'])
            # What is too large for pymalloc comes from the raw allocator, which has hooks too.
            asked = record['size'] + hooks * (1 if (allocator['name'] or '').startswith('malloc') else 2)
            # Its own word, what rounds it up, and a rest too small to be a chunk.
            assert size and 0 <= int(size.group(1)) - asked < 64 + 4096 * ('mapping of its own' in facts['lives in']), (record, facts)
            kinds.add('malloc')
        elif ask.interpreter.free_threaded:
            size = re.match(r'mimalloc: block \d+ of \d+ in a page of (\d+) bytes a block, allocated; heap of objects', facts['lives in'])
            assert size and int(size.group(1)) >= record['size'] + hooks, facts
            kinds.add('mimalloc')
        else:
            check_pool(record, facts, word, pool_size, record['size'] + hooks)
            assert re.match(r'\d+ at 0x\w+, (1048576|262144|2097152) bytes: ', facts['arena']), facts
            kinds.add('pymalloc')
    return kinds


def check_kinds(session, expected):
    """A sanitized cpeek is asked for some of the objects only."""
    kinds = check_places(session)
    assert kinds == expected or (not session.session and kinds and kinds < expected)


def test_place(ask):
    check_kinds(ask, {'mimalloc'} if ask.interpreter.free_threaded else {'pymalloc', 'malloc'})


def test_free_list(ask):
    """Lists that were freed shortly before the core: CPython keeps them, up to 3.9 where nothing says."""
    said = []
    for record in read_truth(ask.folder, 'waiting'):
        parts = ask.json('dissect ' + record['address'])['parts']
        said += [p['facts']['free list'] for p in parts if p['kind'] == 'facts' and 'free list' in p['facts']]
    assert all(re.match(r'of list objects of (thread|interpreter) \d+: \d+ of \d+ that wait', text) for text in said)
    assert len(said) >= 10 if ask.interpreter.minor >= (3, 10) else not said


@pytest.mark.parametrize('allocator', ['malloc', 'debug'])
def test_place_of_allocator(cpeek, core_of, shared, allocator):
    if shared.free_threaded and allocator == 'malloc':
        pytest.skip('a free-threaded build has no allocator but mimalloc')
    folder = core_of(shared, 'scalars', allocator)
    with asking.Asking(cpeek, os.path.join(folder, 'core'), shared.core_options()) as session:
        session.folder, session.interpreter = folder, shared
        check_kinds(session, {'mimalloc'} if shared.free_threaded else {'malloc'} if allocator == 'malloc' else
                    {'pymalloc', 'malloc'})


# ---- What is wrong ----

class Patched:
    """with Patched(core, address, bytes): the core's memory says something else."""
    def __init__(self, core, address, data):
        self.core, self.address, self.data = core, address, data

    def exchange(self, data):
        with open(self.core, 'r+b') as f:
            head = f.read(64)
            offset, = struct.unpack_from('<Q', head, 32)
            size, count = struct.unpack_from('<HH', head, 54)
            for i in range(count):
                f.seek(offset + i * size)
                kind, _, start, address, _, length = struct.unpack_from('<IIQQQQ', f.read(size))
                if kind == 1 and address <= self.address and self.address + len(data) <= address + length:
                    f.seek(start + self.address - address)
                    old = f.read(len(data))
                    f.seek(start + self.address - address)
                    f.write(data)
                    return old
        raise AssertionError('the core has no 0x%x' % self.address)

    def __enter__(self):
        self.old = self.exchange(self.data)

    def __exit__(self, *exception):
        self.exchange(self.old)


HUGE = struct.pack('<q', 1 << 60)
DAMAGE = [      # what, of which record, which field or row, its new bytes, what the problem says
    ('int', lambda r: len(r['digits']) == 2, 'lv_tag', b'\x03', 'lv_tag: the sign bits are 3'),
    ('int', lambda r: len(r['digits']) == 2, 'lv_tag', b'\x11', 'lv_tag: the sign bits say zero'),
    ('int', lambda r: len(r['digits']) == 2, 'ob_digit[1]', b'\xff\xff\xff\xff', 'which is not below the base'),
    ('int', lambda r: len(r['digits']) == 2, 'ob_digit[1]', b'\0\0\0\0', 'the most significant digit, is 0'),
    ('str', lambda r: r['width'] == 2 and r['compact'], '[0]', b'\0\xd8', None),
    ('str', lambda r: r['ascii'] and r['compact'] and len(r['points']) > 5, '[1]', b'\xe9', 'state.ascii is set, but'),
    ('str', lambda r: r['width'] == 4 and r['compact'], '[0]', b'\xff\xff\xff\x7f', 'code points end at U+10FFFF'),
    ('str', lambda r: r['compact'] and len(r['points']) > 5, 'length', HUGE, 'there is no memory for so many characters'),
    ('bytes', lambda r: r['bytes'], 'ob_size', HUGE, 'there is no memory for so many bytes'),
    ('bytearray', lambda r: r['bytes'], 'ob_start', struct.pack('<q', 16), 'are not within the'),
    ('bytearray', lambda r: r['bytes'], 'ob_size', struct.pack('<q', -1), 'is below 0'),
    ('list', lambda r: r['items'], 'allocated', struct.pack('<q', 0), 'but allocated 0'),
    ('list', lambda r: r['items'], 'ob_item', struct.pack('<q', 0), 'ob_item is NULL'),
    ('list', lambda r: r['items'], 'allocated', HUGE, 'there is no memory for so many items'),
    ('tuple', lambda r: r['items'], 'ob_size', HUGE, 'there is no memory for so many items'),
    ('deque', lambda r: r['blocks'] > 1, 'leftindex', struct.pack('<q', 99), 'leftindex 99'),
    ('deque', lambda r: r['blocks'] > 1, 'rightindex', struct.pack('<q', -7), 'rightindex is -7'),
    ('array', lambda r: r['items'], 'ob_size', struct.pack('<q', 1 << 40), 'but allocated'),
    ('memoryview', lambda r: r['together'], 'view_ndim', struct.pack('<i', 200), 'view.ndim is 200'),
    ('memoryview', lambda r: r['together'] and r['nbytes'], 'view_len', HUGE, 'there is no memory for so many bytes'),
    ('counted', lambda r: True, 'ob_refcnt', struct.pack('<q', -5 << 32 | 1), 'is below 0'),
]


def test_damage(cpeek, core_of, shared, tmp_path):
    folder, core, done = core_of(shared, 'scalars'), str(tmp_path / 'core'), 0
    shutil.copyfile(os.path.join(folder, 'core'), core)
    for kind, fits, name, data, problem in DAMAGE:
        record = next(r for r in read_truth(folder, kind) if fits(r))
        line = [*shared.core_options(), core, 'dissect', record['address'], '--json']
        own = json.loads(cpeek.run(*line).stdout.decode())['parts'][0]
        row = next((f for f in own['fields'] if f['name'] == name), None)
        if row is None or row['size'] < len(data):
            continue            # a field of other versions
        with Patched(core, int(record['address'], 16) + row['offset'], data):
            ran = cpeek.run(*line)
        problems = [p['text'] for p in json.loads(ran.stdout.decode())['parts'] if p['kind'] == 'problem']
        assert ran.returncode == (1 if problem else 0) and bool(problems) == bool(problem), (name, problems, ran.stderr)
        assert not problem or any(problem in text for text in problems), (problem, problems)
        done += 1
    assert done >= 17
