"""Searching: every form of the contract, and the plans SQLite may make of them."""

from sqlcase import ERROR, SqlCase, Vectors, blob, main, nearest, text


class Search(SqlCase):
    COUNT = 300

    def setUp(self):
        super().setUp()
        self.db = self.connect()
        self.db.run(
            "CREATE VIRTUAL TABLE docs USING hnsw(embedding float[8] metric=l2, lang text,"
            " year integer, +title text, m=8, ef_search=150)"
        )
        self.db.run("CREATE TABLE documents(id INTEGER PRIMARY KEY, lang TEXT, body TEXT)")
        vectors = Vectors(8)
        self.rows, self.lang, self.year = {}, {}, {}
        self.db.run("BEGIN")
        for rowid in range(1, self.COUNT + 1):
            self.rows[rowid] = vectors.next()
            self.lang[rowid], self.year[rowid] = ("en", "de", "fr")[rowid % 3], 1990 + rowid % 40
            self.db.run(
                "INSERT INTO docs(rowid, embedding, lang, year, title) VALUES(?,?,?,?,?)",
                rowid,
                blob(self.rows[rowid]),
                self.lang[rowid],
                self.year[rowid],
                f"title {rowid}",
            )
            self.db.run("INSERT INTO documents VALUES(?, ?, 'body')", rowid, self.lang[rowid])
        self.db.run("COMMIT")
        self.query = vectors.next()
        self.other = vectors.next()
        self.q = blob(self.query)

    def truth(self, k=None, fits=lambda rowid: True, query=None):
        rows = {rowid: vector for rowid, vector in self.rows.items() if fits(rowid)}
        return nearest("l2", rows, query or self.query, k)

    def check(self, sql, expected, *arguments):
        self.assert_hits([row[:2] for row in self.db.run(sql, *(arguments or (self.q,)))], expected)

    # -- the printed forms

    def test_function_joined_to_documents(self):
        self.check(
            "SELECT d.id, k.distance FROM vss_knn(?, 10) AS k JOIN documents d ON d.id = k.rowid"
            " ORDER BY k.distance",
            self.truth(10),
        )

    def test_match_with_k(self):
        self.check(
            "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = 10 ORDER BY distance",
            self.truth(10),
        )
        self.check(
            "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = 10", self.truth(10)
        )

    def test_match_with_k_and_metadata(self):
        self.check(
            "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = 10 AND year >= 2020"
            " AND lang IN ('en','de') ORDER BY distance",
            self.truth(10, lambda r: self.year[r] >= 2020 and self.lang[r] in ("en", "de")),
        )

    def test_fewer_rows_only_when_fewer_qualify(self):
        self.check(
            "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = 50 AND year = 1999"
            " ORDER BY distance",
            self.truth(50, lambda r: self.year[r] == 1999),
        )
        self.check(
            "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = 5 AND lang = 'xx'", []
        )

    def test_limit_and_offset(self):
        everything = self.truth()
        for limit, offset in ((10, 20), (10, 0), (0, 5), (1, 299), (10, 295), (10, 400)):
            with self.subTest(limit=limit, offset=offset):
                self.check(
                    "SELECT rowid, distance FROM docs WHERE embedding MATCH ? ORDER BY distance"
                    f" LIMIT {limit} OFFSET {offset}",
                    everything[offset : offset + limit],
                )
                self.check(
                    "SELECT rowid, distance FROM docs WHERE embedding MATCH ? ORDER BY distance"
                    " LIMIT ? OFFSET ?",
                    everything[offset : offset + limit],
                    self.q,
                    limit,
                    offset,
                )

    def test_k_with_limit_and_offset(self):
        self.check(
            "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = 10 ORDER BY distance"
            " LIMIT 4 OFFSET 8",
            self.truth(10)[8:12],
        )

    def test_limit_with_a_condition_sqlite_evaluates(self):
        self.check(
            "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND year % 7 = 3"
            " ORDER BY distance LIMIT 10",
            self.truth(10, lambda r: self.year[r] % 7 == 3),
        )
        self.check(
            "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND title LIKE '%9'"
            " ORDER BY distance LIMIT 10",
            self.truth(10, lambda r: r % 10 == 9),
        )
        self.check(
            "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND rowid > 200"
            " ORDER BY distance LIMIT 10",
            self.truth(10, lambda r: r > 200),
        )
        self.check(
            "SELECT rowid, distance FROM docs WHERE embedding MATCH ?"
            " AND rowid IN (SELECT id FROM documents WHERE id % 50 = 0) ORDER BY distance LIMIT 10",
            self.truth(10, lambda r: r % 50 == 0),
        )

    def test_k_counts_rows_beyond_a_lower_bound(self):
        hits = self.truth()
        for sign, skipped in ((">", 31), (">=", 30)):
            sql = (
                "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = 12"
                f" AND distance {sign} ?"
            )
            bound = self.db.one(
                "SELECT distance FROM docs WHERE embedding MATCH ? LIMIT 1 OFFSET 30", self.q
            )
            self.check(sql, hits[skipped : skipped + 12], self.q, bound)
            fits = [hit for hit in hits[skipped:] if self.lang[hit[0]] == "en"]
            self.check(sql + " AND lang = 'en'", fits[:12], self.q, bound)
        seen, last = [], -1.0
        sql = "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = 50 AND distance > ?"
        while page := self.db.run(sql, self.q, last):
            seen += page
            last = page[-1][1]
        self.assert_hits(seen, hits)

    def test_distance_bound(self):
        bound = self.truth()[25][1]
        self.check(
            "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND distance < ?"
            " ORDER BY distance",
            [hit for hit in self.truth() if hit[1] < bound],
            self.q,
            bound,
        )
        self.check(
            "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND distance <= ?"
            " ORDER BY distance",
            [hit for hit in self.truth() if hit[1] <= bound],
            self.q,
            bound,
        )
        self.check(
            "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND distance > ?"
            " ORDER BY distance LIMIT 5",
            [hit for hit in self.truth() if hit[1] > bound][:5],
            self.q,
            bound,
        )

    def test_streaming_without_k(self):
        everything = self.truth()
        self.check(
            "SELECT rowid, distance FROM docs WHERE embedding MATCH ? ORDER BY distance", everything
        )
        self.check("SELECT rowid, distance FROM vss_knn(?)", everything)
        self.check("SELECT rowid, distance FROM vss_knn(?, NULL, 'docs')", everything)
        self.check(
            "SELECT d.id, n.distance FROM vss_knn(?) n JOIN documents d ON d.id = n.rowid"
            " WHERE d.lang = 'en' LIMIT 10",
            self.truth(10, lambda r: self.lang[r] == "en"),
        )
        self.check(
            "SELECT d.id, n.distance FROM documents d JOIN vss_knn(?) n ON d.id = n.rowid"
            " WHERE d.lang = 'en' ORDER BY n.distance LIMIT 10",
            self.truth(10, lambda r: self.lang[r] == "en"),
        )

    def test_ef_search_and_exact(self):
        for ef in (1, 10, 400, 100000):
            rows = self.db.run(
                "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = 10"
                " AND ef_search = ? ORDER BY distance",
                self.q,
                ef,
            )
            self.assertEqual(len(rows), 10)
        self.check(
            "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = 10 AND exact = 1"
            " ORDER BY distance",
            self.truth(10),
        )
        self.check(
            "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND exact = 1"
            " ORDER BY distance LIMIT 10",
            self.truth(10),
        )
        self.check(
            "SELECT rowid, distance FROM vss_knn(?, 10, 'docs', 400) ORDER BY distance",
            self.truth(10),
        )

    def test_an_option_does_not_leak_into_the_next_query(self):
        plain = "SELECT rowid FROM docs WHERE embedding MATCH ? AND k = 10"
        first = self.db.run(plain, self.q)
        self.db.run(plain + " AND ef_search = 1", self.q)
        self.assertEqual(self.db.run(plain, self.q), first)

    def test_ef_search_at_least_the_row_count_is_exact(self):
        self.check(
            "SELECT rowid, distance FROM docs"
            " WHERE embedding MATCH ? AND k = 40 AND ef_search = 1000"
            " ORDER BY distance",
            self.truth(40),
        )

    # -- k

    def test_k_of_any_size(self):
        for k in (0, 1, 7, 299, 300, 301, 5000, 1 << 40, (1 << 63) - 1):
            with self.subTest(k=k):
                self.check(
                    "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = ?"
                    " ORDER BY distance",
                    self.truth(k),
                    self.q,
                    k,
                )
                self.check(
                    "SELECT rowid, distance FROM vss_knn(?, ?) ORDER BY distance",
                    self.truth(k),
                    self.q,
                    k,
                )

    def test_bad_k(self):
        for k in (-1, -(1 << 63), "ten", 2.5, -1.0, 9.3e18, 1e300, blob([1.0])):
            with self.subTest(k=k):
                self.fails(ERROR, self.db.run, "SELECT * FROM vss_knn(?, ?)", self.q, k)
                self.fails(
                    ERROR,
                    self.db.run,
                    "SELECT rowid FROM docs WHERE embedding MATCH ? AND k = ?",
                    self.q,
                    k,
                )

    def test_whole_reals_are_integers(self):
        """As drivers bind numbers whose language has no integers."""
        nearest = "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = ?"
        self.check(nearest + " AND ef_search = ?", self.truth(7), self.q, 7.0, 400.0)
        self.check("SELECT rowid, distance FROM vss_knn(?, ?)", self.truth(7), self.q, "7.0")
        for ef_search in (0.0, 2.5, 1e30):
            self.fails(ERROR, self.db.run, nearest + " AND ef_search = ?", self.q, 7, ef_search)
        (before, distance), *after = self.truth(4)
        page = nearest + " AND after_distance = ? AND after_rowid = ?"
        self.check(page, after, self.q, 3.0, distance, float(before))
        self.fails(ERROR, self.db.run, page, self.q, 3, distance, before + 0.5)

    # -- joins

    def queries(self):
        self.db.run("CREATE TABLE queries(id INTEGER PRIMARY KEY, vector)")
        vectors = {1: self.query, 2: self.other, 3: self.rows[7]}
        for number, vector in vectors.items():
            self.db.run("INSERT INTO queries VALUES(?, ?)", number, blob(vector))
        return vectors

    def check_batch(self, sql, k=5, *arguments):
        vectors = self.queries()
        found = self.db.run(sql, *arguments)
        self.assertEqual(len(found), k * len(vectors))
        for number, vector in vectors.items():
            mine = [(rowid, dist) for query, rowid, dist in found if query == number]
            self.assert_hits(mine, self.truth(k, query=vector))

    def test_batch_by_join(self):
        self.check_batch(
            "SELECT q.id, n.rowid, n.distance FROM queries q JOIN vss_knn(q.vector, 5, 'docs') n"
            " ORDER BY q.id, n.distance"
        )

    def test_batch_by_cross_join(self):
        self.check_batch(
            "SELECT q.id, n.rowid, n.distance FROM queries q"
            " CROSS JOIN vss_knn(q.vector, 5) n ORDER BY q.id, n.distance"
        )

    def test_batch_in_the_other_order(self):
        self.check_batch(
            "SELECT q.id, n.rowid, n.distance FROM vss_knn(q.vector, 5) n, queries q"
            " ORDER BY q.id, n.distance"
        )

    def test_batch_through_the_table(self):
        self.check_batch(
            "SELECT q.id, n.rowid, n.distance FROM queries q JOIN docs n"
            " ON n.embedding MATCH q.vector AND n.k = 5 ORDER BY 1, 3"
        )
        self.db.run("DROP TABLE queries")
        self.check_batch(
            "SELECT q.id, n.rowid, n.distance FROM docs n JOIN queries q"
            " WHERE n.embedding MATCH q.vector AND n.k = 5 ORDER BY 1, 3"
        )

    def test_batch_with_a_two_key_join(self):
        self.queries()
        found = self.db.run(
            "SELECT q.id, n.rowid, d.lang FROM queries q JOIN vss_knn(q.vector, 5) n"
            " JOIN documents d ON d.id = n.rowid AND d.lang = 'en' ORDER BY q.id, n.distance"
        )
        expected = [(1, rowid) for rowid, _ in self.truth(5) if self.lang[rowid] == "en"]
        self.assertEqual([(query, rowid) for query, rowid, _ in found if query == 1], expected)

    def test_correlated_subquery_and_lateral_use(self):
        self.queries()
        found = self.db.run(
            "SELECT q.id, (SELECT n.rowid FROM docs n WHERE n.embedding MATCH q.vector"
            " AND n.k = 1) FROM queries q ORDER BY q.id"
        )
        self.assertEqual(found[2], (3, 7))
        self.assertEqual(found[0][1], self.truth(1)[0][0])

    def test_self_join_of_the_index(self):
        found = self.db.run(
            "SELECT a.rowid, n.rowid FROM docs a JOIN vss_knn(a.embedding, 1, 'docs') n"
            " WHERE a.rowid <= 20 ORDER BY a.rowid"
        )
        self.assertEqual(found, [(rowid, rowid) for rowid in range(1, 21)])

    def test_union_cte_exists(self):
        self.check(
            "WITH near AS"
            " (SELECT rowid AS r, distance AS d FROM docs WHERE embedding MATCH ? AND k = 10)"
            " SELECT r, d FROM near ORDER BY d",
            self.truth(10),
        )
        rows = self.db.run(
            "SELECT rowid FROM vss_knn(?, 3) UNION SELECT rowid FROM vss_knn(?, 3)",
            self.q,
            blob(self.other),
        )
        self.assertEqual(
            {row[0] for row in rows},
            {r for r, _ in self.truth(3)} | {r for r, _ in self.truth(3, query=self.other)},
        )

    # -- ordering

    def test_order_by_two_keys_and_descending(self):
        near = self.truth(20)
        found = self.db.run(
            "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = 20"
            " ORDER BY distance, rowid DESC",
            self.q,
        )
        self.assert_hits(found, near)
        found = self.db.run(
            "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = 20"
            " ORDER BY distance DESC",
            self.q,
        )
        self.assert_hits(found[::-1], near)
        found = self.db.column(
            "SELECT rowid FROM docs WHERE embedding MATCH ? AND k = 20 ORDER BY rowid", self.q
        )
        self.assertEqual(found, sorted(r for r, _ in near))
        found = self.db.column(
            "SELECT rowid FROM docs WHERE embedding MATCH ? ORDER BY rowid LIMIT 5", self.q
        )
        self.assertEqual(found, [1, 2, 3, 4, 5])
        found = self.db.column(
            "SELECT rowid FROM docs WHERE embedding MATCH ? ORDER BY distance DESC LIMIT 5", self.q
        )
        self.assertEqual(set(found), {r for r, _ in self.truth()[-5:]})

    def test_aggregates(self):
        self.assertEqual(
            self.db.one("SELECT count(*) FROM docs WHERE embedding MATCH ? AND k = 25", self.q), 25
        )
        self.assertEqual(
            self.db.one("SELECT count(*) FROM docs WHERE embedding MATCH ?", self.q), self.COUNT
        )
        self.assertAlmostEqual(
            self.db.one("SELECT min(distance) FROM vss_knn(?, 25)", self.q), self.truth(1)[0][1]
        )
        found = self.db.run(
            "SELECT lang, count(*) FROM docs WHERE embedding MATCH ? AND k = 90 GROUP BY lang",
            self.q,
        )
        self.assertEqual(sum(count for _, count in found), 90)

    # -- scans that are no searches

    def test_scans_without_match(self):
        self.assertEqual(self.db.one("SELECT count(*) FROM docs"), self.COUNT)
        self.assertEqual(self.db.run("SELECT title FROM docs WHERE rowid = 17"), [("title 17",)])
        self.assertEqual(self.db.run("SELECT title FROM docs WHERE rowid = 9999"), [])
        self.assertEqual(
            self.db.column(
                "SELECT rowid FROM docs WHERE lang = 'en' AND year > 2025 ORDER BY rowid"
            ),
            [r for r in self.rows if self.lang[r] == "en" and self.year[r] > 2025],
        )
        self.assertEqual(
            self.db.column("SELECT rowid FROM docs WHERE rowid IN (5, 900, 3) ORDER BY rowid"),
            [3, 5],
        )
        self.assertEqual(
            self.db.column("SELECT rowid FROM docs ORDER BY rowid DESC LIMIT 2"), [300, 299]
        )
        self.assertEqual(self.db.column("SELECT distance FROM docs LIMIT 1"), [None])

    def test_query_as_text_blob_and_expression(self):
        expected = self.truth(5)
        for query in (self.q, text(self.query)):
            self.check(
                "SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = 5",
                expected,
                query,
            )
        self.check(
            "SELECT rowid, distance FROM docs WHERE embedding MATCH vec_f32(?) AND k = 5", expected
        )
        hits = self.db.run(
            "SELECT rowid FROM docs WHERE embedding MATCH"
            " (SELECT embedding FROM docs WHERE rowid = 7) AND k = 5 ORDER BY distance"
        )
        self.assertEqual(hits[0], (7,))

    def test_bad_queries(self):
        for query in ("[1,2]", "nonsense", blob([1.0] * 7), 5, "[1,2,3,4,5,6,7,NaN]", ""):
            with self.subTest(query=query):
                self.fails(
                    ERROR,
                    self.db.run,
                    "SELECT rowid FROM docs WHERE embedding MATCH ? AND k = 5",
                    query,
                )
                self.fails(ERROR, self.db.run, "SELECT rowid FROM vss_knn(?, 5)", query)

    def test_a_null_query_finds_nothing(self):
        self.assertEqual(
            self.db.run("SELECT rowid FROM docs WHERE embedding MATCH NULL AND k = 5"), []
        )

    def test_named_function_of_the_index(self):
        self.check("SELECT rowid, distance FROM docs_knn(?, 10)", self.truth(10))
        second = self.connect()  # found, not created, by this connection
        second.run("SELECT count(*) FROM docs")
        self.assert_hits(
            second.run("SELECT rowid, distance FROM docs_knn(?, 10)", self.q), self.truth(10)
        )

    def test_unknown_index(self):
        self.fails(
            ERROR, self.db.run, "SELECT * FROM vss_knn(?, 5, 'nothing')", self.q, names=["nothing"]
        )

    def test_index_named_vss_is_the_default(self):
        self.db.run("CREATE VIRTUAL TABLE vss USING hnsw(dim=2)")
        self.db.run("INSERT INTO vss(embedding) VALUES('[1,2]')")
        self.assertEqual(self.db.column("SELECT rowid FROM vss_knn('[1,2]', 5)"), [1])

    def test_explain_query_plan_tells_the_path(self):
        def plan(sql):
            return " ".join(
                str(row[-1]) for row in self.db.run("EXPLAIN QUERY PLAN " + sql, self.q)
            )

        search = plan("SELECT rowid FROM docs WHERE embedding MATCH ? AND k = 5")
        exact = plan("SELECT rowid FROM docs WHERE embedding MATCH ? AND k = 5 AND exact = 1")
        self.assertNotEqual(search, exact)
        filtered = plan("SELECT rowid FROM docs WHERE embedding MATCH ? AND k = 5 AND year > 2000")
        self.assertIn("search, k, matching rows: year >", filtered)

    def test_two_cursors_at_once(self):
        first = self.db.cursor(
            "SELECT rowid, distance FROM docs WHERE embedding MATCH ? ORDER BY distance", self.q
        )
        second = self.db.cursor(
            "SELECT rowid, distance FROM docs WHERE embedding MATCH ? ORDER BY distance",
            blob(self.other),
        )
        mine, others = [], []
        for a, b in zip(first, second):
            mine.append(a)
            others.append(b)
        self.assert_hits(mine, self.truth())
        self.assert_hits(others, self.truth(query=self.other))


if __name__ == "__main__":
    main()
