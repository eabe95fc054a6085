"""Search by meaning through a server with a real model, all-MiniLM-L6-v2, behind it.

Skipped where its weights are not: tools/README.md says how to get them. NEARLITE_MODEL_PYTHON
names the Python that has them (default: .cache/embed/bin/python3).
"""

import os
import subprocess
import sys
import unittest
from pathlib import Path

from commandcase import CommandCase
from embedding_server import EmbeddingServer

SOURCE = Path(os.environ["NEARLITE_SOURCE_DIR"])
PYTHON = os.environ.get("NEARLITE_MODEL_PYTHON", str(SOURCE / ".cache/embed/bin/python3"))
SKIPPED = 77

# A line a text in, a line a vector out.
WORKER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from minilm import MiniLm, find_model
model = MiniLm(find_model())
print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps(model.embed([json.loads(line)])[0].tolist()), flush=True)
"""


class ModelTest(CommandCase):
    def test_texts_are_found_by_meaning(self):
        self.output("test", *self.given)
        for text in ("a container with a handle for carrying water",
                     "the scientific study of the stars and planets",
                     "a person who bakes bread for a living",
                     "feeling sad and alone far from home"):  # fmt: skip
            self.output("add", text, *self.given)
        for query, expected in {"bucket": 1, "astronomy": 2, "baker": 3, "homesick": 4}.items():
            rows = self.json("search", query, "--limit", 1, *self.given)
            self.assertEqual(rows[0]["id"], expected, query)

    def setUp(self):
        super().setUp()
        self.given = ("--ollama-url", server.url)


def start_model():
    """A function from a text to its vector, or the reason why there is none."""
    import json

    if not os.access(PYTHON, os.X_OK):
        return None, f"{PYTHON} is not there"
    worker = subprocess.Popen([PYTHON, "-c", WORKER, str(SOURCE / "tools")],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)  # fmt: skip
    if worker.stdout.readline() != "ready\n":
        return None, worker.communicate()[1].strip()

    def embed(text):
        worker.stdin.write(json.dumps(text) + "\n")
        worker.stdin.flush()
        return json.loads(worker.stdout.readline())

    return embed, worker


if __name__ == "__main__":
    model, worker = start_model()
    if model is None:
        print(f"No model here: {worker}")
        sys.exit(SKIPPED)
    server = EmbeddingServer(384, model)
    try:
        unittest.main()
    finally:
        server.close()
        worker.kill()
        worker.wait()
