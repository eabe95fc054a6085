"""An index and its twin, an ordinary table with the same columns, in which SQLite answers the same
condition by brute force."""

import json
import random

from sqlcase import SqlCase, Vectors, blob

COLUMNS = "lang text, year integer, rating real, active boolean, tag blob"
NAMES = "lang, year, rating, active, tag"
WORDS = ["en", "EN", "de", "français", "", "e%", "longer words here", None]


def stats(db, table="docs"):
    return json.loads(db.one("SELECT nearlite_stats(?)", table))["indexes"][0]


class FilterCase(SqlCase):
    DIM = 8
    OPTIONS = "m=8, ef_search=100"

    def make(self, count, seed=1):
        self.random = random.Random(seed)
        self.vectors = Vectors(self.DIM, seed)
        db = self.connect()
        db.run("PRAGMA journal_mode=WAL")
        db.run(
            f"CREATE VIRTUAL TABLE docs USING hnsw(embedding float[{self.DIM}] metric=l2,"
            f" {COLUMNS}, {self.OPTIONS})"
        )
        db.run(f"CREATE TABLE plain(id INTEGER PRIMARY KEY, embedding BLOB, {COLUMNS})")
        db.run("BEGIN")
        for rowid in range(1, count + 1):
            self.insert(db, rowid)
        db.run("COMMIT")
        return db

    def labels(self):
        pick = self.random
        return [
            pick.choice(WORDS),
            pick.choice([None, *range(2000, 2010)]),
            pick.choice([None, -1.5, 0.0, 0.25, 2.0, 7.75]),
            pick.choice([None, 0, 1]),
            pick.choice([None, b"", b"\x00\x01", b"ab"]),
        ]

    def insert(self, db, rowid):
        vector = None if self.random.random() < 0.03 else blob(self.vectors.next())
        values = [rowid, vector, *self.labels()]
        db.run(f"INSERT INTO docs(rowid, embedding, {NAMES}) VALUES (?,?,?,?,?,?,?)", *values)
        db.run(f"INSERT INTO plain(id, embedding, {NAMES}) VALUES (?,?,?,?,?,?,?)", *values)

    def write(self, db, sql, *values):
        """The same statement on both tables."""
        db.run(sql.format("docs"), *values)
        db.run(sql.format("plain"), *values)

    def hits(self, db, where, k, query, values=(), extra=""):
        return db.run(
            f"SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = ? AND {where}{extra}"
            " ORDER BY distance",
            blob(query),
            k,
            *values,
        )

    def truth(self, db, where, k, query, values=()):
        return db.run(
            "SELECT id, vec_distance_l2(embedding, ?) AS distance FROM plain"
            f" WHERE embedding IS NOT NULL AND {where} ORDER BY distance, id LIMIT ?",
            blob(query),
            *values,
            k,
        )

    def check(self, db, where, k=10, values=(), query=None):
        query = query or self.vectors.next()
        expected = self.truth(db, where, k, query, values)
        # SQLite keeps OR and NOT to itself, so k would count rows before those are applied.
        if " OR " in where or "NOT " in where:
            found = db.run(
                f"SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND {where}"
                " ORDER BY distance LIMIT ?",
                blob(query),
                *values,
                k,
            )
        else:
            found = self.hits(db, where, k, query, values)
        self.assert_hits(found, expected)
        return found
