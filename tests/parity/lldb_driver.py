"""Runs inside lldb: each command's output and error as the user would read them, one JSON line a command in the file
that $CPEEK_ANSWERS names. "!COMMAND" is a command of the shell's, with %d for the process id."""

import json
import os
import subprocess

import lldb


def context(debugger):
    """What commands work on: inside of "script" it is not followed by lldb itself."""
    target = debugger.GetSelectedTarget()
    process = target.GetProcess()
    thread = process.GetSelectedThread()
    for scope in (thread, process, target):
        if scope.IsValid():
            return lldb.SBExecutionContext(scope)
    return lldb.SBExecutionContext()


def drive(debugger, lines):
    debugger.SetAsync(False)
    interpreter = debugger.GetCommandInterpreter()
    with open(os.environ["CPEEK_ANSWERS"], "w") as file:
        for line in lines:
            if line.startswith("!"):
                pid = debugger.GetSelectedTarget().GetProcess().GetProcessID()
                done = subprocess.run(line[1:] % pid, shell=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                output, error = done.stdout.decode(), done.stderr.decode()
            else:
                result = lldb.SBCommandReturnObject()
                interpreter.HandleCommand(line, context(debugger), result)
                output, error = result.GetOutput() or "", result.GetError() or ""
            file.write(json.dumps({"line": line, "output": output, "error": error}) + "\n")
