"""Commands, settings, and what the index says of itself."""

import json

from sqlcase import SqlCase, Vectors, blob, main, nearest


class Commands(SqlCase):
    def setUp(self):
        super().setUp()
        self.db = self.connect()
        self.db.run(
            "CREATE VIRTUAL TABLE t USING hnsw(embedding float[8] metric=l2, m=6, ef_search=60)"
        )
        self.rows = self.fill(self.db, "t", 300, 8)

    def check(self, db=None):
        self.assert_index(db or self.db, "t", self.rows, metric="l2")

    def stats(self, db=None):
        return json.loads((db or self.db).one("SELECT nearlite_stats('t')"))["indexes"][0]

    def test_commands_change_no_answer(self):
        for _ in range(2):
            for command in (
                "optimize",
                "compact",
                "repair",
                "rebuild",
                "integrity-check",
                "sync",
                "save",
            ):
                with self.subTest(command=command):
                    if command == "save":
                        try:
                            self.db.run("INSERT INTO t(t) VALUES('save')")
                        except Exception:
                            continue  # no path: may say so
                    else:
                        self.db.run("INSERT INTO t(t) VALUES(?)", command)
                    self.check()
            self.db.run("DELETE FROM t WHERE rowid IN (SELECT rowid FROM t LIMIT 70)")
            self.rows = {
                r: v
                for r, v in self.rows.items()
                if r in set(self.db.column("SELECT rowid FROM t"))
            }
        self.check(self.connect())

    def test_commands_roll_back(self):
        self.db.run("DELETE FROM t WHERE rowid > 200")
        self.rows = {r: v for r, v in self.rows.items() if r <= 200}
        digest = self.db.one("SELECT nearlite_digest('t')")
        for command in ("optimize", "compact", "rebuild"):
            self.db.run("BEGIN")
            self.db.run("INSERT INTO t(t) VALUES(?)", command)
            self.check()
            self.db.run("ROLLBACK")
            self.assertEqual(self.db.one("SELECT nearlite_digest('t')"), digest)
            self.check()

    def test_settings_persist(self):
        self.assertEqual(self.stats()["ef_search"], 60)
        self.db.run("INSERT INTO t(t, k) VALUES('ef_search', 200)")
        self.assertEqual(self.stats()["ef_search"], 200)
        self.assertEqual(self.stats(self.connect())["ef_search"], 200)
        self.db.run("BEGIN")
        self.db.run("INSERT INTO t(t, k) VALUES('ef_search', 33)")
        self.db.run("ROLLBACK")
        self.assertEqual(self.stats(self.connect())["ef_search"], 200)
        self.assertEqual(self.stats()["ef_search"], 200)
        self.db.run("ALTER TABLE t RENAME TO u")
        found = json.loads(self.db.one("SELECT nearlite_stats('u')"))["indexes"][0]
        self.assertEqual(found["ef_search"], 200)

    def test_what_create_fixed_changes_by_a_table_in_its_place(self):
        self.db.run("PRAGMA journal_mode = WAL")
        other = self.connect()
        digest = self.db.one("SELECT nearlite_digest('t')")
        for end in ("ROLLBACK", "ROLLBACK TO s", "COMMIT"):
            with self.subTest(end):
                for sql in (
                    "BEGIN",
                    "SAVEPOINT s",
                    "ALTER TABLE t RENAME TO t_before",
                    "CREATE VIRTUAL TABLE t USING hnsw(embedding float16[8] metric=cosine, m=24)",
                    "INSERT INTO t(rowid, embedding) SELECT rowid, embedding FROM t_before",
                    "DROP TABLE t_before",
                ):
                    self.db.run(sql)
                self.assertEqual(self.db.one("SELECT count(*) FROM t"), 300)
                self.check(other)  # its own snapshot
                self.db.run(end)
                if end == "ROLLBACK TO s":
                    self.db.run("COMMIT")
                if end != "COMMIT":
                    self.assertEqual(self.db.one("SELECT nearlite_digest('t')"), digest)
                    self.check()
        for db in (self.db, other, self.connect()):
            stats = json.loads(db.one("SELECT nearlite_stats('t')"))["indexes"][0]
            self.assertEqual((stats["metric"], stats["m"], stats["element"]),
                             ("cosine", 24, "float16"))
            query = blob(self.rows[7])
            first = db.run("SELECT rowid, distance FROM t WHERE embedding MATCH ? AND k = 1", query)
            self.assertEqual(first[0][0], 7)
            self.assertEqual(db.one("SELECT nearlite_check('t')"), "ok")

    def test_stats(self):
        stats = self.stats()
        self.assertEqual(stats["live"], 300)
        self.db.run("DELETE FROM t WHERE rowid <= 10")
        stats = self.stats()
        self.assertEqual(stats["live"], 290)
        self.assertGreater(stats["memory_bytes"], 0)

    def test_digest_tells_content_apart(self):
        digest = self.db.one("SELECT nearlite_digest('t')")
        self.db.run("VACUUM")
        self.assertEqual(self.db.one("SELECT nearlite_digest('t')"), digest)
        self.assertEqual(self.connect().one("SELECT nearlite_digest('t')"), digest)
        self.db.run("INSERT INTO t(embedding) VALUES(?)", blob(Vectors(8, 9).next()))
        self.assertNotEqual(self.db.one("SELECT nearlite_digest('t')"), digest)

    def test_repair_and_rebuild_mend_a_damaged_graph(self):
        for command in ("repair", "rebuild"):
            with self.subTest(command=command):
                self.path = self.file(command + ".db")
                self.setUp_again()
                self.db.run(
                    "UPDATE t_links SET data = zeroblob(length(data)) WHERE node_id % 5 = 0"
                )
                self.db.close()
                db = self.connect()
                try:
                    self.assertNotEqual(db.one("SELECT nearlite_check('t')"), "ok")
                except Exception:
                    pass
                db.run("INSERT INTO t(t) VALUES(?)", command)
                self.check(db)
                self.check(self.connect())

    def setUp_again(self):
        self.db = self.connect()
        self.db.run(
            "CREATE VIRTUAL TABLE t USING hnsw(embedding float[8] metric=l2, m=6, ef_search=60)"
        )
        self.rows = self.fill(self.db, "t", 300, 8)

    def test_optimize_in_the_middle_of_a_transaction(self):
        self.db.run("BEGIN")
        vectors = Vectors(8, 6)
        for rowid in range(400, 430):
            self.rows[rowid] = vectors.next()
            self.db.run(
                "INSERT INTO t(rowid, embedding) VALUES(?, ?)", rowid, blob(self.rows[rowid])
            )
        self.db.run("DELETE FROM t WHERE rowid < 50")
        self.rows = {r: v for r, v in self.rows.items() if r >= 50}
        self.db.run("INSERT INTO t(t) VALUES('optimize')")
        self.check()
        self.db.run("COMMIT")
        self.check()
        self.check(self.connect())

    def test_recall_is_the_same_before_and_after(self):
        queries = Vectors(8, 77).list(15)

        def answers():
            return [
                self.db.column(
                    "SELECT rowid FROM t WHERE embedding MATCH ? AND k = 10", blob(query)
                )
                for query in queries
            ]

        def recall(found):
            right = sum(
                len(set(hits) & {rowid for rowid, _ in nearest("l2", self.rows, query, 10)})
                for hits, query in zip(found, queries)
            )
            return right / (10 * len(queries))

        before = answers()
        self.assertGreaterEqual(recall(before), 0.95)
        self.db.run("VACUUM")
        self.assertEqual(answers(), before)
        self.db.close()
        self.db = self.connect()
        self.assertEqual(answers(), before)
        self.db.run("INSERT INTO t(t) VALUES('optimize')")
        self.assertGreaterEqual(recall(answers()), 0.95)


if __name__ == "__main__":
    main()
