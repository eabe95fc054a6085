"""Sparse columns: answers are those of comparing every row, whatever was written, merged or rolled
back before (INVARIANT S1); values, conditions, pages, and what is refused."""

import os
import random
import struct

from sqlcase import CONSTRAINT, CORRUPT_VTAB, ERROR, SqlCase, apsw_only, main

DIM = 50


def sparse_text(vector, dim=DIM):
    return "{" + ",".join(f"{i + 1}:{x}" for i, x in vector.items()) + f"}}/{dim}"


def sparse_blob(vector, dim=DIM):
    return (struct.pack("<I", dim) + struct.pack(f"<{len(vector)}I", *vector)
            + struct.pack(f"<{len(vector)}f", *vector.values()))  # fmt: skip


class SparseCase(SqlCase):
    """A table with a sparse column, and what it should hold. Values are quarters: sums are
    exact."""

    def setUp(self):
        super().setUp()
        self.db = self.connect()
        self.random = random.Random(7)
        self.create(self.db)
        self.rows = {}  # rowid -> {index: value}, or None

    def create(self, db, more=""):
        db.run(f"CREATE VIRTUAL TABLE t USING hnsw(embedding float[4], words sparse[{DIM}],"
               f" lang text, year integer indexed, m=4{more})")  # fmt: skip

    def vector(self, count=None):
        count = self.random.randint(1, 8) if count is None else count
        # Few indices are common, as with words.
        indices = {int(DIM * self.random.random() ** 3) for _ in range(count)}
        values = (-1.25, -0.5, 0.25, 0.5, 1, 2.75)
        return {index: self.random.choice(values) for index in sorted(indices)}

    def put(self, rowid, vector, db=None):
        form = self.random.choice((sparse_text, sparse_blob))
        (db or self.db).run(
            "INSERT OR REPLACE INTO t(rowid, words, lang, year) VALUES(?, ?, ?, ?)",
            rowid, None if vector is None else form(vector),
            "en" if rowid % 3 else "de", rowid % 10)  # fmt: skip
        self.rows[rowid] = vector

    def fill(self, count, first=1):
        self.db.run("SAVEPOINT fill")
        for rowid in range(first, first + count):
            self.put(rowid, self.vector())
        self.db.run("RELEASE fill")

    def truth(self, query, k=None, fits=lambda rowid: True):
        hits = []
        for rowid, vector in self.rows.items():
            shared = [] if vector is None else vector.keys() & query.keys()
            if shared and fits(rowid):
                hits.append((0.0 - sum(vector[i] * query[i] for i in shared), rowid))
        return [(rowid, distance) for distance, rowid in sorted(hits)[:k]]

    def found(self, query, where="k = 10", db=None):
        sql = f"SELECT rowid, distance FROM t WHERE words MATCH ? AND {where}"
        return (db or self.db).run(sql, sparse_text(query))

    def check(self, db=None, count=10):
        for _ in range(count):
            query = self.vector()
            self.assertEqual(self.found(query, db=db), self.truth(query, 10))
        (db or self.db).run("INSERT INTO t(t) VALUES('integrity-check')")

    def blocks(self):
        return self.db.one("SELECT count(*) FROM t_sparse")

    def unmerged(self):
        return self.db.one("SELECT count(*) FROM t_unmerged")


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

    def test_beside_a_text_that_ends(self):
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


class Writing(SparseCase):
    def write(self):
        """One random statement."""
        rowid = self.random.randint(1, 60)
        choice = self.random.random()
        if choice < 0.45 or rowid not in self.rows:
            self.put(rowid, self.vector() if self.random.random() < 0.9 else None)
        elif choice < 0.6:
            self.db.run("DELETE FROM t WHERE rowid = ?", rowid)
            del self.rows[rowid]
        elif choice < 0.75:
            vector = self.vector() if self.random.random() < 0.8 else None
            self.db.run("UPDATE t SET words = ? WHERE rowid = ?",
                        vector and sparse_text(vector), rowid)  # fmt: skip
            self.rows[rowid] = vector
        elif choice < 0.85:
            self.db.run("UPDATE t SET lang = 'fr' WHERE rowid = ?", rowid)
        elif choice < 0.95:
            to = self.random.randint(1, 60)
            self.db.run("UPDATE OR REPLACE t SET rowid = ? WHERE rowid = ?", to, rowid)
            self.rows[to] = self.rows.pop(rowid)
        else:
            command = self.random.choice(("optimize", "compact", "rebuild"))
            self.db.run(f"INSERT INTO t(t) VALUES('{command}')")

    def test_at_random(self):
        for seed in range(int(os.environ.get("NEARLITE_RUNS", 4))):
            self.random = random.Random(seed)
            self.db.run("DELETE FROM t")
            self.rows, kept = {}, []
            for _ in range(250):
                step = self.random.random()
                if step < 0.08:
                    self.db.run(f"SAVEPOINT s{len(kept)}")
                    kept.append(dict(self.rows))
                elif step < 0.13 and kept:
                    self.rows = dict(kept[-1])
                    self.db.run(f"ROLLBACK TO s{len(kept) - 1}")
                elif step < 0.2 and kept:
                    kept.pop()
                    self.db.run(f"RELEASE s{len(kept)}")
                elif step < 0.22 and kept:
                    self.rows = kept[0]
                    kept = []
                    self.db.run("ROLLBACK")
                else:
                    self.write()
                if self.random.random() < 0.2:
                    self.check(count=2)
            if kept:
                self.db.run("COMMIT")
            self.check()
            self.check(self.connect())

    def test_a_failing_statement_leaves_nothing(self):
        self.fill(600)
        self.db.run("BEGIN")
        self.put(5, {0: 3})
        for sql, code in (
            ("INSERT INTO t(rowid, words) SELECT 1000 + value, iif(value < 9, '{1:1}/50', 'bad')"
             " FROM json_each('[1,2,3,9]')", ERROR),
            ("INSERT INTO t(rowid, words) SELECT 601 - value, '{1:1}/50'"
             " FROM json_each('[0,-1,-2,2]')", CONSTRAINT),
            ("UPDATE t SET words = iif(rowid < 300, '{2:2}/50', 'bad')", ERROR),
        ):  # fmt: skip
            self.fails(code, self.db.run, sql)
            self.check(count=3)
        self.db.run("COMMIT")
        self.check()

    def test_a_row_that_cannot_be_noted_is_not_there(self):
        self.fill(3)
        self.db.run("BEGIN")
        self.db.run("DROP TABLE t_unmerged")
        for rowid in (None, 7):
            self.fails(ERROR, self.db.run, "INSERT INTO t(rowid, words) VALUES(?, '{1:1}/50')",
                       rowid, names=("t_unmerged",))  # fmt: skip
        self.fails(ERROR, self.db.run, "UPDATE t SET rowid = 9 WHERE rowid = 2")
        self.assertEqual(self.db.run("SELECT rowid FROM t"), [(1,), (2,), (3,)])
        self.db.run("ROLLBACK")
        self.check()

    def test_a_merge_that_is_taken_back(self):
        self.db.run("BEGIN")
        self.fill(600)
        self.db.run("SAVEPOINT s")
        self.db.run("INSERT INTO t(t) VALUES('optimize')")
        self.db.run("ROLLBACK TO s")
        self.assertEqual(self.unmerged(), 600)
        self.db.run("COMMIT")
        self.assertEqual(self.unmerged(), 0)
        self.check()

    def test_a_bulk_that_merges_on_its_way(self):
        self.db.run("BEGIN")
        self.fill(9_000)
        self.assertLess(self.unmerged(), 8_193)
        self.assertGreater(self.blocks(), 0)
        self.check(count=3)
        self.db.run("ROLLBACK")
        self.rows = {}
        self.check()
        self.assertEqual((self.blocks(), self.unmerged()), (0, 0))

    def test_blocks_are_split_and_go(self):
        self.db.run("PRAGMA page_size = 512")
        self.db.run("DROP TABLE t")
        self.db.run("VACUUM")
        self.create(self.db)
        order = list(range(1, 800))
        self.random.shuffle(order)
        for rowid in order:
            self.put(rowid, {0: rowid / 4, 3: 1})
            if rowid % 100 == 0:
                self.db.run("INSERT INTO t(t) VALUES('optimize')")
                self.check(count=2)
        self.db.run("INSERT INTO t(t) VALUES('optimize')")
        self.assertLessEqual(self.db.one("SELECT max(length(data)) FROM t_sparse"), 102)
        self.assertGreater(self.blocks(), 50)
        for rowid in order[:-3]:
            self.db.run("DELETE FROM t WHERE rowid = ?", rowid)
            del self.rows[rowid]
        self.db.run("INSERT INTO t(t) VALUES('optimize')")
        self.check()
        self.assertLessEqual(self.blocks(), 6)
        self.db.run("DELETE FROM t")
        self.db.run("INSERT INTO t(t) VALUES('optimize')")
        self.assertEqual(self.blocks(), 0)

    def test_another_connection(self):
        self.db.run("PRAGMA journal_mode = WAL")
        other = self.connect()
        self.fill(600)
        queries = [self.vector() for _ in range(10)]
        other.run("BEGIN")
        before = [self.found(query, db=other) for query in queries]
        self.assertEqual(before, [self.truth(query, 10) for query in queries])
        self.fill(600, first=300)
        self.assertEqual(before, [self.found(query, db=other) for query in queries])
        other.run("COMMIT")
        self.check(other)
        self.check()

    def test_the_same_statements_give_the_same_bytes(self):
        contents, digests = [], []
        for name in ("a.db", "b.db"):
            self.random = random.Random(4)
            db = self.connect(self.file(name))
            self.create(db)
            for rowid in range(1, 1200):
                self.put(rowid % 700, self.vector(), db)
            contents.append(db.run("SELECT * FROM t_sparse") + db.run("SELECT * FROM t_unmerged"))
            digests.append(db.one("SELECT nearlite_digest('t')"))
        self.assertEqual(*contents)
        self.assertEqual(*digests)
        db.run("UPDATE t SET words = '{1:1}/50' WHERE rowid = 5")
        self.assertNotEqual(db.one("SELECT nearlite_digest('t')"), digests[0])

    def test_after_vacuum(self):
        self.fill(700)
        self.db.run("DELETE FROM t WHERE rowid % 3 = 0")
        self.rows = {rowid: v for rowid, v in self.rows.items() if rowid % 3}
        self.db.run("VACUUM")
        self.check()
        self.db.run("VACUUM INTO ?", self.file("copy.db"))
        self.check(self.connect(self.file("copy.db")))


class Damage(SparseCase):
    def setUp(self):
        super().setUp()
        self.fill(600)
        self.query = {0: 1, 1: 1, 2: 1, 3: 1}

    def test_blocks(self):
        for change in (
            "UPDATE t_sparse SET data = zeroblob(9)", "UPDATE t_sparse SET data = x''",
            "UPDATE t_sparse SET data = substr(data, 1, length(data) - 1)",
            "UPDATE t_sparse SET data = 'text'", "UPDATE t_sparse SET data = NULL",
            "UPDATE t_sparse SET first = first - 1000000",
            "UPDATE t_sparse SET data = (SELECT data FROM t_sparse WHERE term = 9 LIMIT 1)",
        ):  # fmt: skip
            with self.subTest(change):
                self.db.run("BEGIN")
                self.db.run(change)
                self.fails(CORRUPT_VTAB, self.found, self.query, names=("t_sparse",))
                self.fails(CORRUPT_VTAB, self.db.run, "INSERT INTO t(t) VALUES('integrity-check')",
                           names=("t_sparse",))  # fmt: skip
                self.db.run("INSERT INTO t(t) VALUES('repair')")
                self.check(count=3)
                self.db.run("ROLLBACK")
        self.check()

    def test_what_only_a_check_finds(self):
        for change in (
            "DELETE FROM t_sparse WHERE term = 0",
            "INSERT INTO t_unmerged(rowid, merged) VALUES(7, NULL)",
            "INSERT INTO t_unmerged(rowid, merged) VALUES(7, vec_sparse('{1:77}/50'))",
            "UPDATE t_rows SET words = vec_sparse('{1:77}/50') WHERE rowid = 7",
            "UPDATE t_rows SET words = NULL WHERE rowid = 7",
            "UPDATE t_rows SET words = CAST(substr(words, 1, length(words) - 1) || x'42' AS BLOB)"
            " WHERE rowid = 7",
            "INSERT INTO t_rows(rowid, words) VALUES(1000, vec_sparse('{1:77}/50'))",
        ):  # fmt: skip
            with self.subTest(change):
                self.db.run("BEGIN")
                self.db.run(change)
                self.fails(CORRUPT_VTAB, self.db.run, "INSERT INTO t(t) VALUES('integrity-check')",
                           names=("t_sparse",))  # fmt: skip
                self.db.run("INSERT INTO t(t) VALUES('repair')")
                self.db.run("INSERT INTO t(t) VALUES('integrity-check')")
                self.db.run("ROLLBACK")
        self.check()

    def test_values(self):
        for value in ("x'0102'", "'{1:1}/50'", "12", "vec_sparse('{1:1}/49')"):
            with self.subTest(value):
                self.db.run("BEGIN")
                self.db.run(f"UPDATE t_rows SET words = {value} WHERE rowid = 7")
                self.fails(CORRUPT_VTAB, self.db.run, "INSERT INTO t(t) VALUES('integrity-check')",
                           names=("t_rows", "7"))  # fmt: skip
                self.db.run("DELETE FROM t WHERE rowid = 7")
                self.fails(CORRUPT_VTAB, self.db.run, "INSERT INTO t(t) VALUES('optimize')")
                self.fails(ERROR, self.db.run, "INSERT INTO t(words) VALUES('{1:1}/50')",
                           names=("roll back",))  # fmt: skip
                self.db.run("ROLLBACK")
                self.db.run("BEGIN")
                self.db.run(f"UPDATE t_rows SET words = {value} WHERE rowid = 7")
                self.db.run("DELETE FROM t WHERE rowid = 7")
                self.db.run("INSERT INTO t(t) VALUES('rebuild')")
                kept = self.rows.pop(7)
                self.check(count=3)
                self.rows[7] = kept
                self.db.run("ROLLBACK")
        self.check()

    def test_missing_tables(self):
        for table in ("t_sparse", "t_unmerged"):
            db = self.connect(self.file(table + ".db"))
            self.create(db)
            db.run("INSERT INTO t(words) VALUES('{1:1}/50')")
            db.run("DROP TABLE " + table)
            self.fails(ERROR, lambda: self.found({0: 1}, db=db), names=(table,))
            db.run("DROP TABLE t")
            self.assertEqual(db.one("SELECT count(*) FROM sqlite_master"), 0)


if __name__ == "__main__":
    main()
