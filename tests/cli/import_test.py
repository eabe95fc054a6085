"""`nearlite import`: every format, bad rows, bad files, interruption and resumption."""

import os
import pty
import signal
import struct
import subprocess
import time
import unittest

from commandcase import COMMAND, CommandCase, fvecs, npy
from embedding_server import EmbeddingServer, status

VECTORS = [[float(i), 0.5, -1.0] for i in range(1, 8)]
LIST = "SELECT rowid AS id, vec_to_json(embedding) AS v FROM documents ORDER BY rowid"


class ImportCase(CommandCase):
    def setUp(self):
        super().setUp()
        self.output("init", self.path, "--dim", 3, "--metric", "l2", "--column", "lang text",
                    "--column", "year integer", "--column", "+content text")  # fmt: skip

    def vectors(self):
        return [row["v"] for row in self.sql(LIST)]

    def count(self):
        return self.sql("SELECT count(*) AS n FROM documents")[0]["n"]

    def do_import(self, name, content, *options, **more):
        return self.json("import", self.path, self.write(name, content), *options, **more)


class FormatTest(ImportCase):
    def test_csv(self):
        answer = self.do_import("a.csv", 'id,embedding,lang,year,content,extra\r\n'
                                '7,"[1, 2, 3]",en,2020,"say ""hi"",\r\nplease",x\r\n'
                                '9,"[4, 5, 6]",,,"",\r\n')  # fmt: skip
        self.assertEqual((answer["rows"], answer["bad"], answer["unused"]), (2, 0, ["extra"]))
        rows = self.sql("SELECT rowid AS id, vec_to_json(embedding) AS v, lang, year, content,"
                        " typeof(year) AS t FROM documents ORDER BY rowid")  # fmt: skip
        self.assertEqual(rows, [
            {"id": 7, "v": "[1,2,3]", "lang": "en", "year": 2020, "t": "integer",
             "content": 'say "hi",\r\nplease'},
            {"id": 9, "v": "[4,5,6]", "lang": None, "year": None, "t": "null", "content": ""},
        ])  # fmt: skip

    def test_tsv_byte_order_mark_and_no_last_line_feed(self):
        self.do_import("a.tsv", "\ufeffid\tvector\n3\t[1,2,3]\n\n4\t[1,2,4]")
        self.assertEqual([row["id"] for row in self.sql(LIST)], [3, 4])

    def test_json_lines(self):
        self.do_import("a.jsonl", '{"id": 1, "embedding": [1, 2.5, -5e-1], "lang": "en"}\n\n'
                       '{"id": 2, "embedding": "[4, 5, 6]", "content": "é \\n", "year": 1999}\n'
                       '{"embedding": null}\n')  # fmt: skip
        self.assertEqual(self.vectors(), ["[1,2.5,-0.5]", "[4,5,6]", None])
        self.assertEqual(self.sql("SELECT content, year FROM documents WHERE rowid = 2"),
                         [{"content": "é \n", "year": 1999}])  # fmt: skip

    def test_vector_files(self):
        expected = [f"[{i},0.5,-1]" for i in range(1, 8)]
        for name, content in {"a.npy": npy(VECTORS), "b.npy": npy(VECTORS, "f8"),
                              "c.npy": npy(VECTORS, "f2"), "d.npy": npy(VECTORS, version=2),
                              "e.fvecs": fvecs(VECTORS)}.items():  # fmt: skip
            self.sql("DELETE FROM documents")
            self.assertEqual(self.do_import(name, content)["rows"], 7)
            self.assertEqual(self.vectors(), expected, name)
        whole = [[1, 2, 3], [4, 5, 255]]
        for name, content in {
            "a.bvecs": b"".join(struct.pack("<i3B", 3, *row) for row in whole),
            "a.ivecs": b"".join(struct.pack("<4i", 3, *row) for row in whole),
            "i.npy": npy(whole, "i8"), "u.npy": npy(whole, "u1"),
        }.items():  # fmt: skip
            self.sql("DELETE FROM documents")
            self.do_import(name, content)
            self.assertEqual(self.vectors(), ["[1,2,3]", "[4,5,255]"], name)

    def test_ids_beside_vectors(self):
        ids = self.write("ids.npy", npy([[10], [20], [30]], "i8", shape=(3,)))
        self.do_import("a.fvecs", fvecs(VECTORS[:3]), "--ids", ids)
        self.assertEqual([row["id"] for row in self.sql(LIST)], [10, 20, 30])
        file = self.write("b.npy", npy(VECTORS))
        self.fails(1, "import", self.path, file, "--ids", ids, names=["7 rows", "3"])
        file = self.write("b.fvecs", fvecs(VECTORS))
        self.fails(1, "import", self.path, file, "--ids", ids, names=["number of rows"])

    def test_columns_by_choice(self):
        self.do_import("a.csv", "key,v,language\n5,\"[1,2,3]\",de\n", "--id", "key", "--vector",
                       "v", "--map", "language=lang")  # fmt: skip
        self.assertEqual(self.sql("SELECT rowid AS id, lang FROM documents"),
                         [{"id": 5, "lang": "de"}])  # fmt: skip

    def test_standard_input(self):
        answer = self.json("import", self.path, "-", "--format", "csv",
                           stdin='vector\n"[1,2,3]"\n')  # fmt: skip
        self.assertEqual(answer["rows"], 1)
        self.fails(1, "import", self.path, "-", names=["--format"])

    def test_table_of_ones_own(self):
        self.sql("CREATE TABLE notes(id INTEGER PRIMARY KEY, content TEXT NOT NULL,"
                 " embedding TEXT);"
                 "CREATE VIRTUAL TABLE vss USING hnsw(dim=3);"
                 "CREATE TRIGGER a AFTER INSERT ON notes BEGIN"
                 " SELECT hnsw_add('vss', NEW.id, NEW.embedding); END;")  # fmt: skip
        self.do_import("a.csv", 'id,content,embedding\n4,four,"[1, 2, 3]"\n', "--table", "notes")
        self.assertEqual(self.sql("SELECT * FROM notes"),
                         [{"id": 4, "content": "four", "embedding": "[1,2,3]"}])  # fmt: skip
        self.assertEqual(self.sql("SELECT rowid AS id FROM vss"), [{"id": 4}])

    def test_limit_and_conflicts(self):
        text = "id,embedding,lang\n" + "".join(f'{i},"[1,2,{i}]",a\n' for i in range(1, 6))
        self.assertEqual(self.do_import("a.csv", text, "--limit", 3)["rows"], 3)
        self.assertEqual(self.count(), 3)
        file = self.write("b.csv", text.replace(",a", ",b"))
        self.fails(1, "import", self.path, file, names=["b.csv:2:", "nothing was imported"])
        self.json("import", self.path, file, "--on-conflict", "ignore")
        self.json("import", self.path, file, "--on-conflict", "replace", "--limit", 1)
        rows = self.sql("SELECT lang FROM documents ORDER BY rowid")
        self.assertEqual([row["lang"] for row in rows], list("baabb"))


class BadInputTest(ImportCase):
    def rejected(self, name, content, *names, options=()):
        file = self.write(name, content)
        self.fails(1, "import", self.path, file, *options, names=[str(file), *names])
        self.assertEqual(self.count(), 0)

    def test_bad_csv(self):
        for text, words in {
            "": "empty",
            "embedding,embedding\n": "twice",
            "embedding,\n": "without a name",
            'embedding\n"[1,2,3]","x"\n': ":2: expected 1 fields, got 2",
            'embedding,lang\n"[1,2,3]",a"b\n': ":2: a quote inside",
            'embedding,lang\n"[1,2,3]"x,b\n': ":2: text after",
            'embedding,lang\n"[1,2,3]",en\n"[1,2,3],en\n': ":3: a quote is not closed",
            'embedding\n"[1,2,3]"\n\n"[1,2]"\n': ":4: ",
            'id,embedding\nx,"[1,2,3]"\n': ":2: the id is not a whole number",
            'id,embedding\n1,5\n': ":2: ",
        }.items():  # fmt: skip
            self.rejected("a.csv", text, words)

    def test_bad_json_lines(self):
        good = '{"embedding": [1, 2, 3]}\n'
        for text, words in {
            good + "{\n": ":2: not valid JSON",
            good + "[1]\n": ":2: not a JSON object",
            good + '{"embedding": [1, 2]}\n': ":2: nearlite: documents.embedding",
            good + '{"embedding": [1, 2, NaN]}\n': ":2: not valid JSON",
            good + '{"embedding": [1, 2, 1e39]}\n': ":2: ",
            good + '{"embedding": 3}\n': ":2: the vector is a single number",
            good + '{"embedding": [1, 2, 3], "lang": [1, 2]}\n': ":2: lang",
        }.items():  # fmt: skip
            self.rejected("a.jsonl", text, words)

    def test_hostile_headers(self):
        start = b"\x93NUMPY\x01\x00"
        for content, words in {
            b"": "cut off",
            b"PK\x03\x04 something else": "not an .npy",
            start + b"\xff\xff" + b" " * 100: "65535 bytes",
            b"\x93NUMPY\x02\x00\xff\xff\xff\xff": "4294967295 bytes",
            b"\x93NUMPY\x09\x00\x00\x00": "version 9",
            npy(VECTORS, shape=(2**62, 3)): "of 4611686018427387904",
            npy(VECTORS, shape=(7, 2**40)): "1099511627776 components",
            npy(VECTORS, shape=(7, 3, 1)): "one or two dimensions",
            npy(VECTORS, shape=(8, 3)): "ends in row 8 of 8",
            npy(VECTORS, shape=(6, 3)): "behind the last row",
            npy(VECTORS).replace(b"False", b"True "): "Fortran",
            npy(VECTORS).replace(b"<f4", b">f4"): "big-endian",
            npy(VECTORS).replace(b"<f4", b"|O8"): "cannot be read",
            npy([[1.0, float("nan"), 2.0]]): "component 2",
        }.items():  # fmt: skip
            self.rejected("a.npy", content, words)
        for content, words in {
            struct.pack("<i", -1): "-1 components",
            struct.pack("<i", 2**30): "1073741824 components",
            struct.pack("<i", 0): "0 components",
            fvecs(VECTORS)[:-1]: ":7: the file ends",
            fvecs(VECTORS) + b"\x03\x00": ":8: the file ends",
            fvecs([[1.0, 2.0, 3.0], [1.0, 2.0]]): "2 components, the first has 3",
            fvecs([[1.0, 2.0, float("inf")]]): "not a finite number",
        }.items():  # fmt: skip
            self.rejected("a.fvecs", content, words)

    def test_skipped_rows_are_counted_and_named(self):
        text = 'id,embedding\n1,"[1,2,3]"\n2,"[1,2]"\n3\nx,"[1,2,3]"\n5,"[1,2,5]"\n1,"[0,0,0]"\n'
        file = self.write("a.csv", text)
        done = self.run_command("import", self.path, file, "--skip-bad")
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual(done.stdout, "documents: 2 rows, 4 bad ones skipped\n")
        for line in (3, 4, 5, 7):
            self.assertIn(f"skipped: {file}:{line}: ", done.stderr)
        self.assertEqual([row["id"] for row in self.sql(LIST)], [1, 5])

    def test_files_that_are_not_there(self):
        for name in ("no.csv", "no.npy"):
            self.fails(1, "import", self.path, self.folder / name, names=[name, "No such file"])
        self.fails(1, "import", self.path, self.folder, "--format", "csv", names=["folder"])
        for name, words in {"x.parquet": "duckdb", "x.doc": "unknown", "x": "--format"}.items():
            self.fails(1, "import", self.path, self.write(name, "PAR1"), names=[words])
        file = self.write("a.csv", "embedding\n")
        self.fails(1, "import", self.folder / "none.db", file, names=["none.db"])
        self.fails(1, "import", self.path, file, "--table", "nosuch", names=["nosuch", "documents"])
        self.fails(1, "import", self.path, file, "--vector", "nosuch", names=["nosuch"])
        self.fails(1, "import", self.path, file, "--map", "embedding=x", names=["no column x"])
        self.fails(1, "import", self.path, self.write("b.csv", "a,b\n1,2\n"), names=["--vector"])


class ResumeTest(ImportCase):
    def rows(self, count):
        return "id,embedding\n" + "".join(f'{i},"[{i},2,3]"\n' for i in range(1, count + 1))

    def has_progress(self):
        return self.sql("SELECT name FROM sqlite_schema WHERE name = 'nearlite_progress'") != []

    def test_goes_on_behind_the_last_batch(self):
        good = self.rows(50)
        file = self.write("a.csv", good.replace('37,"[37,2,3]"', '37,"[37,2]"'))
        self.fails(1, "import", self.path, file, "--batch", 10,
                   names=[":38: ", "first 30 rows", "goes on"])  # fmt: skip
        self.assertEqual(self.count(), 30)
        self.assertTrue(self.has_progress())
        file.write_text(good)  # mended: what is read already is the same
        answer = self.json("import", self.path, file, "--batch", 10)
        self.assertEqual((answer["resumed_at"], answer["rows"]), (30, 50))
        self.assertEqual([row["id"] for row in self.sql(LIST)], list(range(1, 51)))
        self.assertFalse(self.has_progress())

    def test_another_file_is_noticed(self):
        text = self.rows(20)
        file = self.write("a.csv", text + "bad\n")
        self.fails(1, "import", self.path, file, "--batch", 10)
        file.write_text(text.replace('3,"[3,2,3]"', '3,"[4,2,3]"'))
        self.fails(1, "import", self.path, file, names=["not the same", "--restart"])
        self.assertEqual(self.count(), 20)
        answer = self.json("import", self.path, file, "--restart", "--on-conflict", "replace")
        self.assertEqual((answer["resumed_at"], answer["rows"]), (0, 20))
        self.assertFalse(self.has_progress())

    def start_slow_import(self):
        """An import that waits for more lines behind the first thousand."""
        pipe = self.folder / "pipe.csv"
        os.mkfifo(pipe)
        process = subprocess.Popen([COMMAND, "import", self.path, pipe, "--batch", "100"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
        out = open(pipe, "w")  # noqa: SIM115
        out.write(self.rows(1050))
        out.flush()
        deadline = time.time() + 60
        while self.count() < 1000 and time.time() < deadline:
            time.sleep(0.05)
        return pipe, process, out

    def finish(self, pipe):
        pipe.unlink()
        pipe.write_text(self.rows(1200))
        answer = self.json("import", self.path, pipe)
        self.assertEqual((answer["resumed_at"] % 100, answer["rows"]), (0, 1200))
        self.assertGreaterEqual(answer["resumed_at"], 1000)
        self.assertEqual(self.count(), 1200)
        self.assertIn("ok", self.output("check", self.path))

    def test_killed(self):
        pipe, process, out = self.start_slow_import()
        process.kill()
        process.communicate()
        out.close()
        self.finish(pipe)

    def test_interrupted(self):
        pipe, process, out = self.start_slow_import()
        process.send_signal(signal.SIGINT)
        out.close()
        _, error = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, error)
        self.assertIn(b"goes on behind them", error)
        self.finish(pipe)


class ProgressTest(ImportCase):
    def progress(self, **environment):
        """What an import writes to standard error, a terminal, and to standard output."""
        file = self.write("a.fvecs", fvecs(VECTORS * 100))
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        done = subprocess.run([COMMAND, "import", self.path, file, "--batch", "100"], stderr=slave,
                              stdout=subprocess.PIPE, text=True, timeout=100,
                              env={**os.environ, "TERM": "xterm", **environment})  # fmt: skip
        os.close(slave)
        self.assertEqual((done.returncode, done.stdout), (0, "documents: 700 rows\n"))
        shown = ""
        try:
            while piece := os.read(master, 65536):
                shown += piece.decode()
        except OSError:  # the other end is closed
            pass
        return shown

    def test_on_a_terminal_only(self):
        shown = self.progress()
        self.assertIn("100%", shown)
        self.assertIn("rows/s", shown)
        self.assertNotIn("\x1b[32m", self.progress(NO_COLOR="1"))
        self.assertEqual(self.progress(TERM="dumb"), "")


class TextTest(ImportCase):
    def setUp(self):
        super().setUp()
        self.server = EmbeddingServer(3)
        self.addCleanup(self.server.close)
        self.options = ("--text", "content", "--ollama-url", self.server.url, "--retries", "0")

    def test_texts_become_vectors(self):
        self.do_import("a.csv", "id,content\n1,one cat\n2,two dogs\n", *self.options)
        rows = self.sql("SELECT content, vec_to_json(embedding) AS v FROM documents")
        self.assertEqual([row["content"] for row in rows], ["one cat", "two dogs"])
        self.assertNotIn(None, [row["v"] for row in rows])

    def test_failure_keeps_what_was_there(self):
        file = self.write("a.csv", "id,content\n" + "".join(f"{i},text {i}\n" for i in range(30)))
        self.server.fault(lambda *_: False, 2)
        self.server.fault(status(500, {"error": "out of memory"}))
        self.fails(1, "import", self.path, file, *self.options, "--batch", 10,
                   names=["out of memory", "first 20 rows"])  # fmt: skip
        self.assertEqual(self.count(), 20)
        self.assertEqual(self.json("import", self.path, file, *self.options)["rows"], 30)

    def test_empty_texts_are_bad_rows(self):
        file = self.write("a.csv", "id,content\n1,\n2,text\n")
        self.fails(1, "import", self.path, file, *self.options, names=[":2: content"])
        self.run_command("import", self.path, file, *self.options, "--skip-bad")
        self.assertEqual(self.count(), 1)


if __name__ == "__main__":
    unittest.main()
