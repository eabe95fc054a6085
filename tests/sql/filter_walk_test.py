"""Conditions that so many rows satisfy that the graph is walked."""

from filter_case import FilterCase, stats
from sqlcase import Vectors, blob, main


class Walks(FilterCase):
    """So many rows match that the graph is walked."""

    DIM = 16
    OPTIONS = "m=12, ef_search=64"
    COUNT = 12_000

    def setUp(self):
        super().setUp()
        self.db = self.connect()
        self.db.run("PRAGMA synchronous=OFF")
        self.db.run(
            f"CREATE VIRTUAL TABLE docs USING hnsw(embedding float[{self.DIM}] metric=l2, part"
            f" integer, side integer, {self.OPTIONS})"
        )
        self.db.run(
            "CREATE TABLE plain(id INTEGER PRIMARY KEY, embedding BLOB, part INTEGER, side INTEGER)"
        )
        self.vectors = Vectors(self.DIM, 7, clusters=20)
        self.db.run("BEGIN")
        for rowid in range(1, self.COUNT + 1):
            vector = self.vectors.next()
            values = [rowid, blob(vector), rowid * 7919 % 100, int(vector[0] > 0)]
            for table, name in (("docs", "rowid"), ("plain", "id")):
                self.db.run(
                    f"INSERT INTO {table}({name}, embedding, part, side) VALUES (?,?,?,?)", *values
                )
        self.db.run("COMMIT")

    def recall(self, where, queries, k=10):
        right = count = 0
        for query in queries:
            found = self.hits(self.db, where, k, query)
            expected = self.truth(self.db, where, k, query)
            self.assertEqual(len(found), len(expected), where)
            count += len(expected)
            far = expected[-1][1] * (1 + 1e-9)
            right += sum(1 for _, distance in found if distance <= far)
            rows = ", ".join(str(rowid) for rowid, _ in found)
            self.assertEqual(
                self.db.one(f"SELECT count(*) FROM plain WHERE rowid IN ({rows}) AND {where}"),
                len(found),
            )
        return right / count

    def test_selectivities(self):
        positive = [query for query in (self.vectors.next() for _ in range(100)) if query[0] > 0.1]
        queries = [self.vectors.next() for _ in range(20)]
        paths = set()

        def check(where, which):
            with self.subTest(where=where):
                self.assertGreaterEqual(self.recall(where, which), 0.97)
                paths.add(stats(self.db)["last_path"])

        for bound in (0, 1, 10, 36, 40, 50, 80, 95, 100):
            check(f"part < {bound}" if bound else "part = 0 AND rowid < 500", queries)
        check("side = 0", positive[:20])  # everything that matches is far away
        check("side = 1", positive[:20])
        self.write(self.db, "DELETE FROM {} WHERE rowid % 5 = 0")
        for bound in (50, 70, 99):
            check(f"part < {bound}", queries)
        self.assertEqual(
            paths,
            {"all that match", "graph, among what matches", "graph, dropping what does not match"},
        )

    def test_a_report_of_what_was_done(self):
        self.hits(self.db, "part < 40", 10, self.vectors.next())
        report = stats(self.db)["last_search"]
        self.assertEqual(report["path"], "graph, among what matches")
        self.assertEqual(report["matching"], 4_800)
        self.assertEqual(report["nodes"], self.COUNT)
        self.assertGreater(report["compared"], 64)
        self.assertLess(report["compared"], 4_800)
        self.hits(self.db, "part < 1", 10, self.vectors.next())
        report = stats(self.db)["last_search"]
        self.assertEqual((report["path"], report["compared"]), ("all that match", 120))

    def test_all_that_match_in_any_case(self):
        for k in (1_000, 7_000, 7_200, 9_000):
            query = self.vectors.next()
            found = self.hits(self.db, "part < 60", k, query)
            self.assertEqual(len(found), min(k, 7_200))


if __name__ == "__main__":
    main()
