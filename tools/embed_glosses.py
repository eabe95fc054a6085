#!/usr/bin/env python3
"""Makes the demo's data set: definitions from WordNet and their sentence embeddings.

    nice -n 10 .cache/embed/bin/python3 tools/embed_glosses.py

writes data/glosses.txt, glosses.f16, queries.txt and queries.f16 (formats: data/README.md). Needs
Debian's package wordnet-base and the Python packages named in tools/README.md; no network. The same
command gives the same text files byte for byte, and the same vectors up to float rounding.

A row is one synset: its words are the label, its definition is the text, and only the text is
embedded. So the data set is a dictionary read backwards: describe a thing, find its word.

Which synsets: those the queries ask for, and then the first of all by a hash of their key, where
a sense met in real text counts as three times as likely (else half of the rows would be terms
that few people know). Rows are in the order of another hash, so any prefix of the file is a fair
sample.
"""

import argparse
import hashlib
import sys
import time
from pathlib import Path

import minilm
import numpy as np
from vector_file import f16_from, top_rows, write_f16
from wordnet import PARTS, Synset, read_synsets

ROOT = Path(__file__).resolve().parent.parent
DEFINITION_WORDS = range(4, 31)
LABEL_WORDS_MAX = 4
MET_WEIGHT = 3


def main() -> None:
    options = parse_options()
    missing = [part for part in PARTS if not (options.wordnet / f"data.{part}").exists()]
    if missing:
        sys.exit(f"{options.wordnet}/data.{missing[0]} is missing. Install WordNet's data files:\n"
                 "  apt-get install wordnet-base\nor name their folder with --wordnet")
    model = minilm.MiniLm(minilm.find_model())
    model.self_test()

    synsets = {synset.key: synset for synset in read_synsets(options.wordnet)}
    queries = read_queries(ROOT / "tools" / "queries.txt", synsets)
    rows = choose_rows(synsets, {key for key, _ in queries if key != "-"}, options.rows)
    row_of_key = {synset.key: number for number, synset in enumerate(rows, start=1)}

    write_lines(options.out / "glosses.txt", [f"{label(row)}\t{row.definition}" for row in rows])
    write_lines(options.out / "queries.txt",
                [f"{row_of_key.get(key, 0)}\t{text}" for key, text in queries])

    started = time.monotonic()
    row_vectors = model.embed([row.definition for row in rows], print_progress)
    query_vectors = model.embed([text for _, text in queries])
    write_f16(options.out / "glosses.f16", row_vectors)
    write_f16(options.out / "queries.f16", query_vectors)
    print(f"\n{len(rows)} rows and {len(queries)} queries in {time.monotonic() - started:.0f} s")
    report_rounding(row_vectors, query_vectors)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000, help="rows to write (20000)")
    parser.add_argument("--out", type=Path, default=ROOT / "data", help="folder to write to (data)")
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"),
                        help="folder with WordNet's data files (/usr/share/wordnet)")
    return parser.parse_args()


def read_queries(path: Path, synsets: dict[str, Synset]) -> list[tuple[str, str]]:
    """Returns (key, text) of each query; exits if a key is not the synset of the word beside it."""
    queries = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        key, word, text = line.split("\t")
        if key != "-" and (key not in synsets or word not in synsets[key].words):
            sys.exit(f"{path}: {key} is not a synset of '{word}'. Is this WordNet 3.0?")
        queries.append((key, text))
    return queries


def choose_rows(synsets: dict[str, Synset], wanted: set[str], count: int) -> list[Synset]:
    """Returns the wanted synsets and the best-ranked others: `count`, no definition twice."""
    candidates = sorted((synset for synset in synsets.values() if is_readable(synset)), key=rank)
    candidates.sort(key=lambda synset: synset.key not in wanted)  # stable: wanted first
    chosen: dict[str, Synset] = {}
    for synset in candidates:
        if len(chosen) < count:
            chosen.setdefault(synset.definition.lower(), synset)
    lost = wanted - {synset.key for synset in chosen.values()}
    if lost:
        sys.exit(f"queries ask for synsets that cannot be rows: {sorted(lost)}")
    return sorted(chosen.values(), key=row_order)


def is_readable(synset: Synset) -> bool:
    text = synset.definition
    return (len(text.split()) in DEFINITION_WORDS
            and text.count("(") == text.count(")")
            and not synset.latin and not synset.left_out)


def rank(synset: Synset) -> float:
    return hashes(synset)[0] / (MET_WEIGHT if synset.met else 1)


def row_order(synset: Synset) -> int:
    return hashes(synset)[1]  # not [0]: by that one, the rows of weight 1 would all come early


def hashes(synset: Synset) -> tuple[int, int]:
    """Returns two numbers in [0, 2^64) that depend on the synset's key alone."""
    digest = hashlib.sha256(synset.key.encode()).digest()
    return int.from_bytes(digest[0:8], "big"), int.from_bytes(digest[8:16], "big")


def label(synset: Synset) -> str:
    return ", ".join(synset.words[:LABEL_WORDS_MAX])


def write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def print_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\rembedding {done} of {total}", end="", file=sys.stderr)


def report_rounding(row_vectors: np.ndarray, query_vectors: np.ndarray) -> None:
    """Prints how many of the true ten nearest rows are still found when float16 is searched."""
    exact = top_rows(row_vectors, query_vectors, 10)
    rounded = top_rows(f16_from(row_vectors), f16_from(query_vectors), 10)
    kept = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact, rounded, strict=True)])
    print(f"recall of the top 10, float16 against float32: {kept:.4f}")


if __name__ == "__main__":
    main()
