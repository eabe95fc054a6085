"""Bad input: a clear error, and nothing changed."""

import struct

from sqlcase import ERROR, SqlCase, SqlError, Vectors, blob, main


class BadInput(SqlCase):
    def setUp(self):
        super().setUp()
        self.db = self.connect()
        self.db.run(
            "CREATE VIRTUAL TABLE docs USING hnsw(embedding float[4] metric=l2, tenant text"
            " partition key, year integer, active boolean, +title text)"
        )
        self.rows = self.fill(self.db, "docs", 12, 4)

    def refused(self, vector, *names):
        """The vector is refused by every statement that takes one, and nothing changes."""
        with self.subTest(vector=vector):
            digest = self.db.one("SELECT nearlite_digest('docs')")
            for sql in (
                "INSERT INTO docs(embedding) VALUES(?)",
                "INSERT OR REPLACE INTO docs(rowid, embedding)" " VALUES(3, ?)",
                "INSERT OR IGNORE INTO docs(embedding) VALUES(?)",
                "UPDATE docs SET embedding = ? WHERE rowid = 2",
                "SELECT hnsw_add(5, ?)",
                "SELECT rowid FROM docs WHERE embedding MATCH ? AND k = 1",
                "SELECT rowid FROM vss_knn(?, 1)",
            ):
                found = self.fails(ERROR, self.db.run, sql, vector)
                self.assertEqual(found.message.count("nearlite: "), 1, found.message)
            found = self.fails(ERROR, self.db.run, "INSERT INTO docs(embedding) VALUES(?)", vector)
            for name in ("docs", "embedding") + names:
                self.assertIn(str(name), found.message)
            self.assertEqual(self.db.one("SELECT nearlite_digest('docs')"), digest)
            self.assert_index(self.db, "docs", self.rows, metric="l2")

    def test_wrong_length(self):
        self.refused("[1,2,3]", "4", "3")
        self.refused("[1,2,3,4,5]", "4", "5")
        self.refused("[]", "4", "0")
        self.refused(blob([1, 2, 3]), "4", "3")
        self.refused(blob([1] * 5), "4", "5")
        self.refused(b"", "4")
        self.refused(b"123", "4")
        self.refused(blob([1, 2, 3, 4]) + b"x", "4")

    def test_not_finite(self):
        for value in (float("nan"), float("inf"), float("-inf")):
            self.refused(blob([1, value, 3, 4]))
        self.refused(struct.pack("<4I", 0x7F800001, 0, 0, 0))  # a signalling NaN
        self.refused("[1,NaN,3,4]")
        self.refused("[1,Infinity,3,4]")
        self.refused("[1,1e39,3,4]")  # beyond float32
        self.refused("[1,1e999,3,4]")

    def test_bad_json(self):
        for json in (
            "[1,2,3,",
            "1,2,3,4",
            "[1,2,3,4",
            "[1 2 3 4]",
            "[1,,2,3]",
            "[1,2,3,4],",
            "[1,2,3,4]x",
            "[1,2,3,'4']",
            '[1,2,3,"4"]',
            "[1,2,3,null]",
            "[[1,2,3,4]]",
            '{"a":1}',
            "null",
            "[1,2,3,0x4]",
            "[1,2,3,+4]",
            "[1,2,3,.]",
            "[1,2,3,-]",
            "[1,2,3,1e]",
            "nonsense",
            "",
            "   ",
            "[" * 100000,
        ):
            self.refused(json)

    def test_bad_types(self):
        self.refused(7)
        self.refused(7.5)

    def test_good_json_of_every_shape(self):
        for rowid, json in enumerate(
            ("[1,2,3,4]", " [ 1 , 2.0 , 3e0 , 4E+0 ] ", "[1,2,3,4.0000]\n", "\t[1,\n2,3,40e-1]"),
            start=100,
        ):
            self.db.run("INSERT INTO docs(rowid, embedding) VALUES(?, ?)", rowid, json)
            self.rows[rowid] = [1.0, 2.0, 3.0, 4.0]
        self.db.run(
            "INSERT INTO docs(rowid, embedding) VALUES(200, '[0.1,-0.0,1e-40,3.4028234e38]')"
        )
        stored = struct.unpack("<4f", self.db.one("SELECT embedding FROM docs WHERE rowid = 200"))
        self.assertEqual(
            stored, struct.unpack("<4f", struct.pack("<4f", 0.1, -0.0, 1e-40, 3.4028234e38))
        )
        self.db.run("DELETE FROM docs WHERE rowid = 200")
        self.assert_index(self.db, "docs", self.rows, metric="l2")

    def test_bad_rowids(self):
        for rowid in ("one", 1.5, b"1"):
            with self.subTest(rowid=rowid), self.assertRaises(SqlError):
                self.db.run("INSERT INTO docs(rowid, embedding) VALUES(?, '[1,2,3,4]')", rowid)
        self.assert_index(self.db, "docs", self.rows, metric="l2")

    def test_bad_metadata(self):
        for column, value in (
            ("year", "soon"),
            ("year", 1.5),
            ("year", b"1"),
            ("active", 2),
            ("active", "yes"),
        ):
            with self.subTest(column=column, value=value):
                self.fails(
                    ERROR,
                    self.db.run,
                    f"INSERT INTO docs(embedding, {column}) VALUES('[1,2,3,4]', ?)",
                    value,
                )
                self.fails(
                    ERROR, self.db.run, f"UPDATE docs SET {column} = ? WHERE rowid = 1", value
                )
        self.assert_index(self.db, "docs", self.rows, metric="l2")

    def test_bad_commands_and_settings(self):
        for command in ("optimise", "", "OPTIMIZE ", "integrity_check", "delete-all"):
            self.fails(ERROR, self.db.run, "INSERT INTO docs(docs) VALUES(?)", command)
        for name, value in (
            ("ef_search", 0),
            ("ef_search", -5),
            ("ef_search", "many"),
            ("colour", 1),
            ("m", 8),
            ("dim", 5),
            ("tombstone_rebuild_pct", 101),
            ("persist", "never"),
        ):
            with self.subTest(name=name, value=value):
                self.fails(
                    ERROR, self.db.run, "INSERT INTO docs(docs, k) VALUES(?, ?)", name, value
                )
        self.assert_index(self.db, "docs", self.rows, metric="l2")

    def test_bad_search_options(self):
        good = "[1,2,3,4]"
        for ef in (0, -1, "wide", 1.5):
            with self.subTest(ef=ef):
                self.fails(
                    ERROR,
                    self.db.run,
                    "SELECT rowid FROM docs WHERE embedding MATCH ? AND k = 1" " AND ef_search = ?",
                    good,
                    ef,
                )
                self.fails(
                    ERROR, self.db.run, "SELECT rowid FROM vss_knn(?, 1, 'docs', ?)", good, ef
                )

    def test_what_is_written_to_hidden_columns_is_not_kept(self):
        for rowid, column in enumerate(("distance", "ef_search", "exact"), start=500):
            with self.subTest(column=column):
                try:
                    self.db.run(
                        f"INSERT INTO docs(rowid, embedding, {column}) VALUES(?, '[1,2,3,4]', 1)",
                        rowid,
                    )
                except SqlError as error:
                    self.assertEqual(error.code, ERROR)
                    continue
                self.rows[rowid] = [1.0, 2.0, 3.0, 4.0]
                self.assertEqual(
                    self.db.run(f"SELECT {column} FROM docs WHERE rowid = ?", rowid), [(None,)]
                )
        self.assert_index(self.db, "docs", self.rows, metric="l2")

    def test_functions_on_what_is_not_there(self):
        for function in ("nearlite_stats", "nearlite_check", "nearlite_digest"):
            self.fails(ERROR, self.db.run, f"SELECT {function}('nothing')", names=["nothing"])
            self.fails(ERROR, self.db.run, f"SELECT {function}('docs_rows')")
        self.fails(
            ERROR, self.db.run, "SELECT hnsw_add('nothing', 1, '[1,2,3,4]')", names=["nothing"]
        )
        self.fails(ERROR, self.db.run, "SELECT hnsw_add(1)")

    def test_every_write_to_absent_rows_is_harmless(self):
        self.db.run("DELETE FROM docs WHERE rowid = 999")
        self.db.run("UPDATE docs SET embedding = '[1,2,3,4]' WHERE rowid = 999")
        self.db.run("UPDATE docs SET rowid = 5 WHERE rowid = 999")
        self.db.run("SELECT hnsw_del(999)")
        self.assertEqual(self.db.run("SELECT * FROM docs WHERE rowid = 999"), [])
        self.assert_index(self.db, "docs", self.rows, metric="l2")

    def test_float32_range_at_its_ends(self):
        big = 3.4028234663852886e38
        for metric in ("l2", "cosine", "ip", "l1"):
            with self.subTest(metric=metric):
                db = self.connect(self.file(metric + ".db"))
                db.run(f"CREATE VIRTUAL TABLE t USING hnsw(v float[3] metric={metric})")
                for number, vector in enumerate(
                    [[big, big, big], [-big, big, 0], [1e-45, 0, 0], [1, 2, 3]]
                ):
                    db.run("INSERT INTO t(rowid, v) VALUES(?, ?)", number, blob(vector))
                hits = db.run(
                    "SELECT rowid, distance FROM t WHERE v MATCH ? AND k = 4", blob([1, 2, 3])
                )
                self.assertEqual({row[0] for row in hits}, {0, 1, 2, 3})
                self.assertEqual(db.one("SELECT nearlite_check('t')"), "ok")
                self.assertTrue(all(distance == distance for _, distance in hits))

    def test_a_foreign_key_to_the_index_is_a_clean_error(self):
        self.db.run("PRAGMA foreign_keys = ON")
        self.db.run("CREATE TABLE child(id INTEGER PRIMARY KEY, doc REFERENCES docs(rowid))")
        with self.assertRaises(SqlError):
            self.db.run("INSERT INTO child VALUES(1, 1)")
        self.assert_index(self.db, "docs", self.rows, metric="l2")
        self.assertTrue(Vectors(4).next())


if __name__ == "__main__":
    main()
