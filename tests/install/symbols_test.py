"""Each extension exports one name and needs nothing but libc; the C library its own and SQLite."""

import os
import re
import subprocess
import sys
import unittest

EXTENSION = os.environ["NEARLITE_EXTENSION"]
VEC0 = os.path.join(os.environ["NEARLITE_BUILD_DIR"], "vec0.so")
C_LIBRARY = os.path.join(os.environ["NEARLITE_BUILD_DIR"], "libnearlite.so")
HEADER = os.path.join(os.environ["NEARLITE_SOURCE_DIR"], "include/nearlite/nearlite_c.h")
# libm and the dynamic linker belong to libc. A sanitizer build (not shipped) needs more.
LIBC = {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


def lines(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


class SymbolsTest(unittest.TestCase):
    def test_exports_the_entry_point_only(self):
        for path, name in ((EXTENSION, "sqlite3_nearlite_init"), (VEC0, "sqlite3_vec_init")):
            exported = [line.split()[-1] for line in lines("nm", "-D", "--defined-only", path)]
            self.assertEqual(exported, [name])

    def test_calls_sqlite_through_the_host_only(self):
        for path in (EXTENSION, VEC0):
            undefined = [line.split()[-1] for line in lines("nm", "-D", "--undefined-only", path)]
            self.assertEqual([name for name in undefined if name.startswith("sqlite3_")], [])

    def test_needs_libc_only(self):
        for path in (EXTENSION, VEC0):
            dynamic = "\n".join(lines("readelf", "-d", path))
            needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))
            self.assertEqual(needed - LIBC, set())

    def test_the_c_library_exports_what_its_header_declares(self):
        with open(HEADER, encoding="utf-8") as file:
            text = file.read()
        declared = re.findall(r"^NEARLITE_C_API .*?\b(nearlite_\w+)\(", text, re.MULTILINE)
        exported = [line.split()[-1] for line in lines("nm", "-D", "--defined-only", C_LIBRARY)]
        self.assertEqual(sorted(exported), sorted(declared))

    def test_the_c_library_needs_sqlite_and_libc_only(self):
        dynamic = "\n".join(lines("readelf", "-d", C_LIBRARY))
        needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))
        self.assertEqual(needed - LIBC, {"libsqlite3.so.0"})


if __name__ == "__main__":
    sys.exit(unittest.main())
