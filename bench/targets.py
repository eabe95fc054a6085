"""What Nearlite set out to reach, and how far it is."""

from collections.abc import Callable
from dataclasses import dataclass

from figures import Figures

HIGH_RECALLS = (0.98, 0.99)


@dataclass(frozen=True)
class Target:
    what: str
    against: str
    at_least: float
    aim: float
    unit: str  # "×" for ratios
    measured: float | None
    less_is_better: bool = False
    mapped: float | None = None  # the same with PRAGMA mmap_size

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        reaches = (lambda bound: self.measured <= bound) if self.less_is_better else (
            lambda bound: self.measured >= bound)
        return "reached" if reaches(self.aim) else "enough" if reaches(self.at_least) else "missed"


def targets(figures: Figures) -> list[Target]:
    return [*_search(figures), *_others(figures)]


def _search(figures: Figures) -> list[Target]:
    found = []

    def add(data: str, recalls: tuple[float, ...], theirs: str, at_least: float, aim: float,
            ours: str = "nearlite") -> None:
        for recall in recalls:
            found.append(Target(f"search, {data}, recall {recall}", theirs, at_least, aim, "×",
                                figures.ratio(data, ours, theirs, recall),
                                mapped=ours == "nearlite" and figures.ratio(
                                    data, "nearlite-mapped", theirs, recall) or None))

    for data in ("synthetic-384-100k", "glosses-100k"):
        add(data, HIGH_RECALLS, "hnswlib", 4, 5.5)
        add(data, (0.95,), "hnswlib", 3.5, 4.8)
        add(data, HIGH_RECALLS, "usearch-f32", 4, 7)
        add(data, HIGH_RECALLS, "usearch-bf16", 3.5, 4.5)
        add(data, HIGH_RECALLS, "faiss-flat", 4, 5.5)
        add(data, HIGH_RECALLS, "faiss-sq8", 3, 4)
        add(data, HIGH_RECALLS, "vectorlite", 4, 6)
        add(data, HIGH_RECALLS, "hnswlib-avx2", 2.5, 3.5, ours="nearlite-avx2")
    add("synthetic-384-10k", HIGH_RECALLS, "hnswlib", 2.5, 3.2)
    add("synthetic-1536-100k", HIGH_RECALLS, "hnswlib", 4, 6.5)
    add("synthetic-384-500k", HIGH_RECALLS, "hnswlib", 4, 6.5)
    return found


def _others(figures: Figures) -> list[Target]:
    base = "synthetic-384-100k"
    cold: Callable[[str], float | None] = lambda cache: figures.middle(
        "first_ms", case="cold", data="synthetic-384-1m", side_file=True, cache=cache)
    p95 = figures.at_least_recall("synthetic-1536-100k", "nearlite", 0.99, "p95_us")
    return [
        Target("durable build, both cores, " + base, "hnswlib in memory", 3.5, 5, "×",
               figures.build_ratio(base, "hnswlib", 2)),
        Target("p95, 100K × 1536, recall ≥ 0.99", "10 ms asked for", 0.5, 0.2, "ms",
               p95 and p95 / 1e3, True),
        Target("open and first answer, 1M × 384, side file, page cache warm", "", 100, 20, "ms",
               cold("warm"), True),
        Target("the same, page cache dropped", "", 100, 20, "ms", cold("dropped"), True),
        Target("memory, " + base, "hnswlib", 0.6, 0.4, "×", figures.memory_ratio(base, "hnswlib"),
               True),
        Target("disk, " + base, "raw float32", 1.25, 1.15, "×", figures.disk_ratio(base), True),
        Target("single-row inserts, WAL, synchronous NORMAL, " + base, "", 1500, 4000, "rows/s",
               figures.middle("rows_per_second", case="insert_singly", data=base)),
        Target("reader's p99 beside a writer, " + base, "reader alone", 2, 1.3, "×",
               figures.reader_slowdown("p99_us"), True),
    ]
