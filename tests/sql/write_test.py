"""INSERT, UPDATE, DELETE in all their forms, against the same statements on an ordinary table."""

from sqlcase import CONSTRAINT, ERROR, MISMATCH, SqlCase, Vectors, blob, main, text


class Write(SqlCase):
    def setUp(self):
        super().setUp()
        self.db = self.connect()
        self.db.run(
            "CREATE VIRTUAL TABLE t USING hnsw(embedding float[8] metric=l2, lang text,"
            " year integer, +title text, m=6)"
        )
        self.vectors = Vectors(8)

    def check(self, rows):
        self.assert_index(self.db, "t", rows, metric="l2")

    def test_insert_forms(self):
        a, b, c, d, e = self.vectors.list(5)
        self.db.run("INSERT INTO t(rowid, embedding) VALUES(5, ?)", text(a))
        self.db.run("INSERT INTO t(embedding) VALUES(?)", blob(b))
        self.assertEqual(self.db.one("SELECT last_insert_rowid()"), 6)
        self.db.run(
            "INSERT INTO t(rowid, embedding) VALUES(?, ?), (?, ?)", -3, blob(c), 1 << 60, blob(d)
        )
        self.db.run("CREATE TABLE source(id INTEGER PRIMARY KEY, v)")
        self.db.run("INSERT INTO source VALUES(70, ?)", blob(e))
        self.db.run("INSERT INTO t(rowid, embedding) SELECT id, v FROM source")
        self.check({5: a, 6: b, -3: c, 1 << 60: d, 70: e})

    def test_integers_as_reals(self):
        a, b, c, d = self.vectors.list(4)
        insert = "INSERT INTO t(rowid, embedding, year) VALUES(?, ?, ?)"
        self.db.run(insert, 7.0, blob(a), 1999.0)
        self.db.run(insert, -(2.0**62), blob(b), 2.0**62)
        for rowid in (7.5, 2.0**63, -(2.0**64), 1e300):  # -(2.0**63): as SQLite has it
            self.fails(MISMATCH, self.db.run, insert, rowid, blob(c), 1)
        for year in (7.5, 2.0**63, -(2.0**63), 1e300):
            self.fails(ERROR, self.db.run, insert, 9, blob(d), year, names=["year"])
        self.assertEqual(
            self.db.run("SELECT rowid, year, typeof(year) FROM t ORDER BY rowid"),
            [(-(1 << 62), 1 << 62, "integer"), (7, 1999, "integer")],
        )
        self.check({7: a, -(1 << 62): b})

    def test_rows_that_a_search_finds(self):
        rows = self.fill(self.db, "t", 20, 8)
        query = blob(rows[7])
        near = self.db.column("SELECT rowid FROM t WHERE embedding MATCH ? AND k = 3", query)
        self.db.run("UPDATE t SET year = 5 WHERE embedding MATCH ? AND k = 3", query)
        found = self.db.column("SELECT rowid FROM t WHERE year = 5")
        self.assertEqual(found, sorted(near))
        self.db.run("DELETE FROM t WHERE embedding MATCH ? AND k = 3 AND exact = 1", query)
        self.check({rowid: vector for rowid, vector in rows.items() if rowid not in near})

    def test_last_insert_rowid_and_changes(self):
        a, b = self.vectors.list(2)
        self.db.run("INSERT INTO t(rowid, embedding) VALUES(41, ?)", blob(a))
        self.assertEqual(self.db.run("SELECT last_insert_rowid(), changes()"), [(41, 1)])
        self.db.run("INSERT INTO t(embedding) VALUES(?), (?)", blob(a), blob(b))
        self.assertEqual(self.db.run("SELECT last_insert_rowid(), changes()"), [(43, 2)])
        self.db.run("BEGIN")
        self.db.run("INSERT INTO t(embedding) VALUES(?)", blob(b))
        self.db.run("COMMIT")  # what xSync writes must not show
        self.assertEqual(self.db.one("SELECT last_insert_rowid()"), 44)
        self.db.run("UPDATE t SET lang = 'en'")
        self.assertEqual(self.db.one("SELECT changes()"), 4)
        self.db.run("DELETE FROM t WHERE rowid < 43")
        self.assertEqual(self.db.run("SELECT changes(), last_insert_rowid()"), [(2, 44)])

    def test_returning(self):
        """SQLite gives virtual tables RETURNING on INSERT only; a rowid not given shows as -1."""
        a = self.vectors.next()
        self.assertEqual(
            self.db.run(
                "INSERT INTO t(rowid, embedding, lang, year) VALUES(4, ?, 'en', 7)"
                " RETURNING rowid, lang, year, embedding",
                blob(a),
            ),
            [(4, "en", 7, blob(a))],
        )
        for sql in ("UPDATE t SET lang = 'x' RETURNING rowid", "DELETE FROM t RETURNING rowid"):
            self.fails(ERROR, self.db.run, sql)
        self.check({4: a})

    def test_conflict_clauses_on_insert(self):
        for clause in ("", "OR ABORT", "OR FAIL", "OR IGNORE", "OR REPLACE", "OR ROLLBACK"):
            with self.subTest(clause=clause):
                rows = self.fresh(3)
                self.fresh_twin(rows)
                new = dict(zip((10, 2, 11), self.vectors.list(3)))
                self.db.run("BEGIN")
                fate = [None, None]
                for number, table in enumerate(("t", "twin")):
                    sql = (
                        f"INSERT {clause} INTO {table}(rowid, embedding) VALUES(?,?), (?,?), (?,?)"
                    )
                    arguments = [x for rowid, vector in new.items() for x in (rowid, blob(vector))]
                    try:
                        if number == 1 and clause == "OR ROLLBACK":
                            self.db.run("BEGIN")
                        self.db.run(sql, *arguments)
                    except Exception as error:
                        fate[number] = error.code
                if clause != "OR ROLLBACK":
                    self.db.run("COMMIT")
                self.assertEqual(fate[0], fate[1])
                self.assertEqual(
                    fate[0], None if clause in ("OR IGNORE", "OR REPLACE") else CONSTRAINT
                )
                self.assertEqual(
                    self.db.run("SELECT rowid, embedding FROM t ORDER BY rowid"),
                    self.db.run("SELECT rowid, embedding FROM twin ORDER BY rowid"),
                )
                self.assertEqual(self.db.one("SELECT nearlite_check('t')"), "ok")

    def fresh(self, count):
        self.db.run("DELETE FROM t")
        return self.fill(self.db, "t", count, 8)

    def fresh_twin(self, rows):
        self.db.run("DROP TABLE IF EXISTS twin")
        self.db.run("CREATE TABLE twin(rowid INTEGER PRIMARY KEY, embedding)")
        for rowid, vector in rows.items():
            self.db.run("INSERT INTO twin VALUES(?,?)", rowid, blob(vector))

    def test_conflict_clauses_on_update_of_the_rowid(self):
        for clause in ("", "OR ABORT", "OR FAIL", "OR IGNORE", "OR REPLACE", "OR ROLLBACK"):
            with self.subTest(clause=clause):
                rows = self.fresh(4)
                fails = clause in ("", "OR ABORT", "OR FAIL", "OR ROLLBACK")
                sql = f"UPDATE {clause} t SET rowid = 3 WHERE rowid = 1"
                if fails:
                    self.fails(CONSTRAINT, self.db.run, sql)
                else:
                    self.db.run(sql)
                if clause == "OR REPLACE":
                    rows[3] = rows.pop(1)
                self.check(rows)

    def test_a_multi_row_insert_that_fails_at_row_k(self):
        rows = self.fresh(3)
        good = self.vectors.list(4)
        arguments = [x for number, vector in enumerate(good) for x in (100 + number, blob(vector))]
        sql = "INSERT INTO t(rowid, embedding) VALUES(?,?), (?,?), (?,?), (?,?), (104, '[1,2,3]')"
        self.fails(ERROR, self.db.run, sql, *arguments, names=["8", "3"])
        self.check(rows)
        self.db.run("BEGIN")
        self.db.run("DELETE FROM t WHERE rowid = 1")
        del rows[1]
        self.fails(ERROR, self.db.run, sql, *arguments)
        self.check(rows)  # inside the transaction, which goes on
        self.db.run("COMMIT")
        self.check(rows)

    def test_update_of_vector_metadata_and_rowid(self):
        rows = self.fresh(12)
        rows[4] = self.vectors.next()
        self.db.run("UPDATE t SET embedding = ? WHERE rowid = 4", text(rows[4]))
        self.check(rows)
        before = self.db.one("SELECT nearlite_digest('t')")
        self.db.run("UPDATE t SET lang = 'de', title = 'x' WHERE rowid = 4")
        self.assertEqual(
            self.db.run("SELECT rowid, lang, title FROM t WHERE lang IS NOT NULL"), [(4, "de", "x")]
        )
        self.assertIsNotNone(before)
        self.db.run("UPDATE t SET rowid = 50 WHERE rowid = 4")
        rows[50] = rows.pop(4)
        self.check(rows)
        self.assertEqual(self.db.run("SELECT lang, title FROM t WHERE rowid = 50"), [("de", "x")])
        rows[51] = self.vectors.next()
        del rows[50]
        self.db.run(
            "UPDATE t SET rowid = 51, embedding = ?, year = 9 WHERE rowid = 50", blob(rows[51])
        )
        self.check(rows)

    def test_update_of_all_rows(self):
        rows = self.fresh(30)
        self.db.run("UPDATE t SET rowid = rowid + 1000")
        rows = {rowid + 1000: vector for rowid, vector in rows.items()}
        self.check(rows)
        self.db.run("UPDATE t SET embedding = (SELECT embedding FROM t WHERE rowid = 1001)")
        self.check({rowid: rows[1001] for rowid in rows})

    def test_null_vectors(self):
        rows = self.fresh(5)
        self.db.run("INSERT INTO t(rowid, embedding, lang) VALUES(9, NULL, 'en')")
        self.db.run("UPDATE t SET embedding = NULL WHERE rowid = 2")
        rows[9] = rows[2] = None
        self.check(rows)
        hits = self.db.column(
            "SELECT rowid FROM t WHERE embedding MATCH ? AND k = 100", blob(rows[1])
        )
        self.assertEqual(sorted(hits), [1, 3, 4, 5])
        self.assertEqual(self.db.run("SELECT rowid FROM t WHERE embedding IS NULL"), [(2,), (9,)])
        rows[9] = self.vectors.next()
        self.db.run("UPDATE t SET embedding = ? WHERE rowid = 9", blob(rows[9]))
        self.check(rows)

    def test_delete_forms(self):
        rows = self.fresh(40)
        self.db.run("DELETE FROM t WHERE rowid = 999")
        self.db.run("DELETE FROM t WHERE rowid = 3")
        self.db.run("DELETE FROM t WHERE rowid BETWEEN 10 AND 14")
        query = rows[20]
        near = self.db.column("SELECT rowid FROM t WHERE embedding MATCH ? AND k = 6", blob(query))
        self.db.run("DELETE FROM t WHERE embedding MATCH ? AND k = 6", blob(query))
        rows = {
            rowid: vector
            for rowid, vector in rows.items()
            if rowid != 3 and not 10 <= rowid <= 14 and rowid not in near
        }
        self.check(rows)
        self.db.run("DELETE FROM t")
        self.check({})

    def test_rowid_reuse(self):
        rows = self.fresh(10)
        self.db.run("BEGIN")
        for _ in range(3):
            for rowid in (2, 5):
                rows[rowid] = self.vectors.next()
                self.db.run("DELETE FROM t WHERE rowid = ?", rowid)
                self.db.run(
                    "INSERT INTO t(rowid, embedding) VALUES(?, ?)", rowid, blob(rows[rowid])
                )
        self.check(rows)
        self.db.run("COMMIT")
        self.check(rows)

    def test_upsert_by_trigger(self):
        self.db.run("CREATE TABLE documents(id INTEGER PRIMARY KEY, slug UNIQUE, v)")
        self.db.script("""
CREATE TRIGGER ai AFTER INSERT ON documents BEGIN
  INSERT OR REPLACE INTO t(rowid, embedding) VALUES(NEW.id, NEW.v);
END;
CREATE TRIGGER au AFTER UPDATE ON documents BEGIN
  UPDATE t SET embedding = NEW.v WHERE rowid = NEW.id;
END;""")
        a, b, c = self.vectors.list(3)
        self.db.run("INSERT INTO documents VALUES(1, 'a', ?), (2, 'b', ?)", blob(a), blob(b))
        self.db.run(
            "INSERT INTO documents VALUES(3, 'a', ?)"
            " ON CONFLICT(slug) DO UPDATE SET v = excluded.v",
            blob(c),
        )
        self.check({1: c, 2: b})

    def test_values_of_every_type_come_back(self):
        self.db.run(
            "INSERT INTO t(rowid, lang, year, title)"
            " VALUES(1, 'ü''\"', -9223372036854775808, NULL)"
        )
        self.db.run(
            "INSERT INTO t(rowid, lang, year, title) VALUES(2, '', 9223372036854775807, '')"
        )
        self.assertEqual(
            self.db.run("SELECT lang, year, title FROM t ORDER BY rowid"),
            [("ü'\"", -(1 << 63), None), ("", (1 << 63) - 1, "")],
        )


if __name__ == "__main__":
    main()
