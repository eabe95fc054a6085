"""Databases that sqlite-vec wrote: read as they stand, moved, and damaged.

sqlite_vec_fixtures.py made them; what sqlite-vec answered lies beside them.
"""

import json
import lzma
import math
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "sql"), str(HERE.parent / "vec0")]

from sqlcase import CORRUPT_VTAB, ERROR, READONLY, Connection, SqlCase, SqlError  # noqa: E402
from vec0case import load, main  # noqa: E402

VERSIONS = sorted(path.name[len("sqlite-vec-") : -len(".db.xz")] for path in HERE.glob("*.db.xz"))
VERSIONS = [name for name in VERSIONS if name.startswith("v")]


def expected(version):
    return json.loads(lzma.decompress((HERE / f"sqlite-vec-{version}.json.xz").read_bytes()))


APPROXIMATE = ("rescored", "rescored8", "graph")


def exact(rows, query):
    """The rows in order of Euclidean distance; the vector is the first column but the rowid."""
    query = struct.unpack(f"<{len(query) // 8}f", bytes.fromhex(query))
    found = []
    for row in rows:
        vector = struct.unpack(f"<{len(query)}f", bytes.fromhex(row[2]["blob"]))
        found.append((row[0], math.dist(query, vector)))
    return sorted(found, key=lambda hit: (hit[1], hit[0]))


def plain(data):
    return {"blob": data.hex()} if isinstance(data, bytes) else data


class Case(SqlCase):
    def unpack(self, version):
        path = self.file(f"{version}.db")
        packed = (HERE / f"sqlite-vec-{version}.db.xz").read_bytes()
        pathlib.Path(path).write_bytes(lzma.decompress(packed))
        return path

    def vec0(self, path):
        db = Connection(path, load=False)
        self.addCleanup(db.close)
        load(db)
        return db

    def assert_rows(self, db, table, right):
        found = db.run(f'SELECT {right["by"]}, * FROM "{table}" ORDER BY {right["by"]}')
        self.assertEqual([[plain(data) for data in row] for row in found], right["rows"], table)

    def assert_answers(self, db, table, right):
        self.assert_rows(db, table, right)
        ids = [row[0] for row in right["rows"]]
        for one in ids[::9]:
            [row] = db.run(f'SELECT {right["by"]}, * FROM "{table}" WHERE {right["by"]} = ?', one)
            self.assertEqual([plain(data) for data in row], right["rows"][ids.index(one)])
        for search in right["searches"]:
            found = db.run(search["sql"], bytes.fromhex(search["query"]))
            hits = search["hits"]
            if table in APPROXIMATE:  # there sqlite-vec's own answers are approximate, or wrong
                hits = exact(right["rows"], search["query"])[: len(hits)]
            with self.subTest(sql=search["sql"]):
                self.assert_near(found, hits)

    def assert_near(self, found, right):
        """As sqlite-vec answered, whose distances are float32; equal ones may be swapped."""
        self.assertEqual(len(found), len(right))
        for (_, distance), (_, theirs) in zip(found, right):
            self.assertAlmostEqual(distance, theirs, delta=2e-6 * (1 + abs(theirs)))
        far = right[-1][1] if right else 0
        near = {row for row, distance in right if distance < far - 1e-5 * (1 + abs(far))}
        self.assertLessEqual(near, {row for row, _ in found})


class AsItStands(Case):
    def test_there_are_databases_of_each_layout(self):
        self.assertEqual(len(VERSIONS), 5)

    def test_rows_and_searches_are_those_of_sqlite_vec(self):
        for version in VERSIONS:
            path = self.unpack(version)
            before = pathlib.Path(path).read_bytes()
            db = self.vec0(path)
            for table, right in expected(version).items():
                with self.subTest(version=version, table=table):
                    self.assert_answers(db, table, right)
                    db.run(f'INSERT INTO "{table}"("{table}") VALUES(?)', "integrity-check")
            db.close()
            self.assertEqual(pathlib.Path(path).read_bytes(), before, "reading writes nothing")

    def test_conditions_beyond_those_of_sqlite_vec(self):
        version = "v0.1.9"
        db = self.vec0(self.unpack(version))
        rows = expected(version)["meta"]["rows"]
        query = bytes.fromhex(rows[0][2]["blob"])
        for condition, keep in (
            ("t > 'b'", lambda r: r[3] > "b"),
            ("t LIKE 'T%'", lambda r: r[3].lower().startswith("t")),
            ("t GLOB 'a*'", lambda r: r[3].startswith("a")),
            ("t IN ('a', '', 'thirteen byte')", lambda r: r[3] in ("a", "", "thirteen byte")),
            ("n IN (0, -1)", lambda r: r[4] in (0, -1)),
            ("n = '0'", lambda r: r[4] == 0),
            ("r < 1", lambda r: r[5] < 1),
            ("t IS NOT NULL AND n IS NULL", lambda r: False),
            ("b = 1 AND rowid > 20", lambda r: r[6] == 1 and r[0] > 20),
            ("rowid IN (SELECT rowid FROM meta WHERE n > 3)", lambda r: r[4] > 3),
        ):
            with self.subTest(condition=condition):
                right = {row[0] for row in rows if keep(row)}
                found = db.column(f"SELECT rowid FROM meta WHERE e MATCH ? AND k = 99 AND {condition}", query)
                self.assertEqual(set(found), right)
                self.assertEqual(len(found), len(right))
                self.assertEqual(set(db.column(f"SELECT rowid FROM meta WHERE {condition}")), right)
                found = db.column(f"SELECT rowid FROM meta WHERE e MATCH ? AND k = 2 AND {condition}", query)
                self.assertEqual(len(found), min(2, len(right)))

    def test_partitions_are_found_by_key(self):
        db = self.vec0(self.unpack("v0.1.9"))
        rows = expected("v0.1.9")["parts"]["rows"]
        query = bytes.fromhex(rows[0][3]["blob"])
        for condition, keep in (
            ("p IS NULL", lambda r: r[2] is None),
            ("p = '1'", lambda r: r[2] == 1),
            ("p IN (0, 2) AND q = 'a'", lambda r: r[2] in (0, 2) and r[4] == "a"),
            ("q LIKE 'B' AND rowid < 30", lambda r: r[4] == "b" and r[0] < 30),
        ):
            with self.subTest(condition=condition):
                right = {row[0] for row in rows if keep(row)}
                sql = f"SELECT rowid FROM parts WHERE {condition}"
                self.assertEqual(set(db.column(sql)), right)
                sql += " AND e MATCH ? AND k = 99"
                self.assertEqual(set(db.column(sql, query)), right)

    def test_joins_and_limits(self):
        db = self.vec0(self.unpack("v0.1.6"))
        rows = expected("v0.1.6")["l2"]["rows"]
        query = bytes.fromhex(rows[3][2]["blob"])
        hits = db.column("SELECT rowid FROM l2 WHERE e MATCH ? AND k = 9", query)
        sql = "SELECT rowid FROM l2 WHERE e MATCH ? ORDER BY distance LIMIT 4 OFFSET 2"
        self.assertEqual(db.column(sql, query), hits[2:6])
        all_of_it = db.run("SELECT rowid, distance FROM l2 WHERE e MATCH ? AND k = 99", query)
        bound = all_of_it[5][1]
        sql = "SELECT rowid FROM l2 WHERE e MATCH ? AND k = 3 AND distance > ?"
        beyond = [row for row, distance in all_of_it if distance > bound]
        self.assertEqual(db.column(sql, query, bound), beyond[:3])
        db.run("CREATE TEMP TABLE q(v)")
        db.run("INSERT INTO q VALUES (?), (?)", query, bytes.fromhex(rows[8][2]["blob"]))
        found = db.run("SELECT q.rowid, l2.rowid FROM q JOIN l2 ON l2.e MATCH q.v AND k = 1")
        self.assertEqual([row[1] for row in found], [rows[3][0], rows[8][0]])

    def test_wrong_queries(self):
        db = self.vec0(self.unpack("v0.1.9"))
        for sql in (
            "SELECT rowid FROM l2 WHERE e MATCH '[1]' AND k = 1",
            "SELECT rowid FROM l2 WHERE e MATCH 'x' AND k = 1",
            "SELECT rowid FROM l2 WHERE e MATCH '[1,2,3,4,5,6]' AND k = -1",
            "SELECT rowid FROM l2 WHERE e MATCH '[1,2,3,4,5,6]' AND k = 5000",
        ):
            self.fails(ERROR, db.run, sql)
        sql = "SELECT rowid FROM l2 WHERE e MATCH '[1,2,3,4,5,6]' AND k = 0"
        self.assertEqual(db.run(sql), [])

    def test_other_commands_are_refused(self):
        db = self.vec0(self.unpack("v0.1.9"))
        self.fails(ERROR, db.run, "INSERT INTO l2(l2) VALUES ('optimize')", names=["upgrade"])
        self.assertEqual(db.one("SELECT count(*) FROM sqlite_master WHERE name = 'l2_rows'"), 0)

    def test_what_sqlite_vec_passes_over(self):
        """Arguments of CREATE that it took without a word, and we would not."""
        right = expected("v0.1.9")
        for table, before, after in (
            ("l2", "e float[6]", "e float16x[6]"),
            ("small", "e int8[6]", "e int8x[6]"),
            ("bits", "e bit[16]", "e bits[16]"),
            ("keyed", "id text primary key", "id text primary key not null"),
            ("numbered", "id integer primary key", "id integer primary key autoincrement"),
            ("meta", "t text", "t text collate nocase default 'x'"),
        ):
            with self.subTest(after=after):
                path = self.unpack("v0.1.9")
                db = Connection(path, load=False)
                db.run("PRAGMA writable_schema = on")
                db.run(
                    "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE name = ?",
                    *(before, after, table),
                )
                db.close()
                db = self.vec0(path)
                self.assert_answers(db, table, right[table])
                db.run(f"INSERT INTO {table}({table}) VALUES ('upgrade')")
                db.close()
                db = self.vec0(path)
                self.assert_answers(db, table, right[table])
                arguments = db.one("SELECT sql FROM sqlite_master WHERE name = ?", table)
                db.close()
                db = self.vec0(":memory:")
                self.fails(ERROR, db.run, arguments)  # it is not made like that by us

    def test_the_main_extension_reads_it_too(self):
        right = expected("v0.1.9")["meta"]
        db = self.connect(self.unpack("v0.1.9"))
        self.assert_answers(db, "meta", right)
        self.fails(ERROR, db.run, "SELECT nearlite_check('meta')", names=["meta", "upgrade"])
        query = bytes.fromhex(right["searches"][0]["query"])
        knn = "SELECT rowid FROM vss_knn(?, 3, 'meta')"
        self.fails(ERROR, db.run, knn, query, names=["meta", "upgrade"])
        db.run("INSERT INTO meta(meta) VALUES ('upgrade')")
        self.assertEqual(db.one("SELECT nearlite_check('meta')"), "ok")
        hits = [row for row, _ in right["searches"][0]["hits"]]
        self.assertEqual(db.column(knn, query), hits)

    def test_rename_and_drop(self):
        version = "v0.1.9"
        db = self.vec0(self.unpack(version))
        right = expected(version)["all of it"]
        db.run('ALTER TABLE "all of it" RENAME TO "it\'s ""all"""')
        self.assert_rows(db, 'it\'s ""all""', right)
        db.run('DROP TABLE "wide chunks"')
        db.run('DROP TABLE "it\'s ""all"""')
        left = db.one("SELECT count(*) FROM sqlite_master WHERE name LIKE '% %'")
        self.assertEqual(left, 0)
        self.assertEqual(db.one("PRAGMA integrity_check"), "ok")
        db.run("CREATE TABLE l1_info2(x)")  # nobody else's
        db.run("DROP TABLE l1")
        self.assertEqual(
            db.column("SELECT name FROM sqlite_master WHERE name LIKE 'l1%'"), ["l1_info2"]
        )

    def test_a_users_table_called_info_is_not_ours(self):
        db = self.vec0(self.unpack("v0.1.5"))
        db.run("CREATE TABLE l2_info(key, mine)")
        db.run("INSERT INTO l2_info VALUES ('CREATE', 7)")
        db.run("INSERT INTO l2(l2) VALUES ('upgrade')")
        self.assertEqual(db.one("SELECT mine FROM l2_info"), 7)
        db.run("DROP TABLE l2")
        self.assertEqual(db.one("SELECT mine FROM l2_info"), 7)


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
            'INSERT INTO "all of it"(id, p, a, t, note, b, n) VALUES (?, ?, ?, ?, ?, vec_bit(?), ?)',
            *("new", "c", "[9,9,9,9,9,9]", "some text of some length", None, b"\x01\x02", 5),
        )
        found = db.run("SELECT id, t, n FROM \"all of it\" WHERE a MATCH '[9,9,9,9,9,9]' AND k = 1")
        self.assertEqual(found, [("new", "some text of some length", 5)])
        db.run("UPDATE \"all of it\" SET n = 6 WHERE id = 'key 3'")
        db.run("DELETE FROM \"all of it\" WHERE id = 'new'")
        self.assertEqual(db.one("SELECT n FROM \"all of it\" WHERE id = 'key 3'"), 6)
        db.run('INSERT INTO "all of it"("all of it") VALUES (\'integrity-check\')')
        self.fails(ERROR, db.run, 'INSERT INTO "all of it"("all of it") VALUES (\'upgrade\')')

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
            ("INSERT INTO meta(e, t, n, r, b) VALUES (?, 'x', 1, 1.5, 0)", [query], [*ids, ids[-1] + 1]),
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
                        self.assertEqual(db.run("SELECT 1 FROM sqlite_master WHERE name = 'meta_chunks'"), [])
                        if left is not None:
                            self.assertEqual(db.column("SELECT rowid FROM meta ORDER BY rowid"), left)
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
        self.fails(CORRUPT_VTAB, db.run, "INSERT INTO l2(l2) VALUES ('upgrade')", names=["row 5"])
        db.run("COMMIT")
        query = bytes.fromhex(right["rows"][0][2]["blob"])
        hits = db.run("SELECT rowid, distance FROM l2 WHERE e MATCH ? AND k = 99", query)
        self.assertEqual(len(hits), len(right["rows"]))
        self.assertEqual(hits[-1], (5, float("inf")))

    def test_what_is_left_goes_with_the_table(self):
        db = self.vec0(self.unpack("v0.1.9"))
        db.run("INSERT INTO meta(meta) VALUES ('upgrade')")
        db.run("ALTER TABLE meta RENAME TO other")
        self.assert_rows(db, "other", expected("v0.1.9")["meta"])
        self.assertEqual(
            db.run("SELECT name FROM sqlite_master WHERE name LIKE 'meta%'"), []
        )
        db.run("DROP TABLE other")
        self.assertEqual(
            db.run("SELECT name FROM sqlite_master WHERE name LIKE 'other%'"), []
        )
        self.assertEqual(db.one("PRAGMA integrity_check"), "ok")

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
            killed += subprocess.run(arguments).returncode != 0
            db = self.vec0(path)
            self.assert_answers(db, "meta", right["meta"])
            db.run("INSERT INTO meta(meta) VALUES ('integrity-check')")
            db.close()
        self.assertGreaterEqual(killed, 4)


class Damage(Case):
    TABLES = ("meta", "parts", "aux", "all of it", "several", "rescored", "graph and chunks")

    def use(self, db, table, right):
        """Reads all; only errors of SQLite may come out."""
        column = {"several": "b", "all of it": "a"}.get(table, "e")
        query = bytes.fromhex(right["searches"][0]["query"])
        wrap = "vec_int8(?)" if column == "b" and table == "several" else "?"
        if table == "several":
            query = query[:6]
        for sql in (
            f'SELECT * FROM "{table}"',
            f'SELECT {right["by"]}, distance FROM "{table}" WHERE {column} MATCH {wrap} AND k = 50',
            f'INSERT INTO "{table}"("{table}") VALUES (\'integrity-check\')',
            f'INSERT INTO "{table}"("{table}") VALUES (\'upgrade\')',
            f'SELECT * FROM "{table}"',
        ):
            try:
                db.run(sql, *([query] if "?" in sql else []))
            except SqlError as error:
                self.assertIn(error.code, (ERROR, 11, 20, 19), (table, sql, error))

    def test_blobs_of_the_wrong_size(self):
        for version in ("v0.1.9", "v0.1.10-alpha.4"):
            right = expected(version)
            whole = self.unpack(version)
            for table in self.TABLES:
                if table not in right:
                    continue
                db = self.vec0(whole)
                shadows = db.column(
                    "SELECT name FROM sqlite_master WHERE name LIKE ? AND type = 'table'"
                    " AND sql NOT LIKE 'CREATE VIRTUAL%'",
                    table + "\\_%" if False else table + "_%",
                )
                db.close()
                for shadow in shadows:
                    for change in ("x''", "substr({0}, 1, length({0}) - 1)", "{0} || x'00'", "7", "'text'"):
                        path = self.file("damaged.db")
                        shutil.copyfile(whole, path)
                        db = self.vec0(path)
                        columns = [row[1] for row in db.run(f'PRAGMA table_info("{shadow}")')]
                        blobs = [
                            name
                            for name in columns
                            if db.run(f'SELECT 1 FROM "{shadow}" WHERE typeof({name}) = ? LIMIT 1', "blob")
                        ]
                        for name in blobs:
                            value = change.format(name)
                            db.run(f'UPDATE "{shadow}" SET {name} = {value} WHERE _rowid_ % 2 = 1')
                        if blobs:
                            self.use(db, table, right[table])
                        db.close()
        self.assertTrue(True)

    def test_a_damaged_validity_is_noticed(self):
        for column, change in (
            ("validity", lambda data: bytes([data[0] ^ 1]) + data[1:]),
            ("validity", lambda data: data[:-1]),
            ("rowids", lambda data: bytes([data[0] ^ 64]) + data[1:]),
            ("rowids", lambda data: data + bytes(64)),
            ("size", lambda data: 16),
            ("size", lambda data: -8),
            ("size", lambda data: 2**40),
        ):
            db = self.vec0(self.unpack("v0.1.9"))
            data = db.one(f"SELECT {column} FROM l2_chunks WHERE chunk_id = 1")
            db.run(f"UPDATE l2_chunks SET {column} = ? WHERE chunk_id = 1", change(data))
            for sql in (
                "SELECT * FROM l2",
                "SELECT rowid FROM l2 WHERE e MATCH '[1,2,3,4,5,6]' AND k = 100",
                "INSERT INTO l2(l2) VALUES ('integrity-check')",
                "INSERT INTO l2(l2) VALUES ('upgrade')",
            ):
                with self.subTest(column=column, sql=sql):
                    self.fails(CORRUPT_VTAB, db.run, sql, names=["l2"])
            db.close()

    def test_missing_tables_are_named(self):
        for kind in ("vector_chunks00", "metadatachunks01", "metadatatext00"):
            db = self.vec0(self.unpack("v0.1.9"))
            db.run(f"DROP TABLE meta_{kind}")
            self.fails(CORRUPT_VTAB, db.run, "SELECT * FROM meta", names=["meta_" + kind])
            db.run("DROP TABLE meta")
            db.close()

    def test_any_bytes(self):
        """Bytes of the file changed at random: an answer or an error, and no crash."""
        source = random.Random(5)
        for version in ("v0.1.9", "v0.1.10-alpha.4"):
            right = expected(version)
            tables = [table for table in self.TABLES if table in right]
            whole = pathlib.Path(self.unpack(version)).read_bytes()
            for turn in range(40):
                data = bytearray(whole)
                for _ in range(source.choice((1, 5, 50))):
                    data[source.randrange(100, len(data))] = source.randrange(256)
                path = self.file("damaged.db")
                pathlib.Path(path).write_bytes(data)
                try:
                    db = self.vec0(path)
                    if hasattr(db.db, "text_factory"):
                        db.db.text_factory = bytes  # damaged text is text to SQLite
                    self.use(db, tables[turn % len(tables)], right[tables[turn % len(tables)]])
                    db.close()
                except (SqlError, UnicodeDecodeError):
                    pass


if __name__ == "__main__":
    main()
