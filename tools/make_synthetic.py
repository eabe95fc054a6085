#!/usr/bin/env python3
"""Makes synthetic vectors that resemble sentence embeddings; needs numpy only.

    python3 tools/make_synthetic.py --rows 100000 --dim 384 --seed 1 --out rows.f32

Independent random vectors are the wrong test for an approximate index: in 384 dimensions all their
distances are nearly equal, and real embeddings are nothing like them. Here a vector is

    unit(mean + centre of its cluster + noise)

with Zipf-distributed cluster sizes and centres that lie in groups. Centres and noise share a
spectrum that falls with the dimension's index (anisotropic: a few directions hold most of the
variance), turned by a random rotation so that no coordinate is special. The constants were set
beside data/glosses.f16: --report prints the same figures for either (tools/README.md has both).

A file ending in .npy is written in numpy's format, any other as raw little-endian float32, row
after row. The same parameters give the same vectors up to float rounding, whatever the number of
rows asked for: block i of 4,096 rows depends on the seed and i alone.
"""

import argparse
from pathlib import Path

import numpy as np

BLOCK_ROWS = 4096
# Standard deviation of direction i of dim: i^-power * exp(-decay * i / dim).
SPECTRUM_POWER = 0.2
SPECTRUM_DECAY = 1.0
MEAN_LENGTH = 0.26
CENTRE_LENGTH = 0.70
NOISE_LENGTHS = (0.35, 0.95)  # drawn uniformly per row: tight hearts, wide edges
GROUP_SHARE = 0.4  # of a centre's variance, common to the centres of one group
GROUP_CLUSTERS = 16
ZIPF_POWER = 0.7


class Mixture:
    def __init__(self, dim: int, clusters: int, seed: int):
        self.dim, self.clusters, self.seed = dim, clusters, seed
        random = np.random.default_rng([seed, 0])
        direction = np.arange(1, dim + 1)
        spectrum = direction ** -SPECTRUM_POWER * np.exp(-SPECTRUM_DECAY * direction / dim)
        # Scaled so that a sample's expected squared length is 1 before the lengths above apply.
        self._spectrum = (spectrum / np.linalg.norm(spectrum)).astype(np.float32)
        self._rotation, _ = np.linalg.qr(random.standard_normal((dim, dim)))
        self._rotation = self._rotation.astype(np.float32)
        mean = random.standard_normal(dim)
        self._mean = (MEAN_LENGTH * mean / np.linalg.norm(mean)).astype(np.float32)
        groups = self._sample(random, -(-clusters // GROUP_CLUSTERS))
        own = self._sample(random, clusters)
        group_of_cluster = np.arange(clusters) // GROUP_CLUSTERS
        self._centres = CENTRE_LENGTH * (GROUP_SHARE ** 0.5 * groups[group_of_cluster]
                                         + (1 - GROUP_SHARE) ** 0.5 * own)
        weights = random.permutation(np.arange(1, clusters + 1) ** -ZIPF_POWER)
        self._weights = weights / weights.sum()

    def rows(self, count: int, stream: int = 1) -> np.ndarray:
        """Returns `count` unit vectors; another stream gives others of the same mixture."""
        out = np.empty((count, self.dim), np.float32)
        for start in range(0, count, BLOCK_ROWS):
            random = np.random.default_rng([self.seed, stream, start // BLOCK_ROWS])
            cluster = random.choice(self.clusters, BLOCK_ROWS, p=self._weights)
            length = random.uniform(*NOISE_LENGTHS, (BLOCK_ROWS, 1)).astype(np.float32)
            block = self._centres[cluster] + length * self._sample(random, BLOCK_ROWS)
            block = (self._mean + block) @ self._rotation.T
            block /= np.linalg.norm(block, axis=1, keepdims=True)
            out[start:start + BLOCK_ROWS] = block[:count - start]
        return out

    def _sample(self, random: np.random.Generator, count: int) -> np.ndarray:
        return random.standard_normal((count, self.dim), np.float32) * self._spectrum


def report(rows: np.ndarray) -> None:
    """Prints how concentrated the vectors are: figures to compare data sets by."""
    count = len(rows)
    sample = rows[np.random.default_rng(0).permutation(count)[:20_000]]
    queries, others = sample[:500], sample[500:]
    similarity = np.sort(queries @ others.T, axis=1)[:, ::-1]
    variance = np.sort(np.linalg.eigvalsh(np.cov(sample.T)))[::-1]
    share = np.cumsum(variance) / variance.sum()
    print(f"{count} rows of {rows.shape[1]} dimensions; of {len(sample)} sampled:")
    print(f"  length of the mean vector        {np.linalg.norm(sample.mean(axis=0)):.3f}")
    print(f"  variance in the first 10, 50, 150 directions  "
          f"{share[9]:.2f} {share[49]:.2f} {share[149]:.2f}")
    effective = variance.sum() ** 2 / np.square(variance).sum()
    print(f"  effective dimension              {effective:.0f}")
    print(f"  similarity of random pairs       {similarity.mean():.3f} +- {similarity.std():.3f}")
    print(f"  ... to the 1st, 10th, 100th neighbour  {similarity[:, 0].mean():.3f} "
          f"{similarity[:, 9].mean():.3f} {similarity[:, 99].mean():.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--clusters", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--queries", action="store_true",
                        help="draw from the same mixture, but none of the rows")
    parser.add_argument("--out", type=Path, help="file to write (.npy, or raw float32)")
    parser.add_argument("--report", action="store_true", help="print statistics of the vectors")
    parser.add_argument("--read", type=Path, metavar="FILE",
                        help="take the vectors from a float16 file of this dim instead")
    options = parser.parse_args()
    if options.out is None and not options.report:
        parser.error("nothing to do: give --out or --report")
    if options.read:
        rows = np.fromfile(options.read, "<f2").reshape(-1, options.dim).astype(np.float32)
    else:
        rows = Mixture(options.dim, options.clusters, options.seed).rows(
            options.rows, stream=2 if options.queries else 1)
    if options.report:
        report(rows)
    if options.out and options.out.suffix == ".npy":
        np.save(options.out, rows)
    elif options.out:
        rows.astype("<f4").tofile(options.out)


if __name__ == "__main__":
    main()
