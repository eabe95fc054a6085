"""A database of each format, kept for ever: every later build reads, searches and writes it.

format-<n>.db.xz was written by a build of that format, format-<n>.json says what it holds. A new
format gets new files (`golden_test.py --make`, then commit both) and the old ones stay. While the
format is 0, in development, its files may be made anew when a change of the format cannot be read.

What is pinned: each row and vector, exact distances to the last bit, `nearlite_digest` of the index
as it lies there, and the digest after a fixed list of statements. The last one changes when the
graph is built differently; that is allowed, but should be known: then make the files anew.
"""

import json
import lzma
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "sql"))

from sqlcase import CORRUPT, SqlCase, SqlError, Vectors, blob, main, text  # noqa: E402

TABLES = {
    "cosine": "embedding float[24], lang text, year integer, +title text, m=6",
    "l2": "embedding float[24] metric=l2, m=6, tombstone_rebuild_pct=50",
    "ip": "embedding float[24] metric=ip, m=6, quantize=none",
    "l1": "embedding float16[24] metric=l1, m=6",
    "bf16": "embedding bfloat16[24] metric=cosine, m=6",
    "int8": "embedding int8[24] metric=l2, m=6",
    "bits": "embedding bit[64], m=6",
    "pair": "first float[8], second float[24] metric=l2, m=6",
    "empty": "embedding float[24]",
}
ROWS = 120


def value(table, vector):
    if table == "int8":
        return bytes(max(-127, min(127, round(x * 40))) & 0xFF for x in vector)
    if table == "bits":
        return bytes(round(abs(x) * 1000) & 0xFF for x in vector[:8])
    return text([round(x, 3) for x in vector])


def columns(table):
    return ["first", "second"] if table == "pair" else ["embedding"]


def insert(db, table, rowid, source):
    names, values = ["rowid"], [rowid]
    for column in columns(table):
        vector = source.next()
        names.append(column)
        values.append(value(table, vector[:8] if column == "first" else vector))
    if table == "cosine":
        names += ["lang", "year", "title"]
        values += [None if rowid % 7 == 0 else f"l{rowid % 3}", 2000 + rowid % 20, f"title {rowid}"]
    marks = ", ".join("?" * len(values))
    db.run(f'INSERT INTO "{table}"({", ".join(names)}) VALUES({marks})', *values)


def query(table, column, seed):
    vector = Vectors(24, seed).next()
    return value(table, vector[:8] if column == "first" else vector)


def write(db):
    """Inserts, deletions and updates on each table, in several transactions; always the same."""
    for number, table in enumerate(TABLES):
        if table == "empty":
            continue
        source = Vectors(24, 100 + number)
        first = 1 + (db.one(f'SELECT coalesce(max(rowid), 0) FROM "{table}"'))
        db.run("BEGIN")
        for rowid in range(first, first + ROWS):
            insert(db, table, rowid, source)
        db.run("COMMIT")
        db.run(f'DELETE FROM "{table}" WHERE rowid % 5 = 0')
        for rowid in range(first, first + 3):
            db.run(f'DELETE FROM "{table}" WHERE rowid = ?', rowid)
            insert(db, table, rowid, source)


def content(db):
    """What the tables hold, as JSON has it."""
    found = {}
    for table in TABLES:
        rows = db.run(f'SELECT rowid, * FROM "{table}" ORDER BY rowid')
        found[table] = [
            [cell.hex() if isinstance(cell, bytes) else cell for cell in row] for row in rows
        ]
        for column in columns(table):
            name = table if table != "pair" else f"pair.{column}"
            found[f"{name} exact"] = [
                list(row)
                for row in db.run(
                    f'SELECT rowid, distance FROM "{table}" WHERE {column} MATCH ?'
                    " AND k = 9 AND exact = 1 ORDER BY distance, rowid",
                    query(table, column, 7),
                )
            ]
    return found


def digests(db):
    return {table: db.one("SELECT nearlite_digest(?)", table) for table in TABLES}


def make(connect, format_number):
    path = HERE / f"format-{format_number}.db"
    path.unlink(missing_ok=True)
    db = connect(str(path))
    for table, arguments in TABLES.items():
        db.run(f'CREATE VIRTUAL TABLE "{table}" USING hnsw({arguments})')
    write(db)
    expected = {"content": content(db), "digests": digests(db)}
    db.close()
    packed = path.read_bytes()
    (HERE / f"format-{format_number}.db.xz").write_bytes(lzma.compress(packed))
    db = connect(str(path))
    write(db)
    expected["digests after writing"] = digests(db)
    db.close()
    path.unlink()
    (HERE / f"format-{format_number}.json").write_text(
        json.dumps(expected, separators=(",", ":")).replace('],"', '],\n"') + "\n"
    )


class Golden(SqlCase):
    def each(self):
        """(connection to a fresh copy, what it should hold) for each format."""
        kept = sorted(HERE.glob("format-*.db.xz"))
        self.assertTrue(kept)
        for packed in kept:
            name = packed.name.removesuffix(".db.xz")
            with self.subTest(name):
                path = self.file(name + ".db")
                pathlib.Path(path).write_bytes(lzma.decompress(packed.read_bytes()))
                expected = json.loads((HERE / (name + ".json")).read_text())
                db = self.connect(path)
                yield db, expected
                db.close()
                os.unlink(path)

    def assert_whole(self, db):
        self.assertEqual(db.one("PRAGMA integrity_check"), "ok")
        for table in TABLES:
            self.assertEqual(db.one("SELECT nearlite_check(?)", table), "ok")

    def test_it_is_read_to_the_last_bit(self):
        for db, expected in self.each():
            found = content(db)
            self.assertEqual(sorted(found), sorted(expected["content"]))
            for what, rows in expected["content"].items():
                self.assertEqual(found[what], rows, what)
            self.assertEqual(digests(db), expected["digests"])
            self.assert_whole(db)

    def test_searches_find_what_is_near(self):
        for db, expected in self.each():
            for table in TABLES:
                for column in columns(table):
                    name = table if table != "pair" else f"pair.{column}"
                    exact = expected["content"][f"{name} exact"]
                    hits = db.run(
                        f'SELECT rowid, distance FROM "{table}" WHERE {column} MATCH ? AND k = 9'
                        " ORDER BY distance, rowid",
                        query(table, column, 7),
                    )
                    self.assertEqual([list(hit) for hit in hits], exact, name)

    def test_it_is_written_as_by_the_build_that_made_it(self):
        for db, expected in self.each():
            write(db)
            self.assertEqual(digests(db), expected["digests after writing"])
            self.assert_whole(db)

    def test_maintenance_changes_no_content(self):
        for command in ("optimize", "compact", "repair", "rebuild", "integrity-check"):
            for db, expected in self.each():
                for table in TABLES:
                    db.run(f'INSERT INTO "{table}"("{table}") VALUES(?)', command)
                self.assertEqual(content(db), expected["content"])
                self.assert_whole(db)

    def test_a_format_of_the_future_is_refused_and_not_written(self):
        for db, _ in self.each():
            db.run("UPDATE cosine_config SET value = x'3939' WHERE key = 'format_version'")
            db.close()
            before = pathlib.Path(db.path).read_bytes()
            db = self.connect(db.path)
            for sql in (
                "SELECT rowid FROM cosine",
                "INSERT INTO cosine(rowid) VALUES(900)",
                "INSERT INTO cosine(cosine) VALUES('rebuild')",
                "SELECT nearlite_check('cosine')",
            ):
                found = self.fails(CORRUPT, db.run, sql)
                self.assertIn("99", found.message)
            db.run("SELECT count(*) FROM l2")  # its neighbours are well
            db.close()
            self.assertEqual(pathlib.Path(db.path).read_bytes(), before)


if __name__ == "__main__":
    if "--make" in sys.argv:
        from sqlcase import Connection

        make(Connection, sys.argv[-1] if sys.argv[-1].isdigit() else "0")
        sys.exit(0)
    main()
