"""What the tests of the language packages share: the tools they need, and when they are skipped."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ["NEARLITE_BUILD_DIR"])
_SKIPPED = 77


def skip(why: str) -> NoReturn:
    """Ends the test as skipped."""
    print(why)
    sys.exit(_SKIPPED)


def require(program: str) -> str:
    """The path of a program; skips the test without it.

    A sanitized extension needs a library in the process before all others, which only Python gets
    (cmake/tests.cmake).
    """
    if "LD_PRELOAD" in os.environ:
        skip("sanitized builds are tested from Python")
    return shutil.which(program) or skip(f"{program} is not installed")


def run(command: list, cwd: Path, **environment: str) -> str:
    """Runs a command with the extension's place and `environment` added; returns what it printed.

    A command that fails ends the test, with its output.
    """
    print("$", *command, flush=True)
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, text=True, encoding="utf-8", errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=os.environ | {"NEARLITE_EXTENSION": str(BUILD / "nearlite.so")} | environment,
    )  # fmt: skip
    print(done.stdout, flush=True)
    if done.returncode != 0:
        sys.exit(f"ended with {done.returncode}")
    return done.stdout
