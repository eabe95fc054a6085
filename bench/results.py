"""The file of measurements: JSON lines, appended as they come.

A job (one build, one round of a search curve) has a key and adds all its lines in one write, the
last of them marked; a run that was interrupted goes on with the first job of which that is missing.
"""

import json
import os
import time
from pathlib import Path


class Results:
    def __init__(self, path: Path, machine: dict):
        """`machine`: fields that every line gets (CPU, versions, what was measured)."""
        self._path, self._machine = path, machine
        path.parent.mkdir(parents=True, exist_ok=True)
        self._keys: set[str] = set()
        if path.exists():
            lines = read_lines(path)
            self._keys = {line["key"] for line in lines if line.get("last")}
            # What an interrupted job left is dropped: the job will be done again.
            path.write_text("".join(json.dumps(line) + "\n" for line in lines
                                    if line["key"] in self._keys), encoding="utf-8")

    def has(self, key: str) -> bool:
        return key in self._keys

    def add(self, key: str, lines: list[dict]) -> None:
        moment = {"key": key, "time": time.strftime("%Y-%m-%dT%H:%M:%S"),
                  "load": round(os.getloadavg()[0], 2)}
        lines = [*lines[:-1], lines[-1] | {"last": True}]
        text = "".join(json.dumps(moment | line | self._machine) + "\n" for line in lines)
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        self._keys.add(key)


def read_lines(path: Path) -> list[dict]:
    """Returns the measurements; a last line that was cut off by a crash is left out."""
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            continue
    return lines
