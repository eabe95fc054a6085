"""The worker of bench/ builds and does every workload, on a few rows.

Not a benchmark: nothing here looks at a time.
"""

import array
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "bench"))

from workers import Worker, WorkerError  # noqa: E402

DIM, ROWS, QUERIES = 16, 600, 40
EXTENSION = os.environ.get("NEARLITE_EXTENSION")
BUILD = Path(os.environ.get("NEARLITE_BUILD_DIR", tempfile.gettempdir())) / "bench-workers"


def unit_vectors(count, seed):
    source = random.Random(seed)
    rows = [[source.gauss(0, 1) for _ in range(DIM)] for _ in range(count)]
    return [[x / sum(y * y for y in row) ** 0.5 for x in row] for row in rows]


def write_data_set(folder, build_rows):
    """As bench/datasets.py does, without numpy; the truth is of the first `build_rows` rows."""
    rows, queries = unit_vectors(ROWS, 1), unit_vectors(QUERIES, 2)
    (folder / "rows.f32").write_bytes(array.array("f", sum(rows, [])).tobytes())
    (folder / "queries.f32").write_bytes(array.array("f", sum(queries, [])).tobytes())
    truth = []
    for query in queries:
        products = [-sum(a * b for a, b in zip(row, query)) for row in rows[:build_rows]]
        truth += sorted(range(build_rows), key=products.__getitem__)[:10]
    (folder / "truth.i32").write_bytes(array.array("i", truth).tobytes())
    (folder / "meta.json").write_text(json.dumps({"dim": DIM, "rows": ROWS}))


@unittest.skipUnless(EXTENSION, "NEARLITE_EXTENSION is not set")
class SqlWorker(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run(["cmake", "-S", ROOT / "bench", "-B", BUILD, "-G", "Ninja",
                        "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_UNITY_BUILD=ON"], check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", BUILD, "--target", "bench_sql"], check=True,
                       stdout=subprocess.DEVNULL)

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        write_data_set(self.folder, 300)
        self.worker = Worker([BUILD / "bench_sql", "nearlite", EXTENSION, self.folder])
        self.addCleanup(self.worker.close)
        self.worker.ask("open", path=str(self.folder / "t.db"))

    def test_searches_count_what_they_find(self):
        self.worker.ask("build", rows=300)
        wide = self.worker.ask("search", ef=300)
        self.assertGreater(wide["recall"], 0.99)
        self.assertEqual(wide["count"], QUERIES)
        self.assertEqual(self.worker.ask("recall_now", ef=300, count=QUERIES)["recall"],
                         wide["recall"])

    def test_rows_that_are_not_there_are_missed(self):
        self.worker.ask("build", rows=150)
        recall = self.worker.ask("search", ef=300)["recall"]
        self.assertTrue(0.3 < recall < 0.7, recall)  # half of the truth's rows

    def test_writes(self):
        self.worker.ask("build", rows=300)
        self.worker.ask("insert_singly", first=300, count=50)
        self.worker.ask("append", first=350, count=50)
        self.assertEqual(self.live(), 400)
        self.worker.ask("remove", rows=300, count=100)
        self.assertEqual(self.live(), 300)
        mixed = self.worker.ask("mixed", ef=20, seconds=0.2, first=400)
        self.assertEqual(self.live(), 300 + mixed["written"])

    def test_updates_and_rows_that_find_themselves(self):
        self.worker.ask("build", rows=200)
        self.worker.ask("update", first=200, count=200)
        at = {"ef": 200, "rows": 200}
        self.assertEqual(self.worker.ask("find_themselves", first=200, **at)["lost"], 0)
        self.assertGreater(self.worker.ask("find_themselves", first=0, **at)["lost"], 100)

    def test_is_kept_on_one_core(self):
        with Worker([sys.executable, "-c",
                     "import os, sys; sys.stdin.readline(); "
                     "print('{\"cores\": %d}' % len(os.sched_getaffinity(0)))"]) as worker:
            worker.pin()
            self.assertEqual(worker.ask("count"), {"cores": 1})

    def test_a_failure_is_told(self):
        with self.assertRaisesRegex(WorkerError, "no such table"):
            self.worker.ask("search", ef=10)

    def test_first_answer_of_a_new_process(self):
        self.worker.ask("build", rows=300)
        queries = self.folder / "many.f32"
        queries.write_bytes(3 * (self.folder / "queries.f32").read_bytes())
        answer = json.loads(subprocess.run(
            [BUILD / "bench_sql", "first", EXTENSION, self.folder / "t.db", queries, str(DIM),
             "20"], check=True, capture_output=True, text=True).stdout)
        self.assertGreaterEqual(answer["first_ms"], answer["open_ms"])
        self.assertEqual(answer["next_hundred"]["count"], 100)

    def live(self):
        return self.worker.ask("state")["stats"]["indexes"][0]["live"]


if __name__ == "__main__":
    unittest.main()
