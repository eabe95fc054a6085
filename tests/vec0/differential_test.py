"""Random statements, the same for sqlite-vec and for vec0.so: the same rows must come back.

Needs the package sqlite_vec (of the interface's version) in the Python that runs it, and is skipped
without: nothing depends on it. Only what both allow is said; docs/vec0.md lists what differs.
"""

import os
import random
import sqlite3
import struct
import sys

try:
    import sqlite_vec
except ImportError:
    sqlite_vec = None

SKIPPED = 77
DIM = 8
ROWS = 300


def connect(path):
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.enable_load_extension(True)
    db.load_extension(path)
    return db


class Pair:
    """Two connections that are told the same."""

    def __init__(self):
        self.theirs = connect(sqlite_vec.loadable_path())
        self.ours = connect(os.environ["NEARLITE_VEC0"])
        self.count = 0

    def run(self, sql, *parameters):
        answers = []
        for db in (self.theirs, self.ours):
            try:
                answers.append(db.execute(sql, parameters).fetchall())
            except sqlite3.Error as error:
                answers.append(str(error))
        self.count += 1
        if not self.equal(*answers):
            raise AssertionError(
                f"{sql}\n  {parameters}\n  theirs {answers[0]}\n  ours {answers[1]}"
            )
        return answers[1]

    def equal(self, a, b):
        if isinstance(a, float) and isinstance(b, float):
            return abs(a - b) <= 2e-5 * (1 + abs(a))
        if isinstance(a, bytes) and isinstance(b, bytes) and len(a) == len(b) and len(a) % 4 == 0:
            # Floats may differ in the last place.
            return a == b or self.equal(self.floats(a), self.floats(b))
        if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
            return len(a) == len(b) and all(self.equal(x, y) for x, y in zip(a, b))
        return a == b

    @staticmethod
    def floats(data):
        return list(struct.unpack(f"<{len(data) // 4}f", data))


def pack(draw, scale=1.0):
    return struct.pack(f"<{DIM}f", *(draw.gauss(0, scale) for _ in range(DIM)))


def functions(pair, draw):
    for _ in range(300):
        a, b = pack(draw, 0.5), pack(draw, 0.5)
        for call in ("distance_l2", "distance_l1", "distance_cosine", "add", "sub"):
            pair.run(f"SELECT vec_{call}(?, ?)", a, b)
            pair.run(f"SELECT vec_{call}(vec_int8(?), vec_int8(?))", a, b)
        pair.run("SELECT vec_distance_hamming(vec_bit(?), vec_bit(?))", a, b)
        for call in (
            "normalize(?)",
            "quantize_binary(?)",
            "quantize_int8(?, 'unit')",
            "to_json(?)",
        ):
            pair.run(f"SELECT vec_{call}", a)
        start, end = draw.randrange(-1, DIM + 2), draw.randrange(-1, DIM + 2)
        pair.run("SELECT vec_slice(?, ?, ?)", a, start, end)
        pair.run("SELECT vec_slice(vec_bit(?), ?, ?)", a, 8 * start, 8 * end)
        pair.run("SELECT rowid, value FROM vec_each(vec_bit(?))", a)
    for _ in range(3000):
        value = struct.pack("<4f", *(draw.uniform(-1.3, 1.3) for _ in range(4)))
        pair.run("SELECT hex(vec_quantize_int8(?, 'unit'))", value)


def tables(pair, draw, key):
    columns = {"integer": "id integer primary key,", "text": "id text primary key,", "": ""}[key]
    name = "id" if key else "rowid"
    metric = draw.choice(["l2", "l1", "cosine"])
    pair.run(
        f"CREATE VIRTUAL TABLE t USING vec0({columns} v float[{DIM}] distance_metric={metric},"
        f" w int8[{DIM}], b bit[{DIM * 8}], p integer partition key, s text, n int, f float,"
        " flag boolean, +a text, chunk_size=16)"
    )
    keys = [f"key{i:04}" if key == "text" else i for i in range(1, ROWS + 1)]
    draw.shuffle(keys)
    alive = set()

    def values():
        text = draw.choice(["a", "b", "a longer text of more than twelve", ""])
        return pack(draw), pack(draw)[:DIM], pack(draw)[:DIM], text

    for i in keys:
        v, w, b, s = values()
        pair.run(
            f"INSERT INTO t({name}, v, w, b, p, s, n, f, flag, a)"
            " VALUES(?, ?, vec_int8(?), vec_bit(?), ?, ?, ?, ?, ?, ?)",
            *(i, v, w, b, draw.randrange(4), s, draw.randrange(50), draw.randrange(20) / 4 + 0.1),
            *(draw.randrange(2), f"aux {i}"),
        )
        alive.add(i)
    for _ in range(60):
        i = draw.choice(sorted(alive))
        v, _, _, s = values()
        if draw.random() < 0.5:
            pair.run(f"UPDATE t SET v = ?, s = ?, a = 'new' WHERE {name} = ?", v, s, i)
        else:
            pair.run(f"DELETE FROM t WHERE {name} = ?", i)
            alive.discard(i)
    pair.run(f"SELECT {name}, v, w, b, p, s, n, f, flag, a FROM t ORDER BY {name}")
    compare = ["=", "!=", "<", "<=", ">", ">="]
    for _ in range(200):
        terms = []
        for term in (
            lambda: f"n {draw.choice(compare)} {draw.randrange(50)}",
            lambda: f"f {draw.choice(compare)} {draw.randrange(20) / 4 + 0.1}",
            lambda: f"s {draw.choice(compare)} '{draw.choice(['a', 'b', 'a longer text', ''])}'",
            lambda: f"flag {draw.choice(['=', '!='])} {draw.randrange(2)}",
            lambda: f"p {draw.choice(compare[:1] + compare[2:])} {draw.randrange(4)}",
            lambda: f"n IN ({draw.randrange(50)}, {draw.randrange(50)}, {draw.randrange(50)})",
            lambda: f"s IN ('a', '{draw.choice(['b', 'x'])}')",
        ):
            if draw.random() < 0.25:
                terms.append(term())
        if key != "text" and draw.random() < 0.2:
            some = ", ".join(str(draw.choice(keys)) for _ in range(40))
            terms.append(f"{name} IN ({some})")
        where = "".join(f" AND {term}" for term in terms)
        k = draw.choice([0, 1, 5, 20, 400])
        select = f"SELECT distance FROM t WHERE {{}} AND k = {k}{where}"
        pair.run(select.format("v MATCH ?"), pack(draw))
        pair.run(f"SELECT {name} FROM t WHERE v MATCH ? AND k = {k}{where}", pack(draw))
        pair.run(select.format("w MATCH vec_int8(?)"), pack(draw)[:DIM])
        pair.run(select.format("b MATCH vec_bit(?)"), pack(draw)[:DIM])
        pair.run(f"SELECT {name} FROM t WHERE 1{where} ORDER BY {name}")
    pair.run("DROP TABLE t")


def main():
    if sqlite_vec is None:
        print("sqlite_vec is not installed: nothing to compare with")
        return SKIPPED
    pair = Pair()
    draw = random.Random(int(os.environ.get("NEARLITE_SEED", "1")))
    functions(pair, draw)
    for key in ("integer", "text", ""):
        tables(pair, draw, key)
    print(f"{pair.count} statements answered alike")
    return 0


if __name__ == "__main__":
    sys.exit(main())
