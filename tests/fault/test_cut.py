"""Cores cut off at many lengths, plain and compressed: inside the headers, the notes, the segments. Each command ends
with the whole answer, when what was cut off is nothing that it needs, with a partial one that says so, or with one line
that says why not. The seed is fixed: the same lengths each time."""
import gzip
import lzma
import os
import random
import struct
import subprocess

import committed
import pytest

VERSIONS = ['3.8.18', '3.11.2', '3.13.0']
COMMANDS = [['info'], ['bt', '--all', '--locals'], ['threads'], ['objects', '--repr', '--limit', '500']]
# CPEEK_CUTS=200 asks for more of them than the suite has time for.
CUTS = int(os.environ.get('CPEEK_CUTS', '5'))
PROGRAM = os.path.join(committed.BUILD, 'plugin', 'cpeek')

PT_NOTE = 4


def run(core, root, command):
    return subprocess.run([PROGRAM, '--sysroot', root, core] + command, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=200)


def lengths(core, rng):
    """Around each border that the format has, and between them."""
    table, = struct.unpack_from('<Q', core, 32)
    size, count = struct.unpack_from('<HH', core, 54)
    headers = [struct.unpack_from('<IIQQQQ', core, table + i * size) for i in range(count)]
    notes = [(at, at + length) for kind, _, at, _, _, length in headers if kind == PT_NOTE]
    starts = [at for kind, _, at, _, _, length in headers if kind != PT_NOTE and length]
    out = [1, 4, 15, 16, 63, 64, 65, table + size, table + size * count - 1]
    for start, end in notes:
        out += [start, start + 11, rng.randrange(start, end), rng.randrange(start, end), end - 1]
    out += [starts[0], starts[0] + 1, rng.choice(starts) - 1, rng.choice(starts), len(core) - 1]
    return out + [rng.randrange(starts[0], len(core)) for _ in range(CUTS)]


def judge(command, done, whole, is_cut):
    """What is wrong with how a command ended; None when nothing is."""
    out, err = done.stdout.decode('utf-8'), done.stderr.decode('utf-8')
    if 'Sanitizer' in err or 'runtime error:' in err:
        return 'a sanitizer reports'
    if done.returncode == 0:
        if command == ['info'] and is_cut:
            return 'info does not say that the core is cut off'
        return None if done.stdout == whole.stdout else 'an answer calls itself complete that is not'
    if done.returncode == 1 and not err:
        return None if 'truncated' in out or '<' in out else 'a partial answer shows nothing of it'
    if done.returncode not in (1, 3, 4, 5):
        return 'exit code %d' % done.returncode
    if err.count('\n') != 1:
        return 'not one line of errors'
    reasons = 'truncated', 'cut off', 'damaged', 'not an ELF', 'failed its check'
    if done.returncode > 1 and not any(reason in err for reason in reasons):
        return 'the reason is not told'
    return None


def check(path, root, wholes, is_cut=True):
    """How many commands gave an answer, whole or partial."""
    answers = 0
    for command, whole in zip(COMMANDS, wholes):
        done = run(path, root, command)
        wrong = judge(command, done, whole, is_cut)
        assert not wrong, '%s: %s\n%s\n%s' % (' '.join(command), wrong, done.stdout.decode('utf-8', 'replace')[-2000:],
                                             done.stderr.decode('utf-8', 'replace'))
        answers += done.returncode <= 1
    return answers


@pytest.mark.parametrize('version', VERSIONS)
def test_cut(version, unpack, tmp_path):
    path, root = unpack(version)
    with open(path, 'rb') as file:
        core = file.read()
    wholes = [run(path, root, command) for command in COMMANDS]
    assert all(whole.returncode == 0 for whole in wholes)
    cut, answers = str(tmp_path / 'core'), 0
    for length in lengths(core, random.Random('cut ' + version)):
        with open(cut, 'wb') as file:
            file.write(core[:length])
        answers += check(cut, root, wholes)
    assert answers, 'no cut left a core that opens: nothing was tested'


@pytest.mark.parametrize('form', ['gz', 'xz'])
def test_cut_compressed(form, unpack, tmp_path):
    """The other formats are cut at each byte in tests/unit/test_unpack.c."""
    path, root = unpack('3.11.2')
    with open(path, 'rb') as file:
        core = file.read()
    packed = gzip.compress(core, 1) if form == 'gz' else lzma.compress(core, preset=0)
    wholes = [run(path, root, command) for command in COMMANDS]
    rng, cut, answers = random.Random('cut ' + form), str(tmp_path / 'core'), 0
    for length in [2, 20, 3000, len(packed) - 1] + [rng.randrange(3000, len(packed)) for _ in range(2 * CUTS)]:
        with open(cut, 'wb') as file:
            file.write(packed[:length])
        answers += check(cut, root, wholes)
    assert answers
    for _ in range(CUTS):               # a byte in the middle is wrong
        damaged, at = bytearray(packed), rng.randrange(len(packed) // 2, len(packed))
        damaged[at] ^= 1 << rng.randrange(8)
        with open(cut, 'wb') as file:
            file.write(damaged)
        check(cut, root, wholes, is_cut=False)      # a bit of padding may be wrong, and nothing else
