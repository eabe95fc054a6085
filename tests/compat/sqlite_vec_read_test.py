"""Databases that sqlite-vec wrote, read as they stand."""

import pathlib

from sqlite_vec_case import ERROR, VERSIONS, Case, Connection, expected, main


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
            ("n IN ('0', '-1')", lambda r: r[4] in (0, -1)),
            ("n > (SELECT '3')", lambda r: r[4] > 3),
            ("filter = 't > ''b'' OR NOT n < 3'", lambda r: r[3] > "b" or not r[4] < 3),
            ("filter = 'rowid IN (1, 5) -- x'", lambda r: r[0] in (1, 5)),
            ("filter = NULL AND b = 1", lambda r: r[6] == 1),
            ("t > (SELECT 5)", lambda r: r[3] > "5"),
            ("r < 1", lambda r: r[5] < 1),
            ("t IS NOT NULL AND n IS NULL", lambda r: False),
            ("b = 1 AND rowid > 20", lambda r: r[6] == 1 and r[0] > 20),
            ("rowid IN (SELECT rowid FROM meta WHERE n > 3)", lambda r: r[4] > 3),
        ):
            with self.subTest(condition=condition):
                right = {row[0] for row in rows if keep(row)}
                found = db.column(
                    f"SELECT rowid FROM meta WHERE e MATCH ? AND k = 99 AND {condition}", query
                )
                self.assertEqual(set(found), right)
                self.assertEqual(len(found), len(right))
                self.assertEqual(set(db.column(f"SELECT rowid FROM meta WHERE {condition}")), right)
                found = db.column(
                    f"SELECT rowid FROM meta WHERE e MATCH ? AND k = 2 AND {condition}", query
                )
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

    def test_conditions_on_auxiliary_columns(self):
        db = self.vec0(self.unpack("v0.1.9"))
        rows = expected("v0.1.9")["aux"]["rows"]
        query = bytes.fromhex(rows[0][2]["blob"])
        for condition, keep in (
            ("size > 9000", lambda r: r[4] is not None and r[4] > 9000),
            ("note IS NULL", lambda r: r[3] is None),
            ("note LIKE 'NOTE 1%'", lambda r: r[3] is not None and r[3].startswith("note 1")),
        ):
            with self.subTest(condition=condition):
                right = {row[0] for row in rows if keep(row)}
                sql = f"SELECT rowid FROM aux WHERE {condition}"
                self.assertEqual(set(db.column(sql)), right)
                sql += " AND e MATCH ? AND k = 3"
                self.assertEqual(len(db.column(sql, query)), min(3, len(right)))

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

    def test_pages(self):
        db = self.vec0(self.unpack("v0.1.6"))
        query = bytes.fromhex(expected("v0.1.6")["l2"]["rows"][3][2]["blob"])
        all_of_it = db.run("SELECT rowid, distance FROM l2 WHERE e MATCH ? AND k = 99", query)
        sql = """SELECT rowid, distance FROM l2 WHERE e MATCH ? AND k = 4
                 AND after_distance = ? AND after_rowid = ? AND now = 0"""
        found = []
        while page := db.run(sql, query, *(reversed(found[-1]) if found else (None, None))):
            found += page
        self.assertEqual(found, all_of_it)

    def test_wrong_queries(self):
        db = self.vec0(self.unpack("v0.1.9"))
        for sql in (
            "SELECT rowid FROM l2 WHERE e MATCH '[1]' AND k = 1",
            "SELECT rowid FROM l2 WHERE e MATCH 'x' AND k = 1",
            "SELECT rowid FROM l2 WHERE e MATCH '[1,2,3,4,5,6]' AND k = -1",
            "SELECT rowid FROM l2 WHERE e MATCH '[1,2,3,4,5,6]' AND k = 5000",
            "SELECT rowid FROM l2 WHERE filter = '1; DROP TABLE l2'",
            "SELECT rowid FROM l2 WHERE filter = 'e = 1'",
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


if __name__ == "__main__":
    main()
