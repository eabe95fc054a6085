"""Random histories of tables that come and go, against dictionaries.

Three connections, two databases each, the second of which is now one file, now another: tables are
made, dropped, renamed, replaced by others of their name, written and searched, in transactions and
savepoints that are taken back. After each step some connection is asked about some table, by MATCH
and by name, while the driver's cache has prepared statements that refer to what was there before.

NEARLITE_SEED chooses the history, NEARLITE_STEPS its length.
"""

import os
import random

from sqlcase import SqlCase, SqlError, distance, main, text

SHAPES = (
    ("l2", 4, "v float[4] metric=l2"),
    ("l1", 4, "v float[4] metric=l1, m=24"),
    ("l2", 4, "v float[4] metric=l2, quantize=none"),
    ("l2", 8, "v float[8] metric=l2"),
    ("l2", 4, "v float16[4] metric=l2, m=3, path='side'"),
)
NAMES = ("t", "u", "w")


class Side:
    """A connection, and which files it sees under which name."""

    def __init__(self, case, main_file, other_file):
        self.db = case.connect(main_file)
        self.files = {"main": main_file}
        self.attach(other_file)

    def attach(self, file):
        if "x" in self.files:
            self.db.run("DETACH x")
        self.db.run(f"ATTACH '{file}' AS x")
        self.files["x"] = file


class History:
    def __init__(self, case, seed, journal):
        self.case, self.random, self.log = case, random.Random(seed), []
        self.files = [case.file(f"{seed}-{journal}-{letter}.db") for letter in "abc"]
        for file in self.files:
            db = case.connect(file)
            db.run(f"PRAGMA journal_mode = {journal}")
            db.close()
        self.committed = {}  # (file, name): (shape, {rowid: vector})
        self.now = None  # the same, as the open transaction has it
        self.writer, self.savepoints = None, []
        self.sides = [Side(case, self.files[0], self.files[1 + i % 2]) for i in range(3)]

    def close(self):
        for side in self.sides:
            side.db.close()

    def copy(self, state):
        return {key: (shape, dict(rows)) for key, (shape, rows) in state.items()}

    def seen_by(self, side):
        return self.now if side is self.writer else self.committed

    def run(self, side, sql, *parameters):
        self.log.append((self.sides.index(side), sql, parameters))
        return side.db.run(sql, *parameters)

    def vector(self, dim):
        return [self.random.randrange(-8, 8) for _ in range(dim)]

    def step(self):
        choose = self.random.random
        side = self.writer if self.writer and choose() < 0.8 else self.random.choice(self.sides)
        kind = choose()
        if self.writer is None and kind < 0.12:
            self.run(side, "BEGIN")
            self.writer, self.now, self.savepoints = side, self.copy(self.committed), []
        elif side is self.writer and kind < 0.32:
            self.end_or_savepoint(side)
        elif kind < 0.9 and self.writer in (None, side):
            self.write(side)
        elif self.writer is None and kind < 0.93:
            side.db.close()
            place = self.sides.index(side)
            self.sides[place] = Side(self.case, self.files[0], self.random.choice(self.files[1:]))
        elif self.writer is None and kind < 0.95:
            self.run(side, "VACUUM")
        elif side is not self.writer:
            side.attach(self.random.choice(self.files[1:]))
        self.check(self.random.choice(self.sides))

    def end_or_savepoint(self, side):
        kind = self.random.randrange(5)
        if kind < 2:
            self.run(side, "COMMIT" if kind == 0 else "ROLLBACK")
            if kind == 0:
                self.committed = self.now
            self.writer = self.now = None
        elif kind < 4 or not self.savepoints:
            name = f"s{len(self.savepoints)}"
            self.run(side, "SAVEPOINT " + name)
            self.savepoints.append((name, self.copy(self.now)))
        else:
            place = self.random.randrange(len(self.savepoints))
            name, state = self.savepoints[place]
            self.run(side, "ROLLBACK TO " + name)
            self.now = self.copy(state)
            del self.savepoints[place + 1 :]

    def write(self, side):
        schema, name = self.random.choice(("main", "x")), self.random.choice(NAMES)
        file, table = side.files[schema], f"{schema}.{name}"
        # Before it reads the schema again, SQLite itself refuses names that are free by now.
        self.run(side, f"SELECT count(*) FROM {schema}.sqlite_schema")
        state = self.seen_by(side)
        if (file, name) not in state:
            shape = self.random.choice(SHAPES)
            self.run(side, f"CREATE VIRTUAL TABLE {table} USING hnsw({shape[2]})")
            state[file, name] = (shape, {})
            return
        shape, rows = state[file, name]
        kind = self.random.random()
        if kind < 0.08:
            self.run(side, f"DROP TABLE {table}")
            del state[file, name]
        elif kind < 0.16:
            other = self.random.choice(NAMES)
            if (file, other) not in state:
                self.run(side, f"ALTER TABLE {table} RENAME TO {other}")
                state[file, other] = state.pop((file, name))
        elif kind < 0.24:
            self.replace(side, file, name, table)
        elif kind < 0.85:
            for _ in range(self.random.choice((1, 1, 5))):
                rowid, vector = self.random.randrange(1, 40), self.vector(shape[1])
                if self.random.random() < 0.5:
                    sql = f"INSERT OR REPLACE INTO {table}(rowid, v) VALUES(?, ?)"
                else:
                    sql = f"SELECT hnsw_add('{table}', ?, ?)"
                self.run(side, sql, rowid, text(vector))
                rows[rowid] = vector
        elif rows:
            rowid = self.random.choice(list(rows))
            deleting = (f"DELETE FROM {table} WHERE rowid = ?", f"SELECT hnsw_del('{table}', ?)")
            self.run(side, self.random.choice(deleting), rowid)
            del rows[rowid]

    def replace(self, side, file, name, table):
        """Another one in its place, in one transaction."""
        shape, rows = self.random.choice(SHAPES), {}
        if self.writer is None:
            self.run(side, "BEGIN")
        self.run(side, f"DROP TABLE {table}")
        self.run(side, f"CREATE VIRTUAL TABLE {table} USING hnsw({shape[2]})")
        for rowid in range(1, self.random.randrange(8)):
            rows[rowid] = self.vector(shape[1])
            sql = f"INSERT INTO {table}(rowid, v) VALUES(?, ?)"
            self.run(side, sql, rowid, text(rows[rowid]))
        if self.writer is None:
            self.run(side, "COMMIT")
        self.seen_by(side)[file, name] = (shape, rows)

    def check(self, side):
        schema, name = self.random.choice(("main", "x")), self.random.choice(NAMES)
        table = f"{schema}.{name}"
        found = self.seen_by(side).get((side.files[schema], name))
        checking = f"SELECT nearlite_check('{table}')"
        if found is None:
            with self.case.assertRaises(SqlError) as caught:
                side.db.run(checking)
            self.case.assertIn("no index called", str(caught.exception))
            return
        (metric, dim, _), rows = found
        query, k = self.vector(dim), max(1, min(5, len(rows)))
        nearest = sorted(distance(metric, query, vector) for vector in rows.values())[:k]
        ways = [
            f"SELECT rowid, distance FROM {table} WHERE v MATCH ? AND k = {k}",
            f"SELECT rowid, distance FROM vss_knn(?, {k}, '{table}')",
        ]
        for way in self.random.sample(ways, 2):
            hits = side.db.run(way, text(query))
            self.case.assertEqual(len(hits), len(nearest), way)
            for (rowid, told), expected in zip(hits, nearest):
                self.case.assertAlmostEqual(told, expected, 5, way)
                self.case.assertAlmostEqual(told, distance(metric, query, rows[rowid]), 5, way)
        self.case.assertEqual(side.db.one(checking), "ok")
        self.case.assertEqual(side.db.one(f"SELECT count(*) FROM {table}"), len(rows))


class SchemaChurn(SqlCase):
    def go(self, journal):
        first = int(os.environ.get("NEARLITE_SEED", "1"))
        for seed in range(first, first + 3):
            history = History(self, seed, journal)
            for step in range(int(os.environ.get("NEARLITE_STEPS", "150"))):
                try:
                    history.step()
                except Exception:
                    print(f"NEARLITE_SEED={seed}, {journal}, step {step}; the last statements:")
                    print(*history.log[-20:], sep="\n")
                    raise
            history.close()

    def test_wal(self):
        self.go("WAL")

    def test_rollback_journal(self):
        self.go("DELETE")


if __name__ == "__main__":
    main()
