"""The rows of the list of what other debugger extensions get wrong (D1 to D30): fixtures/programs/regressions.py has a
variable for each value, and says what is true of it. What is about whole cores and files is tested elsewhere: D17 by
every test on a stripped interpreter, D18 by there being one cpeek for all, D27 in test_core_shapes.py, D28 in
test_parity.py."""
import json
import os
import re
import subprocess

import cores
from committed import CPEEK


def dumped(interpreter, tmp_path):
    folder = cores.run_to_core(interpreter, 'regressions', str(tmp_path))
    with open(os.path.join(folder, 'truth.jsonl')) as lines:
        truth = [json.loads(line) for line in lines]
    return os.path.join(folder, 'core'), truth[:-1]


def ask(interpreter, core, *words):
    done = subprocess.run([CPEEK] + interpreter.core_options() + [core] + list(words), cwd='/', stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    assert done.stderr == b''
    return done.returncode, done.stdout.decode('utf-8')


def frames(text):
    """[(function, source, {variable: text})] of what bt --locals says."""
    found = []
    for line in text.splitlines():
        head = re.match(r'  File ".*", line \d+, in (.*)$', line)
        variable = re.match(r'      (\w+) = (.*)$', line)
        if head:
            found.append([head.group(1), None, {}])
        elif variable:
            found[-1][2][variable.group(1)] = variable.group(2)
        elif found and found[-1][1] is None:
            found[-1][1] = line.strip()
    return found


def test_regressions(native, tmp_path):
    core, truth = dumped(native, tmp_path)
    code, text = ask(native, core, 'bt', '--locals', '--full')
    assert code == 1                                # some of the values are damaged
    stack = frames(text)

    # D15, D16, D29, D30: every frame is there, that of the code under the collector and the innermost too.
    names = [frame[0] for frame in stack]
    assert names == ['dump', 'collecting', '<lambda>', 'values', 'call'] + ['deep'] * 201 + ['Body', '<module>']
    assert [frame[2]['n'] for frame in stack if frame[0] == 'deep'] == [str(n) for n in range(201)]
    assert ask(native, core, 'locals') == (0, "innermost = 'innermost'\n")
    assert stack[1][2]['seen'] == "'start'"
    assert stack[4][1] == "return f([1, 'argument'], {'\u00e9t\u00e9': 'variable'})  # \u00e9"          # D12
    assert stack[-2][2]['inside'] == "'body'" and stack[-1][2]['HEAD'].isdigit()                        # D14

    shown = stack[3][2]
    assert len(truth) > 25
    for value in truth:
        what = shown[value['name']]
        if value['text'] is not None:
            assert what == value['text'], value['row']
            continue
        # D10, D20, D21, D22: a marker, nothing of the memory behind, and nothing that looks empty.
        assert re.search(r'<(corrupt|unreadable) 0x[0-9a-f]+', what), (value, what[:200])
        assert len(what) < 200

    # The same by the limits that are in force without --full: what is left out is counted.
    _, text = ask(native, core, '--elements', '4', '--string', '10', '--depth', '5', 'bt', '--locals')
    short = frames(text)[3][2]
    whole = {value['name']: value['text'] for value in truth}
    assert short['d2'] == '%s… +%d digits' % (whole['d2'][:10], len(whole['d2']) - 10)
    assert short['d2b'] == '1000000000… +4292 digits'
    assert short['d3'] == "'xxxxxxxxxx'… +4990 characters"
    assert short['d4'] == '{2990: 1, 2991: 1, 2992: 1, 2993: 1, … +6 items}'
    assert short['d23'] == '[[[[[[… +1 items]]]]]]'
    assert short['d6'] == whole['d6']                                                                   # D6


def test_json_has_all(native, tmp_path):
    core, truth = dumped(native, tmp_path)
    code, text = ask(native, core, '--json', 'bt', '--locals')
    frame = json.loads(text)['threads'][0]['frames'][3]
    assert (code, frame['function']) == (1, 'values')
    for value in truth:
        shown = frame['locals'][value['name']]
        assert shown.get('partial', False) == (value['text'] is None)
        assert 'truncated' not in shown
        if value['row'] in ('D1', 'D2', 'D3', 'D4', 'D5', 'D6', 'D9', 'D13', 'D23', 'D24', 'D25'):
            assert shown['repr'] == value['text']


def test_relative_file(native, tmp_path):
    """D26: co_filename is as the program was started, to 3.8 relative to a folder that the core does not tell."""
    (tmp_path / 'sub').mkdir()
    (tmp_path / 'sub' / 'main.py').write_text('import os\n\nos.abort()  # here\n')
    core = cores.crash(native.command() + ['sub/main.py'], str(tmp_path), native.environment)
    code, text = ask(native, core, 'bt')
    assert code == 0 and ', line 3, in <module>\n    os.abort()  # here\n' in text, text
