"""install.sh: what it installs works from where it was put, and --uninstall leaves nothing of it.

Knows paths and the shell; what cpeek prints is for other tests.
"""
import os
import pathlib
import re
import shlex
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*command, **options):
    return subprocess.run(command, cwd="/", capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)


def install(home, *arguments):
    environment = {key: value for key, value in os.environ.items() if key != "XDG_CONFIG_HOME"}
    return run(str(ROOT / "install.sh"), "--no-deps", *arguments, env={**environment, "HOME": str(home)})


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def prefix(tmp_path_factory, home):
    prefix = tmp_path_factory.mktemp("with space") / "new"
    answer = install(home, "--prefix", str(prefix))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    yield prefix
    answer = install(home, "--uninstall", "--prefix", str(prefix))
    assert answer.returncode == 0, answer.stderr
    assert not prefix.exists()


def test_program_finds_its_library(prefix):
    answer = run(str(prefix / "bin" / "cpeek"), "--version")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert re.search(r"\b0\.1\.0\b", answer.stdout)
    assert f"{prefix}/bin/../lib/libcpeek.so.0" in run("ldd", str(prefix / "bin" / "cpeek")).stdout


def test_library_exports_the_header_and_nothing_else(prefix):
    header = (prefix / "include" / "cpeek.h").read_text()
    declared = set(re.findall(r"^CPEEK_PUBLIC [^;]*?(\w+)\(", header, re.M))
    symbols = run("nm", "-D", "--defined-only", str(prefix / "lib" / "libcpeek.so")).stdout
    exported = {line.split()[2].split("@")[0] for line in symbols.splitlines() if " T " in line}
    assert len(declared) > 15
    assert exported == declared


def test_c_program_builds_with_pkg_config(prefix, tmp_path):
    (tmp_path / "main.c").write_text(
        '#include <cpeek.h>\n#include <stdio.h>\n'
        'int main(void) { return printf("%s %u\\n", cpeek_version(), cpeek_abi_version()) < 0; }\n')
    environment = {**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")}
    flags = shlex.split(run("pkg-config", "--cflags", "--libs", "cpeek", env=environment).stdout)
    answer = run("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", str(tmp_path / "main.c"), "-o", str(tmp_path / "main"),
                 *flags, f"-Wl,-rpath,{prefix}/lib")
    assert answer.returncode == 0, answer.stderr
    assert run(str(tmp_path / "main")).stdout == "0.1.0 1\n"


def test_plugin_finds_its_library(prefix):
    answer = run("gdb", "-nx", "-batch", "-ex", f"source {prefix}/share/cpeek/gdb/cpeek_gdb.py", "-ex", "help py-bt",
                 "-ex", "python print([m for m in open('/proc/self/maps') if 'libcpeek' in m][0])")
    assert answer.returncode == 0, answer.stderr
    assert "--locals" in answer.stdout
    assert str(prefix / "lib" / "libcpeek.so.0") in answer.stdout


def test_init_files_get_one_line_and_lose_it(home, tmp_path):
    prefix = tmp_path / "p"
    gdbinit, lldbinit = home / ".gdbinit", home / ".lldbinit"
    gdbinit.write_text("set confirm off")  # with no newline at its end
    for _ in range(2):
        assert install(home, "--prefix", str(prefix), "--gdbinit").returncode == 0
    line = f"source {prefix}/share/cpeek/gdb/cpeek_gdb.py"
    lines = gdbinit.read_text().splitlines()
    assert lines[0] == "set confirm off"
    assert lines[1].startswith("# cpeek")
    assert lines[2:] == [line]
    assert not lldbinit.exists()
    assert install(home, "--prefix", str(prefix), "--uninstall").returncode == 0
    assert gdbinit.read_text() == "set confirm off\n"
    assert not prefix.exists()


def test_what_others_put_under_the_prefix_stays(home, tmp_path):
    prefix = tmp_path / "p"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "mine").write_text("mine")
    assert install(home, "--prefix", str(prefix)).returncode == 0
    (prefix / "lib" / "mine").write_text("mine")
    assert install(home, "--prefix", str(prefix), "--uninstall").returncode == 0
    left = sorted(str(path.relative_to(prefix)) for path in prefix.rglob("*"))
    assert left == ["bin", "bin/mine", "lib", "lib/mine"]


@pytest.mark.parametrize("arguments, status, says", [
    (["--nonsense"], 2, "unknown option: --nonsense"),
    (["--prefix"], 1, "--prefix needs a folder"),
    (["--uninstall", "--prefix", "/nonexistent"], 1, "nothing is installed under /nonexistent"),
])
def test_mistakes_get_one_line(home, arguments, status, says):
    answer = install(home, *arguments)
    assert answer.returncode == status
    assert says in answer.stderr.splitlines()[-1]
