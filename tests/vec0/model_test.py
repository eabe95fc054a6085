"""Random statements on a vec0 table and on an ordinary one with the same columns, in the same
transactions: the same rows, the same failures, and searches as ORDER BY would answer them."""

import random

from vec0case import CONSTRAINT, SqlError, Vec0Case, blob, main

STEPS = 400
DIM = 4


class Model(Vec0Case):
    def outcome(self, sql, *parameters):
        try:
            return self.db.run(sql, *parameters)
        except SqlError as error:
            self.assertEqual(error.code, CONSTRAINT, sql)
            return "constraint"

    def both(self, sql, *parameters):
        """Runs `sql`, in which TABLE stands for the name, on both."""
        found = self.outcome(sql.replace("TABLE", "t"), *parameters)
        right = self.outcome(sql.replace("TABLE", "plain"), *parameters)
        self.assertEqual(found, right, (sql, parameters))

    def vector(self):
        return blob([self.draw.randrange(-9, 10) + self.draw.random() for _ in range(DIM)])

    def key(self):
        number = self.draw.randrange(60)
        return f"key{number}" if self.is_text else number

    def write(self):
        draw, key = self.draw, self.key()
        n = draw.choice([None, *range(5)])
        clause = draw.choice(["", "", "OR REPLACE", "OR IGNORE", "OR FAIL", "OR ABORT"])
        kind = draw.randrange(6)
        if kind < 3:
            sql = f"INSERT {clause} INTO TABLE(id, v, n, s) VALUES(?, ?, ?, ?)"
            self.both(sql, key, self.vector(), n, draw.choice("abc"))
        elif kind == 3:
            column, value = draw.choice(
                [("v", self.vector()), ("n", n), ("s", None), ("id", self.key())]
            )
            self.both(f"UPDATE {clause} TABLE SET {column} = ? WHERE id = ?", value, key)
        elif kind == 4:
            # One statement, several rows; where it fails in the middle nothing of it may stay.
            other = "'key' || value" if self.is_text else "value"
            self.both(
                f"INSERT {clause} INTO TABLE(id, v, n) SELECT {other}, ?, 9"
                " FROM json_each('[55, 56, 57]')",
                self.vector(),
            )
        else:
            condition = draw.choice(["id = ?", "n = 2 AND id <= ?", "s = 'b' AND id > ?"])
            self.both(f"DELETE FROM TABLE WHERE {condition}", key)

    def transaction(self):
        if not self.names:
            self.db.run("BEGIN")
            self.names.append(None)
            return
        choice = self.draw.randrange(5)
        if choice < 2:
            self.names.append(f"s{len(self.names)}")
            self.db.run(f"SAVEPOINT {self.names[-1]}")
        elif choice == 2 and len(self.names) > 1:
            at = self.draw.randrange(1, len(self.names))
            self.db.run(f"ROLLBACK TO {self.names[at]}")
            del self.names[at + 1 :]
        else:
            self.db.run(self.draw.choice(["COMMIT", "COMMIT", "ROLLBACK"]))
            self.names = []

    def compare(self):
        columns = "SELECT id, v, n, s FROM {} ORDER BY id"
        self.assertEqual(self.db.run(columns.format("t")), self.db.run(columns.format("plain")))
        query, k = self.vector(), self.draw.choice([1, 3, 100])
        where = self.draw.choice(["", " AND n > 1", " AND s = 'a'", " AND n IS NULL"])
        found = f"SELECT id FROM t WHERE v MATCH ? AND k = ?{where}"
        right = f"SELECT id FROM plain WHERE 1{where} ORDER BY vec_distance_l2(v, ?) LIMIT ?"
        self.assertEqual(self.db.column(found, query, k), self.db.column(right, query, k))

    def run_model(self, seed, key):
        self.draw, self.is_text, self.names = random.Random(seed), key == "text", []
        self.db = self.connect(self.file(f"{key}{seed}.db"))
        self.db.run(
            f"CREATE VIRTUAL TABLE t USING vec0(id {key} primary key, v float[4], n int, s text)"
        )
        self.db.run(f"CREATE TABLE plain(id {key} PRIMARY KEY NOT NULL, v BLOB NOT NULL, n, s)")
        for _ in range(STEPS):
            self.transaction() if self.draw.random() < 0.25 else self.write()
            if self.draw.random() < 0.3:
                self.compare()
        if self.names:
            self.db.run("COMMIT")
        self.compare()
        self.assertGreater(self.db.one("SELECT count(*) FROM t"), 20)
        self.db.run("INSERT INTO t(t) VALUES('integrity-check')")
        self.assertEqual(self.db.one("PRAGMA integrity_check"), "ok")
        self.db.close()

    def test_text_keys(self):
        for seed in (1, 2, 3):
            self.run_model(seed, "text")

    def test_integer_keys(self):
        for seed in (4, 5, 6):
            self.run_model(seed, "integer")


if __name__ == "__main__":
    main()
