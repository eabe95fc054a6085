"""How the time of a search grows with the rows: a section of docs/benchmarks.md."""

from equal_recall import log_slope
from figures import Figures
from markdown_text import NONE, number, table

RECALL, EF = 0.99, 64


def growth(figures: Figures) -> str:
    ours = figures.growth("nearlite", RECALL)
    theirs = figures.growth("hnswlib", RECALL)
    at_ef = figures.growth_at(EF)
    if min(len(ours), len(theirs), len(at_ef)) < 3:
        return ""
    rows = []
    for size, seconds in ours.items():
        data = next(name for name in figures.names("data", case="search", n=size, dim=384)
                    if name.startswith("synthetic"))
        ratio = f"{theirs[size] / seconds:.2f} ×" if size in theirs else NONE
        rows.append([f"{size:,}", _us(seconds), _us(theirs.get(size)), ratio,
                     _us(at_ef.get(size)),
                     number(figures.middle("recall", case="search", data=data, engine="nearlite",
                                           ef=EF), 4)])
    return (f"## Growth\n\nµs a query at recall {RECALL}, synthetic rows of 384 dimensions, "
            f"and Nearlite's at an\n`ef_search` of {EF}, whatever it finds.\n\n"
            + table(["rows", "nearlite", "hnswlib", "", f"`ef_search` {EF}", "recall@10"],
                    rows)
            + f"\n\nNearlite's time grows like {_power(ours)}, hnswlib's like\n{_power(theirs)}. "
            f"At an `ef_search` of {EF} Nearlite's grows like {_power(at_ef)}.")


def _us(seconds: float | None) -> str:
    return number(None if seconds is None else seconds * 1e6, 1)


def _power(seconds_by_rows: dict[int, float]) -> str:
    exponent, explained = log_slope(list(seconds_by_rows), list(seconds_by_rows.values()))
    return f"rows^{exponent:.2f} (R² {explained:.2f})"
