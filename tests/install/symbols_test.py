"""The extension exports one name and needs nothing but libc."""

import os
import re
import subprocess
import sys
import unittest

EXTENSION = os.environ["NEARLITE_EXTENSION"]
# libm and the dynamic linker belong to libc. A sanitizer build (not shipped) needs more.
LIBC = {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


def lines(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


class SymbolsTest(unittest.TestCase):
    def test_exports_the_entry_point_only(self):
        exported = [line.split()[-1] for line in lines("nm", "-D", "--defined-only", EXTENSION)]
        self.assertEqual(exported, ["sqlite3_nearlite_init"])

    def test_calls_sqlite_through_the_host_only(self):
        undefined = [line.split()[-1] for line in lines("nm", "-D", "--undefined-only", EXTENSION)]
        self.assertEqual([name for name in undefined if name.startswith("sqlite3_")], [])

    def test_needs_libc_only(self):
        dynamic = "\n".join(lines("readelf", "-d", EXTENSION))
        needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))
        self.assertEqual(needed - LIBC, set())


if __name__ == "__main__":
    sys.exit(unittest.main())
