"""gdb, lldb and the command line print the same bytes for the same target: on cores, on a process that the debugger
runs, and on memory that it lends."""

import json
import os
import re
import shutil
import subprocess
import time

import pytest

from front_ends import (
    CPEEK,
    GDB_PLUGIN,
    LLDB_DRIVER,
    LLDB_PLUGIN,
    Core,
    dump,
    environment,
    interpreters,
    lldb_environment,
)

# Each leaves the selected frame as it was.
LINES = [
    "info",
    "threads",
    "bt",
    "bt --locals",
    "bt --all",
    "bt --all --locals",
    "bt --locals --full",
    "locals",
    "globals",
    "list",
    "print len",
    "print nosuch_name",
    "print",
    "bt --nosuch",
    "objects --limit 50",
    "objects --limit 50 --repr --referents",
    "dissect len",
    "type len",
    "dis",
    "gc",
    "gc --simulate --limit 5",
]
# What fails, whatever the core.
FAILING = ["print nosuch_name", "print", "bt --nosuch"]
# Of the program of front_ends.py alone.
PROGRAM_LINES = ["print table['k'][0]", "print  text", "print table", "print cycle", "objects --type __main__.Node",
                 "dissect table", "lookup table 'k'", "growth table"]
# Of the program of the committed cores alone.
COMMITTED_LINES = ["print path", "objects --type __main__.Point"]

# For a test that is of the program of front_ends.py alone.
of_the_program = pytest.mark.parametrize("core", interpreters(), ids=os.path.basename, indirect=True)


def command_line(target, line, *options):
    """(exit code, stdout, stderr) of the command line."""
    words = [CPEEK] + list(options) + [target] + line.split(" ")
    done = subprocess.run(
        words, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def gdb_answers(gdb, folder, arguments, before, lines, **more):
    """For each line what gdb writes to stdout for py-LINE, and what goes to stderr as a whole.

    A line of the shell's begins with "!" and has %d for the process id; it is run by gdb's Python."""
    words = [gdb, "-nx", "-batch", "-iex", "set auto-load no", "-iex", "set confirm off"]
    for command in before + ["source " + GDB_PLUGIN]:
        words += ["-ex", command]
    for number, line in enumerate(lines):
        words += ["-ex", "echo @@@%d\\n" % number]
        if line.startswith("!"):
            shell = "gdb.execute('shell ' + %r %% gdb.selected_inferior().pid)" % line[1:]
            words += ["-ex", "python " + shell]
        else:
            words += ["-ex", line]
    words += ["-ex", "echo @@@end\\n", "-ex", "kill"]
    done = subprocess.run(
        words + arguments,
        cwd=str(folder),
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=120,
    )
    pieces = done.stdout.decode().split("@@@end\n")[0].split("@@@")[1:]
    assert len(pieces) == len(lines), done
    return [piece.split("\n", 1)[1] for piece in pieces], done.stderr.decode()


def lldb_answers(lldb, folder, arguments, before, lines):
    """For each line what lldb has to say to it, as (output, error)."""
    answers = folder / "answers"
    words = [lldb, "--no-lldbinit", "--batch"]
    for command in before + ["command script import " + LLDB_PLUGIN, "command script import " + LLDB_DRIVER]:
        words += ["-o", command]
    words += ["-o", "script lldb_driver.drive(lldb.debugger, %r)" % lines]
    done = subprocess.run(
        words + arguments,
        cwd=str(folder),
        env=dict(lldb_environment(lldb), CPEEK_ANSWERS=str(answers)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=180,
    )
    assert answers.exists(), done.stdout.decode()
    records = [json.loads(line) for line in answers.read_text().splitlines()]
    assert [record["line"] for record in records] == lines, done.stdout.decode()
    return [(record["output"], record["error"]) for record in records]


@pytest.fixture(scope="session")
def lines(core):
    """The command lines that fit the core, and what the command line answers to them."""
    mine = LINES + (COMMITTED_LINES if core.sysroot else PROGRAM_LINES)
    options = core.for_cpeek()
    expected = {line: command_line(core.path, line, *options) for line in mine + [line + " --json" for line in mine]}
    for line, (code, output, error) in expected.items():
        if line.replace(" --json", "") in FAILING:
            assert (code, output) == (2, "") and error, line
        else:
            assert code in (0, 1) and output and not error, (line, code, error)
    # The lines of the program of a committed core lie below its sysroot, and nowhere else.
    assert ("    return closure()\n" if core.sysroot else "in step\n") in expected["bt"][1]
    # Last, as they move the selected frame; in a debugger it stays moved.
    up = command_line(core.path, "up", *options)
    assert up[0] == 0 and up[1]
    return expected, up


def test_gdb_on_a_core(core, lines, gdb, tmp_path):
    expected, up = lines
    arguments = ([core.exe] if core.exe else []) + core.for_gdb()
    commands = ["py-" + line for line in expected] + ["py-up"]
    answers, errors = gdb_answers(gdb, tmp_path, arguments, [], commands)
    for line, answer in zip(list(expected) + ["up"], answers):
        assert answer == (expected[line] if line != "up" else up)[1], line
    ours = [line for line in errors.splitlines() if line.startswith("cpeek: ")]
    assert ours == [error.rstrip("\n") for _, _, error in expected.values() if error]
    assert "Traceback" not in errors


def test_gdb_in_the_c_locale(core, lines, gdb, tmp_path):
    expected, _ = lines
    commands = ["py-bt --all --locals", "show host-charset"]
    answers, _ = gdb_answers(gdb, tmp_path, core.for_gdb(), [], commands, LC_ALL="C")
    assert answers[0] == expected["bt --all --locals"][1]
    assert "auto" in answers[1]


def test_lldb_on_a_core(core, lines, lldb, tmp_path):
    expected, up = lines
    arguments = core.for_lldb() + ([core.exe] if core.exe else [])
    commands = ["py-" + line for line in expected] + ["py-up"]
    answers = lldb_answers(lldb, tmp_path, arguments, [], commands)
    for line, (output, error) in zip(list(expected) + ["up"], answers):
        _, wanted, complaint = expected[line] if line != "up" else up
        assert output == wanted, line
        assert error == ("error: " + complaint if complaint else ""), line


def test_lldb_prints_what_its_interpreter_returns(core, lines, lldb, tmp_path):
    """The driver takes answers from lldb's API; this one is what stands on the terminal."""
    expected, _ = lines
    words = [lldb, "--no-lldbinit", "--batch", "-o", "command script import " + LLDB_PLUGIN, "-o", "py-bt --locals"]
    done = subprocess.run(
        words + core.for_lldb(),
        env=lldb_environment(lldb),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=60,
    )
    assert done.stdout.decode().split("(lldb) py-bt --locals\n")[1] == expected["bt --locals"][1]


def test_lldb_with_two_cores(core, lines, core_without_python, lldb, tmp_path):
    """lldb 14 does not say which core a target has."""
    expected, _ = lines
    commands = ["target create --core " + core_without_python, "py-bt", "target select 0", "py-bt --locals"]
    answers = lldb_answers(lldb, tmp_path, core.for_lldb(), [], commands)
    assert answers[1][0] == "" and "cpeek: " in answers[1][1]
    assert answers[3][0] == expected["bt --locals"][1]


@of_the_program
def test_gdb_selects_the_thread(core, gdb, tmp_path):
    lines = ["python print(gdb.selected_thread().ptid[1])", "py-bt --json"]
    commands = [line for thread in (3, 1, 2) for line in ["thread %d" % thread] + lines]
    answers, _ = gdb_answers(gdb, tmp_path, [core.exe] + core.for_gdb(), [], commands)
    check_threads([(int(answers[i + 1]), answers[i + 2]) for i in (0, 3, 6)])


@of_the_program
def test_lldb_selects_the_thread(core, lldb, tmp_path):
    commands = [line for thread in (3, 1, 2) for line in ("thread select %d" % thread, "thread info", "py-bt --json")]
    answers = lldb_answers(lldb, tmp_path, core.for_lldb() + [core.exe], [], commands)
    ids = [int(re.search(r"tid = (\d+)", answers[i + 1][0]).group(1)) for i in (0, 3, 6)]
    check_threads(list(zip(ids, [answers[i + 2][0] for i in (0, 3, 6)])))


def check_threads(selected):
    """selected: the debugger's id of threads 3, 1, 2, and bt --json there."""
    threads = [json.loads(text)["threads"] for _, text in selected]
    assert [[thread["native_id"] for thread in found] for found in threads] == [[native_id] for native_id, _ in selected]
    assert [found[0]["frames"][0]["function"] for found in threads][1] == "step"
    assert all(found[0]["frames"][-1]["function"] == "_bootstrap" for found in (threads[0], threads[2]))


@pytest.fixture(scope="session")
def moved(program, tmp_path_factory):
    """(a core, where its executable is now): another place than the core says."""
    folder = tmp_path_factory.mktemp("moved")
    before, after = str(folder / "python"), str(folder / "elsewhere")
    shutil.copy(os.path.realpath("/usr/bin/python3"), before)
    path = dump(["env", "PYTHONHOME=/usr", before, program, "core"], folder)
    os.rename(before, after)
    code, _, error = command_line(path, "bt")
    if code == 0:
        pytest.skip("this /usr/bin/python3 has its runtime in a shared library")
    assert code == 4 and "--exe" in error
    return path, after


def test_gdb_tells_where_the_executable_is(moved, gdb, tmp_path):
    path, exe = moved
    expected = command_line(path, "bt --all --locals", "--exe", exe)
    assert expected[0] == 0 and "in step\n" in expected[1]
    answers, _ = gdb_answers(gdb, tmp_path, [exe, "-c", path], [], ["py-bt --all --locals"])
    assert answers == [expected[1]]


def test_lldb_tells_where_the_executable_is(moved, lldb, tmp_path):
    path, exe = moved
    expected = command_line(path, "bt --all --locals", "--exe", exe)
    answers = lldb_answers(lldb, tmp_path, ["-c", path, exe], [], ["py-bt --all --locals"])
    assert answers == [(expected[1], "")]


# ---- Processes that the debugger runs

LIVE = ["bt", "bt --all --locals", "threads --json", "print table", "objects --limit 20"]


def live_lines(count):
    """At each stop the commands of the debugger's, and beside each the command line on the same process."""
    lines = []
    for _ in range(count):
        for line in LIVE:
            lines += ["py-" + line, "!%s --no-pause %%d %s" % (CPEEK, line)]
        lines.append("continue")
    return lines


def check_live(answers, count):
    """answers: of live_lines()."""
    size = 2 * len(LIVE) + 1
    for stop in range(count):
        mine = answers[stop * size : (stop + 1) * size - 1]
        for number, line in enumerate(LIVE):
            assert mine[2 * number] == mine[2 * number + 1], (stop, line)
            assert mine[2 * number]
        assert "in step\n" in mine[0] and "in outer\n" in mine[0]
        assert "number = %d\n" % (stop + 1) in mine[2]


def test_gdb_on_a_process(interpreter, program, gdb, tmp_path):
    before = ["set breakpoint pending on", "break getppid", "run"]
    answers, errors = gdb_answers(gdb, tmp_path, ["--args", interpreter, program, "live"], before, live_lines(2))
    assert "Traceback" not in errors
    check_live(answers, 2)


def test_lldb_on_a_process(interpreter, program, lldb, tmp_path):
    lines = ["breakpoint set -n getppid", "process launch"] + live_lines(2) + ["process kill"]
    answers = lldb_answers(lldb, tmp_path, ["--", interpreter, program, "live"], [], lines)
    check_live([output for output, _ in answers[2:-1]], 2)


def test_gdb_without_a_target(gdb, tmp_path):
    answers, errors = gdb_answers(gdb, tmp_path, [], [], ["py-bt"])
    assert answers == [""]
    assert [line for line in errors.splitlines() if "cpeek" in line] == [
        "cpeek: there is no process and no core here: run the program, attach, or load a core"
    ]


def test_lldb_without_a_target(lldb, tmp_path):
    answers = lldb_answers(lldb, tmp_path, [], [], ["py-bt"])
    assert answers == [
        ("", "error: cpeek: there is no process and no core here: run the program, attach, or load a core\n")
    ]


# ---- Memory that the debugger lends


def free_port():
    import socket

    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


def lldb_server(lldb):
    found = os.path.join(os.path.dirname(os.path.realpath(lldb)), "lldb-server")
    if not os.path.exists(found):
        pytest.skip("there is no lldb-server here")
    return found


def test_gdb_lends_memory(interpreter, program, gdb, tmp_path):
    server = shutil.which("gdbserver")
    if server is None:
        pytest.skip("there is no gdbserver here")
    port = free_port()
    words = [server, "--once", "localhost:%d" % port, interpreter, program, "live"]
    child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        while b"Listening" not in child.stderr.readline():
            assert child.poll() is None
        before = [
            "set sysroot /",
            "set breakpoint pending on",
            "target remote localhost:%d" % port,
            "break getppid",
            "continue",
        ]
        answers, errors = gdb_answers(gdb, tmp_path, [interpreter], before, live_lines(2))
        assert "Traceback" not in errors
        check_live(answers, 2)
    finally:
        child.kill()
        child.communicate()


def test_lldb_lends_memory(interpreter, program, lldb, tmp_path):
    port = free_port()
    words = [lldb_server(lldb), "gdbserver", "localhost:%d" % port, "--", interpreter, program, "live"]
    child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        lines = ["gdb-remote localhost:%d" % port, "breakpoint set -n getppid", "continue"]
        answers = lldb_answers(lldb, tmp_path, [interpreter], [], lines + live_lines(2) + ["process kill"])
        check_live([output for output, _ in answers[3:-1]], 2)
    finally:
        child.kill()
        child.communicate()


# ---- What gdb has beside


def test_gdb_help_and_completion_come_from_the_library(gdb, tmp_path):
    answers, _ = gdb_answers(gdb, tmp_path, [], [], ["help py-bt", "complete py-thr"])
    assert "usage: py-bt [--all]" in answers[0] and "--locals" in answers[0]
    assert answers[1] == "py-threads\n"


def test_gdb_completes_with_a_target(core, gdb, tmp_path):
    answers, _ = gdb_answers(gdb, tmp_path, core.for_gdb(), [], ["complete py-bt --lo"])
    assert answers == ["py-bt --locals\n"]


@pytest.fixture(scope="module")
def newest(program, tmp_path_factory):
    """A core of the newest interpreter, for what does not depend on which it is."""
    return Core(dump([interpreters()[-1], program, "core"], tmp_path_factory.mktemp("newest")), interpreters()[-1], None)


def test_gdb_prints_as_much_as_it_is_told(newest, gdb, tmp_path):
    commands = [
        "set print elements 3",
        "py-print long",
        "py-print text",
        "set print elements 200",
        "py-print long",
        "set print max-depth 1",
        "py-print table",
        "set print elements unlimited",
        "py-print long",
    ]
    answers, _ = gdb_answers(gdb, tmp_path, newest.for_gdb(), [], commands)
    assert answers[1] == "[0, 1, 2, … +4997 items]\n"
    assert answers[2].startswith("'caf'… +")
    assert answers[4].startswith("[0, 1, 2, 3, 4, ") and answers[4].endswith(" 199, … +4800 items]\n")
    assert "'k': [… +4 items], 2: {… +1 items}" in answers[6]
    assert answers[8] == "[%s]\n" % ", ".join(map(str, range(5000)))


def test_lldb_prints_as_much_as_it_is_told(newest, lldb, tmp_path):
    commands = [
        "settings set target.max-children-count 3",
        "py-print long",
        "settings set target.max-string-summary-length 4",
        "py-print text",
        "settings set target.max-children-count 0",
        "py-print long",
    ]
    answers = [output for output, _ in lldb_answers(lldb, tmp_path, newest.for_lldb(), [], commands)]
    assert answers[1] == "[0, 1, 2, … +4997 items]\n"
    assert answers[3].startswith("'café'… +")
    assert answers[5] == "[%s]\n" % ", ".join(map(str, range(5000)))


def test_a_library_that_does_not_fit_is_one_line(gdb, tmp_path):
    _, errors = gdb_answers(gdb, tmp_path, [], [], [])
    assert "cpeek" not in errors
    done = subprocess.run(
        [gdb, "-nx", "-batch", "-ex", "source " + GDB_PLUGIN],
        env=dict(environment(), CPEEK_LIBRARY="/nosuch/libcpeek.so.0"),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=60,
    )
    text = done.stderr.decode()
    assert text.startswith("cpeek: ") and "CPEEK_LIBRARY" in text and text.count("\n") == 1
