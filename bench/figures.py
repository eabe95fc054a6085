"""Figures from measurements (the lines of results.jsonl): medians, curves, ratios."""

from collections.abc import Callable
from statistics import median

from equal_recall import Curve, curve_of, qps_at, ratio_at

RECALLS = (0.95, 0.98, 0.99)
# Up to so many running processes per core the machine counts as ours.
LOAD_MAX = 1.5


class Figures:
    def __init__(self, lines: list[dict]):
        self.lines = lines
        searched = [line for line in lines if line["case"] == "search"]
        self.load = median(line["load"] for line in searched or lines)
        # Those of searches with a condition stand beside their own figures.
        self.load_max = max(line["load"] for line in lines
                            if line["case"] != "filtered" or not searched)
        self.is_busy = self.load > LOAD_MAX * lines[-1]["cores"]
        # On a busy machine the clock on the wall counts others' work; processor time does not.
        self.rate = "cpu_qps" if self.is_busy else "qps"

    def pick(self, **wanted: object) -> list[dict]:
        return [line for line in self.lines
                if all(line.get(key) == value for key, value in wanted.items())]

    def middle(self, field: str, **wanted: object) -> float | None:
        """Returns the median of a field over all lines that fit; None when there is none.

        A field may name what lies deeper: "alone.p99_us"."""
        values = []
        for line in self.pick(**wanted):
            for part in field.split("."):
                line = line.get(part) if isinstance(line, dict) else None
            if line is not None:
                values.append(line)
        return median(values) if values else None

    def names(self, field: str, **wanted: object) -> list:
        """Returns the values of a field, each once, in the order of their first line."""
        return list(dict.fromkeys(line[field] for line in self.pick(**wanted) if field in line))

    def size(self, data: str) -> tuple[int, int]:
        line = self.pick(data=data)[0]
        return line["n"], line["dim"]

    def curve(self, data: str, engine: str) -> Curve:
        return curve_of(self.pick(case="search", data=data, engine=engine), self.rate)

    def qps(self, data: str, engine: str, recall: float) -> float | None:
        return qps_at(self.curve(data, engine), recall)

    def ratio(self, data: str, ours: str, theirs: str, recall: float) -> float | None:
        return ratio_at(self.curve(data, ours), self.curve(data, theirs), recall)

    def at_least_recall(self, data: str, engine: str, recall: float, field: str) -> float | None:
        """Returns the field's median at the smallest ef that reaches the recall."""
        for ef in sorted(self.names("ef", case="search", data=data, engine=engine)):
            at = {"case": "search", "data": data, "engine": engine, "ef": ef}
            if (self.middle("recall", **at) or 0) >= recall:
                return self.middle(field, **at)
        return None

    def build_ratio(self, data: str, theirs: str, threads: int) -> float | None:
        """Returns how many times faster we build than `theirs`."""
        ours = self.middle("seconds", case="build", data=data, engine="nearlite", threads=threads)
        other = self.middle("seconds", case="build", data=data, engine=theirs, threads=threads)
        return other / ours if ours and other else None

    def memory_ratio(self, data: str, theirs: str) -> float | None:
        ours = self.middle("memory_bytes", case="memory", data=data, engine="nearlite")
        other = self.middle("memory_bytes", case="memory", data=data, engine=theirs)
        return ours / other if ours and other else None

    def disk_ratio(self, data: str) -> float | None:
        """Returns the size of our file, of the raw vectors'."""
        disk = self.middle("disk_bytes", case="build", data=data, engine="nearlite")
        rows, dim = self.size(data) if self.pick(data=data) else (0, 0)
        return disk / (4 * rows * dim) if disk else None

    def reader_slowdown(self, field: str) -> float | None:
        """Returns how much longer a reader waits beside a writer, by pairs from one run."""
        ratios = [line["beside_writer"][field] / line["alone"][field]
                  for line in self.pick(case="mixed")]
        return median(ratios) if ratios else None

    def growth(self, engine: str, recall: float) -> dict[int, float]:
        """Returns {rows: seconds a query} of the synthetic sets of 384 dimensions at the recall."""
        return self._by_rows(engine, lambda data: self.qps(data, engine, recall))

    def growth_at(self, ef: int) -> dict[int, float]:
        """The same for Nearlite at one ef_search, whatever the recall."""
        return self._by_rows("nearlite", lambda data: self.middle(
            self.rate, case="search", data=data, engine="nearlite", ef=ef))

    def _by_rows(self, engine: str, qps_of: Callable[[str], float | None]) -> dict[int, float]:
        seconds = {}
        for data in self.names("data", case="search", engine=engine, dim=384):
            qps = qps_of(data) if data.startswith("synthetic") else None
            if qps:
                seconds[self.size(data)[0]] = 1 / qps
        return dict(sorted(seconds.items()))
