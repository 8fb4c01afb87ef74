"""The command line: what argv means, exit codes, where output goes. The target is a live Python that this test starts."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CPEEK = os.path.join(os.environ.get("CPEEK_BUILD", os.path.join(ROOT, "build")), "plugin", "cpeek")

PROGRAM = """
import sys, time

def inner(depth):
    text = "caf\\u00e9"
    items = {"k": [1, 2, "a  b"]}
    numbers = list(range(100000))
    print("ready", flush=True)
    time.sleep(600)

def outer():
    inner(1)

outer()
"""


def run(*args, **options):
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    return subprocess.run([CPEEK] + list(args), stdin=subprocess.DEVNULL, timeout=60, **options)


def answer(*args):
    done = run(*args)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.endswith(b"\n")
    return done.stdout


def complaint(code, *args):
    """The command fails with this code and one line on stderr, which is returned."""
    done = run(*args)
    assert done.returncode == code, done
    assert done.stdout == b""
    text = done.stderr.decode()
    assert text.startswith("cpeek: ") and text.endswith("\n") and text.count("\n") == 1
    return text


@pytest.fixture(scope="module")
def process():
    """The id of a process that sleeps in inner(), called by outer()."""
    child = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"ready\n"
    time.sleep(0.1)  # until it sleeps
    yield str(child.pid)
    child.kill()
    child.wait()


def on_terminal(argv, columns=90, keys=None, **environment):
    """What argv writes to a terminal, and its exit code; keys are typed after a second."""
    pid, terminal = pty.fork()
    if pid == 0:
        environ = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
        os.execve(argv[0], argv, dict(environ, **environment))
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    written, typed, start = b"", False, time.time()
    while time.time() - start < 60:
        if keys and not typed and time.time() - start > 1:
            os.write(terminal, keys)
            typed = True
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            piece = os.read(terminal, 1 << 16)
        except OSError:
            break
        if not piece:
            break
        written += piece
    os.close(terminal)
    return written, os.waitpid(pid, 0)[1] >> 8


# ---- Without a target


def test_version():
    assert run("--version").stdout.decode().split()[0] == "cpeek"
    assert len(answer("--version").decode().split()[1].split(".")) == 3


def test_help_lists_options_and_commands():
    text = answer("--help").decode()
    for word in ("--exe FILE", "--sysroot DIR", "--debug-dir DIR", "--mismatch WHAT", "--json", "--color", "--no-pause",
                 "--python", "--version", "--help"):
        assert "\n  " + word in text
    for command in ("info", "threads", "bt", "up", "down", "frame", "list", "locals", "globals", "print", "objects"):
        assert "\n  %s " % command in text
    assert max(len(line) for line in text.splitlines()) <= 119


def test_help_of_a_command_is_the_same_however_it_is_asked():
    text = answer("help", "bt")
    assert text.startswith(b"usage: cpeek TARGET bt")
    assert b"--locals" in text
    assert answer("--help", "bt") == answer("bt", "--help") == answer("/nosuch/core", "bt", "--help") == text


def test_help_alone_is_help():
    assert answer("help") == answer("--help") == answer("/nosuch/core", "--help")


@pytest.mark.parametrize(
    "args, words",
    [
        ([], "TARGET COMMAND"),
        (["core"], "COMMAND"),
        (["core", "nosuch"], "nosuch"),
        (["help", "nosuch"], "nosuch"),
        (["--nosuch", "core", "bt"], "--nosuch"),
        (["core", "--all", "bt"], "--all"),
        (["core", "bt", "--exe"], "--exe FILE"),
        (["--json=yes", "core", "bt"], "--json"),
        (["--color", "red", "core", "bt"], "red"),
        (["--color=", "core", "bt"], "--color"),
    ],
)
def test_usage(args, words):
    assert words in complaint(2, *args)


@pytest.mark.parametrize("args", [["core"], ["core", "nosuch"]])
def test_a_missing_or_wrong_command_lists_those_there_are(args):
    assert " bt " in complaint(2, *args)


def test_no_such_core():
    assert "/nosuch/core" in complaint(3, "/nosuch/core", "bt")


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF" + bytes(60)])
def test_not_a_core(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert str(path) in complaint(3, str(path), "bt")


def test_a_program_is_no_core():
    assert "/bin/sh" in complaint(3, "/bin/sh", "bt")


def test_a_folder_is_no_core(tmp_path):
    assert str(tmp_path) in complaint(3, str(tmp_path), "bt")


@pytest.mark.parametrize("pid", ["0", "99999999999999999999"])
def test_no_such_process(pid):
    complaint(3, pid, "bt")


def test_a_process_that_has_gone():
    child = subprocess.Popen(["true"])
    child.wait()
    assert str(child.pid) in complaint(3, str(child.pid), "bt")


def test_a_process_without_python():
    child = subprocess.Popen(["sleep", "600"])
    try:
        complaint(4, str(child.pid), "bt")
        with open("/proc/%d/status" % child.pid) as status:
            assert "\nTracerPid:\t0\n" in status.read()
    finally:
        child.kill()
        child.wait()


def test_a_number_with_a_slash_is_a_file(tmp_path, monkeypatch):
    (tmp_path / "123").write_bytes(b"no core")
    monkeypatch.chdir(tmp_path)
    assert "./123" in complaint(3, "./123", "bt")


# ---- With a target


def test_stack_of_a_process(process):
    text = answer(process, "bt").decode()
    assert text.index("in inner") < text.index("in outer") < text.index("in <module>")


def proc_status(process):
    with open("/proc/%s/status" % process) as status:
        return status.read()


def test_the_process_goes_on(process):
    answer(process, "bt")
    assert "\nTracerPid:\t0\n" in proc_status(process)
    # Let go, it runs for a moment before it sleeps again; a stopped one would stay T.
    for _ in range(100):
        if "\nState:\tS" in proc_status(process):
            return
        time.sleep(0.02)
    assert "\nState:\tS" in proc_status(process)


def test_options_may_stand_anywhere(process):
    expected = answer("--json", "--no-pause", process, "bt", "--locals")
    document = json.loads(expected.decode())
    assert [frame["function"] for frame in document["threads"][0]["frames"]][:2] == ["inner", "outer"]
    assert answer(process, "bt", "--locals", "--json", "--no-pause") == expected
    assert answer("--no-pause", process, "--json", "bt", "--color=always", "--locals") == expected
    assert answer(process, "--color", "never", "--no-pause", "bt", "--json", "--locals") == expected


def test_an_expression_is_passed_on_as_it_stands(process):
    assert answer(process, "print", "items['k'][2]") == b"'a  b'\n"
    assert answer(process, "print", 'items["k"][2]') == b"'a  b'\n"
    assert answer(process, "print", "--", "text") == "'caf\u00e9'\n".encode()


def test_what_follows_two_dashes_is_no_option(process):
    complaint(2, process, "print", "--", "--json")


def test_an_unknown_name_is_a_usage_error(process):
    assert "nosuch" in complaint(2, process, "print", "nosuch")


def test_output_is_utf8_whatever_the_locale(process):
    done = run(process, "print", "text", env=dict(os.environ, LC_ALL="C"))
    assert done.stdout == "'caf\u00e9'\n".encode()


def test_color(process):
    plain = answer(process, "bt")
    assert b"\033" not in plain
    assert answer("--color", "never", process, "bt") == plain
    colored = answer("--color", "always", process, "bt")
    assert b"\033[" in colored and len(colored) > len(plain)
    assert b"\033" not in answer("--color", "always", "--json", process, "bt")


def test_color_on_a_terminal(process):
    argv = [CPEEK, process, "bt"]
    assert b"\033[" in on_terminal(argv, TERM="xterm")[0]
    assert b"\033" not in on_terminal(argv, TERM="xterm", NO_COLOR="1")[0]
    assert b"\033[" in on_terminal(argv, TERM="xterm", NO_COLOR="")[0]
    assert b"\033" not in on_terminal(argv, TERM="dumb")[0]
    assert b"\033" not in on_terminal(argv)[0]
    assert b"\033" not in on_terminal(argv + ["--color=never"], TERM="xterm")[0]


def test_a_full_disk_is_noticed(process):
    for args in ([process, "bt"], ["--help"], ["--version"]):
        with open("/dev/full", "wb") as full:
            done = run(*args, stdout=full)
        assert done.returncode == 1
        assert done.stderr == b"cpeek: cannot write the answer: No space left on device\n"


def test_a_closed_stdout_is_noticed(process):
    done = subprocess.run(["sh", "-c", 'exec "$0" "$@" >&-', CPEEK, process, "bt"], stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 1
    assert b"cannot write the answer" in done.stderr


def test_a_reader_that_has_enough_is_no_error(process):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        done = run(process, "objects", stdout=pipe)
    assert done.returncode == 1
    assert done.stderr == b""


def test_interrupt(process):
    reader, writer = os.pipe()  # nobody reads: the answer is longer than a pipe holds
    with os.fdopen(writer, "wb") as pipe:
        child = subprocess.Popen([CPEEK, process, "objects", "--repr"], stdout=pipe, stderr=subprocess.PIPE)
        time.sleep(1)
        assert child.poll() is None
        child.send_signal(signal.SIGINT)
        time.sleep(0.2)
    os.set_blocking(reader, True)
    while os.read(reader, 1 << 16):
        pass
    os.close(reader)
    assert child.communicate(timeout=60)[1].startswith(b"cpeek: interrupted")
    assert child.returncode == 1
    test_the_process_goes_on(process)
