"""What the adapters of gdb and lldb share: a session for each target that is looked at, kept as long as it is the same
target, told when the target has run, closed when it is gone; and errors as one line.

Knows the package's Session and the Debugger below; must not know gdb, lldb, or what a command does.
"""

import os
import sys
from collections import namedtuple

from . import Error, Memory, Session

# key tells targets of a debugger from each other (gdb's inferiors, lldb's targets). core is the path of a core file,
# pid a local process that the debugger holds stopped; with neither, memory is lent. generation is anything that
# changes when another core or process takes the same key's place, runs anything that changes when the same one has
# run. exe is the executable as the debugger found it.
Target = namedtuple("Target", "key core pid generation runs exe sysroot")


class Debugger(object):
    """What an adapter answers for its debugger; about the selected target and thread, where it is not said."""

    def find_target(self):
        """The Target; raises Error when there is none, or when it runs."""
        raise NotImplementedError

    def lend(self):
        """(read(address, length), [(path, load address)], [(native id, thread pointer or 0)]) of the target."""
        raise NotImplementedError

    def thread(self):
        """The selected thread's native id, or None."""
        raise NotImplementedError

    def first_thread(self):
        """The native id of the thread that was selected when the target was opened, or None."""
        raise NotImplementedError

    def settings(self):
        """{name: value} for Session.set; a name that is missing keeps the library's default."""
        raise NotImplementedError

    def evaluate(self, expression):
        """The value of the debugger's expression as an int, or raises."""
        raise NotImplementedError

    def interrupted(self):
        """Whether Ctrl-C was pressed since the command began."""
        return False


class _Kept(object):
    def __init__(self, session, target, thread):
        self.session = session
        self.target = target
        self.thread = thread  # the one that the session was told last
        self.settings = {}


class Adapter(object):
    def __init__(self, debugger):
        self._debugger = debugger
        self._kept = {}

    def run(self, line, write, color=False):
        """Runs a command line on the debugger's selected target, text goes to write."""
        self._session().run(line, write=write, color=color)

    def complete(self, line):
        return self._session().complete(line)

    def forget(self, key):
        """The target with this key is gone."""
        kept = self._kept.pop(key, None)
        if kept is not None:
            kept.session.close()

    def _session(self):
        target = self._debugger.find_target()
        kept = self._kept.get(target.key)
        if kept is not None and kept.target != target:
            kept = self._follow(kept, target)
        if kept is None:
            kept = _Kept(self._open(target), target, self._debugger.first_thread() if target.core else None)
            self._kept[target.key] = kept

        for name, value in self._debugger.settings().items():
            if kept.settings.get(name) != value:
                kept.session.set(name, value)
                kept.settings[name] = value
        thread = self._debugger.thread()
        if thread is not None and thread != kept.thread:
            # A thread without Python: the command says so, if it needs a frame.
            kept.session.select_thread(thread)
            kept.thread = thread
        return kept.session

    def _follow(self, kept, target):
        """What is kept, made to fit the target as it is now, or None when it has to be opened anew."""
        is_same = kept.target._replace(runs=target.runs, exe=target.exe) == target
        if is_same and target.core:
            kept.target = target
            return kept
        if is_same and target.pid:
            try:
                kept.session.refresh()
                kept.target = target
                kept.thread = None
                return kept
            except Error:
                pass  # perhaps it became another program; opening it says what is wrong
        self.forget(target.key)  # lent modules and threads may have changed
        return None

    def _open(self, target):
        options = {
            "sysroot": target.sysroot,
            "evaluate": self._debugger.evaluate,
            "cancelled": self._debugger.interrupted,
        }
        if target.pid:
            return Session(pid=target.pid, pause=False, **options)
        if not target.core:
            return Session(memory=_memory(*self._debugger.lend()), **options)
        try:
            return Session(core=target.core, **options)
        except Error:
            # Perhaps the executable lies elsewhere than the core says, and the debugger was told where.
            if not target.exe:
                raise
            try:
                return Session(core=target.core, exe=target.exe, **options)
            except Error:
                pass
            raise


def _memory(read, modules, threads):
    """A Memory; the machine is what the ELF header of the first module says that shows one."""
    for _, address in modules:
        try:
            header = bytes(read(address, 20))
        except Exception:
            continue
        if header[:4] != b"\x7fELF":
            continue
        order = "big" if header[5] == 2 else "little"
        return Memory(
            read,
            8 if header[4] == 2 else 4,
            order == "big",
            int.from_bytes(header[18:20], order),
            modules,
            threads,
        )
    raise Error("IO", "no ELF file is seen in the memory that the debugger lends")


def is_local(path_of_executable, pid):
    """Whether pid is a process of this machine that this debugger, or a server that it started, holds: with a remote
    target the same number may be another process here."""
    try:
        tracer = _status_field(pid, "TracerPid")
        while tracer not in (0, 1, os.getpid()):
            tracer = _status_field(tracer, "PPid")
        if tracer != os.getpid():
            return False
        return not path_of_executable or os.path.samefile("/proc/%d/exe" % pid, path_of_executable)
    except (OSError, ValueError):
        return False


def _status_field(pid, name):
    with open("/proc/%d/status" % pid, "rb") as lines:
        for line in lines:
            key, _, value = line.partition(b":")
            if key == name.encode():
                return int(value)
    raise ValueError(name)


def stdout_is_terminal():
    try:
        return os.isatty(1)
    except OSError:
        return False


def terminal_color():
    """Whether the terminal takes colours, as the command line decides with --color auto."""
    return stdout_is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def error_line(error):
    """The one line that a user sees of an exception."""
    if isinstance(error, KeyboardInterrupt):
        return "cpeek: interrupted"
    if isinstance(error, Error):
        return "cpeek: %s" % error
    where = sys.exc_info()[2]
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = ""
    if where is not None:
        place = " (%s:%d)" % (os.path.basename(where.tb_frame.f_code.co_filename), where.tb_lineno)
    text = " ".join(str(error).split())
    return "cpeek: %s in the plugin: %s%s" % (type(error).__name__, text, place)


def command_help(command, note=""):
    """The text of a command's help in a debugger, where it is called py-NAME."""
    lines = [command.summary, "", "usage: py-" + command.usage, ""]
    width = max([len(argument.name) for argument in command.arguments] or [0])
    for argument in command.arguments:
        lines.append("  %-*s  %s" % (width, argument.name, argument.help))
    if command.arguments:
        lines.append("")
    if command.help:
        lines.extend([command.help, ""])
    return "\n".join(lines) + note
