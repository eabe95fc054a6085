"""The text of docs/benchmarks.md: what was measured and how, tables, and where we lose."""

from collections.abc import Callable
from statistics import median

from figures import LOAD_MAX, RECALLS, Figures
from growth import growth
from markdown_text import NONE, number, table
from targets import Target, targets


def document(figures: Figures) -> str:
    sections = [head, how, against_targets, losses, searches, filtered, single_numbers, builds,
                writes, churn, cold, growth, repeat]
    return "\n\n".join(text for text in (section(figures) for section in sections) if text) + "\n"


def head(figures: Figures) -> str:
    return """# Benchmarks

Written by `bench/report` from measurements of `bench/run`; do not edit. Every comparison is of
numbers from one run on one machine; what counts are the ratios, at equal recall."""


def how(figures: Figures) -> str:
    # All lines are of one build of the extension; who goes on later may have changed the work tree.
    line = figures.lines[0]
    busy = ""
    if figures.is_busy:
        busy = """
* **The machine was not idle.** So searches are counted per second of processor time, which others'
  work does not touch (but they share the caches and the memory). Tails (p95, p99), builds and
  whatever else goes by the clock on the wall are worse than they would be alone."""
    return f"""## How

* {line["cpu"]}, {line["cores"]} cores; load while searching: median {figures.load:.1f}; at most
  {figures.load_max:.1f}. Nearlite at commit `{line["commit"]}`{_simd(figures)}.{busy}
* Nearlite is the extension, loaded into Debian's SQLite with SQLite's default settings (2 MB page
  cache, SQLite maps nothing), files in WAL mode; `nearlite-mapped` is the same with `PRAGMA
  mmap_size`. Nearlite has the kernel copy vectors out of a mapping (docs/sql.md, Searching).
  A query is a statement prepared once, a float32 blob bound, ten rows of rowid and
  distance read; one thread, one query at a time. Searches of all engines are kept on one and
  the same core, the last.
* hnswlib is its C++ source compiled with `-O3 -march=native` and called in process: no SQL, no
  disk. USearch and FAISS are their PyPI wheels, asked for all queries in one batch by one
  thread, which spares them Python's cost per call. vectorlite and sqlite-vec are loaded into the
  same SQLite by the same program.
* Everyone: unit vectors, M = 16, ef_construction = 200, k = 10, the same rows, 1,000 queries,
  recall@10 against exact search. Rounds are interleaved: each ef, each engine in turn; medians of
  {1 + max((entry.get("round", 0) for entry in figures.pick(case="search")), default=0)} rounds.
* At equal recall: log(queries/s) interpolated over log(1 − recall) between neighbouring ef.
  {NONE}: the engine's curve does not reach that recall, or begins above it.
* `synthetic-<dim>-<rows>`: a clustered mixture calibrated on real embeddings
  (`tools/make_synthetic.py`). `glosses-…`: real ones, all-MiniLM-L6-v2 of dictionary definitions
  (`bench/gloss_vectors.py`; queries are definitions held out)."""


def _simd(figures: Figures) -> str:
    return next((f", SIMD target {line['simd']}" for line in figures.pick(engine="nearlite")
                 if line.get("simd")), "")


def against_targets(figures: Figures) -> str:
    rows = []
    for target in targets(figures):
        if target.measured is not None:
            rows.append([target.what, target.against, _bound(target, target.at_least),
                         _bound(target, target.aim), f"**{number(target.measured)}**",
                         target.verdict, "" if target.mapped is None else number(target.mapped)])
    return ("## What we set out to reach\n\n"
            "*reached*: the aim; *enough*: the least we wanted; *missed*: neither. A ratio of "
            "search or\nbuild says how many times faster Nearlite is. *mapped*: the same for a "
            "connection with `PRAGMA mmap_size`.\n\n"
            + table(["", "against", "at least", "aim", "measured", "", "mapped"], rows))


def _bound(target: Target, bound: float) -> str:
    return ("≤ " if target.less_is_better else "") + f"{bound:g} {target.unit}"


def losses(figures: Figures) -> str:
    """Everything where somebody else is faster or smaller, in words; and missed targets."""
    lost = []
    for data in figures.names("data", case="search"):
        for engine in _rivals(figures, data):
            behind = [f"{ratio:.2f} × at {recall}" for recall in RECALLS
                      if (ratio := figures.ratio(data, "nearlite", engine, recall))
                      and ratio < 1]
            if behind:
                lost.append(f"* Search, {data}: slower than {engine} ({', '.join(behind)}).")
    for data in figures.names("data", case="build"):
        for threads in figures.names("threads", case="build", data=data):
            for engine in _rivals(figures, data, "build"):
                ratio = figures.build_ratio(data, engine, threads)
                if ratio and ratio < 1:
                    lost.append(f"* Build, {data}, {threads} threads: slower than {engine} "
                                f"({ratio:.2f} ×).")
    for data in figures.names("data", case="memory"):
        for engine in _rivals(figures, data, "memory"):
            ratio = figures.memory_ratio(data, engine)
            if ratio and ratio > 1:
                lost.append(f"* Memory, {data}: {ratio:.2f} × that of {engine}.")
    measured = [target for target in targets(figures) if target.measured is not None]
    missed = sum(target.verdict == "missed" for target in measured)
    if missed:
        lost.append(f"* Of {len(measured)} targets measured above, {missed} are missed.")
    return "## Where we lose\n\n" + ("\n".join(lost) or "Nowhere in these measurements.")


def _rivals(figures: Figures, data: str, case: str = "search") -> list[str]:
    """The engines we are compared with; sqlite-vec, which scans, has no curve and no graph, and
    what is forced to AVX2 is a matter of the targets."""
    return [engine for engine in figures.names("engine", case=case, data=data)
            if not engine.startswith("nearlite") and not engine.endswith("-avx2")
            and not (engine == "sqlite-vec" and case in ("build", "memory"))]


def searches(figures: Figures) -> str:
    parts = ["## Search\n\nQueries per second at equal recall; in brackets how many times as many "
             "Nearlite answers."]
    for data in figures.names("data", case="search"):
        rows = [[engine, *(_cell(figures, data, engine, recall) for recall in RECALLS)]
                for engine in figures.names("engine", case="search", data=data)
                if figures.qps(data, engine, 0.98) or figures.qps(data, engine, 0.95)]
        size, dim = figures.size(data)
        parts.append(f"### {data} ({size:,} × {dim})\n\n"
                     + table(["", *(f"recall {recall}" for recall in RECALLS)], rows)
                     + _exact_line(figures, data)
                     + f"\n\n![{data}](benchmarks/{data}.svg)\n\n" + _latencies(figures, data))
    return "\n\n".join(parts)


def _cell(figures: Figures, data: str, engine: str, recall: float) -> str:
    qps = figures.qps(data, engine, recall)
    ratio = figures.ratio(data, "nearlite", engine, recall)
    return NONE if not qps else number(qps, 0) + (
        f" ({ratio:.2f} ×)" if ratio and engine != "nearlite" else "")


def _exact_line(figures: Figures, data: str) -> str:
    qps = figures.middle(figures.rate, case="search", data=data, engine="sqlite-vec")
    return f"\n\nsqlite-vec, exact: {number(1e3 / qps, 1)} ms a query." if qps else ""


def _latencies(figures: Figures, data: str) -> str:
    rows = []
    for engine in ("nearlite", "hnswlib"):
        for ef in figures.names("ef", case="search", data=data, engine=engine):
            at = {"case": "search", "data": data, "engine": engine, "ef": ef}
            rows.append([engine, str(ef), f"{figures.middle('recall', **at):.4f}",
                         number(figures.middle(figures.rate, **at), 0),
                         *(number(figures.middle(field, **at), 0)
                           for field in ("p50_us", "p95_us", "p99_us"))])
    return table(["", "ef", "recall@10", "queries/s", "p50 µs", "p95 µs", "p99 µs"], rows)


def is_busy_with_filters(figures: Figures, data: str) -> bool:
    lines = figures.pick(case="filtered", data=data)
    return median(line["load"] for line in lines) > LOAD_MAX * lines[-1]["cores"]


def filter_lines(figures: Figures, data: str) -> list[dict]:
    """One for each share of matching rows: how many times longer than without a condition."""
    field = "cpu_qps" if is_busy_with_filters(figures, data) else "qps"

    def rate(share: float) -> float | None:
        return figures.middle(field, case="filtered", data=data, share=share)

    lines = []
    for share in sorted(figures.names("share", case="filtered", data=data)):
        first = figures.pick(case="filtered", data=data, share=share)[0]
        lines.append({
            "share": share, "rate": rate(share),
            "ratio": rate(1) / rate(share) if rate(1) else None,
            "recall": figures.middle("recall", case="filtered", data=data, share=share),
            "path": first["last_search"]["path"], "compared": first["last_search"]["compared"]})
    return lines


def filtered(figures: Figures) -> str:
    parts = []
    for data in figures.names("data", case="filtered"):
        rows = [["all, no condition" if line["share"] == 1 else f"{100 * line['share']:g} %",
                 number(line["rate"], 0), number(line["ratio"], 2, "×"),
                 number(line["recall"], 4), line["path"], f"{line['compared']:,}"]
                for line in filter_lines(figures, data)]
        rounds = len(figures.names("round", case="filtered", data=data))
        load = figures.middle("load", case="filtered", data=data)
        line = figures.pick(case="filtered", data=data)[-1]
        parts.append(f"### {data}\n\n![filtered {data}](benchmarks/filtered-{data}.svg)\n\n"
                     + table(["rows that match", "queries/s", "time", "recall@10", "path",
                              "codes compared"], rows)
                     + f"\n\nMedians of {rounds} rounds in which the shares take turns; load "
                       f"{load:.1f}" + (", so the machine was shared and searches\nare counted per "
                                        "second of processor time"
                                        if is_busy_with_filters(figures, data) else "")
                     + f". Nearlite at commit `{line['commit']}`.")
    if not parts:
        return ""
    return ("## Searches with a condition\n\n"
            "k = 10, `ef_search` 64, a condition that the given share of rows satisfies, spread "
            "evenly, and that\nwas asked before. `time`: how many times that of a search without "
            "one.\n\n" + "\n\n".join(parts))


def single_numbers(figures: Figures) -> str:
    forms = {"match": "`SELECT rowid, distance … WHERE embedding MATCH ?`",
             "rowid": "the same without the distance", "knn": "`vss_knn(?, 10, 't', ef)`",
             "join": "the same, joined to a table of texts",
             "prepare": "`MATCH`, the statement compiled for each query"}
    rows = []
    for data in figures.names("data", case="forms"):
        rows += [[data, text, *(number(figures.middle(field, case="forms", data=data, form=form), 1)
                                for field in ("p50_us", "p99_us"))]
                 for form, text in forms.items()]
    return rows and ("## What the way of asking costs\n\n`ef_search = 64`, page cache warm.\n\n"
                     + table(["", "", "p50 µs", "p99 µs"], rows))


def builds(figures: Figures) -> str:
    rows = []
    for data in figures.names("data", case="build"):
        for threads in sorted(figures.names("threads", case="build", data=data)):
            for engine in figures.names("engine", case="build", data=data, threads=threads):
                at = {"data": data, "engine": engine}
                ratio = figures.build_ratio(data, engine, threads)
                rows.append([
                    data, str(threads), engine,
                    number(figures.middle("seconds", case="build", threads=threads, **at), 1),
                    number(figures.middle("cpu_seconds", case="build", threads=threads, **at), 1),
                    NONE if engine == "nearlite" else number(ratio, 2, "×"),
                    _mb(figures.middle("memory_bytes", case="memory", **at)),
                    _mb(figures.middle("disk_bytes", case="build", **at))])
    return ("## Build, memory, disk\n\nNearlite and sqlite-vec: through SQL, one transaction, "
            "WAL, synchronous FULL,\ncommitted. The others: in memory, nothing is durable; their "
            "disk is the index as they save it.\nvectorlite and sqlite-vec insert with one thread. "
            "Memory: what a process that opens the index grows\nby (anonymous: pages of files "
            "that it maps belong to the page cache).\n\n"
            + table(["", "threads", "", "seconds", "of processors", "Nearlite is faster by",
                     "memory MB", "disk MB"], rows)) if rows else ""


def _mb(value: float | None) -> str:
    return number(value and value / 1e6, 1)


def writes(figures: Figures) -> str:
    rows = []
    for data in figures.names("data", case="insert_singly"):
        def at(case: str, data: str = data) -> Callable[[str], float | None]:
            return lambda field: figures.middle(field, case=case, data=data)
        single, mixed, deleted = at("insert_singly"), at("mixed"), at("delete")
        rows += [
            [data, "rows/s, a transaction each", number(single("rows_per_second"), 0)],
            ["", "p50, p95, p99 of one insert, µs", ", ".join(
                number(single(field), 0) for field in ("p50_us", "p95_us", "p99_us"))],
            ["", "reader alone: p50, p95, p99, µs", ", ".join(
                number(mixed(f"alone.{field}"), 0) for field in ("p50_us", "p95_us", "p99_us"))],
            ["", "reader beside a writer at full speed, µs", ", ".join(
                number(mixed(f"beside_writer.{field}"), 0)
                for field in ("p50_us", "p95_us", "p99_us"))],
            ["", "rows/s of that writer", number(mixed("rows_per_second"), 0)],
            ["", "deletes/s, a thousand a transaction", number(deleted("rows_per_second"), 0)],
            ["", "search p50 before and after a tenth was deleted, µs", ", ".join(
                number(deleted(field), 0) for field in ("p50_us_before", "p50_us_after"))],
            ["", "recall after that, against exact search", number(deleted("recall_after"), 3)]]
    return rows and (
        "## Writes\n\nWAL, synchronous NORMAL, `ef_search = 64`; the reader is another connection "
        "in the same process.\n\n" + table(["", "", ""], rows))


def churn(figures: Figures) -> str:
    if not figures.pick(case="churn"):
        return ""
    rows = []
    updates = [seconds for line in figures.pick(case="churn") for seconds in line["update_seconds"]]
    for case, what in (("fresh", "the same rows, inserted afresh"),
                       ("churn", "every vector replaced twice")):
        rows.append([what, number(figures.middle("recall", case=case), 4),
                     *(number(figures.middle(field, case=case), 0) for field in
                       ("p50_us", "p99_us", "lost")), _mb(figures.middle("disk_bytes", case=case))])
    inserted = figures.middle("insert_seconds", case="fresh")
    return (f"## Churn\n\n{figures.pick(case='churn')[0]['rows']:,} rows, transactions of 1,000, "
            f"`ef_search = 64`. An update costs as much\nprocessor time as "
            f"{number(sum(updates) / len(updates) / inserted)} inserts.\n\n"
            + table(["", "recall@10", "p50 µs", "p99 µs", "rows that do not find themselves",
                     "disk MB"], rows))


def cold(figures: Figures) -> str:
    rows = []
    for data in figures.names("data", case="cold"):
        for side_file in (True, False):
            for cache in ("warm", "dropped"):
                at = {"case": "cold", "data": data, "side_file": side_file, "cache": cache}
                rows.append([data, "`path=`" if side_file else "no side file", cache,
                             *(number(figures.middle(field, **at), 1)
                               for field in ("open_ms", "first_ms", "first_cpu_ms")),
                             number(figures.middle("next_hundred.p50_us", **at), 0),
                             _mb(figures.middle("memory.anonymous", **at)),
                             _mb(figures.middle("memory.file", **at))])
    return rows and ("## Cold start\n\nA new process: milliseconds from the start of main() to the "
                     "open database,\nand to the first answer; then a hundred more queries, and "
                     "what the process holds.\n\n"
                     + table(["", "", "page cache", "open ms", "first answer ms",
                              "of processors",
                              "next hundred, p50 µs", "anonymous MB", "mapped MB"], rows))


def repeat(figures: Figures) -> str:
    return """## To repeat it

    bench/run            # everything; stop it and start it again as you like
    bench/run --quick    # 10,000 and 20,000 rows, a few minutes

It fetches the rivals by name from PyPI (`bench/compare/setup`), makes the data sets, and keeps all
of it below `build/bench`. `glosses-100k` needs the sentence encoder of `tools/README.md`; without
it that data set is left out. `bench/driver/worker.h` tells how the engines are asked."""
