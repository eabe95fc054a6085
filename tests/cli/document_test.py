"""Runs every sh block of docs/cli.md and README.md, each in order, and compares what it prints.

A ```text block directly after a ```sh block is what that prints; "…" stands for anything within a
line. Comments before a block: <!-- file: NAME --> makes it a file, <!-- error: WORDS --> says that
it fails with such a message. Texts go to a server of the test's own.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from embedding_server import EmbeddingServer

DOCUMENTS = {"docs/cli.md": 10, "README.md": 1}  # and the blocks there are at least
BLOCK = re.compile(r"(?:<!-- (file|error): (.*?) -->\n)?^```(\w+)\n(.*?)^```$",
                   re.MULTILINE | re.DOTALL)  # fmt: skip


def matches(expected, printed):
    pattern = re.escape(expected).replace("…", "[^\n]*")
    return re.fullmatch(pattern, printed) is not None


def run(script, folder, url):
    # Options of the provider may stand before the sub-command.
    prelude = f'nearlite() {{ command "$NEARLITE_CLI" --ollama-url={url} "$@"; }}\nset -e\n'
    # get_embedding() is there only when asked for: the document's own option does that.
    return subprocess.run(["bash", "-c", prelude + script], cwd=folder, capture_output=True,
                          text=True, timeout=100)  # fmt: skip


def check(document, url):
    """The numbers of blocks and of those that do something else."""
    blocks = BLOCK.findall(document.read_text())
    count = problems = 0
    with tempfile.TemporaryDirectory(prefix="nearlite-doc-") as folder:
        for number, (kind, value, language, text) in enumerate(blocks):
            if kind == "file":
                (Path(folder) / value).write_text(text)
            if language != "sh":
                continue
            count += 1
            done = run(text, folder, url)
            after = blocks[number + 1] if number + 1 < len(blocks) else ("", "", "", "")
            expected = after[3] if after[2] == "text" else ""
            if kind == "error":
                good = done.returncode != 0 and value in done.stderr
            else:
                good = done.returncode == 0 and matches(expected, done.stdout)
            if not good:
                problems += 1
                print(f"{text}\nexpected:\n{expected}\nprinted:\n{done.stdout}{done.stderr}")
    return count, problems


def main():
    server = EmbeddingServer(384)
    failed = False
    for name, least in DOCUMENTS.items():
        count, problems = check(Path(os.environ["NEARLITE_SOURCE_DIR"]) / name, server.url)
        print(f"{name}: {count} blocks, {problems} problems")
        failed |= problems > 0 or count < least
    server.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
