"""Texts through a real server: both protocols, and every way in which it can fail."""

import json
import socket
import unittest

from commandcase import CommandCase
from embedding_server import (KEY, MODEL, EmbeddingServer, body, cut_off, edited, huge, reset, slow,
                              status)  # fmt: skip

QUICK = ("--retry-wait", "1", "--retries", "2")


class ProviderCase(CommandCase):
    DIM = 32

    def setUp(self):
        super().setUp()
        self.server = EmbeddingServer(self.DIM)
        self.addCleanup(self.server.close)
        self.ollama = ("--ollama-url", self.server.url, *QUICK)
        self.openai = ("--openai-url", self.server.url, "--openai-model", "small", *QUICK)


class OriginalToolTest(ProviderCase):
    """add, search and test, as the source documents' tool has them."""

    def test_add_and_search(self):
        texts = ["the cat sleeps on the sofa", "a train arrives at the station"]
        for number, text in enumerate(texts, 1):
            out = self.output("add", text, *self.ollama)
            self.assertEqual(out, f"nearlite.db: row {number} of documents, 32 dimensions\n")
        rows = self.json("search", "a cat on a sofa", "--limit", 1, *self.ollama)
        self.assertEqual([(row["id"], row["content"]) for row in rows], [(1, texts[0])])
        self.assertTrue((self.folder / "nearlite.db").exists())

    def test_flags_before_the_command(self):
        flags = (f"--ollama-url={self.server.url}", f"--ollama-model={MODEL}")
        self.output(*flags, "add", "a text")
        self.assertEqual(len(self.json(*flags, "search", "text")), 1)

    def test_database_of_the_environment_and_of_the_command_line(self):
        self.output("add", "one", *self.ollama, NEARLITE_DATABASE=self.path)
        self.output("add", self.path, "two", *self.ollama)
        self.output("add", "-d", self.path, "three", *self.ollama)
        self.assertEqual(self.sql("SELECT content FROM documents ORDER BY rowid"),
                         [{"content": name} for name in ("one", "two", "three")])  # fmt: skip

    def test_forgotten_quotes_make_no_database(self):
        self.fails(1, "add", "hello", "world", *self.ollama, names=["hello", "no such database"])
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_tables_of_the_source_documents(self):
        self.sql("CREATE TABLE documents(id INTEGER PRIMARY KEY, content TEXT NOT NULL,"
                 " embedding TEXT NOT NULL);"
                 "CREATE VIRTUAL TABLE vss USING hnsw(dim=32, m=16, ef=200);"
                 "CREATE TRIGGER docs_ai AFTER INSERT ON documents BEGIN"
                 " SELECT hnsw_add(NEW.id, NEW.embedding); END;")  # fmt: skip
        self.output("add", self.path, "the cat sleeps", *self.ollama)
        rows = self.json("search", self.path, "cat", *self.ollama)
        self.assertEqual([row["content"] for row in rows], ["the cat sleeps"])

    def test_self_test(self):
        answer = self.json("test", *self.ollama)
        self.assertEqual((answer["ok"], answer["dim"]), (True, 32))
        self.assertEqual(list(self.folder.iterdir()), [])
        self.server.embed = lambda text: [1.0 if "bread" in text or "is" in text else 0.0, 1.0]
        self.assertEqual(self.run_command("test", *self.ollama).returncode, 1)

    def test_default_address(self):
        out = self.output("--help")
        self.assertIn("http://127.0.0.1:11434", out)
        self.assertIn("all-minilm:latest", out)


class LengthTest(ProviderCase):
    """A model whose vectors have another length from one request to the next: nothing else would
    notice when no table says how long they must be."""

    def test_a_length_that_changes(self):
        self.server.embed = lambda text: [1.0] * (self.DIM + ("longer" in text))
        for text in ("one\ntwo\nlonger\nfour\n", "one\nlonger\n", "longer\none\n"):
            for batch in (1, 2, 4):
                with self.subTest(text=text, batch=batch):
                    self.fails(1, "embed", *self.ollama, "--embed-batch", batch, stdin=text,
                               names=["dimensions", str(self.DIM), str(self.DIM + 1)])
        self.assertEqual(len(self.output("embed", *self.ollama, "--embed-batch", 1,
                                         stdin="one\ntwo\n").splitlines()), 2)  # fmt: skip


class ProtocolTest(ProviderCase):
    def test_ollama_request(self):
        self.output("add", "a text", *self.ollama)
        path, request, headers = self.server.requests[0]
        self.assertEqual(path, "/api/embed")
        self.assertEqual(request, {"model": MODEL, "input": ["a text"], "truncate": False})
        self.assertNotIn("Authorization", headers)

    def test_openai_request_with_key(self):
        self.server.key = KEY
        self.output("add", "a text", *self.openai, OPENAI_API_KEY=KEY)
        path, request, headers = self.server.requests[0]
        self.assertEqual(path, "/v1/embeddings")
        self.assertEqual((request["model"], request["input"]), ("small", ["a text"]))
        self.assertEqual(headers["Authorization"], f"Bearer {KEY}")

    def test_paths_of_addresses(self):
        for url in ("/v1", "/v1/", "/v1/embeddings", "", "/"):
            self.output("add", "x", "--openai-url", self.server.url + url, "--openai-model", "m")
        for url in ("/api", "/api/embed", "/"):
            self.output("add", "x", "--ollama-url", self.server.url + url)
        self.assertEqual({path for path, _, _ in self.server.requests},
                         {"/v1/embeddings", "/api/embed"})  # fmt: skip

    def test_order_of_answers_does_not_matter(self):
        # The server answers OpenAI's protocol in reverse order.
        lines = self.output("embed", *self.openai, stdin="one\ntwo\nthree\n").splitlines()
        for line in map(json.loads, lines):
            expected = self.server.embed(line["text"])
            self.assertTrue(all(abs(a - b) < 1e-6 for a, b in zip(expected, line["embedding"])))
        self.assertEqual([json.loads(line)["text"] for line in lines], ["one", "two", "three"])

    def test_batches(self):
        stdin = "".join(f"text {i}\n" for i in range(7))
        self.output("embed", *self.ollama, "--embed-batch", 3, stdin=stdin)
        self.assertEqual([len(r["input"]) for _, r, _ in self.server.requests], [3, 3, 1])

    def test_key_is_nowhere_to_be_seen(self):
        self.server.key = KEY
        wrong = "sk-wrong-abcdef"
        done = self.fails(1, "add", "x", *self.openai, OPENAI_API_KEY=wrong,
                          names=["401", "OPENAI_API_KEY", "***"])  # fmt: skip
        self.assertNotIn(wrong, done.stdout + done.stderr)

    def test_key_never_in_the_clear(self):
        self.fails(1, "add", "x", "--openai-url", "http://embedding.invalid/v1", "--openai-model",
                   "m", OPENAI_API_KEY=KEY, names=["in the clear", "https"])  # fmt: skip
        self.fails(1, "add", "x", *self.openai, OPENAI_API_KEY="two words", names=["blanks"])

    def test_proxy_is_ignored_for_loopback(self):
        nobody = "http://127.0.0.1:9"
        self.output("add", "x", *self.ollama, http_proxy=nobody, HTTP_PROXY=nobody,
                    ALL_PROXY=nobody)  # fmt: skip

    def test_addresses_that_are_none(self):
        for url in ("127.0.0.1:11434", "ftp://127.0.0.1", "http://", "http:///x", "nonsense",
                    "http://me:secret@127.0.0.1", "http://127.0.0.1/?a=b",
                    "file:///etc/passwd"):  # fmt: skip
            done = self.fails(1, "add", "x", "--ollama-url", url, names=["URL"])
            self.assertNotIn("secret", done.stderr)
        self.fails(1, "add", "x", "--openai-url", self.server.url, names=["--openai-model"])
        self.assertEqual(self.server.requests, [])
        self.assertEqual(list(self.folder.iterdir()), [], "a database without content")


class FailureTest(ProviderCase):
    """Whatever the server does: exit code 1, a clear message, the database as it was."""

    def setUp(self):
        super().setUp()
        self.output("init", self.path, "--dim", self.DIM)
        self.output("add", self.path, "before", *self.ollama)
        self.server.requests.clear()

    def add_fails(self, *names, options=(), tries=1):
        self.fails(1, "add", self.path, "a text", *self.ollama, *options, names=names)
        self.assertEqual(self.sql("SELECT content FROM documents"), [{"content": "before"}])
        self.assertEqual(len(self.server.requests), tries)
        self.assertEqual(self.server.faults, [])

    def test_no_server(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        self.fails(1, "add", self.path, "x", "--ollama-url", url, names=[url, "ollama serve"])

    def test_no_model(self):
        self.add_fails("ollama pull nosuch", options=["--ollama-model", "nosuch"])

    def test_timeout(self):
        self.server.fault(slow(2))
        self.add_fails("within 100 ms", "--timeout", options=["--timeout", "100"])

    def test_wrong_dimension(self):
        self.server.fault(edited(lambda vectors: [vector[:-1] for vector in vectors]))
        self.add_fails("expected 32 dimensions, got 31")

    def test_reply_without_sense(self):
        for answer, words in {
            b"": "not valid JSON",
            b'{"embeddings": [[1, 2': "not valid JSON",
            b"<html>welcome</html>": "<html>",
            b"[]": "no \"embeddings\"",
            b'{"embeddings": 1}': "no \"embeddings\"",
            b'{"embeddings": []}': "0 vectors for 1 texts",
            b'{"embeddings": [[1], [2]]}': "2 vectors for 1 texts",
            b'{"embeddings": [[]]}': "is empty",
            b'{"embeddings": [1]}': "is not an array",
            b'{"embeddings": [[NaN]]}': "not valid JSON",
            b'{"embeddings": [[1, null]]}': "component 2 is not a finite number",
            b'{"embeddings": [["1"]]}': "component 1",
            b'{"embeddings": [[1e39]]}': "component 1",
            b'{"error": "out of \\n memory"}': "out of   memory",
            b"\xff\xfe": "not valid JSON",
            b"[" * 100000: "not valid JSON",
        }.items():  # fmt: skip
            self.server.requests.clear()
            self.server.fault(body(answer))
            self.add_fails(words)

    def test_too_many_components(self):
        self.server.fault(edited(lambda vectors: [[1] * 20000]))
        self.add_fails("20000", "16384")

    def test_closed_connections(self):
        self.server.fault(reset, 3)
        self.add_fails("broke off", "3 times", tries=3)
        self.server.requests.clear()
        self.server.fault(cut_off, 3)
        self.add_fails("broke off", tries=3)

    def test_server_errors(self):
        self.server.fault(status(500, {"error": "cannot load"}), 3)
        self.add_fails("500", "cannot load", "3 times", tries=3)
        self.server.requests.clear()
        self.server.fault(status(429, {"error": {"message": "slow down"}}), 3)
        self.add_fails("429", "slow down", tries=3)
        self.server.requests.clear()
        self.server.fault(status(400, {"error": "bad request"}))
        self.add_fails("400", "bad request", tries=1)

    def test_retries_help(self):
        for fault in (status(500), status(429), status(503), reset, cut_off):
            self.server.fault(fault, 2)
            self.output("search", self.path, "before", *self.ollama)
        self.assertEqual(len(self.server.requests), 15)

    def test_redirects_are_not_followed(self):
        other = EmbeddingServer(self.DIM)
        self.addCleanup(other.close)
        self.server.fault(status(307, b"", [("Location", other.url + "/api/embed")]))
        self.add_fails("redirects to", other.url)
        self.assertEqual(other.requests, [])

    def test_reply_without_end(self):
        self.server.fault(huge)
        self.add_fails("longer than any that makes sense")

    def test_empty_text(self):
        for text in ("", "  \n"):
            self.fails(1, "add", self.path, text, *self.ollama, names=["empty"])
        self.assertEqual(self.server.requests, [])


class TruncationTest(ProviderCase):
    def test_cut_texts_are_named(self):
        self.server.words_max = 5
        long = "one two three four five six"
        done = self.run_command("embed", *self.ollama, stdin=f"short\n{long}\nalso short\n")
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual(len(done.stdout.splitlines()), 3)
        self.assertIn("too long for the model", done.stderr)
        self.assertIn(long, done.stderr)
        # Together, then each alone, then the long one as far as the model reads.
        self.assertEqual([(len(r["input"]), r["truncate"]) for _, r, _ in self.server.requests],
                         [(3, False), (1, False), (1, False), (1, True), (1, False)])  # fmt: skip

    def test_server_that_says_so(self):
        text = {"data": [{"index": 0, "embedding": [1, 2], "truncated": True}]}
        self.server.fault(body(json.dumps(text).encode()))
        done = self.run_command("embed", *self.openai, stdin="a text\n")
        self.assertIn("too long for the model", done.stderr)

    def test_server_that_refuses(self):
        words = {"error": {"message": "This model's maximum context length is 5 tokens"}}
        self.server.fault(status(400, words), 2)
        self.fails(1, "embed", *self.openai, stdin="a text\n", names=["6 bytes", "small"])


if __name__ == "__main__":
    unittest.main()
