"""`nearlite init`, `search`, `export`, `bench` and the upkeep of indexes."""

import json
import sqlite3
import struct
import unittest

from commandcase import CommandCase, fvecs

WORDS = ["north", "east", "south", "west"]


class DataCase(CommandCase):
    def setUp(self):
        super().setUp()
        self.output("init", self.path, "--dim", 2, "--metric", "l2", "--column", "lang text",
                    "--column", "+content text")  # fmt: skip
        self.sql("INSERT INTO documents(rowid, embedding, lang, content) VALUES"
                 " (1, '[0, 1]', 'en', 'north'), (2, '[1, 0]', 'en', 'ea\tst \\ \"q\"'),"
                 " (3, '[0, -1]', 'de', NULL), (4, NULL, 'de', 'nowhere')")  # fmt: skip


class InitTest(CommandCase):
    def test_defaults(self):
        out = self.output("init", self.path)
        self.assertIn("embedding float[384] metric=cosine, +content text", out)
        self.fails(1, "init", self.path, names=["documents", "exists"])
        self.output("init", self.path, "--if-not-exists")

    def test_options(self):
        answer = self.json("init", self.path, "--table", "my docs", "--dim", 8, "--type", "int8",
                           "--m", 4, "--ef-construction", 50, "--ef-search", 30, "--quantize",
                           "none", "--column", "year integer")  # fmt: skip
        self.assertEqual(answer["table"], "my docs")
        stats = json.loads(self.output("stats", self.path))["indexes"][0]
        self.assertEqual([stats[name] for name in ("dim", "element", "m", "ef_construction",
                          "ef_search", "quantize")], [8, "int8", 4, 50, 30, "none"])  # fmt: skip

    def test_bad_options(self):
        for options in (["--dim", "0"], ["--dim", "20000"], ["--metric", "x"], ["--type", "x"]):
            self.fails(2, "init", self.path, *options)
        self.fails(1, "init", self.path, "--m", "1000", names=["m", "1000"])
        self.fails(1, "init", self.path, "--column", "x nonsense y", names=["x"])


class SearchTest(DataCase):
    def ids(self, *options):
        return [row["id"] for row in self.json("search", self.path, *options)]

    def test_vector_and_row(self):
        self.assertEqual(self.ids("--vector", "[0.1, 1]", "-k", 2), [1, 2])
        self.assertEqual(self.ids("--row", 3, "--limit", 1), [3])
        rows = self.json("search", self.path, "--vector", "[0, 2]", "--k", 1, "--ef-search", 50)
        self.assertEqual(rows, [{"id": 1, "distance": 1.0, "lang": "en", "content": "north"}])
        self.assertEqual(self.ids("--vector", "[0, 2]", "--exact"), [1, 2, 3])
        lines = self.output("search", self.path, "--vector", "[0, 2]", "-k", 1).splitlines()
        self.assertEqual(lines[0], "id  distance  lang  content")

    def test_filter(self):
        self.assertEqual(self.ids("--vector", "[0, 1]", "--filter", "lang = 'de'"), [3])
        self.assertEqual(self.ids("--vector", "[0, 1]", "--filter", "content LIKE 'e%' -- x"), [2])
        self.assertEqual(self.ids("--vector", "[0, 1]", "-k", 1, "--filter", "t.rowid > 1"), [2])
        for wrong in ("nosuch = 1", "1) OR (1", "lang = ", "1, 2"):
            self.fails(1, "search", self.path, "--vector", "[0, 1]", "--filter", wrong,
                       names=["--filter"])  # fmt: skip

    def test_bad_queries(self):
        self.fails(1, "search", self.path, "--vector", "[1, 2, 3]", names=["2", "3"])
        self.fails(1, "search", self.path, "--vector", "nonsense", names=["documents.embedding"])
        self.fails(1, "search", self.path, "--row", 9, names=["no row 9"])
        self.fails(1, "search", self.path, "--row", 4, names=["no vector"])
        self.fails(1, "search", names=["--vector"])
        self.fails(1, "search", self.path, "text", "--row", 1, names=["besides"])
        self.fails(2, "search", self.path, "--row", 1, "--vector", "[1, 2]")
        self.fails(2, "search", self.path, "--row", 1, "-k", 0)
        self.fails(1, "search", self.folder / "no.db", "--row", 1, names=["no.db"])

    def test_which_index(self):
        self.output("init", self.path, "--table", "other", "--dim", 2)
        self.assertEqual(self.ids("--row", 1, "-k", 1), [1])  # documents, of the two
        self.assertEqual(self.ids("--vector", "[1, 1]", "--table", "other"), [])
        self.fails(1, "search", self.path, "--row", 1, "--table", "none", names=["other"])
        self.sql("DROP TABLE documents")
        self.output("init", self.path, "--table", "third", "--dim", 2)
        self.fails(1, "search", self.path, "--row", 1, names=["other, third", "--table"])

    def test_other_elements(self):
        for element, stored in (("int8", "[3, -4]"), ("bit", "[1, 0, 0, 1, 1, 0, 0, 0]"),
                                ("float16", "[0.5, 1]"), ("bfloat16", "[0.5, 1]")):  # fmt: skip
            path = self.folder / f"{element}.db"
            metric = "hamming" if element == "bit" else "l2"
            dim = len(json.loads(stored))
            self.output("init", path, "--dim", dim, "--type", element, "--metric", metric)
            file = self.write("a.jsonl", json.dumps({"embedding": json.loads(stored)}) + "\n")
            self.output("import", path, file)
            rows = self.json("search", path, "--vector", stored)
            self.assertEqual([row["distance"] for row in rows], [0.0], element)
            self.assertEqual([row["id"] for row in self.json("search", path, "--row", 1)], [1])
            self.output("export", path, f"{element}.jsonl")
            line = (self.folder / f"{element}.jsonl").read_text()
            self.assertEqual(json.loads(line)["embedding"], json.loads(stored))


class ExportTest(DataCase):
    def export(self, name, *options):
        self.output("export", self.path, name, *options)
        return (self.folder / name).read_bytes()

    def test_json_lines_round_trip(self):
        text = self.export("a.jsonl").decode()
        rows = [json.loads(line) for line in text.splitlines()]
        self.assertEqual(rows[1], {"id": 2, "embedding": [1, 0], "lang": "en",
                                   "content": 'ea\tst \\ "q"'})  # fmt: skip
        self.assertEqual((rows[2]["content"], rows[3]["embedding"]), (None, None))
        self.sql("DELETE FROM documents")
        self.output("import", self.path, self.folder / "a.jsonl")
        self.assertEqual(self.export("b.jsonl").decode(), text)

    def test_csv_round_trip(self):
        text = self.export("a.csv").decode()
        self.assertEqual(text.splitlines()[0], "id,embedding,lang,content")
        self.sql("DELETE FROM documents")
        self.output("import", self.path, self.folder / "a.csv")
        self.assertEqual(self.export("b.csv").decode(), text)

    def test_sparse_columns_round_trip(self):
        path = self.folder / "sparse.db"
        self.output("init", path, "--dim", 2, "--column", "words sparse[9]")
        rows = [{"id": 1, "embedding": [1, 0], "words": "{1:0.5,9:-2}/9"},
                {"id": 2, "embedding": None, "words": None},
                {"id": 3, "embedding": [0, 1], "words": "{}/9"}]  # fmt: skip
        text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
        self.output("import", path, self.write("in.jsonl", text))
        self.assertEqual([row["words"] for row in self.json("search", path, "--vector", "[1, 0]")],
                         ["{1:0.5,9:-2}/9", "{}/9"])  # fmt: skip
        for name in ("out.jsonl", "out.csv"):
            self.output("export", path, name)
            again = self.folder / (name + ".db")
            self.output("init", again, "--dim", 2, "--column", "words sparse[9]")
            self.output("import", again, name)
            self.output("export", again, "again.jsonl", "--force")
            self.assertEqual((self.folder / "again.jsonl").read_text(), text)
        self.output("export", path, "out.copy")
        self.assertIn("\t{1:0.5,9:-2}/9\n", (self.folder / "out.copy").read_text())

    def test_npy(self):
        data = self.export("a.npy")
        self.assertEqual(data[:6], b"\x93NUMPY")
        begin = 10 + struct.unpack("<H", data[8:10])[0]
        self.assertEqual(begin % 64, 0)
        self.assertIn(b"(3, 2)", data[:begin])
        self.assertEqual(struct.unpack("<6f", data[begin:]), (0, 1, 1, 0, 0, -1))
        ids = (self.folder / "a.ids.npy").read_bytes()
        self.assertEqual(struct.unpack("<3q", ids[-24:]), (1, 2, 3))
        self.sql("DELETE FROM documents")
        self.output("import", self.path, "a.npy", "--ids", "a.ids.npy")
        self.assertEqual(self.export("b.npy"), data)

    def test_copy(self):
        text = self.export("a.copy").decode()
        self.assertEqual(text, "1\t[0,1]\ten\tnorth\n2\t[1,0]\ten\tea\\tst \\\\ \"q\"\n"
                         "3\t[0,-1]\tde\t\\N\n4\t\\N\tde\tnowhere\n")  # fmt: skip

    def test_filter_and_standard_output(self):
        done = self.run_command("export", self.path, "-", "--format", "jsonl", "--filter",
                                "lang = 'de'")  # fmt: skip
        self.assertEqual(len(done.stdout.splitlines()), 2)
        self.assertEqual(done.stderr, "-: 2 rows\n")

    def test_nothing_is_lost(self):
        self.write("a.jsonl", "mine")
        self.fails(1, "export", self.path, "a.jsonl", names=["--force"])
        self.fails(1, "export", self.path, "a.jsonl", "--force", "--filter", "nosuch",
                   names=["nosuch"])  # fmt: skip
        self.assertEqual((self.folder / "a.jsonl").read_text(), "mine")
        self.export("a.jsonl", "--force")
        self.fails(1, "export", self.path, self.folder / "no" / "a.csv", names=["No such"])
        self.fails(1, "export", self.path, "a.xls", names=["unknown format"])
        self.fails(1, "export", self.path, "-", "--format", "npy", names=["two files"])
        self.assertEqual([file.name for file in self.folder.glob("*.part")], [])


class BenchTest(CommandCase):
    def setUp(self):
        super().setUp()
        self.output("init", self.path, "--dim", 4, "--ef-search", 100)
        rows = [[float(i % 7 + 1), i % 11 - 5.0, i % 13 - 6.0, i % 17 - 8.0] for i in range(400)]
        file = self.write("a.fvecs", fvecs(rows))
        self.output("import", self.path, file)

    def test_suggests_and_applies(self):
        answer = self.json("bench", self.path, "--queries", 20, "--k", 5, "--ef-search", "5,400",
                           "--target-recall", 0.9, "--apply")  # fmt: skip
        self.assertEqual([line["ef_search"] for line in answer["results"]], [5, 400])
        self.assertEqual(answer["queries"], 20)
        recalls = [line["recall"] for line in answer["results"]]
        self.assertGreaterEqual(recalls[1], 0.99)
        suggested = answer["suggested_ef_search"]
        self.assertEqual(suggested, 5 if recalls[0] >= 0.9 else 400)
        stats = json.loads(self.output("stats", self.path))["indexes"][0]
        self.assertEqual(stats["ef_search"], suggested)

    def test_same_seed_same_recall(self):
        def recalls(seed):
            answer = self.json("bench", self.path, "--queries", 10, "--ef-search", 5, "--seed",
                               seed)  # fmt: skip
            return [line["recall"] for line in answer["results"]]

        self.assertEqual(recalls(3), recalls(3))

    def test_table(self):
        out = self.output("bench", self.path, "--queries", 5, "--ef-search", "10,20")
        self.assertIn("ef_search  recall  median ms  p95 ms", out)
        self.assertIn("for a recall of 0.95: ef_search = ", out)

    def test_too_few_rows(self):
        self.sql("DELETE FROM documents WHERE rowid > 1")
        self.fails(1, "bench", self.path, names=["two rows", "is one"])
        self.fails(2, "bench", self.path, "--target-recall", "1.5")


class UpkeepTest(DataCase):
    def test_optimize(self):
        self.assertIn("documents: optimized", self.output("optimize", self.path))
        answer = self.json("optimize", self.path, "documents", "--compact")
        self.assertEqual([(row["table"], row["ok"]) for row in answer], [("documents", True)])

    def test_check_and_repair(self):
        self.assertEqual(self.json("check", self.path),
                         [{"table": "documents", "ok": True, "problems": []}])  # fmt: skip
        self.assertIn("nothing to repair", self.output("repair", self.path))
        db = sqlite3.connect(self.path)
        db.execute("DELETE FROM documents_links WHERE node_id = 2")
        db.commit()
        db.close()
        done = self.run_command("check", self.path, "--json")
        self.assertEqual(done.returncode, 1)
        self.assertNotEqual(json.loads(done.stdout)[0]["problems"], [])
        answer = self.json("repair", self.path)
        self.assertTrue(answer[0]["ok"])
        self.assertNotEqual(answer[0]["mended"], [])
        self.assertEqual(self.output("check", self.path), "documents: ok\n")

    def test_stats_as_json(self):
        self.assertEqual(self.json("stats", self.path)[0]["table"], "documents")


if __name__ == "__main__":
    unittest.main()
