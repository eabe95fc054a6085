"""What the tests of databases that sqlite-vec wrote share.

sqlite_vec_fixtures.py made them; what sqlite-vec answered lies beside them.
"""

import json
import lzma
import math
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "sql"), str(HERE.parent / "vec0")]

from sqlcase import (  # noqa: E402, F401  (handed on)
    CORRUPT_VTAB,
    ERROR,
    READONLY,
    Connection,
    SqlCase,
    SqlError,
)
from vec0case import load, main  # noqa: E402, F401

VERSIONS = sorted(path.name[len("sqlite-vec-") : -len(".db.xz")] for path in HERE.glob("*.db.xz"))
VERSIONS = [name for name in VERSIONS if name.startswith("v")]


def expected(version):
    return json.loads(lzma.decompress((HERE / f"sqlite-vec-{version}.json.xz").read_bytes()))


APPROXIMATE = ("rescored", "rescored8", "graph")


def exact(rows, query):
    """The rows in order of Euclidean distance; the vector is the first column but the rowid."""
    query = struct.unpack(f"<{len(query) // 8}f", bytes.fromhex(query))
    found = []
    for row in rows:
        vector = struct.unpack(f"<{len(query)}f", bytes.fromhex(row[2]["blob"]))
        found.append((row[0], math.dist(query, vector)))
    return sorted(found, key=lambda hit: (hit[1], hit[0]))


def plain(data):
    return {"blob": data.hex()} if isinstance(data, bytes) else data


class Case(SqlCase):
    def unpack(self, version):
        path = self.file(f"{version}.db")
        packed = (HERE / f"sqlite-vec-{version}.db.xz").read_bytes()
        pathlib.Path(path).write_bytes(lzma.decompress(packed))
        return path

    def vec0(self, path):
        db = Connection(path, load=False)
        self.addCleanup(db.close)
        load(db)
        return db

    def assert_rows(self, db, table, right):
        found = db.run(f'SELECT {right["by"]}, * FROM "{table}" ORDER BY {right["by"]}')
        self.assertEqual([[plain(data) for data in row] for row in found], right["rows"], table)

    def assert_answers(self, db, table, right):
        self.assert_rows(db, table, right)
        ids = [row[0] for row in right["rows"]]
        for one in ids[::9]:
            [row] = db.run(f'SELECT {right["by"]}, * FROM "{table}" WHERE {right["by"]} = ?', one)
            self.assertEqual([plain(data) for data in row], right["rows"][ids.index(one)])
        for search in right["searches"]:
            found = db.run(search["sql"], bytes.fromhex(search["query"]))
            hits = search["hits"]
            if table in APPROXIMATE:  # there sqlite-vec's own answers are approximate, or wrong
                hits = exact(right["rows"], search["query"])[: len(hits)]
            with self.subTest(sql=search["sql"]):
                self.assert_near(found, hits)

    def assert_near(self, found, right):
        """As sqlite-vec answered, whose distances are float32; equal ones may be swapped."""
        self.assertEqual(len(found), len(right))
        for (_, distance), (_, theirs) in zip(found, right):
            self.assertAlmostEqual(distance, theirs, delta=2e-6 * (1 + abs(theirs)))
        far = right[-1][1] if right else 0
        near = {row for row, distance in right if distance < far - 1e-5 * (1 + abs(far))}
        self.assertLessEqual(near, {row for row, _ in found})
