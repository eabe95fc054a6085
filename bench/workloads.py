"""The workloads. Each looks what is measured already, does the rest, and adds lines to the results.

Engines that are compared take turns within every round and every ef, so that whatever else the
machine does meets all of them alike.
"""

import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from engines import HNSWLIB, NEARLITE, Engine, Places, folder_bytes
from results import Results

EF = 64  # where one number must do
EXTRA = "synthetic-384-140k"  # begins with the rows of synthetic-384-100k
INSERTS = 2_000
CHURN_ROWS = 20_000
MEASURED_AGAIN = (NEARLITE, HNSWLIB)
MIXED_SECONDS = 4
FILTER_SHARES = (1, 0.0001, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.99)


class Bench:
    def __init__(self, places: Places, results: Results):
        self.places, self.results = places, results

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def data(self, name: str) -> Path:
        folder = self.places.data / name
        if not (folder / "meta.json").exists():
            subprocess.run([self.places.python, Path(__file__).parent / "datasets.py",
                            "--out", self.places.data, name], check=True)
        return folder

    def todo(self, key: str) -> bool:
        if self.results.has(key):
            return False
        self.say(key)
        return True

    def add(self, key: str, data: Path, lines: list[dict]) -> None:
        meta = json.loads((data / "meta.json").read_text())
        about = {"data": data.name, "n": meta["rows"], "dim": meta["dim"]}
        self.results.add(key, [about | line for line in lines])

    # ---- build ----

    def build(self, name: str, engines: list[Engine], threads: int, rounds: int) -> None:
        """The first round is everyone's; the others are of Nearlite and hnswlib only."""
        for number in range(rounds):
            for engine in engines if number == 0 else [e for e in engines if e in MEASURED_AGAIN]:
                key = f"build/{name}/{engine.name}/{threads} threads/{number}"
                if not self.todo(key):
                    continue
                data = self.data(name)
                line = self._build(engine, data, threads)
                self.add(key, data, [line | {"case": "build", "round": number}])

    def _build(self, engine: Engine, data: Path, threads: int) -> dict:
        folder = engine.index_folder(self.places, data)
        shutil.rmtree(folder, ignore_errors=True)
        with engine.start(self.places, data, threads) as worker:
            line = engine.build(worker, folder, threads)
        (folder / "complete").touch()  # after the worker's end: some save only then
        return line | {"engine": engine.name, "threads": threads,
                       "disk_bytes": folder_bytes(folder)}

    def index(self, engine: Engine, name: str) -> Path:
        """Returns the folder of the engine's index, built now if need be (not measured)."""
        folder = engine.index_folder(self.places, self.data(name))
        if not (folder / "complete").exists():
            self.say(f"building {folder.name} for {name} (not measured)")
            self._build(engine, self.data(name), os.cpu_count() or 1)
        return folder

    # ---- search ----

    def search(self, name: str, engines: list[Engine], rounds: int) -> None:
        missing = [number for number in range(rounds)
                   if not self.results.has(f"search/{name}/{number}")]
        if not missing:
            return
        data = self.data(name)
        folders = {engine: self.index(engine, name) for engine in engines}
        with ExitStack() as stack:
            workers = {}
            for engine in engines:
                workers[engine] = stack.enter_context(engine.start(self.places, data))
                workers[engine].pin()
                before = workers[engine].ask("memory")["anonymous"]
                engine.open(workers[engine], folders[engine])
                workers[engine].ask("search", ef=engine.efs[-1], count=100)
                memory = workers[engine].ask("memory")["anonymous"] - before
                line = {"case": "memory", "engine": engine.name, "memory_bytes": memory}
                if engine.kind != "hnswlib":
                    line["versions"] = workers[engine].ask("about")
                if engine.kind == "nearlite":
                    line["simd"] = workers[engine].ask("state")["stats"]["simd"]
                self.add(f"memory/{name}/{engine.name}", data, [line])
            for number in missing:
                self.say(f"search/{name}/{number}")
                lines = self._round(engines, workers, number)
                self.add(f"search/{name}/{number}", data, lines)

    def _round(self, engines: list[Engine], workers: dict, number: int) -> list[dict]:
        lines = []
        for ef in sorted({ef for engine in engines for ef in engine.efs}):
            for engine in engines:
                if ef in engine.efs:
                    answer = workers[engine].ask("search", ef=ef, count=engine.queries)
                    lines.append(answer | {"case": "search", "engine": engine.name, "ef": ef,
                                           "round": number, "threads": 1, "cache": "warm"})
        return lines

    def forms(self, name: str, rounds: int) -> None:
        """What the way of asking costs: MATCH, vss_knn, a join, a statement compiled each time."""
        if not self.todo(f"forms/{name}"):
            return
        data = self.data(name)
        copy = self._copy(NEARLITE, name, "forms")
        lines = []
        with NEARLITE.start(self.places, data) as worker:
            NEARLITE.open(worker, copy)
            worker.ask("add_texts")
        with ExitStack() as stack:
            workers = {}
            for form in ("match", "rowid", "knn", "join", "prepare"):
                workers[form] = stack.enter_context(NEARLITE.start(self.places, data))
                workers[form].pin()
                NEARLITE.open(workers[form], copy, "match" if form == "prepare" else form)
            for number in range(rounds):
                for form, worker in workers.items():
                    answer = worker.ask("search", ef=EF, prepare=form == "prepare")
                    lines.append(answer | {"case": "forms", "engine": "nearlite", "form": form,
                                           "ef": EF, "round": number})
        shutil.rmtree(copy)
        self.add(f"forms/{name}", data, lines)

    def filtered(self, name: str, rounds: int) -> None:
        """A condition that a share of the rows satisfies, spread evenly; time and recall."""
        data = self.data(name)
        folder = self.index(NEARLITE, name)
        # Recall is against exact search, which takes half a second at a million rows.
        compared = min(100, 20_000_000 // json.loads((data / "meta.json").read_text())["rows"])
        for number in range(rounds):
            if not self.todo(f"filtered/{name}/{number}"):
                continue
            lines = []
            with NEARLITE.start(self.places, data) as worker:
                worker.pin()
                NEARLITE.open(worker, folder)
                for share in FILTER_SHARES:
                    where = ("" if share == 1 else
                             f" AND filter = 'rowid % 10000 < {round(share * 10000)}'")
                    worker.ask("search", ef=EF, count=20, where=where)
                    answer = worker.ask("search", ef=EF, where=where)
                    last = worker.ask("state")["stats"]["indexes"][0]["last_search"]
                    # Recall of that line is against all rows.
                    if number == 0:  # it is the same every time
                        answer |= worker.ask("recall_now", ef=EF, count=compared, where=where)
                    else:
                        answer.pop("recall", None)
                    lines.append(answer | {"case": "filtered", "engine": "nearlite", "ef": EF,
                                           "share": share, "round": number, "last_search": last})
            self.add(f"filtered/{name}/{number}", data, lines)

    # ---- writes ----

    def _copy(self, engine: Engine, name: str, purpose: str) -> Path:
        source = self.index(engine, name)
        copy = source.with_name(f"{source.name}-{purpose}")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(source, copy)
        os.sync()
        return copy

    def writes(self, name: str, rounds: int) -> None:
        """Single-row transactions, readers beside a writer, deletes; on copies of the index."""
        for number in range(rounds):
            if not self.todo(f"writes/{name}/{number}"):
                continue
            data, extra = self.data(name), self.data(EXTRA)
            base = json.loads((data / "meta.json").read_text())["rows"]
            copy = self._copy(NEARLITE, name, "writes")
            with NEARLITE.start(self.places, extra) as worker:
                NEARLITE.open(worker, copy)
                worker.ask("search", ef=EF, count=100)
                single = worker.ask("insert_singly", first=base, count=INSERTS)
                mixed = worker.ask("mixed", ef=EF, seconds=MIXED_SECONDS, first=base + INSERTS)
                before = worker.ask("search", ef=EF)
                removed = worker.ask("remove", rows=base, count=base // 10)
                after = worker.ask("search", ef=EF)
                recall = worker.ask("recall_now", ef=EF, count=100)["recall"]
            shutil.rmtree(copy)
            common = {"engine": "nearlite", "round": number, "ef": EF,
                      "durability": "WAL, synchronous NORMAL"}
            self.add(f"writes/{name}/{number}", data, [
                common | single | {"case": "insert_singly"},
                common | mixed | {"case": "mixed"},
                common | removed | {"case": "delete", "p50_us_before": before["p50_us"],
                                    "p50_us_after": after["p50_us"], "recall_after": recall}])

    def churn(self) -> None:
        """Every row gets another vector, twice; then the same rows built afresh, to compare."""
        if not self.todo("churn"):
            return
        extra = self.data(EXTRA)
        lines = []
        folder = NEARLITE.index_folder(self.places, extra).with_name("churn")
        for case, first in (("churn", 0), ("fresh", 2 * CHURN_ROWS)):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            with NEARLITE.start(self.places, extra) as worker:
                NEARLITE.open(worker, folder)
                worker.ask("build", first=first, rows=0)
                inserted = worker.ask("append", first=first, count=CHURN_ROWS)
                line = {"case": case, "engine": "nearlite", "ef": EF, "rows": CHURN_ROWS,
                        "insert_seconds": inserted["cpu_seconds"]}
                if case == "churn":
                    turns = [worker.ask("update", first=turn * CHURN_ROWS, count=CHURN_ROWS)
                             for turn in (1, 2)]
                    line["update_seconds"] = [turn["cpu_seconds"] for turn in turns]
                line |= {key: worker.ask("search", ef=EF)[key] for key in ("p50_us", "p99_us")}
                line |= worker.ask("recall_now", ef=EF, count=500)
                line["lost"] = worker.ask("find_themselves", ef=EF, first=2 * CHURN_ROWS,
                                          rows=CHURN_ROWS)["lost"]
                line["disk_bytes"] = worker.ask("state")["disk"]
            lines.append(line)
        shutil.rmtree(folder)
        self.add("churn", extra, lines)

    # ---- cold start ----

    def cold(self, name: str, rounds: int) -> None:
        """New processes: the time from main() to the first answer, with and without side file."""
        if not self.todo(f"cold/{name}"):
            return
        data = self.data(name)
        dim = json.loads((data / "meta.json").read_text())["dim"]
        folder = self._with_side_file(name)
        image, aside = folder / "t.idx", folder / "aside"
        lines = []
        for number in range(rounds):
            for has_image in (True, False):
                for is_cached in (False, True):
                    if not has_image:
                        image.rename(aside)
                    for file in folder.iterdir():
                        settle(file, is_cached)
                    answer = subprocess.run(
                        [self.places.binaries / "bench_sql", "first", self.places.extension,
                         folder / "t.db", data / "queries.f32", str(dim), str(EF)],
                        check=True, capture_output=True, text=True).stdout
                    if not has_image:
                        aside.rename(image)  # over what the process may have written
                    lines.append(json.loads(answer) | {
                        "case": "cold", "engine": "nearlite", "side_file": has_image,
                        "cache": "warm" if is_cached else "dropped", "round": number, "ef": EF})
        self.add(f"cold/{name}", data, lines)

    def _with_side_file(self, name: str) -> Path:
        """Returns the folder of an index with path=, made now if need be."""
        data = self.data(name)
        plain = NEARLITE.index_folder(self.places, data)
        folder = plain.with_name(plain.name + "-path")
        if not (folder / "t.idx").exists():
            self.say(f"building {folder.name} for {name} (not measured)")
            with NEARLITE.start(self.places, data, os.cpu_count() or 1) as worker:
                NEARLITE.build(worker, folder, 1, options=", path='t.idx'")
        return folder


def settle(file: Path, is_cached: bool) -> None:
    """Brings the file into the page cache, or throws it out."""
    with open(file, "rb") as opened:
        os.fsync(opened.fileno())
        if is_cached:
            while opened.read(1 << 24):
                pass
        else:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
