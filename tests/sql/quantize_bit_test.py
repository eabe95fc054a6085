"""quantize=bit: the graph is walked on signs, and what they leave open is read from the rows. So
answers are exact distances of rows of the snapshot, like those of other tables, and memory is what
a fifth of them take."""

import json
import os

from sqlcase import ERROR, SqlCase, Vectors, blob, distance, main, nearest

DIM = 72
OPTIONS = "m=8, ef_construction=60, ef_search=64, quantize=bit"


def stats(db, table="docs"):
    return json.loads(db.one("SELECT nearlite_stats(?)", table))["indexes"][0]


class QuantizeBit(SqlCase):
    def setUp(self):
        super().setUp()
        self.vectors = Vectors(DIM, 7, clusters=30, spread=0.6)

    def make(self, count=1000, columns="", options=OPTIONS):
        db = self.connect()
        db.run("PRAGMA journal_mode=WAL")
        db.run(f"CREATE VIRTUAL TABLE docs USING hnsw(embedding float[{DIM}]{columns}, {options})")
        self.rows = dict(enumerate(self.vectors.list(count), start=1))
        self.insert_rows(db, "docs", self.rows)
        return db

    def search(self, db, query, k=10, more=""):
        return db.run(
            f"SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = ?{more}"
            " ORDER BY distance", blob(query), k,
        )

    def check_recall(self, db, least=0.95, k=10, rows=None, more="", queries=10):
        """Distances are those of the rows, and of the k nearest nearly all are found."""
        rows = self.rows if rows is None else rows
        right = 0
        for _ in range(queries):
            query = self.vectors.next()
            hits = self.search(db, query, k, more)
            expected = nearest("cosine", rows, query, k)
            self.assertEqual(len(hits), len(expected))
            self.assertEqual(len({rowid for rowid, _ in hits}), len(hits))
            self.assertEqual(hits, sorted(hits, key=lambda hit: hit[1]))
            for rowid, found in hits:
                self.assertAlmostEqual(found, distance("cosine", rows[rowid], query), delta=1e-9)
            right += len({rowid for rowid, _ in hits} & {rowid for rowid, _ in expected})
        self.assertGreaterEqual(right, least * queries * len(expected))

    def test_answers(self):
        db = self.make()
        db.run("PRAGMA wal_checkpoint(TRUNCATE)")
        self.assertEqual(stats(db)["quantize"], "bit")
        self.check_recall(db)
        self.check_recall(db, k=1)
        self.check_recall(db, k=100)
        self.check_recall(db, k=400, queries=3)
        self.check_recall(db, k=5000, least=1, queries=2)
        self.check_recall(db, least=1, more=" AND exact = 1")
        self.check_recall(db, least=0.99, more=" AND ef_search = 500")
        self.assertEqual(stats(db)["last_path"], "graph")
        self.assertGreater(stats(db)["direct_reads"], 100)  # rows come past SQLite
        self.assert_index(db, "docs", self.rows)
        for query in ([0.0] * DIM, [1e30] * DIM, [1e-30] * DIM):
            self.assertEqual(len(self.search(db, query)), 10)

    def test_whatever_changes_is_followed(self):
        db, other = self.make(600), self.connect()
        self.check_recall(other, rows=self.rows)
        added = dict(enumerate(self.vectors.list(300), start=1001))
        self.insert_rows(other, "docs", added)
        self.rows |= added
        self.check_recall(db)
        other.run("DELETE FROM docs WHERE rowid % 3 = 0")
        self.rows = {rowid: vector for rowid, vector in self.rows.items() if rowid % 3}
        self.check_recall(db)
        db.run("BEGIN")
        for rowid in range(1, 40, 3):
            moved = self.vectors.next()
            db.run("UPDATE docs SET embedding = ? WHERE rowid = ?", blob(moved), rowid)
            self.rows[rowid] = moved
            self.assertEqual(self.search(db, moved, 1)[0][0], rowid)
        self.check_recall(db)
        db.run("SAVEPOINT s")
        db.run("DELETE FROM docs")
        self.assertEqual(self.search(db, self.vectors.next()), [])
        db.run("ROLLBACK TO s")
        self.check_recall(db)
        db.run("COMMIT")
        self.check_recall(other)
        for command in ("repair", "rebuild", "optimize"):
            db.run("INSERT INTO docs(docs) VALUES (?)", command)
            self.check_recall(other)
            self.assert_index(db, "docs", self.rows)
        db.run("VACUUM")
        self.check_recall(other)

    def test_a_restart_with_and_without_a_side_file(self):
        for path in ("", ", path='docs.idx'"):
            with self.subTest(path=path):
                db = self.make(900, options=OPTIONS + path)
                queries = self.vectors.list(10)
                before = [self.search(db, query) for query in queries]
                db.close()
                again = self.connect()
                self.assertEqual([self.search(again, query) for query in queries], before)
                self.assertEqual(stats(again)["image_loads"], 1 if path else 0)
                self.check_recall(again)
                self.assertEqual(again.one("SELECT nearlite_check('docs')"), "ok")
                again.run("DROP TABLE docs")
                again.close()

    def test_conditions_pages_and_streams(self):
        db = self.make(800, ", year integer")
        db.run("UPDATE docs SET year = rowid % 10")
        for year, where in ((3, " AND year = 3"), (0, " AND year = 0")):
            rows = {rowid: v for rowid, v in self.rows.items() if rowid % 10 == year}
            self.check_recall(db, rows=rows, more=where, least=0.98)
        rows = {rowid: v for rowid, v in self.rows.items() if rowid % 10 < 9}
        self.check_recall(db, rows=rows, more=" AND year < 9", least=0.94)
        query = self.vectors.next()
        expected = nearest("cosine", self.rows, query)
        stream = db.run("SELECT rowid, distance FROM docs WHERE embedding MATCH ?", blob(query))
        self.assert_hits(sorted(stream, key=lambda hit: hit[1]), expected)
        found, place = [], (None, None)
        while True:
            page = db.run(
                "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = 70"
                " AND after_distance = ? AND after_rowid = ? ORDER BY distance, rowid",
                blob(query), place[1], place[0],
            )
            found += page
            if not page:
                break
            place = page[-1]
        self.assert_hits(found, expected)

    def test_rows_of_another_table(self):
        for sync in ("strict", "log"):
            with self.subTest(sync=sync):
                db = self.connect(self.file(f"{sync}.db"))
                db.run("CREATE TABLE texts(id INTEGER PRIMARY KEY, embedding)")
                self.rows = dict(enumerate(self.vectors.list(700), start=1))
                for rowid, vector in self.rows.items():
                    db.run("INSERT INTO texts VALUES (?, ?)", rowid, blob(vector))
                db.run(
                    "CREATE VIRTUAL TABLE docs USING hnsw(content='texts', content_rowid='id',"
                    f" content_vector='embedding', dim={DIM}, sync='{sync}', {OPTIONS})"
                )
                self.check_recall(db)
                db.run("DELETE FROM texts WHERE id < 50")
                self.rows = {rowid: v for rowid, v in self.rows.items() if rowid >= 50}
                moved = self.vectors.next()
                db.run("UPDATE texts SET embedding = ? WHERE id = 77", blob(moved))
                self.rows[77] = moved
                self.check_recall(db)
                self.assertEqual(self.search(db, moved, 1)[0][0], 77)
                db.close()
                db = self.connect(self.file(f"{sync}.db"))
                self.check_recall(db)
                self.assertEqual(db.one("SELECT nearlite_check('docs')"), "ok")

    def test_a_target_of_recall(self):
        db = self.make(options=OPTIONS.replace("ef_search=64", "target_recall=0.9999"))
        db.run("INSERT INTO docs(docs) VALUES ('measure')")
        found = stats(db)
        self.assertGreaterEqual(found["measured_recall"], 0.9999)
        self.check_recall(db, 0.96)
        self.assertGreater(found["ef_search"], 60)

    def test_memory(self):
        self.addCleanup(os.environ.pop, "NEARLITE_KEEP_MIB", None)
        os.environ["NEARLITE_KEEP_MIB"] = "0"  # a small table keeps what it has read
        used = {}
        for kind in ("int8", "bit"):
            db = self.make(2000, options=OPTIONS.replace("=bit", f"={kind}"))
            self.search(db, self.vectors.next())
            used[kind] = stats(db)["memory_bytes"]
            db.run("DROP TABLE docs")
            db.close()
        # 72 components: 264 bytes of code and residual, or 72; links and the rest are the same.
        self.assertGreater(used["int8"] - used["bit"], 2000 * 150)

    def test_what_is_refused(self):
        db = self.connect()
        for declared, names in (
            ("v float[40] metric=l2, quantize=bit", ("no.v", "cosine", "l2")),
            ("dim=40, metric=ip, quantize=bit", ("cosine", "ip")),
            ("v float[40] metric=l1, quantize=bit", ("cosine", "l1")),
            ("v float[40], quantize=bits", ("int8, bit or none", "bits")),
        ):
            with self.subTest(declared=declared):
                self.fails(ERROR, db.run, f"CREATE VIRTUAL TABLE no USING hnsw({declared})",
                           names=names)
        db.run("CREATE TABLE texts(id INTEGER PRIMARY KEY, embedding)")
        self.fails(
            ERROR, db.run, "CREATE VIRTUAL TABLE no USING hnsw(content='texts', dim=40, metric=l2,"
            " content_rowid='id', content_vector='embedding', quantize=bit)",
            names=("cosine", "l2"),
        )
        db.run("CREATE VIRTUAL TABLE docs USING hnsw(v float[40], quantize=bit)")
        self.fails(ERROR, db.run, "INSERT INTO docs(docs, k) VALUES ('quantize', 'int8')",
                   names=("quantize", "fixed"))

    def test_few_dimensions_and_bits(self):
        db = self.connect()
        for declared, dim in (("float[3]", 3), ("float[17]", 17), ("bit[64]", 64)):
            with self.subTest(declared=declared):
                db.run(f"CREATE VIRTUAL TABLE docs USING hnsw(embedding {declared}, {OPTIONS})")
                rows = dict(enumerate(Vectors(dim, 3).list(200), start=1))
                if declared.startswith("bit"):
                    rows = {i: [float(x > 0) for x in vector] for i, vector in rows.items()}
                    for rowid, vector in rows.items():
                        db.run("INSERT INTO docs(rowid, embedding) VALUES (?, vec_bit(?))", rowid,
                               json.dumps([int(x) for x in vector]))
                else:
                    self.insert_rows(db, "docs", rows)
                    self.assert_index(db, "docs", rows)
                self.assertEqual(db.one("SELECT nearlite_check('docs')"), "ok")
                db.run("DROP TABLE docs")


if __name__ == "__main__":
    main()
