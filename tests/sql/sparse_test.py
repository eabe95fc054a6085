"""Sparse columns: searches, the forms of a value, definitions, and what is refused."""

import random
import struct

from sparse_case import DIM, SparseCase, sparse_blob, sparse_text
from sqlcase import ERROR, apsw_only, main


class Search(SparseCase):
    def test_an_example_by_hand(self):
        for rowid, text in (
            (1, "{1:2,3:1}/50"), (2, "{3:4}/50"), (3, "{7:9}/50"), (4, "{}/50"), (5, None),
        ):  # fmt: skip
            self.db.run("INSERT INTO t(rowid, words) VALUES(?, ?)", rowid, text)
        sql = "SELECT rowid, distance FROM t WHERE words MATCH '{1:1,3:0.5}/50'"
        self.assertEqual(self.db.run(sql + " AND k = 5"), [(1, -2.5), (2, -2.0)])
        self.assertEqual(self.db.run(sql), [(1, -2.5), (2, -2.0)])
        self.assertEqual(self.db.run(sql + " AND k = 1"), [(1, -2.5)])
        self.assertEqual(self.db.run(sql + " AND k = 0"), [])

    def test_merged_and_not(self):
        self.fill(400)
        self.assertEqual((self.blocks(), self.unmerged()), (0, 400))
        self.check()
        self.fill(300, first=401)
        self.assertEqual(self.unmerged(), 0, "a commit merges what is much")
        self.assertGreater(self.blocks(), 0)
        self.check()
        self.fill(100, first=350)
        self.assertEqual(self.unmerged(), 100)
        self.check()
        self.db.run("INSERT INTO t(t) VALUES('optimize')")
        self.assertEqual(self.unmerged(), 0)
        self.check()

    def test_without_k(self):
        self.fill(700)
        query = self.vector()
        want = self.truth(query)
        sql = "SELECT rowid, distance FROM t WHERE words MATCH ?"
        self.assertEqual(self.db.run(sql, sparse_text(query)), want)
        self.assertEqual(self.db.run(sql + " ORDER BY distance LIMIT 7 OFFSET 5",
                                     sparse_text(query)), want[5:12])  # fmt: skip
        self.assertEqual(self.db.run(sql + " AND length(lang || distance) > 0 LIMIT 9",
                                     sparse_text(query)), want[:9])  # fmt: skip
        self.assertEqual(self.db.run(sql + " ORDER BY distance DESC, rowid DESC",
                                     sparse_text(query)), want[::-1])  # fmt: skip

    def test_equal_distances_come_by_rowid(self):
        for rowid in (9, -4, 1 << 40, 3, -(1 << 62), 70_000):
            self.put(rowid, {2: 1})
        self.assertEqual([row for row, _ in self.found({2: 1})],
                         [-(1 << 62), -4, 3, 9, 70_000, 1 << 40])  # fmt: skip
        self.db.run("INSERT INTO t(t) VALUES('optimize')")
        self.assertEqual([row for row, _ in self.found({2: 1}, "k = 4")],
                         [-(1 << 62), -4, 3, 9])  # fmt: skip

    def test_rowids_anywhere(self):
        ends = (-(1 << 63), -(1 << 63) + 1, -1, 0, 1, 16_383, 16_384, (1 << 63) - 2, (1 << 63) - 1)
        for rowid in (*ends, *(self.random.randrange(-(1 << 63), 1 << 63) for _ in range(900))):
            self.put(rowid, self.vector())
        self.check()
        self.db.run("INSERT INTO t(t) VALUES('optimize')")
        self.check(count=30)
        for rowid in ends:
            self.db.run("DELETE FROM t WHERE rowid = ?", rowid)
            del self.rows[rowid]
        self.check()
        self.db.run("INSERT INTO t(t) VALUES('optimize')")
        self.check()

    def test_conditions(self):
        self.fill(900)
        for _ in range(10):
            query = self.vector(4)
            for where, fits in (
                ("lang = 'de'", lambda rowid: rowid % 3 == 0),
                ("year IN (2, 3)", lambda rowid: rowid % 10 in (2, 3)),
                ("rowid BETWEEN 100 AND 130", lambda rowid: 100 <= rowid <= 130),
                ("rowid IN (5, 6, 700)", lambda rowid: rowid in (5, 6, 700)),
                ("filter = 'year > 8 or lang = ''de'''",
                 lambda rowid: rowid % 10 > 8 or rowid % 3 == 0),
                ("lang = 'xx'", lambda rowid: False),
                ("embedding IS NULL", lambda rowid: True),
            ):  # fmt: skip
                if "embedding" not in where:
                    self.assertEqual(self.found(query, where + " AND k = 12"),
                                     self.truth(query, 12, fits))  # fmt: skip
                self.assertEqual(self.found(query, where), self.truth(query, None, fits))

    def test_conditions_that_the_nearest_do_not_meet(self):
        self.db.run("BEGIN")
        for rowid in range(1, 3_500):  # more than are looked at one by one
            self.put(rowid, {0: 1, 1: rowid / 4} if rowid % 7 else None)
        self.db.run("COMMIT")
        query = {0: 1, 1: 1}
        for last in (19, 3_000):  # few and many that match
            for k in (3, 900):
                self.assertEqual(self.found(query, f"k = {k} AND rowid <= {last}"),
                                 self.truth(query, k, lambda rowid: rowid <= last))  # fmt: skip

    def test_pages(self):
        self.fill(600)
        query = self.vector(5)
        want = self.truth(query)
        pages, distance, rowid = [], None, None
        while True:
            page = self.db.run(
                "SELECT rowid, distance FROM t WHERE words MATCH ? AND k = 50"
                " AND after_distance = ? AND after_rowid = ?",
                sparse_text(query), distance, rowid)  # fmt: skip
            if not page:
                break
            pages += page
            rowid, distance = page[-1]
        self.assertEqual(pages, want)
        for bound in ("distance > -1", "distance >= -1", "distance < -1.25", "distance <= -1.25"):
            fits = {">": float.__gt__, ">=": float.__ge__, "<": float.__lt__, "<=": float.__le__}
            _, operator, value = bound.split()
            self.assertEqual(
                self.found(query, bound),
                [hit for hit in want if fits[operator](hit[1], float(value))])  # fmt: skip
        self.assertEqual(self.found(query, "distance > -1 AND k = 5"),
                         [hit for hit in want if hit[1] > -1][:5])  # fmt: skip

    def test_distances_are_those_of_the_function(self):
        generator = random.Random(3)
        vectors = {}
        for rowid in range(1, 700):
            indices = sorted(generator.sample(range(DIM), 9))
            vectors[rowid] = {i: generator.gauss(0, 3) for i in indices}
            self.db.run("INSERT INTO t(rowid, words) VALUES(?, ?)", rowid,
                        sparse_blob(vectors[rowid]))  # fmt: skip
        for query in list(vectors.values())[:20]:
            for rowid, distance in self.found(query, "k = 20"):
                self.assertEqual(distance, self.db.one(
                    "SELECT vec_distance_sparse_ip(words, ?) FROM t WHERE rowid = ?",
                    sparse_blob(query), rowid))  # fmt: skip

    def test_joined_with_a_dense_search(self):
        for rowid in range(1, 40):
            self.db.run("INSERT INTO t(rowid, embedding, words) VALUES(?, ?, ?)", rowid,
                        f"[1, {rowid}, 0, 0]", sparse_text({rowid % 5: 1}))  # fmt: skip
        found = self.db.run(
            "SELECT d.rowid FROM (SELECT rowid FROM t WHERE embedding MATCH '[1,9,0,0]' AND k = 39)"
            " AS d JOIN (SELECT rowid FROM t WHERE words MATCH '{2:1}/50') AS s USING(rowid)"
            " ORDER BY 1")  # fmt: skip
        self.assertEqual([row[0] for row in found], [1, 6, 11, 16, 21, 26, 31, 36])

    def test_the_plan_says_so(self):
        plan = self.db.run("EXPLAIN QUERY PLAN SELECT rowid FROM t WHERE words MATCH '' AND k = 3"
                           " AND lang = 'en'")  # fmt: skip
        self.assertIn("search, k, matching rows: lang =", plan[0][3])
        plan = self.db.run(
            "EXPLAIN QUERY PLAN SELECT rowid FROM t WHERE words MATCH '' ORDER BY distance"
        )
        self.assertNotIn("ORDER BY", str(plan))


class Values(SparseCase):
    def test_forms(self):
        self.db.run("INSERT INTO t(rowid, words) VALUES(1, ' { 3 : 1.5 , 1 : -2e1, 2:0 } / 50 ')")
        self.db.run("INSERT INTO t(rowid, words) VALUES(2, ?)", sparse_blob({2: 1.5, 0: -20, 9: 0}))
        self.db.run("INSERT INTO t(rowid, words) VALUES(3, vec_sparse('{1:-20,3:1.5}/50'))")
        for stored, in self.db.run("SELECT words FROM t"):
            self.assertEqual(stored, sparse_blob({0: -20, 2: 1.5}))
        self.assertEqual(self.db.one("SELECT vec_sparse_to_text(words) FROM t WHERE rowid = 1"),
                         "{1:-20,3:1.5}/50")  # fmt: skip

    def test_functions(self):
        one = self.db.one
        self.assertEqual(one("SELECT vec_distance_sparse_ip('{1:2,3:4}/9', '{3:0.5,9:1}/9')"), -2.0)
        self.assertEqual(one("SELECT vec_distance_sparse_ip('{1:2}/9', '{3:0.5}/9')"), 0.0)
        self.assertIsNone(one("SELECT vec_distance_sparse_ip(NULL, '{}/9')"))
        self.assertIsNone(one("SELECT vec_sparse(NULL)"))
        self.assertEqual(one("SELECT vec_sparse_to_text('{}/1')"), "{}/1")
        self.assertEqual(one("SELECT vec_sparse_to_text('{1000000000:1}/1000000000')"),
                         "{1000000000:1}/1000000000")  # fmt: skip
        self.fails(ERROR, self.db.run, "SELECT vec_distance_sparse_ip('{}/9', '{}/8')",
                   names=("vec_distance_sparse_ip", "9", "8"))  # fmt: skip
        self.fails(ERROR, self.db.run, "SELECT vec_sparse(1.5)", names=("vec_sparse",))

    def test_bad_values_change_nothing(self):
        self.put(1, {0: 1})
        many = ",".join(f"{i}:1" for i in range(1, 16_002))
        for value, names in (
            ("", ["{1:0.5,17:2}/100", "end"]), ("[1,2]", ["[1", "character 1"]),
            ("{1:1}", ["/"]), ("{1:1}/49", ["50", "49"]), ("{0:1}/50", ["indices"]),
            ("{51:1}/50", ["51", "50"]), ("{1:1,1:2}/50", ["index 1", "twice"]),
            ("{1:x}/50", ["x"]), ("{1:1e39}/50", ["1e39", "float32"]), ("{1}/50", ["':'"]),
            ("{1:1,}/50", ["whole number"]), ("{1:1}/50 x", ["nothing after"]),
            ("{1:1}/99999999999999999999", ["50"]), ("{-1:1}/50", ["-1"]),
            ("{4294967297:1}/50", ["indices"]), (f"{{{many}}}/50", ["16000"]),
            (b"", ["0 bytes"]), (b"\0" * 8, ["8 bytes"]), (struct.pack("<I", 49), ["50", "49"]),
            (sparse_blob({50: 1}), ["50"]), (sparse_blob({1: float("nan")}), ["index 1", "nan"]),
            (sparse_blob({1: float("-inf")}), ["inf"]),
            (struct.pack("<IIIff", 50, 3, 3, 1, 1), ["index 3", "twice"]),
            (struct.pack("<I", 50) + bytes(8 * 16_001), ["16000"]), (7, ["text or blob"]),
            (1.5, ["text or blob"]),
        ):  # fmt: skip
            for sql in ("INSERT INTO t(words) VALUES(?)", "UPDATE t SET words = ?",
                        "SELECT rowid FROM t WHERE words MATCH ? AND k = 1"):  # fmt: skip
                self.fails(ERROR, self.db.run, sql, value, names=("t: words", *names))
        self.assertEqual(self.db.one("SELECT count(*) FROM t"), 1)
        self.check()

    def test_a_null_query_finds_nothing(self):
        self.put(1, {0: 1})
        self.assertEqual(self.db.run("SELECT rowid FROM t WHERE words MATCH NULL AND k = 3"), [])

    def test_bad_arguments(self):
        for what in ("k = -1", "k = 'x'", "k = 1.5", "after_rowid = 3", "after_distance = 'x'",
                     "now = 'x'", "filter = 3"):  # fmt: skip
            self.fails(ERROR, self.found, {0: 1}, what, names=("t:",))
        self.fails(ERROR, self.db.run,
                   "SELECT rowid FROM t WHERE words MATCH '{}/50' AND embedding MATCH '[1,2,3,4]'")

    def test_null_and_empty(self):
        self.put(1, None)
        self.put(2, {})
        self.put(3, {4: 1})
        self.assertEqual(self.db.run("SELECT rowid FROM t WHERE words IS NULL"), [(1,)])
        self.assertEqual(self.unmerged(), 2, "NULL is in no index")
        self.check()


class Definition(SparseCase):
    def test_refused(self):
        for columns, names in (
            ("words sparse[5]", ["embedding float[384]"]),
            ("embedding float[4], words sparse[0]", ["words", "1000000000"]),
            ("embedding float[4], words sparse[1000000001]", ["words", "1000000001"]),
            ("embedding float[4], words sparse[5] metric=cosine", ["words", "ip", "cosine"]),
            ("embedding float[4], words sparse[5] indexed", ["words", "indexed"]),
            ("embedding float[4], words sparse", ["words", "sparse"]),
            ("embedding float[4], words sparse[5], Words text", ["Words", "twice"]),
            ("embedding float[4]," + ",".join(f"w{i} sparse[5]" for i in range(17)), ["16"]),
        ):  # fmt: skip
            self.fails(ERROR, self.db.run, f"CREATE VIRTUAL TABLE u USING hnsw({columns})",
                       names=("u", *names))  # fmt: skip
        self.assertEqual(self.db.one("SELECT count(*) FROM sqlite_master WHERE name LIKE 'u%'"), 0)

    def test_several_columns(self):
        self.db.run("CREATE VIRTUAL TABLE u USING hnsw(a sparse[9] metric=ip, title text,"
                    " b sparse[1000000000], embedding float[4])")  # fmt: skip
        for rowid in range(1, 700):
            self.db.run("INSERT INTO u(rowid, a, b) VALUES(?, ?, ?)", rowid,
                        f"{{{rowid % 9 + 1}:1}}/9", f"{{{rowid * 1_000_000}:2}}/1000000000")
        self.assertEqual(self.db.run("SELECT rowid FROM u WHERE a MATCH '{3:1}/9' AND k = 3"),
                         [(2,), (11,), (20,)])  # fmt: skip
        self.assertEqual(
            self.db.run("SELECT rowid FROM u WHERE b MATCH '{500000000:1}/1000000000'"), [(500,)])
        self.db.run("INSERT INTO u(u) VALUES('integrity-check')")
        kinds = [name for name, in self.db.run(
            "SELECT name FROM sqlite_master WHERE name GLOB 'u_[su][pn]*' ORDER BY 1")]  # fmt: skip
        self.assertEqual(kinds, ["u_sparse", "u_sparse2", "u_unmerged", "u_unmerged2"])

    def test_rename_and_drop(self):
        self.fill(600)
        self.db.run("ALTER TABLE t RENAME TO \"other name\"")
        query = self.vector()
        sql = "SELECT rowid, distance FROM \"other name\" WHERE words MATCH ? AND k = 10"
        self.assertEqual(self.db.run(sql, sparse_text(query)), self.truth(query, 10))
        self.db.run("INSERT INTO \"other name\"(words) VALUES('{1:1}/50')")
        self.db.run("ALTER TABLE \"other name\" RENAME TO t")
        self.db.run("DELETE FROM t WHERE rowid = 601")
        self.check()
        self.db.run("DROP TABLE t")
        self.assertEqual(self.db.one("SELECT count(*) FROM sqlite_master"), 0)
        self.create(self.db)
        self.rows = {}
        self.fill(5)
        self.check()

    @apsw_only
    def test_shadow_tables_are_protected(self):
        import apsw

        self.db.db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        for table in ("t_sparse", "t_unmerged"):
            self.fails(ERROR, self.db.run, f"DELETE FROM {table}")

    def test_rows_that_end(self):
        self.db.run("DROP TABLE t")
        self.create(self.db, ", expires_at=year")
        for rowid in range(1, 21):
            self.put(rowid, {0: rowid})
        now = "now = 5"  # years are 0 to 9: those up to 5 have ended
        want = self.truth({0: 1}, None, lambda rowid: rowid % 10 > 5)
        self.assertEqual(self.found({0: 1}, now), want)
        self.assertEqual(self.found({0: 1}, now + " AND k = 3"), want[:3])
        self.assertEqual(self.found({0: 1}, now + " AND lang = 'en' AND k = 3"),
                         [hit for hit in want if hit[0] % 3][:3])  # fmt: skip
        self.db.run("INSERT INTO t(t, k) VALUES('expire', 5)")
        self.rows = {rowid: v for rowid, v in self.rows.items() if rowid % 10 > 5}
        sql = "SELECT rowid, distance FROM t WHERE words MATCH '{1:1}/50' AND now = 0"
        self.assertEqual(self.db.run(sql), want)
        self.db.run("INSERT INTO t(t) VALUES('integrity-check')")


if __name__ == "__main__":
    main()
