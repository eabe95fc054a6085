"""INSERT, UPDATE, DELETE and REPLACE on vec0 tables: keys, types, messages."""

from vec0case import CONSTRAINT, ERROR, SqlError, Vec0Case, blob, main, unblob

TAKEN = "UNIQUE constraint failed on t primary key"


class Keys(Vec0Case):
    def setUp(self):
        super().setUp()
        self.db = self.connect(":memory:")

    def test_rowids_are_given_or_found(self):
        self.db.run("CREATE VIRTUAL TABLE t USING vec0(v float[2])")
        self.db.run("INSERT INTO t(v) VALUES('[1, 2]')")
        self.db.run("INSERT INTO t(rowid, v) VALUES(5, '[1, 3]'), (-7, '[1, 4]')")
        self.db.run("INSERT INTO t(v) VALUES('[1, 5]')")
        self.assertEqual(self.db.one("SELECT last_insert_rowid()"), 6)
        self.assertEqual(self.db.column("SELECT rowid FROM t"), [-7, 1, 5, 6])
        # Without a key of its own the table shows its rowid first.
        self.assertEqual(self.db.run("SELECT * FROM t WHERE rowid = 5"), [(5, blob([1, 3]))])
        self.db.run("INSERT INTO t VALUES(9, '[0, 0]')")
        self.refuses(self.db, TAKEN, "INSERT INTO t VALUES(9, '[0, 0]')", code=CONSTRAINT)

    def test_integer_key(self):
        self.db.run("CREATE VIRTUAL TABLE t USING vec0(id integer primary key, v float[2])")
        self.db.run("INSERT INTO t(id, v) VALUES(7, '[1, 2]'), (NULL, '[1, 3]')")
        self.db.run("INSERT INTO t(v) VALUES('[1, 4]')")
        self.assertEqual(self.db.column("SELECT id FROM t"), [7, 8, 9])
        for wrong in ("'x'", "1.5", "x'00'"):
            sql = f"INSERT INTO t(id, v) VALUES({wrong}, '[1, 2]')"
            self.refuses(self.db, "Only integers are allows for primary key values on t", sql)
        sql = "INSERT INTO t(id, v) VALUES(7, '[1, 2]')"
        self.refuses(self.db, TAKEN, sql, code=CONSTRAINT)

    def test_text_key(self):
        self.db.run("CREATE VIRTUAL TABLE t USING vec0(id text primary key, v float[2])")
        self.db.run("INSERT INTO t VALUES('b', '[1, 2]'), ('a', '[3, 4]'), ('', '[5, 6]')")
        self.assertEqual(self.db.column("SELECT id FROM t ORDER BY id"), ["", "a", "b"])
        self.assertEqual(unblob(self.db.one("SELECT v FROM t WHERE id = 'a'")), [3, 4])
        message = "The t virtual table was declared with a TEXT primary key, but a non-TEXT value"
        for wrong in ("NULL", "1", "x'00'"):
            self.refuses(self.db, message, f"INSERT INTO t VALUES({wrong}, '[1, 2]')")
        self.refuses(self.db, message, "INSERT INTO t(v) VALUES('[1, 2]')")
        self.refuses(self.db, message, "UPDATE t SET id = NULL WHERE id = 'a'")
        sql = "INSERT INTO t VALUES('a', '[1, 2]')"
        self.refuses(self.db, TAKEN, sql, code=CONSTRAINT)
        self.assertEqual(self.db.one("SELECT count(*) FROM t"), 3)

    def test_conflict_clauses(self):
        for key, one, other in (("integer", 1, 2), ("text", "a", "b")):
            self.db.run(
                f"CREATE VIRTUAL TABLE t USING vec0(id {key} primary key, v float[2], n int)"
            )
            self.db.run("INSERT INTO t VALUES(?, '[1, 1]', 1), (?, '[2, 2]', 2)", one, other)
            self.db.run("INSERT OR IGNORE INTO t VALUES(?, '[9, 9]', 9)", one)
            self.assertEqual(self.db.column("SELECT n FROM t ORDER BY id"), [1, 2])
            self.db.run("INSERT OR REPLACE INTO t VALUES(?, '[3, 3]', 3)", one)
            self.db.run("REPLACE INTO t(id, v) VALUES(?, '[4, 4]')", other)
            found = "SELECT id, distance FROM t WHERE v MATCH '[3, 3]' AND k = 9"
            self.assertEqual(self.db.run(found), [(one, 0.0), (other, 2**0.5)])
            self.assertEqual(self.db.column("SELECT n FROM t ORDER BY id"), [3, None])
            sql = "UPDATE t SET id = ? WHERE id = ?"
            self.refuses(self.db, TAKEN, sql, one, other, code=CONSTRAINT)
            self.db.run("UPDATE OR REPLACE t SET id = ? WHERE id = ?", one, other)
            self.assertEqual(self.db.run(found), [(one, 2**0.5)])
            self.db.run("DROP TABLE t")

    def test_a_key_may_change(self):
        for key, old, new in (("integer", 1, 100), ("text", "a", "z")):
            self.db.run(f"CREATE VIRTUAL TABLE t USING vec0(id {key} primary key, v float[2], +a)")
            self.db.run("INSERT INTO t VALUES(?, '[1, 2]', 'kept')", old)
            self.db.run("UPDATE t SET id = ? WHERE id = ?", new, old)
            self.assertEqual(self.db.run("SELECT id, a FROM t"), [(new, "kept")])
            found = "SELECT id FROM t WHERE v MATCH '[1, 2]' AND k = 5"
            self.assertEqual(self.db.column(found), [new])
            self.db.run("DROP TABLE t")

    def test_rows_by_key(self):
        self.db.run("CREATE VIRTUAL TABLE t USING vec0(id text primary key, v float[2])")
        for name in "abcdef":
            self.db.run("INSERT INTO t VALUES(?, '[1, 2]')", name)
        self.assertEqual(self.db.column("SELECT id FROM t WHERE id IN ('b', 'x', 'e')"), ["b", "e"])
        self.assertEqual(self.db.column("SELECT id FROM t WHERE id > 'd' ORDER BY 1"), ["e", "f"])
        self.db.run("DELETE FROM t WHERE id IN (SELECT 'a' UNION SELECT 'f')")
        self.db.run("DELETE FROM t WHERE id = 'nobody'")
        self.assertEqual(self.db.one("SELECT group_concat(id) FROM t"), "b,c,d,e")


class Values(Vec0Case):
    def setUp(self):
        super().setUp()
        self.db = self.connect(":memory:")
        self.db.run(
            "CREATE VIRTUAL TABLE t USING vec0(v float[2], b boolean, n int, f float, s text,"
            " p integer partition key, q text partition key, +a text, must text not null)"
        )

    def insert(self, expected=None, **values):
        row = {"v": "[1, 2]", "must": "be", **values}
        sql = f"INSERT INTO t({', '.join(row)}) VALUES({', '.join('?' * len(row))})"
        if expected is None:
            self.db.run(sql, *row.values())
        else:
            self.refuses(self.db, expected, sql, *row.values())

    def test_what_is_written_is_read(self):
        self.insert(b=1, n=2**62, f=1.5, s="text", p=-1, q="", a="aux")
        self.insert(b=False, n=-5, f=7, s="", p=None, q="two", a=b"\x00")
        self.insert(b=None, n=None, f=None, s=None, a=None)
        columns = "SELECT b, n, f, s, p, q, a, must FROM t"
        self.assertEqual(
            self.db.run(columns),
            [
                (1, 2**62, 1.5, "text", -1, "", "aux", "be"),
                (0, -5, 7.0, "", None, "two", b"\x00", "be"),
                (None, None, None, None, None, None, None, "be"),
            ],
        )

    def test_types_are_strict(self):
        for wrong in (2, -1, "x", 1.5):
            self.insert("Expected 0 or 1 for BOOLEAN metadata column b", b=wrong)
        integer = "Expected integer for INTEGER metadata column n, received "
        self.insert(integer + "TEXT", n="5")
        self.insert(integer + "FLOAT", n=5.0)
        self.insert(integer + "BLOB", n=b"5")
        self.insert("Expected float for FLOAT metadata column f, received TEXT", f="1.5")
        self.insert("Expected text for TEXT metadata column s, received INTEGER", s=1)
        partition = (
            "Parition key type mismatch: The partition key column {} has type {}, but {} was"
        )
        self.insert(partition.format("p", "INTEGER", "TEXT"), p="1")
        self.insert(partition.format("q", "TEXT", "FLOAT"), q=1.5)
        self.assertEqual(self.db.one("SELECT count(*) FROM t"), 0)

    def test_not_null(self):
        sql = "INSERT INTO t(v) VALUES('[1, 2]')"
        self.refuses(self.db, "NOT NULL constraint failed", sql, code=CONSTRAINT)
        self.insert()
        self.refuses(self.db, "must", "UPDATE t SET must = NULL", code=CONSTRAINT)

    def test_vectors_refused(self):
        invalid = 'Inserted vector for the "v" column is invalid: '
        no_vector = "Input must have type BLOB (compact format) or TEXT (JSON), found "
        self.insert(invalid + no_vector + "NULL", v=None)
        self.insert(invalid + no_vector + "INTEGER", v=5)
        self.insert(invalid + "JSON array parsing error: Input does not start with '['", v="x")
        self.insert(invalid + "JSON parsing error", v="[1, 2")
        self.insert(invalid + "zero-length vectors are not supported.", v="[]")
        self.insert(invalid + "invalid float32 vector BLOB length. Must be divisible by 4", v=b"1")
        self.insert(invalid, v="[1, NaN]")
        self.insert(invalid, v=blob([1, float("inf")]))
        length = 'Dimension mismatch for inserted vector for the "v" column. Expected 2 dimensions'
        self.insert(length + " but received 1.", v="[1]")
        self.insert(length + " but received 3.", v=blob([1, 2, 3]))
        for function, kind in (("vec_int8(x'0102')", "int8"), ("vec_bit(x'01')", "bit")):
            message = (
                'Inserted vector for the "v" column is expected to be of type float32, but a'
                f" {kind} vector was provided."
            )
            self.refuses(self.db, message, f"INSERT INTO t(v, must) VALUES({function}, 'be')")
        self.assertEqual(self.db.one("SELECT count(*) FROM t"), 0)

    def test_hidden_columns_cannot_be_written(self):
        self.insert('A value was provided for the hidden "distance" column.', distance=1)
        self.insert('A value was provided for the hidden "k" column.', k=1)
        self.insert()
        message = 'A value was provided for the hidden "distance" column.'
        self.refuses(self.db, message, "UPDATE t SET distance = 1")

    def test_updates(self):
        self.insert(n=1, p=1, a="old")
        self.insert(n=2, p=2)
        self.db.run("UPDATE t SET n = 11, a = 'new', p = 5 WHERE rowid = 1")
        self.assertEqual(self.db.run("SELECT n, a, p FROM t"), [(11, "new", 5), (2, None, 2)])
        self.db.run("UPDATE t SET v = '[8, 9]' WHERE n = 2")
        self.db.run("UPDATE t SET n = NULL, b = 1 WHERE p = 2")
        found = self.db.run("SELECT rowid, distance, n, b FROM t WHERE v MATCH '[8, 9]' AND k = 1")
        self.assertEqual(found, [(2, 0.0, None, 1)])
        self.db.run("UPDATE t SET rowid = 50 WHERE rowid = 1")
        self.assertEqual(self.db.column("SELECT rowid FROM t"), [2, 50])
        length = 'Dimension mismatch for new updated vector for the "v" column. Expected 2'
        self.refuses(self.db, length, "UPDATE t SET v = '[1]'")
        message = 'Updated vector for the "v" column is invalid: Input must have type BLOB'
        self.refuses(self.db, message, "UPDATE t SET v = NULL")
        self.refuses(self.db, "Expected integer", "UPDATE t SET n = 'x'")
        self.refuses(self.db, "Only integers", "UPDATE t SET rowid = NULL")
        self.assertEqual(self.db.column("SELECT vec_to_json(v) FROM t")[1], "[1.000000,2.000000]")

    def test_rows_found_by_a_search_are_written(self):
        for i in range(6):
            self.insert(v=f"[{i}, 0]", n=i)
        self.db.run("UPDATE t SET s = 'near' WHERE v MATCH '[0, 0]' AND k = 2")
        self.assertEqual(self.db.column("SELECT n FROM t WHERE s = 'near'"), [0, 1])
        self.db.run("DELETE FROM t WHERE v MATCH '[5, 0]' AND k = 2")
        self.assertEqual(self.db.column("SELECT n FROM t"), [0, 1, 2, 3])

    def test_deletes(self):
        for i in range(6):
            self.insert(v=f"[{i}, 0]", n=i)
        self.db.run("DELETE FROM t WHERE rowid = 1")
        self.db.run("DELETE FROM t WHERE n = 3")
        self.db.run("DELETE FROM t WHERE rowid IN (5, 99)")
        self.assertEqual(self.db.column("SELECT n FROM t"), [1, 2, 5])
        found = self.db.column("SELECT n FROM t WHERE v MATCH '[0, 0]' AND k = 9")
        self.assertEqual(found, [1, 2, 5])
        self.db.run("DELETE FROM t")
        self.assertEqual(self.db.run("SELECT * FROM t WHERE v MATCH '[0, 0]' AND k = 9"), [])
        self.insert(v="[7, 0]")
        self.assertEqual(self.db.one("SELECT count(*) FROM t"), 1)


class Types(Vec0Case):
    def test_int8_and_bit_columns(self):
        db = self.connect(":memory:")
        db.run("CREATE VIRTUAL TABLE t USING vec0(w int8[4], x bit[32])")
        db.run("INSERT INTO t VALUES(1, vec_int8('[1, 2, 3, 4]'), vec_bit(x'FF00FF00'))")
        # Text, and a blob of the right length, say no type and are taken for the column's.
        db.run("INSERT INTO t VALUES(2, '[5, 6, 7, -8]', x'00000001')")
        db.run("INSERT INTO t VALUES(3, x'01020304', x'00000000')")
        self.assertEqual(
            db.run("SELECT rowid, w, x FROM t"),
            [
                (1, b"\x01\x02\x03\x04", b"\xff\x00\xff\x00"),
                (2, b"\x05\x06\x07\xf8", b"\x00\x00\x00\x01"),
                (3, b"\x01\x02\x03\x04", b"\x00\x00\x00\x00"),
            ],
        )
        self.assertEqual(db.column("SELECT vec_type(w) || vec_type(x) FROM t"), ["int8bit"] * 3)
        message = 'Inserted vector for the "w" column is expected to be of type int8, but a float32'
        sql = "INSERT INTO t VALUES(4, vec_f32('[1, 2, 3, 4]'), x'00000000')"
        self.refuses(db, message, sql)
        with self.assertRaises(SqlError):
            db.run("INSERT INTO t VALUES(4, '[1.5, 2, 3, 4]', x'00000000')")
        self.refuses(db, "", "INSERT INTO t VALUES(4, '[1, 2, 3, 999]', x'00000000')", code=ERROR)
        self.refuses(db, "found NULL", "INSERT INTO t(w) VALUES('[1, 2, 3, 4]')")
        self.assertEqual(db.one("SELECT count(*) FROM t"), 3)

    def test_several_vectors_a_row(self):
        db = self.connect(":memory:")
        columns = ", ".join(f"v{i} float[2]" for i in range(16))
        db.run(f"CREATE VIRTUAL TABLE t USING vec0({columns})")
        for row in range(4):
            vectors = [blob([row * 10 + i, 0]) for i in range(16)]
            db.run(f"INSERT INTO t VALUES(NULL, {', '.join('?' * 16)})", *vectors)
        db.run("UPDATE t SET v15 = '[-100, 0]' WHERE rowid = 4")
        for i in (0, 7, 15):
            found = db.column(f"SELECT rowid FROM t WHERE v{i} MATCH ? AND k = 2", blob([-99, 0]))
            self.assertEqual(found, [4, 1] if i == 15 else [1, 2])


if __name__ == "__main__":
    main()
