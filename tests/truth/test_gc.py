"""gc and gc --simulate against what a twin of the dumped process says: its collector's state, and what went when it
collected."""
import json
import shutil
import struct

import pytest

VARIANTS = {'plain': [], 'old': ['old', 'rise']}


class Truth:
    def __init__(self, path):
        with open(path) as f:
            lines = [json.loads(line) for line in f]
        self.state = next(line['state'] for line in lines if 'state' in line)
        self.names = next(line['names'] for line in lines if 'names' in line)
        self.collections = [line for line in lines if 'generation' in line]

    def name(self, address):
        return next((name for name, addresses in self.names.items() if address in addresses), '')


@pytest.fixture(params=sorted(VARIANTS))
def twin(request, interpreter, core_of, cpeek):
    """The truth, and cpeek's answer to a command on its core."""
    arguments = VARIANTS[request.param]
    if 'old' in arguments and interpreter.emulated:
        pytest.skip('threads and fork under qemu-user do not go together')
    folder = core_of(interpreter, 'garbage', *arguments)
    gc = lambda *command: cpeek.json(*interpreter.core_options(), folder + '/core', 'gc', *command)['interpreters'][0]
    return Truth(folder + '/truth.jsonl'), gc


def test_state(twin, interpreter):
    truth, gc = twin
    said = gc()
    thresholds, counts, enabled, debug, frozen, objects, stats, garbage, callbacks = truth.state
    generations = said['generations']
    assert [g['threshold'] for g in generations] == thresholds
    # To ask is to make objects: the twin has a few more, all young.
    assert [g['count'] for g in generations][1:] == counts[1:]
    assert abs(generations[0]['count'] - counts[0]) <= 8
    assert said['frozen'] == frozen
    if interpreter.minor >= (3, 8):
        if interpreter.free_threaded:
            assert abs(generations[0]['objects'] - objects[0]) <= 8
        else:
            assert [g['objects'] for g in generations][1:] == objects[1:]
            assert abs(generations[0]['objects'] - objects[0]) <= 8
    if interpreter.minor == (3, 6):     # nothing leads to the rest
        assert 'enabled' not in said
        return
    assert (said['enabled'], said['debug'], said['garbage'], said['callbacks']) == (
        enabled, '0' if debug == 0 else debug, garbage, callbacks)
    assert [[g['collections'], g['collected'], g['uncollectable']] for g in generations] == stats
    assert said['next'] == 'none by itself: it is disabled'


def test_simulation(twin, interpreter):
    """What it says goes, goes, and nothing else."""
    truth, gc = twin
    young = truth.collections[0]['generation']
    for true in truth.collections:
        said = gc('--simulate', '--generation', str(true['generation']))
        assert said['problems'] == []
        unreachable = {o['address'] for o in said['unreachable']}
        uncollectable = {o['address'] for o in said['uncollectable']}
        freed = {o['address'] for o in said['freed_with']}
        saved, gone = set(true['unreachable']), set(true['gone'])
        risen = set(truth.names.get('lazarus', ()))
        # The finalizers and callbacks that run are those that it names.
        assert true['called'].count('Mourned') == sum(f['runs'] == '__main__.Mourned.__del__' for f in said['finalizers'])
        assert true['called'].count('Lazarus') == sum(f['runs'] == '__main__.Lazarus.__del__' for f in said['finalizers'])
        assert true['called'].count('callback') == len(said['weakref_callbacks'])
        assert true['called'].count('never') == 0
        if true['called'].count('Lazarus') and interpreter.minor < (3, 9):
            assert saved <= uncollectable and risen & unreachable      # one came back: none goes
            continue
        if not true['saved']:       # nothing tells whether a tuple died or is untracked
            gone |= set(true['gone_or_untracked']) & unreachable
        extra = {truth.name(a) or a for a in unreachable - saved - gone - risen}
        assert not extra, 'would not go: %s' % sorted(extra)
        missing = {truth.name(a) or a for a in saved - unreachable - uncollectable}
        assert not missing, 'would go too: %s' % sorted(missing)
        # Dead without having been saved, as something else was their last holder; the child's own leavings apart.
        others = gone - unreachable - freed - uncollectable
        assert len(others) <= 4 + said['totals']['immortal'], 'would die too: %s' % sorted(others)
        for address in others:
            if truth.name(address):     # 3.13t makes such immortal, and the collector no longer tracks them
                assert gc('--simulate', address)['object']['fate'].startswith('left out: immortal'), truth.name(address)
        if true['saved']:
            assert true['uncollectable'] == len(uncollectable)
            if not true['called'].count('Lazarus'):
                # Counted after the finalizers, before 3.7.6 before them.
                assert true['result'] == len(saved) or (
                    interpreter.minor < (3, 8) and true['result'] == len(unreachable | uncollectable))
        kept = set(truth.names['kept']) | set(truth.names.get('of a thread', ())) | set(truth.names.get('frozen', ()))
        assert not kept & (unreachable | uncollectable | freed)
        for address in truth.names['itself'][-1:]:
            assert address in unreachable
    assert young == 0


def test_object(twin):
    """One object: what refers to it, and from where it is kept."""
    truth, gc = twin
    address = truth.names['kept'][1]
    said = gc('--simulate', address)
    assert said['object']['address'] == address and said['object']['fate'].startswith('reachable')
    assert said['object']['gc_refs'] == 0 and said['path'][0]['address'] == address
    assert len(said['subtracted']) == said['object']['internal'] >= 1
    assert truth.names['kept'][0] in [o['address'] for o in said['path']]
    address = truth.names['itself'][-1]
    said = gc('--simulate', address)
    assert said['object']['fate'].startswith('unreachable') and 'path' not in said
    assert [o['address'] for o in said['subtracted']] == [address]


def test_head(interpreter, core_of, cpeek):
    """The words before an object: who stands beside it, on which list, and whether it was finalized."""
    if interpreter.free_threaded:
        pytest.skip('free-threaded objects have no such words')
    folder = core_of(interpreter, 'garbage')
    truth = Truth(folder + '/truth.jsonl')

    def rows(address):
        said = cpeek.json(*interpreter.core_options(), folder + '/core', 'dissect', address)
        return {row['name'].lstrip('_'): row for row in said['parts'][0]['fields'] if row['offset'] < 0 and row.get('name')}

    first, second = truth.names['ring'][:2]
    here = rows(first)
    assert 'generation 0' in here['gc_next']['meaning']
    # Each neighbour's neighbour on the other side is the object itself.
    for name, back in (('gc_next', 'gc_prev'), ('gc_prev', 'gc_next')):
        neighbour = here[name]['meaning'].split()
        neighbour = next(word.rstrip(';') for word in neighbour if word.startswith('0x'))
        assert int(here[name]['value'], 16) & ~3 < int(neighbour, 16)
        assert first in rows(neighbour)[back]['meaning']
    if interpreter.minor < (3, 8):
        assert here['gc_refs']['meaning'] in ('GC_REACHABLE', 'GC_TENTATIVELY_UNREACHABLE: a collection runs')
    assert 'generation 0' in rows(second)['gc_next']['meaning']


def place(core, address):
    """Where in a core of a 64-bit machine a byte of memory is."""
    offset, = struct.unpack_from('<Q', core, 32)
    count, = struct.unpack_from('<H', core, 56)
    for i in range(count):
        kind, _, at, start, _, length = struct.unpack_from('<IIQQQQ', core, offset + 56 * i)
        if kind == 1 and start <= address < start + length:
            return at + address - start
    raise KeyError(hex(address))


def test_damage(interpreter, core_of, cpeek, tmp_path):
    """Lists that go nowhere or in circles, and counts that are too small: said, and soon."""
    if interpreter.free_threaded or interpreter.machine != 'x86_64':
        pytest.skip('the places that are damaged are those of x86-64 with a GIL')
    folder = core_of(interpreter, 'garbage')
    address = int(Truth(folder + '/truth.jsonl').names['itself'][0], 16)
    path = str(tmp_path / 'core')
    command = interpreter.core_options() + [path, 'gc', '--simulate', '--json']
    with open(folder + '/core', 'rb') as f:
        core = f.read()
    head = 32 if interpreter.minor < (3, 8) else 16
    if interpreter.minor < (3, 8):      # 24 in the first ones, without what aligns it
        head = 32 if struct.unpack_from('<q', core, place(core, address - 16))[0] in (-6, -8) else 24
    count = address + (16 if interpreter.debug and interpreter.minor < (3, 8) else 0)     # Py_TRACE_REFS
    for where, value, word in ((address - head, address - head, 'list'), (address - head, 0xdead0000, 'list'),
                               (address - head, address, 'list'), (count, 0, 'more references inside')):
        shutil.copyfile(folder + '/core', path)
        with open(path, 'r+b') as f:
            f.seek(place(core, where))
            f.write(struct.pack('<Q', value) if word == 'list' else struct.pack('<I', value))
        done = cpeek.run(*command)
        assert done.returncode == 1 and done.stderr == b'', (hex(where), hex(value), done)
        said = json.loads(done.stdout.decode())['interpreters'][0]
        assert any(word in p['problem'] for p in said['problems']), said['problems']
