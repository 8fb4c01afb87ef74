"""Counts tests: `count.py FILE…` reads JUnit files (of meson test and of pytest) and prints "PASSED FAILED SKIPPED", and
then the name of each that failed, a line each."""
import sys
import xml.etree.ElementTree as ElementTree


def outcome(case):
    kinds = {child.tag for child in case}
    if kinds & {"failure", "error"}:
        return "failed"
    return "skipped" if "skipped" in kinds else "passed"


def main(paths):
    cases = [(outcome(case), case.get("name")) for path in paths for case in ElementTree.parse(path).iter("testcase")]
    outcomes = [kind for kind, _ in cases]
    print(*(outcomes.count(kind) for kind in ("passed", "failed", "skipped")))
    for kind, name in cases:
        if kind == "failed":
            print(name)


if __name__ == "__main__":
    main(sys.argv[1:])
