"""Counts tests: `count.py FILE…` reads JUnit files (of meson test and of pytest) and prints "PASSED FAILED SKIPPED"."""
import sys
import xml.etree.ElementTree as ElementTree


def outcome(case):
    kinds = {child.tag for child in case}
    if kinds & {"failure", "error"}:
        return "failed"
    return "skipped" if "skipped" in kinds else "passed"


def main(paths):
    outcomes = [outcome(case) for path in paths for case in ElementTree.parse(path).iter("testcase")]
    print(*(outcomes.count(kind) for kind in ("passed", "failed", "skipped")))


if __name__ == "__main__":
    main(sys.argv[1:])
