"""External content under random statements: after each one, every search on every connection gives
what brute force over the table gives. Rows are also written by SQLite without the extension (where
the triggers allow it), and replaced through another unique column, which fires no trigger."""

import random
import sqlite3
import unittest

from content_case import DIM, MODES, ContentCase
from sqlcase import SqlError, Vectors, blob, main, nearest, text

STEPS = 140


class Differential(ContentCase):
    """One run: a seed decides everything."""

    def start(self, sync, seed):
        self.random = random.Random(seed)
        self.vectors = Vectors(DIM, seed)
        self.sync = sync
        self.first = self.connect()
        if seed % 2:
            self.first.run("PRAGMA journal_mode = WAL")
        self.first.run(f"PRAGMA recursive_triggers = {seed // 2 % 2}")
        self.table(self.first, 60)
        self.index(self.first, sync=sync)
        self.index(self.first, name="other", sync=MODES[seed % 2])
        self.second = self.connect()
        self.stock = self.plain()
        self.depth = 0  # open savepoints of the first connection, the transaction included

    def some_vector(self):
        vector = self.vectors.next()
        pick = self.random.random()
        if pick < 0.05:
            return None
        return blob(vector) if pick < 0.6 else text(vector)

    def some_id(self):
        return self.random.randrange(1, 90)

    def write(self):
        """A statement and its parameters."""
        pick = self.random.randrange(9)
        if pick == 0:
            sql = "INSERT OR REPLACE INTO documents(id, embedding, code) VALUES (?, ?, ?)"
            return sql, (self.some_id(), self.some_vector(), self.random.randrange(30))
        if pick == 1:
            return "DELETE FROM documents WHERE id = ?", (self.some_id(),)
        if pick == 2:
            return "UPDATE documents SET content = 'x' WHERE id < ?", (self.some_id(),)
        if pick == 3:
            sql = "UPDATE OR REPLACE documents SET id = ? WHERE id = ?"
            return sql, (self.some_id(), self.some_id())
        if pick == 4:
            sql = "UPDATE documents SET embedding = ? WHERE id BETWEEN ? AND ? + 2"
            low = self.some_id()
            return sql, (self.some_vector(), low, low)
        if pick == 5:
            sql = "UPDATE OR REPLACE documents SET code = ?, embedding = ? WHERE id = ?"
            return sql, (self.random.randrange(30), self.some_vector(), self.some_id())
        if pick == 6:
            sql = (
                "INSERT INTO documents(id, embedding) VALUES (?1, ?2) ON CONFLICT(id) DO UPDATE"
                " SET embedding = excluded.embedding"
            )
            return sql, (self.some_id(), self.some_vector())
        if pick == 7:  # fails at its second row and takes back the first
            sql = "INSERT INTO documents(id, embedding) VALUES (?, ?), (?, ?), (?, ?)"
            last = self.some_id()
            vectors = [self.some_vector() for _ in range(3)]
            return sql, (200 + last, vectors[0], last, vectors[1], last, vectors[2])
        sql = "INSERT OR IGNORE INTO documents(id, embedding) VALUES (?, ?), (?, ?)"
        return sql, (self.some_id(), self.some_vector(), self.some_id(), self.some_vector())

    def on_first(self):
        pick = self.random.randrange(12)
        if pick == 0 and self.depth == 0:
            self.first.run("BEGIN")
            self.depth = 1
        elif pick == 1 and 0 < self.depth < 4:
            self.first.run(f"SAVEPOINT s{self.depth}")
            self.depth += 1
        elif pick == 2 and self.depth > 1:
            level = self.random.randrange(1, self.depth)
            self.first.run(f"ROLLBACK TO s{level}")
            self.depth = level + 1
        elif pick == 3 and self.depth > 1:
            level = self.random.randrange(1, self.depth)
            self.first.run(f"RELEASE s{level}")
            self.depth = level
        elif pick == 4 and self.depth > 0:
            self.first.run("ROLLBACK" if self.random.random() < 0.3 else "COMMIT")
            self.depth = 0
        elif pick == 5:
            command = self.random.choice(["sync", "optimize", "compact", "repair", "rebuild"])
            self.first.run("INSERT INTO ix(ix) VALUES (?)", command)
        else:
            self.first.run(*[*self.flat(self.write())])

    def flat(self, statement):
        return (statement[0], *statement[1])

    def step(self):
        try:
            if self.depth == 0 and self.random.random() < 0.3:
                self.second.run(*self.flat(self.write()))
            elif self.depth == 0 and self.random.random() < 0.3:
                self.stock.execute(*self.write())
            else:
                self.on_first()
        except SqlError as error:
            self.assertIn("UNIQUE", error.message)
        except sqlite3.Error as error:  # strict triggers need the extension
            self.assertTrue("UNIQUE" in str(error) or "hnsw" in str(error), error)

    def verify(self, db):
        query = self.vectors.next()
        rows = self.truth(db)
        k = self.random.choice([1, 5, 20])
        for index in ("ix", "other"):
            self.assert_hits(self.search(db, query, k, index), nearest("l2", rows, query, k))

    def differential(self, sync, seed):
        self.start(sync, seed)
        for step in range(STEPS):
            with self.subTest(sync=sync, seed=seed, step=step):
                self.step()
                self.verify(self.first)
                if step % 5 == 0:
                    self.verify(self.second)
        if self.depth:
            self.first.run("COMMIT")
        self.assert_exact(self.second)
        self.assert_exact(self.connect(), index="other")
        for index in ("ix", "other"):
            self.first.run(f"INSERT INTO {index}({index}) VALUES ('repair')")
            self.assert_sound(self.first, index)
        self.assert_exact(self.first)

    def test_strict(self):
        for seed in (1, 4):
            self.setUp()
            self.differential("strict", seed)

    def test_log(self):
        for seed in (2, 3):
            self.setUp()
            self.differential("log", seed)


if __name__ == "__main__":
    assert unittest
    main()
