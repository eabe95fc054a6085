"""target_recall: ef_search is measured, kept, followed by everybody and measured again."""

import json
import random

from sqlcase import ERROR, SqlCase, blob, main

DIM = 48


class TargetRecall(SqlCase):
    def make(self, rows=3000, options="target_recall=0.98"):
        self.random = random.Random(5)
        db = self.connect()
        db.run("PRAGMA journal_mode=WAL")
        db.run(f"CREATE VIRTUAL TABLE docs USING hnsw(v float[{DIM}], label text, m=4, ef=20,"
               f" ef_search=10, {options})")
        self.add(db, 1, rows)
        return db

    def vector(self):
        return [self.random.gauss(0, 1) for _ in range(DIM)]

    def add(self, db, first, count):
        db.run("BEGIN")
        for rowid in range(first, first + count):
            db.run("INSERT INTO docs(rowid, v) VALUES (?, ?)", rowid, blob(self.vector()))
        db.run("COMMIT")

    def stats(self, db):
        return json.loads(db.one("SELECT nearlite_stats('docs')"))["indexes"][0]

    def recall(self, db, queries):
        sql = "SELECT rowid FROM docs WHERE v MATCH ? AND k = 10"
        right = 0
        for query in queries:
            truth = set(db.column(sql + " AND exact = 1", blob(query)))
            right += len(truth & set(db.column(sql, blob(query))))
        return right / (10 * len(queries))

    def test_measured_by_command_and_followed(self):
        db, other = self.make(), self.connect()
        queries = [self.vector() for _ in range(40)]
        self.assertEqual(self.stats(db)["recall_warning"], "not measured yet")
        before = self.recall(other, queries)
        self.assertLess(before, 0.9)
        db.run("INSERT INTO docs(docs) VALUES ('measure')")
        stats = self.stats(db)
        self.assertEqual(stats["target_recall"], 0.98)
        self.assertGreaterEqual(stats["measured_recall"], 0.98)
        self.assertGreater(stats["ef_search"], 40)
        self.assertEqual(stats["former_ef_search"], 10)
        self.assertLess(stats["former_recall"], 0.95)
        self.assertGreater(stats["measured_at"], 0)
        # Who was connected before, and who comes.
        for connection in (other, self.connect()):
            self.assertGreaterEqual(self.recall(connection, queries), 0.95)
            self.assertEqual(self.stats(connection)["ef_search"], stats["ef_search"])
        # A narrower width would not do: the least is chosen.
        db.run("INSERT INTO docs(docs, k) VALUES ('target_recall', 0.6)")
        self.assertLess(self.stats(db)["ef_search"], stats["ef_search"])
        db.run("INSERT INTO docs(docs, k) VALUES ('target_recall', 0.9999)")
        self.assertGreater(self.stats(db)["ef_search"], stats["ef_search"])
        db.run("INSERT INTO docs(docs, k) VALUES ('ef_search', 33)")
        self.assertEqual(self.stats(db)["ef_search"], 33)
        self.assertNotIn("target_recall", self.stats(db))
        self.assertEqual(self.stats(self.connect())["ef_search"], 33)

    def test_measured_again_when_rows_change(self):
        db = self.make(rows=300)
        self.add(db, 400, 1)
        self.assertNotIn("measured_recall", self.stats(db))  # too few rows to need it
        self.add(db, 1000, 1500)
        self.add(db, 5000, 1)
        first = self.stats(db)
        self.assertGreaterEqual(first["measured_recall"], 0.98)
        self.add(db, 6000, 10)
        self.assertEqual(self.stats(db)["measured_at"], first["measured_at"])
        self.add(db, 10_000, 4000)
        self.assertIn("rows have changed", self.stats(db)["recall_warning"])
        self.add(db, 20_000, 1)
        again = self.stats(db)
        self.assertGreater(again["measured_at"], first["measured_at"])
        self.assertGreater(again["ef_search"], first["ef_search"])
        self.assertIn("had fallen", again["recall_warning"])
        for command in ("optimize", "rebuild", "compact"):
            db.run("DELETE FROM docs WHERE rowid % 5 = 1")
            db.run(f"INSERT INTO docs(docs) VALUES ('{command}')")
            self.assertGreater(self.stats(db)["measured_at"], again["measured_at"])
            again = self.stats(db)

    def test_rolled_back_and_the_same_everywhere(self):
        found = []
        for number in range(2):
            self.path = self.file(f"{number}.db")
            db = self.make(rows=1200, options="target_recall=0.9")
            db.run("BEGIN")
            db.run("INSERT INTO docs(docs, k) VALUES ('target_recall', 0.999)")
            inside = self.stats(db)
            self.assertEqual(inside["target_recall"], 0.999)
            db.run("ROLLBACK")
            self.assertEqual(self.stats(db)["target_recall"], 0.9)
            self.assertEqual(self.stats(db)["ef_search"], 10)
            if number:
                db.run("INSERT INTO docs(docs, k) VALUES ('threads', 1)")
                self.connect().one("SELECT count(*) FROM docs")
            db.run("INSERT INTO docs(docs) VALUES ('measure')")
            found.append((db.one("SELECT value FROM docs_config WHERE key = 'measured'"), inside))
        self.assertEqual(found[0][0], found[1][0])
        self.assertEqual(found[0][1]["ef_search"], found[1][1]["ef_search"])

    def test_two_columns_other_types_and_content(self):
        db = self.connect()
        db.run("CREATE VIRTUAL TABLE two USING hnsw(a float[32], b bit[64], target_recall=0.9)")
        pick = random.Random(3)
        db.run("CREATE TABLE own(id INTEGER PRIMARY KEY, embedding TEXT)")
        db.run("BEGIN")
        for _ in range(500):
            values = [pick.gauss(0, 1) for _ in range(64)]
            db.run("INSERT INTO two(a, b) VALUES (?, vec_quantize_binary(?))", blob(values[:32]),
                   blob(values))
            db.run("INSERT INTO own(embedding) VALUES (?)", json.dumps(values[:32]))
        db.run("COMMIT")
        db.run("CREATE VIRTUAL TABLE over USING hnsw(content='own', dim=32, target_recall=0.95)")
        for name in ("two", "over"):
            db.run(f"INSERT INTO {name}({name}) VALUES ('measure')")
            for one in json.loads(db.one("SELECT nearlite_stats(?)", name))["indexes"]:
                self.assertGreaterEqual(one["measured_recall"], one["target_recall"])
        db.run("CREATE VIRTUAL TABLE empty USING hnsw(dim=3, target_recall=0.9)")
        db.run("INSERT INTO empty(empty) VALUES ('measure')")

    def test_wrong_values(self):
        db = self.make(rows=20)
        for value in ("1", "1.5", "-0.9", "0.4", "high", "nan", "0.9x", ""):
            with self.subTest(value=value):
                sql = "INSERT INTO docs(docs, k) VALUES ('target_recall', ?)"
                self.fails(ERROR, db.run, sql, value, names=["docs", "target_recall", value])
                sql = f"CREATE VIRTUAL TABLE x USING hnsw(dim=3, target_recall='{value}')"
                self.fails(ERROR, db.run, sql, names=["target_recall"])
        db.run("CREATE VIRTUAL TABLE x USING hnsw(dim=3)")
        self.fails(ERROR, db.run, "INSERT INTO x(x) VALUES ('measure')", names=["target_recall"])
        # What is damaged is none.
        for text in ("", "1 2 3", "0 0 0 0 0 0 0", "99999999 0 0 0 0 0 0", "16 1 1 1 1 1 1 1"):
            raw = self.connect()
            raw.run("INSERT OR REPLACE INTO docs_config VALUES ('measured', ?)", text.encode())
            self.assertEqual(self.stats(self.connect())["ef_search"], 10)


if __name__ == "__main__":
    main()
