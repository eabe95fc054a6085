"""Starts the benchmark workers and talks with them (protocol: bench/driver/worker.h)."""

import contextlib
import json
import os
import select
import subprocess
from pathlib import Path


class WorkerError(RuntimeError):
    """A worker ended, or said why it cannot go on."""


class Worker:
    """One engine in a process of its own. Use as a context manager; leaving it ends the process."""

    def __init__(self, command: list[str | Path], environment: dict[str, str] | None = None,
                 timeout_s: float = 3600):
        self._timeout_s = timeout_s
        # One BLAS or OpenMP thread for everyone, unless a request says otherwise.
        environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"} | (environment or {})
        self._process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, bufsize=1, env=os.environ | environment)

    def pin(self) -> None:
        """Keeps it on one core, the same for all: another core may have busier neighbours, which on
        a virtual machine makes half of a time. Before the worker starts threads."""
        core = max(os.sched_getaffinity(0))
        os.sched_setaffinity(self._process.pid, {core})

    def ask(self, do: str, **parameters: object) -> dict:
        """Sends a request and returns the answer. Raises WorkerError."""
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(json.dumps({"do": do} | parameters) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # what it said before it ended is read below
        ready, _, _ = select.select([self._process.stdout], [], [], self._timeout_s)
        line = self._process.stdout.readline() if ready else ""
        if not ready:
            self._process.kill()
        if not line:
            self.close()
            raise WorkerError(f"{do}: " + (f"no answer within {self._timeout_s} s" if not ready
                                           else f"ended with code {self._process.returncode}"))
        answer = json.loads(line)
        if "error" in answer:
            self.close()
            raise WorkerError(f"{do}: {answer['error']}")
        return answer

    def close(self) -> None:
        """Lets the process end by itself (some engines save their index then), or ends it."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
