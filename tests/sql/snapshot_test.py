"""hnsw_snapshot and hnsw_restore: the graph as bytes, and a table hnsw_snapshot(id, data)."""

import json
import random
import struct
import unittest

from sqlcase import SqlCase, SqlError, main


def vector(generator, dim=16):
    return struct.pack(f"{dim}f", *[generator.gauss(0, 1) for _ in range(dim)])


class Snapshot(SqlCase):
    def setUp(self):
        super().setUp()
        self.path = self.file("snapshot.db")
        self.db = self.connect(self.path)
        self.db.run("CREATE VIRTUAL TABLE vss USING hnsw(dim=16)")
        self.generator = random.Random(5)
        self.fill(range(1, 301))

    def fill(self, rowids, db=None):
        for rowid in rowids:
            (db or self.db).run(
                "INSERT INTO vss(rowid, embedding) VALUES(?, ?)", rowid, vector(self.generator)
            )

    def stats(self, db):
        return json.loads(db.one("SELECT nearlite_stats('vss')"))["indexes"][0]

    def nearest(self, db, query):
        return db.run("SELECT rowid, distance FROM vss_knn(?, 10)", query)

    def test_one_row_table_keeps_the_graph(self):
        self.db.run("CREATE TABLE hnsw_snapshot(id INTEGER PRIMARY KEY CHECK(id=1), data BLOB)")
        self.db.run("REPLACE INTO hnsw_snapshot(id, data) VALUES(1, hnsw_snapshot())")
        query = vector(self.generator)
        expected = self.nearest(self.db, query)
        self.db.close()
        db = self.connect(self.path)
        restored = db.one("SELECT hnsw_restore((SELECT data FROM hnsw_snapshot WHERE id=1))")
        self.assertEqual(restored, 300)
        self.assertEqual(self.nearest(db, query), expected)
        self.assertEqual(self.stats(db)["loads"], 0)
        self.assertEqual(self.stats(db)["image_loads"], 1)
        self.assertEqual(db.one("SELECT nearlite_check()"), "ok")

    def test_an_old_snapshot_is_caught_up(self):
        image = self.db.one("SELECT hnsw_snapshot('vss')")
        self.fill(range(301, 321))
        self.db.run("DELETE FROM vss WHERE rowid <= 5")
        query = vector(self.generator)
        expected = self.nearest(self.db, query)
        self.db.close()
        db = self.connect(self.path)
        self.assertEqual(db.one("SELECT hnsw_restore('vss', ?)", image), 315)
        self.assertEqual(self.nearest(db, query), expected)
        self.assertEqual(db.one("SELECT nearlite_check()"), "ok")

    def test_what_does_not_fit_is_refused(self):
        image = self.db.one("SELECT hnsw_snapshot()")
        flipped = bytearray(image)
        flipped[len(flipped) // 2] ^= 1
        self.db.run("CREATE VIRTUAL TABLE other USING hnsw(dim=16)")
        query = vector(self.generator)
        expected = self.nearest(self.db, query)
        for name, bad in (
            ("vss", bytes(flipped)),
            ("vss", image[:-1]),
            ("vss", image[:20]),
            ("vss", b""),
            ("other", image),
        ):
            with self.assertRaises(SqlError):
                self.db.run("SELECT hnsw_restore(?, ?)", name, bad)
        self.assertEqual(self.nearest(self.db, query), expected)
        self.db.run("BEGIN")
        self.fill([900])
        with self.assertRaises(SqlError):
            self.db.run("SELECT hnsw_snapshot('vss')")
        self.db.run("ROLLBACK")


if __name__ == "__main__":
    main()
