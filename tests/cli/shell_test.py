"""`nearlite sql` as a shell: dot-commands, modes, unfinished statements, and a real terminal."""

import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
import unittest

from commandcase import COMMAND, CommandCase
from embedding_server import EmbeddingServer


class ScriptTest(CommandCase):
    """Standard input that is no terminal."""

    def shell(self, *lines, options=()):
        return self.output("sql", self.path, *options, stdin="\n".join(lines))

    def test_statements_over_several_lines(self):
        out = self.shell("SELECT 'a;b' AS x, -- a comment; with a semicolon", "  2 AS y",
                         "/* ;", " */ ;", "SELECT 3 AS z", options=["--json"])  # fmt: skip
        self.assertEqual(out, '[{"x":"a;b","y":2}]\n[{"z":3}]\n')

    def test_triggers_are_one_statement(self):
        self.shell("CREATE TABLE t(x);", "CREATE TABLE u(x);",
                   "CREATE TRIGGER a AFTER INSERT ON t BEGIN", "  INSERT INTO u VALUES (NEW.x);",
                   "END;", "INSERT INTO t VALUES (7);")  # fmt: skip
        self.assertEqual(self.sql("SELECT x FROM u"), [{"x": 7}])

    def test_modes(self):
        select_ = "SELECT 1 AS a, 'x,\"y' AS long, NULL AS n;"
        out = self.shell(".mode csv", select_, ".mode line", select_, ".mode json", select_,
                         ".mode table", "SELECT 2 AS b;")  # fmt: skip
        self.assertEqual(out, 'a,long,n\n1,"x,""y",\n'
                         '   a = 1\nlong = x,"y\n   n = NULL\n'
                         '[{"a":1,"long":"x,\\"y","n":null}]\nb\n-\n2\n')  # fmt: skip
        self.assertEqual(self.shell("SELECT 1 AS a;", options=["--mode", "csv"]), "a\n1\n")
        self.fails(1, "sql", self.path, stdin=".mode nonsense", names=["table|json|csv|line"])
        self.fails(2, "sql", self.path, "--mode", "nonsense")

    def test_tables_and_schema(self):
        self.shell("CREATE TABLE t(x);", "CREATE INDEX i ON t(x);",
                   "CREATE VIRTUAL TABLE docs USING hnsw(dim=2);")  # fmt: skip
        self.assertEqual(self.shell(".tables"), "docs\nt\n")
        self.assertEqual(self.shell(".schema t"), "CREATE TABLE t(x);\nCREATE INDEX i ON t(x);\n")
        self.assertEqual(self.shell(".schema").splitlines()[0],
                         "CREATE VIRTUAL TABLE docs USING hnsw(dim=2);")  # fmt: skip
        self.fails(1, "sql", self.path, stdin=".schema nosuch", names=["nosuch"])

    def test_read_help_quit_timer(self):
        self.write("more.sql", "SELECT 1 AS a;\n.mode csv\nSELECT 2 AS b")
        self.assertEqual(self.shell(".read more.sql", ".quit", "SELECT 3;"), "a\n-\n1\nb\n2\n")
        self.assertIn(".timer on|off", self.shell(".help"))
        done = self.run_command("sql", self.path, stdin=".timer on\nSELECT 1;\n")
        self.assertRegex(done.stderr, r"^\d+\.\d\d\d ms\n$")
        self.write("loop.sql", ".read loop.sql\n")
        self.fails(1, "sql", self.path, stdin=".read loop.sql", names=["10 deep"])
        self.fails(1, "sql", self.path, stdin=".read nosuch", names=["nosuch"])
        for wrong in (".nonsense", ".timer", ".read", ".schema a b", "."):
            self.fails(1, "sql", self.path, stdin=wrong)

    def test_dot_commands_as_arguments(self):
        self.assertEqual(self.output("sql", self.path, ".mode csv", "SELECT 1 AS a"), "a\n1\n")

    def test_first_error_ends_it(self):
        done = self.fails(1, "sql", self.path, stdin="SELECT 1 AS a;\nnonsense;\nSELECT 2 AS b;")
        self.assertEqual(done.stdout, "a\n-\n1\n")

    def test_unfinished_statement(self):
        self.fails(1, "sql", self.path, stdin="SELECT (1", names=["incomplete"])
        self.fails(1, "sql", self.path, stdin="SELECT 'abc", names=["unrecognized"])


class DialectTest(CommandCase):
    """pgvector's SQL, which the shell translates."""

    SCRIPT = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE items (id bigserial PRIMARY KEY, embedding vector(3));
INSERT INTO items (embedding) VALUES ('[1,2,3]'), ('[4,5,6]');
CREATE INDEX ON items USING hnsw (embedding vector_l2_ops);
SELECT id FROM items ORDER BY embedding <-> '[4,5,7]' LIMIT 1;
"""

    def test_on_by_default(self):
        done = self.run_command("sql", self.path, "--mode", "csv", stdin=self.SCRIPT)
        self.assertEqual((done.returncode, done.stdout), (0, "id\n2\n"), done)
        self.assertEqual(self.output("check", self.path).count(": ok"), 1)

    def test_other_commands_see_the_table_behind_the_index(self):
        self.run_command("sql", self.path, stdin=self.SCRIPT + "ALTER TABLE items ADD title TEXT;"
                         "UPDATE items SET title = 'number ' || id")  # fmt: skip
        file = self.write("a.csv", 'id,embedding,title\n7,"[7,8,9]",seven\n')
        self.assertEqual(self.json("import", self.path, file)["table"], "items")
        rows = self.json("search", self.path, "--row", 7, "-k", 2, "--filter", "title <> ''")
        self.assertEqual([row["title"] for row in rows], ["seven", "number 2"])
        self.output("export", self.path, "a.copy")
        self.assertEqual((self.folder / "a.copy").read_text().splitlines()[-1], "7\t[7,8,9]\tseven")

    def test_can_be_switched_off(self):
        self.fails(1, "sql", self.path, "--dialect", "sqlite", stdin=self.SCRIPT,
                   names=["EXTENSION"])  # fmt: skip

    def test_what_has_no_translation_is_quoted(self):
        self.run_command("sql", self.path, stdin=self.SCRIPT)
        self.fails(1, "sql", self.path, "CREATE INDEX ON items USING ivfflat (embedding)",
                   names=["ivfflat"])  # fmt: skip


class EmbeddingFunctionTest(CommandCase):
    def setUp(self):
        super().setUp()
        self.server = EmbeddingServer(8)
        self.addCleanup(self.server.close)
        self.given = ("--ollama-url", self.server.url)

    def test_only_when_asked_for(self):
        self.fails(1, "sql", self.path, "SELECT get_embedding('x')", names=["get_embedding"])
        out = self.output("sql", self.path, "--json", *self.given,
                          "SELECT vec_length(get_embedding('x')) AS n, get_embedding(NULL) AS e")
        self.assertEqual(out, '[{"n":8,"e":null}]\n')

    def test_search_by_text(self):
        script = """
CREATE VIRTUAL TABLE docs USING hnsw(embedding float[8], +content text);
INSERT INTO docs(embedding, content) SELECT get_embedding(column1), column1
FROM (VALUES ('the cat sleeps'), ('a train arrives'));
SELECT content FROM docs WHERE embedding MATCH get_embedding('cat') AND k = 1;"""
        out = self.output("sql", self.path, "--json", *self.given, stdin=script)
        self.assertEqual(out, '[{"content":"the cat sleeps"}]\n')

    def test_not_from_triggers_and_views(self):
        self.fails(1, "sql", self.path, *self.given, "CREATE TABLE t(x);"
                   "CREATE VIEW v AS SELECT get_embedding(x) FROM t; SELECT * FROM v",
                   names=["unsafe use of get_embedding"])  # fmt: skip
        self.assertEqual(self.server.requests, [])

    def test_failure_is_the_statement_s(self):
        self.fails(1, "sql", self.path, *self.given, "--ollama-model", "nosuch",
                   "CREATE TABLE t AS SELECT get_embedding('x')", names=["ollama pull nosuch"])
        self.assertEqual(self.sql("SELECT name FROM sqlite_schema"), [])


class Terminal:
    """The shell in a terminal of its own."""

    def __init__(self, case, *arguments):
        self.master, slave = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", "NEARLITE_HISTORY": str(case.folder / "past")}
        environment.pop("NO_COLOR", None)
        self.process = subprocess.Popen(
            [COMMAND, "sql", case.path, *arguments], stdin=slave, stdout=slave, stderr=slave,
            env=environment, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))  # fmt: skip
        os.close(slave)
        self.text = ""
        case.addCleanup(self.close)
        self.wait_for("nearlite> ")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)

    def wait_for(self, words, timeout=60):
        """What was printed up to and with `words`."""
        deadline = time.time() + timeout
        while words not in self.text:
            ready, _, _ = select.select([self.master], [], [], max(0, deadline - time.time()))
            try:
                data = os.read(self.master, 65536) if ready else b""
            except OSError:
                data = b""
            if not data:
                raise AssertionError(f"no {words!r} in {self.text!r}")
            self.text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", data.decode(errors="replace"))
        before, _, self.text = self.text.partition(words)
        return before + words

    def end(self):
        """Types Ctrl-D once. The prompt is there a moment before the editor reads; the shell must
        end in either case."""
        self.type("\x04")
        return self.process.wait(timeout=60)

    def type(self, text):
        os.write(self.master, text.encode())


class TerminalTest(CommandCase):
    def test_conversation(self):
        terminal = Terminal(self)
        terminal.type("SELECT 40 +\n")
        terminal.wait_for("...> ")
        terminal.type("2 AS answer;\n")
        self.assertIn("42", terminal.wait_for("nearlite> "))
        terminal.type("SELECT nonsense;\n")
        terminal.wait_for("error: no such column: nonsense")
        terminal.wait_for("nearlite> ")
        terminal.type(".quit\n")
        self.assertEqual(terminal.process.wait(timeout=60), 0)
        past = self.folder / "past"
        self.assertIn("nonsense", past.read_text())
        self.assertEqual(past.stat().st_mode & 0o077, 0)

    def test_history(self):
        first = Terminal(self)
        first.type("SELECT 'remembered' AS x;\n")
        first.wait_for("-\n".replace("\n", "\r\n"))
        self.assertEqual(first.end(), 0)
        second = Terminal(self)
        second.type("\x10\n")  # Ctrl-P: the line before
        second.wait_for("-\r\nremembered")

    def test_interrupt_ends_the_statement_only(self):
        terminal = Terminal(self)
        terminal.type("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                      " SELECT count(*) FROM n;\n")  # fmt: skip
        terminal.wait_for("\n")
        time.sleep(0.5)
        os.killpg(terminal.process.pid, signal.SIGINT)
        terminal.wait_for("error: interrupted")
        terminal.type("SELECT 'still ' || 'here';\n")
        terminal.wait_for("still here")

    def test_interrupt_at_the_prompt_begins_a_new_line(self):
        terminal = Terminal(self)
        terminal.type("SELECT 1 +\n")
        terminal.wait_for("...> ")
        terminal.type("typed in vain")
        terminal.wait_for("vain")
        # The terminal itself may have shown these words, before the editor reads: then Ctrl-C is a
        # signal, which must begin a new line all the same.
        terminal.type("\x03")
        terminal.wait_for("nearlite> ")
        terminal.type("SELECT 'fresh ' || 'start';\n")
        terminal.wait_for("fresh start")

    def test_interrupt_while_typed_words_are_read(self):
        """The kernel discards what was typed when Ctrl-C comes, also what the shell has just been
        told of. The delay sweeps over the time in which it reads."""
        terminal = Terminal(self)
        for delay_us in range(400):
            terminal.type("SELECT 1 +\n")
            terminal.wait_for("...> ")
            terminal.type("typed in vain")
            end = time.perf_counter() + delay_us / 2e6
            while time.perf_counter() < end:
                pass
            terminal.type("\x03")
            terminal.wait_for("nearlite> ")

    def test_interrupt_before_the_editor_reads(self):
        terminal = Terminal(self)
        for _ in range(40):
            terminal.type("SELECT\n")
            terminal.wait_for("...> ")
            os.killpg(terminal.process.pid, signal.SIGINT)
            terminal.wait_for("nearlite> ")

    def test_end_of_input(self):
        terminal = Terminal(self)
        self.assertEqual(terminal.end(), 0)


if __name__ == "__main__":
    unittest.main()
