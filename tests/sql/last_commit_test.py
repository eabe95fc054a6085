"""A search reads the last commit again whenever it can be another one (INVARIANT C1)."""

import contextlib

from sqlcase import BUSY, DRIVER, SqlCase, Vectors, blob, main

CREATE = "CREATE VIRTUAL TABLE t USING hnsw(embedding float[8] metric=l2, m=6)"
ALL = "SELECT rowid FROM t WHERE embedding MATCH ? AND k = 500"


class LastCommit(SqlCase):
    def setUp(self):
        super().setUp()
        self.vectors = Vectors(8)
        self.db = self.connect()
        self.db.run("PRAGMA journal_mode = WAL")
        self.db.run(CREATE)
        self.rows = set()
        self.insert(self.db, range(1, 30))
        self.check()

    def insert(self, db, rowids):
        for rowid in rowids:
            db.run("INSERT INTO t(rowid, embedding) VALUES(?, ?)", rowid, self.query())
            self.rows.add(rowid)

    def query(self):
        return blob(self.vectors.next())

    def found(self, db=None):
        """All rows: by the table, by the function, which finds it another way, by a condition."""
        db = db or self.db
        by_table = db.column(ALL, self.query())
        by_function = db.column("SELECT rowid FROM vss_knn(?, 500)", self.query())
        filtered = db.column(ALL + " AND rowid > 0", self.query())
        self.assertEqual(set(by_table), set(by_function))
        self.assertEqual(set(by_table), set(filtered))
        return set(by_table)

    def check(self, db=None):
        for _ in range(2):  # the second search knows what the first one read
            self.assertEqual(self.found(db), self.rows)

    def test_other_connections(self):
        for mode in ("WAL", "DELETE"):
            self.db.run(f"PRAGMA journal_mode = {mode}")
            self.check()
            other = self.connect()
            self.insert(other, range(100, 103))
            self.check()
            self.check(other)
            other.run("DELETE FROM t WHERE rowid > 99")
            self.rows -= {100, 101, 102}
            self.check()
            other.run("VACUUM")
            self.check()
            other.close()

    def test_own_changes(self):
        self.change_all_ways()

    def test_own_changes_in_every_mode(self):
        for journal, locking in (("DELETE", "NORMAL"), ("TRUNCATE", "NORMAL"),
                                 ("PERSIST", "EXCLUSIVE"), ("MEMORY", "EXCLUSIVE"),
                                 ("WAL", "EXCLUSIVE"), ("WAL", "NORMAL")):  # fmt: skip
            with self.subTest(journal=journal, locking=locking):
                self.db.run(f"PRAGMA journal_mode = {journal}")
                self.db.run(f"PRAGMA locking_mode = {locking}")
                self.change_all_ways()
                self.db.run("DELETE FROM t WHERE rowid >= 100")
                self.rows = {rowid for rowid in self.rows if rowid < 100}
                self.check()

    def change_all_ways(self):
        before = set(self.rows)
        self.db.run("BEGIN")
        self.check()  # reads as of the last commit, and nothing is written yet
        self.insert(self.db, [100])
        self.check()
        self.db.run("SAVEPOINT s")
        self.insert(self.db, [101])
        self.check()
        self.db.run("ROLLBACK TO s")
        self.rows.discard(101)
        self.check()
        self.db.run("ROLLBACK")
        self.rows = before
        self.check()
        self.insert(self.db, [102])
        self.check()
        self.db.run("BEGIN")
        self.insert(self.db, [103])
        self.db.run("COMMIT")
        self.check()
        self.db.run("VACUUM")
        self.check()

    def test_a_transaction_keeps_its_snapshot(self):
        self.db.run("BEGIN")
        self.check()
        kept = set(self.rows)
        other = self.connect()
        self.insert(other, [100])
        for _ in range(2):
            self.assertEqual(self.found(), kept)
        self.check(other)
        self.db.run("COMMIT")
        self.check()

    def test_rows_of_the_index_changed_by_hand(self):
        for db in (self.db, self.connect()):
            kept = self.db.run("SELECT * FROM t_commits")
            db.run("DELETE FROM t_commits")
            with self.assertRaisesRegex(Exception, "t_commits"):
                self.found()
            places = ", ".join("?" * len(kept[0]))
            for row in kept:
                db.run(f"INSERT INTO t_commits VALUES({places})", *row)
            self.check()

    def test_rows_changed_by_hand_and_back(self):
        self.insert(self.db, [100])  # nothing has been read since
        self.db.run("BEGIN")
        self.db.run("DELETE FROM t_commits WHERE seq = (SELECT max(seq) FROM t_commits)")
        with contextlib.suppress(Exception):  # whatever it says
            self.db.run(ALL, self.query())
        self.db.run("ROLLBACK")
        self.check()

    def test_functions_outside_of_a_transaction(self):
        other = self.connect()
        for rowid in (100, 101):
            self.insert(other, [rowid])
            stats = self.db.one("SELECT nearlite_stats('t')")
            self.assertIn(f'"live":{len(self.rows)},', stats)
            self.check()

    def test_backup_into_an_open_connection(self):
        other = self.connect(self.file("other.db"))
        other.run(CREATE)  # the same statement: the same uuid, and as many commits
        other.run("PRAGMA journal_mode = WAL")
        mine, self.rows = self.rows, set()
        self.insert(other, range(200, 229))
        self.check(other)
        if DRIVER == "apsw":
            with self.db.db.backup("main", other.db, "main") as backup:
                backup.step()
        else:
            other.db.backup(self.db.db)
        self.assertNotEqual(mine, self.rows)
        self.check()

    def test_deserialised_over_another(self):
        images = []
        for first in (1, 300):
            maker = self.connect(":memory:")
            maker.run(CREATE)
            self.rows = set()
            self.insert(maker, range(first, first + 20))
            images.append((maker.db.serialize("main") if DRIVER == "apsw" else
                           maker.db.serialize(), self.rows))  # fmt: skip
        db = self.connect(":memory:")
        for image, rows in images * 2:
            if DRIVER == "apsw":
                db.db.deserialize("main", image)
            else:
                db.db.deserialize(image)
            self.rows = rows
            if DRIVER == "apsw":
                self.check(db)
            for _ in range(2):  # not by the function, of which SQLite 3.40 keeps the old schema
                self.assertEqual(set(db.column(ALL, self.query())), rows)

    def test_another_file_of_the_same_name(self):
        db = self.connect(":memory:")
        for first in (1, 300, 1):
            path = self.file(f"attached{first}.db")
            self.rows = set(range(first, first + 20))
            maker = self.connect(path)
            if not maker.run("SELECT 1 FROM sqlite_master"):
                maker.run(CREATE)
                self.insert(maker, self.rows.copy())
            maker.close()
            db.run("ATTACH ? AS more", path)
            by_function = "SELECT rowid FROM vss_knn(?, 500, 'more.t')"
            for sql in (by_function, ALL.replace("FROM t", "FROM more.t")):
                for _ in range(2):
                    self.assertEqual(set(db.column(sql, self.query())), self.rows)
            db.run("DETACH more")

    def fail_to_commit(self, db):
        """Leaves `db` in a transaction that has written its commit record and may not commit."""
        other = self.connect()
        reading = other.cursor("SELECT rowid FROM t_rows")
        next(reading)
        db.run("BEGIN")
        db.run("INSERT INTO t(rowid, embedding) VALUES(100, ?)", self.query())
        self.fails(BUSY, db.run, "COMMIT")
        reading.close()
        other.close()

    def test_commit_that_was_too_busy(self):
        self.db.run("PRAGMA journal_mode = DELETE")
        self.insert(self.db, [99])  # nothing has been read since
        self.fail_to_commit(self.db)
        self.rows.add(100)
        self.check()
        self.db.run("ROLLBACK")
        self.rows.discard(100)
        self.check()
        self.fail_to_commit(self.db)
        self.db.run("COMMIT")
        self.rows.add(100)
        self.check()

    def test_shared_cache_reads_what_is_taken_back(self):
        if ("OMIT_SHARED_CACHE",) in self.db.run("PRAGMA compile_options"):
            self.skipTest("this SQLite has no shared cache")
        self.db.run("PRAGMA journal_mode = DELETE")
        self.db.close()
        uri = f"file:{self.path}?cache=shared"
        writer, reader = self.connect(uri), self.connect(uri)
        reader.run("PRAGMA read_uncommitted = 1")
        self.check(reader)
        self.fail_to_commit(writer)
        self.assertEqual(self.found(reader), self.rows | {100})
        writer.run("ROLLBACK")
        self.check(reader)
        self.check(writer)


if __name__ == "__main__":
    main()
