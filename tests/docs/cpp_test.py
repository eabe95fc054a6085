"""Compiles and runs the blocks of docs/cpp.md and README.md, and compares what they print.

Also the fragment in the head of nearlite.h (the program there is tests/install/consumer_test.py's).

The cpp blocks are one program: lines with #include go to its top, everything else into main(), one
block after the other. A c block is a program of its own. The text blocks after them, together, are
what they print.
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["NEARLITE_SOURCE_DIR"])
BUILD = Path(os.environ["NEARLITE_BUILD_DIR"])
CPP = ["g++", "-std=c++20"]
CPP_LIBRARIES = [str(BUILD / "libnearlite.a"), "-lsqlite3", "-lxxhash", "-pthread"]
WARNINGS = ["-Wall", "-Wextra", "-Werror"]


def blocks(markdown):
    """(language, code) of every fenced block."""
    return re.findall(r"^```(\w+)\n(.*?)^```", markdown, re.MULTILINE | re.DOTALL)


def programs(markdown):
    """{language: (code, expected output)} for cpp and c."""
    found = {"cpp": ["", ""], "c": ["", ""]}
    last = None
    for language, code in blocks(markdown):
        if language in found:
            last = language
            found[last][0] += code
        elif language == "text" and last:
            found[last][1] += code
        else:
            last = None
    lines = found["cpp"][0].splitlines(keepends=True)
    is_include = [line.startswith("#include") for line in lines]
    top = [line for line, top in zip(lines, is_include) if top]
    body = [line for line, top in zip(lines, is_include) if not top]
    found["cpp"][0] = "".join(top) + "int main() {\n" + "".join(body) + "}\n"
    return found


def sanitizer():
    cache = (BUILD / "CMakeCache.txt").read_text()
    chosen = re.search(r"^NEARLITE_SANITIZE:\w+=(.+)$", cache, re.MULTILINE)
    return [f"-fsanitize={chosen.group(1)}"] if chosen else []


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


class CppTest(unittest.TestCase):
    def check_document(self, language, compiler, libraries):
        code, expected = programs((SOURCE / "docs/cpp.md").read_text())[language]
        self.check(code, expected, language, compiler, libraries)

    def check(self, code, expected, language, compiler, libraries):
        self.assertIn("nearlite", code)
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / f"main.{language}"
            source.write_text(code)
            program = str(Path(folder) / "program")
            run(*compiler, *WARNINGS, *sanitizer(), f"-I{SOURCE}/include", str(source), "-o",
                program, *libraries)  # fmt: skip
            environment = dict(os.environ, LD_LIBRARY_PATH=str(BUILD))
            self.assertEqual(run(program, cwd=folder, env=environment), expected)

    def test_cpp_blocks(self):
        self.check_document("cpp", CPP, CPP_LIBRARIES)

    def test_the_block_of_the_readme(self):
        code, expected = programs((SOURCE / "README.md").read_text())["cpp"]
        self.check(code, expected, "cpp", CPP, CPP_LIBRARIES)

    def test_c_block(self):
        libraries = [f"-L{BUILD}", "-l:libnearlite.so"]
        self.check_document("c", ["gcc", "-std=c99", "-pedantic"], libraries)

    def test_head_of_the_header(self):
        text = re.sub("^/// ?", "", (SOURCE / "include/nearlite/nearlite.h").read_text(),
                      flags=re.MULTILINE)  # fmt: skip
        fragment = blocks(text)[1][1]
        code = "#include <nearlite/nearlite.h>\nint main() {\n" + fragment
        code += "return status.ok() && hits.size() == 1 ? 0 : 1;\n}\n"
        self.check(code, "", "cpp", CPP, CPP_LIBRARIES)


if __name__ == "__main__":
    sys.exit(unittest.main())
