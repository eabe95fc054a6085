"""The Go modules: format, vet, their tests, and the programs of their README.

Everything runs in a copy, because Go writes into the folders of modules. What needs a driver or
purego, and can have neither from the module cache nor from a proxy, is left out, and said so.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from toolchain import BUILD, ROOT, require, run

DEBIAN_MATTN = Path("/usr/share/gocode/src/github.com/mattn/go-sqlite3")
DOWNLOAD_SECONDS = 60
LIBRARY = str(BUILD / "libnearlite.so")
LOCAL = {"GOTOOLCHAIN": "local", "GOWORK": "off"}


def readme_program(text: str, package: str) -> tuple:
    """The program of the README that imports a package, and what it is said to print."""
    for program, output in re.findall(r"```go\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL):
        if f'"{package}"' in program:
            return program, output
    sys.exit(f"README.md has no program with {package}")


def run_readme(go: str, module: Path, package: str, flags: list, **environment: str) -> None:
    program, expected = readme_program((module.parent / "README.md").read_text("utf-8"), package)
    folder = module / "readme"
    folder.mkdir()
    (folder / "main.go").write_text(program, "utf-8")
    built = folder / "program"
    run([go, "vet", *flags, "./readme"], module, **environment)
    run([go, "build", *flags, "-o", built, "./readme"], module, **environment)
    printed = run([built], folder, **environment)
    if printed != expected:
        sys.exit(f"the README's program printed {printed!r}, not {expected!r}")


def can_have_modules(go: str, module: Path) -> bool:
    """Whether what go.mod requires is in the module cache or comes from the proxy."""
    command = [go, "mod", "download"]
    try:
        done = subprocess.run(
            command, cwd=module, timeout=DOWNLOAD_SECONDS, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | LOCAL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        print(f"no module after {DOWNLOAD_SECONDS} seconds")
        return False
    print(done.stdout, end="")
    return done.returncode == 0


def check_format(go: str, folder: Path) -> None:
    beside = Path(run([go, "env", "GOROOT"], folder, **LOCAL).strip()) / "bin" / "gofmt"
    unformatted = run([beside if beside.is_file() else require("gofmt"), "-l", "."], folder)
    if unformatted:
        sys.exit("gofmt would change these files")


def check_conformance(go: str, module: Path) -> None:
    """With Debian's mattn/go-sqlite3 where it is installed: that is the system's SQLite."""
    # The driver compiles SQLite, which takes a minute with cgo's own -O2 -g.
    environment = LOCAL | {"CGO_ENABLED": "1", "CGO_CFLAGS": "-O0 -g0"}
    flags = []
    if shutil.which("cc") is None and shutil.which("gcc") is None:
        print("left out: mattn/go-sqlite3 needs a C compiler")
        return
    if DEBIAN_MATTN.is_dir():
        text = (module / "go.mod").read_text("utf-8")
        replaced = f"{text}\nreplace github.com/mattn/go-sqlite3 => {DEBIAN_MATTN}\n"
        (module / "debian.mod").write_text(replaced, "utf-8")
        flags = ["-mod=mod", "-modfile=debian.mod"]
        environment["GOPROXY"] = "off"
    elif not can_have_modules(go, module):
        print("left out: no mattn/go-sqlite3")
        return
    run([go, "vet", *flags, "./..."], module, **environment)
    run([go, "test", "-count=1", *flags, "./..."], module, **environment)
    run_readme(go, module, "github.com/mattn/go-sqlite3", flags, **environment)


def check_store(go: str, module: Path) -> None:
    environment = LOCAL | {"CGO_ENABLED": "0", "NEARLITE_LIBRARY": LIBRARY}
    if not can_have_modules(go, module):
        print("left out: the store, which needs purego")
        return
    run([go, "vet", "./..."], module, **environment)
    run([go, "test", "-count=1", "./..."], module, **environment)
    package = "github.com/nearlite/nearlite/packages/go/store"
    run_readme(go, module, package, [], **environment)


def main() -> None:
    go = require("go")
    with tempfile.TemporaryDirectory() as folder:
        for part in ("go", "conformance"):
            shutil.copytree(ROOT / "packages" / part, Path(folder) / part)
        root = Path(folder) / "go"
        check_format(go, root)
        run([go, "vet", "./..."], root, **LOCAL)
        run([go, "test", "-count=1", "./..."], root, **LOCAL)
        check_conformance(go, root / "conformance")
        check_store(go, root / "store")


if __name__ == "__main__":
    main()
