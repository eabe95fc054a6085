"""Where a database may live and how it may be copied: ATTACH, memory, backup, dump, swaps."""

import os
import shutil
import subprocess
import sys

from sqlcase import DRIVER, ERROR, READONLY, SqlCase, Vectors, blob, main

CREATE = "CREATE VIRTUAL TABLE {} USING hnsw(embedding float[8] metric=l2, lang text, m=6)"


class Files(SqlCase):
    def make(self, path=None, count=60, seed=1):
        db = self.connect(path)
        db.run(CREATE.format("t"))
        return db, self.fill(db, "t", count, 8, seed)

    def check(self, db, rows, table="t"):
        self.assert_index(db, table, rows, metric="l2")

    def copy(self, db, path):
        """By the backup interface."""
        if DRIVER == "apsw":
            other = self.connect(path, load=False)
            with other.db.backup("main", db.db, "main") as backup:
                while not backup.done:
                    backup.step(7)
        else:
            other = self.connect(path, load=False)
            db.db.backup(other.db, pages=7)
        other.close()

    def test_attach(self):
        db, rows = self.make()
        db.run("ATTACH ? AS more", self.file("more.db"))
        db.run(CREATE.format("more.t"))  # the same name in another file
        vectors = dict(enumerate(Vectors(8, 5).list(30), start=500))
        db.run("BEGIN")
        for rowid, vector in vectors.items():
            db.run("INSERT INTO more.t(rowid, embedding) VALUES(?, ?)", rowid, blob(vector))
        rows[900] = vectors[500]
        db.run("INSERT INTO t(rowid, embedding) VALUES(900, ?)", blob(rows[900]))
        db.run("COMMIT")
        self.check(db, rows)
        self.check(db, vectors, "more.t")
        self.assertEqual(db.one("SELECT nearlite_check('more.t')"), "ok")
        db.run("DETACH more")
        db.run("ATTACH ? AS again", self.file("more.db"))
        self.check(db, vectors, "again.t")
        db.run("BEGIN")
        db.run("DELETE FROM again.t")
        db.run("DELETE FROM t")
        db.run("ROLLBACK")
        self.check(db, vectors, "again.t")
        self.check(db, rows)

    def test_the_same_file_attached_twice(self):
        db, rows = self.make()
        db.run("ATTACH ? AS twin", self.path)
        self.check(db, rows, "twin.t")
        rows[700] = Vectors(8, 9).next()
        db.run("INSERT INTO main.t(rowid, embedding) VALUES(700, ?)", blob(rows[700]))
        self.check(db, rows, "twin.t")

    def test_read_only(self):
        db, rows = self.make()
        for number, suffix in enumerate(("mode=ro", "immutable=1")):
            reader = self.connect(f"file:{self.path}?{suffix}")
            self.check(reader, rows)
            with self.assertRaises(Exception):
                reader.run("INSERT INTO t(embedding) VALUES(NULL)")
            self.check(reader, rows)
            reader.close()
        reader = self.connect(f"file:{self.path}?mode=ro")
        self.check(reader, rows)
        rows[800] = Vectors(8, 3).next()
        db.run("INSERT INTO t(rowid, embedding) VALUES(800, ?)", blob(rows[800]))
        self.check(reader, rows)  # a read-only connection follows the writer
        self.fails(READONLY, reader.run, "DELETE FROM t")

    def test_memory_and_temporary(self):
        for path in (":memory:", ""):
            db = self.connect(path) if path else self.connect("file:?mode=memory")
            db.run(CREATE.format("t"))
            rows = self.fill(db, "t", 40, 8)
            db.run("BEGIN")
            db.run("DELETE FROM t WHERE rowid < 20")
            db.run("ROLLBACK")
            self.check(db, rows)
        other = self.connect(":memory:")
        other.run(CREATE.format("t"))
        self.check(other, {})

    def test_two_memory_databases_do_not_mix(self):
        one, two = self.connect(":memory:"), self.connect(":memory:")
        for db in (one, two):
            db.run(CREATE.format("t"))
        first, second = self.fill(one, "t", 30, 8, 1), self.fill(two, "t", 30, 8, 2)
        self.check(one, first)
        self.check(two, second)

    def test_shared_cache(self):
        if ("OMIT_SHARED_CACHE",) in self.connect(":memory:").run("PRAGMA compile_options"):
            self.skipTest("this SQLite has no shared cache")
        uri = "file:shared?mode=memory&cache=shared"
        one, two = self.connect(uri), self.connect(uri)
        one.run(CREATE.format("t"))
        rows = self.fill(one, "t", 30, 8)
        self.check(two, rows)
        two.run("PRAGMA read_uncommitted = 1")
        one.run("BEGIN")
        one.run("INSERT INTO t(rowid, embedding) VALUES(99, ?)", blob(rows[1]))
        two.run("SELECT rowid FROM t WHERE embedding MATCH ? AND k = 3", blob(rows[1]))
        one.run("ROLLBACK")
        self.check(one, rows)
        self.check(two, rows)

    def test_temp_table(self):
        db = self.connect()
        db.run(CREATE.format("temp.t"))
        rows = dict(enumerate(Vectors(8).list(20)))
        for rowid, vector in rows.items():
            db.run("INSERT INTO temp.t(rowid, embedding) VALUES(?, ?)", rowid, blob(vector))
        self.check(db, rows, "temp.t")

    def test_backup_and_vacuum_into(self):
        db, rows = self.make()
        self.copy(db, self.file("backup.db"))
        db.run("VACUUM INTO ?", self.file("vacuum.db"))
        db.run("DELETE FROM t WHERE rowid > 30")
        for name in ("backup.db", "vacuum.db"):
            other = self.connect(self.file(name))
            self.check(other, rows)
            other.run("DELETE FROM t WHERE rowid < 10")
            self.check(other, {r: v for r, v in rows.items() if r >= 10})
        self.check(db, {r: v for r, v in rows.items() if r <= 30})

    def test_a_copy_opened_beside_the_original(self):
        db, rows = self.make()
        shutil.copy(self.path, self.file("copy.db"))
        other = self.connect(self.file("copy.db"))  # the same uuid, in the same process
        mine, others = dict(rows), dict(rows)
        vectors = Vectors(8, 7)
        for rowid in range(100, 110):
            mine[rowid], others[rowid] = vectors.list(2)
            db.run("INSERT INTO t(rowid, embedding) VALUES(?, ?)", rowid, blob(mine[rowid]))
            other.run("INSERT INTO t(rowid, embedding) VALUES(?, ?)", rowid, blob(others[rowid]))
            self.check(db, mine)
            self.check(other, others)

    def test_a_file_replaced_by_a_backup_with_another_history(self):
        db, rows = self.make()
        db.close()
        shutil.copy(self.path, self.file("old.db"))
        vectors = Vectors(8, 11)
        db = self.connect()
        for rowid in range(200, 210):
            db.run("INSERT INTO t(rowid, embedding) VALUES(?, ?)", rowid, blob(vectors.next()))
        db.one("SELECT count(*) FROM t WHERE embedding MATCH ? AND k = 3", blob(rows[1]))
        fork = self.connect(self.file("old.db"))
        forked = dict(rows)
        for rowid in range(
            200, 210
        ):  # as many commits, other content: the same seq, another history
            forked[rowid] = vectors.next()
            fork.run("INSERT INTO t(rowid, embedding) VALUES(?, ?)", rowid, blob(forked[rowid]))
        fork.close()
        # Restored in place, by the backup interface, under the open connection.
        source = self.connect(self.file("old.db"), load=False)
        if DRIVER == "apsw":
            with db.db.backup("main", source.db, "main") as backup:
                backup.step(-1)
        else:
            source.db.backup(db.db)
        self.check(db, forked)
        self.check(self.connect(), forked)
        forked[300] = vectors.next()
        db.run("INSERT INTO t(rowid, embedding) VALUES(300, ?)", blob(forked[300]))
        self.check(db, forked)

    def test_dump_and_load(self):
        db, rows = self.make(count=30)
        db.close()
        # The loaded text writes shadow tables and sqlite_schema itself, as any module's dump does.
        dump = subprocess.run(
            ["sqlite3", self.path, ".dump"], capture_output=True, text=True, check=True
        ).stdout
        target = self.file("loaded.db")
        subprocess.run(["sqlite3", target], input=dump, capture_output=True, text=True, check=True)
        self.check(self.connect(target), rows)

    def test_without_the_extension(self):
        db, rows = self.make()
        db.run("CREATE TABLE documents(id INTEGER PRIMARY KEY, body)")
        db.run("INSERT INTO documents VALUES(1, 'text')")
        db.close()
        bare = self.connect(load=False)
        self.assertEqual(bare.run("SELECT * FROM documents"), [(1, "text")])
        self.assertEqual(bare.one("SELECT count(*) FROM t_rows"), len(rows))
        self.fails(ERROR, bare.run, "SELECT * FROM t", names=["hnsw"])
        bare.run("INSERT INTO documents VALUES(2, 'more')")
        self.assertEqual(bare.one("PRAGMA integrity_check"), "ok")
        bare.run("VACUUM")
        bare.close()
        self.check(self.connect(), rows)

    def test_restart_at_round_numbers(self):
        for count in (1, 2, 17, 999, 1000, 1001):
            with self.subTest(count=count):
                path = self.file(f"restart{count}.db")
                db, rows = self.make(path, count)
                db.close()
                self.check(self.connect(path), rows)

    def test_page_sizes_and_auto_vacuum(self):
        for page_size in (512, 1024, 65536):
            for vacuum in (0, 2):
                with self.subTest(page_size=page_size, vacuum=vacuum):
                    path = self.file(f"p{page_size}-{vacuum}.db")
                    db = self.connect(path)
                    db.run(f"PRAGMA page_size = {page_size}")
                    db.run(f"PRAGMA auto_vacuum = {vacuum}")
                    db.run(CREATE.format("t"))
                    rows = self.fill(db, "t", 50, 8)
                    db.run("DELETE FROM t WHERE rowid < 20")
                    db.run("PRAGMA incremental_vacuum")
                    self.check(db, {r: v for r, v in rows.items() if r >= 20})
                    self.assertEqual(db.one("PRAGMA integrity_check"), "ok")

    def test_another_process_writes(self):
        db, rows = self.make()
        db.run("PRAGMA journal_mode = WAL")
        self.check(db, rows)
        vector = Vectors(8, 21).next()
        program = (
            "import os, sys\nsys.path.insert(0, sys.argv[3])\nfrom sqlcase import Connection\n"
            "db = Connection(sys.argv[1])\n"
            "db.run('INSERT INTO t(rowid, embedding) VALUES(901, ?)', bytes.fromhex(sys.argv[2]))\n"
            "db.run('DELETE FROM t WHERE rowid = 5')\ndb.close()\n"
        )
        subprocess.run(
            [
                sys.executable,
                "-c",
                program,
                self.path,
                blob(vector).hex(),
                os.path.dirname(__file__),
            ],
            check=True,
        )
        rows[901] = vector
        del rows[5]
        self.check(db, rows)


    def test_turnover_does_not_make_the_file_grow(self):
        db = self.connect()
        db.run("CREATE VIRTUAL TABLE t USING hnsw(embedding float[96] metric=l2, m=8)")
        vectors = Vectors(96)
        rows = {}
        pages = []
        for turn in range(8):
            for first in range(1, 601, 60):
                db.run("BEGIN")
                for rowid in range(first, first + 60):
                    rows[rowid] = vectors.next()
                    db.run(
                        "INSERT OR REPLACE INTO t(rowid, embedding) VALUES(?, ?)",
                        rowid,
                        blob(rows[rowid]),
                    )
                db.run("COMMIT")
            pages.append(db.one("PRAGMA page_count"))
        self.assertLess(pages[-1], 1.1 * pages[2])
        self.assertLess(pages[-1], 2 * pages[0])
        self.assert_index(db, "t", rows, metric="l2")


if __name__ == "__main__":
    main()
