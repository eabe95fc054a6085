"""Transactions: whatever happens to the rows happens to the index (engine.md, "Traps")."""

from sqlcase import BUSY, CONSTRAINT, ERROR, SqlCase, SqlError, Vectors, apsw_only, blob, main

CREATE = "CREATE VIRTUAL TABLE t USING hnsw(embedding float[8] metric=l2, lang text, m=6)"


class Transactions(SqlCase):
    def setUp(self):
        super().setUp()
        self.db = self.connect()
        self.vectors = Vectors(8)

    def make(self, count=40, mode="DELETE"):
        self.db.run(f"PRAGMA journal_mode={mode}")
        self.db.run(CREATE)
        return self.fill(self.db, "t", count, 8)

    def insert(self, db, rowid, table="t"):
        vector = self.vectors.next()
        db.run(f"INSERT INTO {table}(rowid, embedding) VALUES(?, ?)", rowid, blob(vector))
        return vector

    def check(self, rows, db=None, table="t"):
        self.assert_index(db or self.db, table, rows, metric="l2")

    # Trap 1
    def test_create_and_fill_in_one_transaction(self):
        self.db.run("BEGIN")
        self.db.run(CREATE)
        rows = {rowid: self.insert(self.db, rowid) for rowid in range(1, 20)}
        self.check(rows)
        self.db.run("COMMIT")
        self.check(rows)
        self.check(rows, self.connect())

    def test_creation_rolled_back_to_a_savepoint_keeps_the_other_rows(self):
        self.db.run("CREATE TABLE other(x)")
        self.db.run("BEGIN")
        self.db.run("INSERT INTO other VALUES(1)")
        self.db.run("SAVEPOINT s")
        self.db.run(CREATE)
        self.insert(self.db, 1)
        self.db.run("ROLLBACK TO s")
        self.db.run("INSERT INTO other VALUES(2)")
        self.db.run("COMMIT")
        self.assertEqual(self.db.column("SELECT x FROM other"), [1, 2])
        self.assertEqual(self.db.run("SELECT name FROM sqlite_schema"), [("other",)])
        self.db.run(CREATE)
        self.check({5: self.insert(self.db, 5)})

    def test_creation_rolled_back(self):
        self.db.run("BEGIN")
        self.db.run(CREATE)
        self.insert(self.db, 1)
        self.db.run("ROLLBACK")
        self.assertEqual(self.db.run("SELECT name FROM sqlite_schema"), [])
        self.fails(ERROR, self.db.run, "SELECT * FROM t")

    # Trap 2
    def test_savepoints_of_every_shape(self):
        rows = self.make()
        self.db.run("SAVEPOINT outer")
        rows_outer = dict(rows)
        rows[100] = self.insert(self.db, 100)
        self.db.run("SAVEPOINT a")
        self.db.run("SAVEPOINT a")  # the same name twice
        rows_a = dict(rows)
        self.db.run("DELETE FROM t WHERE rowid <= 10")
        self.check({r: v for r, v in rows.items() if r > 10})
        self.db.run("ROLLBACK TO a")
        self.check(rows_a)
        self.db.run("ROLLBACK TO a")
        self.check(rows_a)
        self.db.run("RELEASE a")
        rows[101] = self.insert(self.db, 101)
        self.check(rows)
        self.db.run("ROLLBACK TO outer")  # beyond the levels the table heard of
        self.check(rows_outer)
        rows_outer[102] = self.insert(self.db, 102)
        self.db.run("RELEASE outer")
        self.check(rows_outer)

    def test_a_savepoint_opened_before_the_table_was_touched(self):
        rows = self.make()
        self.db.run("BEGIN")
        self.db.run("SAVEPOINT s")
        self.db.run("SAVEPOINT s2")
        self.insert(self.db, 200)
        self.db.run("ROLLBACK TO s")
        self.check(rows)
        self.db.run("COMMIT")
        self.check(rows)

    def test_a_failed_statement_on_another_table_leaves_the_index_alone(self):
        rows = self.make()
        self.db.run("CREATE TABLE other(x UNIQUE)")
        self.db.run("BEGIN")
        rows[300] = self.insert(self.db, 300)
        self.fails(CONSTRAINT, self.db.run, "INSERT INTO other VALUES(1), (2), (1)")
        rows[301] = self.insert(self.db, 301)
        self.check(rows)
        self.db.run("COMMIT")
        self.check(rows)

    # Trap 3
    def test_commit_busy_more_writes_commit(self):
        rows = self.make()
        reader = self.connect()
        cursor = reader.cursor("SELECT rowid FROM t")
        next(cursor)
        self.db.run("BEGIN")
        rows[400] = self.insert(self.db, 400)
        self.fails(BUSY, self.db.run, "COMMIT")
        self.check(rows)
        rows[401] = self.insert(self.db, 401)
        del rows[3]
        self.db.run("DELETE FROM t WHERE rowid = 3")
        self.fails(BUSY, self.db.run, "COMMIT")
        list(cursor)
        self.db.run("COMMIT")
        self.check(rows)
        self.check(rows, reader)

    def test_commit_busy_rebuild_rollback_to_and_a_failed_statement(self):
        rows = self.make(7)
        reader = self.connect()
        reader.run("BEGIN")
        reader.run("SELECT count(*) FROM sqlite_schema")
        self.db.run("SAVEPOINT a")
        self.db.run("UPDATE t SET rowid = 100 WHERE rowid = 3")
        self.fails(BUSY, self.db.run, "RELEASE a")
        self.db.run("INSERT INTO t(t) VALUES('rebuild')")
        self.db.run("ROLLBACK TO a")
        self.db.run("DELETE FROM t WHERE rowid = 7")
        del rows[7]
        self.fails(BUSY, self.db.run, "COMMIT")
        rows[5] = self.vectors.next()
        self.db.run("UPDATE t SET embedding = ? WHERE rowid = 5", blob(rows[5]))
        self.fails(
            CONSTRAINT,
            self.db.run,
            "INSERT INTO t(rowid, embedding) VALUES(101, ?1), (102, ?1), (4, ?1)",
            blob(rows[1]),
        )
        self.check(rows)
        reader.run("COMMIT")
        self.db.run("COMMIT")
        self.check(rows)
        self.check(rows, reader)

    def test_commit_busy_then_rollback(self):
        rows = self.make()
        reader = self.connect()
        cursor = reader.cursor("SELECT rowid FROM t")
        next(cursor)
        self.db.run("BEGIN")
        self.insert(self.db, 400)
        self.fails(BUSY, self.db.run, "COMMIT")
        self.db.run("ROLLBACK")
        list(cursor)
        self.check(rows)
        rows[400] = self.insert(self.db, 400)
        self.check(rows, reader)

    @apsw_only
    def test_commit_hook_veto(self):
        rows = self.make()
        self.db.db.set_commit_hook(lambda: True)
        self.fails(CONSTRAINT, self.db.run, "DELETE FROM t WHERE rowid < 5")
        self.check(rows)
        self.db.run("BEGIN")
        self.insert(self.db, 500)
        self.fails(CONSTRAINT, self.db.run, "COMMIT")
        self.db.db.set_commit_hook(None)
        self.check(rows)
        rows[501] = self.insert(self.db, 501)
        self.check(rows)

    def test_busy_snapshot_is_busy(self):
        rows = self.make(mode="WAL")
        second = self.connect()
        second.run("BEGIN")
        self.check(rows, second)
        rows[600] = self.insert(self.db, 600)
        self.fails(BUSY, self.insert, second, 601)
        old = dict(rows)
        del old[600]
        self.check(old, second)
        second.run("ROLLBACK")
        rows[601] = self.insert(second, 601)
        self.check(rows)

    # Trap 6
    def test_rename_in_a_transaction(self):
        rows = self.make()
        self.db.run("BEGIN")
        rows[700] = self.insert(self.db, 700)
        self.db.run("ALTER TABLE t RENAME TO u")
        rows[701] = self.insert(self.db, 701, "u")
        self.check(rows, table="u")
        self.db.run("ROLLBACK")
        del rows[700], rows[701]
        self.check(rows)
        self.db.run("BEGIN")
        self.db.run("ALTER TABLE t RENAME TO u")
        rows[702] = self.insert(self.db, 702, "u")
        self.db.run("COMMIT")
        self.check(rows, table="u")
        self.check(rows, self.connect(), table="u")
        self.db.run("INSERT INTO u(u) VALUES('integrity-check')")

    def test_rename_onto_each_other(self):
        rows = self.make()
        self.db.run("ALTER TABLE t RENAME TO u")
        self.db.run(CREATE)
        fresh = {1: self.insert(self.db, 1)}
        self.check(rows, table="u")
        self.check(fresh)
        self.db.run("DROP TABLE t")
        self.db.run("ALTER TABLE u RENAME TO t")
        self.check(rows)

    def test_rename_rolled_back_to_a_savepoint(self):
        rows = self.make()
        self.db.run("BEGIN")
        self.db.run("SAVEPOINT s")
        self.db.run("ALTER TABLE t RENAME TO u")
        self.insert(self.db, 800, "u")
        self.db.run("ROLLBACK TO s")
        rows[801] = self.insert(self.db, 801)
        self.db.run("COMMIT")
        self.check(rows)

    # Trap 7
    def test_drop_then_rollback(self):
        rows = self.make()
        self.db.run("BEGIN")
        self.insert(self.db, 900)
        self.db.run("DROP TABLE t")
        self.fails(ERROR, self.db.run, "SELECT * FROM t")
        self.db.run("ROLLBACK")
        self.check(rows)
        rows[901] = self.insert(self.db, 901)
        self.check(rows, self.connect())

    def test_drop_rolled_back_to_a_savepoint_keeps_earlier_changes(self):
        rows = self.make()
        for end in ("use", "leave alone", "drop again"):
            with self.subTest(end):
                self.db.run("BEGIN")
                rows[100] = self.insert(self.db, 100)
                self.db.run("DELETE FROM t WHERE rowid = 1")
                del rows[1]
                self.db.run("SAVEPOINT s")
                rows_at_s = dict(rows)
                rows[101] = self.insert(self.db, 101)
                self.db.run("DROP TABLE t")
                self.fails(ERROR, self.db.run, "SELECT * FROM t")
                self.db.run("ROLLBACK TO s")
                rows = rows_at_s
                if end == "use":
                    self.check(rows)
                    rows[102] = self.insert(self.db, 102)
                    self.check(rows)
                if end == "drop again":
                    self.db.run("SAVEPOINT s2")
                    self.db.run("DROP TABLE t")
                    self.db.run("ROLLBACK TO s2")
                self.db.run("COMMIT")
                self.check(rows, self.connect())
                self.check(rows)
                self.db.run("DELETE FROM t WHERE rowid >= 100")
                rows = {rowid: vector for rowid, vector in rows.items() if rowid < 100}
                rows[1] = self.insert(self.db, 1)
                self.check(rows)
                self.check(rows, self.connect())

    def test_changes_then_drop_then_commit_or_rollback(self):
        rows = self.make()
        self.db.run("BEGIN")
        self.insert(self.db, 100)
        self.db.run("DROP TABLE t")
        self.db.run("ROLLBACK")
        self.check(rows)
        self.db.run("BEGIN")
        self.insert(self.db, 100)
        self.db.run("DROP TABLE t")
        self.db.run(CREATE)
        rows = {7: self.insert(self.db, 7)}
        self.db.run("COMMIT")
        self.check(rows)
        self.check(rows, self.connect())

    def test_a_dropped_table_is_not_taken_for_its_successor(self):
        self.make()
        for number in range(12):  # the order of tables in memory must not matter
            self.db.run("BEGIN")
            self.insert(self.db, 100 + number)
            self.db.run("SAVEPOINT s")
            self.db.run(f"CREATE TABLE other{number}(x)")
            self.db.run("ROLLBACK TO s")  # resets the schema: the table is connected again
            self.insert(self.db, 200 + number)
            self.db.run("DROP TABLE t")
            self.db.run(CREATE)
            rows = {rowid: self.insert(self.db, rowid) for rowid in range(1, 40)}
            reader = self.connect()
            reader.run("BEGIN")
            reader.run("SELECT count(*) FROM sqlite_schema")
            self.fails(BUSY, self.db.run, "COMMIT")
            self.check(rows)
            reader.run("COMMIT")
            self.db.run("COMMIT")
            self.check(rows)
        self.check(rows, self.connect())

    def test_an_open_cursor_keeps_no_phantom_alive(self):
        rows = self.make()
        self.db.run("BEGIN")
        self.db.run("DROP TABLE t")
        self.db.run("CREATE VIRTUAL TABLE t USING hnsw(embedding float[24], m=4)")
        for vector in Vectors(24).list(100):
            self.db.run("INSERT INTO t(embedding) VALUES(?)", blob(vector))
        cursor = self.db.cursor("SELECT rowid FROM t")  # holds the sqlite3_vtab
        next(cursor)
        self.db.run("ROLLBACK")
        found = self.db.run("SELECT rowid FROM vss_knn(?, 100, 't')", blob(rows[1]))
        self.assertEqual(sorted(found), [(rowid,) for rowid in rows])
        del cursor
        self.check(rows)

    def test_an_open_cursor_keeps_no_name_alive(self):
        rows = self.make()
        self.db.run("BEGIN")
        rows_then = dict(rows)
        self.insert(self.db, 100)
        self.db.run("ALTER TABLE t RENAME TO u")
        cursor = self.db.cursor("SELECT rowid FROM u")
        next(cursor)
        self.db.run("ROLLBACK")
        self.fails(ERROR, self.db.run, "SELECT rowid FROM vss_knn(?, 100, 'u')", blob(rows[1]))
        found = self.db.run("SELECT rowid FROM vss_knn(?, 100, 't')", blob(rows[1]))
        self.assertEqual(sorted(found), [(rowid,) for rowid in rows_then])
        del cursor
        self.check(rows_then)

    def test_the_same_creation_again_after_rollback_to(self):
        self.db.run("BEGIN")
        self.db.run("SAVEPOINT s")
        for first in (1, 30, 60):
            self.db.run(CREATE)
            rows = {rowid: self.insert(self.db, rowid) for rowid in range(first, first + 20)}
            if first < 60:
                self.db.run("ROLLBACK TO s")
        self.check(rows)
        self.db.run("COMMIT")
        self.check(rows)
        self.check(rows, self.connect())

    def test_a_function_is_the_first_to_notice_a_changed_schema(self):
        rows = self.make(mode="WAL")
        other = self.connect()
        self.check(rows, other)
        for number in range(3):
            other.run(f"CREATE TABLE unrelated{number}(x)")
            other.run("VACUUM")
            for call in ("nearlite_check('t')", "nearlite_stats('t')", "nearlite_digest('t')"):
                other.run(f"CREATE TABLE u{number}_{call[10:13]}(x)")
                self.assertIsNotNone(self.db.one(f"SELECT {call}"))
            other.run(f"CREATE TABLE more{number}(x)")
            hits = self.db.run("SELECT rowid FROM vss_knn(?, 3, 't')", blob(rows[1]))
            self.assertEqual(len(hits), 3)
        self.check(rows)

    def test_drop_leaves_nothing_behind(self):
        self.make()
        self.db.run("DROP TABLE t")
        self.assertEqual(self.db.run("SELECT name FROM sqlite_schema"), [])
        self.db.run("VACUUM")

    def test_drop_and_create_again_in_one_transaction(self):
        self.make()
        self.db.run("BEGIN")
        self.db.run("DROP TABLE t")
        self.db.run(CREATE)
        rows = {rowid: self.insert(self.db, rowid) for rowid in range(20)}
        self.check(rows)
        self.db.run("COMMIT")
        self.check(rows)
        self.check(rows, self.connect())

    def test_vacuum_between_writes(self):
        rows = self.make()
        for rowid in (1000, 1001, 1002):
            rows[rowid] = self.insert(self.db, rowid)
            self.db.run("VACUUM")  # also: no statement of ours may stay open
            self.check(rows)
            del rows[rowid - 999]
            self.db.run("DELETE FROM t WHERE rowid = ?", rowid - 999)
        self.check(rows, self.connect())

    def test_ddl_of_another_connection(self):
        rows = self.make(mode="WAL")
        second = self.connect()
        self.check(rows, second)
        for statement in (
            "CREATE TABLE other(x)",
            "ALTER TABLE other ADD COLUMN y",
            "CREATE INDEX i ON other(x)",
            "DROP TABLE other",
            "ANALYZE",
            "VACUUM",
        ):
            second.run(statement)
            rowid = max(rows) + 1
            rows[rowid] = self.insert(self.db, rowid)
            self.check(rows)
            self.check(rows, second)
        second.run("PRAGMA schema_version = 999")
        rows[3000] = self.insert(self.db, 3000)
        self.check(rows, second)

    def test_another_connection_puts_another_table_in_its_place(self):
        self.make()
        reader = self.connect()
        reader.run("ATTACH ? AS aux", self.path)
        main, aux = "SELECT nearlite_check('t')", "SELECT nearlite_check('aux.t')"
        found = "SELECT count(*) FROM vss_knn(?, 1000, ?)"
        for dim, functions_first in ((24, True), (8, False), (3, True), (8, False)):
            with self.subTest(dim):
                self.db.run("DROP TABLE t")
                self.db.run(f"CREATE VIRTUAL TABLE other USING hnsw(embedding float[{dim}], m=4)")
                vectors = Vectors(dim).list(dim + 5)
                for vector in vectors:
                    self.db.run("INSERT INTO other(embedding) VALUES(?)", blob(vector))
                self.db.run("ALTER TABLE other RENAME TO t")
                if functions_first:
                    self.assertEqual(reader.one(main), "ok")
                    self.assertEqual(reader.one(aux), "ok")
                for name in ("aux.t", "t"):
                    self.assertEqual(reader.one(found, blob(vectors[0]), name), len(vectors))
                self.assertEqual(reader.one(main), "ok")
                self.assertEqual(reader.one(aux), "ok")

    def test_ddl_in_the_transaction_that_writes(self):
        rows = self.make()
        self.db.run("BEGIN")
        rows[50] = self.insert(self.db, 50)
        self.db.run("CREATE TABLE other(x)")
        rows[51] = self.insert(self.db, 51)
        self.db.run("ALTER TABLE other RENAME TO another")
        self.check(rows)
        self.db.run("SAVEPOINT s")
        self.db.run("DROP TABLE another")
        self.db.run("DELETE FROM t WHERE rowid = 51")
        self.db.run("ROLLBACK TO s")
        self.check(rows)
        self.db.run("COMMIT")
        self.check(rows)

    # Trap 8
    def test_a_reader_keeps_its_snapshot(self):
        rows = self.make(mode="WAL")
        reader = self.connect()
        reader.run("BEGIN")
        reader.one("SELECT count(*) FROM t")  # the snapshot begins; no search has loaded anything
        old = dict(rows)
        for step in range(6):
            rowid = 2000 + step
            rows[rowid] = self.insert(self.db, rowid)
            del rows[step + 1]
            self.db.run("DELETE FROM t WHERE rowid = ?", step + 1)
            rows[30] = self.vectors.next()
            self.db.run("UPDATE t SET embedding = ? WHERE rowid = 30", blob(rows[30]))
            self.check(rows)
            self.check(old, reader)
        reader.run("COMMIT")
        self.check(rows, reader)

    def test_a_reader_older_than_a_purge(self):
        rows = self.make(count=120, mode="WAL")
        reader = self.connect()
        reader.run("BEGIN")
        self.check(rows, reader)
        old = dict(rows)
        for rowid in range(1, 100):
            self.db.run("DELETE FROM t WHERE rowid = ?", rowid)
            del rows[rowid]
        for command in ("optimize", "compact", "optimize", "compact", "rebuild"):
            self.db.run("INSERT INTO t(t) VALUES(?)", command)
            self.check(old, reader)
            self.check(rows)
        reader.run("COMMIT")
        self.check(rows, reader)

    def test_a_paused_cursor_and_writes_of_its_own_connection(self):
        rows = self.make(count=120)
        query = blob(self.vectors.next())
        for action in (
            "INSERT INTO t(rowid, embedding) VALUES(5000, :v)",
            "DELETE FROM t WHERE rowid < 30",
            "DELETE FROM t",
            "INSERT INTO t(t) VALUES('rebuild')",
            "ROLLBACK",
            "DROP TABLE t",
            "ALTER TABLE t RENAME TO u",
        ):
            with self.subTest(action=action):
                self.db.run("BEGIN")
                self.insert(self.db, 6000)
                cursor = self.db.cursor(
                    "SELECT rowid, distance FROM t WHERE embedding MATCH ?" " ORDER BY distance",
                    query,
                )
                for _ in range(5):
                    next(cursor)
                try:
                    arguments = {"v": query} if ":v" in action else {}
                    self.db.run(action, **arguments)
                except SqlError as error:
                    self.assertIn(error.code, (ERROR, 6))
                seen = []
                try:
                    seen = list(cursor)
                except SqlError:
                    pass  # an aborted cursor is fine, a crash or a row of nowhere is not
                self.assertLessEqual(len(seen), 130)
                try:
                    self.db.run("ROLLBACK")
                except SqlError:
                    pass
                self.check(rows)

    def test_read_your_own_writes(self):
        rows = self.make(mode="WAL")
        second = self.connect()
        self.check(rows, second)
        self.db.run("BEGIN")
        mine = dict(rows)
        for rowid in range(100, 160):
            mine[rowid] = self.insert(self.db, rowid)
            if rowid % 20 == 0:
                self.check(mine)
                self.check(rows, second)  # nobody else sees them
        self.db.run("COMMIT")
        self.check(mine, second)

    def test_nothing_of_a_rolled_back_transaction_stays_in_memory(self):
        rows = self.make(mode="WAL")
        second = self.connect()
        self.check(rows, second)
        for number in range(5):
            self.db.run("BEGIN")
            for rowid in range(200, 230):
                self.insert(self.db, rowid)
            self.db.run("DELETE FROM t WHERE rowid < 20")
            self.db.one("SELECT count(*) FROM t WHERE embedding MATCH ? AND k = 20", blob(rows[1]))
            self.db.run("ROLLBACK")
            self.check(rows)
            self.check(rows, second)
            rows[300 + number] = self.insert(second, 300 + number)
            self.check(rows)

    # Trap 15
    def test_integrity_check_inside_a_transaction(self):
        rows = self.make()
        self.db.run("BEGIN")
        rows[77] = self.insert(self.db, 77)
        self.assertEqual(self.db.one("PRAGMA integrity_check"), "ok")
        self.db.run("INSERT INTO t(t) VALUES('integrity-check')")
        self.assertEqual(self.db.one("SELECT nearlite_check('t')"), "ok")
        rows[78] = self.insert(self.db, 78)
        self.db.run("COMMIT")
        self.check(rows)

    def test_two_connections_alternate(self):
        rows = self.make(mode="WAL")
        second = self.connect()
        for rowid in range(100, 130):
            db = self.db if rowid % 2 else second
            rows[rowid] = self.insert(db, rowid)
            if rowid % 3 == 0 and rowid - 70 in rows:
                del rows[rowid - 70]
                db.run("DELETE FROM t WHERE rowid = ?", rowid - 70)
            self.check(rows, second if rowid % 2 else self.db)


if __name__ == "__main__":
    main()
