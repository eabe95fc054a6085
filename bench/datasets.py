#!/usr/bin/env python3
"""Makes the data sets of the benchmarks, each a folder that every worker reads:

    rows.f32, queries.f32   little-endian float32, vector after vector, all of length 1
    truth.i32               the ten nearest rows of each query, by exact search (from 0)
    meta.json               name, rows, dim, queries, what it is

    python3 bench/datasets.py --out build/bench/data synthetic-384-100k glosses-20k

Names: synthetic-<dim>-<rows> (tools/make_synthetic.py), glosses-20k (the demo's data, in the
repository), glosses-100k (all of WordNet's definitions, see gloss_vectors.py). Needs numpy. What is
there already is left as it is.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from make_synthetic import Mixture  # noqa: E402

QUERIES = 1_000
NEIGHBORS = 10
ROWS_PER_STEP = 65_536
CLUSTERS = 1_024
SEED = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    for name in options.names:
        ensure(name, options.out)


def ensure(name: str, out: Path) -> Path:
    """Returns the folder of the data set, made now unless it is there."""
    folder = out / name
    if (folder / "meta.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    print(f"making data set {name}", file=sys.stderr, flush=True)
    if name.startswith("synthetic-"):
        dim, what = make_synthetic(name, folder)
    elif name == "glosses-20k":
        dim, what = make_demo_glosses(folder)
    elif name == "glosses-100k":
        dim, what = make_glosses(folder)
    else:
        sys.exit(f"unknown data set: {name}")
    rows, queries = read_f32(folder / "rows.f32", dim), read_f32(folder / "queries.f32", dim)
    exact(rows, queries, NEIGHBORS).astype("<i4").tofile(folder / "truth.i32")
    meta = {"name": name, "rows": len(rows), "dim": dim, "queries": len(queries), "what": what}
    (folder / "meta.json").write_text(json.dumps(meta) + "\n")
    return folder


def make_synthetic(name: str, folder: Path) -> tuple[int, str]:
    _, dim, size = name.split("-")
    mixture = Mixture(int(dim), CLUSTERS, SEED)
    mixture.rows(count_of(size)).astype("<f4").tofile(folder / "rows.f32")
    mixture.rows(QUERIES, stream=2).astype("<f4").tofile(folder / "queries.f32")
    return int(dim), "clustered mixture calibrated on real embeddings (tools/make_synthetic.py)"


def make_demo_glosses(folder: Path) -> tuple[int, str]:
    """The demo's rows. The 330 written queries come first; held-out rows make up the thousand."""
    rows, queries = (
        np.fromfile(ROOT / "data" / f"{part}.f16", "<f2").reshape(-1, 384).astype("<f4")
        for part in ("glosses", "queries"))
    held_out = QUERIES - len(queries)
    write_unit(folder / "rows.f32", rows[:-held_out])
    write_unit(folder / "queries.f32", np.concatenate([queries, rows[-held_out:]]))
    return 384, "MiniLM embeddings of the demo's dictionary definitions"


def make_glosses(folder: Path) -> tuple[int, str]:
    if not (folder / "rows.f32").exists() or not (folder / "queries.f32").exists():
        python = os.environ.get("NEARLITE_EMBED_PYTHON", ROOT / ".cache/embed/bin/python3")
        subprocess.run([python, ROOT / "bench/gloss_vectors.py", "--out", folder], check=True)
    return 384, "MiniLM embeddings of 100,000 dictionary definitions (bench/gloss_vectors.py)"


def write_unit(path: Path, vectors: np.ndarray) -> None:
    (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("<f4").tofile(path)


def read_f32(path: Path, dim: int) -> np.ndarray:
    return np.memmap(path, "<f4", mode="r").reshape(-1, dim)


def count_of(size: str) -> int:
    """Returns the number that "10k" or "1m" names."""
    units = {"k": 1_000, "m": 1_000_000}
    return int(size[:-1]) * units[size[-1]] if size[-1] in units else int(size)


def exact(rows: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """Returns the numbers of the k rows of greatest inner product, nearest first.

    The matrix product chooses 2k candidates; products in double decide among them."""
    best = np.empty((len(queries), 0), np.int64)
    products = np.empty((len(queries), 0), np.float32)
    for start in range(0, len(rows), ROWS_PER_STEP):
        step = queries @ rows[start:start + ROWS_PER_STEP].T
        keep = min(2 * k, step.shape[1])
        columns = np.argpartition(-step, keep - 1, axis=1)[:, :keep]
        best = np.concatenate([best, columns + start], axis=1)
        products = np.concatenate([products, np.take_along_axis(step, columns, 1)], axis=1)
        order = np.argsort(-products, axis=1, kind="stable")[:, :2 * k]
        best, products = np.take_along_axis(best, order, 1), np.take_along_axis(products, order, 1)
    result = np.empty((len(queries), k), np.int64)
    for number, query in enumerate(queries):
        precise = rows[best[number]].astype(np.float64) @ query.astype(np.float64)
        result[number] = best[number][np.lexsort((best[number], -precise))[:k]]
    return result


if __name__ == "__main__":
    main()
