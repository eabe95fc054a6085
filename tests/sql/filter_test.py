"""Conditions in a search: the rows that SQLite itself finds in an ordinary table, nearest first.
INVARIANT F1 and INVARIANT F2 are attacked by what changes between two searches.
"""

from filter_case import WORDS, FilterCase, stats
from sqlcase import ERROR, Vectors, blob, main

CONDITIONS_KEPT = 12


class Conditions(FilterCase):
    def term(self):
        """A condition on one column, and the values bound to it."""
        pick = self.random
        column = pick.choice(["lang", "year", "rating", "active", "tag", "rowid"])
        values = {
            "lang": ["en", "de", "", "f", 2000],
            "year": [2000, 2004, 2009, 2004.5, "2004"],
            "rating": [-1.5, 0, 0.25, 3, "7.75"],
            "active": [0, 1],
            "tag": [b"", b"\x00\x01", b"zz"],
            "rowid": [1, 17, 250, 10_000],
        }[column]

        def value():
            return pick.choice(values)

        kind = pick.randrange(8)
        if kind == 0:
            return f"{column} {pick.choice(['=', '<>', '<', '<=', '>', '>=', 'IS'])} ?", [value()]
        if kind == 1:
            return f"{column} {pick.choice(['>=', '<'])} ?", [value()]
        if kind == 2:
            low, high = sorted([value(), value()], key=str)
            return f"{column} BETWEEN ? AND ?", [low, high]
        if kind == 3:
            count = pick.randrange(1, 5)
            items = [pick.choice([*values, None]) for _ in range(count)]
            marks = ", ".join("?" * count)
            return f"{column} {pick.choice(['IN', 'IN', 'NOT IN'])} ({marks})", items
        if kind == 4:
            return f"{column} IS {pick.choice(['NULL', 'NOT NULL'])}", []
        if kind == 5:
            return f"lang {pick.choice(['LIKE', 'NOT LIKE'])} ?", [pick.choice(["e%", "%E", "_n"])]
        if kind == 6:
            return "lang GLOB ?", [pick.choice(["e*", "[a-e]*", "E?"])]
        collation = pick.choice(["NOCASE", "RTRIM", "BINARY"])
        return f"lang = ? COLLATE {collation}", [pick.choice(["en", "DE", "en  "])]

    def condition(self):
        pick = self.random
        first, values = self.term()
        if pick.random() < 0.45:
            second, more = self.term()
            first, values = f"{first} {pick.choice(['AND', 'AND', 'OR'])} {second}", values + more
        if pick.random() < 0.15:
            first = f"NOT ({first})"
        return f"({first})", values

    def change(self, db, next_rowid):
        pick = self.random
        rowid = pick.randrange(1, next_rowid)
        kind = pick.randrange(7)
        lang, year = pick.choice(WORDS), pick.randrange(2000, 2010)
        if kind == 0:
            for number in range(pick.randrange(1, 4)):
                self.insert(db, next_rowid + number)
        elif kind == 1:
            db.run("DELETE FROM docs WHERE rowid = ?", rowid)
            db.run("DELETE FROM plain WHERE id = ?", rowid)
        elif kind == 2:
            self.write(db, "UPDATE {} SET lang = ?, year = ? WHERE rowid = ?", lang, year, rowid)
        elif kind == 3:
            before = pick.randrange(2000, 2010)
            self.write(db, "UPDATE {} SET year = ? WHERE year = ?", year, before)
        elif kind == 4:
            vector = blob(self.vectors.next())
            self.write(db, "UPDATE {} SET embedding = ? WHERE rowid = ?", vector, rowid)
        elif kind == 5:
            statement = "UPDATE {} SET active = NULL, tag = x'6162' WHERE rowid % 7 = ?"
            self.write(db, statement, rowid % 7)
        else:
            vector = blob(self.vectors.next())
            self.write(
                db, "UPDATE {} SET embedding = ?, lang = ? WHERE rowid = ?", vector, lang, rowid
            )

    def next_rowid(self, db):
        return 1 + db.one("SELECT coalesce(max(id), 0) FROM plain")

    def test_random_conditions(self):
        db = self.make(500)
        for _ in range(250):
            where, values = self.condition()
            with self.subTest(where=where, values=values):
                self.check(db, where, self.random.choice([1, 10, 600]), values)

    def test_conditions_follow_what_changes(self):
        first = self.make(400, seed=2)
        second = self.connect()
        reader = self.connect()
        kept = [self.condition() for _ in range(CONDITIONS_KEPT)]
        for step in range(150):
            db = self.random.choice([first, second])
            way = self.random.randrange(6)
            if way == 0:
                db.run("BEGIN")
                self.change(db, self.next_rowid(db))
                where, values = self.random.choice(kept)
                self.check(db, where, 10, values)
                db.run("SAVEPOINT a")
                self.change(db, self.next_rowid(db))
                self.check(db, where, 10, values)
                db.run("ROLLBACK TO a")
                self.check(db, where, 10, values)
                if self.random.random() < 0.5:
                    self.change(db, self.next_rowid(db))
                db.run(self.random.choice(["COMMIT", "ROLLBACK"]))
            elif way == 1:  # an old snapshot, while others go on
                reader.run("BEGIN")
                reader.one("SELECT count(*) FROM plain")
                self.change(db, self.next_rowid(db))
                for where, values in self.random.sample(kept, 2):
                    self.check(first, where, 10, values)
                    self.check(reader, where, 10, values)
                    self.check(reader, where, 10, values)
                reader.run("COMMIT")
            else:
                self.change(db, self.next_rowid(db))
            for where, values in self.random.sample(kept, 3):
                with self.subTest(step=step, where=where, values=values):
                    self.check(self.random.choice([first, second, reader]), where, 10, values)
            if step % 40 == 39:
                db.run(self.random.choice(["VACUUM", "INSERT INTO docs(docs) VALUES ('rebuild')"]))
        filters = [stats(db)["filters"] for db in (first, second, reader)]
        self.assertGreater(sum(one["hits"] for one in filters), 20)
        self.assertGreater(sum(one["catch_ups"] for one in filters), 20)
        self.assertEqual(first.one("SELECT nearlite_check('docs')"), "ok")

    def test_forms_of_a_rowid_condition(self):
        db = self.make(300, seed=3)
        db.run("CREATE TABLE wanted(id INTEGER PRIMARY KEY)")
        db.run("INSERT INTO wanted SELECT id FROM plain WHERE id % 3 = 0")
        for where in (
            "rowid = 7",
            "rowid IN (1, 2, 3, 999, NULL)",
            "rowid BETWEEN 100 AND 120",
            "rowid > 290 AND rowid <> 295",
            "rowid IN (SELECT id FROM wanted)",
            "rowid NOT IN (SELECT id FROM wanted)",
            "rowid IN (SELECT id FROM wanted WHERE id > 200) AND year >= 2004",
            "rowid IN (SELECT id FROM wanted WHERE id > 9000)",
        ):
            with self.subTest(where=where):
                for k in (1, 10, 400):
                    self.check(db, where, k)

    def test_columns_with_an_index(self):
        db = self.connect()
        db.run(
            "CREATE VIRTUAL TABLE docs USING hnsw(a float[4], b float[4],"
            " tenant text partition key, year integer indexed, lang text)"
        )
        source = Vectors(4)
        for rowid in range(1, 101):
            db.run(
                "INSERT INTO docs(rowid, a, b, tenant, year) VALUES (?, ?, ?, ?, ?)",
                rowid,
                blob(source.next()),
                None if rowid % 5 == 0 else blob(source.next()),
                ("x", "y", None)[rowid % 3],
                rowid % 7,
            )
        db.run("ALTER TABLE docs RENAME TO papers")
        for condition in ("tenant = 'x'", "year > 3"):
            for column in ("node_id", "node_id2"):
                plan = db.run(
                    f"EXPLAIN QUERY PLAN SELECT {column} FROM papers_rows"
                    f" WHERE {column} IS NOT NULL AND {condition}"
                )
                self.assertIn("USING COVERING INDEX", plan[0][-1])
        query = blob(source.next())
        for column, condition, right in (
            ("a", "tenant = 'x'", [r for r in range(1, 101) if r % 3 == 0]),
            ("b", "tenant = 'x'", [r for r in range(1, 101) if r % 3 == 0 and r % 5]),
            (
                "a",
                "year > 3 AND tenant IS NULL",
                [r for r in range(1, 101) if r % 7 > 3 and r % 3 == 2],
            ),
        ):
            found = db.column(
                f"SELECT rowid FROM papers WHERE {column} MATCH ? AND k = 200 AND {condition}",
                query,
            )
            self.assertEqual(sorted(found), right)
        wrong = "CREATE VIRTUAL TABLE z USING hnsw(v float[3], lang text indexes)"
        self.fails(ERROR, db.run, wrong, names=["indexes"])

    def test_distance_bounds(self):
        db = self.make(300, seed=4)
        query = self.vectors.next()
        everything = self.truth(db, "year >= 2005", 300, query)
        middle = everything[len(everything) // 2][1]
        for low, high in ((0, middle), (middle, 1e9), (middle / 2, middle), (0, -1)):
            found = db.run(
                "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND year >= 2005"
                " AND distance > ? AND distance <= ? ORDER BY distance",
                blob(query), low, high,
            )
            self.assert_hits(found, [hit for hit in everything if low < hit[1] <= high])

    def test_pages_by_offset_and_by_distance(self):
        db = self.make(300, seed=5)
        query = self.vectors.next()
        everything = self.truth(db, "year <= 2006", 300, query)
        pages = []
        for offset in range(0, len(everything) + 20, 20):
            pages += db.run(
                "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND year <= 2006"
                " ORDER BY distance LIMIT 20 OFFSET ?", blob(query), offset,
            )
        self.assert_hits(pages, everything)
        pages, far = [], -1
        while True:
            page = db.run(
                "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND year <= 2006"
                " AND distance > ? ORDER BY distance LIMIT 20", blob(query), far,
            )
            if not page:
                break
            pages, far = pages + page, page[-1][1]
        self.assert_hits(pages, everything)


class FilterArgument(FilterCase):
    """Any condition, also those SQLite keeps to itself, as text."""

    CONDITIONS = (
        "year > 2004 OR lang = 'en'",
        "NOT (year BETWEEN 2001 AND 2005) AND lang NOT IN ('de', 'x')",
        "lang LIKE 'e%' OR lang IS NULL -- a comment",
        "rowid IN (1, 2, 3) OR (tag = x'6162' AND rating >= 0.25)",
        "length(lang) > 3",
        "year = (SELECT max(id) % 9 + 2000 FROM plain)",
        "1",
        "0",
        "lang = ';)'",
    )

    def test_conditions(self):
        db = self.make(300)
        for text in self.CONDITIONS:
            for k in (1, 10, 400):
                with self.subTest(text=text, k=k):
                    query = self.vectors.next()
                    expected = self.truth(db, f"({text}\n)", k, query)
                    found = self.hits(db, "filter = ?", k, query, [text])
                    self.assert_hits(found, expected)
                    found = db.run(
                        "SELECT rowid, distance FROM vss_knn(?, ?, 'docs', NULL, ?)",
                        blob(query),
                        k,
                        text,
                    )
                    self.assert_hits(found, expected)
            self.assertEqual(
                db.one("SELECT count(*) FROM docs WHERE filter = ?", text),
                db.one(f"SELECT count(*) FROM plain WHERE {text}"),
            )
        both = self.hits(db, "filter = ? AND year > 2005", 10, query, ["lang = 'en' OR 1"])
        self.assert_hits(both, self.truth(db, "year > 2005", 10, query))
        without = self.hits(db, "filter = ?", 10, query, [None])
        self.assert_hits(without, self.truth(db, "1", 10, query))

    def test_only_what_stays_the_same_is_remembered(self):
        db = self.make(50)
        query = self.vectors.next()
        for text, scans in (
            ("year > 2004 OR lang LIKE 'e%'", 1),
            ("abs(year) > 2004", 3),
            ("year = (SELECT max(year) FROM plain)", 3),
            ("lang = 'EN' COLLATE NOCASE", 3),
        ):
            before = stats(db)["filters"]["scans"]
            for _ in range(3):
                found = self.hits(db, "filter = ?", 5, query, [text])
                self.assert_hits(found, self.truth(db, f"({text})", 5, query))
            self.assertEqual(stats(db)["filters"]["scans"] - before, scans, text)

    def test_what_is_no_condition(self):
        db = self.make(5)
        query = self.vectors.next()
        for text in (
            "",
            " ",
            "1) OR (1",
            "1) UNION SELECT 1 --",
            "1; DROP TABLE plain",
            "year = ?",
            "year = :a",
            "lang = 'en",
            "year > 2000 /*",
            "year >",
            "nothing = 1",
            "year = 1 ORDER BY 1",
            "embedding IS NOT NULL",
            "load_extension('x') IS NULL",
            "\"hnsw_save\"('docs') IS NULL",
            "year = (SELECT hnsw_save ('docs'))",
            b"\x00",
            7,
        ):
            with self.subTest(text=text):
                self.fails(ERROR, self.hits, db, "filter = ?", 5, query, [text])
        self.assertEqual(self.hits(db, "1", 5, query), self.truth(db, "1", 5, query))
        self.fails(ERROR, db.run, "INSERT INTO docs(filter) VALUES ('1')", names=["filter"])
        reserved = "CREATE VIRTUAL TABLE x USING hnsw(v float[3], filter text)"
        self.fails(ERROR, db.run, reserved, names=["filter"])

    def test_external_content(self):
        db = self.make(300)
        db.run(
            "CREATE VIRTUAL TABLE over USING hnsw(content='plain', content_rowid='id',"
            f" dim={self.DIM}, metric=l2)"
        )
        for text in self.CONDITIONS:
            query = self.vectors.next()
            expected = self.truth(db, f"({text}\n)", 10, query)
            for sql in (
                "SELECT rowid, distance FROM over_knn(?, 10) WHERE filter = ?",
                "SELECT rowid, distance FROM over WHERE embedding MATCH ? AND k = 10"
                " AND filter = ? ORDER BY distance",
            ):
                with self.subTest(text=text, sql=sql):
                    self.assert_hits(db.run(sql, blob(query), text), expected)


if __name__ == "__main__":
    main()
