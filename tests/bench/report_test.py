"""bench/report tells what was measured, losses included, and bench/run's file can be cut off."""

import json
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

BENCH = Path(__file__).parents[2] / "bench"
sys.path.insert(0, str(BENCH))

from results import Results, read_lines  # noqa: E402

DATA = "synthetic-384-100k"
MACHINE = {"cpu": "a CPU", "cores": 2, "commit": "abc", "extension": "123"}


def search(engine, ef, recall, qps, data=DATA, rounds=3):
    return [{"case": "search", "engine": engine, "ef": ef, "recall": recall,
             "qps": qps * (1 + number),
             "cpu_qps": 10 * qps, "p50_us": 1e6 / qps, "p95_us": 1, "p99_us": 2, "round": number,
             "data": data, "n": 100_000, "dim": 384} for number in range(rounds)]


def curve(engine, factor):
    return (search(engine, 16, 0.9, 1000 * factor) + search(engine, 64, 0.985, 500 * factor)
            + search(engine, 200, 0.999, 100 * factor))


def build(engine, seconds):
    return [{"case": "build", "engine": engine, "threads": 2, "seconds": seconds, "round": 0,
             "disk_bytes": 1.2 * 4 * 100_000 * 384, "data": DATA, "n": 100_000, "dim": 384}]


class Report(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def report(self, lines, load=1.0):
        file = self.folder / "results.jsonl"
        file.write_text("".join(
            json.dumps({"key": "k", "load": load} | line | MACHINE) + "\n" for line in lines))
        subprocess.run([sys.executable, BENCH / "report", file, "--docs", self.folder], check=True)
        return (self.folder / "benchmarks.md").read_text()

    def section(self, text, title):
        return text.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]

    def test_growth_of_both_and_at_one_width(self):
        lines = []
        for rows, ours, theirs in ((10_000, 8000, 4000), (100_000, 4000, 1000),
                                   (1_000_000, 2000, 250)):
            name = f"synthetic-384-{rows // 1000}k"
            for engine, qps in (("nearlite", ours), ("hnswlib", theirs)):
                lines += [line | {"n": rows}
                          for line in search(engine, 64, 0.99, qps, name, rounds=1)]
        text = self.section(self.report(lines), "Growth")
        self.assertIn("| 100,000 | 250.0 | 1,000 | 4.00 × | 250.0 | 0.9900 |", text)
        self.assertIn("Nearlite's time grows like rows^0.30 (R² 1.00), hnswlib's like\nrows^0.60",
                      text)
        self.assertIn("At an `ef_search` of 64 Nearlite's grows like rows^0.30", text)

    def test_growth_needs_three_sizes(self):
        self.assertNotIn("## Growth", self.report(curve("nearlite", 5) + curve("hnswlib", 1)))

    def test_searches_with_a_condition(self):
        lines = [{"case": "filtered", "engine": "nearlite", "ef": 64, "share": share, "round": turn,
                  "qps": qps * (turn + 1), "cpu_qps": 1, "data": DATA, "n": 100_000, "dim": 384,
                  "last_search": {"path": path, "compared": 1234}}
                 | ({"recall": 0.97} if turn == 0 else {})
                 for share, qps, path in ((1, 900, "graph"), (0.01, 300, "all that match"))
                 for turn in range(3)]
        text = self.report(curve("nearlite", 5) + lines)
        section = self.section(text, "Searches with a condition")
        self.assertIn("| 1 % | 600 | 3.00 × | 0.9700 | all that match | 1,234 |", section)
        self.assertIn("| all, no condition | 1,800 | 1.00 × | 0.9700 | graph | 1,234 |", section)
        self.assertIn("Medians of 3 rounds", section)
        plot = self.folder / "benchmarks" / f"filtered-{DATA}.svg"
        drawn = ElementTree.fromstring(plot.read_text())
        self.assertEqual(len([one for one in drawn.iter() if one.tag.endswith("circle")]), 1)
        self.assertNotIn("with a condition", self.report(curve("nearlite", 5)))

    def test_a_ratio_at_equal_recall_and_its_verdict(self):
        text = self.report(curve("nearlite", 5) + curve("hnswlib", 1))
        self.assertIn(f"| search, {DATA}, recall 0.98 | hnswlib | 4 × | 5.5 × | **5.00**", text)
        wanted = self.section(text, "What we set out to reach")
        self.assertIn("enough", wanted.splitlines()[6])
        self.assertEqual(self.section(text, "Where we lose").strip(),
                         "Nowhere in these measurements.")

    def test_losses_are_told(self):
        lines = curve("nearlite", 1) + curve("hnswlib", 2) + build("nearlite", 30)
        text = self.section(self.report(lines + build("hnswlib", 20)), "Where we lose")
        self.assertIn(f"Search, {DATA}: slower than hnswlib (0.50 × at 0.95", text)
        self.assertIn(f"Build, {DATA}, 2 threads: slower than hnswlib (0.67 ×)", text)
        self.assertIn("Of 5 targets measured above, 4 are missed.", text)

    def test_a_busy_machine_is_told_and_counted_by_processor_time(self):
        idle = self.report(curve("nearlite", 1), load=1.0)
        busy = self.report(curve("nearlite", 1), load=6.0)
        self.assertNotIn("not idle", idle)
        self.assertIn("not idle", busy)
        self.assertIn("| nearlite | 16 | 0.9000 | 2,000 |", idle)
        self.assertIn("| nearlite | 16 | 0.9000 | 10,000 |", busy)

    def test_what_was_not_measured_is_not_told(self):
        text = self.report(curve("nearlite", 1))
        self.assertNotIn("Cold start", text)
        self.assertNotIn("hnswlib |", self.section(text, "What we set out to reach"))

    def test_the_plot_is_well_formed(self):
        self.report(curve("nearlite", 1) + curve("hnswlib", 2))
        root = ElementTree.parse(self.folder / "benchmarks" / f"{DATA}.svg").getroot()
        lines = [e for e in root if e.tag.endswith("polyline")]
        self.assertEqual([len(e.attrib["points"].split()) for e in lines], [3, 3])


class ResultsFile(unittest.TestCase):
    def test_a_job_is_done_when_its_lines_are_there(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "results.jsonl"
            results = Results(path, MACHINE)
            self.assertFalse(results.has("a"))
            results.add("a", [{"case": "x", "value": 1}, {"case": "x", "value": 2}])
            self.assertTrue(results.has("a"))
            with open(path, "a", encoding="utf-8") as file:
                file.write('{"key": "b", "value": 0}\n{"key": "b", "case"')  # the machine went down
            again = Results(path, MACHINE)
            self.assertTrue(again.has("a"))
            self.assertFalse(again.has("b"))
            again.add("c", [{"case": "x", "value": 3}])
            self.assertEqual([line["value"] for line in read_lines(path)], [1, 2, 3])


if __name__ == "__main__":
    unittest.main()
