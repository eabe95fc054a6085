"""libSQL's names: each there only where no one else has it, and what they answer."""

import os
import struct

from sqlcase import ERROR, Connection, SqlCase, Vectors, apsw_only, blob, main, nearest, text


class Functions(SqlCase):
    def setUp(self):
        super().setUp()
        self.db = self.connect(":memory:")

    def test_vector_makes_float32(self):
        for name in ("vector", "vector32"):
            with self.subTest(name=name):
                right = struct.pack("<3f", 1, -2.5, 0)
                self.assertEqual(self.db.one(f"SELECT {name}(' [ 1, -2.5, 0 ] ')"), right)
                self.assertEqual(self.db.one(f"SELECT {name}(?)", right), right)
                self.assertIsNone(self.db.one(f"SELECT {name}(NULL)"))
                for bad in ("1", "1.5", "''", "'x'", "'[1'", "'[1]]'", "x'000000'"):
                    self.fails(ERROR, self.db.run, f"SELECT {name}({bad})", names=[name])

    def test_distances_are_those_of_the_index(self):
        a, b = Vectors(33, 5).list(2)
        for ours, theirs in (("cosine", "cos"), ("l2", "l2")):
            self.assertEqual(
                self.db.one(f"SELECT vector_distance_{theirs}(?, ?)", blob(a), text(b)),
                self.db.one(f"SELECT vec_distance_{ours}(?, ?)", blob(a), text(b)),
            )
        self.assertEqual(self.db.one("SELECT vector_distance_cos('[1,1]', '[-1,-1]')"), 2.0)
        self.assertEqual(self.db.one("SELECT vector_distance_l2('[0,0]', '[3,4]')"), 5.0)
        self.fails(
            ERROR,
            self.db.run,
            "SELECT vector_distance_cos('[1,2,3]', '[1,2]')",
            names=["vector_distance_cos", 3, 2],
        )

    def test_extract_is_json(self):
        one = self.db.one
        self.assertEqual(one("SELECT vector_extract(vector32('[1, 2, 3]'))"), "[1,2,3]")
        self.assertEqual(one("SELECT vector_extract(x'E6ED8C3F')"), "[1.1010101]")
        self.assertEqual(one("SELECT typeof(vector_extract('[1]'))"), "text")


class TopK(SqlCase):
    def setUp(self):
        super().setUp()
        self.db = self.connect()
        self.db.run("CREATE VIRTUAL TABLE docs USING hnsw(embedding float[12], m=8)")
        self.rows = self.fill(self.db, "docs", 300, 12)
        self.query = Vectors(12, 99).next()

    def test_answers(self):
        expected = nearest("cosine", self.rows, self.query, 7)
        found = self.db.run(
            "SELECT id, distance FROM vector_top_k('docs', vector32(?), 7)", text(self.query)
        )
        self.assert_hits(found, expected)
        for name in ("docs.embedding", "main.docs", "main.docs.embedding"):
            self.assertEqual(
                self.db.column("SELECT id FROM vector_top_k(?, ?, 7)", name, blob(self.query)),
                [rowid for rowid, _ in found],
            )

    def test_one_column_is_visible(self):
        ids = self.db.run("SELECT * FROM vector_top_k('docs', ?, 3)", blob(self.query))
        self.assertEqual({len(row) for row in ids}, {1})
        rows = self.db.column(
            "SELECT rowid FROM docs WHERE rowid IN vector_top_k('docs', ?, 3)", blob(self.query)
        )
        self.assertEqual(sorted(rows), sorted(row[0] for row in ids))
        self.assertEqual(
            self.db.column("SELECT rowid FROM vector_top_k('docs', ?, 3)", blob(self.query)),
            [row[0] for row in ids],
        )

    def test_joined_and_ordered(self):
        expected = nearest("cosine", self.rows, self.query, 5)
        found = self.db.run(
            "WITH q(v) AS (SELECT vector32(?)) SELECT d.rowid, k.distance FROM q,"
            " vector_top_k('docs', q.v, 5) k JOIN docs d ON d.rowid = k.id ORDER BY k.distance",
            text(self.query),
        )
        self.assert_hits(found, expected)

    def test_a_changed_row_is_found_where_it_is(self):
        self.db.run("BEGIN")
        self.db.run("UPDATE docs SET embedding = ? WHERE rowid = 250", blob(self.query))
        top = "SELECT id, distance FROM vector_top_k('docs', ?, 1)"
        self.assertEqual(self.db.run(top, blob(self.query)), [(250, 0.0)])
        self.db.run("DELETE FROM docs WHERE rowid = 250")
        self.assertNotEqual(self.db.run(top, blob(self.query))[0][0], 250)
        self.db.run("ROLLBACK")

    def test_k(self):
        count = "SELECT count(*) FROM vector_top_k('docs', ?, ?)"
        for k, right in ((0, 0), (1, 1), (300, 300), (5000, 300)):
            self.assertEqual(self.db.one(count, blob(self.query), k), right)
        for k in (-1, 1.5, "x"):
            self.fails(ERROR, self.db.run, count, blob(self.query), k, names=["k"])

    def test_bad_arguments(self):
        for arguments, names in (
            ("'nope', '[1]', 1", ["nope"]),
            ("'docs', '[1]', 1", ["docs", 12]),
            ("'docs', 'x', 1", ["docs"]),
            ("'docs', 3, 1", ["docs"]),
            ("'docs', '[1]'", ["vector_top_k"]),
            ("'docs'", ["vector_top_k"]),
        ):
            with self.subTest(arguments=arguments):
                sql = f"SELECT id FROM vector_top_k({arguments})"
                self.fails(ERROR, self.db.run, sql, names=names)
        self.fails(ERROR, self.db.run, "SELECT * FROM vector_top_k", names=["vector_top_k"])


class Taken(SqlCase):
    def test_a_name_in_use_stays_what_it_was(self):
        db = Connection(":memory:", load=False)
        self.addCleanup(db.close)
        create = getattr(db.db, "create_scalar_function", None) or db.db.create_function
        if hasattr(db.db, "create_scalar_function"):
            create("VECTOR32", lambda x: "theirs", 1)
            create("vector_extract", lambda x, y: "theirs", 2)
        else:
            create("VECTOR32", 1, lambda x: "theirs")
            create("vector_extract", 2, lambda x, y: "theirs")
        db.call(lambda: db.db.load_extension(os.environ["NEARLITE_EXTENSION"]))
        self.assertEqual(db.one("SELECT vector32('[1]')"), "theirs")
        self.assertEqual(db.one("SELECT vector_extract('[1]', 2)"), "theirs")
        self.fails(ERROR, db.run, "SELECT vector_extract('[1]')")
        self.assertEqual(db.one("SELECT hex(vector('[1]'))"), "0000803F")

    @apsw_only
    def test_a_module_in_use_stays_what_it_was(self):
        class Module:
            def Connect(self, *_):
                return "CREATE TABLE x(theirs)", None

        db = Connection(":memory:", load=False)
        self.addCleanup(db.close)
        db.db.create_module("Vector_Top_K", Module(), eponymous_only=True)
        db.call(lambda: db.db.load_extension(os.environ["NEARLITE_EXTENSION"]))
        self.fails(ERROR, db.run, "SELECT id FROM vector_top_k('a', '[1]', 1)")
        self.assertEqual(
            db.column("SELECT name FROM pragma_module_list WHERE name LIKE 'vector_top_k'"),
            ["Vector_Top_K"],
        )


if __name__ == "__main__":
    main()
