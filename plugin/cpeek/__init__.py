"""What a CPython process really holds, for scripts:

    import cpeek
    with cpeek.Session(core="core") as session:
        print(session.run("bt --all --locals"))
        for thread in session.run("bt --all", json=True)["threads"]:
            print(thread["native_id"], len(thread["frames"]))
        for item in session.records("objects --type dict"):
            print(item["address"], item["size"])

Knows the C API (libcpeek.so, through ctypes); must not know debuggers: their part is in _adapter.py.
"""

import codecs
import ctypes
import json as _json
import sys
from collections import namedtuple

from . import _library

__all__ = ["Command", "Error", "Memory", "Session", "commands", "version"]

Argument = namedtuple("Argument", "name help kind required")
Command = namedtuple("Command", "name usage summary help arguments")


class Error(Exception):
    """A call that failed: str() is one line, status the name of a cpeek_status ("NO_PYTHON")."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class Memory(object):
    """Memory that is lent to a session, for targets that neither a core file nor a local process id names.

    read(address, length) answers bytes, or raises; modules are (path, load address); threads are (native id,
    thread pointer or 0), the current one first.
    """

    def __init__(self, read, pointer_size, big_endian, machine, modules, threads):
        self.read = read
        self.pointer_size = pointer_size
        self.big_endian = big_endian
        self.machine = machine
        self.modules = modules
        self.threads = threads


_loaded = None


def _get_library():
    global _loaded
    if _loaded is None:
        try:
            _loaded = _library.load()
        except _library.LibraryError as error:
            raise Error("IO", str(error))
    return _loaded


def _decode(text):
    return text.decode("utf-8", "replace")


def _encode(text):
    # Paths may hold bytes that are no UTF-8: surrogateescape gives them back as they were.
    return None if text is None else text.encode("utf-8", "surrogateescape")


def _status_name(status):
    return _decode(_get_library().cpeek_status_name(status))


def version():
    """The library's release."""
    return _decode(_get_library().cpeek_version())


def commands():
    """The command table: a list of Command."""
    found = []
    while True:
        row = _get_library().cpeek_command_at(len(found))
        if not row:
            return found
        row = row.contents
        arguments = [
            Argument(_decode(a.name), _decode(a.help), a.kind, bool(a.required))
            for a in row.arguments[: row.argument_count]
        ]
        found.append(
            Command(_decode(row.name), _decode(row.usage), _decode(row.summary), _decode(row.help), arguments)
        )


class _Hooks(object):
    """Python functions as C callbacks. No exception may leave a callback: ctypes would print and forget it. The first
    one is kept, every later poll answers "stop", and check() raises it once the C function has returned."""

    def __init__(self):
        self.failure = None
        self._unraisable = None

    def guard(self, function, failed):
        def callback(*args):
            if self.failure is not None:
                return failed
            try:
                return function(*args)
            except BaseException as error:
                self.failure = error
                return failed

        return callback

    # Ctrl-C reaches Python code as KeyboardInterrupt at any bytecode, so also between a callback's start and its
    # "try": such a one ends up in sys.unraisablehook (Python 3.8), where it is caught while a C function runs.
    def __enter__(self):
        self.failure = None
        self._unraisable = getattr(sys, "unraisablehook", None)
        if self._unraisable is not None:
            sys.unraisablehook = self._note
        return self

    def __exit__(self, *exc):
        if self._unraisable is not None:
            sys.unraisablehook = self._unraisable

    def _note(self, unraisable):
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            self.failure = unraisable.exc_value
        else:
            self._unraisable(unraisable)


_MISMATCH = {None: 0, "use": _library.OPEN_MISMATCH, "ignore": _library.OPEN_IGNORE_MISMATCH}


class Session(object):
    """One target: exactly one of core (a path), pid and memory (a Memory).

    exe, sysroot, debug_dir, mismatch, python and pause are the command line's --exe, --sysroot, --debug-dir,
    --mismatch ("ignore" or "use"), --python and --no-pause. cancelled() is
    polled in long loops, evaluate(expression) answers an int for a debugger's expression, progress(what, done, total)
    is told now and then. partial says whether something was missing in the last answer.
    """

    def __init__(
        self,
        core=None,
        pid=None,
        memory=None,
        exe=None,
        sysroot=None,
        debug_dir=None,
        mismatch=None,
        python=None,
        pause=True,
        cancelled=None,
        progress=None,
        evaluate=None,
    ):
        if sum(target is not None for target in (core, pid, memory)) != 1:
            raise Error("USAGE", "a session needs one of core, pid and memory")
        self.partial = False
        self._library = _get_library()
        self._hooks = _Hooks()
        self._session = self._library.cpeek_create()
        if not self._session:
            raise Error("NO_MEMORY", "out of memory")
        try:
            self._set_host(cancelled, progress, evaluate)
            options = _library.OpenOptions(
                ctypes.sizeof(_library.OpenOptions),
                (0 if pause else _library.OPEN_NO_PAUSE) | _MISMATCH[mismatch],
                _encode(exe),
                _encode(sysroot),
                _encode(python),
                _encode(debug_dir),
            )
            if core is not None:
                self._call(self._library.cpeek_open_core, _encode(core), options)
            elif pid is not None:
                self._call(self._library.cpeek_open_pid, pid, options)
            else:
                self._call(self._library.cpeek_open_memory, self._lend(memory), options)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def __del__(self):
        self.close()

    def close(self):
        """End the session; a process that it stopped goes on."""
        session, self._session = getattr(self, "_session", None), None
        if session:
            self._library.cpeek_destroy(session)

    def run(self, line, json=False, color=False, write=None):
        """The answer to one command line: text, or with json the parsed document. With write, each piece of text
        goes to write(text) instead, and nothing is returned."""
        pieces = []
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        take = write or pieces.append

        def receive(_, data, length):
            text = decoder.decode(ctypes.string_at(data, length))
            if text:
                take(text)
            return 0

        form = _library.JSON if json else _library.TEXT | (_library.COLOR if color else 0)
        callback = _library.WRITE(self._hooks.guard(receive, 1))
        status = self._call(self._library.cpeek_run, _encode(line), form, callback, None)
        self.partial = status == _library.PARTIAL
        if write is not None:
            return None
        text = "".join(pieces)
        if not json:
            return text
        try:
            return _json.loads(text)
        except ValueError as error:
            raise Error("USAGE", "the answer is no JSON document (%s): use records() for a command that lists" % error)

    def records(self, line):
        """The answer of a command that lists (objects, find): a list of records."""
        pieces = []
        self.run(line, json=True, write=pieces.append)
        return [_json.loads(text) for text in "".join(pieces).split("\n") if text]

    def complete(self, line):
        """Each way to go on with line: whole words that replace its last one."""
        found = []
        callback = _library.FOUND(self._hooks.guard(lambda _, word: found.append(_decode(word)), None))
        self._call(self._library.cpeek_complete, _encode(line), callback, None)
        return found

    def commands(self):
        """The command table: a list of Command."""
        return commands()

    def refresh(self):
        """The target has run: forget what was read."""
        self._call(self._library.cpeek_refresh)

    def select_thread(self, native_id):
        """Whether there is a Python thread with this native id; it is the selected one then."""
        try:
            self._call(self._library.cpeek_select_thread, native_id)
        except Error as error:
            if error.status != "NOT_FOUND":
                raise
            return False
        return True

    def set(self, name, value):
        """Settings: "elements", "string", "depth", "total", "width"; 0 lifts a limit."""
        self._call(self._library.cpeek_set, _encode(name), value)

    def _call(self, function, *args):
        """Calls function(session, *args); answers OK or PARTIAL, raises what a hook raised, or Error."""
        if not self._session:
            raise Error("USAGE", "the session is closed")
        with self._hooks as hooks:
            status = function(self._session, *args)
        if hooks.failure is not None:
            failure, hooks.failure = hooks.failure, None
            raise failure
        if status not in (_library.OK, _library.PARTIAL):
            raise Error(_status_name(status), _decode(self._library.cpeek_error(self._session)))
        return status

    def _set_host(self, cancelled, progress, evaluate):
        guard = self._hooks.guard

        def poll(_):
            return 1 if cancelled is not None and cancelled() else 0

        def tell(_, what, done, total):
            progress(_decode(what), done, total)

        def answer(_, expression, ret):
            try:
                ret[0] = evaluate(_decode(expression)) & 0xFFFFFFFFFFFFFFFF
            except Exception:
                return 1  # no such value: the library says so
            return 0

        # poll is always there: running it lets Python raise the KeyboardInterrupt of a Ctrl-C.
        self._host = _library.Host(ctypes.sizeof(_library.Host), None)
        self._host.cancelled = _library.CANCELLED_HOOK(guard(poll, 1))
        if progress is not None:
            self._host.progress = _library.PROGRESS_HOOK(guard(tell, None))
        if evaluate is not None:
            self._host.evaluate = _library.EVALUATE_HOOK(guard(answer, 1))
        self._library.cpeek_set_host(self._session, self._host)

    def _lend(self, memory):
        def read(_, address, buffer, length):
            try:
                data = memory.read(address, length)
            except Exception:
                return 1
            if data is None or len(data) != length:
                return 1
            ctypes.memmove(buffer, data, length)
            return 0

        modules = (_library.Module * len(memory.modules))(
            *[(_encode(path), address) for path, address in memory.modules]
        )
        threads = (_library.Thread * len(memory.threads))(*memory.threads)
        self._read = _library.READ(self._hooks.guard(read, 1))
        return _library.Memory(
            ctypes.sizeof(_library.Memory),
            memory.pointer_size,
            1 if memory.big_endian else 0,
            memory.machine,
            self._read,
            None,
            modules,
            len(modules),
            threads,
            len(threads),
        )
