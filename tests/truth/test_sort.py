"""The runs and merges of list.sort(): against the comparisons that CPython made of the same items, one by one, in order
(fixtures/programs/algorithms.py records them)."""
import os

import asking
from asking import read_truth


def natural_run(before, start, end, version):
    """The length of the run that starts there, and whether it descends: count_run(), written again."""
    n = start + 1
    while n < end and not before(n, n - 1):
        n += 1
    if version < (3, 13):
        if n > start + 1 or n == end:
            return n - start, False
        while n < end and before(n, n - 1):
            n += 1
        return n - start, True
    if n == end or (n > start + 1 and before(start, n - 1)):
        return n - start, False
    while n < end and not before(n - 1, n):         # equal items too
        n += 1
    last = start
    while n < end and not before(n, last):
        last, n = n, n + 1
    return n - start, True


def check(record, values, facts, tables, version):
    """The pairs that were compared must be those of run after run: first inside the run, and what ends it; then between the
    two sides of each merge that follows it."""
    rows, merges = tables['runs'], list(tables.get('merges', ()))
    pairs, at, start = record['pairs'], 0, 0

    def before(a, b):
        return values[a] < values[b]

    for row in rows:
        assert row['start'] == start
        natural, descending = natural_run(before, start, len(values), version)
        assert (row['natural'], row['direction'].startswith('descending')) == (natural, descending), row
        end = start + row['length']
        assert row['inserted'] == row['length'] - natural >= 0
        reach = max(end, min(start + natural + 1, len(values)))
        seen = set()
        while at < len(pairs) and all(start <= place < reach for place in pairs[at]):
            seen.update(pairs[at])
            at += 1
        assert seen == set(range(start, reach)) or len(values) < 2, (row, seen)
        start = end
        while merges and merges[0]['after run'] == row['run']:
            merge = merges.pop(0)
            left = range(merge['start'], merge['start'] + merge['length'])
            right = range(merge['with start'], merge['with start'] + merge['with length'])
            assert left.stop == right.start
            count = 0
            while at < len(pairs) and any(a in left and b in right for a, b in (pairs[at], pairs[at][::-1])):
                at += 1
                count += 1
            assert count > 0, merge
    assert start == len(values) and not merges and at == len(pairs)


def test_sort(cpeek, core_of, interpreter):
    folder = core_of(interpreter, 'algorithms')
    lists = made_here()
    with asking.Asking(cpeek, os.path.join(folder, 'core'), interpreter.core_options()) as session:
        for record in read_truth(folder, 'sort'):
            facts, tables = session.parts('sort --full ' + record['list'])
            assert facts['items'] == record['items'] == len(lists[record['name']])
            if record['items'] > 1:
                check(record, lists[record['name']], facts, tables, interpreter.minor)
            else:
                assert not tables


def made_here():
    """The same lists: the program's own code makes them."""
    with open(os.path.join(os.path.dirname(asking.cores.PROGRAMS), 'programs', 'algorithms.py')) as f:
        source = f.read()
    start = source.index('def make_lists()')
    scope = {}
    exec('import random\n' + source[start:source.index('\n\n\n', start)], scope)
    return scope['make_lists']()


def test_comparison(cpeek, core_of, interpreter):
    """What the look at all keys chooses (list_sort_impl() of Objects/listobject.c), and what cannot be compared."""
    folder = core_of(interpreter, 'algorithms')
    chosen = {'shuffled': 'unsafe_long_compare', 'large': 'unsafe_object_compare', 'strings': 'unsafe_latin_compare',
              'wide': 'unsafe_object_compare', 'floats': 'safe_object_compare', 'bools': 'unsafe_object_compare',
              'tuples': 'unsafe_tuple_compare: all are tuples, whose first items by unsafe_long_compare',
              'nested': 'unsafe_tuple_compare: all are tuples, whose first items by safe_object_compare'}
    with asking.Asking(cpeek, os.path.join(folder, 'core'), interpreter.core_options()) as session:
        for name, wanted in chosen.items():
            facts, tables = session.parts("sort lists['%s']" % name)
            assert facts['comparison'].startswith(wanted if interpreter.minor > (3, 6) else 'PyObject_RichCompare'), name
        facts, tables = session.parts('sort unorderable')
        assert facts['note'] == ['The sort ends with a TypeError: [2] < [1], where str stands before int, is not supported.']
        assert not session.partial and not tables
        facts, tables = session.parts('sort asking')
        assert '__main__.Recorder has methods of its own' in facts['problem'][0] and session.partial and not tables
