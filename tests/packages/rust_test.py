"""The Rust package: its tests and the examples of its documentation, its format, what clippy says.

Debian's cargo uses the crates of Debian's packages, without a network. Any other takes the newest
from crates.io, and Debian's when it cannot.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from toolchain import BUILD, ROOT, require, run, skip

FOLDER = BUILD / "packages/rust"
PACKAGE = FOLDER / "source/rust"
DEBIAN_CARGO = Path("/usr/bin/cargo")
DEBIAN_CRATES = Path("/usr/share/cargo/registry")
NEEDED = ["librust-rusqlite-dev", "librust-serde-json-dev"]  # Debian's packages of these crates
NEWEST_NEEDS = (1, 89)  # the Rust that the newest rusqlite of Cargo.toml asks for
NO_NETWORK = re.compile("download|network|failed to query")
DEBIAN_SOURCE = f"""
[source.crates-io]
replace-with = "debian"
[source.debian]
directory = "{DEBIAN_CRATES}"
"""


def copy_package() -> None:
    """Cargo writes beside Cargo.toml. Always the same folder: what is built fits the next run."""
    shutil.rmtree(FOLDER / "source", ignore_errors=True)
    unwanted = shutil.ignore_patterns("target", "Cargo.lock")
    shutil.copytree(ROOT / "packages/rust", PACKAGE, ignore=unwanted)
    shutil.copytree(ROOT / "packages/conformance", PACKAGE.parent / "conformance")
    # A reader of the example may have no extension; here is one, so it runs.
    readme = PACKAGE / "README.md"
    text = readme.read_text(encoding="utf-8")
    stat = readme.stat()
    readme.write_text(text.replace("```rust,no_run\n", "```rust\n"), encoding="utf-8")
    os.utime(readme, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # else cargo builds it all again


def attempt(*command, **environment: str) -> str:
    """Runs a command that may fail; returns what it complains about, nothing when it succeeds."""
    done = subprocess.run(
        command, cwd=PACKAGE, env=os.environ | environment, capture_output=True, text=True
    )
    complaint = done.stderr or f"ended with {done.returncode}"
    print("$", *command, "" if done.returncode == 0 else complaint, flush=True)
    return "" if done.returncode == 0 else complaint


def has_debian_crates() -> bool:
    return DEBIAN_CARGO.exists() and all(
        any(DEBIAN_CRATES.glob(f"{crate}-[0-9]*")) for crate in ("rusqlite", "serde_json")
    )


def reaches_crates_io(cargo: str) -> bool:
    """Whether the dependencies are there: fetched now, or by an earlier run."""
    shown = subprocess.run([cargo, "--version"], cwd=PACKAGE, capture_output=True, text=True)
    version = re.match(r"cargo (\d+)\.(\d+)", shown.stdout)
    if not version or tuple(map(int, version.groups())) < NEWEST_NEEDS:
        return False
    complaint = attempt(cargo, "fetch")
    if complaint and not NO_NETWORK.search(complaint):
        sys.exit("the dependencies cannot be had")  # a mistake in Cargo.toml is no reason to skip
    return not complaint or not attempt(cargo, "fetch", "--offline")


def choose() -> tuple[str, dict]:
    """A cargo that has the dependencies, and the environment it needs."""
    environment = {"CARGO_TARGET_DIR": str(FOLDER / "target")}
    cargo = require("cargo")
    if Path(cargo) != DEBIAN_CARGO and reaches_crates_io(cargo):
        return cargo, environment | {"CARGO_NET_OFFLINE": "true"}
    if not has_debian_crates():
        oldest = ".".join(map(str, NEWEST_NEEDS))
        skip(f"neither crates.io with cargo {oldest} or newer, nor Debian's {', '.join(NEEDED)}")
    (PACKAGE / ".cargo").mkdir()
    (PACKAGE / ".cargo/config.toml").write_text(DEBIAN_SOURCE)
    # Debian's compiler and tools, whatever comes first on the path and is in ~/.cargo/bin.
    return str(DEBIAN_CARGO), environment | {
        "PATH": f"{DEBIAN_CARGO.parent}:{os.environ['PATH']}",
        "CARGO_HOME": str(FOLDER / "home"),
        "CARGO_NET_OFFLINE": "true",
    }


if __name__ == "__main__":
    for program in ("cc", "pkg-config"):
        require(program)
    copy_package()
    if attempt("pkg-config", "sqlite3"):
        skip("the system's SQLite (libsqlite3-dev) is not installed")
    cargo, environment = choose()
    run([cargo, "test", "-j2"], PACKAGE, **environment)
    if not attempt(cargo, "fmt", "--version", **environment):
        run([cargo, "fmt", "--check"], PACKAGE, **environment)
    if not attempt(cargo, "clippy", "--version", **environment):
        run([cargo, "clippy", "-j2", "--all-targets", "--", "-D", "warnings"], PACKAGE,
            **environment)  # fmt: skip
