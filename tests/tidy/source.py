"""Reading the tree, and just enough C++ lexing for the rules: comments, strings, braces.

A heuristic, not a compiler: it relies on the layout .clang-format gives (a space before the brace
of a function, none before that of an initialiser).
"""

import re
from pathlib import Path

SKIPPED_FOLDERS = {".git", ".cache", "__pycache__", "node_modules", "target"}

CPP = {".cc", ".h", ".inl"}
PROSE = {".md"}
SCRIPTS = {".py", ".sh", ".cmake"}
PACKAGES = {".go", ".js", ".rs", ".ts"}  # of other languages


class Tree:
    """A checkout: its files by path relative to the root, read once."""

    def __init__(self, root):
        self.root = Path(root)
        self.paths = sorted(self._walk(self.root))
        self._text = {}

    def _walk(self, folder):
        for entry in folder.iterdir():
            relative = entry.relative_to(self.root)
            if entry.is_dir() and not entry.is_symlink():
                top_build = len(relative.parts) == 1 and entry.name.startswith("build")
                if entry.name not in SKIPPED_FOLDERS and not top_build:
                    yield from self._walk(entry)
            elif entry.is_file():
                yield relative.as_posix()

    def text(self, path):
        if path not in self._text:
            data = (self.root / path).read_bytes()
            self._text[path] = "" if b"\0" in data[:4096] else data.decode("utf-8", "replace")
        return self._text[path]

    def exists(self, path):
        return (self.root / path).exists()

    def select(self, suffixes, *folders):
        """Paths with one of the suffixes, below one of the folders (everywhere without folders)."""
        for path in self.paths:
            if Path(path).suffix in suffixes and (
                not folders or any(path.startswith(folder + "/") for folder in folders)
            ):
                yield path


_TOKEN = re.compile(
    r"""
    //[^\n]*
  | /\*.*?\*/
  | R"(?P<tag>[^\s()\\]{0,16})\(.*?\)(?P=tag)"
  | "(?:\\.|[^"\\\n])*"
  | (?<![0-9A-Za-z_])(?:u8|[uUL])?'(?:\\.|[^'\\\n])+'
    """,
    re.VERBOSE | re.DOTALL,
)


def code_only(text):
    """The text with comments and the insides of literals blanked; line numbers stay."""

    def blank(match):
        token = match.group(0)
        lines = "\n" * token.count("\n")
        if token.startswith("//") or token.startswith("/*"):
            return " " + lines
        return '""' + lines if '"' in token[:2] or token.startswith("R") else "' '" + lines

    return _TOKEN.sub(blank, text)


def includes(text):
    """Pairs (line number, name as written with its quotes or brackets)."""
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"][^>"]+[>"])', line)
        if match:
            yield number, match.group(1)


def _without_directives(code):
    lines, continued = [], False
    for line in code.split("\n"):
        directive = continued or line.lstrip().startswith("#")
        continued = directive and line.endswith("\\")
        lines.append("" if directive else line)
    return "\n".join(lines)


# What opens a brace but is no function: `struct X {`; but `struct X make() {` is one.
_NOT_A_FUNCTION = re.compile(
    r"\b(namespace|class|struct|union|enum|extern)\b"
    r"(?!.*\)\s*(const|noexcept|override|final|->.*|:.*)*\s*$)",
    re.DOTALL,
)


def functions(text):
    """(first line, line count, heading) of every outermost function body and its signature."""
    code = _without_directives(code_only(text))
    line, start = 1, 0
    stack = []  # per open brace: None, or (first line, heading) for a function body
    inside = 0  # number of function bodies we are in
    for index, char in enumerate(code):
        if char == "\n":
            line += 1
        elif char == "{":
            heading = code[start:index]
            initialiser = index > 0 and (code[index - 1].isalnum() or code[index - 1] in "_>")
            if inside or not _is_function(heading) or initialiser:
                stack.append((None, start if initialiser else None))
                inside += 1 if inside else 0
            else:
                first = line - heading.lstrip().count("\n")
                stack.append(((first, " ".join(heading.split())), None))
                inside = 1
            if not initialiser:
                start = index + 1
        elif char == "}" and stack:
            body, resume = stack.pop()
            inside -= 1 if inside else 0
            start = index + 1 if resume is None else resume
            if body:
                yield body[0], line - body[0] + 1, body[1]
        elif char == ";" and not inside:
            start = index + 1


def _is_function(heading):
    heading = heading.strip()
    if not heading or ")" not in heading or heading.endswith(("=", ",", "(", "return")):
        return False
    return not _NOT_A_FUNCTION.search(re.sub(r"\(.*\)", "()", heading, flags=re.DOTALL))
