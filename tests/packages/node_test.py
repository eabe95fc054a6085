"""The Node package: its tests with every SQLite driver that Node finds, the example of its README,
and what npm would publish."""

import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from toolchain import BUILD, ROOT, require, run, skip

# Where scripts/install-languages puts a driver when Debian has none for this Node.
os.environ["NODE_PATH"] = os.pathsep.join(
    filter(None, [os.environ.get("NODE_PATH"), str(ROOT / "build/node/node_modules")])
)
PUBLISHED = {"README.md", "index.d.ts", "index.js", "nearlite.so", "package.json"}


def copy_to(folder: Path) -> Path:
    """Copies the package as `scripts/package` does; in `folder`, its name leads to it."""
    for name in ("conformance", "node"):
        shutil.copytree(
            ROOT / "packages" / name, folder / name, ignore=shutil.ignore_patterns("node_modules")
        )
    package = folder / "node"
    shutil.copy(BUILD / "nearlite.so", package)
    (folder / "node_modules").mkdir()
    (folder / "node_modules/nearlite").symlink_to(package)
    return package


def check_example(node: str, package: Path) -> None:
    """Without the variable: the extension is beside the package."""
    readme = (package / "README.md").read_text(encoding="utf-8")
    code, expected = re.findall(r"```(?:js|text)\n(.*?)```", readme, re.DOTALL)
    printed = run([node, "-e", code], package.parent, NEARLITE_EXTENSION="")
    if printed != expected:
        sys.exit(f"README.md says {expected!r}, but its example prints {printed!r}")


def check_published(npm: str, package: Path, cache: Path) -> None:
    printed = run([npm, "pack", "--dry-run", "--json", "--loglevel=error", "--offline"], package,
                  npm_config_cache=str(cache), npm_config_update_notifier="false")  # fmt: skip
    (packed,) = json.loads(printed)
    files = {file["path"] for file in packed["files"]}
    if files != PUBLISHED:
        sys.exit(f"npm packs {sorted(files)}, not {sorted(PUBLISHED)}")


def main(folder: Path) -> None:
    node = require("node")
    package = copy_to(folder)
    run([node, "--test", "test/conformance.test.js"], package)
    # Warnings would be lines of their own.
    drivers = run([node, "--no-warnings", "test/drivers.js"], package).split()
    if "better-sqlite3" in drivers:
        check_example(node, package)
    if npm := shutil.which("npm"):
        check_published(npm, package, folder / "npm")
    if not drivers:
        skip("no SQLite driver is installed for Node")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(scratch))
