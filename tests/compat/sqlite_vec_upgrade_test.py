"""Databases that sqlite-vec wrote, moved into tables of ours."""

import os
import struct
import subprocess
import sys

from sqlite_vec_case import CORRUPT_VTAB, ERROR, READONLY, VERSIONS, Case, SqlError, expected, main


class Upgrade(Case):
    def test_everything_is_kept(self):
        for version in VERSIONS:
            path = self.unpack(version)
            db = self.vec0(path)
            for table, right in expected(version).items():
                with self.subTest(version=version, table=table):
                    db.run(f'INSERT INTO "{table}"("{table}") VALUES (?)', "upgrade")
                    self.assert_answers(db, table, right)
                    self.assertEqual(
                        db.run(
                            "SELECT name FROM sqlite_master WHERE name IN (?1 || '_chunks',"
                            " ?1 || '_rowids', ?1 || '_vector_chunks00')",
                            table,
                        ),
                        [],
                    )
                    db.run(f'INSERT INTO "{table}"("{table}") VALUES (?)', "integrity-check")
            db.close()
            db = self.vec0(path)
            for table, right in expected(version).items():
                with self.subTest(version=version, table=table):
                    self.assert_answers(db, table, right)
                    db.run(f'INSERT INTO "{table}"("{table}") VALUES (?)', "integrity-check")
            self.assertEqual(db.one("PRAGMA integrity_check"), "ok")

    def test_it_can_be_written_afterwards(self):
        db = self.vec0(self.unpack("v0.1.9"))
        db.run('INSERT INTO "all of it"("all of it") VALUES (\'upgrade\')')
        db.run(
            'INSERT INTO "all of it"(id, p, a, t, note, b, n)'
            " VALUES (?, ?, ?, ?, ?, vec_bit(?), ?)",
            *("new", "c", "[9,9,9,9,9,9]", "some text of some length", None, b"\x01\x02", 5),
        )
        found = db.run("SELECT id, t, n FROM \"all of it\" WHERE a MATCH '[9,9,9,9,9,9]' AND k = 1")
        self.assertEqual(found, [("new", "some text of some length", 5)])
        db.run("UPDATE \"all of it\" SET n = 6 WHERE id = 'key 3'")
        db.run("DELETE FROM \"all of it\" WHERE id = 'new'")
        self.assertEqual(db.one("SELECT n FROM \"all of it\" WHERE id = 'key 3'"), 6)
        db.run('INSERT INTO "all of it"("all of it") VALUES (\'integrity-check\')')
        db.run('INSERT INTO "all of it"("all of it") VALUES (\'upgrade\')')  # nothing to do
        self.assertEqual(db.one("SELECT n FROM \"all of it\" WHERE id = 'key 3'"), 6)

    def test_rolled_back_it_is_as_it_was(self):
        version = "v0.1.9"
        right = expected(version)
        path = self.unpack(version)
        db = self.vec0(path)
        schema = db.run("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name")
        for begin, end in (
            (["BEGIN"], ["ROLLBACK"]),
            (["SAVEPOINT a"], ["ROLLBACK TO a", "RELEASE a"]),
            (["BEGIN", "SAVEPOINT a"], ["ROLLBACK TO a", "COMMIT"]),
            (["BEGIN", "SAVEPOINT a"], ["RELEASE a", "ROLLBACK"]),
        ):
            with self.subTest(end=end):
                for sql in begin:
                    db.run(sql)
                for table in ("meta", "several"):
                    db.run(f"INSERT INTO {table}({table}) VALUES ('upgrade')")
                    self.assert_answers(db, table, right[table])
                db.run("DELETE FROM meta WHERE rowid > 3")
                for sql in end:
                    db.run(sql)
                for table in ("meta", "several"):
                    self.assert_answers(db, table, right[table])
                self.assertEqual(
                    db.run("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"),
                    schema,
                )
        self.assertEqual(db.one("PRAGMA integrity_check"), "ok")
        db.run("INSERT INTO meta(meta) VALUES ('upgrade')")
        self.assert_answers(db, "meta", right["meta"])

    def test_another_connection_follows(self):
        right = expected("v0.1.9")["l2"]
        path = self.unpack("v0.1.9")
        first, second = self.vec0(path), self.vec0(path)
        first.run("PRAGMA journal_mode = wal")
        self.assert_answers(second, "l2", right)
        first.run("BEGIN")
        first.run("INSERT INTO l2(l2) VALUES ('upgrade')")
        self.assert_answers(second, "l2", right)
        first.run("COMMIT")
        self.assert_answers(second, "l2", right)
        second.run("DELETE FROM l2 WHERE rowid = 1")
        self.assertEqual(first.one("SELECT count(*) FROM l2"), len(right["rows"]) - 1)

    def test_the_first_write_moves(self):
        right = expected("v0.1.9")["meta"]
        ids = [row[0] for row in right["rows"]]
        query = bytes.fromhex(right["rows"][7][2]["blob"])
        for sql, parameters, left in (
            (
                "INSERT INTO meta(e, t, n, r, b) VALUES (?, 'x', 1, 1.5, 0)",
                [query],
                [*ids, ids[-1] + 1],
            ),
            ("UPDATE meta SET n = 77 WHERE rowid = ?", [ids[2]], ids),
            ("UPDATE meta SET n = 77 WHERE rowid < ?", [ids[6]], ids),
            ("UPDATE meta SET n = (SELECT max(n) FROM meta)", [], ids),
            ("DELETE FROM meta WHERE rowid = ?", [ids[2]], ids[:2] + ids[3:]),
            ("DELETE FROM meta WHERE e MATCH ? AND k = 1", [query], ids[:7] + ids[8:]),
            ("DELETE FROM meta", [], []),
            ("DELETE FROM meta WHERE n IN (SELECT n FROM meta WHERE b = 1)", [], None),
            ("INSERT INTO meta(e, t, n, r, b) SELECT e, t, n, r, b FROM meta", [], None),
        ):
            for begin, end in ((None, None), ("BEGIN", "COMMIT"), ("BEGIN", "ROLLBACK")):
                with self.subTest(sql=sql, end=end):
                    db = self.vec0(self.unpack("v0.1.9"))
                    if begin:
                        db.run(begin)
                    db.run(sql, *parameters)
                    if end:
                        db.run(end)
                    if end == "ROLLBACK":
                        self.assert_answers(db, "meta", right)
                    else:
                        self.assertEqual(
                            db.run("SELECT 1 FROM sqlite_master WHERE name = 'meta_chunks'"), []
                        )
                        if left is not None:
                            self.assertEqual(
                                db.column("SELECT rowid FROM meta ORDER BY rowid"), left
                            )
                    db.run("INSERT INTO meta(meta) VALUES ('integrity-check')")
                    db.close()

    def test_a_write_that_fails(self):
        right = expected("v0.1.9")["keyed"]
        taken = right["rows"][0][0]
        for begin, end in ((None, None), ("BEGIN", "COMMIT")):
            db = self.vec0(self.unpack("v0.1.9"))
            if begin:
                db.run(begin)
            for sql in (
                "INSERT INTO keyed(id, e) VALUES ('new', '[1]')",
                f"INSERT INTO keyed(id, e) VALUES ('{taken}', '[1,2,3,4,5,6]')",
            ):
                with self.assertRaises(SqlError):
                    db.run(sql)
            if end:
                db.run(end)
            self.assert_answers(db, "keyed", right)
            db.close()

    def test_a_database_that_cannot_be_written(self):
        right = expected("v0.1.9")["l2"]
        db = self.vec0("file:" + self.unpack("v0.1.9") + "?mode=ro")
        self.fails(READONLY, db.run, "INSERT INTO l2(l2) VALUES ('upgrade')")
        self.fails(READONLY, db.run, "DELETE FROM l2 WHERE rowid = 1")
        self.assert_answers(db, "l2", right)

    def test_not_under_a_select(self):
        db = self.vec0(self.unpack("v0.1.9"))
        rows = db.cursor("SELECT rowid FROM l2")
        next(rows)
        with self.assertRaises(SqlError):
            db.run("INSERT INTO l2(l2) VALUES ('upgrade')")
        rows.close()
        del rows
        self.assert_rows(db, "l2", expected("v0.1.9")["l2"])

    def test_a_row_that_cannot_be_moved_is_named(self):
        right = expected("v0.1.9")["l2"]
        db = self.vec0(self.unpack("v0.1.9"))
        vectors = bytearray(db.one("SELECT vectors FROM l2_vector_chunks00 WHERE rowid = 1"))
        vectors[4 * 24 : 4 * 24 + 4] = struct.pack("<f", float("nan"))
        db.run("UPDATE l2_vector_chunks00 SET vectors = ? WHERE rowid = 1", bytes(vectors))
        db.run("BEGIN")
        self.fails(ERROR, db.run, "INSERT INTO l2(l2) VALUES ('upgrade')", names=["row 5", "nan"])
        db.run("COMMIT")
        query = bytes.fromhex(right["rows"][0][2]["blob"])
        hits = db.run("SELECT rowid, distance FROM l2 WHERE e MATCH ? AND k = 99", query)
        self.assertEqual(len(hits), len(right["rows"]))
        self.assertEqual(hits[-1], (5, float("inf")))
        self.fails(ERROR, db.run, "DELETE FROM l2 WHERE rowid = 5", names=["row 5", "nan"])
        db.run("INSERT INTO l2(l2) VALUES ('upgrade-without-nan')")
        self.assertIsNone(db.one("SELECT e FROM l2 WHERE rowid = 5"))
        found = db.run("SELECT rowid, distance FROM l2 WHERE e MATCH ? AND k = 99", query)
        self.assert_near(found, hits[:-1])
        db.run("INSERT INTO l2(l2) VALUES ('integrity-check')")
        db.run("DELETE FROM l2 WHERE rowid = 5")
        self.assertEqual(len(db.run("SELECT rowid FROM l2")), len(right["rows"]) - 1)

    def test_what_is_left_goes_with_the_table(self):
        db = self.vec0(self.unpack("v0.1.9"))
        db.run("INSERT INTO meta(meta) VALUES ('upgrade')")
        db.run("ALTER TABLE meta RENAME TO other")
        self.assert_rows(db, "other", expected("v0.1.9")["meta"])
        self.assertEqual(db.run("SELECT name FROM sqlite_master WHERE name LIKE 'meta%'"), [])
        db.run("DROP TABLE other")
        self.assertEqual(db.run("SELECT name FROM sqlite_master WHERE name LIKE 'other%'"), [])
        self.assertEqual(db.one("PRAGMA integrity_check"), "ok")

    def test_a_users_table_of_such_a_name_stays(self):
        db = self.vec0(self.unpack("v0.1.9"))
        db.run("INSERT INTO l2(l2) VALUES ('upgrade')")
        count = db.one("SELECT count(*) FROM sqlite_master WHERE name LIKE 'l2_emptied%'")
        self.assertGreater(count, 2)
        mine = f"l2_emptied{count + 1}"
        db.run(f"CREATE TABLE {mine}(x)")
        db.run("DROP TABLE l2")
        left = db.column("SELECT name FROM sqlite_master WHERE name LIKE 'l2%'")
        self.assertEqual(left, [mine])

    def test_a_name_that_is_taken(self):
        right = expected("v0.1.9")["l2"]
        db = self.vec0(self.unpack("v0.1.9"))
        db.run("CREATE TABLE l2_rows(x)")
        db.run("BEGIN")
        with self.assertRaises(SqlError):
            db.run("INSERT INTO l2(l2) VALUES ('upgrade')")
        with self.assertRaises(SqlError):
            db.run("COMMIT")
        if db.db.in_transaction:
            db.run("ROLLBACK")
        self.assert_answers(db, "l2", right)

    def test_killed_within(self):
        right = expected("v0.1.9")
        code = (
            "import sqlite3, sys, os, signal\n"
            "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
            "db.enable_load_extension(True)\n"
            "db.load_extension(sys.argv[2])\n"
            "db.execute('PRAGMA cache_size = 2')\n"
            "left = [int(sys.argv[3])]\n"
            "def tick():\n"
            "    left[0] -= 1\n"
            "    if left[0] == 0: os.kill(os.getpid(), signal.SIGKILL)\n"
            "    return 0\n"
            "db.set_progress_handler(tick, 50)\n"
            "db.execute(\"INSERT INTO meta(meta) VALUES ('upgrade')\")\n"
        )
        killed = 0
        for steps in (5, 40, 80, 120, 160, 200, 240, 100000):
            path = self.unpack("v0.1.9")
            arguments = [sys.executable, "-c", code, path, os.environ["NEARLITE_VEC0"], str(steps)]
            killed += subprocess.run(arguments, check=False).returncode != 0
            db = self.vec0(path)
            self.assert_answers(db, "meta", right["meta"])
            db.run("INSERT INTO meta(meta) VALUES ('integrity-check')")
            db.close()
        self.assertGreaterEqual(killed, 4)


if __name__ == "__main__":
    main()
