"""What is remembered of a condition follows whatever changes: INVARIANT F1 and INVARIANT F2."""

import sqlite3
import subprocess
import sys

from filter_case import FilterCase, stats
from sqlcase import Vectors, blob, main


class Remembered(FilterCase):
    def setUp(self):
        super().setUp()
        self.db = self.make(300)

    def filters(self, db=None):
        return stats(db or self.db)["filters"]

    def test_a_condition_is_evaluated_once(self):
        for _ in range(5):
            self.check(self.db, "year >= 2004 AND lang = ?", values=["en"])
        self.assertEqual(self.filters()["scans"], 1)
        self.assertEqual(self.filters()["hits"], 4)
        self.check(self.db, "year >= 2004 AND lang = ?", values=["de"])
        self.assertEqual(self.filters()["scans"], 2)
        other = self.connect()
        self.check(other, "year >= 2004 AND lang = ?", values=["en"])
        self.assertEqual(self.filters(other)["scans"], 0)
        self.assertGreater(self.filters()["memory_bytes"], 0)

    def test_changes_are_caught_up(self):
        other = self.connect()
        steps = [
            ["UPDATE {} SET year = 1999 WHERE rowid = 5"],
            ["UPDATE {} SET year = 2004 WHERE rowid BETWEEN 10 AND 14"],
            ["DELETE FROM {} WHERE rowid = 11"],
            ["UPDATE {} SET rowid = 9000 WHERE rowid = 12"],
            ["UPDATE {} SET embedding = ? WHERE rowid = 13", blob(self.vectors.next())],
            ["UPDATE {} SET embedding = NULL WHERE rowid = 14"],
        ]
        self.check(self.db, "year >= 2004", 400)
        for statement in steps:
            with self.subTest(statement=statement[0]):
                self.write(other, *statement)
                self.check(self.db, "year >= 2004", 400)
        self.assertEqual(self.filters()["scans"], 1)
        # A deletion, and a vector that is gone, leave nothing to look at.
        self.assertGreaterEqual(self.filters()["catch_ups"], 3)

    def test_another_process(self):
        self.check(self.db, "lang = 'xx'", 400)
        code = (
            "import sys; sys.path.insert(0, sys.argv[1]); from sqlcase import Connection\n"
            "db = Connection(sys.argv[2])\n"
            "for table in ('docs', 'plain'):\n"
            "    db.run(f\"UPDATE {table} SET lang = 'xx' WHERE rowid % 9 = 0\")\n"
            "db.close()\n"
        )
        subprocess.run([sys.executable, "-c", code, sys.path[0], self.path], check=True)
        self.assertGreater(len(self.check(self.db, "lang = 'xx'", 400)), 20)
        self.assertEqual(self.filters()["scans"], 1)

    def test_rollback(self):
        where = "year = 1990"
        self.assertEqual(self.check(self.db, where), [])
        self.db.run("BEGIN")
        self.write(self.db, "UPDATE {} SET year = 1990 WHERE rowid <= 20")
        self.assertEqual(len(self.check(self.db, where, 5)), 5)
        self.assertEqual(self.check(self.connect(), where), [])
        self.db.run("SAVEPOINT s")
        self.write(self.db, "UPDATE {} SET year = 1990 WHERE rowid <= 40")
        self.check(self.db, where, 50)
        self.db.run("ROLLBACK TO s")
        self.check(self.db, where, 50)
        self.db.run("ROLLBACK")
        self.assertEqual(self.check(self.db, where), [])

    def test_an_update_in_a_rolled_back_savepoint_is_not_lost_for_others(self):
        other = self.connect()
        self.check(other, "year = 1990", 50)
        self.db.run("BEGIN")
        self.write(self.db, "UPDATE {} SET year = 1990 WHERE rowid <= 10")
        self.db.run("SAVEPOINT s")
        self.write(self.db, "UPDATE {} SET year = 1990 WHERE rowid <= 20")
        self.db.run("ROLLBACK TO s")
        self.db.run("COMMIT")
        self.check(other, "year = 1990", 50)

    def test_like_follows_the_pragma(self):
        counts = []
        for sensitive in (1, 0, 1, 0):
            self.db.run(f"PRAGMA case_sensitive_like = {sensitive}")
            self.check(self.db, "lang LIKE '%N'", 3)
            counts.append(len(self.check(self.db, "lang LIKE '%N'", 400)))
        self.assertLess(counts[0], counts[1])
        self.assertEqual(counts[:2], counts[2:])
        self.assertEqual(self.filters()["scans"], 2)

    def restore_fork(self, further):
        """A copy went another way, in metadata alone, and is put in our file's place."""
        backup = self.file(f"fork{further}.db")
        self.db.run(f"VACUUM INTO '{backup}'")
        fork = self.connect(backup)
        self.write(self.db, "UPDATE {} SET lang = NULL WHERE lang IN ('fork', 'main')")
        self.write(fork, "UPDATE {} SET lang = NULL WHERE lang IN ('fork', 'main')")
        self.write(fork, "UPDATE {} SET lang = 'fork' WHERE rowid <= 30")
        for number in range(further):
            self.write(fork, "UPDATE {} SET year = 1990 WHERE rowid = ?", 100 + number)
        self.write(self.db, "UPDATE {} SET lang = 'main' WHERE rowid <= 30")
        count = len(self.check(self.db, "lang = 'main'", 400))
        self.assertGreater(count, 20)
        self.assertEqual(self.check(self.db, "lang = 'fork'", 400), [])
        fork.close()
        source, target = sqlite3.connect(backup), sqlite3.connect(self.path)
        source.backup(target)
        target.close()
        source.close()
        self.assertEqual(self.check(self.db, "lang = 'main'", 400), [])
        self.assertEqual(len(self.check(self.db, "lang = 'fork'", 400)), count)

    def test_a_restored_copy_of_the_same_age(self):
        self.restore_fork(0)

    def test_a_restored_copy_that_went_further(self):
        self.restore_fork(3)

    def test_two_vector_columns(self):
        db = self.db
        db.run("CREATE VIRTUAL TABLE pair USING hnsw(a float[4], b float[4], lang text)")
        source = Vectors(4)
        for rowid in range(1, 41):
            a, b = blob(source.next()), blob(source.next())
            db.run("INSERT INTO pair(rowid, a, b, lang) VALUES (?, ?, ?, 'en')", rowid, a, b)
        db.run("UPDATE pair SET b = NULL WHERE rowid = 3")
        query = blob(source.next())
        for lang, expected in (("en", 39), ("de", 0)):
            self.count_pair(query, lang, expected)
        self.connect().run("UPDATE pair SET lang = 'de' WHERE rowid <= 10")
        for lang, expected in (("en", 30), ("de", 9)):
            self.count_pair(query, lang, expected)

    def count_pair(self, query, lang, expected_b):
        for column, more in (("a", 1 if expected_b % 10 == 9 else 0), ("b", 0)):
            found = self.db.run(
                f"SELECT rowid FROM pair WHERE {column} MATCH ? AND k = 100 AND lang = ?",
                query, lang,
            )
            self.assertEqual(len(found), expected_b + more, (column, lang))

    def test_many_conditions_do_not_pile_up(self):
        for bound in range(400):
            self.check(self.db, "rating > ?", 3, [bound / 37])
        self.assertLessEqual(self.filters()["remembered"], 256)
        self.assertLessEqual(self.filters()["memory_bytes"], 16 << 20)


if __name__ == "__main__":
    main()
