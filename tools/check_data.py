#!/usr/bin/env python3
"""Checks the demo's data set; needs numpy, but neither the model nor WordNet.

    python3 tools/check_data.py

Verifies sizes, encodings, norms, that nothing occurs twice, and that the labelled queries find
their row among the nearest ten (and first) at least as often as data/README.md states. Prints the
figures; the exit code is 1, with a reason on standard error, if any of it does not hold.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from vector_file import DIM, read_f16, top_rows

ROOT = Path(__file__).resolve().parent.parent

# What the shipped files must reach; a little below the measured rates, for other rounding.
FOUND_IN_10_MIN = 0.82
FOUND_FIRST_MIN = 0.51
NORM_ERROR_MAX = 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "data")
    parser.add_argument("--show", type=int, default=0, metavar="N",
                        help="print the three nearest rows of the first N queries")
    options = parser.parse_args()

    rows = read_table(options.folder / "glosses.txt")
    queries = read_table(options.folder / "queries.txt")
    row_vectors = read_vectors(options.folder / "glosses.f16", len(rows))
    query_vectors = read_vectors(options.folder / "queries.f16", len(queries))
    check_texts(rows, queries)
    expected = np.array([int(number) for number, _ in queries])
    require(((expected >= 0) & (expected <= len(rows))).all(), "queries.txt: no such row")

    top = top_rows(row_vectors, query_vectors, 10) + 1
    labelled = expected > 0
    hits = top[labelled] == expected[labelled, None]
    in_10, first = hits.any(axis=1).mean(), hits[:, 0].mean()
    print(f"{len(rows)} rows, {labelled.sum()} labelled queries, {(~labelled).sum()} others")
    print(f"expected row among the nearest ten: {in_10:.3f}, nearest of all: {first:.3f}")
    for (_, text), numbers in list(zip(queries, top, strict=True))[:options.show]:
        print(text)
        for number in numbers[:3]:
            print(f"    {number:6}  {': '.join(rows[number - 1])}")
    require(in_10 >= FOUND_IN_10_MIN, f"found among ten: {in_10:.3f} < {FOUND_IN_10_MIN}")
    require(first >= FOUND_FIRST_MIN, f"found first: {first:.3f} < {FOUND_FIRST_MIN}")


def read_table(path: Path) -> list[tuple[str, str]]:
    text = path.read_bytes().decode("utf-8")  # read_text would hide a carriage return
    require(text.endswith("\n") and "\r" not in text, f"{path}: lines must end in a line feed")
    table = [tuple(line.split("\t")) for line in text.split("\n")[:-1]]
    for number, fields in enumerate(table, start=1):
        require(len(fields) == 2 and all(field and field == field.strip() for field in fields),
                f"{path}:{number}: not two fields separated by a tab")
    return table


def read_vectors(path: Path, count: int) -> np.ndarray:
    size = path.stat().st_size
    require(size == count * DIM * 2, f"{path}: {size} bytes, expected {count} x {DIM} x 2")
    vectors = read_f16(path)
    require(np.isfinite(vectors).all(), f"{path}: a component is not finite")
    error = np.abs(np.linalg.norm(vectors, axis=1) - 1).max()
    require(error <= NORM_ERROR_MAX, f"{path}: a norm is off by {error:.2g}")
    require(len(np.unique(vectors, axis=0)) == count, f"{path}: a vector occurs twice")
    return vectors


def check_texts(rows: list[tuple[str, str]], queries: list[tuple[str, str]]) -> None:
    texts = {text.lower() for _, text in rows}
    require(len(texts) == len(rows), "glosses.txt: a text occurs twice")
    asked = {text.lower() for _, text in queries}
    require(len(asked) == len(queries), "queries.txt: a query occurs twice")
    require(not texts & asked, f"a query is also a row: {sorted(texts & asked)[:3]}")


def require(holds: bool, reason: str) -> None:
    if not holds:
        sys.exit(reason)


if __name__ == "__main__":
    main()
