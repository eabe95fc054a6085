"""Compares search curves at equal recall: the arithmetic behind every ratio in the report.

A curve is a list of (recall, qps), one point for each ef. Between two points log(qps) is taken to
be linear in log(1 - recall), which it nearly is; beyond a curve's ends nothing is claimed.
"""

import math
from statistics import median

Curve = list[tuple[float, float]]

# With 10,000 answers to check, a miss less cannot be told from none.
MISS_MIN = 5e-5


def qps_at(curve: Curve, recall: float) -> float | None:
    """Returns the queries per second at which the curve reaches the recall; None if it does not.

    Of points with equal or falling recall only the faster counts: nobody would choose the other.
    So where a faster point has more recall than the least wide search, it stands for that, too."""
    best = _frontier(curve)
    if not best or not min(point[0] for point in curve) <= recall <= best[-1][0]:
        return None
    for (low, low_qps), (high, high_qps) in zip(best, best[1:], strict=False):
        if low <= recall <= high:
            share = (_miss(low) - _miss(recall)) / (_miss(low) - _miss(high))
            return math.exp(math.log(low_qps) + share * math.log(high_qps / low_qps))
    return best[0][1]


def ratio_at(ours: Curve, theirs: Curve, recall: float) -> float | None:
    """Returns how many times as many queries we answer at this recall; None if one cannot."""
    fast, slow = qps_at(ours, recall), qps_at(theirs, recall)
    return fast / slow if fast and slow else None


def curve_of(points: list[dict], rate: str = "qps") -> Curve:
    """Returns the curve of measured points {"ef", "recall", rate}: medians over the rounds."""
    by_ef: dict[int, list[dict]] = {}
    for point in points:
        by_ef.setdefault(point["ef"], []).append(point)
    return [(median(p["recall"] for p in rounds), median(p[rate] for p in rounds))
            for _, rounds in sorted(by_ef.items())]


def log_slope(sizes: list[int], seconds: list[float]) -> tuple[float, float]:
    """Returns (exponent, share): seconds ~ rows^exponent, and log-log residual explained (R²)."""
    xs, ys = [math.log(n) for n in sizes], [math.log(s) for s in seconds]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
    total = sum((y - mean_y) ** 2 for y in ys)
    left = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in zip(xs, ys, strict=True))
    return slope, 1 - left / total if total else 1.0


def _miss(recall: float) -> float:
    return math.log(max(1 - recall, MISS_MIN))


def _frontier(curve: Curve) -> Curve:
    frontier: Curve = []
    for recall, qps in sorted(curve, key=lambda point: (point[0], point[1])):
        while frontier and frontier[-1][1] <= qps:
            frontier.pop()
        if frontier and frontier[-1][0] == recall:
            continue
        frontier.append((recall, qps))
    return frontier
