"""pgvector's dialect with CREATE INDEX … USING hnsw: the scenarios of pgvector's regression tests
for hnsw that make sense here, in our words, and random queries against the exact scan."""

import random

from dialectcase import DialectCase
from sqlcase import SqlError, main


class RegressionTest(DialectCase):
    """One table with an index of each operator class. pgvector's index leaves out rows with NULL;
    here a query has them, last, as it has them without an index."""

    def make(self, kind, operator_class, values, options=""):
        self.pg(f"CREATE TABLE t (id bigserial PRIMARY KEY, val {kind}(3))")
        rows = ", ".join(f"({value})" for value in values)
        self.pg(f"INSERT INTO t (val) VALUES {rows}")
        self.pg(f"CREATE INDEX ON t USING hnsw (val {operator_class}) {options}")

    def order(self, operator, query, limit=10):
        sql = f"SELECT val FROM t ORDER BY val {operator} {query} LIMIT {limit}"
        self.assert_by_index(sql)
        return self.ids(sql)

    def check(self, kind):
        first = ["'[0,0,0]'", "'[1,2,3]'", "'[1,1,1]'", "NULL"]
        with self.subTest(kind=kind, operator="<->"):
            self.make(kind, kind + "_l2_ops", first)
            self.pg("INSERT INTO t (val) VALUES ('[1,2,4]')")
            self.assertEqual(self.order("<->", "'[3,3,3]'"),
                             ["[1,2,3]", "[1,2,4]", "[1,1,1]", "[0,0,0]", None])  # fmt: skip
            self.assertEqual(self.order("<->", "'[3,3,3]'", 2), ["[1,2,3]", "[1,2,4]"])
            self.assertEqual(len(self.order("<->", f"(SELECT NULL::{kind})")), 5)
            self.assertEqual(len(self.order("<->", "NULL", 3)), 3)
            self.pg("TRUNCATE t")
            self.assertEqual(self.order("<->", "'[3,3,3]'"), [])
            self.pg("DROP TABLE t_val_idx")
            self.pg("DROP TABLE t")
        with self.subTest(kind=kind, operator="<#>"):
            self.make(kind, kind + "_ip_ops", first)
            self.pg("INSERT INTO t (val) VALUES ('[1,2,4]')")
            self.assertEqual(self.order("<#>", "'[3,3,3]'"),
                             ["[1,2,4]", "[1,2,3]", "[1,1,1]", "[0,0,0]", None])  # fmt: skip
            self.pg("DROP INDEX t_val_idx")
            self.pg("DROP TABLE t")
        with self.subTest(kind=kind, operator="<=>"):
            self.make(kind, kind + "_cosine_ops", first)
            self.pg("INSERT INTO t (val) VALUES ('[1,2,4]')")
            # The zero vector has distance 1 to everything (pgvector: NaN, behind all others).
            self.assertEqual(self.order("<=>", "'[3,3,3]'"),
                             ["[1,1,1]", "[1,2,3]", "[1,2,4]", "[0,0,0]", None])  # fmt: skip
            self.assertEqual(len(self.order("<=>", "'[0,0,0]'")), 5)
            self.pg("DROP INDEX t_val_idx")
            self.pg("DROP TABLE t")
        with self.subTest(kind=kind, operator="<+>"):
            self.make(kind, kind + "_l1_ops", first)
            self.pg("INSERT INTO t (val) VALUES ('[1,2,4]')")
            rows = self.order("<+>", "'[3,3,3]'")
            self.assertEqual(set(rows[:2]), {"[1,2,3]", "[1,2,4]"})
            self.assertEqual(rows[2:], ["[1,1,1]", "[0,0,0]", None])
            self.pg("DROP INDEX t_val_idx")
            self.pg("DROP TABLE t")

    def test_vector(self):
        self.check("vector")

    def test_halfvec(self):
        self.check("halfvec")

    def test_bit(self):
        self.pg("CREATE TABLE t (id bigserial PRIMARY KEY, val bit(8))")
        self.pg("INSERT INTO t (val) VALUES ('00000000'), (B'11100000'), ('11111111'), (NULL)")
        self.pg("CREATE INDEX ON t USING hnsw (val bit_hamming_ops)")
        self.pg("INSERT INTO t (val) VALUES ('11110000')")
        sql = "SELECT val, val <~> {0} AS d FROM t ORDER BY val <~> {0} LIMIT 10"
        expected = [("11110000", 1.0), ("11100000", 2.0), ("11111111", 3.0), ("00000000", 5.0),
                    (None, None)]  # fmt: skip
        for query in ["'11111000'", "B'11111000'", "'11111000'::bit(8)"]:
            self.assert_by_index(sql.format(query))
            self.assertEqual(self.pg(sql.format(query)), expected)
        self.assertEqual(self.db.one("SELECT nearlite_check('t_val_idx')"), "ok")
        self.assert_refused("SELECT id FROM t ORDER BY val <~> '1111' LIMIT 1", "8", "4")
        self.assert_exact("SELECT id FROM t ORDER BY val <%> '11111000' LIMIT 1")
        with self.assertRaises(SqlError):
            self.pg("INSERT INTO t (val) VALUES ('111')")

    def test_empty_table(self):
        self.make("vector", "vector_l2_ops", ["NULL"])
        self.pg("DELETE FROM t")
        self.assertEqual(self.order("<->", "'[1,2,3]'"), [])

    def test_dimensions(self):
        self.make("vector", "vector_l2_ops", ["'[1,2,3]'"])
        with self.assertRaises(SqlError):
            self.pg("INSERT INTO t (val) VALUES ('[1,2]')")
        self.assert_refused("SELECT id FROM t ORDER BY val <-> '[1,2]' LIMIT 1", "3", "2")
        self.pg("CREATE TABLE u (id bigserial PRIMARY KEY, val vector)")
        self.assert_refused("CREATE INDEX ON u USING hnsw (val vector_l2_ops)", "dimensions")
        self.pg("INSERT INTO u (val) VALUES ('[1,2]')")
        self.pg("CREATE INDEX ON u USING hnsw ((val::vector(2)) vector_l2_ops)")
        self.assertEqual(self.ids("SELECT id FROM u ORDER BY val <-> '[1,2]' LIMIT 1"), [1])

    def test_options(self):
        self.make("vector", "vector_l2_ops", ["'[1,2,3]'"], "WITH (m = 8, ef_construction = 40)")
        [(sql,)] = self.db.run("SELECT sql FROM sqlite_master WHERE name = 't_val_idx'")
        self.assertIn("m=8, ef_construction=40", sql)
        index = "CREATE INDEX bad ON t USING hnsw (val vector_l2_ops) WITH "
        for options in ["(m = 1)", "(m = 129)", "(ef_construction = 0)",
                        "(ef_construction = 10001)", "(m = 16, lists = 1)"]:  # fmt: skip
            self.assert_refused(index + options, options.split()[0].strip("(").split("=")[0])
        self.assertEqual(self.db.one("SELECT count(*) FROM sqlite_master WHERE name = 'bad'"), 0)

    def test_ef_search_and_iteration(self):
        self.make("vector", "vector_l2_ops", ["'[0,0,0]'", "'[1,2,3]'", "'[1,1,1]'"])
        self.pg("SET hnsw.ef_search = 1")
        for scan in ["off", "strict_order", "relaxed_order"]:
            self.pg(f"SET hnsw.iterative_scan = {scan}")
            # pgvector would return one row with "off": here LIMIT is always met.
            self.assertEqual(self.order("<->", "'[3,3,3]'"), ["[1,2,3]", "[1,1,1]", "[0,0,0]"])

    def test_exact_on_demand(self):
        self.make("vector", "vector_l2_ops", ["'[0,0,0]'", "'[1,2,3]'"])
        stats = "SELECT json_extract(nearlite_stats('t_val_idx'), '$.indexes[0].last_path')"
        self.db.run("BEGIN")
        self.pg("SET LOCAL enable_indexscan = off")
        self.assertEqual(self.order("<->", "'[3,3,3]'"), ["[1,2,3]", "[0,0,0]"])
        self.assertEqual(self.db.one(stats), "exact")
        self.db.run("COMMIT")
        self.assertEqual(self.pg("SHOW enable_indexscan"), [("on",)])

    def test_concurrently_if_not_exists_reindex_rename(self):
        self.make("vector", "vector_l2_ops", ["'[1,2,3]'"])
        again = "CREATE INDEX CONCURRENTLY IF NOT EXISTS t_val_idx ON t USING hnsw"
        self.pg(again + " (val vector_l2_ops)")
        self.pg("CREATE INDEX ON t USING hnsw (val vector_cosine_ops)")
        names = self.db.column("SELECT name FROM sqlite_master WHERE sql LIKE '%USING hnsw%'")
        self.assertEqual(sorted(names), ["t_val_idx", "t_val_idx1"])
        self.pg("REINDEX INDEX CONCURRENTLY t_val_idx")
        self.pg("ALTER INDEX t_val_idx RENAME TO near")
        self.assertEqual(self.order("<->", "'[1,2,3]'"), ["[1,2,3]"])
        self.assertEqual(self.order("<=>", "'[1,2,3]'"), ["[1,2,3]"])
        self.pg("DROP INDEX CONCURRENTLY IF EXISTS near")
        self.pg("DROP INDEX IF EXISTS near")
        self.assert_exact("SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 1")
        self.assertEqual(self.order("<=>", "'[1,2,3]'"), ["[1,2,3]"])
        with self.assertRaises(SqlError):
            self.pg("DROP INDEX near")

    def test_renamed_table_and_column(self):
        self.make("vector", "vector_l2_ops", ["'[1,2,3]'", "'[0,0,0]'"])
        self.db.run("ALTER TABLE t RENAME TO things")
        self.db.run("ALTER TABLE things RENAME COLUMN val TO v")
        sql = "SELECT id FROM things ORDER BY v <-> '[1,2,3]' LIMIT 2"
        self.assert_by_index(sql)
        self.assertEqual(self.ids(sql), [1, 2])

    def test_ordinary_indexes(self):
        self.make("vector", "vector_l2_ops", ["'[1,2,3]'"])
        self.pg("CREATE INDEX CONCURRENTLY ON t USING btree (id)")
        self.assertEqual(
            self.db.column("SELECT name FROM sqlite_master WHERE type = 'index'"), ["t_id_idx"]
        )
        self.pg("DROP INDEX CONCURRENTLY t_id_idx")
        self.assertEqual(self.db.run("SELECT 1 FROM sqlite_master WHERE type = 'index'"), [])


class RowsTest(DialectCase):
    """What a row may hold, and who writes it."""

    def setUp(self):
        super().setUp()
        self.pg("CREATE TABLE items (id bigserial PRIMARY KEY, embedding vector(2), price real)")
        self.pg("CREATE INDEX ix ON items USING hnsw (embedding vector_l2_ops)")

    def test_all_rows_come_once_in_order(self):
        source = random.Random(3)
        for number in range(300):
            value = None if number % 7 == 0 else f"[{source.random()},{source.random()}]"
            self.pg("INSERT INTO items (embedding, price) VALUES ($1, $2)", value, number)
        exact = self.ids("SELECT id FROM items ORDER BY embedding <-> '[0,0]', id")
        for limit in [1, 10, 64, 65, 299, 300, 500]:
            sql = f"SELECT id FROM items ORDER BY embedding <-> '[0,0]' LIMIT {limit}"
            self.assertEqual(self.ids(sql), exact[:limit])
            filtered = sql.replace("ORDER", "WHERE price >= 0 ORDER")
            self.assertEqual(self.ids(filtered), exact[:limit])
        self.assertEqual(
            self.ids("SELECT id FROM items ORDER BY embedding <-> '[0,0]' LIMIT $1 OFFSET $2",
                     10, 5), exact[5:15])  # fmt: skip

    def test_inside_the_writing_transaction(self):
        self.db.run("BEGIN")
        self.pg("INSERT INTO items (embedding) VALUES ('[1,1]'), ('[2,2]')")
        sql = "SELECT id FROM items ORDER BY embedding <-> '[2,2]' LIMIT 1"
        self.assertEqual(self.ids(sql), [2])
        self.pg("UPDATE items SET embedding = '[9,9]' WHERE id = 2")
        self.assertEqual(self.ids(sql), [1])
        self.db.run("ROLLBACK")
        self.assertEqual(self.ids(sql), [])

    def test_parameters_of_every_kind(self):
        self.pg("INSERT INTO items (embedding, price) VALUES ('[1,1]', 1), ('[2,2]', 2), (?, 3)",
                "[3,3]")  # fmt: skip
        tail = "FROM items WHERE price > {} ORDER BY embedding <-> {} LIMIT {}"
        for sql, values in [
            ("SELECT id, {} AS a " + tail, ("?", "?", "?", "?")),
            ("SELECT id, {} AS a " + tail, ("$1", "$2", "$3", "$4")),
            ("SELECT id, {} AS a " + tail, ("?1", "?2", "?3::vector(2)", "?4")),
        ]:
            rows = self.pg(sql.format(*values), "x", 1, "[3,3]", 2)
            self.assertEqual(rows, [(3, "x"), (2, "x")], sql)
        alias = "SELECT id, embedding <-> ? AS d FROM items WHERE price > ? ORDER BY d LIMIT ?"
        self.assert_by_index(alias.replace("?", "'[1,1]'", 1).replace("?", "1"))
        self.assertEqual(self.pg(alias, "[1,1]", 1, 1), [(2, 2**0.5)])
        named = "SELECT id FROM items WHERE price > :p ORDER BY embedding <-> :q LIMIT :n"
        self.assertEqual(self.db.run(self.translate(named), p=1, q="[3,3]", n=1), [(3,)])


# What a random query is made of: {q} is the query vector.
ORDERS = ["embedding {op} {q}", "i.embedding {op} {q}::vector(3)", "({q} {op} embedding)", "d"]
SOURCES = [
    "items i",
    "items i JOIN tags t ON t.item = i.id",
    "tags t, items i LEFT JOIN tags u ON u.item = i.id AND u.tag = 'a'",
    "items AS i LEFT JOIN tags t ON t.item = i.id",
]
CONDITIONS = [
    None,
    "price < 5",
    "price < 2 OR price > 8",
    "i.id IN (SELECT item FROM tags WHERE tag = 'b')",
    "i.embedding {op} '[0.5,0.5,0.5]' < 1.5",
    "i.embedding IS NOT NULL",
    "i.id % 5 = 0 AND price IS NOT NULL",
]
QUERIES = ["'[{0},{1},{2}]'", "(SELECT embedding FROM items WHERE id = {3})",
           "(SELECT '[{0},{1},{2}]'::vector)", "NULL"]  # fmt: skip


class RandomTest(DialectCase):
    """The dialect's rows are those of the exact scan with the same operator."""

    def build(self, seed):
        source = random.Random(seed)
        self.pg("CREATE TABLE items (id bigserial PRIMARY KEY, embedding vector(3), price real)")
        self.pg("CREATE TABLE tags (item bigint, tag text)")
        for operator_class in ["l2", "ip", "cosine", "l1"]:
            self.pg(f"CREATE INDEX ON items USING hnsw (embedding vector_{operator_class}_ops)"
                    " WITH (m = 8, ef_construction = 40)")  # fmt: skip
        self.db.run("BEGIN")
        for _ in range(source.randint(0, 60)):
            # Few different components: many ties, equal vectors, zero vectors.
            vector = [source.choice([-1, 0, 0.5, 1, 2]) for _ in range(3)]
            self.pg("INSERT INTO items (embedding, price) VALUES (?, ?)",
                    None if source.random() < 0.1 else str(vector),
                    None if source.random() < 0.1 else source.randint(0, 9))  # fmt: skip
        count = self.db.one("SELECT count(*) FROM items")
        for _ in range(count):
            self.pg("INSERT INTO tags VALUES (?, ?)", source.randint(1, count), source.choice("ab"))
        self.db.run("COMMIT")
        return source, count

    def test_random_queries(self):
        for seed in range(6):
            with self.subTest(seed=seed):
                source, count = self.build(seed)
                for _ in range(60):
                    self.one_query(source, count)
                for table in ["tags", "items"]:
                    for name in self.db.column(
                        "SELECT name FROM sqlite_master WHERE sql LIKE '%content=''' || ? || '%'",
                        table,
                    ):
                        self.pg(f"DROP INDEX {name}")
                    self.db.run(f"DROP TABLE {table}")

    def one_query(self, source, count):
        operator = source.choice(["<->", "<#>", "<=>", "<+>"])
        numbers = [source.choice([-1, 0, 0.25, 1]) for _ in range(3)]
        query = source.choice(QUERIES).format(*numbers, source.randint(1, max(count, 1)))
        condition = source.choice(CONDITIONS)
        where = f" WHERE {condition.format(op=operator)}" if condition else ""
        order = source.choice(ORDERS).format(op=operator, q=query)
        limit, offset = source.choice([0, 1, 5, 40, 1000]), source.choice([0, 0, 3])
        # A second alias keeps a table named t in ambiguous joins from changing what is compared.
        sql = (f"SELECT i.id, i.embedding {operator} {query} AS d FROM {source.choice(SOURCES)}"
               f"{where} ORDER BY {order}")  # fmt: skip
        limited = f"{sql} LIMIT {limit} OFFSET {offset}"
        self.assert_by_index(limited)
        rows = self.pg(limited)
        self.assert_exact(sql)
        everything = self.pg(sql)
        expected = everything[offset : offset + limit]
        context = f"{limited}\n{self.translate(limited)}"
        self.assertEqual([row[1] for row in rows], [row[1] for row in expected], context)
        left = list(everything)
        for row in rows:  # rows of equal distance may come in any order
            self.assertIn(row, left, context)
            left.remove(row)


if __name__ == "__main__":
    main()
