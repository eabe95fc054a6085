"""The vector files of data/: little-endian IEEE float16, row after row, without a header.

Half precision halves the repository's share; a unit vector's component moves by at most 2^-12 of
itself, which changes a distance in its fourth digit (the effect on results is in data/README.md).
"""

from pathlib import Path

import numpy as np

DIM = 384


def f16_from(vectors: np.ndarray) -> np.ndarray:
    """Returns the vectors as float32 after rounding to float16: what a reader of the file gets."""
    return vectors.astype("<f2").astype(np.float32)


def write_f16(path: Path, vectors: np.ndarray) -> None:
    path.write_bytes(vectors.astype("<f2").tobytes())


def read_f16(path: Path) -> np.ndarray:
    """Returns the file as float32, one row per vector. Raises ValueError on a partial row."""
    return np.fromfile(path, "<f2").reshape(-1, DIM).astype(np.float32)


def top_rows(rows: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """Returns, per query, the indexes (from 0) of its k nearest rows by cosine, nearest first.

    Equal similarities are ordered by row. Cost: one matrix of len(queries) x len(rows) floats."""
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    return np.argsort(-(queries @ rows.T), axis=1, kind="stable")[:, :k]
