"""Plots of search curves as small SVG files: the same measurements give the same bytes."""

import math
from html import escape

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 70, 170, 36, 50
COLORS = {"nearlite": "#d1242f", "nearlite-avx2": "#f08a8f", "hnswlib": "#1f6feb",
          "hnswlib-avx2": "#8ab4f8", "usearch-f32": "#9a6700", "usearch-bf16": "#d4a72c",
          "faiss-flat": "#1a7f37", "faiss-sq8": "#6fca85", "vectorlite": "#8250df"}
RECALL_TICKS = (0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999)
MISS_MIN = 1e-4  # recall 1 has no place on a logarithmic scale


def svg(title: str, curves: dict[str, list[tuple[float, float]]]) -> str:
    """Draws queries per second over recall, both logarithmic (recall as its distance from 1)."""
    shown = {name: [(min(recall, 1 - MISS_MIN), qps) for recall, qps in curve if recall >= 0.8]
             for name, curve in curves.items()}
    shown = {name: curve for name, curve in shown.items() if curve}
    points = [point for curve in shown.values() for point in curve]
    x = _Scale([-math.log10(1 - recall) for recall, _ in points], LEFT, WIDTH - RIGHT)
    y = _Scale([math.log10(qps) for _, qps in points], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>',
    ]
    for recall in RECALL_TICKS:
        at = -math.log10(1 - recall)
        if x.low <= at <= x.high:
            parts.append(_grid(x(at), TOP, x(at), HEIGHT - BOTTOM))
            parts.append(_text(x(at), HEIGHT - BOTTOM + 18, f"{recall:g}", "middle"))
    for qps in (mantissa * 10 ** power for power in range(0, 7) for mantissa in (1, 2, 5)):
        if y.low <= math.log10(qps) <= y.high:
            at = y(math.log10(qps))
            parts.append(_grid(LEFT, at, WIDTH - RIGHT, at))
            parts.append(_text(LEFT - 6, at + 4, f"{qps:,}", "end"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "recall@10", "middle"))
    parts.append(_text(LEFT - 6, TOP - 8, "queries/s", "end"))
    for number, (name, curve) in enumerate(shown.items()):
        color = COLORS.get(name, "#57606a")
        path = " ".join(f"{x(-math.log10(1 - recall)):.1f},{y(math.log10(qps)):.1f}"
                        for recall, qps in curve)
        width = 3 if name == "nearlite" else 1.5
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" '
                     f'stroke-width="{width}"/>')
        key = TOP + 10 + 20 * number
        parts.append(f'<line x1="{WIDTH - RIGHT + 14}" y1="{key}" x2="{WIDTH - RIGHT + 38}" '
                     f'y2="{key}" stroke="{color}" stroke-width="{width}"/>')
        parts.append(_text(WIDTH - RIGHT + 44, key + 4, name, "start"))
    return "\n".join([*parts, "</svg>", ""])


def filtered_svg(title: str, lines: list[dict]) -> str:
    """Draws time, as a multiple of that without a condition, and recall over the share of rows
    that match (logarithmic)."""
    lines = [line for line in lines if line["share"] < 1 and line["ratio"]]
    x = _Scale([math.log10(line["share"]) for line in lines], LEFT, WIDTH - RIGHT)
    y = _Scale([0, 3, *(line["ratio"] for line in lines)], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>',
    ]
    for share in (0.0001, 0.001, 0.01, 0.1, 0.99):
        at = x(math.log10(share))
        parts.append(_grid(at, TOP, at, HEIGHT - BOTTOM))
        parts.append(_text(at, HEIGHT - BOTTOM + 18, f"{100 * share:g} %", "middle"))
    for tick in range(1, int(y.high) + 1):
        parts.append(_grid(LEFT, y(tick), WIDTH - RIGHT, y(tick)))
        parts.append(_text(LEFT - 6, y(tick) + 4, f"{tick} ×", "end"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "rows that match", "middle"))
    points = [(x(math.log10(line["share"])), y(line["ratio"])) for line in lines]
    path = " ".join(f"{at_x:.1f},{at_y:.1f}" for at_x, at_y in points)
    parts.append(f'<polyline points="{path}" fill="none" stroke="{COLORS["nearlite"]}" '
                 f'stroke-width="3"/>')
    for (at_x, at_y), line in zip(points, lines):
        parts.append(f'<circle cx="{at_x:.1f}" cy="{at_y:.1f}" r="4" '
                     f'fill="{COLORS["nearlite"]}"/>')
        if line["recall"] is not None:
            parts.append(_text(at_x, at_y - 10, f'{line["recall"]:.3f}', "middle"))
    parts.append(_text(WIDTH - RIGHT + 14, TOP + 10, "time: 1 × is no condition", "start"))
    parts.append(_text(WIDTH - RIGHT + 14, TOP + 28, "numbers: recall@10", "start"))
    return "\n".join([*parts, "</svg>", ""])


class _Scale:
    """Maps [low, high], the values' range and a little more, to pixels."""

    def __init__(self, values: list[float], start: float, end: float):
        margin = 0.04 * (max(values) - min(values)) or 0.1
        self.low, self.high = min(values) - margin, max(values) + margin
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self._start + share * (self._end - self._start)


def _grid(x1: float, y1: float, x2: float, y2: float) -> str:
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="#d8dee4" stroke-width="1"/>')


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#24292f">'
            f"{escape(text)}</text>")
