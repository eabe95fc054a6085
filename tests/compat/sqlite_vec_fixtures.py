"""Makes the databases of sqlite-vec that sqlite_vec_*_test.py read.

    pip install --target <folder> sqlite-vec==<version>
    python3 sqlite_vec_fixtures.py <folder>/sqlite_vec/vec0 …

needs a Python that can load extensions, and takes one library after the other, each in a
process of its own. sqlite-vec-<version>.db.xz is what it wrote. What it answered is in
sqlite-vec-<version>.json.xz: for each table its rows, and the k nearest of a few queries, also
with conditions.
"""

import json
import lzma
import os
import pathlib
import random
import sqlite3
import struct
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROWS = 40

# Columns: name, and what makes a value of it. The order is that of INSERT.
PLAIN = {
    "l2": ("e float[6], chunk_size=8", ["e"]),
    "cosine": ("e float[6] distance_metric=cosine, chunk_size=16", ["e"]),
    "l1": ("e float[6] distance_metric=l1, chunk_size=8", ["e"]),
    "small": ("e int8[6], chunk_size=8", ["i8"]),
    "small_cosine": ("e int8[6] distance_metric=cosine, chunk_size=8", ["i8"]),
    "bits": ("e bit[16], chunk_size=8", ["bit"]),
    "keyed": ("id text primary key, e float[6], chunk_size=8", ["key", "e"]),
    "numbered": ("id integer primary key, e float[6], chunk_size=8", ["num", "e"]),
    "several": ("a float[6], b int8[6], c bit[16] , chunk_size=8", ["e", "i8", "bit"]),
    "wide chunks": ("e float[6]", ["e"]),
    "empty": ("e float[6]", []),
}
RICH = {
    "parts": (
        "p integer partition key, e float[6], q text partition key, chunk_size=8",
        ["part", "e", "letter"],
    ),
    "meta": (
        "e float[6], t text, n integer, r float, b boolean, chunk_size=8",
        ["e", "text", "int", "real", "bool"],
    ),
    "aux": ("e float[6], +note text, +size integer, chunk_size=8", ["e", "note", "size"]),
    "all of it": (
        "id text primary key, p text partition key, a float[6] distance_metric=cosine, t text,"
        " +note text, b bit[16], n integer, chunk_size=8",
        ["key", "letter", "e", "text", "note", "bit", "int"],
    ),
}
INDEXED = {
    "rescored": ("e float[16] indexed by rescore(quantizer=bit), +note text", ["e16", "note"]),
    "rescored8": ("e float[16] indexed by rescore(quantizer=int8)", ["e16"]),
    "graph": (
        "e float[16] indexed by diskann(neighbor_quantizer=binary, n_neighbors=8,"
        " buffer_threshold=4)",
        ["e16"],
    ),
    "graph and chunks": (
        "e float[16] indexed by diskann(neighbor_quantizer=int8, n_neighbors=8), f float[6]",
        ["e16", "e"],
    ),
}
TEXTS = ["", "a", "twelve bytes", "thirteen byte", "a text of more than twelve bytes", "äöü" * 5]


def value(kind, number, source):
    whole = [source.randint(-9, 9) for _ in range(16)]
    return {
        "e": lambda: struct.pack("<6f", *[x / 4 for x in whole[:6]]),
        "e16": lambda: struct.pack("<16f", *[x / 4 for x in whole]),
        "i8": lambda: struct.pack("<6b", *[x * 14 for x in whole[:6]]),
        "bit": lambda: bytes([whole[0] & 255, whole[1] & 255]),
        "key": lambda: f"key {number}",
        "num": lambda: number * 3 - 20,
        "part": lambda: None if number % 11 == 0 else number % 3,
        "letter": lambda: "ab"[number % 2],
        "text": lambda: TEXTS[number % len(TEXTS)],
        "int": lambda: [0, -1, 2**62, number, number - 20][number % 5],
        "real": lambda: [0.0, -1.5, 1e300, number / 7][number % 4],
        "bool": lambda: number % 3 == 0,
        "note": lambda: None if number % 4 == 0 else f"note {number}",
        "size": lambda: None if number % 5 == 0 else number * 1000,
    }[kind]()


def marks(kinds):
    wrap = {"i8": "vec_int8(?)", "bit": "vec_bit(?)"}
    return [wrap.get(kind, "?") for kind in kinds]


def fill(db, table, kinds, source):
    columns = [row[1] for row in db.execute(f'PRAGMA table_info("{table}")')]
    columns = [name for name in columns if name != "rowid"]
    has_key = kinds[0] in ("key", "num")
    for number in range(1, ROWS + 1):
        names = [f'"{name}"' for name in columns]
        values = [value(kind, number, source) for kind in kinds]
        given = marks(kinds)
        if not has_key and number % 7 == 0:  # with gaps
            names, given, values = ["rowid", *names], ["?", *given], [number + 100, *values]
        sql = f'INSERT INTO "{table}"({", ".join(names)}) VALUES({", ".join(given)})'
        db.execute(sql, values)
    name = identity(table)
    ids = [row[0] for row in db.execute(f'SELECT {name} FROM "{table}"')]
    for row in ids[8:17] + ids[20:36:5]:  # a whole chunk, and single ones
        try:
            db.execute(f'DELETE FROM "{table}" WHERE {name} = ?', (row,))
        except sqlite3.OperationalError as error:  # the first release cannot always
            print("no deletion from", table, error)
            break
    for number in range(ROWS + 1, ROWS + 4):  # into what became free
        values = [value(kind, number, source) for kind in kinds]
        names = ", ".join(f'"{name}"' for name in columns)
        db.execute(f'INSERT INTO "{table}"({names}) VALUES({", ".join(marks(kinds))})', values)


def identity(table):
    """sqlite-vec's tables with a text key have no rowid."""
    arguments = {**PLAIN, **RICH, **INDEXED}[table][0]
    return "id" if "primary key" in arguments else "rowid"


def cell(data):
    return {"blob": data.hex()} if isinstance(data, bytes) else data


def vectors_of(db, table):
    """Vector columns, each with a query."""
    found = {}
    columns = [row[1] for row in db.execute(f'PRAGMA table_info("{table}")')]
    row = db.execute(f'SELECT * FROM "{table}" LIMIT 1').fetchone()
    sql = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    for name, data in zip(columns, row or ()):
        for element, wrap in (("float[", "?"), ("int8[", "vec_int8(?)"), ("bit[", "vec_bit(?)")):
            if f"{name} {element}" in sql:
                found[name] = (wrap, data)
    return found


CONDITIONS = {
    "parts": ["p = 1", "q = 'b'", "p = 2 AND q = 'a'", "p > 0"],
    "meta": [
        "t = 'a'",
        "t > 'b'",
        "t = 'a text of more than twelve bytes'",
        "n < 5",
        "n = 4611686018427387904",
        "r >= 1.0",
        "b = 1",
        "b = 0 AND n > 0 AND t <> ''",
        "n BETWEEN -5 AND 5",
    ],
    "all of it": ["p = 'a'", "n > 3 AND p = 'b'", "t <= 'twelve bytes'"],
    "l2": ["rowid IN (1, 3, 5, 500)"],
}


def answers(db, table):
    row = identity(table)
    rows = db.execute(f'SELECT {row}, * FROM "{table}" ORDER BY {row}').fetchall()
    result = {"by": row, "rows": [[cell(data) for data in row] for row in rows], "searches": []}
    for name, (wrap, data) in vectors_of(db, table).items():
        for condition in [None, *CONDITIONS.get(table, [])]:
            for k in (3, 100):
                sql = f'SELECT {row}, distance FROM "{table}"'
                sql += f' WHERE "{name}" MATCH {wrap} AND k = {k}'
                sql += f" AND {condition}" if condition else ""
                try:
                    hits = db.execute(sql, (data,)).fetchall()
                except sqlite3.OperationalError as error:  # some conditions are beyond it
                    print("no answer to", sql, error)
                    continue
                result["searches"].append({"sql": sql, "query": data.hex(), "hits": hits})
    return result


def make(library):
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.enable_load_extension(True)
    db.load_extension(library)
    version = db.execute("SELECT vec_version()").fetchone()[0]
    numbers = [int(part) for part in version.lstrip("v").split("-")[0].split(".")]
    tables = dict(PLAIN)
    if numbers >= [0, 1, 6]:
        tables.update(RICH)
    if numbers >= [0, 1, 10]:
        tables = INDEXED
    path = HERE / f"sqlite-vec-{version}.db"
    path.unlink(missing_ok=True)
    db.close()
    db = sqlite3.connect(path, isolation_level=None)
    db.enable_load_extension(True)
    db.load_extension(library)
    db.execute("PRAGMA page_size = 1024")
    source = random.Random(version)
    db.execute("BEGIN")
    for table, (arguments, kinds) in tables.items():
        db.execute(f'CREATE VIRTUAL TABLE "{table}" USING vec0({arguments})')
        if kinds:
            fill(db, table, kinds, source)
    db.execute("COMMIT")
    expected = {table: answers(db, table) for table in tables}
    db.close()
    packed = lzma.compress(path.read_bytes(), preset=9 | lzma.PRESET_EXTREME)
    (HERE / f"{path.name}.xz").write_bytes(packed)
    path.unlink()
    text = json.dumps(expected, separators=(",", ":")).encode()
    packed_text = lzma.compress(text, preset=9 | lzma.PRESET_EXTREME)
    (HERE / f"sqlite-vec-{version}.json.xz").write_bytes(packed_text)
    print(version, len(tables), "tables,", len(packed) + len(packed_text), "bytes")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        if "--one" in sys.argv:
            make(sys.argv[1])
            break
        subprocess.run([sys.executable, os.path.abspath(__file__), name, "--one"], check=True)
