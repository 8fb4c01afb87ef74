"""Cores of real processes with bytes and words of their writable memory changed at random: each command must end soon,
with an answer or one line that says why not. The seed is fixed: the same runs each time."""
import json
import os
import random
import re
import struct
import subprocess
import sys
import time

import committed
import pytest

# CPEEK_MUTATIONS=500 asks for more of them than the suite has time for.
MUTATIONS = int(os.environ.get('CPEEK_MUTATIONS', '4'))
SECONDS = 20
MEMORY_MAX = 1 << 30

# A process inherits the peak of the one that it was forked from, and the whole suite's may be large: so this one is between.
MEASURED = [sys.executable, '-S', '-c', '''if True:
    import resource, subprocess, sys
    code = subprocess.run(sys.argv[2:]).returncode
    with open(sys.argv[1], 'w') as file:
        file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024))
    sys.exit(code if code >= 0 else 128 - code)''']

COMMANDS = [
    ['info'],
    ['threads'],
    ['bt', '--all', '--locals'],
    ['locals'],
    ['globals'],
    ['print', 'sys.modules'],
    ['print', '--full', '__builtins__'],
    ['objects', '--referents', '--repr', '--limit', '2000'],
    ['gc'],
    ['gc', '--simulate', '--limit', '2000'],
]
JSON_LINES = {'objects'}

PT_LOAD, PF_W = 1, 2


def word_of(core):
    """Of the core's machine: its size in bytes, and how struct packs it."""
    wide, order = core[4] == 2, '<' if core[5] == 1 else '>'
    return (8, order + 'Q') if wide else (4, order + 'I')


def writable_ranges(core):
    """(offset in the file, address, length) of each saved segment that is writable."""
    word, form = word_of(core)
    order = form[0]
    offset, = struct.unpack_from(form, core, 16 + 8 + 4 * (word // 4))     # e_phoff, behind e_entry
    size, count = struct.unpack_from(order + 'HH', core, 54 if word == 8 else 42)
    ranges = []
    for i in range(count):
        header = offset + i * size
        if word == 8:
            kind, flags, at, address, _, length = struct.unpack_from(order + 'IIQQQQ', core, header)
        else:
            kind, at, address, _, length, _, flags = struct.unpack_from(order + 'IIIIIII', core, header)
        if kind == PT_LOAD and flags & PF_W and length:
            ranges.append((at, address, length))
    return ranges


def mutate(core, rng):
    """A copy with changes, few or many, of the kinds that damage is made of."""
    mutated = bytearray(core)
    ranges = writable_ranges(core)
    word, form = word_of(core)
    bits = 8 * word
    weights = [length for _, _, length in ranges]
    for _ in range(rng.choice([10, 100, 1000, 10000, 50000])):
        at, _, length = rng.choices(ranges, weights)[0]
        place = at + rng.randrange(length // word) * word
        old, = struct.unpack_from(form, mutated, place)
        _, base, extent = rng.choices(ranges, weights)[0]
        new = rng.choice([
            0, 1, 2**bits - 1, 2**(bits - 1) - 1, 2**(bits - 2), 2**(bits * 5 // 8), 2**(bits // 2) - 1,
            rng.getrandbits(bits), rng.randrange(1000),
            base + rng.randrange(extent // 8) * 8,                      # a valid pointer, to something else
            (old + rng.choice([-64, -16, -8, 1, 8, 16, 64])) % 2**bits,  # beside what it was
            old ^ 1 << rng.randrange(bits),
        ])
        struct.pack_into(form, mutated, place, new)
    return mutated


def check_json(text, lines):
    for document in text.splitlines() if lines else [text]:
        json.loads(document)


def check(arguments, done, seconds):
    """What is wrong with how a command ended; None when nothing is."""
    out, err = done.stdout, done.stderr
    if b'Sanitizer' in err or b'runtime error:' in err:
        return 'a sanitizer reports'
    # 2: an expression that names nothing, or no frame to look at.
    if done.returncode not in (0, 1, 2, 3, 4, 5):
        return 'exit code %d' % done.returncode
    if err.count(b'\n') > 1:
        return 'more than a line of errors'
    if done.returncode > 1 and not err:
        return 'no reason given'
    if seconds > SECONDS:
        return 'took %.1f seconds' % seconds
    text = out.decode('utf-8')      # raises when it is none
    if '--json' in arguments:
        if done.returncode <= 1 and not err:    # with an error, what was written before it stays
            check_json(text, arguments[0] in JSON_LINES)
    elif re.search('[\x00-\x09\x0b-\x1f\x7f-\x9f]', text):
        return 'a control character'
    return None


@pytest.mark.parametrize('version', committed.versions() + committed.machines())
def test_mutate(version, unpack, tmp_path):
    program = os.path.join(committed.BUILD, 'plugin', 'cpeek')
    path, root = unpack(version)
    with open(path, 'rb') as file:
        core = file.read()
    mutated, peak = str(tmp_path / 'core'), str(tmp_path / 'peak')
    opened = 0
    for i in range(MUTATIONS):
        rng = random.Random('%s %d' % (version, i))
        with open(mutated, 'wb') as file:
            file.write(mutate(core, rng))
        for command in COMMANDS:
            arguments = command + (['--json'] if rng.random() < 0.5 else [])
            start = time.monotonic()
            done = subprocess.run(MEASURED + [peak, program, '--sysroot', root, mutated] + arguments,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  timeout=10 * SECONDS)
            wrong = check(arguments, done, time.monotonic() - start)
            assert not wrong, '%s: mutation %d: %s: %s\n%s' % (
                version, i, ' '.join(arguments), wrong, done.stderr.decode('utf-8', 'replace'))
            with open(peak) as file:
                assert int(file.read()) < MEMORY_MAX
            opened += done.returncode <= 1
    assert opened, 'no mutation left a core that opens: nothing was tested'
