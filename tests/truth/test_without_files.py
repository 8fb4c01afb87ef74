"""Cores of which no ELF file is at hand; versions that no table is for. What is missing is marked, the rest is right."""
import json
import os
import re
import struct
import subprocess

import pytest

import compare
import cores
from committed import CORES, CPEEK

PARTIAL, UNSUPPORTED = 1, 5
NT_FILE = 0x46494c45


def hide_files(core):
    """The core with the paths of its NT_FILE note changed to such as are nowhere: bytes of it, as a bytearray."""
    width, order = {1: 4, 2: 8}[core[4]], {1: '<', 2: '>'}[core[5]]
    start, count, step = ((struct.unpack_from(order + 'Q', core, 32)[0], *struct.unpack_from(order + '2x2H', core, 52)[::-1])
                          if width == 8 else
                          (struct.unpack_from(order + 'I', core, 28)[0], *struct.unpack_from(order + '2H', core, 42)[::-1]))
    for at in range(start, start + count * step, step):
        kind, = struct.unpack_from(order + 'I', core, at)
        if kind != 4:
            continue
        offset, size = (struct.unpack_from(order + 'Q16xQ', core, at + 8) if width == 8 else
                        struct.unpack_from(order + 'I8xI', core, at + 4))
        while size > 12:
            name, length, kind = struct.unpack_from(order + '3I', core, offset)
            body = offset + 12 + (name + 3 & ~3)
            if kind == NT_FILE:
                at_name = body + width * (2 + 3 * int.from_bytes(core[body:body + width], 'little' if order == '<' else 'big'))
                while at_name < body + length:
                    end = core.index(0, at_name)
                    core[at_name:at_name + 5] = b'/gone'[:end - at_name]
                    at_name = end + 1
            whole = body + (length + 3 & ~3) - offset
            offset, size = offset + whole, size - whole
    return core


def run(*arguments):
    return subprocess.run([CPEEK] + [str(a) for a in arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120)


def compare_with(truth, *target):
    """A Result of objects, frames and locals; the answers may be partial."""
    result = compare.Result()
    with open(truth, encoding='ascii') as lines:
        expected, threads, _ = compare.read_truth(lines)
    done = run(*target, 'objects', '--referents', '--repr', '--json')
    assert done.returncode in (0, PARTIAL), done.stderr
    compare.compare_objects(expected, done.stdout.splitlines(), result)
    done = run(*target, 'bt', '--all', '--locals', '--full', '--json')
    assert done.returncode in (0, PARTIAL), done.stderr
    compare.compare_threads(threads, json.loads(done.stdout)['threads'], result)
    return result


def rewrite(folder, target, change):
    """target: a copy of the core in folder that change() was applied to."""
    with open(folder / 'core', 'rb') as file:
        core = change(bytearray(file.read()))
    with open(target, 'wb') as file:
        file.write(core)
    return target


def test_no_file(unpack, committed, agree, tmp_path):
    folder = unpack(committed)
    core = rewrite(folder, tmp_path / 'core', hide_files)
    info = json.loads(run(core, 'info', '--json').stdout)
    if not committed.endswith(('-aarch64', '-arm', '-s390x')):          # an emulator's core holds the files themselves
        assert 'symbol' not in info['found_by'] and 'Py_Version' not in info['version_by']
        assert all(file['state'] == 'missing here' for file in info['modules'])
    agree(compare_with(folder / 'truth.jsonl', core), committed, 'no files')


def test_dwarf(interpreter, core_of):
    """A layout from DWARF says what a table says."""
    folder = core_of(interpreter, 'small')
    target = [*interpreter.core_options(), '--python', 'dwarf', os.path.join(folder, 'core')]
    done = run(*target, 'info', '--json')
    if done.returncode == UNSUPPORTED and 'debug information' in done.stderr.decode():
        pytest.skip('%s has no DWARF' % interpreter.name)
    assert json.loads(done.stdout)['layout'].startswith('the DWARF of ')
    result = compare_with(os.path.join(folder, 'truth.jsonl'), *target)
    assert not result.wrong and result.agreement >= 0.99, result.explain()


def patched(version, grown):
    """A change of what _Py_DebugOffsets tells: PY_VERSION_HEX, and the sizes of the runtime and of an interpreter."""
    def change(core):
        at = -1
        while True:
            at = core.find(b'xdebugpy', at + 1)
            if at < 0:
                return hide_files(core)
            if at % 8 == 0 and core[at + 11] == 3:
                struct.pack_into('<Q', core, at + 8, version)
                for size in (at + 24, at + 48):
                    struct.pack_into('<Q', core, size, struct.unpack_from('<Q', core, size)[0] + grown)
    return change


@pytest.mark.parametrize('series, version, grown', [('3.13.', 0x030d63f0, 8), ('3.15.', 0x031100f0, 0)],
                         ids=['3.13.99', '3.17.0'])
def test_unknown_version(unpack, tmp_path, series, version, grown):
    """The stacks of a version that nobody has a table for: by _Py_DebugOffsets and the nearest table, and it says so."""
    committed = [name for name in sorted(os.listdir(CORES)) if re.fullmatch(series.replace('.', r'\.') + r'\d+', name)]
    if not committed:
        pytest.skip('there is no committed core of %s*' % series)
    folder = unpack(committed[0])
    core = rewrite(folder, tmp_path / 'core', patched(version, grown))
    info = json.loads(run(core, 'info', '--json').stdout)
    assert info['layout_partial'] is True
    assert 'no table is for' in info['layout'] and '_Py_DebugOffsets' in info['layout']
    with open(folder / 'truth.jsonl', encoding='ascii') as lines:
        _, threads, _ = compare.read_truth(lines)
    done = run(core, 'bt', '--all', '--locals', '--full', '--json')
    result = compare.Result()
    compare.compare_threads(threads, json.loads(done.stdout)['threads'], result)
    assert not result.wrong and result.frames > 5 and result.locals > 20, result.explain()
    done = run(core, 'objects')
    assert done.returncode == PARTIAL and b'the layout is partial' in done.stdout


def test_impossible_version(unpack, tmp_path):
    """Sizes that no structure has: refused, with the check that failed, both versions and what to pass."""
    folder = unpack('3.13.0')

    def change(core):
        core = patched(0x031100f0, 0)(core)
        at = core.index(b'xdebugpy')
        while at % 8 or core[at + 11] != 3:
            at = core.index(b'xdebugpy', at + 1)
        struct.pack_into('<Q', core, at + 24, 0)
        return core

    done = run(rewrite(folder, tmp_path / 'core', change), 'info')
    message = done.stderr.decode()
    assert done.returncode == UNSUPPORTED and done.stdout == b''
    assert '3.17.0' in message and '_Py_DebugOffsets.runtime_state' in message and '--python' in message
