"""Runs ../../conformance/cases.json with every driver that can load extensions, and more."""

import json
import math
import os
import sqlite3
import unittest
from pathlib import Path
from unittest import mock

import nearlite

try:
    import apsw
except ImportError:
    apsw = None

CASES = json.loads(
    (Path(__file__).parents[2] / "conformance/cases.json").read_text(encoding="utf-8")
)


def numbers(vector):
    return [float(component) for component in vector]


def parameter_of(value):
    return nearlite.encode(numbers(value["vector"])) if isinstance(value, dict) else value


class Cases:
    """The cases of a driver; a class that also is a TestCase says which."""

    error = Exception

    def connect(self):
        raise NotImplementedError

    def rows(self, connection, sql, parameters):
        return [list(row) for row in connection.execute(sql, parameters).fetchall()]

    def setUp(self):
        self.open()

    def open(self):
        self.connection = self.connect()
        self.addCleanup(self.connection.close)
        nearlite.load(self.connection)

    def test_cases(self):
        for case in CASES["sql"]:
            with self.subTest(case["name"]):
                self.open()
                for step in case["steps"]:
                    self.check(step)

    def check(self, step):
        parameters = [parameter_of(value) for value in step.get("parameters", [])]
        if "error" in step:
            with self.assertRaises(self.error) as caught:
                self.rows(self.connection, step["sql"], parameters)
            self.assertIn(step["error"], str(caught.exception))
            return
        found = self.rows(self.connection, step["sql"], parameters)
        if "rows" not in step:
            return
        self.assertEqual(len(found), len(step["rows"]), found)
        for found_row, row in zip(found, step["rows"]):
            self.assertEqual(len(found_row), len(row))
            for found_value, value in zip(found_row, row):
                self.check_value(found_value, value)

    def check_value(self, found, expected):
        if isinstance(expected, float):
            self.assertTrue(math.isclose(found, expected, rel_tol=1e-6, abs_tol=1e-6), found)
        elif isinstance(expected, dict) and "vector" in expected:
            self.assertEqual(nearlite.decode(found).tolist(), numbers(expected["vector"]))
        elif isinstance(expected, dict):
            self.assertEqual(found, nearlite.version())
        else:
            self.assertEqual(found, expected)

    def test_extensions_are_off_afterwards(self):
        with self.assertRaisesRegex(self.error, "not authorized"):
            self.rows(self.connection, "SELECT load_extension('x')", [])

    def test_no_extension(self):
        with mock.patch.dict(os.environ, NEARLITE_EXTENSION=__file__):
            with self.assertRaises(self.error) as caught:
                nearlite.load(self.connection)
        self.assertNotIsInstance(caught.exception, (TypeError, FileNotFoundError))
        self.test_extensions_are_off_afterwards()


@unittest.skipUnless(
    hasattr(sqlite3.Connection, "enable_load_extension"), "sqlite3 was built without extensions"
)
class StandardTest(Cases, unittest.TestCase):
    error = sqlite3.Error

    def connect(self):
        return sqlite3.connect(":memory:", isolation_level=None)


@unittest.skipUnless(apsw, "apsw is not installed")
class ApswTest(Cases, unittest.TestCase):
    error = apsw.Error if apsw else Exception

    def connect(self):
        return apsw.Connection(":memory:")


class VectorTest(unittest.TestCase):
    def test_encodes_and_decodes(self):
        for case in CASES["encode"]:
            blob = nearlite.encode(numbers(case["vector"]))
            self.assertEqual(blob.hex(), case["hex"])
            self.assertEqual(nearlite.encode(nearlite.decode(blob)), blob)

    def test_encodes_any_numbers(self):
        zeros = nearlite.decode(b"\0" * 8)
        for vector in ((1, 2), [1.0, 2], iter([1, 2]), range(1, 3), zeros):
            self.assertEqual(len(nearlite.encode(vector)), 8)

    def test_refuses_what_is_no_vector(self):
        for case in CASES["encode_errors"]:
            with self.assertRaises(ValueError, msg=case):
                nearlite.encode(numbers(case["vector"]))
        for case in CASES["decode_errors"]:
            with self.assertRaises(ValueError, msg=case):
                nearlite.decode(bytes.fromhex(case["hex"]))
        for wrong in ("12", b"12", 7, None, ["x"], [None], [[1]]):
            with self.assertRaises(TypeError, msg=wrong):
                nearlite.encode(wrong)

    def test_largest_float(self):
        self.assertEqual(nearlite.encode([3.4028235677e38]).hex(), "ffff7f7f")
        with self.assertRaisesRegex(ValueError, "component 1"):
            nearlite.encode([0, 3.4028235678e38])


class PathTest(unittest.TestCase):
    def test_variable(self):
        self.assertEqual(nearlite.path(), os.path.abspath(os.environ["NEARLITE_EXTENSION"]))
        with mock.patch.dict(os.environ, NEARLITE_EXTENSION="/no/where.so"):
            with self.assertRaisesRegex(FileNotFoundError, "NEARLITE_EXTENSION.*/no/where.so"):
                nearlite.path()

    def test_beside_the_package(self):
        beside = Path(nearlite.__file__).with_name("nearlite.so")
        with mock.patch.dict(os.environ):
            del os.environ["NEARLITE_EXTENSION"]
            if beside.exists():
                self.assertEqual(nearlite.path(), str(beside))
            else:
                with self.assertRaisesRegex(FileNotFoundError, "NEARLITE_EXTENSION is not set"):
                    nearlite.path()


class LoadTest(unittest.TestCase):
    def test_no_connection(self):
        with self.assertRaisesRegex(TypeError, "got str"):
            nearlite.load("app.db")

    def test_driver_without_extensions(self):
        class Plain:
            def execute(self):
                """As a Python's sqlite3 that was built without extensions."""

        with self.assertRaisesRegex(RuntimeError, "built without extensions"):
            nearlite.load(Plain())


if __name__ == "__main__":
    unittest.main()
