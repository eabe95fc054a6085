"""Data that breaks indexes: equal vectors, zeros, emptied tables, tight clusters, churn."""

import random

from sqlcase import SqlCase, Vectors, blob, f32, main, nearest


class EdgeCases(SqlCase):
    def make(self, metric="l2", dim=8, extra=""):
        db = self.connect()
        db.run(
            f"CREATE VIRTUAL TABLE t USING hnsw(embedding float[{dim}] metric={metric}, m=6,"
            f" ef_construction=60{extra})"
        )
        return db

    def test_an_empty_table(self):
        db = self.make()
        query = blob([1.0] * 8)
        for sql in (
            "SELECT rowid FROM t WHERE embedding MATCH ? AND k = 5",
            "SELECT rowid FROM vss_knn(?)",
            "SELECT rowid FROM t WHERE embedding MATCH ? AND exact = 1",
        ):
            self.assertEqual(db.run(sql, query), [])
        for command in ("optimize", "compact", "repair", "rebuild", "integrity-check"):
            db.run("INSERT INTO t(t) VALUES(?)", command)
        self.assert_index(db, "t", {}, metric="l2")

    def test_one_row_and_none_again(self):
        db = self.make()
        vectors = Vectors(8)
        for _ in range(5):
            rows = {1: vectors.next()}
            self.insert_rows(db, "t", rows)
            self.assert_index(db, "t", rows, metric="l2")
            db.run("DELETE FROM t")
            self.assert_index(db, "t", {}, metric="l2")
        rows = dict(enumerate(vectors.list(50)))
        self.insert_rows(db, "t", rows)
        self.assert_index(db, "t", rows, metric="l2")

    def test_delete_the_entry_point_over_and_over(self):
        db = self.make()
        rows = dict(enumerate(Vectors(8).list(120), start=1))
        self.insert_rows(db, "t", rows)
        query = Vectors(8, 5).next()
        for rowid in list(rows)[:100]:  # ascending: whoever is the entry, it is among them
            db.run("DELETE FROM t WHERE rowid = ?", rowid)
            del rows[rowid]
            hits = db.run(
                "SELECT rowid, distance FROM t WHERE embedding MATCH ? AND k = 10", blob(query)
            )
            self.assertEqual(len(hits), min(10, len(rows)))
        self.assert_index(db, "t", rows, metric="l2")

    def test_delete_the_nearest_then_ask_again(self):
        db = self.make()
        rows = dict(enumerate(Vectors(8).list(200), start=1))
        self.insert_rows(db, "t", rows)
        query = Vectors(8, 5).next()
        for _ in range(10):
            near = nearest("l2", rows, query, 10)
            self.assert_hits(
                db.run(
                    "SELECT rowid, distance FROM t WHERE embedding MATCH ? AND k = 10"
                    " ORDER BY distance",
                    blob(query),
                ),
                near,
            )
            for rowid, _ in near:
                db.run("DELETE FROM t WHERE rowid = ?", rowid)
                del rows[rowid]
        self.assert_index(db, "t", rows, metric="l2")

    def test_thousands_of_equal_vectors(self):
        for metric in ("l2", "cosine"):
            with self.subTest(metric=metric):
                self.path = self.file(metric + ".db")
                db = self.make(metric)
                one, others = f32([0.5, 1, 0, 0, 0, 0, 0, -1]), Vectors(8).list(200)
                rows = {rowid: one for rowid in range(1, 3001)}
                rows |= dict(enumerate(others, start=5001))
                self.insert_rows(db, "t", rows)
                self.assert_index(db, "t", rows, metric=metric)
                self.assertEqual(
                    db.one(
                        "SELECT count(*) FROM t WHERE embedding MATCH ? AND k = 3000", blob(one)
                    ),
                    3000,
                )
                for rowid in list(range(5001, 5201))[::10]:
                    hits = db.column(
                        "SELECT rowid FROM t WHERE embedding MATCH ? AND k = 1", blob(rows[rowid])
                    )
                    self.assertEqual(hits, [rowid])

    def test_zero_vectors(self):
        for metric in ("cosine", "l2", "ip", "l1"):
            with self.subTest(metric=metric):
                self.path = self.file(metric + ".db")
                db = self.make(metric)
                rows = dict(enumerate(Vectors(8).list(40), start=1))
                for rowid in (5, 50, 51):
                    rows[rowid] = [0.0] * 8
                self.insert_rows(db, "t", rows)
                self.assert_index(db, "t", rows, metric=metric)
                hits = db.run(
                    "SELECT rowid, distance FROM t WHERE embedding MATCH ? AND k = 43",
                    blob([0.0] * 8),
                )
                self.assertEqual(len(hits), 42 if 43 > len(rows) else 43)

    def test_tight_clusters_find_themselves(self):
        generator = random.Random(3)
        centres = [[generator.gauss(0, 1) for _ in range(32)] for _ in range(10)]
        rows = {}
        for rowid in range(1, 601):
            centre = centres[rowid % 10]
            rows[rowid] = f32([x + generator.gauss(0, 0.001) for x in centre])
        db = self.make("cosine", 32)
        self.insert_rows(db, "t", rows)
        lost = [
            rowid
            for rowid, vector in rows.items()
            if rowid
            not in db.column("SELECT rowid FROM t WHERE embedding MATCH ? AND k = 1", blob(vector))
        ]
        self.assertEqual(lost, [])

    def test_churn(self):
        db = self.make(dim=16)
        vectors = Vectors(16, 4)
        rows = dict(enumerate(vectors.list(400)))
        self.insert_rows(db, "t", rows)
        generator = random.Random(1)
        for _ in range(30):
            db.run("BEGIN")
            for rowid in generator.sample(sorted(rows), 40):
                if rowid % 2:
                    rows[rowid] = vectors.next()
                    db.run("UPDATE t SET embedding = ? WHERE rowid = ?", blob(rows[rowid]), rowid)
                else:
                    del rows[rowid]
                    db.run("DELETE FROM t WHERE rowid = ?", rowid)
                    fresh = generator.randrange(1000, 100000) * 2
                    rows[fresh] = vectors.next()
                    db.run(
                        "INSERT OR REPLACE INTO t(rowid, embedding) VALUES(?, ?)",
                        fresh,
                        blob(rows[fresh]),
                    )
            db.run("COMMIT")
        self.assert_index(db, "t", rows, metric="l2")
        missing = [
            rowid
            for rowid, vector in rows.items()
            if db.run("SELECT rowid FROM t WHERE embedding MATCH ? AND k = 1", blob(vector))
            != [(rowid,)]
        ]
        self.assertEqual(missing, [])

    def test_three_quarters_deleted(self):
        db = self.make(dim=16, extra=", tombstone_rebuild_pct=100")
        rows = dict(enumerate(Vectors(16, 4).list(800)))
        self.insert_rows(db, "t", rows)
        db.run("DELETE FROM t WHERE rowid % 4 != 0")
        rows = {rowid: vector for rowid, vector in rows.items() if rowid % 4 == 0}
        right = 0
        queries = Vectors(16, 8).list(20)
        for query in queries:
            hits = db.column("SELECT rowid FROM t WHERE embedding MATCH ? AND k = 10", blob(query))
            self.assertEqual(len(hits), 10)
            right += len(set(hits) & {rowid for rowid, _ in nearest("l2", rows, query, 10)})
        self.assertGreaterEqual(right / (10 * len(queries)), 0.95)
        self.assert_index(db, "t", rows, metric="l2")

    def test_dimension_one_and_very_many(self):
        for dim in (1, 2, 4096):
            with self.subTest(dim=dim):
                self.path = self.file(f"{dim}.db")
                db = self.make("l2", dim)
                rows = dict(enumerate(Vectors(dim).list(30)))
                self.insert_rows(db, "t", rows)
                self.assert_index(db, "t", rows, metric="l2")

    def test_large_transaction(self):
        db = self.make()
        db.run("BEGIN")
        db.run(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
            " INSERT INTO t(rowid, embedding)"
            " SELECT i, printf('[%d,%d,%d,%d,%d,%d,%d,%d]', i % 10, i / 10 % 10,"
            " i / 100 % 10, i / 1000 % 10, i / 10000, i % 7, i % 11, i % 13) FROM n"
        )
        db.run("COMMIT")
        self.assertEqual(db.one("SELECT count(*) FROM t"), 20000)
        self.assertEqual(db.one("SELECT nearlite_check('t')"), "ok")
        vector = db.one("SELECT embedding FROM t WHERE rowid = 12345")
        self.assertEqual(
            db.run("SELECT rowid, distance FROM t WHERE embedding MATCH ? AND k = 1", vector)[0][1],
            0,
        )

    def test_wide_metadata_values(self):
        db = self.connect()
        db.run(
            "CREATE VIRTUAL TABLE t USING"
            " hnsw(embedding float[2], lang text, +body text, +raw blob)"
        )
        body = "ü" * 1_000_000
        db.run(
            "INSERT INTO t(embedding, lang, body, raw) VALUES('[1,2]', ?, ?, zeroblob(500000))",
            "x" * 10000,
            body,
        )
        self.assertEqual(
            db.run("SELECT length(lang), body = ?, length(raw) FROM t", body), [(10000, 1, 500000)]
        )


if __name__ == "__main__":
    main()
