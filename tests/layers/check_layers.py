"""The rules of the tree that no compiler checks: `check_layers.py ROOT` prints each breach and fails if there is one.

Knows where files stand and what the words in them may be; compiles and runs nothing.
"""
import ast
import importlib.util
import pathlib
import re
import sys

LAYERS = ["base", "sink", "target", "layout", "runtime", "object", "stack", "heap", "command", "api"]
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]*)"', re.M)
NOT_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

# A call, not a member of that name: `ops->free(` and `.exit(` are somebody's own.
CALL = r"(?<![\w.>])(?:%s)\s*\("
PRINTS = re.compile(CALL % "v?f?printf|v?dprintf|f?puts|f?putc|putchar|perror|v?syslog|v?warnx?|v?errx?")
ENDS = re.compile(CALL % "_?exit|quick_exit|abort|assert")
ALLOCATES = re.compile(CALL % "malloc|calloc|realloc|reallocarray|strn?dup|v?asprintf|free")
VERSION = re.compile(r"\b0[xX]03[0-9a-fA-F]{6}[uUlL]*\b|\b\w*version_hex\w*\b")
LENT_TO_PLUGINS = {"cpeek", "gdb", "lldb"}


def breaches_of_c(path, place, text):
    """place: the path's parts below the root."""
    own_header = INCLUDE.search(text)
    has_header = own_header and own_header.group(1) == f"{place[-2]}/{path.stem}.h" and path.suffix == ".c"
    if not text.startswith("/*") and not has_header:
        yield 1, "opens with no comment (nor with its own header, which would)"
    for include in INCLUDE.finditer(text):
        wrong = wrong_include(place, include.group(1))
        if wrong:
            yield text.count("\n", 0, include.start()) + 1, f'"{include.group(1)}": {wrong}'
    if place[0] != "lib":
        return
    code = NOT_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
    rules = [(PRINTS, "the library prints nothing"), (ENDS, "the library ends no program")]
    if place != ("lib", "base", "memory.c"):
        rules.append((ALLOCATES, "all memory comes through base/memory.h"))
    if place[1] not in ("layout", "runtime"):
        rules.append((VERSION, "versions are compared in layout/ and runtime/ only; ask for a field or a trait"))
    for pattern, rule in rules:
        for match in pattern.finditer(code):
            yield code.count("\n", 0, match.start()) + 1, f"{match.group().rstrip('( ')}: {rule}"


def wrong_include(place, name):
    """Why a file at place may not include name; None when it may."""
    if name == "cpeek.h":
        return None
    if place[0] == "include":
        return "the public header needs the standard headers only"
    if place[0] == "plugin":
        return "front ends see cpeek.h alone"
    layer = name.split("/")[0]
    if place[0] == "tests" and layer not in LAYERS:
        return None
    if layer not in LAYERS or name.count("/") != 1:
        return "is not LAYER/FILE"
    if place[0] == "lib" and LAYERS.index(layer) > LAYERS.index(place[1]):
        return f"{place[1]} lies below {layer}"
    return None


def breaches_of_python(place, text):
    tree = ast.parse(text)
    if not text.startswith("#") and ast.get_docstring(tree) is None and text.strip():
        yield 1, "opens with no comment"
    if place[0] != "plugin":
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        else:
            continue
        for name in {name.split(".")[0] for name in names} - LENT_TO_PLUGINS:
            if not in_standard_library(name):
                yield node.lineno, f"{name}: plugins need nothing but the standard library"


def in_standard_library(name):
    spec = importlib.util.find_spec(name)
    return spec is not None and "-packages" not in (spec.origin or "")


def breaches(root, path):
    place = path.relative_to(root).parts
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".c", ".h", ".def"):
        yield from breaches_of_c(path, place, text)
    elif path.suffix == ".py":
        yield from breaches_of_python(place, text)
    elif text.strip() and not text.startswith("#"):
        yield 1, "opens with no comment"


def main(root):
    suffixes = {".c", ".h", ".def", ".py", ".sh"}
    folders = ["include", "lib", "plugin", "tests", "tools", "bench"]
    files = [path for folder in folders for path in sorted((root / folder).rglob("*")) if path.suffix in suffixes]
    count = 0
    for path in files:
        for line, what in breaches(root, path):
            print(f"{path.relative_to(root)}:{line}: {what}")
            count += 1
    print(f"{len(files)} files, {count} breaches")
    return 1 if count or not files else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
