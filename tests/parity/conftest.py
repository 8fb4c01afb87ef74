"""Fixtures of the parity tests: interpreters, cores and debuggers that are found here."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # tests/, for committed

import committed
from front_ends import PROGRAM, Core, dump, interpreters, lldb_environment, tool


@pytest.fixture(scope="session")
def gdb():
    path = tool("gdb")
    if path is None:
        pytest.skip("there is no gdb here")
    return path


@pytest.fixture(scope="session")
def lldb():
    path = tool("lldb")
    if path is None:
        pytest.skip("there is no lldb here")
    if lldb_environment(path) is None:
        pytest.skip("%s cannot run Python" % path)
    return path


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("program") / "pr\u00f6gram.py"
    path.write_text(PROGRAM, encoding="utf-8")
    return str(path)


@pytest.fixture(scope="session", params=interpreters() + committed.versions(), ids=os.path.basename)
def core(request, program, tmp_path_factory):
    """A Core for each interpreter and each committed core."""
    folder = tmp_path_factory.mktemp("core")
    if os.path.isabs(request.param):
        return Core(dump([request.param, program, "core"], folder), request.param, None)
    path, root = committed.unpack(request.param, str(folder))
    return Core(path, None, root)


@pytest.fixture(scope="session")
def core_without_python(tmp_path_factory):
    return dump(["sh", "-c", "kill -ABRT $$"], tmp_path_factory.mktemp("core"))


@pytest.fixture(params=interpreters(), ids=os.path.basename)
def interpreter(request):
    return request.param
