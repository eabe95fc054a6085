#!/usr/bin/env python3
"""A worker (protocol: bench/driver/worker.h) for the rivals that come as Python packages.

    python3 bench/compare/python_worker.py <engine> <data set folder>

Engines: usearch-f32, usearch-bf16, faiss-flat, faiss-sq8, hnswlib-python.

Searches go to the library as one batch of all queries with one thread: Python's cost per call, some
microseconds, is not counted against it, and it may keep its scratch memory from query to query. So
these rivals have queries per second but no quantiles. M = 16, ef_construction = 200, the cheapest
distance that orders unit vectors as the cosine does (FAISS: L2, for which it computes four
distances at a time).
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

M = 16
EF_CONSTRUCTION = 200
NEIGHBORS = 10
WARM_UP = 200


class Usearch:
    def __init__(self, dim: int, rows: int, dtype: str):
        import usearch
        from usearch.index import Index
        self.version = usearch.__version__
        self.index = Index(ndim=dim, metric="ip", dtype=dtype, connectivity=M,
                           expansion_add=EF_CONSTRUCTION)
        self.simd = self.index.hardware_acceleration

    def build(self, rows: np.ndarray, threads: int) -> None:
        self.index.add(np.arange(len(rows)), rows, threads=threads)

    def save(self, path: str) -> None:
        self.index.save(path)

    def load(self, path: str) -> None:
        self.index.load(path)

    def search(self, queries: np.ndarray, ef: int) -> np.ndarray:
        self.index.expansion_search = ef
        return self.index.search(queries, NEIGHBORS, threads=1).keys


class Faiss:
    def __init__(self, dim: int, rows: int, storage: str):
        import faiss
        self.faiss = faiss
        self.version = faiss.__version__
        self.simd = faiss.get_compile_options().strip()
        if storage == "flat":
            self.index = faiss.IndexHNSWFlat(dim, M)
        else:
            self.index = faiss.IndexHNSWSQ(dim, faiss.ScalarQuantizer.QT_8bit, M)
        self.index.hnsw.efConstruction = EF_CONSTRUCTION

    def build(self, rows: np.ndarray, threads: int) -> None:
        self.faiss.omp_set_num_threads(threads)
        if not self.index.is_trained:
            self.index.train(rows)
        self.index.add(rows)
        self.faiss.omp_set_num_threads(1)

    def save(self, path: str) -> None:
        self.faiss.write_index(self.index, path)

    def load(self, path: str) -> None:
        self.index = self.faiss.read_index(path)

    def search(self, queries: np.ndarray, ef: int) -> np.ndarray:
        self.faiss.omp_set_num_threads(1)
        self.index.hnsw.efSearch = ef
        return self.index.search(queries, NEIGHBORS)[1]


class HnswlibPython:
    def __init__(self, dim: int, rows: int, _: str):
        import importlib.metadata

        import hnswlib
        self.version, self.simd = importlib.metadata.version("hnswlib"), "native"
        self.index = hnswlib.Index(space="ip", dim=dim)
        self.index.init_index(max_elements=rows, M=M, ef_construction=EF_CONSTRUCTION)

    def build(self, rows: np.ndarray, threads: int) -> None:
        self.index.add_items(rows, np.arange(len(rows)), num_threads=threads)

    def save(self, path: str) -> None:
        self.index.save_index(path)

    def load(self, path: str) -> None:
        self.index.load_index(path)

    def search(self, queries: np.ndarray, ef: int) -> np.ndarray:
        self.index.set_ef(ef)
        return self.index.knn_query(queries, NEIGHBORS, num_threads=1)[0]


ENGINES = {
    "usearch-f32": (Usearch, "f32"),
    "usearch-bf16": (Usearch, "bf16"),
    "faiss-flat": (Faiss, "flat"),
    "faiss-sq8": (Faiss, "sq8"),
    "hnswlib-python": (HnswlibPython, ""),
}


class Session:
    def __init__(self, engine: str, folder: Path):
        meta = json.loads((folder / "meta.json").read_text())
        self.rows = np.memmap(folder / "rows.f32", "<f4", "r").reshape(-1, meta["dim"])
        self.queries = np.fromfile(folder / "queries.f32", "<f4").reshape(-1, meta["dim"])
        self.truth = np.fromfile(folder / "truth.i32", "<i4").reshape(-1, NEIGHBORS)
        make, option = ENGINES[engine]
        self.engine = make(meta["dim"], meta["rows"], option)

    def build(self, request: dict) -> dict:
        rows = np.ascontiguousarray(self.rows)
        rows.max()  # read the file before the clock starts
        start, cpu_start = time.perf_counter(), time.process_time()
        self.engine.build(rows, request["threads"])
        return {"seconds": time.perf_counter() - start,
                "cpu_seconds": time.process_time() - cpu_start}

    def save(self, request: dict) -> dict:
        self.engine.save(request["path"])
        return {"disk": Path(request["path"]).stat().st_size}

    def load(self, request: dict) -> dict:
        start = time.perf_counter()
        self.engine.load(request["path"])
        return {"seconds": time.perf_counter() - start}

    def search(self, request: dict) -> dict:
        count = min(request.get("count", len(self.queries)), len(self.queries))
        self.engine.search(self.queries[:WARM_UP], request["ef"])
        start, cpu_start = time.perf_counter(), time.process_time()
        found = self.engine.search(self.queries[:count], request["ef"])
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
        hits = sum(len(set(a) & set(b))
                   for a, b in zip(found.tolist(), self.truth[:count].tolist(), strict=True))
        return {"qps": count / seconds, "cpu_qps": count / cpu_seconds,
                "recall": hits / (count * NEIGHBORS), "count": count}

    def memory(self, _: dict) -> dict:
        return process_memory()

    def about(self, _: dict) -> dict:
        return {"version": self.engine.version, "simd": str(self.engine.simd)}


def process_memory() -> dict:
    names = {"VmRSS:": "rss", "RssAnon:": "anonymous", "RssFile:": "file"}
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {names[line[0]]: int(line[1]) * 1024 for line in lines if line and line[0] in names}


def main() -> None:
    session = Session(sys.argv[1], Path(sys.argv[2]))
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(session, request["do"])(request)
        except Exception as error:  # told to the other side, who decides
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
