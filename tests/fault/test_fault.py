"""Runs the fault loop (fault.c) over small cores of versions that differ most: the frames and dicts of 3.8, of 3.11 and
of 3.13."""
import os
import subprocess

import committed
import pytest

VERSIONS = ['3.8.18', '3.11.2', '3.13.0']

# EVERY and commands: what costs more per run is tried at fewer places.
LOOPS = {
    'reads': [
        (80, ['info', 'threads', 'up', 'frame 1', 'locals', 'print sys']),
        (40, ['globals', 'bt --all --locals']),
        (8, ['objects --limit 50 --referents --repr']),
    ],
    'open': [(100, ['bt --all'])],
    'refresh': [(1000, ['threads', 'bt --all'])],
    'memory': [
        (120, ['info', 'threads', 'up', 'locals', 'print sys']),
        (60, ['globals', 'bt --all --locals']),
        (40, ['objects --limit 50 --referents --repr']),
        (40, ['gc', 'gc --simulate --limit 20']),
        (20, ['dissect sys.modules', 'dissect --html /dev/null sys.path', 'type sys', 'dis', 'growth sys.modules',
              "lookup sys.modules 'sys'", 'sort sys.path']),
    ],
}


@pytest.mark.parametrize('mode', sorted(LOOPS))
@pytest.mark.parametrize('version', VERSIONS)
def test_fault(version, mode, unpack):
    core, root = unpack(version)
    for every, commands in LOOPS[mode]:
        done = subprocess.run([os.path.join(committed.BUILD, 'tests', 'fault'), core, '-', root, mode, str(every)] + commands,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
                              env=dict(os.environ, ASAN_OPTIONS='allocator_may_return_null=1'))
        text = done.stdout.decode('utf-8', 'replace')
        assert done.returncode == 0, text
        assert '%d passed, 0 failed' % len(commands) in text, text
