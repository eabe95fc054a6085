"""What clients of sqlite-vec send, with nothing changed but the file they load.

The statements are those of LangChain's SQLiteVec store, of sqlite-utils and Datasette, and of
programs that follow sqlite-vec's documentation; none of these packages is needed here. The Python
blocks of docs/vec0.md run, too.
"""

import json
import os
import re
import struct
import sys
import unittest

from vec0case import Vec0Case, blob, main
from sqlcase import DRIVER


def embed(text):
    return [float(text.count(letter)) for letter in "abcdefgh"]


class LangChain(Vec0Case):
    def setUp(self):
        super().setUp()
        self.db = self.connect()
        self.db.script("""CREATE TABLE IF NOT EXISTS store (
  rowid INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT, metadata BLOB, text_embedding BLOB);
CREATE VIRTUAL TABLE IF NOT EXISTS store_vec USING vec0(
  rowid INTEGER PRIMARY KEY, text_embedding float[8]);
CREATE TRIGGER IF NOT EXISTS store_embed_text AFTER INSERT ON store BEGIN
  INSERT INTO store_vec(rowid, text_embedding) VALUES (new.rowid, new.text_embedding); END;""")

    def add(self, *texts):
        for i, text in enumerate(texts):
            row = (text, json.dumps({"n": i}), blob(embed(text)))
            self.db.run("INSERT INTO store(text, metadata, text_embedding) VALUES (?, ?, ?)", *row)

    def search(self, text, k):
        return self.db.run(
            "SELECT text, metadata, distance FROM store AS e INNER JOIN store_vec AS v"
            " ON v.rowid = e.rowid WHERE v.text_embedding MATCH ? AND k = ? ORDER BY distance",
            blob(embed(text)),
            k,
        )

    def test_store(self):
        self.add("aaa", "bbb", "abab", "cccc dd")
        self.assertEqual([text for text, _, _ in self.search("aab", 2)], ["abab", "aaa"])
        self.assertEqual(self.search("ccc", 1), [("cccc dd", '{"n": 3}', 5**0.5)])
        self.assertEqual(self.db.one("SELECT max(rowid) FROM store"), 4)

    def test_again_on_the_same_file(self):
        self.add("aaa")
        self.db.close()
        self.setUp_again()
        self.add("bbb")
        self.assertEqual([text for text, _, _ in self.search("b", 5)], ["bbb", "aaa"])

    def setUp_again(self):
        self.db = self.connect()
        self.db.run(
            "CREATE VIRTUAL TABLE IF NOT EXISTS store_vec USING vec0("
            "rowid INTEGER PRIMARY KEY, text_embedding float[8])"
        )


class Introspection(Vec0Case):
    """sqlite-utils and Datasette ask what a table is before they show or write it."""

    def setUp(self):
        super().setUp()
        self.db = self.connect(":memory:")
        self.db.run("CREATE VIRTUAL TABLE t USING vec0(id text primary key, v float[2], n int)")
        self.db.run("CREATE VIRTUAL TABLE u USING vec0(v float[2], +title text)")

    def test_keys_and_columns(self):
        for table, keys in (("t", ["id"]), ("u", [])):
            info = self.db.run(f"PRAGMA table_info([{table}])")
            self.assertEqual([row[1] for row in info if row[5]], keys)
        self.assertEqual(self.db.run("PRAGMA foreign_key_list([t])"), [])
        self.assertEqual(self.db.run("PRAGMA index_list([u])"), [])
        sql = self.db.one("SELECT sql FROM sqlite_master WHERE name = 't'")
        self.assertRegex(sql, r"(?i)create virtual table t using vec0")

    def test_rows_are_written_by_columns(self):
        insert = "INSERT OR REPLACE INTO [t] ([id], [v], [n]) VALUES (?, ?, ?), (?, ?, ?)"
        self.db.run(insert, "a", blob([1, 2]), 1, "b", "[3, 4]", 2)
        self.db.run(insert, "a", blob([5, 6]), 3, "c", "[7, 8]", 4)
        self.assertEqual(
            self.db.run("SELECT * FROM [t] WHERE [id] = ?", "a"), [("a", blob([5, 6]), 3)]
        )
        self.db.run("UPDATE [t] SET [n] = ? WHERE [id] = ?", 9, "b")
        self.db.run("DELETE FROM [t] WHERE [id] = ?", "c")
        rows = "SELECT id, n FROM t ORDER BY id LIMIT 10 OFFSET 0"
        self.assertEqual(self.db.run(rows), [("a", 3), ("b", 9)])
        self.db.run("INSERT INTO [u] ([v], [title]) VALUES (?, ?)", blob([0, 1]), "one")
        page = "SELECT rowid, * FROM u WHERE rowid > ? ORDER BY rowid LIMIT 101"
        self.assertEqual(self.db.run(page, 0), [(1, 1, blob([0, 1]), "one")])
        self.assertEqual(self.db.one("SELECT count(*) FROM [u]"), 1)

    def test_from_a_table_of_json(self):
        self.db.run("CREATE TABLE source(id TEXT, embedding TEXT)")
        self.db.run("INSERT INTO source VALUES ('x', '[0.5, .25]'), ('y', '[1, 1]')")
        self.db.run("INSERT INTO t(id, v) SELECT id, vec_f32(embedding) FROM source")
        found = "SELECT s.id FROM t JOIN source s USING (id) WHERE v MATCH '[1, 1]' AND k = 1"
        self.assertEqual(self.db.column(found), ["y"])


class Guides(Vec0Case):
    """What sqlite-vec's guides do."""

    def setUp(self):
        super().setUp()
        self.db = self.connect(":memory:")

    def test_packed_floats_and_int8(self):
        self.db.run("CREATE VIRTUAL TABLE t USING vec0(v float[4], q int8[4])")
        packed, small = struct.pack("4f", 0.5, 0.5, 0, 0), struct.pack("4b", 1, 2, 3, 4)
        self.db.run("INSERT INTO t(rowid, v, q) VALUES (?, ?, vec_int8(?))", 1, packed, small)
        self.assertEqual(self.db.one("SELECT distance FROM t WHERE v MATCH ? AND k = 1", packed), 0)
        found = "SELECT rowid FROM t WHERE q MATCH vec_int8(?) ORDER BY distance LIMIT 1"
        self.assertEqual(self.db.one(found, small), 1)

    def test_binary_quantization_with_rescoring(self):
        self.db.run("CREATE VIRTUAL TABLE t USING vec0(fine float[8], coarse bit[8])")
        for i in range(16):
            vector = blob([1 if i & (1 << bit) else -1 for bit in range(4)] + [i, -i, 1, -1])
            self.db.run("INSERT INTO t VALUES (?, ?, vec_quantize_binary(?))", i, vector, vector)
        query = blob([1, -1, 1, -1, 5, -5, 1, -1])
        found = self.db.column(
            "WITH coarse AS (SELECT rowid AS id, fine FROM t"
            " WHERE coarse MATCH vec_quantize_binary(?) ORDER BY distance LIMIT 6)"
            " SELECT id FROM coarse ORDER BY vec_distance_l2(fine, ?) LIMIT 1",
            query,
            query,
        )
        self.assertEqual(found, [5])

    def test_matryoshka(self):
        self.db.run("CREATE VIRTUAL TABLE t USING vec0(v float[2])")
        self.db.run("INSERT INTO t(v) VALUES (vec_normalize(vec_slice('[3, 4, 9, 9]', 0, 2)))")
        query = "vec_normalize(vec_slice('[6, 8, 0]', 0, 2))"
        self.assertEqual(self.db.one(f"SELECT distance FROM t WHERE v MATCH {query} AND k = 1"), 0)

    def test_without_a_virtual_table(self):
        self.db.run("CREATE TABLE items(id INTEGER PRIMARY KEY, v CHECK(vec_length(v) = 2))")
        self.db.run("INSERT INTO items(v) VALUES ('[1, 1]'), (vec_f32('[5, 5]'))")
        nearest = "SELECT id FROM items ORDER BY vec_distance_cosine(v, '[1, 2]'), id LIMIT 1"
        self.assertEqual(self.db.one(nearest), 1)


class Document(Vec0Case):
    @unittest.skipUnless(DRIVER == "sqlite3", "the blocks use Python's own module")
    def test_the_python_blocks(self):
        source = os.environ.get(
            "NEARLITE_SOURCE_DIR", os.path.join(os.path.dirname(__file__), "../..")
        )
        with open(os.path.join(source, "docs/vec0.md"), encoding="utf-8") as file:
            blocks = re.findall(r"^```python\n(.*?)^```", file.read(), re.MULTILINE | re.DOTALL)
        self.assertGreaterEqual(len(blocks), 1)
        os.symlink(os.environ["NEARLITE_VEC0"], self.file("vec0.so"))
        home = os.getcwd()
        os.chdir(self.folder)
        try:
            names = {}
            for block in blocks:
                exec(compile(block, "docs/vec0.md", "exec"), names)  # noqa: S102
            version = names["db"].execute("SELECT vec_version()").fetchone()[0]
            self.assertTrue(version.startswith("v"))
            names["db"].close()
        finally:
            os.chdir(home)


if __name__ == "__main__":
    sys.exit(main())
