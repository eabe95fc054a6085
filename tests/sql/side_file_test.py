"""The side file of path=: a cache. Losing, cutting, swapping or ageing it changes no answer."""

import os
import shutil

from sqlcase import ERROR, SqlCase, SqlError, Vectors, blob, main


class SideFile(SqlCase):
    def setUp(self):
        super().setUp()
        self.side = self.file("t.idx")
        self.vectors = Vectors(8, 3)

    def make(self, extra="", count=200):
        db = self.connect()
        db.run(
            "CREATE VIRTUAL TABLE t USING"
            f" hnsw(embedding float[8] metric=l2, m=6, path='t.idx'{extra})"
        )
        return db, self.fill(db, "t", count, 8)

    def check(self, db, rows):
        self.assert_index(db, "t", rows, metric="l2")

    def reopened(self, rows):
        db = self.connect()
        self.check(db, rows)
        vector = self.vectors.next()
        rowid = max(rows) + 1
        db.run("INSERT INTO t(rowid, embedding) VALUES(?, ?)", rowid, blob(vector))
        rows[rowid] = vector
        self.check(db, rows)
        db.close()

    def test_written_at_commit_by_default(self):
        db, rows = self.make()
        self.assertTrue(os.path.exists(self.side))
        self.assertEqual(os.listdir(self.folder).count("t.idx.tmp"), 0)
        self.check(db, rows)

    def test_lost_cut_scribbled_swapped_aged(self):
        db, rows = self.make()
        db.run("SELECT hnsw_save()")
        db.close()
        shutil.copy(self.side, self.file("aged.idx"))
        size = os.path.getsize(self.side)
        self.assertGreater(size, 200 * 8)
        self.reopened(rows)

        def lost():
            os.unlink(self.side)

        def cut_at(length):
            return lambda: os.truncate(self.side, length)

        def scribbled_at(offset):
            def action():
                with open(self.side, "r+b") as file:
                    file.seek(offset)
                    file.write(b"\xff\x00scribble")

            return action

        def aged():
            shutil.copy(self.file("aged.idx"), self.side)

        def foreign():
            with open(self.side, "wb") as file:
                file.write(b"not an index at all" * 1000)

        def empty():
            open(self.side, "wb").close()

        def folder():
            os.unlink(self.side)
            os.mkdir(self.side)

        actions = [lost, aged, foreign, empty]
        actions += [cut_at(length) for length in (1, 15, 16, 64, 4095, 4096, size // 2, size - 1)]
        actions += [
            scribbled_at(offset) for offset in (0, 8, 16, 40, 100, size // 3, size // 2, size - 20)
        ]
        actions += [folder]
        for number, action in enumerate(actions):
            with self.subTest(number=number, action=action.__name__):
                if not os.path.exists(self.side):
                    aged()
                action()
                self.reopened(rows)

    def test_swapped_with_the_file_of_another_index(self):
        db, rows = self.make()
        db.run("CREATE VIRTUAL TABLE u USING hnsw(embedding float[8] metric=l2, m=6, path='u.idx')")
        others = self.fill(db, "u", 200, 8, seed=77)
        db.run("SELECT hnsw_save('t')")
        db.run("SELECT hnsw_save('u')")
        db.close()
        os.rename(self.side, self.file("x"))
        os.rename(self.file("u.idx"), self.side)
        os.rename(self.file("x"), self.file("u.idx"))
        db = self.connect()
        self.check(db, rows)
        self.assert_index(db, "u", others, metric="l2")

    def test_a_copy_of_the_database_with_the_side_file_of_the_original(self):
        db, rows = self.make()
        db.close()
        os.mkdir(self.file("copy"))
        shutil.copy(self.path, self.file("copy/test.db"))
        self.reopened(rows)  # the original moves on
        shutil.copy(self.side, self.file("copy/t.idx"))  # newer than the copy of the database
        del rows[max(rows)]
        self.check(self.connect(self.file("copy/test.db")), rows)

    def test_persist_modes(self):
        for number, mode in enumerate(("commit", "every 10", "close")):
            with self.subTest(mode=mode):
                self.path = self.file(f"p{number}.db")
                if os.path.exists(self.side):
                    os.unlink(self.side)
                db, rows = self.make(f", persist={mode}", count=50)
                self.assertEqual(os.path.exists(self.side), mode == "commit")
                for _ in range(10):
                    rowid = max(rows) + 1
                    rows[rowid] = self.vectors.next()
                    db.run("INSERT INTO t(rowid, embedding) VALUES(?, ?)", rowid, blob(rows[rowid]))
                self.assertEqual(os.path.exists(self.side), mode != "close")
                db.close()
                self.assertTrue(os.path.exists(self.side))
                self.check(self.connect(), rows)

    def test_a_rolled_back_transaction_never_reaches_the_file(self):
        db, rows = self.make()
        with open(self.side, "rb") as file:
            before = file.read()
        db.run("BEGIN")
        db.run("DELETE FROM t WHERE rowid < 100")
        db.run("ROLLBACK")
        with open(self.side, "rb") as file:
            self.assertEqual(file.read(), before)
        db.close()
        self.reopened(rows)

    def test_save_in_a_trigger_or_view_is_refused(self):
        db, rows = self.make()
        db.run("CREATE TABLE x(a)")
        db.run("CREATE TRIGGER tr AFTER INSERT ON x BEGIN SELECT hnsw_save(); END")
        with self.assertRaises(SqlError):
            db.run("INSERT INTO x VALUES(1)")
        self.check(db, rows)

    def test_without_a_path_save_is_harmless_or_says_so(self):
        db = self.connect(self.file("none.db"))
        db.run("CREATE VIRTUAL TABLE t USING hnsw(dim=2)")
        before = sorted(os.listdir(self.folder))
        try:
            db.run("SELECT hnsw_save()")
        except SqlError as error:
            self.assertEqual(error.code, ERROR)
        self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_memory_database_ignores_the_path(self):
        db = self.connect(":memory:")
        os.chdir(self.folder)
        db.run("CREATE VIRTUAL TABLE t USING hnsw(embedding float[8] metric=l2, path='t.idx')")
        rows = self.fill(db, "t", 20, 8)
        self.check(db, rows)
        self.assertFalse(os.path.exists(self.side))
        os.chdir("/")

    def test_the_second_connection_uses_it_and_writes_go_on(self):
        db, rows = self.make()
        db.run("PRAGMA journal_mode = WAL")
        second = self.connect()
        self.check(second, rows)
        for rowid in range(1000, 1010):
            rows[rowid] = self.vectors.next()
            (db if rowid % 2 else second).run(
                "INSERT INTO t(rowid, embedding) VALUES(?, ?)", rowid, blob(rows[rowid])
            )
            self.check(second if rowid % 2 else db, rows)

    def test_a_file_of_somebody_else_is_neither_replaced_nor_removed(self):
        for name in ("t.idx", "t.idx.tmp"):
            for content in (b"precious", b"no", b"SQLite format 3\0" + bytes(4000), b"\1" * 200):
                with self.subTest(name=name, content=content[:8]):
                    self.assert_left_alone(name, content)

    def assert_left_alone(self, name, content):
        """By a schema that names it: CREATE says so; one from elsewhere never touches it."""
        for file in os.listdir(self.folder):
            os.unlink(self.file(file))
        db, rows = self.make()
        db.close()
        os.unlink(self.side)
        with open(self.file(name), "wb") as file:
            file.write(content)
        self.reopened(rows)
        db = self.connect()
        self.fails(ERROR, db.run, "SELECT hnsw_save()")
        self.fails(
            ERROR, db.run, "CREATE VIRTUAL TABLE u USING hnsw(embedding float[8], path='t.idx')"
        )
        self.check(db, rows)
        db.run("DROP TABLE t")
        with open(self.file(name), "rb") as file:
            self.assertEqual(file.read(), content)

    def test_what_is_no_regular_file_is_left_alone(self):
        db, rows = self.make()
        db.close()
        os.unlink(self.side)
        for make in (os.mkdir, os.mkfifo, lambda path: os.symlink(self.path, path)):
            make(self.side)
            self.reopened(rows)
            db = self.connect()
            self.fails(ERROR, db.run, "SELECT hnsw_save()")
            self.check(db, rows)
            db.close()
            self.assertTrue(os.path.lexists(self.side))
            (os.rmdir if os.path.isdir(self.side) else os.unlink)(self.side)

    def test_the_name_of_a_journal_is_refused(self):
        db = self.connect()
        for name in ("test.db-wal", "test.db-journal", "other-shm"):
            self.fails(
                ERROR,
                db.run,
                f"CREATE VIRTUAL TABLE t USING hnsw(embedding float[8], path='{name}')",
            )
        self.fails(
            ERROR, db.run, "CREATE VIRTUAL TABLE t USING hnsw(embedding float[8], path='test.db')"
        )

    def test_dropping_the_table_removes_the_file(self):
        db, _ = self.make()
        db.run("DROP TABLE t")
        self.assertFalse(os.path.exists(self.side))


class SideFileInParts(SideFile):
    """The same with searches that read in the file what they need, however small it is."""

    def setUp(self):
        super().setUp()
        os.environ["NEARLITE_PARTIAL_MIB"] = "0"
        self.addCleanup(os.environ.pop, "NEARLITE_PARTIAL_MIB")

    def test_the_file_is_truncated_while_searches_read_in_it(self):
        db, rows = self.make()
        db.run("SELECT hnsw_save()")
        db.close()
        for length in (0, 100, 144, 300, os.path.getsize(self.side) // 2):
            with self.subTest(length=length):
                if length == 0 or not os.path.exists(self.file("kept.idx")):
                    shutil.copy(self.side, self.file("kept.idx"))
                shutil.copy(self.file("kept.idx"), self.side)
                db = self.connect()
                query = "SELECT rowid FROM t WHERE embedding MATCH ? AND k = 5 AND ef_search = 8"
                self.assertEqual(len(db.run(query, blob(self.vectors.next()))), 5)
                os.truncate(self.side, length)
                self.check(db, rows)
                db.close()


if __name__ == "__main__":
    main()
