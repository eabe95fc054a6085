"""What the tests of sparse columns share: a table, and what every search should find in it."""

import random
import struct

from sqlcase import SqlCase

DIM = 50


def sparse_text(vector, dim=DIM):
    return "{" + ",".join(f"{i + 1}:{x}" for i, x in vector.items()) + f"}}/{dim}"


def sparse_blob(vector, dim=DIM):
    return (struct.pack("<I", dim) + struct.pack(f"<{len(vector)}I", *vector)
            + struct.pack(f"<{len(vector)}f", *vector.values()))  # fmt: skip


class SparseCase(SqlCase):
    """A table with a sparse column, and what it should hold. Values are quarters: sums are
    exact."""

    def setUp(self):
        super().setUp()
        self.db = self.connect()
        self.random = random.Random(7)
        self.create(self.db)
        self.rows = {}  # rowid -> {index: value}, or None

    def create(self, db, more=""):
        db.run(f"CREATE VIRTUAL TABLE t USING hnsw(embedding float[4], words sparse[{DIM}],"
               f" lang text, year integer indexed, m=4{more})")  # fmt: skip

    def vector(self, count=None):
        count = self.random.randint(1, 8) if count is None else count
        # Few indices are common, as with words.
        indices = {int(DIM * self.random.random() ** 3) for _ in range(count)}
        values = (-1.25, -0.5, 0.25, 0.5, 1, 2.75)
        return {index: self.random.choice(values) for index in sorted(indices)}

    def put(self, rowid, vector, db=None):
        form = self.random.choice((sparse_text, sparse_blob))
        (db or self.db).run(
            "INSERT OR REPLACE INTO t(rowid, words, lang, year) VALUES(?, ?, ?, ?)",
            rowid, None if vector is None else form(vector),
            "en" if rowid % 3 else "de", rowid % 10)  # fmt: skip
        self.rows[rowid] = vector

    def fill(self, count, first=1):
        self.db.run("SAVEPOINT fill")
        for rowid in range(first, first + count):
            self.put(rowid, self.vector())
        self.db.run("RELEASE fill")

    def truth(self, query, k=None, fits=lambda rowid: True):
        hits = []
        for rowid, vector in self.rows.items():
            shared = [] if vector is None else vector.keys() & query.keys()
            if shared and fits(rowid):
                hits.append((0.0 - sum(vector[i] * query[i] for i in shared), rowid))
        return [(rowid, distance) for distance, rowid in sorted(hits)[:k]]

    def found(self, query, where="k = 10", db=None):
        sql = f"SELECT rowid, distance FROM t WHERE words MATCH ? AND {where}"
        return (db or self.db).run(sql, sparse_text(query))

    def check(self, db=None, count=10):
        for _ in range(count):
            query = self.vector()
            self.assertEqual(self.found(query, db=db), self.truth(query, 10))
        (db or self.db).run("INSERT INTO t(t) VALUES('integrity-check')")

    def blocks(self):
        return self.db.one("SELECT count(*) FROM t_sparse")

    def unmerged(self):
        return self.db.one("SELECT count(*) FROM t_unmerged")
