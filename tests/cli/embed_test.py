"""`nearlite embed`: vectors for texts that have none, in batches, resumable."""

import json
import unittest

from commandcase import CommandCase
from embedding_server import EmbeddingServer, status


class EmbedTest(CommandCase):
    def setUp(self):
        super().setUp()
        self.server = EmbeddingServer(8)
        self.addCleanup(self.server.close)
        self.given = ("--ollama-url", self.server.url, "--retries", "0")
        self.output("init", self.path, "--dim", 8)

    def left(self):
        return self.sql("SELECT count(*) AS n FROM documents WHERE embedding IS NULL")[0]["n"]

    def add_texts(self, count):
        values = ", ".join(f"('text {i}')" for i in range(1, count + 1))
        self.sql(f"INSERT INTO documents(content) VALUES {values}")

    def test_rows_without_a_vector(self):
        self.add_texts(10)
        self.sql("INSERT INTO documents(content) VALUES (''), (NULL)")
        answer = self.json("embed", self.path, *self.given, "--embed-batch", 4)
        self.assertEqual(answer, {"table": "documents", "rows": 10, "truncated": 0})
        self.assertEqual(self.left(), 2)
        self.assertEqual([len(r["input"]) for _, r, _ in self.server.requests], [4, 4, 2])
        self.assertEqual(self.output("check", self.path), "documents: ok\n")
        rows = self.json("search", self.path, "text 7", "--limit", 1, *self.given)
        self.assertEqual(rows[0]["id"], 7)

    def test_goes_on_after_a_failure(self):
        self.add_texts(10)
        self.server.fault(lambda *_: False, 2)
        self.server.fault(status(500, {"error": "out of memory"}))
        self.fails(1, "embed", self.path, *self.given, "--embed-batch", 3,
                   names=["out of memory", "6 texts are embedded", "goes on"])  # fmt: skip
        self.assertEqual(self.left(), 4)
        self.assertEqual(self.json("embed", self.path, *self.given)["rows"], 4)
        self.assertEqual(self.json("embed", self.path, *self.given)["rows"], 0)
        self.assertEqual(self.json("embed", self.path, *self.given, "--all")["rows"], 10)

    def test_texts_of_another_table(self):
        self.sql("CREATE TABLE notes(key INTEGER PRIMARY KEY, body TEXT);"
                 "INSERT INTO notes VALUES (5, 'a cat'), (9, 'a dog'), (11, NULL)")  # fmt: skip
        options = ("--from", "notes", "--text", "body", "--id", "key", *self.given)
        self.assertEqual(self.json("embed", self.path, *options)["rows"], 2)
        self.assertEqual(self.sql("SELECT rowid AS id FROM documents ORDER BY 1"),
                         [{"id": 5}, {"id": 9}])  # fmt: skip
        self.assertEqual(self.json("embed", self.path, *options)["rows"], 0)

    def test_lines_of_standard_input(self):
        out = self.output("embed", *self.given, stdin="one\n\n  \ntwo\r\n")
        rows = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([row["text"] for row in rows], ["one", "two"])
        self.assertEqual([len(row["embedding"]) for row in rows], [8, 8])
        self.assertEqual(self.output("embed", *self.given, stdin=""), "")
        file = self.write("a.jsonl", out)
        self.output("import", self.path, file, "--map", "text=content")
        self.assertEqual(self.sql("SELECT content FROM documents"),
                         [{"content": "one"}, {"content": "two"}])  # fmt: skip

    def test_bad_requests(self):
        self.add_texts(1)
        for options, words in ((["--text", "nosuch"], "no column nosuch"),
                               (["--from", "nosuch"], "no table nosuch"),
                               (["--table", "nosuch"], "nosuch")):  # fmt: skip
            self.fails(1, "embed", self.path, *options, *self.given, names=[words])
        self.server.embed = lambda text: [1.0] * 7
        self.fails(1, "embed", self.path, *self.given, names=["expected 8 dimensions, got 7"])
        self.assertEqual(self.left(), 1)


if __name__ == "__main__":
    unittest.main()
