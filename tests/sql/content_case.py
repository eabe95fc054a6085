"""What the tests of external content share: a table of documents, indexes over it, and the truth,
which is brute force over the rows as they are at the moment, whoever wrote them."""

import json
import sqlite3
import struct

from sqlcase import SqlCase, Vectors, blob, distance, nearest, text, unblob

DIM = 20  # more than 16: codes are a byte a component
MODES = ("strict", "log")


def value_of(stored):
    """The vector in a column: blob, JSON text, or None for NULL and for what is no vector."""
    if stored is None:
        return None
    try:
        vector = unblob(stored) if isinstance(stored, bytes) else json.loads(stored)
    except (ValueError, TypeError, struct.error):
        return None
    if not isinstance(vector, list) or len(vector) != DIM:
        return None
    return vector


class ContentCase(SqlCase):
    def setUp(self):
        super().setUp()
        self.vectors = Vectors(DIM, 5)

    def table(self, db, count=0, name="documents", schema="main"):
        db.run(
            f"CREATE TABLE {schema}.{name}(id INTEGER PRIMARY KEY, content TEXT, embedding,"
            " code INTEGER UNIQUE)"
        )
        self.insert(db, range(1, count + 1), f"{schema}.{name}")

    def insert(self, db, ids, name="documents"):
        db.run("BEGIN")
        for rowid in ids:
            vector = self.vectors.next()
            stored = blob(vector) if rowid % 3 else text(vector)
            sql = f"INSERT INTO {name}(id, content, embedding) VALUES (?, ?, ?)"
            db.run(sql, rowid, f"text {rowid}", stored)
        db.run("COMMIT")

    def index(self, db, name="ix", sync="strict", content="documents", options=""):
        db.run(
            f"CREATE VIRTUAL TABLE {name} USING hnsw(content='{content}', content_rowid='id',"
            f" content_vector='embedding', dim={DIM}, metric=l2, m=8, ef_construction=60,"
            f" sync='{sync}'{options})"
        )

    def truth(self, db, table="documents", vector="embedding"):
        rows = db.run(f"SELECT id, {vector} FROM {table}")
        return {rowid: value_of(stored) for rowid, stored in rows}

    def search(self, db, query, k, index="ix", more=""):
        return db.run(
            f"SELECT rowid, distance FROM {index} WHERE embedding MATCH ? AND k = ? {more}"
            " ORDER BY distance",
            blob(query),
            k,
        )

    def assert_exact(self, db, index="ix", table="documents", queries=2, k=5):
        """Every way of searching gives what brute force over the table gives, now."""
        rows = self.truth(db, table)
        for _ in range(queries):
            query = self.vectors.next()
            expected = nearest("l2", rows, query, k)
            self.assert_hits(self.search(db, query, k, index, "AND exact = 1"), expected)
            self.assert_hits(self.search(db, query, k, index), expected)
            function = f"SELECT rowid, distance FROM vss_knn(?, {k}, ?) ORDER BY distance"
            self.assert_hits(db.run(function, blob(query), index), expected)
        every = nearest("l2", rows, query)
        stream = f"SELECT rowid, distance FROM {index} WHERE embedding MATCH ?"
        found = db.run(stream, blob(query))
        self.assertEqual(sorted(rowid for rowid, _ in found), sorted(rowid for rowid, _ in every))
        for rowid, dist in found:
            self.assertAlmostEqual(dist, distance("l2", rows[rowid], query), delta=1e-9 * 100)

    def assert_sound(self, db, index="ix"):
        self.assertEqual(db.one("SELECT nearlite_check(?)", index), "ok")

    def stats(self, db, index="ix"):
        return json.loads(db.one("SELECT nearlite_stats(?)", index))

    def plain(self, path=None):
        """SQLite without the extension."""
        connection = sqlite3.connect(path or self.path, isolation_level=None, timeout=0)
        self.addCleanup(connection.close)
        return connection
