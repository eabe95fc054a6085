"""The Python package: its tests with the standard library's driver and with apsw, the wheel, and
the example of its README."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from toolchain import BUILD, ROOT, run

PACKAGE = ROOT / "packages/python"
VENV = ROOT / "build/venv/bin/python3"


def has(python: Path, modules: str) -> bool:
    return python.exists() and subprocess.run([python, "-c", f"import {modules}"]).returncode == 0


def check_tests(python: Path) -> None:
    run([python, "-B", "-m", "unittest", "discover", "-v", "-s", "tests"], PACKAGE,
        PYTHONPATH=str(PACKAGE / "src"))  # fmt: skip


def check_example(python: Path, **environment: str) -> None:
    readme = (PACKAGE / "README.md").read_text(encoding="utf-8")
    code, expected = re.findall(r"```(?:python|text)\n(.*?)```", readme, re.DOTALL)
    printed = run([python, "-B", "-c", code], PACKAGE, **environment)
    if printed != expected:
        sys.exit(f"README.md says {expected!r}, but its example prints {printed!r}")


def check_wheel(folder: Path) -> None:
    """A wheel with the extension in it, installed elsewhere, needs no variable."""
    run([ROOT / "scripts/package", "--from", BUILD, "--to", folder], ROOT)
    (wheel,) = folder.glob("nearlite-*-py3-none-manylinux_*.whl")
    site = folder / "site"
    run([VENV, "-m", "pip", "install", "--no-index", "--no-deps", "--target", site, wheel], ROOT)
    check_example(Path(sys.executable), PYTHONPATH=str(site), NEARLITE_EXTENSION="")


if __name__ == "__main__":
    check_tests(Path(sys.executable))
    check_example(Path(sys.executable), PYTHONPATH=str(PACKAGE / "src"))
    if has(VENV, "apsw, setuptools, wheel"):
        check_tests(VENV)
        with tempfile.TemporaryDirectory() as scratch:
            check_wheel(Path(scratch))
    else:
        print("without build/venv: not tried with apsw, no wheel")
