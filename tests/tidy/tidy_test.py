"""Holds the project to its habits (tests/tidy/rules.py). Prints every problem, one a line."""

import os
import sys
from pathlib import Path

import rules
from source import Tree


def main():
    tree = Tree(os.environ.get("NEARLITE_SOURCE_DIR", Path(__file__).parents[2]))
    problems = [(rule.__name__, text) for rule in rules.RULES for text in rule(tree)]
    build_dir = os.environ.get("NEARLITE_BUILD_DIR")
    if build_dir:
        registered = rules.registered_tests(build_dir)
        unknown = rules.tests_registered(tree, registered)
        problems += [("tests_registered", text) for text in unknown]
    else:
        print("NEARLITE_BUILD_DIR is not set: not checked that ctest knows every test")
    for name, text in problems:
        print(f"{name}: {text}")
    print(f"{len(tree.paths)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
