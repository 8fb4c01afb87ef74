"""cpeek in gdb: each command of the library as py-NAME. Load it with

    source …/cpeek_gdb.py

Knows gdb's Python API; must not know what any command does: names, help and completion come from the library.
"""

import os
import re
import sys

import gdb

_HERE = os.path.dirname(os.path.realpath(__file__))
# The package lies beside this folder: in the source tree, or installed.
for _place in (os.path.join(_HERE, ".."), os.path.join(_HERE, "..", "python")):
    _place = os.path.normpath(_place)
    if os.path.isdir(os.path.join(_place, "cpeek")) and _place not in sys.path:
        sys.path.insert(0, _place)

import cpeek
from cpeek import _adapter

# gdb's own defaults: while they stand, the library's hold. By name: the default, and the library's settings.
_GDB_LIMITS = (
    ("print elements", 200, ("elements", "string")),
    ("print characters", "elements", ("string",)),  # gdb 14
    ("print max-depth", 20, ("depth",)),
)

_NOTE = (
    "This is cpeek's. CPython's own script for gdb (python-gdb.py, libpython.py) has commands with such names\n"
    "too: the one that was loaded last is the one that runs."
)


def _without_target(path):
    """gdb marks files that it reads through a remote target."""
    return path[len("target:") :] if path.startswith("target:") else path


class _Gdb(_adapter.Debugger):
    def __init__(self):
        self._runs = 0
        self._given = set()

    def note_run(self, _event):
        self._runs += 1

    def find_target(self):
        inferior = gdb.selected_inferior()
        if inferior.pid == 0:
            raise cpeek.Error("IO", "there is no process and no core here: run the program, attach, or load a core")
        thread = gdb.selected_thread()
        if thread is not None and thread.is_running():
            raise cpeek.Error("IO", "the process is running: interrupt it first")
        connection = getattr(inferior, "connection", None)  # gdb 11
        kind = connection.type if connection is not None else None
        return _adapter.Target(
            key=inferior.num,
            core=_core_path(inferior) if kind == "core" else None,
            pid=inferior.pid if kind == "native" else None,
            generation=(inferior.pid, connection.num if connection is not None else None),
            runs=self._runs,
            exe=gdb.current_progspace().filename,
            sysroot=_without_target(gdb.parameter("sysroot") or "") or None,
        )

    def lend(self):
        inferior = gdb.selected_inferior()

        def read(address, length):
            return inferior.read_memory(address, length).tobytes()

        return read, _modules(), _threads(inferior)

    def thread(self):
        return _native_id(gdb.selected_thread())

    def first_thread(self):
        threads = gdb.selected_inferior().threads()
        return _native_id(min(threads, key=lambda thread: thread.num)) if threads else None

    def settings(self):
        settings = {"width": (gdb.parameter("width") or 0) if _adapter.stdout_is_terminal() else 0}
        for name, default, limits in _GDB_LIMITS:
            value = _parameter(name, default)
            if value != default or name in self._given:
                self._given.add(name)
                if not isinstance(value, str):
                    settings.update((limit, value) for limit in limits)
        return settings

    def evaluate(self, expression):
        # cpeek never calls a function in the target, so an expression may not either.
        with _Parameter("may-call-functions", "off"):
            return int(gdb.parse_and_eval(expression))


def _parameter(name, default):
    """A number that is a limit, 0 for none, or what gdb says instead of one; default where gdb has no such setting."""
    try:
        value = gdb.parameter(name)
    except RuntimeError:
        return default
    return 0 if value is None or value == -1 or value == "unlimited" else value


class _Parameter(object):
    """A gdb setting for the length of a "with"."""

    def __init__(self, name, value):
        self._name = name
        self._value = value

    def __enter__(self):
        old = gdb.parameter(self._name)
        self._old = {True: "on", False: "off"}.get(old, old)
        gdb.execute("set %s %s" % (self._name, self._value), to_string=True)

    def __exit__(self, *exc):
        gdb.execute("set %s %s" % (self._name, self._old), to_string=True)


def _native_id(thread):
    # A target without LWPs (some stubs) gives its own numbers as tid.
    return (thread.ptid[1] or thread.ptid[2] or thread.ptid[0]) if thread is not None else None


def _core_path(inferior):
    """The core file's path, or None: newer gdbs tell it; gdb 13 says it to people only, in a line

            `/path/core', file type elf64-x86-64.

    of which the core's is the first, since the core is above the executable in gdb's stack of targets."""
    corefile = getattr(inferior, "corefile", None)
    if corefile is not None:
        return corefile.filename
    for line in gdb.execute("info target", to_string=True).splitlines():
        match = re.match(r"\t[`'\u2018](.*)['\u2019], \S", line)
        if match is not None:
            return match.group(1)
    return None


def _modules():
    """(path, load address) of each ELF file. gdb has no API for the address; "info files" lists sections:

            0x00007f153a4362c8 - 0x00007f153a4362ec is .note.gnu.build-id in /lib/x86_64-linux-gnu/libm.so.6

    and the lowest lies in the file's first page (the notes do; without "in" it is of the executable)."""
    exe = gdb.current_progspace().filename
    lowest = {}
    for line in gdb.execute("info files", to_string=True).splitlines():
        match = re.match(r"\t0x([0-9a-f]+) - 0x[0-9a-f]+ is (\S+)(?: in (.*))?$", line)
        if match is None or re.match(r"load\d+[ab]?$", match.group(2)):
            continue
        path = match.group(3) or exe
        if path is not None:
            address = int(match.group(1), 16) & ~0xFFF
            lowest[path] = min(address, lowest.get(path, address))
    return sorted(
        ((_without_target(path), address) for path, address in lowest.items()),
        key=lambda module: module[0] != _without_target(exe or ""),
    )


def _threads(inferior):
    """(native id, thread pointer) of each thread, the selected one first."""
    selected = gdb.selected_thread()
    frame = gdb.selected_frame()
    found = []
    try:
        for thread in sorted(inferior.threads(), key=lambda thread: (thread.num != selected.num, thread.num)):
            pointer = 0
            try:
                thread.switch()
                pointer = int(gdb.newest_frame().read_register("fs_base"))
            except (gdb.error, ValueError):
                pass  # not x86, or the stub does not tell
            found.append((_native_id(thread), pointer & 0xFFFFFFFFFFFFFFFF))
    finally:
        selected.switch()
        frame.select()
    return found


_GDB = _Gdb()
_ADAPTER = _adapter.Adapter(_GDB)


class _Command(gdb.Command):
    """A row of the library's table; the subclasses' name and __doc__ come from there."""

    name = ""

    def __init__(self):
        super().__init__("py-" + self.name, gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        color = bool(gdb.parameter("style enabled")) and _adapter.terminal_color()
        try:
            # The answer is UTF-8 whatever the locale, as it is on the command line.
            with _Parameter("host-charset", "UTF-8"):
                _ADAPTER.run((self.name + " " + argument).rstrip(), gdb.write, color)
        except BaseException as error:
            raise gdb.GdbError(_adapter.error_line(error))

    def complete(self, text, word):
        if word is None:
            return None
        try:
            words = _ADAPTER.complete("%s %s" % (self.name, text))
        except Exception:
            return None  # no target, say: there is nothing to offer
        return [found for found in (_rest_of_word(text, word, candidate) for candidate in words) if found]


def _rest_of_word(text, word, candidate):
    """The library's words are split at blanks; gdb's also at other characters, and it wants its own last word
    replaced: of "self.cache" for the typed "self.ca" that is "cache"."""
    for start in range(len(text) + 1):
        if candidate.startswith(text[start:]):
            already = len(text) - start - len(word)
            return candidate[already:] if already >= 0 else None
    return None


def _has_gone(event):
    _ADAPTER.forget(event.inferior.num)


def _register():
    for row in cpeek.commands():
        fields = {"name": row.name, "__doc__": _adapter.command_help(row, _NOTE)}
        type("_Command_" + row.name, (_Command,), fields)()
    for registry in ("cont", "stop", "new_objfile", "memory_changed"):
        getattr(gdb.events, registry).connect(_GDB.note_run)
    gdb.events.exited.connect(_has_gone)
    gdb.events.inferior_deleted.connect(_has_gone)


try:
    _register()
except cpeek.Error as _error:
    gdb.write(_adapter.error_line(_error) + "\n", gdb.STDERR)
