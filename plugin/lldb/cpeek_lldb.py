"""cpeek in lldb: each command of the library as py-NAME. Load it with

    command script import …/cpeek_lldb.py

For a core of another machine, with that machine's files below ROOT, first (a target keeps the platform that was
selected when it was created)

    platform select --sysroot ROOT remote-linux

Knows lldb's Python API; must not know what any command does: names and help come from the library.
"""

import os
import re
import sys

import lldb

_HERE = os.path.dirname(os.path.realpath(__file__))
# The package lies beside this folder: in the source tree, or installed.
for _place in (os.path.join(_HERE, ".."), os.path.join(_HERE, "..", "python")):
    _place = os.path.normpath(_place)
    if os.path.isdir(os.path.join(_place, "cpeek")) and _place not in sys.path:
        sys.path.insert(0, _place)

import cpeek
from cpeek import _adapter

_STOPPED = (lldb.eStateStopped, lldb.eStateCrashed, lldb.eStateSuspended)
# lldb's limits: the defaults of its releases, and the library's setting. While a default stands, the library's holds.
_LIMITS = (
    ("target.max-children-count", ("256", "24"), "elements"),
    ("target.max-string-summary-length", ("1024",), "string"),
    ("target.max-children-depth", ("4294967295",), "depth"),  # lldb 16
)
_RUNNING = (lldb.eStateRunning, lldb.eStateStepping)


class _Lldb(_adapter.Debugger):
    """One SBDebugger; a process may hold several."""

    def __init__(self, debugger):
        self._debugger = debugger
        self._given = set()
        self._cores = {}  # generation of a process of a core: the core's path

    def find_target(self):
        target = self._debugger.GetSelectedTarget()
        process = target.GetProcess()
        state = process.GetState()
        if state in _RUNNING:
            raise cpeek.Error("IO", "the process is running: interrupt it first")
        if not process.IsValid() or state not in _STOPPED:
            raise cpeek.Error("IO", "there is no process and no core here: run the program, attach, or load a core")
        pid = process.GetProcessID()
        exe = _path(target.GetExecutable())
        is_core = process.GetPluginName() == "elf-core"
        generation = (pid, process.GetUniqueID())
        if is_core and generation not in self._cores:
            self._cores[generation] = self._find_core(process)
        return _adapter.Target(
            key=self._debugger.GetIndexOfTarget(target),
            core=self._cores[generation] if is_core else None,
            pid=pid if not is_core and _adapter.is_local(exe, pid) else None,
            generation=generation,
            runs=process.GetStopID(True),
            exe=exe,
            sysroot=self._sysroot() if is_core else None,
        )

    def lend(self):
        target = self._debugger.GetSelectedTarget()

        def read(address, length):
            # SBProcess.ReadMemory would not see what a core leaves to the ELF files. lldb 14 and 19: an SBError
            # that was used once fails for ever.
            error = lldb.SBError()
            data = target.ReadMemory(lldb.SBAddress(address, target), length, error)
            return data if error.Success() else None

        modules = []
        for module in target.module_iter():
            address = module.GetObjectFileHeaderAddress().GetLoadAddress(target)
            if address != lldb.LLDB_INVALID_ADDRESS:
                modules.append((_path(module.GetFileSpec()), address))
        selected = self._process().GetSelectedThread()
        threads = [thread for thread in self._process() if thread.GetThreadID() != selected.GetThreadID()]
        return read, modules, [(t.GetThreadID(), _thread_pointer(t)) for t in [selected] + threads]

    def thread(self):
        thread = self._process().GetSelectedThread()
        return thread.GetThreadID() if thread.IsValid() else None

    def first_thread(self):
        thread = self._process().GetThreadAtIndex(0)
        return thread.GetThreadID() if thread.IsValid() else None

    def settings(self):
        settings = {"width": self._debugger.GetTerminalWidth() if _adapter.stdout_is_terminal() else 0}
        for name, defaults, limit in _LIMITS:
            values = self._debugger.GetInternalVariableValue(name, self._debugger.GetInstanceName())
            value = values.GetStringAtIndex(0) if values.GetSize() else None
            if value is not None and value.isdigit() and (value not in defaults or name in self._given):
                self._given.add(name)
                settings[limit] = int(value)
        return settings

    def evaluate(self, expression):
        options = lldb.SBExpressionOptions()
        options.SetAllowJIT(False)  # cpeek never runs code in the target
        frame = self._process().GetSelectedThread().GetSelectedFrame()
        value = frame.EvaluateExpression(expression, options)
        error = lldb.SBError()
        number = value.GetValueAsUnsigned(error)
        if value.GetError().Fail() or error.Fail():
            raise ValueError(expression)
        return number

    def interrupted(self):
        return self._debugger.GetCommandInterpreter().WasInterrupted()

    def _process(self):
        return self._debugger.GetSelectedTarget().GetProcess()

    def _ask(self, command):
        """What lldb's own command says, as text; "" when it fails."""
        result = lldb.SBCommandReturnObject()
        self._debugger.GetCommandInterpreter().HandleCommand(command, result)
        return (result.GetOutput() or "") if result.Succeeded() else ""

    def _find_core(self, process):
        """The core file's path, or None. Newer lldbs tell it; in lldb 14 the core is one of the files in the list of
        all modules that lldb has open. When there are more cores, the right one is of the same process."""
        if hasattr(process, "GetCoreFile"):
            return _path(process.GetCoreFile())
        listed = re.findall(r"^\[ *\d+\] (.*)$", self._ask("target modules list -g -f"), re.MULTILINE)
        cores = [path for path in listed if _is_core(path)]
        if len(cores) > 1:
            cores = [path for path in cores if _has_pid(path, self._sysroot(), process.GetProcessID())]
        return cores[0] if len(cores) == 1 else None

    def _sysroot(self):
        match = re.search(r"^ *Sysroot: (.*)$", self._ask("platform status"), re.MULTILINE)
        return match.group(1) if match is not None else None


def _path(spec):
    return spec.fullpath if spec.IsValid() else None


def _is_core(path):
    try:
        with open(path, "rb") as file:
            header = file.read(18)
    except OSError:
        return False
    return header[:4] == b"\x7fELF" and 4 in (header[16], header[17])  # ET_CORE, in either byte order


def _has_pid(path, sysroot, pid):
    try:
        with cpeek.Session(core=path, sysroot=sysroot) as session:
            return session.run("info", json=True).get("pid") == pid
    except cpeek.Error:
        return False


def _thread_pointer(thread):
    return thread.GetFrameAtIndex(0).FindRegister("fs_base").GetValueAsUnsigned(0)


_ADAPTERS = {}  # by the id of the SBDebugger


def _run(debugger, line, write):
    if debugger.GetID() not in _ADAPTERS:
        _ADAPTERS[debugger.GetID()] = _adapter.Adapter(_Lldb(debugger))
    color = bool(debugger.GetUseColor()) and _adapter.terminal_color()
    _ADAPTERS[debugger.GetID()].run(line, write, color)


class _Command(object):
    """A row of the library's table; the subclasses' row comes from there."""

    row = None

    def __init__(self, debugger, internal_dict):
        pass

    def __call__(self, debugger, command, exe_ctx, result):
        try:
            _run(debugger, (self.row.name + " " + command).rstrip(), result.write)
        except BaseException as error:
            result.SetError(_adapter.error_line(error))

    def get_short_help(self):
        return self.row.summary

    def get_long_help(self):
        return _adapter.command_help(self.row)


def __lldb_init_module(debugger, internal_dict):
    try:
        rows = cpeek.commands()
    except cpeek.Error as error:
        sys.stderr.write(_adapter.error_line(error) + "\n")
        return
    for row in rows:
        name = "Command_" + row.name
        globals()[name] = type(name, (_Command,), {"row": row})
        debugger.HandleCommand("command script add -o -c %s.%s py-%s" % (__name__, name, row.name))
