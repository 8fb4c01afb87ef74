"""At which sizes containers reallocate: against sys.getsizeof() of the same containers, as a child of the target lets them
grow (fixtures/programs/algorithms.py)."""
import os

import asking
from asking import read_truth


def test_growth(cpeek, core_of, interpreter):
    folder = core_of(interpreter, 'algorithms')
    steps = 0
    with asking.Asking(cpeek, os.path.join(folder, 'core'), interpreter.core_options()) as session:
        for record in read_truth(folder, 'growth'):
            facts, tables = session.parts('growth --steps 64 ' + record['container'])
            rows, = tables.values()
            assert facts['items'] == record['items']
            said = [[r['items'], r['getsizeof']] for r in rows]
            assert len(record['steps']) > 0 and changes(said, record) == record['steps'], (record, said)
            steps += len(record['steps'])
    assert steps > 60


def changes(said, record):
    """Those that getsizeof() shows: a new table of the same size, or one in the object itself, changes nothing."""
    last = record['size']
    out = []
    for items, size in said[:len(record['steps']) + 3]:
        if size != last:
            out.append([items, size])
        last = size
    return out[:len(record['steps'])]


def test_others(cpeek, core_of, interpreter):
    folder = core_of(interpreter, 'algorithms')
    core = interpreter.core_options() + [os.path.join(folder, 'core')]
    done = cpeek.run(*core, 'growth', 'values[0]')
    assert done.returncode == 2 and b'a int does not grow' in done.stderr
    said = cpeek.answer(*core, 'growth', "containers['frozen']").decode()
    assert 'never grows' in said
