"""numpy's arrays, dtypes and scalars: what `print`, `objects` and `dissect` say of them, compared with what numpy said
(fixtures/programs/arrays.py)."""
import json
import os
import subprocess

import pytest

import cores
from asking import read_truth


@pytest.fixture(scope='module')
def core(core_of, native):
    """The command line's target, and the folder. Of interpreters that have numpy."""
    probe = native.command() + ['-c', 'import numpy']
    done = subprocess.run(probe, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, cwd='/',
                          env=cores._environment(**native.environment))
    if done.returncode:
        pytest.skip('it has no numpy: ' + done.stdout.decode('utf-8', 'replace').strip().split('\n')[-1])
    folder = core_of(native, 'arrays')
    return native.core_options() + [os.path.join(folder, 'core')], folder


def expression(name):
    return '__main__.held["%s"]' % name


def test_arrays(cpeek, core):
    target, folder = core
    records, wrong = read_truth(folder, 'array'), []
    assert len(records) > 40
    for record in records:
        said = cpeek.json(*target, 'print', expression(record['name']), '--elements', '0')
        attributes = said['attributes']
        assert said['address'] == record['address'] and said['repr'].startswith('<' + record['type'] + ' object at ')
        for name in 'dtype', 'shape', 'strides', 'nbytes', 'data':
            if attributes[name]['repr'] != record[name]:
                wrong.append((record['name'], name, record[name], attributes[name]['repr']))
        base = attributes.get('base', {}).get('address', False)
        if base != record['base']:
            wrong.append((record['name'], 'base', record['base'], base))
    assert wrong == []


def test_scalars_and_dtypes(cpeek, core):
    target, folder = core
    wrong = []
    for kind, names in ('scalar', ('value', 'unit')), ('dtype', ('str',)):
        records = read_truth(folder, kind)
        assert len(records) >= 16
        for record in records:
            attributes = cpeek.json(*target, 'print', expression(record['name']))['attributes']
            for name in names:
                said = attributes.get(name, {}).get('repr')
                if said != record.get(name):
                    wrong.append((record['name'], name, record.get(name), said))
    assert wrong == []


def test_sizes_and_referents(cpeek, core):
    target, folder = core
    records = [r for kind in ('array', 'scalar', 'dtype') for r in read_truth(folder, kind)]
    said = {}
    for line in cpeek.run(*target, 'objects', '--referents', '--json').stdout.decode('utf-8').splitlines():
        record = json.loads(line)
        said[record['address']] = record
    wrong = []
    for record in records:
        got = said.get(record['address'])
        if got is None:
            wrong.append((record['name'], 'is missing'))
            continue
        for name, value in ('size', got['size']), ('referents', sorted(got['referents'])):
            if value != record[name]:
                wrong.append((record['name'], name, record[name], value))
    assert wrong == []


def test_paths(cpeek, core):
    target, _ = core
    for path, expected in (('["grid"].shape', '(2, 3, 4)'), ('["turned"].strides', '(8, 32, 96)'), ('["i4"].dtype', "'<i4'"),
                           ('["deep"].nbytes', '24'), ('["one"].data', '5')):
        assert cpeek.answer(*target, 'print', '__main__.held' + path).decode() == expected + '\n'


def test_limits(cpeek, core):
    target, _ = core
    assert cpeek.json(*target, 'print', expression('many'), '--elements', '3')['attributes']['data']['repr'] == \
        '[0, 1, 2, … +2997 items]'
    assert cpeek.json(*target, 'print', expression('grid'), '--elements', '1')['attributes']['data']['repr'] == \
        '[[[0.0, … +3 items], … +2 items], … +1 items]'


def test_dissect(cpeek, core):
    target, folder = core
    record = next(r for r in read_truth(folder, 'array') if r['name'] == 'grid')
    parts = cpeek.json(*target, 'dissect', expression('grid'))['parts']
    blocks = [p for p in parts if p['kind'] == 'block']
    rows = {r.get('name'): r.get('value') for b in blocks for r in b['fields']}
    assert rows['nd'] == 3
    assert [rows['dimensions[%d]' % i] for i in range(3)] == [2, 3, 4]
    assert [rows['strides[%d]' % i] for i in range(3)] == [96, 32, 8]
    assert rows['descr']['address'] == next(r for r in read_truth(folder, 'dtype') if r['name'] == 'dtype of grid')['address']
    assert rows['data[23]'] == '23.0'
    assert (rows['base'] or {}).get('address', False) == record['base']


def test_broken(cpeek, core):
    """A header that contradicts itself shows no elements, and the answer says that it is not whole."""
    target, _ = core
    for name in ('negative nd', 'many dimensions', 'negative dimension', 'huge dimension', 'large dimension', 'wild stride',
                 'far stride', 'no data', 'no dtype', 'other dtype', 'lost dimensions'):
        for command in 'print', 'dissect':
            done = cpeek.run(*target, command, '__main__.broken["%s"]' % name)
            text = done.stdout.decode('utf-8')
            assert done.returncode == 1, (name, command, done.returncode, text, done.stderr)
            assert 'numpy.ndarray' in text and '11.0' not in text, (name, command, text)
