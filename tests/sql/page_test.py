"""Pages: by OFFSET, by a cursor (after_distance, after_rowid), by bounds of distance. Put together,
the pages of a query hold every row exactly once, in order, also where many are equally far."""

import random

from filter_case import FilterCase, stats
from sqlcase import ERROR, blob, main

# Vectors on a small grid: hundreds of rows at one distance.
GRID = (0.0, 1.0)


class Pages(FilterCase):
    OPTIONS = "m=8, ef_search=20"

    def make(self, count, seed=1):
        pick = random.Random(seed)
        self.vectors_of = [[pick.choice(GRID) for _ in range(self.DIM)] for _ in range(count)]
        db = self.connect()
        db.run("PRAGMA journal_mode=WAL")
        db.run(
            f"CREATE VIRTUAL TABLE docs USING hnsw(embedding float[{self.DIM}] metric=l2,"
            f" tenant text partition key, year integer, {self.OPTIONS})"
        )
        db.run("CREATE TABLE plain(id INTEGER PRIMARY KEY, embedding BLOB, tenant, year)")
        db.run("BEGIN")
        for number, vector in enumerate(self.vectors_of):
            values = (1 + number * 3, blob(vector), "ab"[number % 2], 2000 + number % 10)
            db.run("INSERT INTO docs(rowid, embedding, tenant, year) VALUES (?,?,?,?)", *values)
            db.run("INSERT INTO plain VALUES (?,?,?,?)", *values)
        db.run("COMMIT")
        return db

    def truth(self, db, where, query):
        return db.run(
            "SELECT id, vec_distance_l2(embedding, ?) AS distance FROM plain"
            f" WHERE {where} ORDER BY 2, 1", blob(query),
        )

    def pages(self, db, sql, query, size):
        """Follows the cursor until a page is empty."""
        found, last = [], (None, None)
        while True:
            page = db.run(sql, q=blob(query), d=last[1], r=last[0], n=size)
            if not page:
                return found
            self.assertLessEqual(len(page), size)
            found += page
            last = page[-1]
            self.assertLess(len(found), 100_000)

    WHERES = ("1", "tenant = 'a'", "year IN (2001, 2004)", "tenant = 'b' AND year > 2005")

    def test_by_a_cursor(self):
        db = self.make(700)
        queries = ([0.0] * self.DIM, [0.5] * self.DIM, [0.2, 1.0] * (self.DIM // 2))
        cursor = "after_distance = :d AND after_rowid = :r"
        for query in queries:
            for where in self.WHERES:
                expected = self.truth(db, where, query)
                text = where.replace("'", "''")
                for sql in (
                    "SELECT rowid, distance FROM docs WHERE embedding MATCH :q AND k = :n"
                    f" AND {cursor} AND {where} ORDER BY distance, rowid",
                    "SELECT rowid, distance FROM docs WHERE embedding MATCH :q AND k = :n"
                    f" AND exact = 1 AND {cursor} AND {where} ORDER BY distance, rowid",
                    "SELECT rowid, distance FROM docs WHERE embedding MATCH :q"
                    f" AND {cursor} AND {where} ORDER BY distance LIMIT :n",
                    f"SELECT rowid, distance FROM vss_knn(:q, :n, 'docs', NULL, '{text}', :d, :r)"
                    " ORDER BY distance, rowid",
                ):
                    for size in (1, 37) if len(expected) < 200 else (37, 300):
                        with self.subTest(where=where, sql=sql, size=size):
                            self.assertEqual(self.pages(db, sql, query, size), expected)

    def test_by_a_row_value_and_limit(self):
        db = self.make(300)
        query = [0.5] * self.DIM  # all rows are equally far
        for where in self.WHERES:
            sql = (
                "SELECT rowid, distance FROM docs WHERE embedding MATCH :q"
                f" AND (:d IS NULL OR 1) AND (distance, rowid) > (coalesce(:d, -1),"
                f" coalesce(:r, 0)) AND {where} ORDER BY distance, rowid LIMIT :n"
            )
            self.assertEqual(self.pages(db, sql, query, 40), self.truth(db, where, query))

    def test_by_bounds_of_distance(self):
        db = self.make(400)
        query = [0.1 * i for i in range(self.DIM)]
        everything = self.truth(db, "1", query)
        distances = sorted({distance for _, distance in everything})
        for low in distances[:: len(distances) // 7]:
            for op in (">", ">="):
                beyond = [h for h in everything if h[1] > low or (op == ">=" and h[1] == low)]
                found = db.run(
                    "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = 10"
                    f" AND distance {op} ? ORDER BY distance, rowid", blob(query), low,
                )
                self.assertEqual(found, beyond[:10])
                self.assertEqual(stats(db)["last_search"]["path"], "all compared")
        for bound in ("'x'", "NULL"):
            sql = f"SELECT count(*) FROM docs WHERE embedding MATCH ? AND distance > {bound}"
            self.assertEqual(db.one(sql, blob(query)), 0)
        sql = "SELECT count(*) FROM docs WHERE embedding MATCH ? AND k = 5 AND distance > -1e999"
        self.assertEqual(db.one(sql, blob(query)), 5)

    def test_by_offset(self):
        db = self.make(700)
        for query in ([0.3] * self.DIM, [0.5] * self.DIM, [0.2, 1.0] * (self.DIM // 2)):
            for where in self.WHERES:
                expected = self.truth(db, where, query)
                text = where.replace("'", "''")
                for source in (
                    f"docs WHERE embedding MATCH :q AND {where}",
                    f"vss_knn(:q, NULL, 'docs', NULL, '{text}')",
                ):
                    for size in (7, 100):
                        found = []
                        sql = f"SELECT rowid FROM {source} ORDER BY distance LIMIT 5 OFFSET 5"
                        db.run(sql, q=blob(query))
                        self.assertNotEqual(stats(db)["last_search"]["path"], "all compared")
                        for offset in range(0, len(expected) + size, size):
                            found += db.run(
                                f"SELECT rowid, distance FROM {source}"
                                " ORDER BY distance LIMIT :n OFFSET :o",
                                q=blob(query), n=size, o=offset,
                            )
                        with self.subTest(source=source, size=size):
                            self.assertEqual(len(found), len(expected))
                            self.assertEqual(sorted(found), sorted(expected))

    def test_where_walks_miss_rows(self):
        pick = random.Random(8)
        db = self.connect()
        db.run("CREATE VIRTUAL TABLE docs USING hnsw(v float[48], m=3, ef=8, ef_search=8)")
        db.run("BEGIN")
        for _ in range(1500):
            db.run("INSERT INTO docs(v) VALUES (?)", blob([pick.gauss(0, 1) for _ in range(48)]))
        db.run("COMMIT")
        query = blob([pick.gauss(0, 1) for _ in range(48)])
        search = "SELECT rowid, distance FROM docs WHERE v MATCH :q"
        truth = db.run(search + " AND k = 2000 AND exact = 1", q=query)
        walked = db.run(search + " AND k = 20", q=query)
        self.assertNotEqual(walked, truth[:20], "the test needs a graph that misses")
        sequences = []
        for source in (
            "docs WHERE v MATCH :q", "docs WHERE v MATCH :q AND rowid > 0",
            "vss_knn(:q, NULL, 'docs')",
        ):
            for size in (3, 20, 90):
                found = []
                for offset in range(0, 1500, size):
                    found += db.run(
                        f"SELECT rowid, distance FROM {source}"
                        " ORDER BY distance LIMIT :n OFFSET :o", q=query, n=size, o=offset,
                    )
                self.assertEqual(sorted(found), sorted(truth), "every row once")
                sequences.append((source, found))
        for source, found in sequences:
            self.assertEqual(found, dict(sequences)[source], "wherever pages begin and end")
        for size in (3, 20, 90):
            pages = self.pages(
                db, search + " AND k = :n AND after_distance = :d AND after_rowid = :r",
                [*memoryview(query).cast("f")], size)
            self.assertEqual(pages, truth)

    def test_while_others_write(self):
        """A snapshot's pages stay; without one, a row that is there all the time comes once."""
        db, other = self.make(500), self.connect()
        query = [0.5, 0.25] * (self.DIM // 2)
        sql = (
            "SELECT rowid, distance FROM docs WHERE embedding MATCH :q AND k = :n"
            " AND after_distance = :d AND after_rowid = :r ORDER BY distance, rowid"
        )
        db.run("BEGIN")
        expected = self.truth(db, "1", query)
        other.run("BEGIN")
        other.run("DELETE FROM docs WHERE rowid % 4 = 1")
        other.run("INSERT INTO docs(rowid, embedding) VALUES (5000, ?)", blob(query))
        other.run("COMMIT")
        other.run("INSERT INTO docs(docs) VALUES ('optimize')")
        self.assertEqual(self.pages(db, sql, query, 60), expected)
        db.run("COMMIT")
        found = self.pages(db, sql, query, 60)
        self.assertEqual(
            found, [(5000, 0.0)] + [hit for hit in expected if hit[0] % 4 != 1]
        )
        # Own changes that are not committed.
        db.run("BEGIN")
        db.run("INSERT INTO docs(rowid, embedding) VALUES (6000, ?)", blob(query))
        db.run("DELETE FROM docs WHERE rowid = 5000")
        self.assertEqual(self.pages(db, sql, query, 60), [(6000, 0.0), *found[1:]])
        db.run("ROLLBACK")
        self.assertEqual(self.pages(db, sql, query, 60), found)

    def test_metrics_and_types(self):
        pick = random.Random(4)
        db = self.connect()
        for metric, kind, dim, low in (
            ("cosine", "float", 32, -1), ("ip", "float", 32, -1), ("l1", "float", 24, -1),
            ("hamming", "bit", 64, 0), ("cosine", "int8", 32, -1), ("l2", "float16", 8, -1),
        ):
            name = f"t_{metric}_{kind}"
            db.run(f"CREATE VIRTUAL TABLE {name} USING hnsw(v {kind}[{dim}] metric={metric})")
            base = [[pick.randint(low, 1) for _ in range(dim)] for _ in range(40)]
            db.run("BEGIN")
            for number in range(240):
                db.run(f"INSERT INTO {name}(v) VALUES (?)", str(base[number % 40]))
            db.run("COMMIT")
            query = str(base[3])
            sql = f"SELECT rowid, distance FROM {name} WHERE v MATCH :q"
            expected = db.run(sql + " AND k = 999 AND exact = 1 ORDER BY distance", q=query)
            self.assertEqual(len(expected), 240)
            found, last = [], (None, None)
            while True:
                page = db.run(
                    sql + " AND k = 17 AND after_distance = :d AND after_rowid = :r"
                    " ORDER BY distance", q=query, d=last[1], r=last[0],
                )
                if not page:
                    break
                found, last = found + page, page[-1]
            self.assertEqual(found, expected, name)

    def test_external_content(self):
        db = self.make(200)
        db.run(
            "CREATE VIRTUAL TABLE over USING hnsw(content='plain', content_rowid='id',"
            f" dim={self.DIM}, metric=l2)"
        )
        query = [0.5, 0.75] * (self.DIM // 2)
        sql = (
            "SELECT rowid, distance FROM over WHERE embedding MATCH :q AND k = :n"
            " AND after_distance = :d AND after_rowid = :r AND filter = 'year < 2006'"
            " ORDER BY distance"
        )
        self.assertEqual(self.pages(db, sql, query, 33), self.truth(db, "year < 2006", query))

    def test_wrong_places(self):
        db = self.make(20)
        sql = "SELECT rowid FROM docs WHERE embedding MATCH :q AND k = 3 AND after_distance = :d"
        query = blob([0.0] * self.DIM)
        for d, r in (("x", 1), (b"1", 1), (0.5, "x"), (0.5, 1.5), (None, 3)):
            with self.subTest(d=d, r=r):
                values = {"q": query, "d": d, "r": r}
                action = lambda: db.run(sql + " AND after_rowid = :r", **values)  # noqa: B023, E731
                self.fails(ERROR, action, names=["after"])
        # Without a rowid nothing at that distance is left.
        first = db.one(
            "SELECT distance FROM docs WHERE embedding MATCH ? AND k = 1", query
        )
        for rowid in [row[0] for row in db.run(sql, q=query, d=first)]:
            self.assertGreater(
                db.one(
                    "SELECT vec_distance_l2(embedding, ?) FROM plain WHERE id = ?", query, rowid
                ),
                first,
            )
        self.assertEqual(db.run(sql, q=query, d=1e999), [])
        self.assertEqual(len(db.run(sql, q=query, d=-1e999)), 3)
        for column in ("after_distance", "after_rowid", "now"):
            self.fails(ERROR, db.run, f"INSERT INTO docs({column}) VALUES (1)", names=[column])
            wrong = f"CREATE VIRTUAL TABLE x USING hnsw(v float[3], {column} integer)"
            self.fails(ERROR, db.run, wrong, names=[column])


if __name__ == "__main__":
    main()
