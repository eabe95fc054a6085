"""KNN queries on vec0 tables: k and LIMIT, bounds, conditions, keys, joins, messages."""

import random

from vec0case import Vec0Case, blob, main


class Search(Vec0Case):
    """Row i of 1 … 20 lies at (0, i): what is near to the origin has a small number."""

    def setUp(self):
        super().setUp()
        self.db = self.connect(":memory:")
        self.db.run(
            "CREATE VIRTUAL TABLE t USING vec0(v float[2], even boolean, n int, f float, s text,"
            " p integer partition key, +a text)"
        )
        for i in range(1, 21):
            self.db.run(
                "INSERT INTO t VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
                *(i, blob([0, i]), i % 2 == 0, 10 * i, i / 2, "abc"[i % 3], i % 4, f"aux{i}"),
            )

    def found(self, where, *parameters, select="rowid"):
        sql = f"SELECT {select} FROM t WHERE v MATCH '[0, 0]' AND {where}"
        return self.db.column(sql, *parameters)

    def test_distance_is_euclidean_by_default(self):
        rows = self.db.run("SELECT rowid, distance FROM t WHERE v MATCH '[3, 0]' AND k = 2")
        self.assertEqual(rows, [(1, 10**0.5), (2, 13**0.5)])

    def test_k(self):
        for k in (0, 1, 5, 20, 21, 4096):
            self.assertEqual(self.found("k = ?", k), list(range(1, min(k, 20) + 1)))
        self.assertEqual(self.found("k = '3'"), [1, 2, 3])
        self.assertEqual(self.found("k = 2.9"), [1, 2])
        self.assertEqual(self.found("k = NULL"), [])
        select = "SELECT rowid FROM t WHERE v MATCH '[0, 0]' AND k = "
        message = "k value in knn queries must be greater than or equal to 0."
        self.refuses(self.db, message, select + "-1")
        message = "k value in knn query too large, provided 4097 and the limit is 4096"
        self.refuses(self.db, message, select + "4097")

    def test_limit_is_as_good_as_k(self):
        select = "SELECT rowid FROM t WHERE v MATCH '[0, 0]' "
        for order in ("", "ORDER BY distance"):
            self.assertEqual(self.db.column(f"{select} {order} LIMIT 3"), [1, 2, 3])
            self.assertEqual(self.db.column(f"{select} {order} LIMIT 3 OFFSET 4"), [5, 6, 7])
            self.assertEqual(self.db.column(f"{select} {order} LIMIT 0"), [])
            self.assertEqual(self.db.column(f"{select} {order} LIMIT 9999"), list(range(1, 21)))
            self.assertEqual(self.db.column(f"{select} AND k = 5 {order} LIMIT 2"), [1, 2])
            self.assertEqual(self.db.column(f"{select} AND k = 5 {order} LIMIT 9 OFFSET 3"), [4, 5])
        self.assertEqual(self.db.column(select), list(range(1, 21)))
        farthest = f"{select} ORDER BY distance DESC LIMIT 2"
        self.assertEqual(self.db.column(farthest), [20, 19])
        nearest = f"{select} AND k = 3 ORDER BY distance DESC"
        self.assertEqual(self.db.column(nearest), [3, 2, 1])

    def test_query_vectors_refused(self):
        for given, message in (
            ("NULL", 'Query vector on the "v" column is invalid: Input must have type BLOB'),
            ("5", 'Query vector on the "v" column is invalid: Input must have type BLOB'),
            ("'x'", 'Query vector on the "v" column is invalid: JSON array parsing error'),
            ("x'00'", 'Query vector on the "v" column is invalid: invalid float32 vector BLOB'),
            ("'[1]'", 'Dimension mismatch for query vector for the "v" column. Expected 2'),
            (
                "vec_int8('[1, 2]')",
                'Query vector for the "v" column is expected to be of type float32, but a int8',
            ),
        ):
            self.refuses(self.db, message, f"SELECT * FROM t WHERE v MATCH {given} AND k = 1")
        message = "only 1 MATCH operator is allowed in a single vec0 query"
        sql = "SELECT * FROM t WHERE v MATCH '[0, 0]' AND v MATCH '[1, 1]' AND k = 1"
        self.refuses(self.db, message, sql)
        self.refuses(self.db, "MATCH", "SELECT * FROM t WHERE s MATCH 'x' AND k = 1")

    def test_conditions_are_part_of_the_search(self):
        everything = range(1, 21)
        for where, holds in (
            ("n = 50", lambda i: i == 5),
            ("n != 10", lambda i: i != 1),
            ("n < 40", lambda i: i < 4),
            ("n <= 40", lambda i: i <= 4),
            ("n > 160", lambda i: i > 16),
            ("n >= 160", lambda i: i >= 16),
            ("n BETWEEN 60 AND 90", lambda i: 6 <= i <= 9),
            ("n IN (20, 30, 7)", lambda i: i in (2, 3)),
            ("f = 2.5", lambda i: i == 5),
            ("f > 8", lambda i: i > 16),
            ("f IN (1.5, 2)", lambda i: i in (3, 4)),
            ("s = 'b'", lambda i: i % 3 == 1),
            ("s != 'b'", lambda i: i % 3 != 1),
            ("s >= 'b'", lambda i: i % 3 >= 1),
            ("s IN ('a', 'c')", lambda i: i % 3 != 1),
            ("even = true", lambda i: i % 2 == 0),
            ("even != true", lambda i: i % 2 == 1),
            ("even = 0", lambda i: i % 2 == 1),
            ("p = 3", lambda i: i % 4 == 3),
            ("p > 1", lambda i: i % 4 > 1),
            ("p IN (1, 2)", lambda i: i % 4 in (1, 2)),
            ("p BETWEEN 2 AND 3 AND s = 'a'", lambda i: i % 4 in (2, 3) and i % 3 == 0),
            ("rowid IN (4, 9, 99)", lambda i: i in (4, 9)),
            ("rowid IN (SELECT value FROM json_each('[18, 2]'))", lambda i: i in (2, 18)),
            ("n > 100 AND even = 1 AND s = 'a'", lambda i: i in (12, 18)),
            # What sqlite-vec refuses, ignores or answers wrongly:
            ("rowid = 13", lambda i: i == 13),
            ("rowid > 17", lambda i: i > 17),
            ("even > 0", lambda i: i % 2 == 0),
            ("s LIKE 'B'", lambda i: i % 3 == 1),
            ("s GLOB '[ab]'", lambda i: i % 3 < 2),
            ("s IS NULL", lambda i: False),
            ("s IS NOT NULL", lambda i: True),
            ("a = 'aux7'", lambda i: i == 7),
            ("a LIKE 'aux1_'", lambda i: 10 <= i <= 19),
        ):
            expected = [i for i in everything if holds(i)]
            self.assertEqual(self.found(f"k = 20 AND {where}"), expected, where)
            self.assertEqual(self.found(f"k = 2 AND {where}"), expected[:2], where)
            scanned = self.db.column(f"SELECT rowid FROM t WHERE {where}")
            self.assertEqual(scanned, expected, where)

    def test_null_metadata_takes_no_part_in_comparisons(self):
        self.db.run("INSERT INTO t(rowid, v) VALUES(30, '[0, 0]')")
        self.assertEqual(self.found("k = 1"), [30])
        for where in ("n < 100", "n != 10", "even != true", "s != 'b'", "p = 1 OR p != 1"):
            self.assertNotIn(30, self.found(f"k = 99 AND {where}"), where)
        self.assertEqual(self.found("k = 9 AND n IS NULL"), [30])

    def test_bounds_of_the_distance(self):
        for where, expected in (
            ("k = 20 AND distance < 3", [1, 2]),
            ("k = 20 AND distance <= 3", [1, 2, 3]),
            ("k = 2 AND distance > 5", [6, 7]),
            ("k = 2 AND distance >= 5", [5, 6]),
            ("k = 3 AND distance BETWEEN 7 AND 8", [7, 8]),
            ("k = 3 AND distance > 18", [19, 20]),
            ("k = 3 AND distance > 99", []),
            ("k = 3 AND distance > NULL", []),
            ("k = 2 AND distance > 5 AND even = 1", [6, 8]),
            ("k = 0 AND distance > 5", []),
            ("k = 4 AND distance = 3", [3]),
        ):
            self.assertEqual(self.found(where), expected, where)
        # Page by page, without OFFSET.
        seen, last = [], -1.0
        while page := self.db.run(
            "SELECT rowid, distance FROM t WHERE v MATCH '[0, 0]' AND k = 6 AND distance > ?", last
        ):
            seen += [rowid for rowid, _ in page]
            last = page[-1][1]
        self.assertEqual(seen, list(range(1, 21)))

    def test_joins(self):
        self.db.run("CREATE TABLE d(id INTEGER PRIMARY KEY, name TEXT)")
        self.db.run("INSERT INTO d SELECT rowid, 'd' || rowid FROM t WHERE even")
        for join in ("t JOIN d ON d.id = t.rowid", "d JOIN t ON t.rowid = d.id", "d, t"):
            where = "v MATCH '[0, 0]'" + (" AND d.id = t.rowid" if "ON" not in join else "")
            select = f"SELECT name FROM {join} WHERE {where}"
            self.assertEqual(self.db.column(f"{select} AND k = 4"), ["d2", "d4"])
            # LIMIT counts the rows of the join.
            limited = f"{select} ORDER BY distance LIMIT 3"
            self.assertEqual(self.db.column(limited), ["d2", "d4", "d6"])
            limited = f"{select} ORDER BY distance LIMIT 2 OFFSET 2"
            self.assertEqual(self.db.column(limited), ["d6", "d8"])

    def test_subqueries_and_lateral_k(self):
        nearest = "WITH m AS (SELECT rowid AS r, distance FROM t WHERE v MATCH '[0, 0]' AND k = 3)"
        self.assertEqual(self.db.column(f"{nearest} SELECT r FROM m ORDER BY r DESC"), [3, 2, 1])
        of_a_row = "SELECT rowid FROM t WHERE v MATCH (SELECT v FROM t WHERE rowid = 9) AND k = 1"
        self.assertEqual(self.db.column(of_a_row), [9])
        self.db.run("CREATE TABLE q(v, k)")
        self.db.run("INSERT INTO q VALUES('[0, 3]', 1), ('[0, 8]', 3)")
        pairs = "SELECT q.rowid, t.rowid FROM q JOIN t ON t.v MATCH q.v AND t.k = q.k"
        self.assertEqual(self.db.run(f"{pairs} ORDER BY 1, 2"), [(1, 3), (2, 7), (2, 8), (2, 9)])

    def test_columns_of_what_is_found(self):
        row = self.db.run("SELECT * FROM t WHERE v MATCH '[0, 6]' AND k = 1")
        self.assertEqual(row, [(6, blob([0, 6]), 1, 60, 3.0, "a", 2, "aux6")])
        # Outside of a search the hidden columns are NULL.
        self.assertEqual(self.db.run("SELECT distance, k FROM t LIMIT 1"), [(None, None)])

    def test_metrics_and_types(self):
        self.db.run(
            "CREATE VIRTUAL TABLE m USING vec0(a float[2] distance_metric=cosine,"
            " b float[2] distance_metric=l1, c int8[2], d bit[8],"
            " e int8[2] distance_metric=cosine)"
        )
        self.db.run(
            "INSERT INTO m VALUES (1, '[1, 1]', '[1, 1]', '[1, 1]', x'FF', '[1, 1]'),"
            " (2, '[5, 0]', '[5, 0]', '[5, 0]', x'0F', '[5, 0]')"
        )
        for column, query, expected in (
            ("a", "'[9, 0]'", [(2, 0), (1, 1 - 0.5**0.5)]),
            ("b", "'[4, 4]'", [(2, 5), (1, 6)]),
            ("c", "vec_int8('[5, 1]')", [(2, 1), (1, 4)]),
            ("c", "'[5, 1]'", [(2, 1), (1, 4)]),
            ("d", "vec_bit(x'FE')", [(1, 1), (2, 5)]),
            ("d", "x'FE'", [(1, 1), (2, 5)]),
            ("e", "'[9, 0]'", [(2, 0), (1, 1 - 0.5**0.5)]),
        ):
            sql = f"SELECT rowid, distance FROM m WHERE {column} MATCH {query} AND k = 9"
            found = self.db.run(sql)
            if expected[0][1] == 6:
                expected.reverse()
            self.assertEqual([rowid for rowid, _ in found], [rowid for rowid, _ in expected], sql)
            for (_, value), (_, right) in zip(found, expected):
                self.assertAlmostEqual(value, right, places=6)

    def test_text_keys_in_searches(self):
        self.db.run("CREATE VIRTUAL TABLE x USING vec0(id text primary key, v float[2])")
        for i in range(1, 9):
            self.db.run("INSERT INTO x VALUES(?, ?)", f"key{i}", blob([0, i]))
        nearest = "SELECT id FROM x WHERE v MATCH '[0, 0]' AND k = 2"
        self.assertEqual(self.db.column(nearest), ["key1", "key2"])
        self.assertEqual(self.db.column(nearest + " AND id IN ('key7', 'key3')"), ["key3", "key7"])
        among = nearest + " AND id IN (SELECT id FROM x WHERE id > 'key5')"
        self.assertEqual(self.db.column(among), ["key6", "key7"])
        self.assertEqual(self.db.column(nearest + " AND id = 'key8'"), ["key8"])

    def test_the_plan_tells(self):
        def plan(sql):
            return self.db.run("EXPLAIN QUERY PLAN " + sql)[0][3]

        self.assertIn("search", plan("SELECT * FROM t WHERE v MATCH '[0, 0]' AND k = 2 AND n > 5"))
        self.assertIn("n >", plan("SELECT * FROM t WHERE v MATCH '[0, 0]' AND k = 2 AND n > 5"))
        self.assertIn("scan", plan("SELECT * FROM t"))


class Recall(Vec0Case):
    """More rows than are compared whole: the graph answers."""

    def test_near_and_complete(self):
        db = self.connect(":memory:")
        db.run("CREATE VIRTUAL TABLE t USING vec0(v float[24], w float[24] INDEXED BY flat, n int)")
        draw = random.Random(5)
        centres = [[draw.gauss(0, 1) for _ in range(24)] for _ in range(20)]
        rows = {}
        db.run("BEGIN")
        for rowid in range(1, 3001):
            centre = draw.choice(centres)
            rows[rowid] = blob([x + draw.gauss(0, 0.4) for x in centre])
            db.run("INSERT INTO t VALUES(?, ?, ?, ?)", rowid, rows[rowid], rows[rowid], rowid % 50)
        db.run("COMMIT")
        exact = "SELECT rowid FROM t {} ORDER BY vec_distance_l2(v, ?), rowid LIMIT 10"
        hits = 0
        for _ in range(20):
            query = rows[draw.randrange(1, 3001)]
            right = db.column(exact.format(""), query)
            found = db.column("SELECT rowid FROM t WHERE v MATCH ? AND k = 10", query)
            self.assertEqual(len(found), 10)
            hits += len(set(found) & set(right))
            flat = db.column("SELECT rowid FROM t WHERE w MATCH ? AND k = 10", query)
            self.assertEqual(flat, right)
            filtered = db.column("SELECT rowid FROM t WHERE v MATCH ? AND k = 10 AND n = 7", query)
            self.assertEqual(filtered, db.column(exact.format("WHERE n = 7"), query))
        self.assertGreaterEqual(hits, 197)

    def test_a_small_table_is_exact(self):
        """1,024 rows in 200 dimensions without order, where a graph of m = 2 would miss some."""
        db = self.connect(":memory:")
        hnsw = "INDEXED BY hnsw(m=2, ef_construction=2, ef_search=1)"
        db.run(f"CREATE VIRTUAL TABLE t USING vec0(v float[200] {hnsw})")
        draw = random.Random(6)
        db.run("BEGIN")
        for rowid in range(1, 1025):
            db.run(
                "INSERT INTO t VALUES(?, ?)", rowid, blob([draw.gauss(0, 1) for _ in range(200)])
            )
        db.run("COMMIT")

        def misses():
            count = 0
            for _ in range(10):
                query = blob([draw.gauss(0, 1) for _ in range(200)])
                found = db.column("SELECT rowid FROM t WHERE v MATCH ? AND k = 10", query)
                exact = "SELECT rowid FROM t ORDER BY vec_distance_l2(v, ?) LIMIT 10"
                count += len(set(found) ^ set(db.column(exact, query)))
            return count

        self.assertEqual(misses(), 0)
        db.run("INSERT INTO t(v) SELECT v FROM t WHERE rowid = 1")
        self.assertGreater(misses(), 0)  # one row more, and the graph is asked


if __name__ == "__main__":
    main()
