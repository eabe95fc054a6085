"""The demo: keeps its promises on real data, says so, and notices when one is broken."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

COMMAND = os.environ["NEARLITE_CLI"]
DATA = Path(os.environ["NEARLITE_SOURCE_DIR"]) / "data"
VECTOR_BYTES = 768


def demo(*arguments):
    return subprocess.run([COMMAND, "demo", *map(str, arguments)], capture_output=True, text=True,
                          timeout=200)  # fmt: skip


class DemoTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="nearlite-demo-test-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def copy_of_data(self, rows):
        """A folder with the first rows only, to be damaged."""
        data = self.folder / "data"
        data.mkdir()
        for name in ("glosses", "queries"):
            lines = (DATA / f"{name}.txt").read_bytes().splitlines(keepends=True)[:rows]
            (data / f"{name}.txt").write_bytes(b"".join(lines))
            vectors = (DATA / f"{name}.f16").read_bytes()[: len(lines) * VECTOR_BYTES]
            (data / f"{name}.f16").write_bytes(vectors)
        return data

    def test_promises_are_kept(self):
        kept = self.folder / "kept.db"
        done = demo("--data", DATA, "--rows", 2000, "--keep", kept)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stderr, "")
        self.assertNotIn("✗", done.stdout)
        self.assertNotIn("\x1b", done.stdout, "colours in a pipe")
        self.assertGreaterEqual(done.stdout.count("✓"), 13)
        for words in ("2,000 sentences", "vss_knn", "sad beyond comforting", "ef_search",
                      "Delete", "ROLLBACK", "savepoint", "VACUUM", "new process",
                      "Stock SQLite", "All promises kept"):  # fmt: skip
            self.assertIn(words, done.stdout)
        self.assertEqual(done.stdout.count("kill -9 ("), 5)
        self.assertEqual(done.stdout.count("tables equal, check ok"), 5)
        self.check_kept_file(kept)

    def check_kept_file(self, kept):
        """What the demo said of its file is true in the eyes of another program."""
        db = sqlite3.connect(kept)
        self.addCleanup(db.close)
        db.enable_load_extension(True)
        db.load_extension(os.environ["NEARLITE_EXTENSION"])
        documents, vectors, written = db.execute(
            "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM vss),"
            " (SELECT count(*) FROM documents WHERE word = 'written')").fetchone()  # fmt: skip
        self.assertEqual(documents, vectors)
        self.assertEqual(documents, 2000 - 1 + written)  # one was deleted
        self.assertGreaterEqual(written, 5 * 5)  # each killed process had committed 5 rows or more
        self.assertEqual(db.execute("SELECT nearlite_check('vss')").fetchone(), ("ok",))

    def test_existing_file_is_left_alone(self):
        file = self.folder / "mine.txt"
        file.write_text("mine")
        done = demo("--data", DATA, "--rows", 100, "--keep", file)
        self.assertEqual(done.returncode, 1)
        self.assertIn("exists already", done.stderr)
        self.assertEqual(file.read_text(), "mine")

    def test_broken_promise_is_an_exit_code(self):
        # Zero vectors are at distance 1 from everything: no row is found by its own vector.
        data = self.copy_of_data(300)
        queries = data / "queries.f16"
        queries.write_bytes(bytes(queries.stat().st_size))
        done = demo("--data", data)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("✗ kill -9 (1)", done.stdout)
        self.assertIn("promises broken", done.stdout)

    def fails_with(self, data, *words):
        done = demo("--data", data)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertEqual(done.stdout, "", "it began with bad data")
        for word in words:
            self.assertIn(word, done.stderr)

    def test_missing_data(self):
        self.fails_with(self.folder / "none", "glosses.txt", "--data")
        data = self.copy_of_data(300)
        (data / "queries.f16").unlink()
        self.fails_with(data, "queries.f16")

    def test_truncated_vectors(self):
        data = self.copy_of_data(300)
        vectors = data / "glosses.f16"
        vectors.write_bytes(vectors.read_bytes()[:-1])
        self.fails_with(data, "glosses.f16", "230,400", "230,399")

    def test_damaged_text(self):
        data = self.copy_of_data(300)
        text = data / "glosses.txt"
        good = text.read_bytes()
        text.write_bytes(good[:-1])
        self.fails_with(data, "glosses.txt", "cut off")
        text.write_bytes(good.replace(b"\t", b" ", 1))
        self.fails_with(data, "glosses.txt", "line 1:")
        text.write_bytes(b"")
        self.fails_with(data, "glosses.txt", "empty")

    def test_vector_that_is_not_finite(self):
        data = self.copy_of_data(300)
        vectors = bytearray((data / "glosses.f16").read_bytes())
        vectors[VECTOR_BYTES + 4 : VECTOR_BYTES + 6] = b"\x00\x7c"  # infinity
        (data / "glosses.f16").write_bytes(vectors)
        self.fails_with(data, "glosses.f16", "vector 2, number 3")

    def test_nothing_is_left_behind(self):
        temporary = self.folder / "temporary"
        temporary.mkdir()
        environment = dict(os.environ, TMPDIR=str(temporary))
        done = subprocess.run([COMMAND, "demo", "--data", str(DATA), "--rows", "500"],
                              env=environment, capture_output=True, text=True,
                              timeout=200)  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(list(temporary.iterdir()), [])


if __name__ == "__main__":
    if not shutil.which(COMMAND):
        sys.exit(f"NEARLITE_CLI: {COMMAND} is not there")
    unittest.main()
