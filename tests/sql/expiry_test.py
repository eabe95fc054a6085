"""Rows that end by themselves (expires_at), and partitions as namespaces.

No test waits: times are far in the past, far in the future, or given as `now`."""

import json

from filter_case import stats
from sqlcase import CONSTRAINT, ERROR, SqlCase, Vectors, blob, main

PAST, FUTURE = 1_000, 30_000_000_000


class Expiry(SqlCase):
    def make(self, ends, dim=4):
        """A row for each of `ends`, its id the place in the list, from 1."""
        self.vectors = Vectors(dim)
        db = self.connect()
        db.run("PRAGMA journal_mode=WAL")
        db.run(
            f"CREATE VIRTUAL TABLE docs USING hnsw(embedding float[{dim}] metric=l2,"
            " tenant text partition key, ends integer, m=8, ef_search=50, expires_at=ends)"
        )
        db.run("BEGIN")
        for number, end in enumerate(ends, 1):
            self.insert(db, number, end)
        db.run("COMMIT")
        return db

    def insert(self, db, rowid, end, verb="INSERT"):
        db.run(
            f"{verb} INTO docs(rowid, embedding, tenant, ends) VALUES (?, ?, ?, ?)",
            rowid, blob(self.vectors.next()), "xy"[rowid % 2], end,
        )

    def every_way(self, db, now=None):
        """The rowids each way of reading shows, which must be the same everywhere."""
        extra = "" if now is None else f" AND now = {now}"
        last = "NULL" if now is None else str(now)
        query = blob(self.vectors.next())
        search = f"SELECT rowid FROM docs WHERE embedding MATCH ?{extra}"
        ways = [
            db.column(f"SELECT rowid FROM docs WHERE 1{extra}"),
            db.column(f"SELECT rowid FROM docs WHERE ends IS NULL OR ends <> 7{extra}"
                      if now is None else f"SELECT rowid FROM docs WHERE filter = '1'{extra}"),
            sorted(db.column(search, query)),
            sorted(db.column(search + " AND k = 9999", query)),
            sorted(db.column(search + " AND k = 9999 AND exact = 1", query)),
            sorted(db.column(search + " AND after_distance = NULL", query)),
            sorted(db.column(search + " AND k = 9999 AND tenant >= 'x'", query)),
            sorted(db.column(search + " AND k = 9999 AND filter = 'rowid > 0'", query)),
            sorted(db.column(search + " AND k = 9999 AND rowid > 0", query)),
            sorted(db.column(
                f"SELECT rowid FROM vss_knn(?, 9999, 'docs', NULL, NULL, NULL, NULL, {last})",
                query)),
            sorted(db.column(f"SELECT rowid FROM docs_knn(?, 9999) WHERE now IS {last}", query))
            if now is None else
            sorted(db.column(f"SELECT rowid FROM docs_knn(?, 9999) WHERE now = {last}", query)),
        ]
        for way, found in enumerate(ways):
            self.assertEqual(sorted(found), ways[0], f"way {way}")
        count = db.one(f"SELECT count(*) FROM docs WHERE 1{extra}")
        self.assertEqual(count, len(ways[0]))
        return ways[0]

    def test_nothing_reads_what_is_past(self):
        ends = [None if i % 5 == 0 else PAST + i if i % 3 == 0 else FUTURE + i
                for i in range(1, 201)]
        db = self.make(ends)
        alive = [i for i, end in enumerate(ends, 1) if end is None or end >= FUTURE]
        self.assertEqual(self.every_way(db), alive)
        for number in (3, 5, 7):
            found = db.run("SELECT rowid FROM docs WHERE rowid = ?", number)
            self.assertEqual(found, [(number,)] if number in alive else [])
        self.assertEqual(len(db.run("SELECT * FROM docs")), len(alive))
        # Always k while k are left, however many nearer ones are over.
        query = blob(self.vectors.next())
        for k in (1, 10, len(alive)):
            for more in ("", " AND exact = 1"):
                found = db.run("SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = ?"
                               f"{more} ORDER BY distance", query, k)
                self.assertEqual(len(found), k)
        # A row may last for ever, or have ended always.
        self.assertEqual(self.every_way(db, PAST - 1), list(range(1, 201)))
        self.assertEqual(self.every_way(db, 2**63 - 1), [i for i in range(1, 201) if i % 5 == 0])

    def test_time_goes_on(self):
        db = self.make([None, 100, 200, 200, 300])
        other = self.connect()
        for now, left in ((99, [1, 2, 3, 4, 5]), (100, [1, 3, 4, 5]), (199, [1, 3, 4, 5]),
                          (200, [1, 5]), (300, [1]), (150, [1, 3, 4, 5]), (200.0, [1, 5])):
            self.assertEqual(self.every_way(db, now), left)
            self.assertEqual(self.every_way(other, now), left)
        # What is remembered follows updates, of this connection and of others.
        db.run("UPDATE docs SET ends = 500 WHERE rowid = 3 AND now = 0")
        other.run("UPDATE docs SET ends = NULL WHERE rowid = 4 AND now = 0")
        db.run("UPDATE docs SET ends = 50 WHERE rowid = 1")
        for connection in (db, other):
            self.assertEqual(self.every_way(connection, 200), [3, 4, 5])
            self.assertEqual(self.every_way(connection, 10), [1, 2, 3, 4, 5])
        # A snapshot is as old as it is; its rows end nevertheless.
        other.run("BEGIN")
        self.assertEqual(self.every_way(other, 200), [3, 4, 5])
        db.run("DELETE FROM docs WHERE rowid = 4")
        self.assertEqual(self.every_way(other, 200), [3, 4, 5])
        self.assertEqual(self.every_way(other, 400), [3, 4])
        other.run("COMMIT")
        self.assertEqual(self.every_way(other, 200), [3, 5])
        # Inside a transaction, and taken back.
        db.run("BEGIN")
        db.run("UPDATE docs SET ends = 1 WHERE rowid = 3 AND now = 0")
        self.insert(db, 9, 250)
        self.assertEqual(self.every_way(db, 200), [5, 9])
        self.assertEqual(self.every_way(db, 250), [5])
        db.run("ROLLBACK")
        self.assertEqual(self.every_way(db, 200), [3, 5])

    def test_writing_over_what_is_past(self):
        db = self.make([PAST, PAST, FUTURE, PAST, PAST])
        self.assertEqual(self.every_way(db), [3])
        self.insert(db, 1, None)
        self.insert(db, 2, FUTURE, "INSERT OR IGNORE")
        self.fails(CONSTRAINT, self.insert, db, 3, None)
        self.insert(db, 3, None, "INSERT OR IGNORE")
        self.assertEqual(db.one("SELECT ends FROM docs WHERE rowid = 3"), FUTURE)
        db.run("UPDATE docs SET rowid = 4 WHERE rowid = 3")
        self.insert(db, 5, None, "INSERT OR REPLACE")
        self.assertEqual(self.every_way(db), [1, 2, 4, 5])
        self.assertEqual(db.one("SELECT nearlite_check('docs')"), "ok")
        # They cannot be changed or deleted by a condition either: they are not there.
        db.run("UPDATE docs SET ends = 5 WHERE rowid = 1")
        for sql in ("DELETE FROM docs WHERE rowid = 1", "UPDATE docs SET ends = NULL"):
            db.run(sql)
            self.assertNotIn(1, self.every_way(db))
        db.run("SELECT hnsw_add('docs', 1.0, ?)", blob(self.vectors.next()))
        self.assertEqual(db.one("SELECT count(*) FROM docs WHERE rowid = 1"), 1)

    def test_a_failed_write_leaves_it(self):
        db = self.make([PAST])
        wrong = "INSERT INTO docs(rowid, embedding) VALUES (1, '[1]')"
        self.fails(ERROR, db.run, wrong, names=["embedding"])
        self.assertEqual(db.one("SELECT count(*) FROM docs WHERE now = 0"), 1)
        db.run("BEGIN")
        db.run("SAVEPOINT a")
        self.insert(db, 1, FUTURE)
        self.assertEqual(self.every_way(db), [1])
        db.run("ROLLBACK TO a")
        self.assertEqual(self.every_way(db), [])
        db.run("COMMIT")
        self.assertEqual(db.one("SELECT ends FROM docs WHERE now = 0"), PAST)

    def test_hnsw_expire(self):
        db = self.make([None, 100, 200, 200, FUTURE])
        self.assertEqual(db.one("SELECT hnsw_expire('docs', 99)"), 0)
        self.assertEqual(db.one("SELECT hnsw_expire('docs', 150)"), 1)
        self.assertEqual(db.one("SELECT count(*) FROM docs_rows"), 4)
        self.assertEqual(stats_of(db)["expires_at"], {"column": "ends", "expired": 2})
        db.run("INSERT INTO docs(docs, k) VALUES ('expire', 199)")
        self.assertEqual(db.one("SELECT hnsw_expire()"), 2)
        self.assertEqual(db.one("SELECT hnsw_expire('docs')"), 0)
        self.assertEqual(db.one("SELECT count(*) FROM docs_rows"), 2)
        self.assertEqual(db.one("SELECT nearlite_check('docs')"), "ok")
        self.fails(ERROR, db.run, "SELECT hnsw_expire('docs', 'soon')", names=["now", "soon"])
        db.run("CREATE VIRTUAL TABLE plain USING hnsw(dim=4)")
        self.fails(ERROR, db.run, "SELECT hnsw_expire('plain')", names=["plain", "expires_at"])
        db.run("BEGIN")
        self.assertEqual(db.one("SELECT hnsw_expire('docs', 1 << 60)"), 1)
        db.run("ROLLBACK")
        self.assertEqual(db.one("SELECT count(*) FROM docs"), 2)

    def test_maintenance_purges(self):
        for command in ("optimize", "compact", "rebuild"):
            db = self.make([PAST, None, FUTURE, PAST])
            db.run("INSERT INTO docs(docs) VALUES ('integrity-check')")
            db.run(f"INSERT INTO docs(docs) VALUES ('{command}')")
            self.assertEqual(db.column("SELECT rowid FROM docs_rows"), [2, 3], command)
            self.assertEqual(stats(db)["live"], 2)
            self.assertEqual(db.one("SELECT nearlite_check('docs')"), "ok")
            db.run("DROP TABLE docs")

    def test_equal_statements_write_equal_content(self):
        digests = set()
        for number in range(2):
            self.path = self.file(f"{number}.db")
            db = self.make([PAST, None, FUTURE, PAST] * 20)
            self.every_way(db)
            digests.add(db.one("SELECT nearlite_digest('docs')"))
        self.assertEqual(len(digests), 1)

    def test_wrong_declarations(self):
        db = self.connect()
        for columns in ("expires_at=ends", "ends text, expires_at=ends", "+ends integer,"
                        " expires_at=ends", "expires_at=v", "ends integer, expires_at='x'",
                        "ends integer partition key, expires_at=ends"):
            sql = f"CREATE VIRTUAL TABLE x USING hnsw(v float[3], {columns})"
            self.fails(ERROR, db.run, sql, names=["x", "expires_at", "integer"])
        db.run("CREATE TABLE own(id INTEGER PRIMARY KEY, embedding TEXT, ends INTEGER)")
        sql = "CREATE VIRTUAL TABLE x USING hnsw(content='own', dim=3, expires_at=ends)"
        self.fails(ERROR, db.run, sql, names=["expires_at", "filter"])
        db.run("CREATE VIRTUAL TABLE x USING hnsw(v float[3], \"till when\" integer,"
               " expires_at='TILL WHEN')")
        db.run("INSERT INTO x(v, \"till when\") VALUES ('[1,2,3]', 5)")
        self.assertEqual(db.one("SELECT count(*) FROM x"), 0)
        sql = "INSERT INTO x(x, k) VALUES ('expires_at', 'v')"
        self.fails(ERROR, db.run, sql, names=["expires_at", "fixed"])
        db.run("SELECT count(*) FROM x WHERE now = NULL")
        self.fails(ERROR, db.run, "SELECT count(*) FROM x WHERE now = 'x'", names=["now"])


def stats_of(db):
    return json.loads(db.one("SELECT nearlite_stats('docs')"))


class Namespaces(SqlCase):
    """A partition key keeps the rows of many users in one table and apart."""

    def test_list_count_search_delete(self):
        db = self.connect()
        db.run("CREATE VIRTUAL TABLE docs USING hnsw(embedding float[8] metric=l2,"
               " namespace text partition key, year integer)")
        source, vectors = Vectors(8), {}
        db.run("BEGIN")
        for rowid in range(1, 401):
            vectors[rowid] = source.next()
            db.run("INSERT INTO docs(rowid, embedding, namespace, year) VALUES (?, ?, ?, ?)",
                   rowid, blob(vectors[rowid]), f"user {rowid % 8}" if rowid % 9 else None, rowid)
        db.run("COMMIT")
        rows = {name: [r for r in range(1, 401) if r % 9 and f"user {r % 8}" == name]
                for name in (f"user {i}" for i in range(8))}
        self.assertEqual(
            db.run("SELECT namespace, count(*) FROM docs WHERE namespace IS NOT NULL"
                   " GROUP BY 1 ORDER BY 1"),
            [(name, len(found)) for name, found in sorted(rows.items())],
        )
        for name, mine in rows.items():
            query = blob(vectors[mine[3]])
            search = "SELECT rowid FROM docs WHERE embedding MATCH ? AND k = ? AND namespace = ?"
            self.assertEqual(sorted(db.column(search, query, 999, name)), mine)
            self.assertEqual(db.column(search, query, 1, name), [mine[3]])
            # Somebody else's nearest row is not ours.
            self.assertEqual(set(db.column(search, query, 5, "user 1")) - set(rows["user 1"]),
                             set())
        for condition in ("namespace = 'nobody'", "namespace = NULL", "namespace = 'USER 1'"):
            sql = f"SELECT count(*) FROM docs WHERE embedding MATCH ? AND k = 5 AND {condition}"
            self.assertEqual(db.one(sql, query), 0)
        plan = db.run("EXPLAIN QUERY PLAN SELECT node_id FROM docs_rows"
                      " WHERE namespace = 'user 1'")
        self.assertIn("INDEX", plan[0][-1])
        db.run("DELETE FROM docs WHERE namespace = 'user 2'")
        self.assertEqual(db.one("SELECT count(*) FROM docs WHERE namespace = 'user 2'"), 0)
        self.assertEqual(db.one("SELECT count(*) FROM docs"), 400 - len(rows["user 2"]))
        self.assertEqual(db.column(search, query, 999, "user 2"), [])
        db.run("UPDATE docs SET namespace = 'user 2' WHERE rowid = 1")
        self.assertEqual(db.column(search, query, 999, "user 2"), [1])
        self.assertEqual(db.one("SELECT nearlite_check('docs')"), "ok")


if __name__ == "__main__":
    main()
