"""What the parity tests work with: the build, interpreters, cores, debuggers, and the program that they look at."""

import functools
import glob
import os
import re
import resource
import shutil
import subprocess
import sys
from collections import namedtuple

from committed import BUILD, ROOT

CPEEK = os.path.join(BUILD, "plugin", "cpeek")
GDB_PLUGIN = os.path.join(ROOT, "plugin", "gdb", "cpeek_gdb.py")
LLDB_PLUGIN = os.path.join(ROOT, "plugin", "lldb", "cpeek_lldb.py")
LLDB_DRIVER = os.path.join(ROOT, "tests", "parity", "lldb_driver.py")


class Core(namedtuple("Core", "path exe sysroot")):
    """A core of PROGRAM has exe, its interpreter; a committed one has sysroot, the folder of its target's files."""

    def for_cpeek(self):
        return ["--sysroot", self.sysroot] if self.sysroot else []

    def for_gdb(self):
        return (["-iex", "set sysroot " + self.sysroot] if self.sysroot else []) + ["-c", self.path]

    def for_lldb(self):
        # -O: a target keeps the platform that was selected when it was created.
        select = "platform select --sysroot %s remote-linux" % self.sysroot
        return (["-O", select] if self.sysroot else []) + ["-c", self.path]


# Ends with abort() when it is called with "core"; else it calls getppid() three times, with other values each time.
PROGRAM = '''
import os, sys, threading, time

class Node:
    def __init__(self, value):
        self.value = value
        self.next = None

class Slots:
    __slots__ = ("left", "right")

def wait(event):
    event.wait()

def step(number):
    text = "caf\\u00e9 \\u4e16\\u754c \\x1b[31m" * number
    table = {"k": [1, 2.5, None, number], 2: {"deep": (b"bytes", 10 ** 30, {1, 2})}, "n": Node(number)}
    slots = Slots()
    slots.left = -number
    cycle = []
    cycle.append(cycle)
    long = list(range(5000))
    \u00fcber = lambda: (table, text)
    if sys.argv[1] == "core":
        os.abort()
    os.getppid()

def outer(count):
    for number in range(1, count):
        step(number)

class Runner:
    def run(self):
        outer(4)

for i in range(2):
    threading.Thread(target=wait, args=(threading.Event(),), name="w%d" % i, daemon=True).start()
time.sleep(0.1)
Runner().run()
'''


def environment(**more):
    """For programs under test: the library of this build, and no leftovers of the user's."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environ.update(CPEEK_LIBRARY=os.path.join(BUILD, "lib", "libcpeek.so.0"), PYTHONDONTWRITEBYTECODE="1", **more)
    return environ


def interpreters():
    """Every CPython of a supported version that is found here, by its real path."""
    found = {}
    patterns = (os.path.expanduser("~/.pyenv/versions/*/bin/python3.*"), "/usr/bin/python3.*", "/usr/local/bin/python3.*")
    for path in sorted(path for pattern in patterns for path in glob.glob(pattern)) + [sys.executable]:
        match = re.search(r"python3\.(\d+)$", os.path.realpath(path))
        if match is not None and 8 <= int(match.group(1)) <= 13:
            found.setdefault(os.path.realpath(path), None)
    return list(found)


def tool(name):
    """A debugger by its name, or the newest that has its version in it; None when there is none."""
    plain = shutil.which(name)
    if plain:
        return plain
    found = [
        path
        for folder in os.environ.get("PATH", "").split(os.pathsep)
        for path in glob.glob(os.path.join(folder, name + "-[0-9]*"))
        if re.search(r"-\d+$", path)
    ]
    return max(found, key=lambda path: int(path.rsplit("-", 1)[1])) if found else None


@functools.lru_cache(None)
def lldb_environment(lldb):
    """The environment in which this lldb can run Python, or None. Debian's lldb-14 does not find its own module, and
    takes the standard library of the first python3 in PATH."""
    path = os.pathsep.join(["/usr/bin", "/bin", os.environ.get("PATH", "")])
    modules = sorted(glob.glob("/usr/lib/llvm-*/lib/python3*/dist-packages"))
    for more in [{}] + [{"PYTHONPATH": path} for path in modules]:
        done = subprocess.run(
            [lldb, "--no-lldbinit", "--batch", "-o", "script print(lldb.SBDebugger)"],
            env=environment(PATH=path, **more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
        )
        if b"<class 'lldb.SBDebugger'>" in done.stdout:
            return environment(PATH=path, **more)
    return None


def dump(words, folder):
    """Runs a program that aborts; answers the core's path: the kernel's, or gdb's where the kernel pipes it away."""
    with open("/proc/sys/kernel/core_pattern") as pattern:
        if pattern.read() == "core\n":
            subprocess.run(words, cwd=str(folder), preexec_fn=_lift_core_limit, stderr=subprocess.DEVNULL, timeout=60)
        else:
            commands = ["-ex", "run", "-ex", "gcore %s" % (folder / "core"), "-ex", "kill", "--args"]
            subprocess.run(
                [tool("gdb") or "gdb", "-nx", "-batch", "-iex", "set auto-load no"] + commands + words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=60,
            )
    found = glob.glob(str(folder / "core*"))
    assert len(found) == 1, "no core was written: is RLIMIT_CORE's hard limit 0?"
    return found[0]


def _lift_core_limit():
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
