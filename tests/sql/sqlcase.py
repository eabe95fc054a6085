"""What the SQL tests share: a connection with the extension loaded, vectors, and right answers.

Each *_test.py runs alone: `python3 search_test.py`, with NEARLITE_EXTENSION naming nearlite.so. It
runs in the Python that starts it, on that Python's sqlite3 module (Debian's 3.40.1), and then once
more in NEARLITE_CURRENT_PYTHON, if that exists, on apsw, which carries a current SQLite. A test
that needs what only apsw has says so with @apsw_only.

Result codes are SQLite's; wording is not tested, except that a message names what users look for.
"""

import json
import math
import os
import random
import struct
import subprocess
import sys
import tempfile
import unittest

DRIVER = os.environ.get("NEARLITE_TEST_DRIVER", "sqlite3")
if DRIVER == "apsw":
    import apsw
else:
    import sqlite3

OK, ERROR, BUSY, LOCKED, READONLY, INTERRUPT, CORRUPT = 0, 1, 5, 6, 8, 9, 11
CONSTRAINT, MISMATCH, MISUSE, AUTH = 19, 20, 21, 23
BUSY_SNAPSHOT = BUSY | (2 << 8)
CORRUPT_VTAB = CORRUPT | (1 << 8)


class SqlError(Exception):
    def __init__(self, extended, message):
        super().__init__(f"{message} (code {extended})")
        self.extended, self.code, self.message = extended, extended & 0xFF, message


def sqlite_version():
    text = apsw.sqlitelibversion() if DRIVER == "apsw" else sqlite3.sqlite_version
    return tuple(int(part) for part in text.split("."))


class Connection:
    """One connection, the same for both drivers: autocommit, and errors as SqlError."""

    def __init__(self, path, load=True, flags=None):
        self.path = path
        if DRIVER == "apsw":
            default = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
            self.db = apsw.Connection(path, flags=default)
            self.db.enable_load_extension(True)
        else:
            self.db = sqlite3.connect(
                path, isolation_level=None, uri=True, timeout=0, check_same_thread=False
            )
            self.db.enable_load_extension(True)
        if load:
            self.call(lambda: self.db.load_extension(os.environ["NEARLITE_EXTENSION"]))

    def call(self, action):
        try:
            return action()
        except Exception as error:  # the drivers' own classes, both turned into ours
            if DRIVER == "apsw" and isinstance(error, apsw.Error):
                code = getattr(error, "extendedresult", 0) or getattr(error, "result", 0) or ERROR
                raise SqlError(code, str(error)) from None
            if DRIVER == "sqlite3" and isinstance(error, sqlite3.Error):
                raise SqlError(getattr(error, "sqlite_errorcode", ERROR), str(error)) from None
            raise

    def run(self, sql, *parameters, **named):
        bindings = named if named else parameters
        return self.call(lambda: [tuple(row) for row in self.db.execute(sql, bindings)])

    def one(self, sql, *parameters, **named):
        rows = self.run(sql, *parameters, **named)
        assert len(rows) == 1 and len(rows[0]) == 1, rows
        return rows[0][0]

    def column(self, sql, *parameters, **named):
        return [row[0] for row in self.run(sql, *parameters, **named)]

    def cursor(self, sql, *parameters):
        """An iterator over rows that is stepped on demand."""
        cursor = self.call(lambda: self.db.cursor())
        rows = self.call(lambda: cursor.execute(sql, parameters))
        while True:
            row = self.call(lambda: next(rows, None))
            if row is None:
                return
            yield tuple(row)

    def script(self, sql):
        if DRIVER == "apsw":
            self.call(lambda: list(self.db.execute(sql)))
        else:  # executescript() would COMMIT first; split by complete statements instead
            statement = ""
            for line in sql.splitlines(keepends=True):
                for piece in _pieces(line):
                    statement += piece
                    if sqlite3.complete_statement(statement):
                        self.run(statement)
                        statement = ""
            if statement.strip():
                self.run(statement)

    def close(self):
        if self.db is not None:
            self.call(self.db.close)
            self.db = None


def _pieces(line):
    """`line` cut behind each semicolon; complete_statement() decides which cut ends one."""
    start = 0
    for index, letter in enumerate(line):
        if letter == ";":
            yield line[start : index + 1]
            start = index + 1
    yield line[start:]


def blob(vector):
    return struct.pack(f"<{len(vector)}f", *vector)


def unblob(data):
    return list(struct.unpack(f"<{len(data) // 4}f", data))


def f32(vector):
    """The vector as it is after a trip through float32."""
    return unblob(blob(vector))


def text(vector):
    return json.dumps(vector)


class Vectors:
    """Clustered vectors from a seed, representable in float32."""

    def __init__(self, dim, seed=1, clusters=8, spread=0.3):
        self.random = random.Random(seed)
        self.dim, self.spread = dim, spread
        self.centres = [[self.random.gauss(0, 1) for _ in range(dim)] for _ in range(clusters)]

    def next(self):
        centre = self.random.choice(self.centres)
        return f32([x + self.random.gauss(0, self.spread) for x in centre])

    def list(self, count):
        return [self.next() for _ in range(count)]


def distance(metric, a, b):
    if metric == "l2":
        return math.sqrt(math.fsum((x - y) ** 2 for x, y in zip(a, b)))
    if metric == "l1":
        return math.fsum(abs(x - y) for x, y in zip(a, b))
    if metric == "hamming":
        return float(sum((x > 0) != (y > 0) for x, y in zip(a, b)))
    dot = math.fsum(x * y for x, y in zip(a, b))
    if metric == "ip":
        return -dot
    norm = math.sqrt(math.fsum(x * x for x in a) * math.fsum(y * y for y in b))
    return 1.0 - dot / norm if norm else 1.0


def nearest(metric, rows, query, k=None):
    """[(rowid, distance)] of {rowid: vector or None}, nearest first; equal distances by rowid."""
    hits = sorted(
        (distance(metric, vector, query), rowid)
        for rowid, vector in rows.items()
        if vector is not None
    )
    return [(rowid, dist) for dist, rowid in hits][:k]


class SqlCase(unittest.TestCase):
    """A test with a folder of its own and connections that are closed at its end."""

    def setUp(self):
        self._folder = tempfile.TemporaryDirectory(prefix="nearlite-sql-")
        self.addCleanup(self._folder.cleanup)
        self.folder = self._folder.name
        self.path = os.path.join(self.folder, "test.db")

    def connect(self, path=None, **options):
        connection = Connection(path or self.path, **options)
        self.addCleanup(connection.close)
        return connection

    def file(self, name):
        return os.path.join(self.folder, name)

    def fails(self, code, action, *arguments, names=()):
        """`action` must fail with the (primary or extended) code; the message has all `names`."""
        with self.assertRaises(SqlError) as caught:
            action(*arguments)
        found = caught.exception
        self.assertIn(code, (found.code, found.extended), found)
        for name in names:
            self.assertIn(str(name), found.message)
        return found

    def assert_hits(self, hits, expected):
        """The same rows in the same order; rows of equal distance may be swapped."""
        self.assertEqual(len(hits), len(expected), hits)
        for (rowid, found), (_, right) in zip(hits, expected):
            self.assertAlmostEqual(found, right, delta=1e-9 * (1 + abs(right)))
        self.assertEqual(len({rowid for rowid, _ in hits}), len(hits), "a row twice")
        far = expected[-1][1] if expected else 0
        inside = {rowid for rowid, dist in expected if dist < far - 1e-9 * (1 + abs(far))}
        self.assertLessEqual(inside, {rowid for rowid, _ in hits})

    def assert_index(self, db, table, rows, metric="cosine", column="embedding", check_name=None):
        """Index == table: rows, vectors, nearlite_check, exact and approximate answers.

        `rows` is {rowid: vector or None}; the connection may be in a transaction.
        """
        name = check_name or table
        if "." not in table:
            self.assertEqual(db.one("SELECT nearlite_check(?)", name), "ok")
        found = dict(db.run(f"SELECT rowid, {column} FROM {table}"))
        self.assertEqual(set(found), set(rows))
        for rowid, vector in rows.items():
            stored = None if found[rowid] is None else unblob(found[rowid])
            self.assertEqual(stored, vector, f"vector of row {rowid}")
        live = [vector for vector in rows.values() if vector is not None]
        if live:
            everything = f"SELECT rowid FROM {table} WHERE {column} MATCH ? AND k = ?"
            self.assertEqual(
                sorted(db.column(everything, blob(live[0]), len(rows) + 5)),
                sorted(rowid for rowid, vector in rows.items() if vector is not None),
            )
        for query in live[:: max(1, len(live) // 3)]:
            expected = nearest(metric, rows, query, 10)
            exact = db.run(
                f"SELECT rowid, distance FROM {table} WHERE {column} MATCH ? AND k = 10"
                " AND exact = 1 ORDER BY distance",
                blob(query),
            )
            self.assert_hits(exact, expected)
            hits = db.run(
                f"SELECT rowid, distance FROM {table} WHERE {column} MATCH ? AND k = 10"
                " ORDER BY distance",
                blob(query),
            )
            self.assertEqual(len(hits), len(expected))
            self.assertAlmostEqual(
                hits[0][1], expected[0][1], delta=1e-9 * (1 + abs(expected[0][1]))
            )

    def fill(self, db, table, count, dim, seed=1, first=1):
        """Inserts rows first … first + count - 1 in one transaction; {rowid: vector}."""
        rows = dict(enumerate(Vectors(dim, seed).list(count), start=first))
        self.insert_rows(db, table, rows)
        return rows

    def insert_rows(self, db, table, rows):
        """Inserts {rowid: vector} in one transaction."""
        db.run("BEGIN")
        for rowid, vector in rows.items():
            db.run(f"INSERT INTO {table}(rowid, embedding) VALUES (?, ?)", rowid, blob(vector))
        db.run("COMMIT")


def apsw_only(test):
    return unittest.skipUnless(DRIVER == "apsw", "needs a call that Python's sqlite3 lacks")(test)


def main():
    """Runs the file's tests here and, if there is one, in the Python that has a current SQLite."""
    if "NEARLITE_EXTENSION" not in os.environ:
        sys.exit("NEARLITE_EXTENSION must name nearlite.so")
    program_path = os.path.abspath(sys.argv[0])  # a test may change the folder
    print(f"{DRIVER}: SQLite {'.'.join(map(str, sqlite_version()))}", flush=True)
    program = unittest.main(module="__main__", exit=False)
    failed = not program.result.wasSuccessful()
    other = os.environ.get("NEARLITE_CURRENT_PYTHON", "")
    if DRIVER == "sqlite3" and other and os.path.exists(other):
        environment = dict(os.environ, NEARLITE_TEST_DRIVER="apsw")
        arguments = [other, program_path, *sys.argv[1:]]
        failed |= subprocess.run(arguments, env=environment).returncode != 0
    sys.exit(1 if failed else 0)
