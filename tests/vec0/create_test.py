"""CREATE VIRTUAL TABLE … USING vec0(…): what is taken, and how the rest is refused."""

from vec0case import Vec0Case, main

WRONG = "vec0 constructor error: "


class Create(Vec0Case):
    def setUp(self):
        super().setUp()
        self.db = self.connect(":memory:")

    def create(self, arguments, table="t"):
        self.db.run(f"CREATE VIRTUAL TABLE {table} USING vec0({arguments})")

    def columns(self, arguments):
        self.create(arguments)
        found = self.db.run("SELECT name, pk, hidden FROM pragma_table_xinfo('t')")
        self.db.run("DROP TABLE t")
        return [(name, pk) for name, pk, hidden in found if not hidden]

    def wrong(self, message, arguments):
        sql = f"CREATE VIRTUAL TABLE t USING vec0({arguments})"
        self.refuses(self.db, WRONG + message, sql)
        self.assertEqual(self.db.column("SELECT name FROM sqlite_master"), [], arguments)

    def test_types_dimensions_and_metrics(self):
        for column in (
            "v float[1]",
            "v float[8192]",
            "v FLOAT[3]",
            "v float32[3]",
            "v f32[3]",
            "v float [3]",
            "v int8[3]",
            "v i8[3]",
            "v bit[8]",
            "v float[3] distance_metric=cosine",
            "v float[3] distance_metric = L2",
            "v int8[3] DISTANCE_METRIC=l1",
            "v bit[8] distance_metric=hamming",
        ):
            self.assertEqual(self.columns(column), [("rowid", 0), ("v", 0)], column)

    def test_the_key_comes_first(self):
        self.assertEqual(self.columns("v float[2]"), [("rowid", 0), ("v", 0)])
        for key in ("id integer primary key", "id INT PRIMARY KEY", "id text primary key"):
            self.assertEqual(self.columns(f"{key}, v float[2]"), [("id", 1), ("v", 0)])
            self.assertEqual(self.columns(f"v float[2], {key}"), [("id", 1), ("v", 0)])
        named = self.columns("rowid integer primary key, v float[2]")
        self.assertEqual(named, [("rowid", 1), ("v", 0)])

    def test_other_columns_in_their_order(self):
        text = """p integer partition key, v float[2] distance_metric=cosine, m text, +a blob,
          b boolean, b2 bool, n int, n2 integer, f float, d double, r real,
          q TEXT PARTITION KEY, w bit[8], +free, chunk_size=1024"""
        names = [name for name, _ in self.columns(text)]
        self.assertEqual(names, ["rowid", *"p v m a b b2 n n2 f d r q w free".split()])

    def test_limits(self):
        vectors = ", ".join(f"v{i} float[2]" for i in range(16))
        for what, column, limit in (
            ("vector", "x{} int8[2]", 0),
            ("partition key", "x{} text partition key", 4),
            ("metadata", "x{} text", 16),
            ("auxiliary", "+x{} text", 16),
        ):
            full = [column.format(i) for i in range(limit)]
            self.columns(", ".join([vectors, *full]))
            more = ", ".join([vectors, *full, column.format(limit)])
            sql = f"CREATE VIRTUAL TABLE t USING vec0({more})"
            self.refuses(self.db, what, sql)

    def test_vector_columns_refused(self):
        for column in ("v float[]", "v float[0]", "v float[-1]", "v float[a]", "v double[3]"):
            self.wrong(f"could not parse vector column '{column}'", column)
        for option in (
            "distance_metric",
            "distance_metric=ip",
            "metric=l2",
            "garbage",
            "distance_metric=hamming",
        ):
            self.wrong(
                f"could not parse vector column 'v float[3] {option}'", f"v float[3] {option}"
            )
        self.wrong("could not parse vector column", "v bit[8] distance_metric=l2")
        message = "Dimension on vector column too large, provided 8193, maximum 8192"
        self.wrong(message, "v float[8193]")
        self.wrong("the dimensions of a bit vector must be divisible by 8", "v bit[9]")
        self.wrong("At least one vector column is required", "")
        self.wrong("At least one vector column is required", "m text")
        self.wrong("At least one vector column is required", "v float")

    def test_other_arguments_refused(self):
        v = "v float[3], "
        self.wrong("Unknown table option: foo", v + "foo=8")
        self.wrong("Unknown table option: m", v + "m blob")
        self.wrong("Could not parse 'foo'", v + "foo")
        self.wrong("could not parse table option 'id real primary key'", v + "id real primary key")
        self.wrong(
            "could not parse table option 'p real partition key'", v + "p real partition key"
        )
        message = "More than one primary key definition was provided"
        self.wrong(message, v + "a integer primary key, b text primary key")
        for name in ("v", "V", "distance", "k", "rowid"):
            message = f"could not declare virtual table, 'duplicate column name: {name}'"
            self.wrong(message, f"{v} {name} text")
        self.wrong("Could not parse", v + "m te*xt")
        self.wrong("a column's name must be 1 to 255 bytes", v + "n" * 256 + " text")

    def test_chunk_size_is_checked_and_means_nothing(self):
        for good in ("chunk_size=8", "chunk_size = 4096", "CHUNK_SIZE=16"):
            self.columns(f"v float[3], {good}")
        for size, message in (
            ("0", "chunk_size must be a non-zero positive integer"),
            ("abc", "chunk_size must be a non-zero positive integer"),
            ("9", "chunk_size must be divisible by 8"),
            ("8192", "chunk_size too large"),
        ):
            self.wrong(message, f"v float[3], chunk_size={size}")

    def test_indexed_by(self):
        for method in (
            "flat",
            "FLAT()",
            "rescore(quantizer=bit)",
            "rescore(quantizer=int8, oversample=16)",
            "diskann(neighbor_quantizer=binary, n_neighbors=48)",
            "ivf(nlist=128, nprobe=16)",
            "ivf",
            "hnsw",
            "hnsw(m=8, ef_construction=64, ef_search=32)",
            "hnsw(M=8, ef=64)",
        ):
            self.columns(f"v float[8] INDEXED BY {method}, w float[2]")
            self.columns(f"v float[8] distance_metric=cosine indexed by {method}")
        for method, message in (
            ("tree", "INDEXED BY must be flat, hnsw, rescore, diskann or ivf, got 'tree'"),
            ("hnsw(m=1000)", "m must be a whole number between 2 and 128"),
            ("hnsw(width=5)", "INDEXED BY hnsw takes m, ef_construction and ef_search"),
            ("hnsw(m", "could not parse"),
            ("ivf(nlist)", "could not parse"),
            ("ivf(nlist=)", "could not parse"),
        ):
            bracket = ")" if method.count("(") > method.count(")") else ""
            sql = f"CREATE VIRTUAL TABLE t USING vec0(v float[8] INDEXED BY {method}{bracket})"
            self.refuses(self.db, message, sql)

    def test_names_that_are_ours_elsewhere_are_free_here(self):
        names = "node_id node_id2 filter exact ef_search rank touched_row t t_rows select".split()
        columns = ", ".join(f'"{name}" text' for name in names)
        self.create(f"v float[2], {columns}, +oid text")
        values = [f"value of {name}" for name in names]
        marks = ", ".join("?" * len(names))
        self.db.run(f"INSERT INTO t VALUES(1, '[1, 2]', {marks}, 'o')", *values)
        self.assertEqual(self.db.run("SELECT * FROM t")[0][2:], (*values, "o"))
        found = "SELECT count(*) FROM t WHERE v MATCH '[0, 0]' AND k = 9"
        for name, value in zip(names, values):
            self.assertEqual(self.db.one(f'{found} AND "{name}" = ?', value), 1, name)
            self.assertEqual(self.db.one(f'{found} AND "{name}" = ?', "other"), 0, name)
        self.db.run("UPDATE t SET node_id = 'new', oid = 'p' WHERE filter = 'value of filter'")
        self.assertEqual(self.db.run("SELECT node_id, oid FROM t"), [("new", "p")])

    def test_hidden_columns_of_ours_where_their_names_are_free(self):
        self.create("v float[2], exact text, n int")
        self.db.run("INSERT INTO t(v, exact, n) VALUES('[0, 1]', 'x', 1), ('[0, 2]', 'y', 2)")
        found = "SELECT n FROM t WHERE v MATCH '[0, 0]' AND k = 1"
        self.assertEqual(self.db.column(f"{found} AND exact = 'y' AND ef_search = 50"), [2])
        self.assertEqual(self.db.column(f"{found} AND filter = ?", "n > 1 OR n IS NULL"), [2])
        self.assertEqual(self.db.column("SELECT name FROM pragma_table_info('t')")[-1], "n")

    def test_tables_called_like_hidden_columns(self):
        for table in ("k", "distance", "filter", "rowid", "vec0"):
            self.create("v float[2]", table)
            self.db.run(f"INSERT INTO {table}(v) VALUES('[1, 2]')")
            found = f"SELECT count(*) FROM {table} WHERE v MATCH '[1, 2]' AND k = 1"
            self.assertEqual(self.db.one(found), 1)

    def test_quoted_names_comments_and_blanks(self):
        self.create('"the vector" float[2], -- a comment\n `m x` text /* more */ , [n] int,', "u")
        names = self.db.column("SELECT name FROM pragma_table_info('u')")
        self.assertEqual(names, ["rowid", "the vector", "m x", "n"])

    def test_if_not_exists_and_other_schemas(self):
        self.create("v float[2]", "temp.t")
        self.db.run("CREATE VIRTUAL TABLE IF NOT EXISTS temp.t USING vec0(v float[3])")
        self.db.run("ATTACH ':memory:' AS other")
        self.create("v float[2]", "other.t")
        self.db.run("INSERT INTO other.t(v) VALUES('[1, 2]')")
        self.assertEqual(self.db.one("SELECT count(*) FROM other.t"), 1)
        self.assertEqual(self.db.one("SELECT count(*) FROM temp.t"), 0)


if __name__ == "__main__":
    main()
