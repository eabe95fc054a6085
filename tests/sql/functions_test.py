"""The scalar functions."""

import json
import math
import struct

from sqlcase import ERROR, SqlCase, SqlError, Vectors, blob, distance, f32, main, text, unblob


class Functions(SqlCase):
    def setUp(self):
        super().setUp()
        self.db = self.connect(":memory:")

    def test_distances(self):
        for dim in (1, 2, 3, 7, 8, 16, 33, 384):
            a, b = Vectors(dim, dim).list(2)
            for metric in ("l2", "cosine", "ip", "l1"):
                for first, second in ((blob(a), blob(b)), (text(a), blob(b)), (text(a), text(b))):
                    found = self.db.one(f"SELECT vec_distance_{metric}(?, ?)", first, second)
                    right = distance(metric, a, b)
                    self.assertAlmostEqual(
                        found, right, delta=1e-12 * (1 + abs(right)), msg=(dim, metric)
                    )
                self.assertEqual(
                    self.db.one(
                        f"SELECT vec_distance_{metric}(?1, ?2) =" f" vec_distance_{metric}(?2, ?1)",
                        blob(a),
                        blob(b),
                    ),
                    1,
                )

    def test_known_answers(self):
        for sql, right in (
            ("vec_distance_l2('[0,0]', '[3,4]')", 5.0),
            ("vec_distance_l1('[0,0]', '[3,-4]')", 7.0),
            ("vec_distance_ip('[1,2]', '[3,4]')", -11.0),
            ("vec_distance_cosine('[1,0]', '[0,1]')", 1.0),
            ("vec_distance_cosine('[1,0]', '[-1,0]')", 2.0),
            ("vec_distance_cosine('[0,0]', '[1,0]')", 1.0),
            ("vec_distance_cosine('[0,0]', '[0,0]')", 1.0),
            ("vec_distance_hamming(vec_bit(x'ff00'), vec_bit(x'0f01'))", 5.0),
            ("cosine_similarity('[1,0]', '[1,0]')", 1.0),
        ):
            with self.subTest(sql=sql):
                self.assertAlmostEqual(self.db.one("SELECT " + sql), right, places=12)

    def test_null_and_bad_arguments(self):
        self.assertIsNone(self.db.one("SELECT vec_distance_l2(NULL, '[1]')"))
        self.assertIsNone(self.db.one("SELECT vec_length(NULL)"))
        for sql in (
            "vec_distance_l2('[1]', '[1,2]')",
            "vec_distance_l2('[1]', 'x')",
            "vec_distance_l2('[1]', 1)",
            "vec_f32('[1,NaN]')",
            "vec_f32(x'000000')",
            "vec_length('[')",
            "vec_slice('[1,2]', 0, 3)",
            "vec_slice('[1,2]', -1, 1)",
            "vec_slice('[1,2]', 2, 1)",
            "vec_add('[1]', '[1,2]')",
            "vec_bit('[1,2]')",
        ):
            with self.subTest(sql=sql):
                self.fails(ERROR, self.db.run, "SELECT " + sql)

    def test_conversions(self):
        vector = [1.0, -2.5, 0.125, 100.0]
        self.assertEqual(self.db.one("SELECT vec_f32('[1,-2.5,0.125,100]')"), blob(vector))
        self.assertEqual(
            self.db.one("SELECT vec_f16('[1,-2.5,0.125,100]')"), struct.pack("<4e", *vector)
        )
        bf16 = b"".join(struct.pack("<f", x)[2:] for x in vector)
        self.assertEqual(self.db.one("SELECT vec_bf16('[1,-2.5,0.125,100]')"), bf16)
        self.assertEqual(
            self.db.one("SELECT vec_int8('[1,-2,127,-128]')"), struct.pack("<4b", 1, -2, 127, -128)
        )
        self.assertEqual(len(self.db.one("SELECT vec_bit('[1,0,1,0,1,0,1,1]')")), 1)
        self.assertEqual(json.loads(self.db.one("SELECT vec_to_json(?)", blob(vector))), vector)
        odd = f32([0.1, 1e-30, 3.3333333e37, -7.0])
        self.assertEqual(f32(json.loads(self.db.one("SELECT vec_to_json(?)", blob(odd)))), odd)

    def test_types_survive_a_call(self):
        for maker, name in (
            ("vec_f32", "float"),
            ("vec_f16", "float16"),
            ("vec_bf16", "bfloat16"),
            ("vec_int8", "int8"),
        ):
            self.assertIn(name, self.db.one(f"SELECT vec_type({maker}('[1,2,3]'))") + " " + name)
            self.assertEqual(self.db.one(f"SELECT vec_length({maker}('[1,2,3]'))"), 3)
            self.assertEqual(
                json.loads(self.db.one(f"SELECT vec_to_json({maker}('[1,2,3]'))")), [1, 2, 3]
            )
            self.assertAlmostEqual(
                self.db.one(f"SELECT vec_distance_l2({maker}('[1,2,3]'), {maker}('[1,2,5]'))"), 2
            )

    def test_a_column_keeps_its_type(self):
        for element, dim in (
            ("float", 8), ("float16", 8), ("bfloat16", 8), ("int8", 8), ("bit", 8)
        ):  # fmt: skip
            with self.subTest(element=element):
                name = "t_" + element
                self.db.run(f"CREATE VIRTUAL TABLE {name} USING hnsw(v {element}[{dim}])")
                self.db.run(f"INSERT INTO {name}(rowid, v) VALUES(1, '[1,1,0,0,1,0,1,0]')")
                found = self.db.run(
                    f"SELECT vec_type(v), vec_length(v), vec_to_json(v) FROM {name}"
                )
                vector = json.loads(found[0][2])
                self.assertEqual(found[0][:2], (element, dim))
                if element == "bit":
                    vector = [max(0, x) for x in vector]
                self.assertEqual(vector, [1, 1, 0, 0, 1, 0, 1, 0])
                near = self.db.run(
                    f"SELECT rowid FROM {name} WHERE v MATCH (SELECT v FROM {name}) AND k = 1"
                )
                self.assertEqual(near, [(1,)])

    def test_arithmetic(self):
        self.assertEqual(unblob(self.db.one("SELECT vec_add('[1,2]', '[3,5]')")), [4, 7])
        self.assertEqual(unblob(self.db.one("SELECT vec_sub('[1,2]', '[3,5]')")), [-2, -3])
        self.assertEqual(unblob(self.db.one("SELECT vec_slice('[1,2,3,4]', 1, 3)")), [2, 3])
        norm = unblob(self.db.one("SELECT vec_normalize('[3,4]')"))
        self.assertAlmostEqual(math.hypot(*norm), 1, places=6)
        self.assertAlmostEqual(norm[0], 0.6, places=6)
        self.assertEqual(self.db.column("SELECT value FROM vec_each('[5,6,7]')"), [5, 6, 7])
        self.assertEqual(
            self.db.one("SELECT vec_quantize_binary('[1,-1,1,1,-1,-1,-1,1]')"),
            self.db.one("SELECT vec_bit('[1,0,1,1,0,0,0,1]')"),
        )

    def test_the_locale_does_not_matter(self):
        import locale

        old = locale.setlocale(locale.LC_NUMERIC)
        for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8"):
            try:
                locale.setlocale(locale.LC_NUMERIC, name)
            except locale.Error:
                continue
            self.assertEqual(unblob(self.db.one("SELECT vec_f32('[0.5,1.25]')")), [0.5, 1.25])
        locale.setlocale(locale.LC_NUMERIC, old)

    def test_version(self):
        self.assertRegex(self.db.one("SELECT nearlite_version()"), r"\d+\.\d+\.\d+")

    def test_deterministic_functions_may_stand_in_an_index(self):
        self.db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
        self.db.run("CREATE INDEX i ON t(vec_length(v))")
        self.db.run("INSERT INTO t VALUES(1, '[1,2]'), (2, '[1]')")
        self.assertEqual(self.db.column("SELECT id FROM t WHERE vec_length(v) = 1"), [2])

    def test_innocuous_functions_work_under_an_untrusted_schema(self):
        self.db.run("CREATE TABLE t(v)")
        self.db.run("CREATE VIEW w AS SELECT vec_distance_l2(v, '[0,0]') AS d FROM t")
        self.db.run("INSERT INTO t VALUES('[3,4]')")
        self.db.run("PRAGMA trusted_schema = OFF")
        self.assertEqual(self.db.one("SELECT d FROM w"), 5)

    def test_functions_with_effects_do_not_work_in_views(self):
        self.db.run("CREATE VIRTUAL TABLE t USING hnsw(dim=2)")
        self.db.run("CREATE VIEW w AS SELECT hnsw_save()")
        with self.assertRaises(SqlError):
            self.db.run("SELECT * FROM w")


if __name__ == "__main__":
    main()
