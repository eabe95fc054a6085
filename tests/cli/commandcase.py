"""What the tests of the command share: a folder of its own, running the command, its answers."""

import json
import os
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

COMMAND = os.environ["NEARLITE_CLI"]


class CommandCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="nearlite-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.path = str(self.folder / "test.db")

    def run_command(self, *arguments, stdin="", **environment):
        return subprocess.run([COMMAND, *map(str, arguments)], input=stdin, capture_output=True,
                              text=True, timeout=100, cwd=self.folder,
                              env={**os.environ, **environment})  # fmt: skip

    def output(self, *arguments, stdin="", **environment):
        done = self.run_command(*arguments, stdin=stdin, **environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        return done.stdout

    def json(self, *arguments, **more):
        return json.loads(self.output(*arguments, "--json", **more))

    def fails(self, code, *arguments, names=(), stdin="", **environment):
        done = self.run_command(*arguments, stdin=stdin, **environment)
        self.assertEqual(done.returncode, code, done)
        for name in names:
            self.assertIn(name, done.stderr)
        return done

    def sql(self, *statements):
        return json.loads(self.output("sql", "--json", self.path, *statements) or "[]")

    def write(self, name, content):
        file = self.folder / name
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            file.write_text(content)
        return file


def npy(rows, kind="f4", shape=None, version=1):
    """A .npy file of the rows, or with a shape that they do not have."""
    shape = shape or (len(rows), len(rows[0]))
    header = repr({"descr": "<" + kind, "fortran_order": False, "shape": shape}).encode() + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    letter = {"f4": "f", "f8": "d", "f2": "e", "i8": "q", "i4": "i", "u1": "B"}[kind]
    flat = [number for row in rows for number in row]
    start = b"\x93NUMPY" + bytes([version, 0])
    return start + length + header + struct.pack(f"<{len(flat)}{letter}", *flat)


def fvecs(rows):
    return b"".join(struct.pack(f"<i{len(row)}f", len(row), *row) for row in rows)
