"""Sparse columns: answers are those of comparing every row, whatever was written, merged or rolled
back before (INVARIANT S1), and damage is found."""

import os
import random

from sparse_case import SparseCase, sparse_text
from sqlcase import CONSTRAINT, CORRUPT_VTAB, ERROR, main


class Writing(SparseCase):
    def write(self):
        """One random statement."""
        rowid = self.random.randint(1, 60)
        choice = self.random.random()
        if choice < 0.45 or rowid not in self.rows:
            self.put(rowid, self.vector() if self.random.random() < 0.9 else None)
        elif choice < 0.6:
            self.db.run("DELETE FROM t WHERE rowid = ?", rowid)
            del self.rows[rowid]
        elif choice < 0.75:
            vector = self.vector() if self.random.random() < 0.8 else None
            self.db.run("UPDATE t SET words = ? WHERE rowid = ?",
                        vector and sparse_text(vector), rowid)  # fmt: skip
            self.rows[rowid] = vector
        elif choice < 0.85:
            self.db.run("UPDATE t SET lang = 'fr' WHERE rowid = ?", rowid)
        elif choice < 0.95:
            to = self.random.randint(1, 60)
            self.db.run("UPDATE OR REPLACE t SET rowid = ? WHERE rowid = ?", to, rowid)
            self.rows[to] = self.rows.pop(rowid)
        else:
            command = self.random.choice(("optimize", "compact", "rebuild"))
            self.db.run(f"INSERT INTO t(t) VALUES('{command}')")

    def test_at_random(self):
        for seed in range(int(os.environ.get("NEARLITE_RUNS", 4))):
            self.random = random.Random(seed)
            self.db.run("DELETE FROM t")
            self.rows, kept = {}, []
            for _ in range(250):
                step = self.random.random()
                if step < 0.08:
                    self.db.run(f"SAVEPOINT s{len(kept)}")
                    kept.append(dict(self.rows))
                elif step < 0.13 and kept:
                    self.rows = dict(kept[-1])
                    self.db.run(f"ROLLBACK TO s{len(kept) - 1}")
                elif step < 0.2 and kept:
                    kept.pop()
                    self.db.run(f"RELEASE s{len(kept)}")
                elif step < 0.22 and kept:
                    self.rows = kept[0]
                    kept = []
                    self.db.run("ROLLBACK")
                else:
                    self.write()
                if self.random.random() < 0.2:
                    self.check(count=2)
            if kept:
                self.db.run("COMMIT")
            self.check()
            self.check(self.connect())

    def test_a_failing_statement_leaves_nothing(self):
        self.fill(600)
        self.db.run("BEGIN")
        self.put(5, {0: 3})
        for sql, code in (
            ("INSERT INTO t(rowid, words) SELECT 1000 + value, iif(value < 9, '{1:1}/50', 'bad')"
             " FROM json_each('[1,2,3,9]')", ERROR),
            ("INSERT INTO t(rowid, words) SELECT 601 - value, '{1:1}/50'"
             " FROM json_each('[0,-1,-2,2]')", CONSTRAINT),
            ("UPDATE t SET words = iif(rowid < 300, '{2:2}/50', 'bad')", ERROR),
        ):  # fmt: skip
            self.fails(code, self.db.run, sql)
            self.check(count=3)
        self.db.run("COMMIT")
        self.check()

    def test_a_row_that_cannot_be_noted_is_not_there(self):
        self.fill(3)
        self.db.run("BEGIN")
        self.db.run("DROP TABLE t_unmerged")
        for rowid in (None, 7):
            self.fails(ERROR, self.db.run, "INSERT INTO t(rowid, words) VALUES(?, '{1:1}/50')",
                       rowid, names=("t_unmerged",))  # fmt: skip
        self.fails(ERROR, self.db.run, "UPDATE t SET rowid = 9 WHERE rowid = 2")
        self.assertEqual(self.db.run("SELECT rowid FROM t"), [(1,), (2,), (3,)])
        self.db.run("ROLLBACK")
        self.check()

    def test_a_merge_that_is_taken_back(self):
        self.db.run("BEGIN")
        self.fill(600)
        self.db.run("SAVEPOINT s")
        self.db.run("INSERT INTO t(t) VALUES('optimize')")
        self.db.run("ROLLBACK TO s")
        self.assertEqual(self.unmerged(), 600)
        self.db.run("COMMIT")
        self.assertEqual(self.unmerged(), 0)
        self.check()

    def test_a_bulk_that_merges_on_its_way(self):
        self.db.run("BEGIN")
        self.fill(9_000)
        self.assertLess(self.unmerged(), 8_193)
        self.assertGreater(self.blocks(), 0)
        self.check(count=3)
        self.db.run("ROLLBACK")
        self.rows = {}
        self.check()
        self.assertEqual((self.blocks(), self.unmerged()), (0, 0))

    def test_blocks_are_split_and_go(self):
        self.db.run("PRAGMA page_size = 512")
        self.db.run("DROP TABLE t")
        self.db.run("VACUUM")
        self.create(self.db)
        order = list(range(1, 800))
        self.random.shuffle(order)
        for rowid in order:
            self.put(rowid, {0: rowid / 4, 3: 1})
            if rowid % 100 == 0:
                self.db.run("INSERT INTO t(t) VALUES('optimize')")
                self.check(count=2)
        self.db.run("INSERT INTO t(t) VALUES('optimize')")
        self.assertLessEqual(self.db.one("SELECT max(length(data)) FROM t_sparse"), 102)
        self.assertGreater(self.blocks(), 50)
        for rowid in order[:-3]:
            self.db.run("DELETE FROM t WHERE rowid = ?", rowid)
            del self.rows[rowid]
        self.db.run("INSERT INTO t(t) VALUES('optimize')")
        self.check()
        self.assertLessEqual(self.blocks(), 6)
        self.db.run("DELETE FROM t")
        self.db.run("INSERT INTO t(t) VALUES('optimize')")
        self.assertEqual(self.blocks(), 0)

    def test_another_connection(self):
        self.db.run("PRAGMA journal_mode = WAL")
        other = self.connect()
        self.fill(600)
        queries = [self.vector() for _ in range(10)]
        other.run("BEGIN")
        before = [self.found(query, db=other) for query in queries]
        self.assertEqual(before, [self.truth(query, 10) for query in queries])
        self.fill(600, first=300)
        self.assertEqual(before, [self.found(query, db=other) for query in queries])
        other.run("COMMIT")
        self.check(other)
        self.check()

    def test_the_same_statements_give_the_same_bytes(self):
        contents, digests = [], []
        for name in ("a.db", "b.db"):
            self.random = random.Random(4)
            db = self.connect(self.file(name))
            self.create(db)
            for rowid in range(1, 1200):
                self.put(rowid % 700, self.vector(), db)
            contents.append(db.run("SELECT * FROM t_sparse") + db.run("SELECT * FROM t_unmerged"))
            digests.append(db.one("SELECT nearlite_digest('t')"))
        self.assertEqual(*contents)
        self.assertEqual(*digests)
        db.run("UPDATE t SET words = '{1:1}/50' WHERE rowid = 5")
        self.assertNotEqual(db.one("SELECT nearlite_digest('t')"), digests[0])

    def test_after_vacuum(self):
        self.fill(700)
        self.db.run("DELETE FROM t WHERE rowid % 3 = 0")
        self.rows = {rowid: v for rowid, v in self.rows.items() if rowid % 3}
        self.db.run("VACUUM")
        self.check()
        self.db.run("VACUUM INTO ?", self.file("copy.db"))
        self.check(self.connect(self.file("copy.db")))


class Damage(SparseCase):
    def setUp(self):
        super().setUp()
        self.fill(600)
        self.query = {0: 1, 1: 1, 2: 1, 3: 1}

    def test_blocks(self):
        for change in (
            "UPDATE t_sparse SET data = zeroblob(9)", "UPDATE t_sparse SET data = x''",
            "UPDATE t_sparse SET data = substr(data, 1, length(data) - 1)",
            "UPDATE t_sparse SET data = 'text'", "UPDATE t_sparse SET data = NULL",
            "UPDATE t_sparse SET first = first - 1000000",
            "UPDATE t_sparse SET data = (SELECT data FROM t_sparse WHERE term = 9 LIMIT 1)",
        ):  # fmt: skip
            with self.subTest(change):
                self.db.run("BEGIN")
                self.db.run(change)
                self.fails(CORRUPT_VTAB, self.found, self.query, names=("t_sparse",))
                self.fails(CORRUPT_VTAB, self.db.run, "INSERT INTO t(t) VALUES('integrity-check')",
                           names=("t_sparse",))  # fmt: skip
                self.db.run("INSERT INTO t(t) VALUES('repair')")
                self.check(count=3)
                self.db.run("ROLLBACK")
        self.check()

    def test_what_only_a_check_finds(self):
        for change in (
            "DELETE FROM t_sparse WHERE term = 0",
            "INSERT INTO t_unmerged(rowid, merged) VALUES(7, NULL)",
            "INSERT INTO t_unmerged(rowid, merged) VALUES(7, vec_sparse('{1:77}/50'))",
            "UPDATE t_rows SET words = vec_sparse('{1:77}/50') WHERE rowid = 7",
            "UPDATE t_rows SET words = NULL WHERE rowid = 7",
            "UPDATE t_rows SET words = CAST(substr(words, 1, length(words) - 1) || x'42' AS BLOB)"
            " WHERE rowid = 7",
            "INSERT INTO t_rows(rowid, words) VALUES(1000, vec_sparse('{1:77}/50'))",
        ):  # fmt: skip
            with self.subTest(change):
                self.db.run("BEGIN")
                self.db.run(change)
                self.fails(CORRUPT_VTAB, self.db.run, "INSERT INTO t(t) VALUES('integrity-check')",
                           names=("t_sparse",))  # fmt: skip
                self.db.run("INSERT INTO t(t) VALUES('repair')")
                self.db.run("INSERT INTO t(t) VALUES('integrity-check')")
                self.db.run("ROLLBACK")
        self.check()

    def test_values(self):
        for value in ("x'0102'", "'{1:1}/50'", "12", "vec_sparse('{1:1}/49')"):
            with self.subTest(value):
                self.db.run("BEGIN")
                self.db.run(f"UPDATE t_rows SET words = {value} WHERE rowid = 7")
                self.fails(CORRUPT_VTAB, self.db.run, "INSERT INTO t(t) VALUES('integrity-check')",
                           names=("t_rows", "7"))  # fmt: skip
                self.db.run("DELETE FROM t WHERE rowid = 7")
                self.fails(CORRUPT_VTAB, self.db.run, "INSERT INTO t(t) VALUES('optimize')")
                self.fails(ERROR, self.db.run, "INSERT INTO t(words) VALUES('{1:1}/50')",
                           names=("roll back",))  # fmt: skip
                self.db.run("ROLLBACK")
                self.db.run("BEGIN")
                self.db.run(f"UPDATE t_rows SET words = {value} WHERE rowid = 7")
                self.db.run("DELETE FROM t WHERE rowid = 7")
                self.db.run("INSERT INTO t(t) VALUES('rebuild')")
                kept = self.rows.pop(7)
                self.check(count=3)
                self.rows[7] = kept
                self.db.run("ROLLBACK")
        self.check()

    def test_missing_tables(self):
        for table in ("t_sparse", "t_unmerged"):
            db = self.connect(self.file(table + ".db"))
            self.create(db)
            db.run("INSERT INTO t(words) VALUES('{1:1}/50')")
            db.run("DROP TABLE " + table)
            self.fails(ERROR, lambda: self.found({0: 1}, db=db), names=(table,))
            db.run("DROP TABLE t")
            self.assertEqual(db.one("SELECT count(*) FROM sqlite_master"), 0)


if __name__ == "__main__":
    main()
