"""What is measured: each engine, how its worker starts, how its index is built and opened."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from workers import Worker

BULK = "WAL, synchronous FULL, one transaction"
EVERY_EF = (10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 200, 320)


@dataclass(frozen=True)
class Places:
    """Where things lie: the built extension, the workers, the rivals, and room for indexes."""
    extension: Path
    extension_hash: str
    binaries: Path
    rivals: Path
    data: Path
    indexes: Path

    @property
    def python(self) -> Path:
        return self.rivals / "venv/bin/python3"

    def rival_extension(self, package: str, name: str) -> Path | None:
        return next(self.rivals.glob(f"venv/lib/python3*/site-packages/{package}/{name}"), None)


@dataclass(frozen=True)
class Engine:
    name: str
    kind: str  # nearlite, hnswlib, python, vectorlite, sqlite-vec
    simd: str = ""  # forces Nearlite's dispatch
    shares_index_of: str = ""  # measured on the index another engine built
    pragmas: str = ""  # of the connection
    options: str = ""  # of the table, as CREATE VIRTUAL TABLE takes them
    efs: tuple[int, ...] = EVERY_EF
    queries: int = 1_000

    def command(self, places: Places, data: Path) -> list | None:
        """Returns how to start the worker; None when the engine is not installed."""
        if self.kind == "nearlite":
            return [places.binaries / "bench_sql", "nearlite", places.extension, data]
        if self.kind == "hnswlib":
            flavour = "avx2" if self.name.endswith("avx2") else "native"
            program = places.binaries / f"bench_hnswlib_{flavour}"
            return [program, data] if program.exists() else None
        if self.kind in ("vectorlite", "sqlite-vec"):
            package = {"vectorlite": ("vectorlite_py", "vectorlite.so"),
                       "sqlite-vec": ("sqlite_vec", "vec0.so")}[self.kind]
            extension = places.rival_extension(*package)
            return extension and [places.binaries / "bench_sql", self.kind, extension, data]
        module = self.name.split("-")[0]
        if not list(places.rivals.glob(f"venv/lib/python3*/site-packages/{module}")):
            return None
        return [places.python, Path(__file__).parent / "compare/python_worker.py", self.name, data]

    def start(self, places: Places, data: Path, threads: int | None = None) -> Worker:
        """Searches run by what users get, who set no number of threads."""
        environment = {} if threads is None else {"NEARLITE_THREADS": str(threads)}
        if self.simd:
            environment["NEARLITE_SIMD"] = self.simd
        return Worker(self.command(places, data), environment)

    def index_folder(self, places: Places, data: Path) -> Path:
        name = self.shares_index_of or self.name
        if self.kind == "nearlite":
            name += "-" + places.extension_hash
        return places.indexes / data.name / name

    def is_sql(self) -> bool:
        return self.kind in ("nearlite", "vectorlite", "sqlite-vec")

    def build(self, worker: Worker, folder: Path, threads: int, options: str = "") -> dict:
        """Builds the index in an empty folder and leaves it saved there."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        before = worker.ask("memory")["anonymous"]
        if self.is_sql():
            worker.ask("open", path=str(folder / "t.db"), synchronous="FULL",
                       options=options or self._options(folder))
            result = worker.ask("build")
        else:
            result = worker.ask("build", threads=threads)
        memory = worker.ask("memory")["anonymous"] - before
        if self.is_sql():
            result |= {"stats": worker.ask("state").get("stats")}
        else:
            worker.ask("save", path=str(folder / "index"))
        return result | {"memory_bytes": memory, "durability": BULK if self.durable else "none"}

    @property
    def durable(self) -> bool:
        return self.kind in ("nearlite", "sqlite-vec")

    def open(self, worker: Worker, folder: Path, form: str = "match") -> None:
        if self.is_sql():
            worker.ask("open", path=str(folder / "t.db"), form=form, pragmas=self.pragmas,
                       options=self._options(folder))
        else:
            worker.ask("load", path=str(folder / "index"))

    def _options(self, folder: Path) -> str:
        if self.kind == "vectorlite":
            return f", '{folder / 'vectorlite.idx'}'"
        return f", {self.options}" if self.options else ""


NEARLITE = Engine("nearlite", "nearlite")
NEARLITE_MAPPED = Engine("nearlite-mapped", "nearlite", shares_index_of="nearlite",
                         pragmas="PRAGMA mmap_size = 17179869184;")
NEARLITE_BEGUN = Engine("nearlite-begun", "nearlite", shares_index_of="nearlite", pragmas="BEGIN;")
NEARLITE_BIT = Engine("nearlite-bit", "nearlite", options="quantize=bit")
HNSWLIB = Engine("hnswlib", "hnswlib")
NEARLITE_AVX2 = Engine("nearlite-avx2", "nearlite", "avx2", "nearlite")
HNSWLIB_AVX2 = Engine("hnswlib-avx2", "hnswlib", shares_index_of="hnswlib")
RIVALS = (
    HNSWLIB,
    Engine("usearch-f32", "python"),
    Engine("usearch-bf16", "python"),
    Engine("faiss-flat", "python"),
    Engine("faiss-sq8", "python"),
    Engine("vectorlite", "vectorlite"),
    Engine("sqlite-vec", "sqlite-vec", efs=(0,), queries=20),  # exact: scans every row
)


def folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
