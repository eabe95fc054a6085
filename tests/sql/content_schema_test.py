"""External content and the schema: triggers made, checked and removed by us; tables and columns
renamed, dropped, made again; and what cannot be followed."""

import unittest

from content_case import DIM, MODES, ContentCase
from sqlcase import CORRUPT_VTAB, ERROR, SqlError, blob, main, nearest, text

ALL = "SELECT type, name FROM main.sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"


class Schema(ContentCase):
    def open(self, count=40, sync="strict"):
        db = self.connect()
        self.table(db, count)
        self.index(db, sync=sync)
        return db

    def test_drop_leaves_nothing(self):
        for sync in MODES:
            with self.subTest(sync=sync):
                self.setUp()
                db = self.connect()
                self.table(db, 5)
                before = db.run(ALL)
                self.index(db, sync=sync)
                self.assertEqual(db.one(f"SELECT count(*) FROM ({ALL}) WHERE type = 'trigger'"), 3)
                db.run("DROP TABLE ix")
                self.assertEqual(db.run(ALL), before)
                self.insert(db, [6])
                db.run("BEGIN")
                self.index(db, sync=sync)
                self.assert_exact(db)
                db.run("ROLLBACK")
                self.assertEqual(db.run(ALL), before)
                self.insert(db, [7])

    def test_create_that_fails_leaves_nothing(self):
        db = self.connect()
        self.table(db, 5)
        db.run("INSERT INTO documents(id, embedding) VALUES (6, '[1, 2]')")
        before = db.run(ALL)
        for begin, end in (("SELECT 1", "SELECT 1"), ("BEGIN", "COMMIT")):
            db.run(begin)
            self.fails(ERROR, self.index, db, names=["row 6", DIM, 2])
            db.run(end)
            self.assertEqual(db.run(ALL), before)
            self.insert(db, [100 + len(begin)])

    def test_renames(self):
        for sync in MODES:
            with self.subTest(sync=sync):
                self.setUp()
                db, other = self.open(sync=sync), self.connect()
                self.assert_exact(other)
                db.run('ALTER TABLE documents RENAME TO "my ""docs"""')
                db.run('ALTER TABLE "my ""docs""" RENAME COLUMN embedding TO "a b"')
                db.run('ALTER TABLE "my ""docs""" RENAME COLUMN id TO "the id"')
                sql = 'INSERT INTO "my ""docs"""("the id", "a b") VALUES (?, ?)'
                db.run(sql, 500, text(self.vectors.next()))
                other.run(sql, 501, text(self.vectors.next()))
                for connection in (db, other, self.connect()):
                    view = '(SELECT "the id" AS id, "a b" AS embedding FROM "my ""docs""")'
                    self.assert_exact(connection, table=view)
                    self.assert_sound(connection)
                db.run('ALTER TABLE ix RENAME TO "new ix"')
                db.run(sql, 502, text(self.vectors.next()))
                other.run(sql, 503, text(self.vectors.next()))
                for connection in (db, other, self.connect()):
                    hits = connection.run(
                        "SELECT rowid FROM vss_knn(?, 60, 'new ix')", blob(self.vectors.next())
                    )
                    self.assertEqual(len(hits), 44)
                    self.assert_sound(connection, "new ix")
                self.index_again(db)

    def index_again(self, db):
        """The names of a renamed index are free."""
        self.table(db, 3)
        self.index(db)
        self.assert_exact(db)

    def test_rename_rolled_back(self):
        for sync in MODES:
            with self.subTest(sync=sync):
                self.setUp()
                db = self.open(sync=sync)
                db.run("BEGIN")
                db.run("ALTER TABLE documents RENAME TO other")
                db.run("INSERT INTO other(id, embedding) VALUES (900, ?)", text([1.0] * DIM))
                self.assert_exact(db, table="other")
                db.run("SAVEPOINT s")
                db.run("ALTER TABLE ix RENAME TO jx")
                db.run("INSERT INTO other(id, embedding) VALUES (901, ?)", text([2.0] * DIM))
                db.run("ROLLBACK TO s")
                self.assert_exact(db, table="other")
                db.run("ROLLBACK")
                self.insert(db, [902])
                self.assert_exact(db)
                self.assert_sound(db)

    def test_triggers_dropped_by_hand(self):
        for sync in MODES:
            for event in ("insert", "update", "delete"):
                with self.subTest(sync=sync, event=event):
                    self.setUp()
                    db, other = self.open(sync=sync), self.connect()
                    self.assert_exact(other)
                    db.run(f"DROP TRIGGER ix_hnsw_{event}")
                    self.insert(db, range(50, 60))
                    db.run("UPDATE documents SET embedding = ? WHERE id < 5", text([9.0] * DIM))
                    db.run("DELETE FROM documents WHERE id BETWEEN 10 AND 15")
                    for connection in (db, other, self.connect()):
                        self.assert_exact(connection)
                        found = connection.one("SELECT nearlite_check('ix')")
                        self.assertIn(f"ix_hnsw_{event}", found)
                    self.assertEqual(len(self.stats(db)["content"]["problems"]), 1)
                    check = "INSERT INTO ix(ix) VALUES ('integrity-check')"
                    self.fails(CORRUPT_VTAB, db.run, check, names=["trigger"])
                    db.run("INSERT INTO ix(ix) VALUES ('repair')")
                    self.assert_sound(db)
                    self.insert(db, [60])
                    for connection in (db, other):
                        self.assert_exact(connection)
                        self.assert_sound(connection)
                        self.assertEqual(self.stats(connection)["content"]["problems"], [])

    def test_changed_while_triggers_were_away(self):
        """Made again letter for letter, they hide what was missed: repair finds it."""
        db = self.open()
        name = "ix_hnsw_update"
        sql = db.one("SELECT sql FROM sqlite_master WHERE name = ?", name)
        query = self.vectors.next()
        near = [rowid for rowid, _ in nearest("l2", self.truth(db), query, 25)]
        db.run(f"DROP TRIGGER {name}")
        for rowid in near:  # all that the graph would propose
            db.run("UPDATE documents SET embedding = ? WHERE id = ?", text([9.0] * DIM), rowid)
        db.run(sql)
        for k in (1, 5, 30):  # INVARIANTS E1, E2
            self.assert_hits(self.search(db, query, k), nearest("l2", self.truth(db), query, k))
        db.run("INSERT INTO ix(ix) VALUES ('repair')")
        db.run(f"DROP TRIGGER {name}")
        db.run("UPDATE documents SET embedding = ? WHERE id = 7", text([8.0] * DIM))
        db.run("UPDATE documents SET embedding = NULL WHERE id = 8")
        db.run(sql)
        problems = db.one("SELECT nearlite_check('ix')").split("\n")
        self.assertEqual(len(problems), 2, problems)
        self.assertIn("row 7", problems[0])
        self.assertIn("row 8", problems[1])
        db.run("INSERT INTO ix(ix) VALUES ('repair')")
        self.assert_sound(db)
        self.assert_exact(db)

    def test_drop_trigger_rolled_back(self):
        db = self.open()
        db.run("BEGIN")
        db.run("DROP TRIGGER ix_hnsw_insert")
        self.assertNotEqual(self.stats(db)["content"]["problems"], [])
        db.run("ROLLBACK")
        db.run("BEGIN")
        db.run("CREATE TABLE unrelated(x)")  # the schema version is the same again
        self.assertEqual(self.stats(db)["content"]["problems"], [])
        db.run("DROP TRIGGER ix_hnsw_delete")
        db.run("DELETE FROM documents WHERE id < 20")
        self.assert_exact(db)
        db.run("ROLLBACK")
        self.assert_exact(db)
        self.assert_sound(db)

    def test_base_dropped_and_made_again(self):
        for sync in MODES:
            with self.subTest(sync=sync):
                self.setUp()
                db, other = self.open(sync=sync), self.connect()
                self.assert_exact(other)
                db.run("DROP TABLE documents")
                for connection in (db, other):
                    search = "SELECT rowid FROM ix WHERE embedding MATCH ? AND k = 1"
                    query = blob(self.vectors.next())
                    self.fails(ERROR, connection.run, search, query, names=["documents"])
                    self.assertIn("documents", connection.one("SELECT nearlite_check('ix')"))
                self.table(db, 30)
                self.assert_exact(db)
                self.assert_exact(other)
                db.run("INSERT INTO ix(ix) VALUES ('repair')")
                self.insert(db, [31])
                self.assert_exact(other)
                self.assert_sound(db)
                db.run("DROP TABLE documents")
                db.run("DROP TABLE ix")
                self.assertEqual(db.run(ALL), [])

    def test_what_cannot_be_followed(self):
        db = self.connect()
        db.run("CREATE TABLE plain(id INT PRIMARY KEY, embedding)")
        db.run("CREATE TABLE backwards(id INTEGER PRIMARY KEY DESC, embedding)")
        db.run("CREATE TABLE two(id INTEGER, b, embedding, PRIMARY KEY(id, b))")
        db.run("CREATE TABLE without(id INTEGER PRIMARY KEY, embedding) WITHOUT ROWID")
        db.run("CREATE TABLE good(id INTEGER PRIMARY KEY, key INTEGER, embedding)")
        db.run("CREATE VIEW seen AS SELECT * FROM good")
        db.run("CREATE VIRTUAL TABLE own USING hnsw(dim=3)")
        before = db.run(ALL)
        for content, rowid, vector, names in (
            ("plain", "id", "embedding", ["plain", "INTEGER PRIMARY KEY", "VACUUM"]),
            ("backwards", "id", "embedding", ["INTEGER PRIMARY KEY"]),
            ("two", "id", "embedding", ["INTEGER PRIMARY KEY"]),
            ("without", "id", "embedding", ["WITHOUT ROWID"]),
            ("seen", "id", "embedding", ["view"]),
            ("own", "id", "embedding", ["virtual"]),
            ("own_vectors", "block", "data", ["shadow"]),
            ("OWN_links", "rowid", "data", ["shadow"]),
            ("sqlite_master", "rowid", "sql", ["SQLite"]),
            ("nowhere", "id", "embedding", ["nowhere", "main"]),
            ("good", "key", "embedding", ["key", "id"]),
            ("good", "id", "absent", ["absent"]),
        ):
            with self.subTest(content=content, vector=vector):
                sql = (
                    f"CREATE VIRTUAL TABLE bad USING hnsw(content='{content}',"
                    f" content_rowid='{rowid}', content_vector='{vector}', dim=3)"
                )
                self.fails(ERROR, db.run, sql, names=["bad", *names])
                self.assertEqual(db.run(ALL), before)
        db.run("CREATE VIRTUAL TABLE fine USING hnsw(content=GOOD, content_rowid=_rowid_, dim=3)")
        self.assertEqual(db.run("SELECT count(*) FROM fine"), [(0,)])

    def test_rows_are_not_written_through_the_index(self):
        for sync in MODES:
            self.setUp()
            db = self.open(sync=sync)
            digest = db.one("SELECT nearlite_digest('ix')")
            for sql in (
                "INSERT INTO ix(rowid, embedding) VALUES (99, '[1]')",
                "INSERT INTO ix(embedding) VALUES (NULL)",
                "INSERT INTO ix(touched_row) VALUES ('x')",
                "INSERT OR REPLACE INTO ix(rowid, embedding) VALUES (1, '[1]')",
                "UPDATE ix SET embedding = NULL WHERE rowid = 1",
                "UPDATE ix SET rowid = 70 WHERE rowid = 1",
                "DELETE FROM ix",
                "SELECT hnsw_add('ix', 1, '[1]')",
                "SELECT hnsw_del('ix', 1000)",
            ):
                with self.subTest(sync=sync, sql=sql):
                    self.fails(ERROR, db.run, sql, names=["ix", "documents"])
            self.assertEqual(db.one("SELECT nearlite_digest('ix')"), digest)
            self.assert_exact(db)

    def test_triggers_of_the_user_and_cascades(self):
        for sync in MODES:
            with self.subTest(sync=sync):
                self.setUp()
                db = self.connect()
                db.run("PRAGMA foreign_keys = ON")
                db.run("CREATE TABLE folders(id INTEGER PRIMARY KEY)")
                db.run(
                    "CREATE TABLE documents(id INTEGER PRIMARY KEY, embedding, folder REFERENCES"
                    " folders(id) ON DELETE CASCADE ON UPDATE CASCADE, near INTEGER)"
                )
                db.run(
                    "CREATE TRIGGER early AFTER INSERT ON documents WHEN NEW.folder = 1 BEGIN"
                    " UPDATE documents SET embedding = (SELECT embedding FROM documents WHERE id ="
                    " NEW.id - 1) WHERE id = NEW.id; END"
                )
                self.index(db, sync=sync)
                db.run(
                    "CREATE TRIGGER late AFTER INSERT ON documents BEGIN UPDATE documents SET near"
                    " = (SELECT rowid FROM vss_knn(NEW.embedding, 1, 'ix')) WHERE id = NEW.id;"
                    " DELETE FROM documents WHERE id = NEW.id - 20; END"
                )
                db.run("INSERT INTO folders VALUES (1), (2), (3)")
                for rowid in range(1, 60):
                    sql = "INSERT INTO documents(id, embedding, folder) VALUES (?, ?, ?)"
                    db.run(sql, rowid, text(self.vectors.next()), 1 + rowid % 3)
                    self.assert_exact(db, queries=1)
                self.assertEqual(db.one("SELECT count(*) FROM documents"), 20)
                db.run("DELETE FROM folders WHERE id = 2")
                db.run("UPDATE folders SET id = 30 WHERE id = 3")
                self.assert_exact(db)
                self.assert_sound(db)

    def test_read_only(self):
        for sync in MODES:
            self.setUp()
            db = self.open(sync=sync)
            db.run("UPDATE documents SET embedding = NULL WHERE id < 9")
            reader = self.connect(f"file:{self.path}?mode=ro")
            self.assert_exact(reader)
            self.assert_sound(reader)
            db.run("BEGIN IMMEDIATE")
            self.insert_more(db)
            self.assert_exact(reader)
            self.assert_exact(db)
            db.run("ROLLBACK")

    def insert_more(self, db):
        for rowid in range(600, 640):
            sql = "INSERT INTO documents(id, embedding) VALUES (?, ?)"
            db.run(sql, rowid, blob(self.vectors.next()))

    def test_damaged_config(self):
        for sync in MODES:
            for damage in (
                "DELETE FROM ix_config",
                "DELETE FROM ix_config WHERE key = 'content.dim'",
                "UPDATE ix_config SET value = x'2D31' WHERE key = 'content.dim'",
                "UPDATE ix_config SET value = x'78' WHERE key = 'content.element'",
                "UPDATE ix_config SET value = x'78' WHERE key = 'unbuilt_from'",
                "UPDATE ix_codes SET data = substr(data, 2)",
                "UPDATE ix_codes SET data = zeroblob(length(data))",
                "UPDATE ix_rows SET node_id = node_id + 1",
                "UPDATE ix_rows SET node_id = 'x'",
                "DELETE FROM ix_rows",
            ):
                with self.subTest(sync=sync, damage=damage):
                    self.setUp()
                    self.open(sync=sync).close()
                    stock = self.plain()
                    stock.execute(damage)
                    stock.close()
                    db = self.connect()
                    query = blob(self.vectors.next())
                    for sql in (
                        "SELECT rowid, embedding FROM ix",
                        "SELECT rowid FROM vss_knn(?1, 3, 'ix')",
                        "SELECT rowid FROM ix WHERE embedding MATCH ?1 AND k = 3 AND exact = 1",
                        "UPDATE documents SET embedding = ?1 WHERE id = 3",
                        "DELETE FROM documents WHERE id = 4",
                        "INSERT INTO ix(ix) VALUES ('sync')",
                        "SELECT nearlite_stats('ix')",
                    ):
                        try:
                            db.run(sql, *([query] if "?1" in sql else []))
                        except SqlError as error:
                            self.assertEqual(error.extended, CORRUPT_VTAB, (sql, error))
                    try:
                        self.assertNotEqual(db.one("SELECT nearlite_check('ix')"), "ok")
                    except SqlError as error:
                        self.assertEqual(error.extended, CORRUPT_VTAB)
                    if "codes" in damage or "rows" in damage:
                        db.run("INSERT INTO ix(ix) VALUES ('repair')")
                        self.assert_sound(db)
                        self.assert_exact(db)
                    db.run("DROP TABLE ix")
                    self.assertEqual(db.one(f"SELECT count(*) FROM ({ALL})"), 1)
                    self.insert(db, [9999])

    def test_hostile_names(self):
        db = self.connect()
        table, vector, index = 'd"; DROP TABLE x; --', "v' \"] WHEN OLD.\"", "i\"x'y WHEN"
        q = lambda name: '"' + name.replace('"', '""') + '"'  # noqa: E731
        db.run("CREATE TABLE x(a)")
        db.run(f'CREATE TABLE {q(table)}("a b" INTEGER PRIMARY KEY, {q(vector)})')
        for sync in MODES:
            s = lambda text: "'" + text.replace("'", "''") + "'"  # noqa: E731
            db.run(
                f"CREATE VIRTUAL TABLE {q(index + sync)} USING hnsw(content={s(table)},"
                f" content_vector={s(vector)}, dim={DIM}, metric=l2, sync={sync})"
            )
        sql = f"INSERT INTO {q(table)} VALUES (?, ?)"
        for rowid in range(30):
            db.run(sql, rowid, blob(self.vectors.next()))
        for sync in MODES:
            self.assertEqual(self.stats(db, index + sync)["content"]["problems"], [])
            self.assert_sound(db, index + sync)
            hits = db.run("SELECT rowid FROM vss_knn(?, 50, ?)", blob([1.0] * DIM), index + sync)
            self.assertEqual(len(hits), 30)
            db.run(f"DROP TABLE {q(index + sync)}")
        self.assertEqual(db.run("SELECT count(*) FROM x"), [(0,)])

    def test_attached_and_temporary(self):
        db = self.connect()
        db.run("ATTACH ? AS \"a'x\"", self.file("aux.db"))
        self.table(db, 5)  # of the same name, and not the one
        for schema in ('"a\'x"', "temp"):
            for sync in MODES:
                with self.subTest(schema=schema, sync=sync):
                    self.table(db, 20, schema=schema)
                    self.index(db, name=f"{schema}.ix", sync=sync)
                    self.insert(db, range(100, 110), f"{schema}.documents")
                    db.run(f"DELETE FROM {schema}.documents WHERE id < 5")
                    self.assert_exact(db, table=f"{schema}.documents")
                    self.assert_sound(db)
                    db.run("INSERT INTO main.documents(id, embedding) VALUES (NULL, '[1]')")
                    db.run(f"INSERT INTO {schema}.ix(ix) VALUES ('sync')")
                    self.assert_exact(db, table=f"{schema}.documents")
                    db.run(f"DROP TABLE {schema}.ix")
                    db.run(f"DROP TABLE {schema}.documents")


if __name__ == "__main__":
    assert unittest
    main()
