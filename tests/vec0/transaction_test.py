"""What our engine adds to sqlite-vec's tables, and the two extensions side by side.

Transactions, RENAME, DROP, VACUUM, several connections, kill -9.
"""

import os
import signal
import subprocess

from vec0case import Vec0Case, Vectors, blob, load, main, nearest

CHILD = """
import os, sqlite3, struct, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.enable_load_extension(True)
db.load_extension(os.environ["NEARLITE_VEC0"])
i = 0
while True:
    db.execute("BEGIN")
    for _ in range(10):
        i += 1
        row = (f"key{i}", struct.pack("<4f", i, 0, 0, 0), i)
        db.execute("INSERT INTO t(id, v, n) VALUES(?, ?, ?)", row)
    db.execute("COMMIT")
    print(i, flush=True)
"""


class Transactions(Vec0Case):
    def setUp(self):
        super().setUp()
        self.db = self.connect()
        self.db.run("CREATE VIRTUAL TABLE t USING vec0(id text primary key, v float[4], n int, +a)")
        self.rows = {}
        for i in range(1, 41):
            self.put(i, [i, 1, 0, 0])

    def put(self, i, vector):
        values = (f"key{i}", blob(vector), i, f"aux{i}")
        self.db.run("INSERT OR REPLACE INTO t VALUES(?, ?, ?, ?)", *values)
        self.rows[f"key{i}"] = vector

    def check(self, db=None, rows=None, table="t", may_write=True):
        db, rows = db or self.db, self.rows if rows is None else rows
        found = {key: vector for key, vector in db.run(f"SELECT id, v FROM {table}")}
        self.assertEqual(found, {key: blob(vector) for key, vector in rows.items()})
        query = [7.25, 0, 0, 0]
        sql = f"SELECT id, distance FROM {table} WHERE v MATCH ? AND k = 10"
        self.assert_hits(db.run(sql, blob(query)), nearest("l2", rows, query, 10))
        if may_write:
            db.run(f"INSERT INTO {table}({table}) VALUES('integrity-check')")

    def test_rollback_and_savepoints(self):
        before = dict(self.rows)
        self.db.run("BEGIN")
        self.put(100, [7, 0, 0, 0])
        self.put(7, [9, 9, 9, 9])
        inside = dict(self.rows)
        self.db.run("SAVEPOINT s")
        self.db.run("DELETE FROM t WHERE n < 20")
        self.db.run("UPDATE t SET id = 'other', v = '[7, 0, 0, 0]' WHERE n = 30")
        found = "SELECT id FROM t WHERE v MATCH '[7, 0, 0, 0]' AND k = 2 ORDER BY id"
        self.assertEqual(self.db.column(found), ["key100", "other"])
        self.db.run("ROLLBACK TO s")
        self.check(rows=inside)
        self.db.run("ROLLBACK")
        self.rows = before
        self.check()

    def test_a_statement_that_fails_leaves_nothing(self):
        sql = "INSERT INTO t(id, v) VALUES('x1', '[1, 2, 3, 4]'), ('x2', '[1, 2]')"
        self.refuses(self.db, "Dimension mismatch", sql)
        sql = "INSERT INTO t(id, v) VALUES('x1', '[1, 2, 3, 4]'), ('key1', '[1, 2, 3, 4]')"
        self.refuses(self.db, "UNIQUE", sql, code=19)
        self.check()

    def test_what_another_connection_sees(self):
        other = self.connect()
        self.db.run("PRAGMA journal_mode = WAL")
        self.db.run("BEGIN")
        before = dict(self.rows)
        self.put(200, [7.25, 0, 0, 0])
        self.check(other, before, may_write=False)
        self.db.run("COMMIT")
        self.check(other)
        other.run("DELETE FROM t WHERE id = 'key200'")
        del self.rows["key200"]
        self.check()
        self.check(self.connect())

    def test_rename_vacuum_reopen(self):
        self.db.run("ALTER TABLE t RENAME TO u")
        self.check(table="u")
        # Renaming makes no table-valued functions: of ours there is only vec0.
        modules = self.db.column("SELECT name FROM pragma_module_list WHERE name LIKE '%knn%'")
        self.assertEqual(modules, [])
        self.db.run("DELETE FROM u WHERE n % 2 = 0")
        self.rows = {key: vector for key, vector in self.rows.items() if int(key[3:]) % 2}
        self.db.run("VACUUM")
        self.check(table="u")
        copy = self.file("copy.db")
        self.db.run("VACUUM INTO ?", copy)
        self.db.close()
        for path in (self.path, copy):
            db = self.connect(path)
            self.check(db, table="u")
            names = db.column("SELECT name FROM sqlite_master WHERE name LIKE 't\\_%' ESCAPE '\\'")
            self.assertEqual(names, [])

    def test_a_rename_to_the_name_of_a_column(self):
        self.db.run("ALTER TABLE t RENAME TO n")
        db = self.connect()
        self.assertEqual(db.one("SELECT n FROM n WHERE id = 'key5'"), 5)
        db.run("ALTER TABLE n RENAME TO t")
        self.check(db)

    def test_drop(self):
        self.db.run("BEGIN")
        self.put(300, [7, 0, 0, 0])
        self.db.run("SAVEPOINT s")
        self.db.run("DROP TABLE t")
        self.db.run("ROLLBACK TO s")
        self.check()
        self.db.run("COMMIT")
        self.check()
        self.db.run("DROP TABLE t")
        self.assertEqual(self.db.column("SELECT name FROM sqlite_master"), [])
        self.db.run("CREATE VIRTUAL TABLE t USING vec0(v float[2])")
        self.assertEqual(self.db.run("SELECT * FROM t"), [])

    def test_create_and_rollback(self):
        self.db.run("BEGIN")
        self.db.run("CREATE VIRTUAL TABLE w USING vec0(v float[2])")
        self.db.run("INSERT INTO w(v) VALUES('[1, 2]')")
        self.db.run("ROLLBACK")
        self.refuses(self.db, "no such table", "SELECT * FROM w")
        self.check()

    def test_triggers_and_views(self):
        self.db.run("CREATE TABLE docs(id INTEGER PRIMARY KEY, v BLOB)")
        self.db.run(
            "CREATE TRIGGER docs_i AFTER INSERT ON docs BEGIN"
            " INSERT INTO t(id, v) VALUES('doc' || NEW.id, NEW.v); END"
        )
        self.db.run("PRAGMA trusted_schema = OFF")
        self.db.run("INSERT INTO docs(v) VALUES(?)", blob([0, 0, 0, 50]))
        self.db.run("PRAGMA trusted_schema = ON")  # SQLite allows no MATCH in views otherwise
        self.assertEqual(self.db.one("SELECT last_insert_rowid()"), 1)
        self.rows["doc1"] = [0, 0, 0, 50]
        self.check()
        self.db.run("CREATE VIEW near AS SELECT id FROM t WHERE v MATCH '[0, 0, 0, 50]' AND k = 1")
        self.assertEqual(self.db.column("SELECT * FROM near"), ["doc1"])

    def test_commands_and_settings(self):
        for command in ("optimize", "compact", "rebuild", "repair", "integrity-check"):
            self.db.run("INSERT INTO t(t) VALUES(?)", command)
            self.check()
        self.db.run("INSERT INTO t(t, k) VALUES('ef_search', 300)")
        self.refuses(self.db, "unknown command", "INSERT INTO t(t) VALUES('dance')")
        self.assertEqual(self.db.one("PRAGMA integrity_check"), "ok")

    def test_kill_9(self):
        """Whatever was acknowledged is there, all or nothing of the rest, and the index with it."""
        for _ in range(3):
            self.db.run("DELETE FROM t")
            child = subprocess.Popen(
                ["/usr/bin/python3", "-c", CHILD, self.path], stdout=subprocess.PIPE
            )
            for _ in range(5):
                acknowledged = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
            rest = child.stdout.read().split()
            child.wait()
            child.stdout.close()
            acknowledged = int(rest[-1]) if rest else acknowledged
            db = self.connect()
            count = db.one("SELECT count(*) FROM t")
            self.assertEqual(count % 10, 0)
            self.assertGreaterEqual(count, acknowledged)
            rows = {f"key{i}": [i, 0, 0, 0] for i in range(1, count + 1)}
            self.check(db, rows)


class Loading(Vec0Case):
    def rows(self, db):
        return db.run("SELECT rowid, distance FROM t WHERE v MATCH '[0, 3]' AND k = 2")

    def test_twice(self):
        db = self.connect()
        db.run("CREATE VIRTUAL TABLE t USING vec0(v float[2])")
        db.run("BEGIN")
        db.run("INSERT INTO t(v) VALUES('[0, 1]'), ('[0, 2]'), ('[0, 3]')")
        # While a statement runs SQLite would not let functions be replaced.
        running = db.cursor("SELECT vec_length(v) FROM t")
        self.assertEqual(next(running), (2,))
        load(db)
        self.assertEqual(self.rows(db), [(3, 0.0), (2, 1.0)])
        self.assertEqual(list(running), [(2,), (2,)])
        db.run("COMMIT")
        load(db)
        self.assertEqual(self.rows(db), [(3, 0.0), (2, 1.0)])

    def test_by_its_entry_point(self):
        db = self.connect(load_vec0=False)
        db.run("SELECT load_extension(?, 'sqlite3_vec_init')", os.environ["NEARLITE_VEC0"])
        self.assertTrue(db.one("SELECT vec_version()").startswith("v"))

    def test_beside_nearlite_in_either_order(self):
        orders = ["NEARLITE_VEC0", "NEARLITE_EXTENSION"]
        for first, second in (orders, reversed(orders)):
            with self.subTest(first=first):
                path = self.file(first + ".db")
                db = self.connect(path, load_vec0=False)
                load(db, first)
                load(db, second)
                db.run("CREATE VIRTUAL TABLE t USING vec0(v float[2], n int)")
                db.run("CREATE VIRTUAL TABLE h USING hnsw(v float[2] metric=l2, n integer)")
                db.run("BEGIN")
                for table in "th":
                    for i in range(1, 5):
                        sql = f"INSERT INTO {table}(rowid, v, n) VALUES(?, ?, ?)"
                        db.run(sql, i, blob([0, i]), i)
                db.run("SAVEPOINT s")
                db.run("DROP TABLE t")
                db.run("DROP TABLE h")
                db.run("ROLLBACK TO s")
                db.run("DELETE FROM t WHERE rowid = 4")
                db.run("COMMIT")
                self.assertEqual(self.rows(db), [(3, 0.0), (2, 1.0)])
                found = db.column("SELECT rowid FROM h WHERE v MATCH '[0, 3]' AND k = 2")
                self.assertEqual(found, [3, 2])
                self.assertEqual(db.column("SELECT rowid FROM vss_knn('[0, 3]', 1)"), [3])
                self.assertEqual(db.one("SELECT nearlite_check('h')"), "ok")
                if first == "NEARLITE_EXTENSION":  # its module stays, and its checks see the table
                    self.assertEqual(db.one("SELECT nearlite_check('t')"), "ok")
                # What both have takes the same vectors, whichever was loaded last.
                for made in ("vec_f32('[0, 3]')", "'[0, 3]'", "vec_slice('[0, 3, 4]', 0, 2)"):
                    sql = f"SELECT rowid FROM {{}} WHERE v MATCH {made} AND k = 1"
                    self.assertEqual([db.one(sql.format(table)) for table in "th"], [3, 3])
                self.assertEqual(db.one("SELECT vec_distance_l2('[0, 0]', '[3, 4]')"), 5)
                nulls = "SELECT vec_length(v) FROM t WHERE rowid = 1"
                self.assertEqual(db.one(nulls), 2)
                db.close()

    def test_nearlite_alone(self):
        """Its module stands in; its checks and functions know the tables."""
        db = self.connect()
        db.run("CREATE VIRTUAL TABLE t USING vec0(v float[2])")
        db.run("INSERT INTO t(v) VALUES('[0, 1]'), ('[0, 2]'), ('[0, 3]')")
        db.close()
        db = self.connect(load_vec0=False)
        load(db, "NEARLITE_EXTENSION")
        self.assertEqual(self.rows(db), [(3, 0.0), (2, 1.0)])
        self.assertEqual(db.one("SELECT nearlite_check('t')"), "ok")
        self.assertEqual(db.one("SELECT nearlite_stats('t') ->> '$.indexes[0].live'"), 3)
        self.assertEqual(db.column("SELECT rowid FROM vss_knn('[0, 3]', 1)"), [3])
        # What is compared whole, and what is not.
        db.run("CREATE VIRTUAL TABLE w USING vec0(v float[2], f float[2] INDEXED BY flat)")
        db.run(
            "INSERT INTO w(v, f) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
            " WHERE i < 1030) SELECT x, x FROM (SELECT json_array(i, 1) AS x FROM n)"
        )
        for count, graph in ((1030, "graph"), (1024, "exact")):
            db.run("DELETE FROM w WHERE rowid > ?", count)
            for column, way in (("v", graph), ("f", "exact")):
                db.run(f"SELECT rowid FROM w WHERE {column} MATCH '[1, 1]' AND k = 1")
                path = f"$.indexes[{'vf'.index(column)}].last_path"
                self.assertEqual(db.one("SELECT nearlite_stats('w') ->> ?", path), way)
        # A name is not needed as long as there is one table of hnsw.
        db.run("CREATE VIRTUAL TABLE h USING hnsw(v float[2] metric=l2)")
        db.run("INSERT INTO h(rowid, v) VALUES(70, '[0, 3]')")
        self.assertEqual(db.column("SELECT rowid FROM vss_knn('[0, 3]', 1)"), [70])
        self.assertEqual(db.column("SELECT rowid FROM vss_knn('[0, 3]', 1, 't')"), [3])

    def test_the_module_of_another_extension_stays(self):
        db = self.connect(":memory:", load_vec0=False)
        load(db)  # in the place of sqlite-vec
        load(db, "NEARLITE_EXTENSION")
        db.run("CREATE VIRTUAL TABLE t USING vec0(v float[2])")
        self.refuses(db, "t is no table of ours here", "SELECT nearlite_check()")

    def test_the_last_loaded_has_the_functions(self):
        for order, json in (
            (["NEARLITE_VEC0", "NEARLITE_EXTENSION"], "[1]"),
            (["NEARLITE_EXTENSION", "NEARLITE_VEC0"], "[1.000000]"),
        ):
            db = self.connect(":memory:", load_vec0=False)
            for variable in order:
                load(db, variable)
            self.assertEqual(db.one("SELECT vec_to_json('[1]')"), json)

    def test_vectors_of_a_seed_survive_both(self):
        """A file written through one connection is read by another that has more loaded."""
        db = self.connect()
        db.run("CREATE VIRTUAL TABLE t USING vec0(v float[8] distance_metric=cosine)")
        rows = dict(enumerate(Vectors(8).list(50), start=1))
        self.insert(db, "t", rows)
        both = self.connect()
        load(both, "NEARLITE_EXTENSION")
        sql = "SELECT rowid, distance FROM t WHERE v MATCH ? AND k = 5"
        self.assert_hits(both.run(sql, blob(rows[9])), nearest("cosine", rows, rows[9], 5))


if __name__ == "__main__":
    main()
