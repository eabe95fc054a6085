"""The sub-commands sql, check, stats and version: output, exit codes, messages."""

import json
import os
import sqlite3
import subprocess
import tempfile
import unittest
from pathlib import Path

COMMAND = os.environ["NEARLITE_CLI"]
VERSION = (Path(os.environ["NEARLITE_SOURCE_DIR"]) / "VERSION").read_text().strip()
PLACES = """
CREATE VIRTUAL TABLE places USING hnsw(position float[2] metric=l2, +name text);
INSERT INTO places(rowid, position, name)
VALUES
 (1, '[52.52, 13.40]', 'Berlin'), (2, '[48.86, 2.35]', 'Paris'), (3, '[41.90, 12.50]', 'Rome');
"""
NEAREST = "SELECT name FROM places WHERE position MATCH '[50, 4]' AND k = 2 ORDER BY distance"


class CommandTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="nearlite-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.path = str(self.folder / "test.db")

    def run_command(self, *arguments, stdin=""):
        return subprocess.run([COMMAND, *map(str, arguments)], input=stdin, capture_output=True,
                              text=True, timeout=100)  # fmt: skip

    def output(self, *arguments, stdin=""):
        done = self.run_command(*arguments, stdin=stdin)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        return done.stdout

    def fails(self, code, *arguments, names=(), stdin=""):
        done = self.run_command(*arguments, stdin=stdin)
        self.assertEqual(done.returncode, code, done)
        for name in names:
            self.assertIn(name, done.stderr)
        return done

    def sql_json(self, *statements):
        return json.loads(self.output("sql", "--json", self.path, *statements))

    def test_version(self):
        self.assertEqual(self.output("version"), VERSION + "\n")
        self.assertEqual(self.output("--version"), VERSION + "\n")

    def test_wrong_command_lines(self):
        for line in ([], ["nonsense"], ["sql"], ["check"], ["sql", self.path, "--nonsense"],
                     ["demo", "--rows", "0"], ["demo", "--rows", "many"]):  # fmt: skip
            self.assertNotEqual(self.fails(2, *line).stderr, "")
        self.assertFalse(os.path.exists(self.path))

    def test_hidden_commands_stay_hidden(self):
        self.assertNotIn("demo-", self.output("--help"))

    def test_sql_round_trip(self):
        self.assertEqual(self.output("sql", self.path, PLACES), "")
        self.assertEqual(self.sql_json(NEAREST), [{"name": "Paris"}, {"name": "Berlin"}])
        self.assertEqual(self.output("sql", self.path, stdin=NEAREST),
                         "name\n------\nParis\nBerlin\n")  # fmt: skip

    def test_table_is_aligned(self):
        lines = self.output("sql", self.path, "SELECT 1 AS a, 'é' AS text, 2 AS c"
                            " UNION ALL SELECT 1000, 'long', NULL").splitlines()  # fmt: skip
        self.assertEqual(lines, ["a     text  c", "----  ----  ----", "1     é     2",
                                 "1000  long  NULL"])  # fmt: skip

    def test_json_values(self):
        rows = self.sql_json(
            "SELECT 1 AS i, 0.25 AS r, 1e999 AS infinite, NULL AS n, x'00ff' AS b,"
            " 'quote \" back \\ line \n bell \x07 é' AS t")  # fmt: skip
        self.assertEqual(rows, [{"i": 1, "r": 0.25, "infinite": None, "n": None, "b": "00ff",
                                 "t": 'quote " back \\ line \n bell \x07 é'}])  # fmt: skip
        self.assertEqual(self.sql_json("SELECT 1 AS a WHERE 0"), [])

    def test_empty_statements_and_comments(self):
        script = " ;; -- one\n ; /* two */ SELECT 1 AS a ; -- three\n;\n"
        self.assertEqual(self.output("sql", "--json", self.path, script), '[{"a":1}]\n')
        for nothing in ("", " ", ";", "-- x", "/* x"):
            self.assertEqual(self.output("sql", self.path, nothing), "")

    def test_statement_may_need_the_one_before(self):
        rows = self.sql_json("CREATE TABLE t(x); INSERT INTO t VALUES (7); SELECT x FROM t")
        self.assertEqual(rows, [{"x": 7}])

    def test_first_error_ends_the_script(self):
        script = "CREATE TABLE a(x); SELEC 1; CREATE TABLE b(x)"
        self.fails(1, "sql", self.path, script, names=["SELEC"])
        self.assertEqual(self.sql_json("SELECT name FROM sqlite_schema"), [{"name": "a"}])

    def test_open_transaction_is_rolled_back(self):
        self.output("sql", self.path, "CREATE TABLE t(x); BEGIN; INSERT INTO t VALUES (1)")
        self.assertEqual(self.sql_json("SELECT count(*) AS n FROM t"), [{"n": 0}])

    def test_messages_name_table_limit_and_value(self):
        self.output("sql", self.path, PLACES)
        self.fails(1, "sql", self.path, "INSERT INTO places(position) VALUES ('[1, 2, 3]')",
                   names=["places.position", "2", "3"])  # fmt: skip
        self.fails(1, "sql", "--read-only", self.path, "DELETE FROM places", names=["readonly"])
        self.fails(1, "sql", str(self.folder / "no" / "folder.db"), "SELECT 1", names=["folder.db"])

    def test_no_database(self):
        file = self.folder / "text"
        file.write_text("not a database, although it is long enough to be one\n" * 100)
        self.fails(1, "sql", file, "SELECT * FROM sqlite_schema", names=["not a database"])
        self.fails(1, "check", file, names=["not a database"])

    def test_check_and_stats(self):
        self.output("sql", self.path, PLACES, "CREATE VIRTUAL TABLE vss USING hnsw(dim=3)")
        self.assertEqual(self.output("check", self.path), "places: ok\nvss: ok\n")
        self.assertEqual(self.output("check", self.path, "vss"), "vss: ok\n")
        stats = json.loads(self.output("stats", self.path, "places"))
        self.assertEqual(stats["table"], "places")
        lines = self.output("stats", self.path).splitlines()
        self.assertEqual([json.loads(line)["table"] for line in lines], ["places", "vss"])

    def test_check_without_an_index(self):
        self.output("sql", self.path, "CREATE TABLE t(x)")
        self.assertIn("no table of the module hnsw", self.output("check", self.path))
        self.fails(1, "check", self.path, "t", names=["t"])

    def test_check_creates_no_file(self):
        for command in ("check", "stats"):
            self.fails(1, command, self.path, names=[self.path])
        self.assertFalse(os.path.exists(self.path))

    def test_check_finds_damage(self):
        self.output("sql", self.path, PLACES)
        db = sqlite3.connect(self.path)
        shadow = [name for (name,) in db.execute(
            "SELECT name FROM sqlite_schema WHERE name LIKE 'places_%' AND name LIKE '%links%'"
            " AND type = 'table'")]  # fmt: skip
        self.assertNotEqual(shadow, [])
        db.execute(f"DELETE FROM {shadow[0]} WHERE rowid = 2")
        db.commit()
        db.close()
        done = self.run_command("check", self.path)
        self.assertEqual(done.returncode, 1, done)
        self.assertNotIn("places: ok", done.stdout)


if __name__ == "__main__":
    unittest.main()
