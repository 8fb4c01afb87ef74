"""What only free-threaded builds have: collectable objects that no list leads to, and a GIL that may be missing."""
import json
import os

import cores


def tracked(cpeek, *target):
    said = [json.loads(line) for line in cpeek.answer(*target, 'objects', '--json').decode('utf-8').splitlines()]
    return sorted(record['address'] for record in said if record['tracked'])


def expected(folder):
    with open(os.path.join(str(folder), 'truth.jsonl')) as f:
        return sorted(f.read().split()[:-1])


def test_heaps(cpeek, free_threaded, tmp_path):
    """Those of gc.get_objects(), neither more nor fewer."""
    cores.run_to_core(free_threaded, 'heaps', str(tmp_path))
    addresses = expected(tmp_path)
    assert len(addresses) > 20000
    assert tracked(cpeek, tmp_path / 'core') == addresses


def test_live_heaps(cpeek, free_threaded, tmp_path):
    with cores.running(free_threaded, 'heaps', str(tmp_path)) as process:
        assert tracked(cpeek, process.pid) == expected(tmp_path)


def test_gil(cpeek, free_threaded, tmp_path):
    """Without a GIL nothing holds it, whatever its variables were left at; threads are attached or not."""
    for enabled in (False, True):
        folder = tmp_path / str(enabled)
        cores.run_to_core(free_threaded, 'heaps', str(folder), PYTHON_GIL=str(int(enabled)))
        info = cpeek.json(folder / 'core', 'info')
        assert info['gil_enabled'] is enabled and info['flavour']['free_threaded'] is True
        main, *others = cpeek.json(folder / 'core', 'threads')['threads']
        assert len(others) == 3
        if enabled:
            assert main['gil'] == 'holding' and 'state' not in main
        else:
            assert main['gil'] == 'none' and main['state'] == 'attached'
        for thread in others:
            assert thread['gil'] == 'none' and thread.get('state') == (None if enabled else 'detached')
