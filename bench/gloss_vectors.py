#!/usr/bin/env python3
"""Embeds the definitions of WordNet for the benchmarks: 100,000 rows and 1,000 queries, 384-d.

    nice -n 10 .cache/embed/bin/python3 bench/gloss_vectors.py --out build/bench/data/glosses-100k

The demo's 20,000 rows are a readable choice; here every distinct definition may be a row, so that
real text reaches 100,000. A query is a definition that is no row. Rows and queries are in the order
of a hash of the synset's key, so any prefix is a fair sample. Takes about 20 minutes of one core;
what was embedded is kept in parts/, and the next run goes on from there.

Needs what tools/embed_glosses.py needs (tools/README.md): wordnet-base, the model, no network.
"""

import argparse
import hashlib
import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

import minilm  # noqa: E402
import numpy as np  # noqa: E402
from wordnet import read_synsets  # noqa: E402

QUERIES = 1_000
PART_ROWS = 4_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"))
    options = parser.parse_args()
    texts = choose_texts(options.wordnet, options.rows + QUERIES)
    model = minilm.MiniLm(minilm.find_model())
    model.self_test()
    parts = options.out / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    vectors = []
    for start in range(0, len(texts), PART_ROWS):
        path = parts / f"{start}.npy"
        if not path.exists():
            print(f"embedding {start} of {len(texts)}", file=sys.stderr, flush=True)
            np.save(parts / "unfinished.npy", model.embed(texts[start:start + PART_ROWS]))
            (parts / "unfinished.npy").rename(path)
        vectors.append(np.load(path))
    everything = np.concatenate(vectors)
    everything[QUERIES:].astype("<f4").tofile(options.out / "rows.f32")
    everything[:QUERIES].astype("<f4").tofile(options.out / "queries.f32")


def choose_texts(wordnet: Path, count: int) -> list[str]:
    """Returns distinct definitions in hash order: the queries first, then the rows."""
    synsets = sorted(read_synsets(wordnet),
                     key=lambda synset: hashlib.sha256(synset.key.encode()).digest())
    distinct = {}
    for synset in synsets:
        if len(synset.definition.split()) > 1:
            distinct.setdefault(synset.definition.lower(), synset.definition)
    if len(distinct) < count:
        sys.exit(f"WordNet has {len(distinct)} distinct definitions, {count} are wanted")
    return list(distinct.values())[:count]


if __name__ == "__main__":
    main()
