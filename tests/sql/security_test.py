"""Hostile schemas and defensive hosts: triggers, views, trusted_schema, damaged rows."""

import shutil

from sqlcase import CORRUPT, DRIVER, ERROR, SqlCase, SqlError, Vectors, apsw_only, blob, main

if DRIVER == "apsw":
    import apsw


class Security(SqlCase):
    def setUp(self):
        super().setUp()
        self.db = self.connect()
        self.db.run(
            "CREATE VIRTUAL TABLE t USING hnsw(embedding float[8] metric=l2, lang text, m=6)"
        )
        self.rows = self.fill(self.db, "t", 60, 8)

    def check(self, db=None):
        self.assert_index(db or self.db, "t", self.rows, metric="l2")

    @apsw_only
    def test_defensive_mode_protects_the_shadow_tables(self):
        self.db.db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        names = self.db.column(
            "SELECT name FROM sqlite_schema WHERE name LIKE 't\\_%' ESCAPE '\\'"
            " AND type = 'table'"
        )
        self.assertGreaterEqual(len(names), 5)
        for name in names:
            for sql in (
                f"DELETE FROM {name}",
                f"DROP TABLE {name}",
                f"INSERT INTO {name} DEFAULT VALUES",
            ):
                self.fails(ERROR, self.db.run, sql)
        self.rows[900] = Vectors(8, 4).next()
        self.db.run("INSERT INTO t(rowid, embedding) VALUES(900, ?)", blob(self.rows[900]))
        self.db.run("DELETE FROM t WHERE rowid = 1")
        del self.rows[1]
        self.db.run("INSERT INTO t(t) VALUES('optimize')")
        self.db.run("VACUUM")
        self.check()
        self.db.run("ALTER TABLE t RENAME TO u")
        self.db.run("DROP TABLE u")

    def test_triggers_into_the_table_under_an_untrusted_schema(self):
        self.db.run("CREATE TABLE documents(id INTEGER PRIMARY KEY, v)")
        self.db.script("""CREATE TRIGGER ai AFTER INSERT ON documents BEGIN
  INSERT INTO t(rowid, embedding) VALUES(NEW.id, NEW.v); END;
CREATE TRIGGER ad AFTER DELETE ON documents BEGIN DELETE FROM t WHERE rowid = OLD.id; END;""")
        for trusted in ("ON", "OFF"):
            self.db.run("PRAGMA trusted_schema = " + trusted)
            self.rows[700] = Vectors(8, 4).next()
            self.db.run("INSERT INTO documents VALUES(700, ?)", blob(self.rows[700]))
            self.check()
            self.db.run("DELETE FROM documents")
            del self.rows[700]
            self.check()

    def test_views_over_the_table_under_an_untrusted_schema(self):
        self.db.run("CREATE VIEW near AS SELECT rowid AS id, lang FROM t")
        for trusted in ("ON", "OFF"):
            self.db.run("PRAGMA trusted_schema = " + trusted)
            self.assertEqual(self.db.one("SELECT count(*) FROM near"), len(self.rows))

    def test_damaged_shadow_rows_give_an_error_and_never_a_crash(self):
        names = self.db.column(
            "SELECT name FROM sqlite_schema WHERE name LIKE 't\\_%' ESCAPE '\\'"
            " AND type = 'table'"
        )
        self.db.close()
        query = blob(self.rows[1])
        number = 0
        for name in names:
            probe = self.connect()
            columns = [row[1] for row in probe.run(f"PRAGMA table_info({name})") if not row[5]]
            probe.close()
            for column in columns:
                for damage in (
                    "x''",
                    "x'00'",
                    "randomblob(64)",
                    "NULL",
                    "'text'",
                    "-1",
                    "9223372036854775807",
                    "1e300",
                    f"substr({column}, 1, length({column}) / 2)",
                    f"zeroblob(length({column}))",
                ):
                    number += 1
                    self.damaged(f"UPDATE {name} SET {column} = {damage}", query, number)
            self.damaged(f"DELETE FROM {name}", query, number + 100000)

    def damaged(self, sql, query, number):
        path = self.file("damaged.db")
        shutil.copy(self.path, path)
        db = self.connect(path)
        with self.subTest(sql=sql, number=number):
            try:
                db.run(sql)
            except SqlError:
                return  # a NOT NULL column, a key: SQLite itself refuses
            fresh = self.connect(path)
            for statement, arguments in (
                ("SELECT rowid, distance FROM t WHERE embedding MATCH ? AND k = 5", (query,)),
                (
                    "SELECT rowid, distance FROM t WHERE embedding MATCH ? AND k = 5 AND exact = 1",
                    (query,),
                ),
                ("SELECT * FROM t", ()),
                ("SELECT nearlite_check('t')", ()),
                ("INSERT INTO t(rowid, embedding) VALUES(5000, ?)", (query,)),
                ("UPDATE t SET embedding = ? WHERE rowid = 3", (query,)),
                ("DELETE FROM t WHERE rowid = 4", ()),
                ("INSERT INTO t(t) VALUES('optimize')", ()),
                ("INSERT INTO t(t) VALUES('integrity-check')", ()),
                ("INSERT INTO t(t) VALUES('rebuild')", ()),
            ):
                try:
                    fresh.run(statement, *arguments)
                except SqlError as error:
                    self.assertIn(error.code, (ERROR, CORRUPT, 19, 20), statement)
            fresh.close()
        db.close()

    def test_a_missing_shadow_table(self):
        names = self.db.column(
            "SELECT name FROM sqlite_schema WHERE name LIKE 't\\_%' ESCAPE '\\'"
            " AND type = 'table'"
        )
        self.db.close()
        for name in names:
            path = self.file("missing.db")
            shutil.copy(self.path, path)
            bare = self.connect(path, load=False)
            bare.run(f"DROP TABLE {name}")
            bare.close()
            with self.subTest(name=name):
                db = self.connect(path)
                # A search for rowids does not need t_rows; everything else needs every table.
                select = (
                    "SELECT rowid, lang FROM t WHERE embedding MATCH '[1,2,3,4,5,6,7,8]' AND k = 1"
                )
                for sql in (select, "INSERT INTO t(embedding) VALUES('[1,2,3,4,5,6,7,8]')"):
                    with self.assertRaises(SqlError):
                        db.run(sql)
                db.run("DROP TABLE t")  # a broken index can always be dropped
                self.assertEqual(db.run("SELECT name FROM sqlite_schema WHERE name = 't'"), [])
                db.close()

    def test_a_hostile_schema_text(self):
        self.db.close()
        for text in (
            "hnsw(dim=99999999999999)",
            "hnsw(embedding float[0])",
            "hnsw(" + "x," * 5000 + ")",
            "hnsw('",
            "hnsw(embedding float[16] metric=l2, lang text, m=6)",
            "hnsw(dim=8, m=6, quantize=none)",
        ):
            path = self.file("hostile.db")
            shutil.copy(self.path, path)
            bare = self.connect(path, load=False)
            bare.run("PRAGMA writable_schema = ON")
            bare.run(
                "UPDATE sqlite_schema SET sql = ? WHERE name = 't'",
                "CREATE VIRTUAL TABLE t USING " + text,
            )
            bare.close()
            with self.subTest(text=text[:60]):
                db = self.connect(path)
                for sql in (
                    "SELECT rowid FROM t WHERE embedding MATCH '[1,2,3,4,5,6,7,8]' AND k = 1",
                    "INSERT INTO t(embedding) VALUES('[1,2,3,4,5,6,7,8]')",
                    "SELECT * FROM t",
                ):
                    try:
                        db.run(sql)
                    except SqlError as error:
                        self.assertIn(error.code, (ERROR, CORRUPT))
                db.close()


if __name__ == "__main__":
    main()
