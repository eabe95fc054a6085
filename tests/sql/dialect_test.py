"""pgvector's dialect through nearlite_translate(): its README's examples, types, functions,
settings, and tables of the module hnsw. Indexes over tables: dialect_index_test.py."""

import random

from dialectcase import DialectCase
from sqlcase import SqlError, blob, main


class ReadmeTest(DialectCase):
    """The examples of pgvector's README, in its order, on a table without and with an index."""

    def setUp(self):
        super().setUp()
        self.pg("CREATE EXTENSION vector")
        self.pg("CREATE TABLE items (id bigserial PRIMARY KEY, embedding vector(3))")
        self.pg("INSERT INTO items (embedding) VALUES ('[1,2,3]'), ('[4,5,6]')")

    def test_getting_started(self):
        query = "SELECT * FROM items ORDER BY embedding <-> '[3,1,2]' LIMIT 5;"
        self.assertEqual(self.pg(query), [(1, "[1,2,3]"), (2, "[4,5,6]")])
        self.assertEqual(
            self.ids("SELECT id FROM items ORDER BY embedding <#> '[3,1,2]' LIMIT 5"), [2, 1]
        )

    def test_storing(self):
        self.pg("CREATE TABLE other (id bigserial PRIMARY KEY)")
        self.pg("ALTER TABLE other ADD COLUMN embedding vector(3)")
        self.pg("INSERT INTO other (embedding) VALUES ('[1,2,3]')")
        self.pg("INSERT INTO items (id, embedding) VALUES (1, '[1,2,3]'), (2, '[4,5,6]')"
                " ON CONFLICT (id) DO UPDATE SET embedding = EXCLUDED.embedding")  # fmt: skip
        self.pg("UPDATE items SET embedding = '[1,2,4]' WHERE id = 1")
        self.pg("DELETE FROM items WHERE id = 2")
        self.assertEqual(self.pg("SELECT * FROM items"), [(1, "[1,2,4]")])

    def test_querying(self):
        near = "SELECT id FROM items WHERE id != 1 ORDER BY embedding <->"
        self.assertEqual(
            self.ids(near + " (SELECT embedding FROM items WHERE id = 1) LIMIT 5"), [2]
        )
        self.assertEqual(
            self.ids("SELECT id FROM items WHERE embedding <-> '[3,1,2]' < 5"), [1]
        )
        [(first,), (second,)] = self.pg("SELECT embedding <-> '[3,1,2]' AS distance FROM items")
        self.assertEqual((first, second), (6**0.5, 33**0.5))
        self.assertEqual(
            self.pg("SELECT (embedding <#> '[3,1,2]') * -1 AS inner_product FROM items"),
            [(11.0,), (29.0,)],
        )
        [(similarity,), _] = self.pg(
            "SELECT 1 - (embedding <=> '[3,1,2]') AS cosine_similarity FROM items"
        )
        self.assertAlmostEqual(similarity, 11 / 14)
        self.assertEqual(self.pg("SELECT AVG(embedding) FROM items"), [("[2.5,3.5,4.5]",)])
        self.pg("ALTER TABLE items ADD COLUMN category_id bigint")
        self.pg("UPDATE items SET category_id = 7")
        self.assertEqual(
            self.pg("SELECT category_id, AVG(embedding) FROM items GROUP BY category_id"),
            [(7, "[2.5,3.5,4.5]")],
        )

    def test_bits(self):
        self.pg("CREATE TABLE bits (id bigserial PRIMARY KEY, embedding bit(3))")
        self.pg("INSERT INTO bits (embedding) VALUES ('000'), ('111'), (B'011')")
        order = "SELECT id FROM bits ORDER BY embedding {} '101' LIMIT 5"
        self.assertEqual(self.ids(order.format("<~>")), [2, 1, 3])
        self.assertEqual(
            self.pg("SELECT embedding <%> '101' FROM bits ORDER BY id"),
            [(1.0,), (1 - 2 / 3,), (1 - 1 / 3,)],
        )
        quantized = "binary_quantize(embedding)::bit(3) <~> binary_quantize('[1,-2,3]')"
        self.assertEqual(self.pg(f"SELECT {quantized} FROM items"), [(1.0,), (1.0,)])

    def test_half_precision(self):
        self.pg("CREATE TABLE halves (id bigserial PRIMARY KEY, embedding halfvec(3))")
        self.pg("INSERT INTO halves (embedding) VALUES ('[1.1,2,3]'), (?)", b"\0\x3c" * 3)
        rows = self.pg("SELECT embedding <-> '[0,2,3]' FROM halves ORDER BY id")
        self.assertEqual([row[0] for row in rows], [1.099609375, 6**0.5])
        self.assertEqual(self.pg("SELECT '[1.1]'::halfvec(1)"), [("[1.0996094]",)])

    def test_functions(self):
        for call, result in [
            ("l2_distance('[0,0]', '[3,4]')", 5.0),
            ("inner_product('[1,2]', '[3,4]')", 11.0),
            ("negative_inner_product('[1,2]', '[3,4]')", -11.0),
            ("cosine_distance('[1,0]', '[0,2]')", 1.0),
            ("l1_distance('[0,0]', '[3,4]')", 7.0),
            ("vector_dims('[1,2,3]'::vector)", 3),
            ("vector_norm('[3,4]'::vector)", 5.0),
            ("l2_norm('[3,4]'::halfvec)", 5.0),
            ("vec_to_json(l2_normalize('[0,2]'))", "[0,1]"),
            ("subvector('[1,2,3,4,5]'::vector, 1, 3)", "[1,2,3]"),
            ("subvector('[1,2,3,4,5]', 3, 2)", "[3,4]"),
            ("subvector('[1,2,3,4,5]', 3.0, 2.0)", "[3,4]"),
            ("subvector('[1,2,3,4,5]', -1, 3)", "[1]"),
            ("subvector('[1,2,3,4,5]', 3, 9)", "[3,4,5]"),
            ("binary_quantize('[1,0,-1]'::vector)", "100"),
            ("hamming_distance('111', '110')", 1.0),
            ("jaccard_distance('1111', '1100')", 0.5),
            ("jaccard_distance('0000', '1100')", 1.0),
            ("'[1.0, 2.50]'::vector(2)", "[1,2.5]"),
            ("'101'::bit(3)", "101"),
            ("'[1,2]'::vector <-> NULL", None),
            ("hamming_distance(NULL, '1')", None),
            ("ARRAY[1,2,3]::vector", "[1,2,3]"),
        ]:
            self.assertEqual(self.pg("SELECT " + call), [(result,)], call)
        for call, word in [
            ("'[1,2]'::vector(3)", "expected 3"),
            ("'[1,2'::vector", "vec_cast"),
            ("'10'::bit(3)", "expected 3"),
            ("hamming_distance('10', '1')", "lengths"),
            ("inner_product('[1]', '[1,2]')", "lengths"),
            ("subvector('[1,2]', 3, 1)", "component"),
            ("subvector('[1,2]', 1, 0)", "component"),
            ("subvector('[1,2]', 1.5, 1)", "integers"),
            ("subvector('[1,2]', 9223372036854775807, 9223372036854775807)", "component"),
            ("vec_cast('[1]', 'text')", "halfvec"),
            ("'[1e39]'::vector", "vec_cast"),
            ("'[70000]'::halfvec", "vec_cast"),
        ]:
            self.assert_refused("SELECT " + call, word)

    def test_sums(self):
        self.assertEqual(self.pg("SELECT sum(embedding) FROM items"), [("[5,7,9]",)])
        self.assertEqual(self.pg("SELECT avg(embedding) FROM items WHERE id > 9"), [(None,)])
        self.pg("INSERT INTO items (embedding) VALUES (NULL)")
        self.assertEqual(self.pg("SELECT avg(embedding) FROM items"), [("[2.5,3.5,4.5]",)])
        self.assert_refused("SELECT vec_sum(v) FROM (SELECT '[1]' AS v UNION SELECT '[1,2]')",
                            "lengths")  # fmt: skip


class TypeTest(DialectCase):
    """Dimensions and form of what is stored, checked in plain SQL: without the extension too."""

    def test_checked_when_written(self):
        self.pg("CREATE TABLE t (id bigserial PRIMARY KEY, val vector(3), h halfvec(2), b bit(2))")
        for column, good in [
            ("val", ["'[1,2,3]'", "x'000000000000000000000000'", "NULL"]),
            ("h", ["'[1,2]'", "x'00000000'", "NULL"]),
            ("b", ["'01'", "B'10'", "NULL"]),
        ]:
            for value in good:
                self.pg(f"INSERT INTO t ({column}) VALUES ({value})")
        for column, bad in [
            ("val", ["'[1,2]'", "'[1,2,3,4]'", "'[1,2,3'", "''", "x'00'", "5", "'{}'"]),
            ("h", ["'[1,2,3]'", "x'0000000000000000'"]),
            ("b", ["'1'", "'101'", "'1x'", "'[1,0]'"]),
        ]:
            for value in bad:
                with self.assertRaises(SqlError, msg=f"{column} {value}"):
                    self.pg(f"INSERT INTO t ({column}) VALUES ({value})")
        self.assertEqual(self.db.one("SELECT count(*) FROM t"), 9)
        plain = self.connect(load=False)
        plain.run("INSERT INTO t (val) VALUES ('[3,2,1]')")
        with self.assertRaises(SqlError):
            plain.run("INSERT INTO t (val) VALUES ('[3,2]')")
        plain.close()

    def test_bits_keep_their_zeros(self):
        self.pg("CREATE TABLE t (b bit(4))")
        self.pg("INSERT INTO t VALUES ('0011')")
        self.assertEqual(self.pg("SELECT b, typeof(b) FROM t"), [("0011", "text")])


class SettingsTest(DialectCase):
    def test_set_show_reset(self):
        self.assertEqual(self.pg("SHOW hnsw.ef_search"), [("default",)])
        self.assertEqual(self.pg("SET hnsw.ef_search = 100"), [])
        self.assertEqual(self.pg("SHOW hnsw.ef_search"), [("100",)])
        for value in ["0", "100001", "'x'", "-5", "1.5"]:
            self.assert_refused(f"SET hnsw.ef_search = {value}", "hnsw.ef_search", "100000")
        self.assertEqual(self.pg("SHOW hnsw.ef_search"), [("100",)])
        self.pg("RESET hnsw.ef_search")
        self.assertEqual(self.pg("SHOW hnsw.ef_search"), [("default",)])
        self.pg("SET hnsw.iterative_scan = strict_order")
        self.pg("SET hnsw.max_scan_tuples = 20000")
        self.pg("SET hnsw.scan_mem_multiplier = 2")
        self.assert_refused("SET hnsw.iterative_scan = on", "strict_order")
        self.assert_refused("SET hnsw.max_scan_tuples = 0", "max_scan_tuples")
        self.assertEqual(self.pg("SHOW hnsw.iterative_scan"), [("strict_order",)])
        self.pg("RESET ALL")
        self.assertEqual(self.pg("SHOW hnsw.iterative_scan"), [("relaxed_order",)])

    def test_local_lasts_as_long_as_the_transaction(self):
        self.pg("SET hnsw.ef_search = 50")
        self.assertEqual(self.pg("SET LOCAL hnsw.ef_search = 60"), [])
        self.assertEqual(self.pg("SHOW hnsw.ef_search"), [("50",)])
        for end in ["COMMIT", "ROLLBACK"]:
            self.db.run("BEGIN")
            self.pg("SET LOCAL hnsw.ef_search = 60")
            self.assertEqual(self.pg("SHOW hnsw.ef_search"), [("60",)])
            self.db.run(end)
            self.assertEqual(self.pg("SHOW hnsw.ef_search"), [("50",)])

    def test_local_does_not_reach_the_next_transaction(self):
        for _ in range(2):
            self.pg("BEGIN")
            self.assertEqual(self.pg("SHOW hnsw.ef_search"), [("default",)])
            self.pg("SET LOCAL hnsw.ef_search = 60")
            self.pg("COMMIT")

    def test_each_connection_has_its_own(self):
        self.pg("SET hnsw.ef_search = 50")
        other = self.connect()
        self.assertEqual(other.one("SELECT nearlite_setting('hnsw.ef_search')"), "default")
        other.close()

    def test_only_the_host_sets(self):
        self.db.run("CREATE VIEW v AS SELECT nearlite_set('hnsw.ef_search', '9')")
        with self.assertRaises(SqlError):
            self.db.run("SELECT * FROM v")
        self.assertEqual(self.pg("SHOW hnsw.ef_search"), [("default",)])

    def test_statements_that_do_nothing(self):
        for sql in ["CREATE EXTENSION IF NOT EXISTS vector", "SET enable_seqscan = off",
                    "SET max_parallel_workers_per_gather = 4;"]:  # fmt: skip
            self.assertEqual(self.pg(sql), [], sql)

    def test_sql_of_null_is_null(self):
        self.assertIsNone(self.db.one("SELECT nearlite_translate(NULL)"))


class OwnTableTest(DialectCase):
    """Tables of the module hnsw, which have vector columns of their own."""

    def test_all_element_types(self):
        for element, operators in [
            ("float[8]", "<-> <#> <=> <+>"),
            ("float16[8]", "<-> <#> <=> <+>"),
            ("bfloat16[8]", "<-> <#> <=> <+>"),
            ("int8[8]", "<-> <#> <=> <+>"),
            ("bit[8]", "<~>"),
        ]:
            metrics = {"<->": "l2", "<#>": "ip", "<=>": "cosine", "<+>": "l1", "<~>": "hamming"}
            for operator in operators.split():
                with self.subTest(element=element, operator=operator):
                    self.one_type(element, operator, metrics[operator])

    def one_type(self, element, operator, metric):
        source = random.Random(7)
        self.db.run(f"CREATE VIRTUAL TABLE t USING hnsw(v {element} metric={metric}, tag text)")
        vectors = [[source.randint(-5, 5) for _ in range(8)] for _ in range(40)]
        for number, vector in enumerate(vectors, 1):
            self.db.run("INSERT INTO t(rowid, v, tag) VALUES (?, ?, ?)", number, str(vector),
                        "ab"[number % 2])  # fmt: skip
        self.db.run("INSERT INTO t(rowid, tag) VALUES (41, 'a')")
        query = str([source.randint(-5, 5) for _ in range(8)])
        sql = f"SELECT rowid, v {operator} $1 AS d FROM t WHERE tag = 'a' ORDER BY d LIMIT 30"
        self.assert_by_index(sql, query)
        rows = self.pg(sql, query)
        exact = self.pg(sql.replace(" LIMIT 30", ""), query)
        self.assertEqual([row[1] for row in rows], [row[1] for row in exact])
        self.assertEqual(set(rows), set(exact))
        self.assertEqual(rows[-1], (41, None))
        self.db.run("DROP TABLE t")

    def test_several_columns_and_an_attached_database(self):
        self.db.run("ATTACH ':memory:' AS other")
        self.db.run("CREATE VIRTUAL TABLE other.t USING hnsw(a float[2] metric=l2,"
                    " b float[2] metric=ip)")  # fmt: skip
        for number in range(1, 6):
            self.db.run("INSERT INTO other.t(rowid, a, b) VALUES (?, ?, ?)", number,
                        f"[{number},0]", f"[{-number},1]")  # fmt: skip
        self.assert_by_index("SELECT rowid FROM t ORDER BY a <-> '[3.1,0]' LIMIT 2")
        self.assertEqual(self.ids("SELECT rowid FROM t ORDER BY a <-> '[3.1,0]' LIMIT 2"), [3, 4])
        self.assertEqual(
            self.ids("SELECT rowid FROM other.t ORDER BY b <#> '[-1,0]' LIMIT 2"), [5, 4]
        )
        self.assert_exact("SELECT rowid FROM t ORDER BY a <#> '[3.1,0]' LIMIT 2")

    def test_hidden_columns_stay_hidden(self):
        self.db.run("CREATE VIRTUAL TABLE t USING hnsw(v float[2] metric=l2, tag text)")
        self.db.run("INSERT INTO t(v, tag) VALUES ('[1,2]', 'x')")
        [row] = self.pg("SELECT * FROM t ORDER BY v <-> '[0,0]' LIMIT 1")
        self.assertEqual(row, (blob([1, 2]), "x"))

    def test_wrong_dimensions(self):
        self.db.run("CREATE VIRTUAL TABLE t USING hnsw(v float[3] metric=l2)")
        self.db.run("INSERT INTO t(v) VALUES ('[1,2,3]')")
        for query in ["'[1,2]'", "'[1,2,3,4]'", "'x'", "5", "x'00'"]:
            self.assert_refused(f"SELECT rowid FROM t ORDER BY v <-> {query} LIMIT 1")

    def test_writing_by_distance(self):
        self.db.run("CREATE VIRTUAL TABLE t USING hnsw(v float16[2] metric=l2)")
        for number in range(10):
            self.db.run("INSERT INTO t(rowid, v) VALUES (?, ?)", number, f"[{number},0]")
        self.pg("DELETE FROM t WHERE v <-> '[0,0]' >= 5")
        self.assertEqual(self.db.one("SELECT count(*) FROM t"), 5)
        self.pg("DELETE FROM t WHERE rowid IN"
                " (SELECT rowid FROM t ORDER BY v <-> '[4,0]' LIMIT 2)")  # fmt: skip
        self.assertEqual(self.db.column("SELECT rowid FROM t"), [0, 1, 2])

    def test_nearest_asks_for_its_arguments(self):
        with self.assertRaises(SqlError) as caught:
            self.db.run("SELECT nearlite_id FROM nearlite_nearest")
        self.assertIn("nearlite_query", caught.exception.message)


class RefusedTest(DialectCase):
    def test_quotes_the_place(self):
        for sql, place in [
            ("SELECT 1;\nSELECT a <->", "line 2, column 10"),
            ("COPY items FROM STDIN", "line 1, column 1"),
            ("CREATE INDEX ON t USING ivfflat (v vector_l2_ops)", "line 1, column 19"),
        ]:
            self.assert_refused(sql, place, "^")


if __name__ == "__main__":
    main()
