"""The project's habits that a program can check. Each rule takes a Tree and yields problems."""

import json
import re
import subprocess
from pathlib import Path, PurePosixPath

from source import CPP, PACKAGES, PROSE, SCRIPTS, code_only, functions, includes

# A folder may include only what stands to its left. include/nearlite, left of all, is reached as
# "nearlite/...".
LADDER = [
    "base", "vector", "graph", "storage", "index", "dialect", "sqlite", "api", "c_api", "formats",
    "embed", "cli",
]  # fmt: skip
# Users of our own interface: beside the public headers they see these only.
USERS = {"c_api": ["c_api"], "cli": ["formats", "embed", "cli"]}
FILE_LINES = 600
FILE_LINES_HARD = 800
FUNCTION_LINES = 70
COLUMNS = 100
REQUIREMENTS = [f"R{number}" for number in range(1, 190)]


def _layer(path):
    parts = PurePosixPath(path).parts
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    if parts[:2] == ("tests", "unit") and len(parts) > 3:
        return parts[2]
    return "nearlite" if parts[0] == "include" else None


def layers(tree):
    """Includes point only to the left; command and C interface include the public headers only."""
    for path in tree.select(CPP, "src", "include", "tests/unit"):
        layer = _layer(path)
        if layer != "nearlite" and layer not in LADDER:
            yield f"{path}: not in a folder of the ladder ({', '.join(LADDER)})"
            continue
        allowed = ["nearlite"]
        if layer in USERS:
            allowed += USERS[layer]
        elif layer != "nearlite":
            allowed += LADDER[: LADDER.index(layer) + 1]
        if path.startswith("tests/"):
            allowed += ["support", "unit"]
        for line, name in includes(tree.text(path)):
            if name.startswith('"'):
                first = name.strip('"').split("/")[0]
                if "/" not in name and path.startswith("tests/"):
                    continue  # a header of the test itself, beside it
                if first not in allowed:
                    yield f'{path}:{line}: {layer} may not include {name}'


def sqlite_boundary(tree):
    """SQLite headers live in src/sqlite; what is left of it runs without SQLite.

    extern "C" lives there and in our own C interface.
    """
    for path in tree.select(CPP, "src", "include", "tests/unit"):
        if _layer(path) == "sqlite" or path.startswith(("tests/unit/sqlite/", "tests/unit/api/")):
            continue
        for line, name in includes(tree.text(path)):
            if re.search(r"sqlite3(ext)?\.h", name):
                yield f"{path}:{line}: {name} outside src/sqlite"
        if _layer(path) == "c_api" or path == "include/nearlite/nearlite_c.h":
            continue
        stripped = re.sub(r"//[^\n]*", "", tree.text(path))
        for line, content in enumerate(stripped.splitlines(), 1):
            if re.search(r'\bextern\s+"C"', content):
                yield f'{path}:{line}: extern "C" outside src/sqlite and src/c_api'


def _is_source(path):
    by_suffix = Path(path).suffix in CPP | SCRIPTS | PACKAGES
    return by_suffix or path == "CMakeLists.txt" or path.startswith(("scripts/", ".ci/"))


def sizes(tree):
    """File, function and line length."""
    for path in tree.paths:
        if not _is_source(path):
            continue
        lines = tree.text(path).splitlines()
        if len(lines) > FILE_LINES_HARD:
            yield f"{path}: {len(lines)} lines, the limit is {FILE_LINES_HARD}"
        elif len(lines) > FILE_LINES and "LONG FILE: " not in tree.text(path):
            yield (
                f"{path}: {len(lines)} lines, more than {FILE_LINES} "
                'without a comment "LONG FILE: <why>"'
            )
        for number, line in enumerate(lines, 1):
            unbreakable = "NOLINT" in line or "://" in line or "_Pragma(" in line
            if len(line) > COLUMNS and not unbreakable:
                yield f"{path}:{number}: {len(line)} columns, the limit is {COLUMNS}"
    for path in tree.select(CPP, "src", "include", "tests", "bench"):
        for first, count, heading in functions(tree.text(path)):
            if count > FUNCTION_LINES:
                yield f"{path}:{first}: {count} lines in {heading[:60]}"


_BANNED_WORDS = {
    "util", "utils", "utility", "utilities", "helper", "helpers", "common", "misc", "manager",
}  # fmt: skip


def names(tree):
    """If you cannot name it, you have not found it yet."""
    for path in tree.paths:
        if path.startswith(("data/", "packages/")):
            continue
        for part in PurePosixPath(path).parts:
            if _BANNED_WORDS & set(re.split(r"[_.\-]", part.lower())):
                yield f"{path}: {part} says nothing; banned: {', '.join(sorted(_BANNED_WORDS))}"
    declaration = re.compile(
        r"\b(?:class|struct|namespace)\s+(\w*(?:[Uu]tils?|[Hh]elpers?|Common|common|Manager))\b"
    )
    for path in tree.select(CPP):
        for match in declaration.finditer(code_only(tree.text(path))):
            yield f"{path}: the name {match.group(1)} says nothing"


def exceptions(tree):
    """`.value()` and `throw` are for users, not for src/."""
    for path in tree.select(CPP, "src"):
        for line, content in enumerate(code_only(tree.text(path)).splitlines(), 1):
            if re.search(r"\.\s*value\s*\(\s*\)", content):
                yield f"{path}:{line}: .value() throws; test, then dereference"
            if re.search(r"\bthrow\b", content):
                yield f"{path}:{line}: our code never throws"


def comments(tree):
    """File heads, no bare TODO; assertions only through NEARLITE_ASSERT."""
    for path in tree.select(CPP, "src", "include", "tests"):
        text = tree.text(path)
        # A header speaks for its .cc, and the name of a unit test says what it is for.
        said = path.startswith("tests/unit/") or (
            path.endswith(".cc") and tree.exists(path[:-3] + ".h")
        )
        if not said and not text.lstrip().startswith(("//", "/*")):
            yield f"{path}: no comment at the head of the file"
        for line, content in enumerate(text.splitlines(), 1):
            if re.search(r"\b(TODO|FIXME|XXX)\b(?!\()", content):
                yield f"{path}:{line}: a bare TODO"
        if path.startswith("src/") and re.search(r"(?<!_)\bassert\s*\(", code_only(text)):
            yield f"{path}: assert() instead of NEARLITE_ASSERT()"


# Where a language wants the number in a file of its own.
_VERSION_LINES = {
    "packages/go/nearlite.go": 'const version = "%s"',
    "packages/node/package.json": '  "version": "%s",',
    "packages/python/src/nearlite/__init__.py": '_VERSION = "%s"',
    "packages/rust/Cargo.toml": 'version = "%s"',
}


def version(tree):
    """VERSION holds the only hand-written version number, but for a line in each package."""
    number = tree.text("VERSION").strip() if tree.exists("VERSION") else ""
    if not re.fullmatch(r"\d+\.\d+\.\d+", number):
        yield f"VERSION: {number!r} is not major.minor.patch"
        return
    literal = re.compile(rf"(?<![\d.]){re.escape(number)}(?![\d.]\d|\d)")
    for path, form in _VERSION_LINES.items():
        if tree.exists(path) and tree.text(path).splitlines().count(form % number) != 1:
            yield f"{path}: no line {form % number!r}, as VERSION says"
    manifests = {".in", ".json", ".toml", ".txt"}
    for path in tree.select(CPP | SCRIPTS | PACKAGES | PROSE | manifests):
        if path == "CHANGELOG.md" or path.startswith(("data/", "tools/")):
            continue  # the history; versions of other people's packages
        for line, content in enumerate(tree.text(path).splitlines(), 1):
            if literal.search(content) and content != _VERSION_LINES.get(path, "%s") % number:
                yield f"{path}:{line}: the version number is written in VERSION only"


def _declared_cases(text):
    for match in re.finditer(r"^\s*TEST(?:_F)?\(\s*(\w+)\s*,\s*(\w+)\s*\)", text, re.MULTILINE):
        yield f"{match.group(1)}.{match.group(2)}"


def registered_tests(build_dir):
    """Names ctest knows; the slow folders register one name per executable."""
    shown = subprocess.run(
        ["ctest", "--test-dir", str(build_dir), "--show-only=json-v1"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [test["name"] for test in json.loads(shown.stdout)["tests"]]


def tests_registered(tree, registered):
    """Every test in the tree is a test of ctest; nothing can be commented out of the build."""
    registered = set(registered)
    for path in tree.select({".cc", ".py", ".sh"}, "tests"):
        parts = PurePosixPath(path).parts
        text = tree.text(path)
        cases = list(_declared_cases(code_only(text))) if path.endswith(".cc") else []
        stem = PurePosixPath(path).stem
        if not stem.endswith("_test"):
            if cases:
                yield f"{path}: has tests but is not named *_test.cc"
            continue
        if "DISABLED_" in text and path != "tests/tidy/rules_test.py":
            yield f"{path}: a disabled test"
        if f"{parts[1]}/{stem.removesuffix('_test')}" in registered:
            continue
        prefix = "/".join(parts[1:3] if parts[1] == "unit" else parts[1:2])
        missing = [case for case in cases if f"{prefix}/{case}" not in registered]
        if missing:
            yield f"{path}: ctest does not know {', '.join(missing[:3])}"
        if not cases and not re.search(r"\b(TEST_P|TYPED_TEST)\(", text):
            yield f"{path}: ctest does not know it"


_ID = re.compile(r"\b([CDEFG][1-9]\d?)\b")
_TAG = re.compile(r"INVARIANTS? ((?:[CDEFG]\d+(?:,? and |, | )?)+)")
INVARIANT_DOCUMENTS = ("docs/concurrency.md", "docs/format.md")


def invariants(tree):
    """Each invariant stands in a document, at the line that establishes it, and in a test."""
    defined = {}
    for path in INVARIANT_DOCUMENTS:
        if not tree.exists(path):
            yield f"{path}: missing"
            continue
        for match in re.finditer(r"^\* \*\*([CDEFG]\d+)\.\*\*", tree.text(path), re.MULTILINE):
            if match.group(1) in defined:
                yield f"{path}: {match.group(1)} is defined twice"
            defined[match.group(1)] = path
    used = {"src": set(), "tests": set()}
    for folder, ids in used.items():
        for path in tree.select(CPP | {".py", ".sh", ".sql"}, folder):
            if path.startswith("tests/tidy/"):
                continue
            for match in _TAG.finditer(tree.text(path)):
                for name in _ID.findall(match.group(1)):
                    ids.add(name)
                    if name not in defined:
                        yield f"{path}: INVARIANT {name} is in no document"
    for name in sorted(defined, key=lambda name: (name[0], int(name[1:]))):
        for folder, ids in used.items():
            if name not in ids:
                yield f"{defined[name]}: no line in {folder}/ says INVARIANT {name}"


# Split, so that this file does not contain what it forbids.
_MACHINE = re.compile(
    "|".join([
        r"(?<![\w.])/" + r"(?:work|root|home|Users)/\w",
        "pypi" + r"\.org", "pythonhosted" + r"\.org", "deb" + r"\.debian\.org",
        "proxy" + r"\.golang\.org", "registry" + r"\.npmjs", "index" + r"\.crates\.io",
        "--index" + "-url", "--extra-index" + "-url",
    ])
)  # fmt: skip


def machines(tree):
    """Nothing says on which machine or through which registry it was made."""
    for path in tree.paths:
        if path.startswith("data/"):
            continue
        for line, content in enumerate(tree.text(path).splitlines(), 1):
            match = _MACHINE.search(content)
            if match:
                yield f"{path}:{line}: {match.group(0)}"


def requirements(tree):
    """docs/requirements.md has one row for each requirement; what is met names its tests."""
    path = "docs/requirements.md"
    if not tree.exists(path):
        yield f"{path}: missing"
        return
    rows = []
    for line in tree.text(path).splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if not re.fullmatch(r"R\d+", cells[0]):
            continue
        rows.append(cells[0])
        if len(cells) != 5:
            yield f"{path}: {cells[0]} has {len(cells)} columns, not 5"
            continue
        _, _, status, _, test = cells
        if status not in ("met", "partly", "not yet", "not meant"):
            yield f"{path}: {cells[0]}: unknown status {status!r}"
        tests = re.findall(r"`((?:tests|bench)/[^`\s]+)`", test)
        if status in ("met", "partly") and not tests:
            yield f"{path}: {cells[0]} is {status} but names no test"
        for name in tests:
            if not tree.exists(name):
                yield f"{path}: {cells[0]} names {name}, which does not exist"
    for name in REQUIREMENTS:
        if rows.count(name) != 1:
            yield f"{path}: {name} has {rows.count(name)} rows"
    for name in sorted(set(rows) - set(REQUIREMENTS)):
        yield f"{path}: {name} is not a requirement"


_NAMED_PATH = re.compile(r"`((?:src|include|tests|tools|scripts|cmake|bench|docs|data)/[\w./\-]+)`")


def documents(tree):
    """Links lead somewhere and files named in prose exist."""
    for path in tree.select(PROSE):
        text = re.sub(r"^```.*?^```", "", tree.text(path), flags=re.MULTILINE | re.DOTALL)
        for match in re.finditer(r"\[[^\]]*\]\(([^)\s#]+)(#[^)\s]*)?\)", text):
            target = match.group(1)
            if "://" not in target and not target.startswith("mailto:"):
                resolved = (Path(tree.root) / path).parent / target
                if not resolved.exists():
                    yield f"{path}: link to {target}, which does not exist"
        for match in _NAMED_PATH.finditer(text):
            if not tree.exists(match.group(1)):
                yield f"{path}: names {match.group(1)}, which does not exist"


RULES = [
    layers, sqlite_boundary, sizes, names, exceptions, comments, version, invariants, machines,
    requirements, documents,
]  # fmt: skip
