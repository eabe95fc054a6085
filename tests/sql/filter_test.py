"""Conditions in a search: the rows that SQLite itself finds in an ordinary table, nearest first.
INVARIANT F1 and INVARIANT F2 are attacked by what changes between two searches.

Each index has a twin, an ordinary table with the same columns, in which SQLite answers the same
condition by brute force. What is remembered of a condition must follow whatever changes.
"""

import json
import random
import sqlite3
import subprocess
import sys

from sqlcase import ERROR, SqlCase, Vectors, blob, main

COLUMNS = "lang text, year integer, rating real, active boolean, tag blob"
NAMES = "lang, year, rating, active, tag"
WORDS = ["en", "EN", "de", "français", "", "e%", "longer words here", None]
CONDITIONS_KEPT = 12


def stats(db, table="docs"):
    return json.loads(db.one("SELECT nearlite_stats(?)", table))["indexes"][0]


class FilterCase(SqlCase):
    DIM = 8
    OPTIONS = "m=8, ef_search=100"

    def make(self, count, seed=1):
        self.random = random.Random(seed)
        self.vectors = Vectors(self.DIM, seed)
        db = self.connect()
        db.run("PRAGMA journal_mode=WAL")
        db.run(
            f"CREATE VIRTUAL TABLE docs USING hnsw(embedding float[{self.DIM}] metric=l2,"
            f" {COLUMNS}, {self.OPTIONS})"
        )
        db.run(f"CREATE TABLE plain(id INTEGER PRIMARY KEY, embedding BLOB, {COLUMNS})")
        db.run("BEGIN")
        for rowid in range(1, count + 1):
            self.insert(db, rowid)
        db.run("COMMIT")
        return db

    def labels(self):
        pick = self.random
        return [
            pick.choice(WORDS),
            pick.choice([None, *range(2000, 2010)]),
            pick.choice([None, -1.5, 0.0, 0.25, 2.0, 7.75]),
            pick.choice([None, 0, 1]),
            pick.choice([None, b"", b"\x00\x01", b"ab"]),
        ]

    def insert(self, db, rowid):
        vector = None if self.random.random() < 0.03 else blob(self.vectors.next())
        values = [rowid, vector, *self.labels()]
        db.run(f"INSERT INTO docs(rowid, embedding, {NAMES}) VALUES (?,?,?,?,?,?,?)", *values)
        db.run(f"INSERT INTO plain(id, embedding, {NAMES}) VALUES (?,?,?,?,?,?,?)", *values)

    def write(self, db, sql, *values):
        """The same statement on both tables."""
        db.run(sql.format("docs"), *values)
        db.run(sql.format("plain"), *values)

    def hits(self, db, where, k, query, values=(), extra=""):
        return db.run(
            f"SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = ? AND {where}{extra}"
            " ORDER BY distance",
            blob(query),
            k,
            *values,
        )

    def truth(self, db, where, k, query, values=()):
        return db.run(
            "SELECT id, vec_distance_l2(embedding, ?) AS distance FROM plain"
            f" WHERE embedding IS NOT NULL AND {where} ORDER BY distance, id LIMIT ?",
            blob(query),
            *values,
            k,
        )

    def check(self, db, where, k=10, values=(), query=None):
        query = query or self.vectors.next()
        expected = self.truth(db, where, k, query, values)
        # SQLite keeps OR and NOT to itself, so k would count rows before those are applied.
        if " OR " in where or "NOT " in where:
            found = db.run(
                f"SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND {where}"
                " ORDER BY distance LIMIT ?",
                blob(query),
                *values,
                k,
            )
        else:
            found = self.hits(db, where, k, query, values)
        self.assert_hits(found, expected)
        return found


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
            self.write(db, "UPDATE {} SET year = ? WHERE year = ?", year, pick.randrange(2000, 2010))
        elif kind == 4:
            vector = blob(self.vectors.next())
            self.write(db, "UPDATE {} SET embedding = ? WHERE rowid = ?", vector, rowid)
        elif kind == 5:
            self.write(db, "UPDATE {} SET active = NULL, tag = x'6162' WHERE rowid % 7 = ?", rowid % 7)
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
                self.assert_hits(
                    self.hits(db, "filter = ?", 5, query, [text]), self.truth(db, f"({text})", 5, query)
                )
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


class Remembered(FilterCase):
    def setUp(self):
        super().setUp()
        self.db = self.make(300)

    def filters(self, db=None):
        return stats(db or self.db)["filters"]

    def test_a_condition_is_evaluated_once(self):
        for _ in range(5):
            self.check(self.db, "year >= 2004 AND lang = ?", values=["en"])
        self.assertEqual(self.filters()["scans"], 1)
        self.assertEqual(self.filters()["hits"], 4)
        self.check(self.db, "year >= 2004 AND lang = ?", values=["de"])
        self.assertEqual(self.filters()["scans"], 2)
        other = self.connect()
        self.check(other, "year >= 2004 AND lang = ?", values=["en"])
        self.assertEqual(self.filters(other)["scans"], 0)
        self.assertGreater(self.filters()["memory_bytes"], 0)

    def test_changes_are_caught_up(self):
        other = self.connect()
        steps = [
            ["UPDATE {} SET year = 1999 WHERE rowid = 5"],
            ["UPDATE {} SET year = 2004 WHERE rowid BETWEEN 10 AND 14"],
            ["DELETE FROM {} WHERE rowid = 11"],
            ["UPDATE {} SET rowid = 9000 WHERE rowid = 12"],
            ["UPDATE {} SET embedding = ? WHERE rowid = 13", blob(self.vectors.next())],
            ["UPDATE {} SET embedding = NULL WHERE rowid = 14"],
        ]
        self.check(self.db, "year >= 2004", 400)
        for statement in steps:
            with self.subTest(statement=statement[0]):
                self.write(other, *statement)
                self.check(self.db, "year >= 2004", 400)
        self.assertEqual(self.filters()["scans"], 1)
        # A deletion, and a vector that is gone, leave nothing to look at.
        self.assertGreaterEqual(self.filters()["catch_ups"], 3)

    def test_another_process(self):
        self.check(self.db, "lang = 'xx'", 400)
        code = (
            "import sys; sys.path.insert(0, sys.argv[1]); from sqlcase import Connection\n"
            "db = Connection(sys.argv[2])\n"
            "for table in ('docs', 'plain'):\n"
            "    db.run(f\"UPDATE {table} SET lang = 'xx' WHERE rowid % 9 = 0\")\n"
            "db.close()\n"
        )
        subprocess.run([sys.executable, "-c", code, sys.path[0], self.path], check=True)
        self.assertGreater(len(self.check(self.db, "lang = 'xx'", 400)), 20)
        self.assertEqual(self.filters()["scans"], 1)

    def test_rollback(self):
        where = "year = 1990"
        self.assertEqual(self.check(self.db, where), [])
        self.db.run("BEGIN")
        self.write(self.db, "UPDATE {} SET year = 1990 WHERE rowid <= 20")
        self.assertEqual(len(self.check(self.db, where, 5)), 5)
        self.assertEqual(self.check(self.connect(), where), [])
        self.db.run("SAVEPOINT s")
        self.write(self.db, "UPDATE {} SET year = 1990 WHERE rowid <= 40")
        self.check(self.db, where, 50)
        self.db.run("ROLLBACK TO s")
        self.check(self.db, where, 50)
        self.db.run("ROLLBACK")
        self.assertEqual(self.check(self.db, where), [])

    def test_an_update_in_a_rolled_back_savepoint_is_not_lost_for_others(self):
        other = self.connect()
        self.check(other, "year = 1990", 50)
        self.db.run("BEGIN")
        self.write(self.db, "UPDATE {} SET year = 1990 WHERE rowid <= 10")
        self.db.run("SAVEPOINT s")
        self.write(self.db, "UPDATE {} SET year = 1990 WHERE rowid <= 20")
        self.db.run("ROLLBACK TO s")
        self.db.run("COMMIT")
        self.check(other, "year = 1990", 50)

    def test_like_follows_the_pragma(self):
        insensitive = self.check(self.db, "lang LIKE 'EN'", 400)
        self.db.run("PRAGMA case_sensitive_like = 1")
        sensitive = self.check(self.db, "lang LIKE 'EN'", 400)
        self.assertLess(len(sensitive), len(insensitive))
        self.db.run("PRAGMA case_sensitive_like = 0")
        self.assertEqual(len(self.check(self.db, "lang LIKE 'EN'", 400)), len(insensitive))

    def test_a_restored_copy_that_differs_in_metadata_only(self):
        backup = self.file("fork.db")
        self.db.run(f"VACUUM INTO '{backup}'")
        fork = self.connect(backup)
        self.write(fork, "UPDATE {} SET lang = 'fork' WHERE rowid <= 30")
        self.write(self.db, "UPDATE {} SET lang = 'main' WHERE rowid <= 30")
        count = len(self.check(self.db, "lang = 'main'", 400))
        self.assertGreater(count, 20)
        self.assertEqual(self.check(self.db, "lang = 'fork'", 400), [])
        fork.close()
        source, target = sqlite3.connect(backup), sqlite3.connect(self.path)
        source.backup(target)
        target.close()
        source.close()
        self.assertEqual(self.check(self.db, "lang = 'main'", 400), [])
        self.assertEqual(len(self.check(self.db, "lang = 'fork'", 400)), count)

    def test_two_vector_columns(self):
        db = self.db
        db.run("CREATE VIRTUAL TABLE pair USING hnsw(a float[4], b float[4], lang text)")
        source = Vectors(4)
        for rowid in range(1, 41):
            a, b = blob(source.next()), blob(source.next())
            db.run("INSERT INTO pair(rowid, a, b, lang) VALUES (?, ?, ?, 'en')", rowid, a, b)
        db.run("UPDATE pair SET b = NULL WHERE rowid = 3")
        query = blob(source.next())
        for lang, expected in (("en", 39), ("de", 0)):
            self.count_pair(query, lang, expected)
        self.connect().run("UPDATE pair SET lang = 'de' WHERE rowid <= 10")
        for lang, expected in (("en", 30), ("de", 9)):
            self.count_pair(query, lang, expected)

    def count_pair(self, query, lang, expected_b):
        for column, more in (("a", 1 if expected_b % 10 == 9 else 0), ("b", 0)):
            found = self.db.run(
                f"SELECT rowid FROM pair WHERE {column} MATCH ? AND k = 100 AND lang = ?",
                query, lang,
            )
            self.assertEqual(len(found), expected_b + more, (column, lang))

    def test_many_conditions_do_not_pile_up(self):
        for bound in range(400):
            self.check(self.db, "rating > ?", 3, [bound / 37])
        self.assertLessEqual(self.filters()["remembered"], 256)
        self.assertLessEqual(self.filters()["memory_bytes"], 16 << 20)


class Walks(FilterCase):
    """So many rows match that the graph is walked."""

    DIM = 16
    OPTIONS = "m=12, ef_search=64"
    COUNT = 12_000

    def setUp(self):
        super().setUp()
        self.db = self.connect()
        self.db.run("PRAGMA synchronous=OFF")
        self.db.run(
            f"CREATE VIRTUAL TABLE docs USING hnsw(embedding float[{self.DIM}] metric=l2, part"
            f" integer, side integer, {self.OPTIONS})"
        )
        self.db.run(
            "CREATE TABLE plain(id INTEGER PRIMARY KEY, embedding BLOB, part INTEGER, side INTEGER)"
        )
        self.vectors = Vectors(self.DIM, 7, clusters=20)
        self.db.run("BEGIN")
        for rowid in range(1, self.COUNT + 1):
            vector = self.vectors.next()
            values = [rowid, blob(vector), rowid * 7919 % 100, int(vector[0] > 0)]
            for table, name in (("docs", "rowid"), ("plain", "id")):
                self.db.run(
                    f"INSERT INTO {table}({name}, embedding, part, side) VALUES (?,?,?,?)", *values
                )
        self.db.run("COMMIT")

    def recall(self, where, queries, k=10):
        right = count = 0
        for query in queries:
            found = self.hits(self.db, where, k, query)
            expected = self.truth(self.db, where, k, query)
            self.assertEqual(len(found), len(expected), where)
            count += len(expected)
            far = expected[-1][1] * (1 + 1e-9)
            right += sum(1 for _, distance in found if distance <= far)
            rows = ", ".join(str(rowid) for rowid, _ in found)
            self.assertEqual(
                self.db.one(f"SELECT count(*) FROM plain WHERE rowid IN ({rows}) AND {where}"),
                len(found),
            )
        return right / count

    def test_selectivities(self):
        positive = [query for query in (self.vectors.next() for _ in range(100)) if query[0] > 0.1]
        queries = [self.vectors.next() for _ in range(20)]
        paths = set()

        def check(where, which):
            with self.subTest(where=where):
                self.assertGreaterEqual(self.recall(where, which), 0.97)
                paths.add(stats(self.db)["last_path"])

        for bound in (0, 1, 10, 36, 40, 50, 80, 95, 100):
            check(f"part < {bound}" if bound else "part = 0 AND rowid < 500", queries)
        check("side = 0", positive[:20])  # everything that matches is far away
        check("side = 1", positive[:20])
        self.write(self.db, "DELETE FROM {} WHERE rowid % 5 = 0")
        for bound in (50, 70, 99):
            check(f"part < {bound}", queries)
        self.assertEqual(
            paths,
            {"all that match", "graph, among what matches", "graph, dropping what does not match"},
        )

    def test_a_report_of_what_was_done(self):
        self.hits(self.db, "part < 40", 10, self.vectors.next())
        report = stats(self.db)["last_search"]
        self.assertEqual(report["path"], "graph, among what matches")
        self.assertEqual(report["matching"], 4_800)
        self.assertEqual(report["nodes"], self.COUNT)
        self.assertGreater(report["compared"], 64)
        self.assertLess(report["compared"], 4_800)
        self.hits(self.db, "part < 1", 10, self.vectors.next())
        report = stats(self.db)["last_search"]
        self.assertEqual((report["path"], report["compared"]), ("all that match", 120))

    def test_all_that_match_in_any_case(self):
        for k in (1_000, 7_000, 7_200, 9_000):
            query = self.vectors.next()
            found = self.hits(self.db, "part < 60", k, query)
            self.assertEqual(len(found), min(k, 7_200))


if __name__ == "__main__":
    main()
