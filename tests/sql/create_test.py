"""CREATE VIRTUAL TABLE … USING hnsw(…): which forms are accepted, and what is refused."""

import random

from sqlcase import ERROR, SqlCase, Vectors, blob, main

FULL = """CREATE VIRTUAL TABLE docs USING hnsw(
  embedding float[8] metric=l2,
  tenant text partition key,
  lang text, year integer, rating real, active boolean,
  +title text,
  m=16, ef_construction=200, ef_search=100, quantize=int8,
  tombstone_rebuild_pct=30, parallel_insert_threshold=256, persist=commit
)"""


class Create(SqlCase):
    def created(self, arguments, name="t"):
        db = self.connect()
        db.run(f"CREATE VIRTUAL TABLE {name} USING hnsw({arguments})")
        return db

    def stats(self, db, name="t"):
        import json

        return json.loads(db.one("SELECT nearlite_stats(?)", name))

    def test_short_form_defaults(self):
        db = self.created("")
        stats = self.stats(db)["indexes"][0]
        self.assertEqual(
            (stats["dim"], stats["m"], stats["ef_construction"], stats["metric"]),
            (384, 16, 200, "cosine"),
        )
        vector = Vectors(384).next()
        db.run("INSERT INTO t(embedding) VALUES(?)", blob(vector))
        self.assert_index(db, "t", {1: vector})

    def test_ef_is_ef_construction_and_default_of_ef_search(self):
        stats = self.stats(self.created("dim=4, ef=77"))["indexes"][0]
        self.assertEqual((stats["ef_construction"], stats["ef_search"]), (77, 77))
        db = self.connect(self.file("2.db"))
        db.run("CREATE VIRTUAL TABLE t USING hnsw(dim=4, ef=77, ef_search=33)")
        stats = self.stats(db)["indexes"][0]
        self.assertEqual((stats["ef_construction"], stats["ef_search"]), (77, 33))

    def test_blanks_quotes_and_comments(self):
        forms = [
            "dim=4,m=8",
            " dim = 4 , m = 8 ",
            "dim = '4', m = \"8\"",
            "DIM=4, M=8",
            "dim=4, -- the size\n m=8 -- of lists\n",
            "/* a */ dim /* b */ = /* c */ 4, m=8",
            "\n\tdim\n=\n4\n,\nm=8\n",
            "dim=4, m=8, path=''",
            "dim=4, m=8, metric='cosine'",
        ]
        for number, form in enumerate(forms):
            with self.subTest(form=form):
                db = self.connect(self.file(f"{number}.db"))
                db.run(f"CREATE VIRTUAL TABLE t USING hnsw({form})")
                stats = self.stats(db)["indexes"][0]
                self.assertEqual((stats["dim"], stats["m"]), (4, 8))
                db.run("INSERT INTO t(embedding) VALUES('[1,2,3,4]')")

    def test_if_not_exists(self):
        db = self.created("dim=4")
        db.run("CREATE VIRTUAL TABLE IF NOT EXISTS t USING hnsw(dim=5)")
        db.run("INSERT INTO t(embedding) VALUES('[1,2,3,4]')")
        self.fails(ERROR, db.run, "CREATE VIRTUAL TABLE t USING hnsw(dim=4)")

    def test_full_form(self):
        db = self.connect()
        db.run(FULL)
        vector = Vectors(8).next()
        db.run(
            "INSERT INTO docs(rowid, embedding, tenant, lang, year, rating, active, title)"
            " VALUES(7, ?, 'a', 'en', 2020, 4.5, 1, 'A title')",
            blob(vector),
        )
        self.assertEqual(
            db.run("SELECT rowid, tenant, lang, year, rating, active, title FROM docs"),
            [(7, "a", "en", 2020, 4.5, 1, "A title")],
        )
        db.close()
        db = self.connect()
        self.assertEqual(
            db.run("SELECT rowid, tenant, title, embedding FROM docs"),
            [(7, "a", "A title", blob(vector))],
        )

    def test_element_types_and_metrics(self):
        for element in ("float", "float16", "bfloat16", "int8"):
            for metric in ("cosine", "l2", "ip", "l1"):
                with self.subTest(element=element, metric=metric):
                    db = self.connect(self.file(f"{element}-{metric}.db"))
                    db.run(f"CREATE VIRTUAL TABLE t USING hnsw(v {element}[4] metric={metric})")
                    db.run("INSERT INTO t(v) VALUES('[1,2,3,4]'), ('[-4,3,2,1]')")
                    hits = db.run("SELECT rowid FROM t WHERE v MATCH '[1,2,3,5]' AND k = 2")
                    self.assertEqual(hits[0], (1,))
        db = self.connect(self.file("bit.db"))
        db.run("CREATE VIRTUAL TABLE t USING hnsw(v bit[16] metric=hamming)")
        db.run("INSERT INTO t(v) VALUES(x'ffff'), (x'00ff'), (x'0001')")
        self.assertEqual(
            db.run(
                "SELECT rowid, distance FROM t WHERE v MATCH x'0000' AND k = 3" " ORDER BY distance"
            ),
            [(3, 1.0), (2, 8.0), (1, 16.0)],
        )

    def test_several_vector_columns(self):
        db = self.created("a float[4] metric=l2, b float[3] metric=cosine, +note text")
        db.run(
            "INSERT INTO t(a, b, note) VALUES('[0,0,0,1]', '[1,0,0]', 'one'),"
            " ('[0,0,0,9]', '[0,1,0]', 'two'), (NULL, '[0,0.1,1]', 'three')"
        )
        self.assertEqual(
            db.run(
                "SELECT rowid, note FROM t WHERE a MATCH '[0,0,0,8]' AND k = 5" " ORDER BY distance"
            ),
            [(2, "two"), (1, "one")],
        )
        self.assertEqual(
            db.column("SELECT rowid FROM t WHERE b MATCH '[0,0,1]' AND k = 5" " ORDER BY distance")[
                0
            ],
            3,
        )

    def test_several_indexes(self):
        db = self.created("dim=2", "first")
        db.run("CREATE VIRTUAL TABLE second USING hnsw(dim=3)")
        db.run("INSERT INTO first(embedding) VALUES('[1,2]')")
        db.run("INSERT INTO second(embedding) VALUES('[1,2,3]'), ('[3,2,1]')")
        self.assertEqual(len(db.run("SELECT * FROM vss_knn('[1,2]', 9, 'first')")), 1)
        self.assertEqual(len(db.run("SELECT * FROM vss_knn('[1,2,3]', 9, 'second')")), 2)
        self.fails(ERROR, db.run, "SELECT * FROM vss_knn('[1,2]', 9)", names=["first", "second"])

    def test_odd_table_names(self):
        for number, name in enumerate(['"a b"', '"quote""d"', '"select"', "日本語", '"x.y"']):
            with self.subTest(name=name):
                db = self.connect(self.file(f"odd{number}.db"))
                db.run(f"CREATE VIRTUAL TABLE {name} USING hnsw(dim=2)")
                db.run(f"INSERT INTO {name}(embedding) VALUES('[1,2]'), ('[2,1]')")
                self.assertEqual(
                    db.column(f"SELECT rowid FROM {name} WHERE embedding MATCH '[2,1]' AND k = 1"),
                    [2],
                )
                db.run(f"INSERT INTO {name}({name}) VALUES('integrity-check')")
                db.run(f"DROP TABLE {name}")
                self.assertEqual(db.run("SELECT name FROM sqlite_schema"), [])

    def refused(self, arguments, *names):
        with self.subTest(arguments=arguments):
            db = self.connect(":memory:")
            self.fails(
                ERROR,
                db.run,
                f"CREATE VIRTUAL TABLE tab USING hnsw({arguments})",
                names=("tab",) + names,
            )
            self.assertEqual(db.run("SELECT name FROM sqlite_schema"), [])

    def test_refused_options(self):
        self.refused("dim=4, colour=3", "colour")
        self.refused("dim=4, dim=5", "dim")
        self.refused("dim=4, ef=10, ef_construction=20", "ef_construction")
        self.refused("dim=0", "dim", "0")
        self.refused("dim=-4", "dim")
        self.refused("dim=four", "dim", "four")
        self.refused("dim=4.5", "dim")
        self.refused("dim=", "dim")
        self.refused("dim=99999999999999999999", "dim")
        self.refused("dim=4, m=1", "m", "1")
        self.refused("dim=4, m=100000", "m", "100000")
        self.refused("dim=4, m=2147483648", "m")
        self.refused("dim=4, m=9223372036854775808", "m")
        self.refused("dim=4, ef=0", "0")
        self.refused("dim=4, ef_search=-1", "ef_search")
        self.refused("dim=4, metric=manhattan", "manhattan")
        self.refused("dim=4, quantize=int3", "int3")
        self.refused("dim=4, tombstone_rebuild_pct=101", "101")
        self.refused("dim=4, persist=sometimes", "sometimes")

    def test_refused_columns(self):
        self.refused("v float[0]", "0")
        self.refused("v float[-1]")
        self.refused("v float[4] metric=hamming", "hamming")
        self.refused("v bit[7]")
        self.refused("v double[4]", "double")
        self.refused("v float[4], v float[4]", "v")
        self.refused("v float[4], V text", "V")
        self.refused("v float[4], distance real", "distance")
        self.refused("v float[4], k integer", "k")
        self.refused("v float[4], x date", "date")
        self.refused("v float[4], dim=5")

    def test_a_path_that_leaves_the_folder_is_refused(self):
        for path in ("/tmp/x.idx", "../x.idx", "a/b.idx"):
            self.refused(f"dim=4, path='{path}'", path)

    def test_bits_take_little_room(self):
        # R100 asks for 600 bytes a row of 1,536 dimensions. The vector has 192, the rest is links.
        db = self.connect()
        db.run("CREATE VIRTUAL TABLE t USING hnsw(v bit[1536])")
        random.seed(1)
        db.run("BEGIN")
        for _ in range(2000):
            db.run("INSERT INTO t(v) VALUES(?)", random.randbytes(192))
        db.run("COMMIT")
        size = db.one("PRAGMA page_count") * db.one("PRAGMA page_size")
        self.assertGreater(size, 2000 * 192)
        self.assertLess(size, 2000 * 400)


if __name__ == "__main__":
    main()
