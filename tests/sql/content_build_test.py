"""External content: building over rows that are there already, at once or piece by piece; what the
table tells of its vectors; commands; and how answers stay right when rows changed unseen."""

import json
import struct
import unittest

from content_case import DIM, MODES, ContentCase
from sqlcase import (
    CORRUPT_VTAB,
    DRIVER,
    ERROR,
    INTERRUPT,
    SqlError,
    apsw_only,
    blob,
    main,
    nearest,
    text,
)


class Build(ContentCase):
    def test_deferred(self):
        for sync in MODES:
            with self.subTest(sync=sync):
                self.setUp()
                db, other = self.connect(), self.connect()
                self.table(db, 100)
                self.index(db, sync=sync, options=", build=deferred")
                self.assertFalse(self.stats(db)["content"]["built"])
                self.assert_exact(db)
                for step in range(20):
                    db.run("INSERT INTO ix(ix, k) VALUES ('build', 9)")
                    low = 5 * step
                    other.run("DELETE FROM documents WHERE id = ?", low)
                    other.run(
                        "UPDATE documents SET embedding = ? WHERE id IN (?, ?)",
                        text(self.vectors.next()),
                        low + 1,
                        99 - low,
                    )
                    self.insert(other, [200 + step, -1 - step])
                    for connection in (db, other):
                        self.assert_exact(connection, queries=1)
                    self.assert_sound(db)
                    if self.stats(db)["content"]["built"]:
                        break
                self.assertTrue(self.stats(other)["content"]["built"])
                self.assertGreater(step, 9)
                db.run("INSERT INTO ix(ix) VALUES ('build')")  # nothing is left to do
                db.run("INSERT INTO ix(ix) VALUES ('sync')")
                self.assertEqual(self.stats(db)["content"]["logged"], 0)
                self.assert_exact(other)
                self.assert_sound(other)

    def test_deferred_rolled_back_and_resumed(self):
        db = self.connect()
        self.table(db, 60)
        self.index(db, options=", build=deferred")
        db.run("INSERT INTO ix(ix, k) VALUES ('build', 20.0)")
        db.run("BEGIN")
        db.run("INSERT INTO ix(ix, k) VALUES ('build', 20)")
        self.assertEqual(self.stats(db)["content"]["unbuilt_from"], 41)
        self.assert_exact(db)
        db.run("ROLLBACK")
        self.assertEqual(self.stats(db)["content"]["unbuilt_from"], 21)
        self.assert_exact(db)
        resumed = self.connect()
        resumed.run("INSERT INTO ix(ix) VALUES ('build')")
        self.assertTrue(self.stats(db)["content"]["built"])
        self.assert_exact(db)
        self.assert_sound(db)

    def test_build_arguments(self):
        db = self.connect()
        self.table(db, 3)
        db.run("INSERT INTO documents(id, embedding) VALUES (2000, '[1]')")
        self.index(db, options=", build=deferred")
        for k in (0, -1, "x", 1.5):
            sql = "INSERT INTO ix(ix, k) VALUES ('build', ?)"
            self.fails(ERROR, db.run, sql, k, names=["ix", "build"])
        self.fails(ERROR, db.run, "INSERT INTO ix(ix) VALUES ('build')", names=["row 2000", DIM])
        self.assert_exact(db)
        db.run("CREATE VIRTUAL TABLE own USING hnsw(dim=3)")
        self.fails(ERROR, db.run, "INSERT INTO own(own) VALUES ('build')", names=["own"])

    def interrupt_after(self, db, ticks):
        left = [ticks]

        def handler():
            left[0] -= 1
            return left[0] < 0

        if DRIVER == "apsw":
            db.db.set_progress_handler(handler, 100)
        else:
            db.db.set_progress_handler(handler, 100)

    def test_create_interrupted(self):
        db = self.connect()
        self.table(db, 300)
        before = db.run("SELECT name FROM sqlite_master ORDER BY name")
        interrupted = 0
        for ticks in (3, 20, 60, 100, 150, 200, 260, 400, 100_000):
            self.interrupt_after(db, ticks)
            try:
                self.index(db)
            except SqlError as error:
                self.assertEqual(error.code, INTERRUPT)
                interrupted += 1
                self.interrupt_after(db, 10**9)
                self.assertEqual(db.run("SELECT name FROM sqlite_master ORDER BY name"), before)
                db.run("UPDATE documents SET embedding = embedding WHERE id = 1")
                continue
            self.interrupt_after(db, 10**9)
            self.assert_exact(db)
            self.assert_sound(db)
            db.run("DROP TABLE ix")
        self.assertGreater(interrupted, 3)
        self.assertLess(interrupted, 9)


class Inference(ContentCase):
    def declared(self, declared, value=None, options=""):
        """The element type and dimensions of an index over a column of this type."""
        db = self.connect(":memory:")
        db.run(f"CREATE TABLE t(id INTEGER PRIMARY KEY, v {declared})")
        if value is not None:
            db.run("INSERT INTO t(v) VALUES (NULL), (?)", value)
        db.run(f"CREATE VIRTUAL TABLE ix USING hnsw(content=t, content_vector=v{options})")
        one = json.loads(db.one("SELECT nearlite_stats('ix')"))["indexes"][0]
        self.assertEqual(one["live"], 0 if value is None else 1)
        return one["element"], one["dim"], one["metric"]

    def test_declared_types(self):
        for declared, expected in (
            ("vector(3)", ("float", 3, "cosine")),
            ("VECTOR ( 3 )", ("float", 3, "cosine")),
            ("float[7]", ("float", 7, "cosine")),
            ("F32_BLOB(5)", ("float", 5, "cosine")),
            ("halfvec(4)", ("float16", 4, "cosine")),
            ("bfloat16[4]", ("bfloat16", 4, "cosine")),
            ("int8[4]", ("int8", 4, "cosine")),
            ("bit(16)", ("bit", 16, "hamming")),
        ):
            with self.subTest(declared=declared):
                self.assertEqual(self.declared(declared), expected)

    def test_first_row(self):
        self.assertEqual(self.declared("", blob([1, 2, 3])), ("float", 3, "cosine"))
        self.assertEqual(self.declared("TEXT", "[1, 2]"), ("float", 2, "cosine"))
        self.assertEqual(
            self.declared("BLOB", struct.pack("<4e", 1, 2, 3, 4), ", element=float16"),
            ("float16", 4, "cosine"),
        )
        self.assertEqual(
            self.declared("VARCHAR(900)", "[1, 2]", ", metric=l2"), ("float", 2, "l2")
        )

    def test_contradictions(self):
        for declared, value, options, names in (
            ("", None, "", ["dim", "t.v"]),
            ("vector(0)", None, "", ["dim"]),
            ("vector(3)", None, ", dim=4", ["4", "vector(3)"]),
            ("vector(3)", None, ", element=int8", ["int8", "vector(3)"]),
            ("vector(3)", "[1, 2]", "", ["row 2", "3", "2"]),
            ("", "[1, 2]", ", dim=3", ["row 2", "3", "2"]),
            ("", "no vector", "", ["row 2"]),
            ("", 17, "", ["row 2"]),
            ("", "[1]", ", metric=hamming", ["hamming"]),
            ("bit(12)", None, "", ["multiple of 8", "12"]),
        ):
            with self.subTest(declared=declared, value=value, options=options):
                self.fails(ERROR, self.declared, declared, value, options, names=["ix", *names])

    def test_generated_column(self):
        db = self.connect()
        db.run(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, source TEXT,"
            " embedding GENERATED ALWAYS AS (json_extract(source, '$.v')) VIRTUAL)"
        )
        for sync in MODES:
            db.run(
                f"CREATE VIRTUAL TABLE ix_{sync} USING hnsw(content=t, dim={DIM}, metric=l2,"
                f" sync={sync})"
            )
        for rowid in range(30):
            source = json.dumps({"v": self.vectors.next()})
            db.run("INSERT INTO t(id, source) VALUES (?, ?)", rowid, source)
        db.run("UPDATE t SET source = ? WHERE id = 3", json.dumps({"v": self.vectors.next()}))
        for sync in MODES:
            self.assert_exact(db, index=f"ix_{sync}", table="t")
            self.assert_sound(db, f"ix_{sync}")


class Commands(ContentCase):
    def test_commands(self):
        for sync in MODES:
            with self.subTest(sync=sync):
                self.setUp()
                db, other, third = self.connect(), self.connect(), self.connect()
                self.table(db, 120)
                self.index(db, sync=sync, options=", path='ix.idx'")
                commands = ("sync", "save", "optimize", "compact", "rebuild", "repair")
                for number, command in enumerate(commands, start=2):
                    db.run("DELETE FROM documents WHERE id % 11 = ?", number)
                    self.insert(other, [number * 100 + i for i in range(5)])
                    db.run("INSERT INTO ix(ix) VALUES (?)", command)
                    for connection in (db, other, third):
                        self.assert_exact(connection, queries=1)
                    self.assert_sound(db)
                db.run("INSERT INTO ix(ix) VALUES ('integrity-check')")
                db.run("INSERT INTO ix(ix, k) VALUES ('ef_search', 33)")
                self.assertEqual(self.stats(db)["indexes"][0]["ef_search"], 33)
                db.run("SELECT hnsw_save('ix')")
                for connection in (db, other, third):
                    connection.close()
                again = self.connect()
                self.assert_exact(again)
                self.assertEqual(self.stats(again)["indexes"][0]["image_loads"], 1)

    def test_scan_shows_the_rows(self):
        db = self.connect()
        self.table(db, 9)
        db.run("UPDATE documents SET embedding = NULL WHERE id = 4")
        self.index(db)
        rows = db.run("SELECT id, embedding FROM documents ORDER BY id")
        self.assertEqual(db.run("SELECT rowid, embedding FROM ix"), rows)
        found = db.run("SELECT rowid FROM ix WHERE rowid > 3 AND rowid IN (2, 4, 7)")
        self.assertEqual(found, [(4,), (7,)])

    def test_filters_joins_and_bounds(self):
        for sync in MODES:
            self.setUp()
            db = self.connect()
            self.table(db, 200)
            self.index(db, sync=sync)
            self.insert(db, range(300, 310))
            query = self.vectors.next()
            every = nearest("l2", self.truth(db), query)
            start = "SELECT rowid, distance FROM ix WHERE embedding MATCH ?1"
            for more, keep in (
                ("AND k = 7 AND rowid BETWEEN 50 AND 305", lambda r, d: 50 <= r <= 305),
                ("AND k = 7 AND rowid IN (3, 5, 301, 999)", lambda r, d: r in (3, 5, 301)),
                ("AND k = 3 AND rowid % 2 = 0", None),
                (f"AND distance < {every[20][1]}", lambda r, d: d < every[20][1]),
                ("LIMIT 12", lambda r, d: True),
                ("LIMIT 5 OFFSET 4", None),
            ):
                with self.subTest(sync=sync, more=more):
                    sql = f"{start} {more}".replace("LIMIT", "ORDER BY distance LIMIT")
                    hits = sorted(db.run(sql, blob(query)), key=lambda hit: hit[1])
                    if keep:
                        expected = [hit for hit in every if keep(*hit)]
                        limit = 7 if "k = 7" in more else 12 if "LIMIT" in more else None
                        self.assert_hits(hits, expected[:limit])
                    elif "OFFSET" in more:
                        self.assert_hits(hits, every[4:9])
            joined = db.run(
                "SELECT d.id, n.distance FROM vss_knn(?, NULL, 'ix') n JOIN documents d"
                " ON d.id = n.rowid WHERE d.content LIKE '%7' ORDER BY n.distance LIMIT 6",
                blob(query),
            )
            self.assert_hits(joined, [hit for hit in every if hit[0] % 10 == 7][:6])
            per_row = db.run(
                "SELECT q.id, n.rowid FROM documents q JOIN vss_knn(q.embedding, 2, 'ix') n"
                " WHERE q.id < 5"
            )
            self.assertEqual(len(per_row), 8)
            self.assertLessEqual({(i, i) for i in range(1, 5)}, set(per_row))


class Unseen(ContentCase):
    """Rows that changed without a trigger."""

    def test_replace_through_another_key(self):
        for sync in MODES:
            self.setUp()
            db = self.connect()
            self.table(db, 50)
            db.run("UPDATE documents SET code = id")
            self.index(db, sync=sync)
            for step in range(10):  # each takes row 20 + step away, and no trigger tells
                sql = "INSERT OR REPLACE INTO documents(id, embedding, code) VALUES (?, ?, ?)"
                db.run(sql, 100 + step, text(self.vectors.next()), 20 + step)
                self.assert_exact(db)
            self.assertIn("row 20", db.one("SELECT nearlite_check('ix')"))
            check = "INSERT INTO ix(ix) VALUES ('integrity-check')"
            self.fails(CORRUPT_VTAB, db.run, check, names=["row 20", "gone"])
            db.run("INSERT INTO ix(ix) VALUES ('repair')")
            self.assert_sound(db)
            self.assert_exact(db)
            self.insert(db, [25])  # the rowid of one that went
            self.assert_exact(db)
            self.assert_sound(db)

    @apsw_only
    def test_triggers_switched_off(self):
        import apsw

        db = self.connect()
        self.table(db, 80)
        self.index(db)
        db.db.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        db.run("DELETE FROM documents WHERE id % 2 = 0")
        db.run("UPDATE documents SET embedding = ? WHERE id % 3 = 0", text([50.0] * DIM))
        db.db.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 1)
        self.assert_exact(db)
        self.assertNotEqual(db.one("SELECT nearlite_check('ix')"), "ok")
        db.run("INSERT INTO ix(ix) VALUES ('repair')")
        self.assert_sound(db)

    def test_stock_sqlite_writes(self):
        db = self.connect()
        self.table(db, 60)
        self.index(db, sync="log")
        stock = self.plain()
        stock.execute("INSERT INTO documents(embedding) VALUES (?), ('nonsense'), (17), ('[1]')",
                      (text(self.vectors.next()),))
        stock.execute("UPDATE documents SET embedding = ? WHERE id = 5", (b"short",))
        stock.execute("DELETE FROM documents WHERE id < 4")
        stock.execute("PRAGMA defensive = 1")
        self.assert_exact(db)
        self.assert_exact(self.connect())
        self.assertEqual(self.stats(db)["content"]["logged"], 8)
        before = stock.execute("SELECT count(*) FROM ix_changes").fetchone()
        self.assert_exact(db)
        self.assertEqual(stock.execute("SELECT count(*) FROM ix_changes").fetchone(), before)
        db.run("INSERT INTO ix(ix) VALUES ('sync')")
        self.assertEqual(stock.execute("SELECT count(*) FROM ix_changes").fetchone(), (0,))
        self.assert_exact(db)
        found = db.one("SELECT nearlite_check('ix')").split("\n")
        self.assertEqual(len(found), 4, found)  # what is no vector is named
        self.assertIn("row 5", found[0])
        db.run("DELETE FROM documents WHERE id = 5 OR id > 60 AND typeof(embedding) <> 'text'")
        db.run("DELETE FROM documents WHERE embedding IN ('nonsense', '[1]')")
        db.run("INSERT INTO ix(ix) VALUES ('sync')")
        self.assert_sound(db)

    def test_strict_refuses_what_is_no_vector(self):
        db = self.connect()
        self.table(db, 5)
        self.index(db)
        for bad in ("[1]", "nonsense", 17, b"short", text([1e39] * DIM)):
            with self.subTest(bad=bad):
                sql = "INSERT OR IGNORE INTO documents(embedding) VALUES (?)"
                self.fails(ERROR, db.run, sql, bad, names=["ix", "documents.embedding"])
                sql = "UPDATE documents SET embedding = ? WHERE id = 2"
                self.fails(ERROR, db.run, sql, bad, names=["row 2"])
        self.assertEqual(db.one("SELECT count(*) FROM documents"), 5)
        self.assert_exact(db)

    def test_several_indexes_and_columns(self):
        db = self.connect()
        db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, embedding, b)")
        for i, (column, sync) in enumerate((c, s) for c in ("embedding", "b") for s in MODES):
            db.run(
                f"CREATE VIRTUAL TABLE ix{i} USING hnsw(content=t, content_vector={column},"
                f" dim={DIM}, metric=l2, sync={sync})"
            )
        for rowid in range(40):
            db.run("INSERT INTO t VALUES (?, ?, ?)", rowid, blob(self.vectors.next()), None)
        db.run("UPDATE t SET b = embedding WHERE id > 20")
        for i in range(4):
            self.assert_sound(db, f"ix{i}")
        self.assert_exact(db, index="ix0", table="t")
        self.assert_exact(db, index="ix1", table="t")
        for i in (2, 3):
            hits = db.run("SELECT rowid FROM vss_knn(?, 99, ?)", blob([0.0] * DIM), f"ix{i}")
            self.assertEqual(sorted(hits), [(rowid,) for rowid in range(21, 40)])

    def test_last_insert_rowid_and_changes(self):
        for sync in MODES:
            self.setUp()
            db = self.connect()
            self.table(db, 3)
            self.index(db, sync=sync)
            sql = "INSERT INTO documents(id, embedding) VALUES (70, ?), (71, ?)"
            db.run(sql, text(self.vectors.next()), text(self.vectors.next()))
            self.assertEqual(db.one("SELECT changes()"), 2)
            self.assertEqual(db.one("SELECT last_insert_rowid()"), 71)
            db.run("INSERT INTO ix(ix) VALUES ('sync')")

    def test_vacuum(self):
        for sync in MODES:
            self.setUp()
            db = self.connect()
            self.table(db, 80)
            self.index(db, sync=sync)
            db.run("DELETE FROM documents WHERE id % 3 = 0")
            db.run("VACUUM")
            self.insert(db, [500])
            self.assert_exact(db)
            self.assert_sound(db)
            self.assert_exact(self.connect())


if __name__ == "__main__":
    assert unittest
    main()
