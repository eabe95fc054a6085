"""Executes the SQL of a document, block by block, and compares what it prints.

Each ```sql block runs in order in one fresh database, in a folder of its own that holds the
extension as ./nearlite and build/nearlite, and ./vec0. The extension is loaded first, unless the
document's own first block loads one. A ```text block directly after a ```sql block is what that
block prints, as the sqlite3 shell prints it: one line a row, columns separated by `|`, NULL empty.

Comments directly before a block say more about it:
  <!-- params: {"query": [1, 0, 0]} -->   values of its named parameters; lists become JSON text
  <!-- error: dimensions -->              its last statement fails with a message like this
  <!-- fresh -->                          start over with an empty database, extension loaded
  <!-- file: old.db tests/a.db.xz -->     that file of the project is there, unpacked
"""

import json
import lzma
import os
import re
import sqlite3
import tempfile
from dataclasses import dataclass, field
from pathlib import Path


class Mismatch(Exception):
    """A block does not do what the document says."""


@dataclass
class Block:
    line: int
    sql: str
    output: str | None = None
    params: dict = field(default_factory=dict)
    error: str | None = None
    fresh: bool = False
    files: dict = field(default_factory=dict)  # name in the folder: path in the project
    dialect: bool = False


class StandardDriver:
    """The sqlite3 module of Python: the SQLite of the system."""

    version = sqlite3.sqlite_version

    def __init__(self, path):
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.enable_load_extension(True)

    def load(self, extension):
        self.connection.load_extension(extension)

    def execute(self, sql, params):
        return self.connection.execute(sql, params).fetchall()

    def close(self):
        self.connection.close()


class CurrentDriver:
    """The package apsw: a current SQLite."""

    def __init__(self, path):
        import apsw

        self.version = apsw.sqlitelibversion()
        self.connection = apsw.Connection(path)
        self.connection.enable_load_extension(True)

    def load(self, extension):
        self.connection.load_extension(extension)

    def execute(self, sql, params):
        return self.connection.cursor().execute(sql, params).fetchall()

    def close(self):
        try:
            self.connection.close()
        except Exception as error:
            raise Mismatch(f"the connection does not close: {error}") from error


def blocks(markdown):
    """The sql blocks of a document."""
    found, notes, lines = [], [], markdown.splitlines()
    index, previous = 0, None
    while index < len(lines):
        fence = re.match(r"^\s*```(\w*)\s*$", lines[index])
        if not fence:
            note = re.fullmatch(r"<!-- (\w+)(?:: (.*))? -->", lines[index].strip())
            if note:
                notes.append(note.groups())
            elif lines[index].strip():
                notes, previous = [], None
            index += 1
            continue
        first = index + 1
        index = first
        while not re.match(r"^\s*```\s*$", lines[index]):
            index += 1
        content = "\n".join(lines[first:index])
        index += 1
        if fence.group(1) in ("sql", "pgsql"):
            previous = Block(first + 1, content, dialect=fence.group(1) == "pgsql")
            for name, value in notes:
                _annotate(previous, name, value)
            found.append(previous)
        elif fence.group(1) == "text" and previous:
            previous.output, previous = content, None
        else:
            previous = None
        notes = []
    return found


def _annotate(block, name, value):
    if name == "params":
        for key, item in json.loads(value).items():
            block.params[key] = json.dumps(item) if isinstance(item, list) else item
    elif name == "error":
        block.error = value
    elif name == "fresh":
        block.fresh = True
    elif name == "file":
        copy, original = value.split()
        block.files[copy] = original
    else:
        raise Mismatch(f"line {block.line}: unknown note {name!r}")


def statements(sql):
    """Splits at semicolons that end a statement (not at those inside triggers or literals)."""
    start = 0
    for match in re.finditer(";", sql):
        statement = sql[start : match.end()]
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            start = match.end()
    rest = re.sub(r"--[^\n]*|/\*.*?\*/", "", sql[start:], flags=re.DOTALL)
    if rest.strip():
        raise Mismatch(f"no semicolon after: {rest.strip()[:60]}")


def shown(value):
    """A value as the sqlite3 shell prints it."""
    if value is None:
        return ""
    if isinstance(value, float):
        text = format(value, ".15g")
        return text if re.search(r"[.en]", text) else text + ".0"
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def _run_block(driver, block):
    printed, todo = [], list(statements(block.sql))
    for number, statement in enumerate(todo, 1):
        named = {key: value for key, value in block.params.items()
                 if re.search(rf"[:@$]{key}\b", statement)}  # fmt: skip
        try:
            if block.dialect:
                translate = "SELECT nearlite_translate(:sql)"
                [(statement,)] = driver.execute(translate, {"sql": statement})
                named = [None] * len(set(re.findall(r"\?\d+", statement)))
            rows = driver.execute(statement, named)
        except Exception as error:  # each driver has its own class
            if block.error and number == len(todo):
                if block.error not in str(error):
                    raise Mismatch(f"line {block.line}: fails with: {error}") from error
                return
            where = " ".join(statement.split())[:80]
            raise Mismatch(f"line {block.line}: {error}\n  in: {where}") from error
        printed += ["|".join(shown(value) for value in row) for row in rows]
    if block.error:
        raise Mismatch(f"line {block.line}: did not fail with: {block.error}")
    if block.output is not None and printed != block.output.splitlines():
        expected = block.output.splitlines()
        raise Mismatch(
            f"line {block.line}: prints\n" + "\n".join(f"  {line}" for line in printed)
            + "\n  but the document says\n" + "\n".join(f"  {line}" for line in expected)
        )  # fmt: skip


def _open(folder, number, driver_class, extension, load):
    driver = driver_class(os.path.join(folder, f"{number}.db"))
    if load and extension:
        driver.load(extension)
    return driver


def _unpack(source, block):
    for copy, original in block.files.items():
        if not (source / original).is_file():
            raise Mismatch(f"line {block.line}: there is no file {original}")
        Path(copy).write_bytes(lzma.decompress((source / original).read_bytes()))


def run_document(markdown, driver_class, extension):
    """Runs all blocks; returns how many, raises Mismatch at the first that disagrees."""
    todo, home = blocks(markdown), os.getcwd()
    source = Path(os.environ.get("NEARLITE_SOURCE_DIR", Path(__file__).parents[2])).resolve()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            os.mkdir("build")
            if extension:
                os.symlink(extension, "nearlite.so")
                os.symlink(extension, "build/nearlite.so")
                os.symlink(os.path.join(os.path.dirname(extension), "vec0.so"), "vec0.so")
            by_itself = bool(todo) and "load_extension" in todo[0].sql
            driver = _open(folder, 0, driver_class, extension, not by_itself)
            for number, block in enumerate(todo, 1):
                if block.fresh:
                    driver.close()
                    driver = _open(folder, number, driver_class, extension, True)
                _unpack(source, block)
                _run_block(driver, block)
            driver.close()
        finally:
            os.chdir(home)
    return len(todo)


DOCUMENTS = ("README.md", "docs/sql.md", "docs/dialect.md", "docs/vec0.md")


def run_documents(driver_class):
    """Runs the project's documents; returns an exit code."""
    source = Path(os.environ.get("NEARLITE_SOURCE_DIR", Path(__file__).parents[2]))
    failures = 0
    for name in DOCUMENTS:
        try:
            count = run_document(
                (source / name).read_text(), driver_class, os.environ["NEARLITE_EXTENSION"]
            )
            print(f"{name}: {count} blocks")
            if not count:
                raise Mismatch("no sql block")
        except Mismatch as problem:
            failures += 1
            print(f"{name}, {problem}")
    return 1 if failures else 0
