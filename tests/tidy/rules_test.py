"""Every tidy rule can fail: a small clean tree passes, and each mutation of it is found."""

import sys
import tempfile
import unittest
from pathlib import Path

import rules
from source import Tree, functions

HEAD = "// What this file is for.\n"

CLEAN = {
    "VERSION": "1.2.3\n",
    "include/nearlite/status.h": HEAD + '#pragma once\n#include "nearlite/code.h"\n',
    "src/base/try.h": HEAD + '#include "nearlite/status.h"\n',
    "src/graph/graph.cc": HEAD + '#include "base/try.h"\n// INVARIANT G1. Links lead to nodes.\n',
    "src/index/cache.cc": HEAD + '#include "graph/graph.h"\n// INVARIANTS C1, C2 and D1.\n',
    "src/sqlite/vtab.cc": HEAD + '#include <sqlite3ext.h>\nextern "C" int init(int x) {\n}\n',
    "src/api/database.cc": HEAD + '#include "sqlite/handles.h"\n',
    "src/c_api/nearlite_c.cc": HEAD + '#include "nearlite/nearlite_c.h"\nextern "C" {\n}\n',
    "include/nearlite/nearlite_c.h": HEAD + 'extern "C" {\n}\n',
    "src/cli/main.cc": HEAD + '#include <CLI/CLI.hpp>\n#include "nearlite/database.h"\n',
    "tests/unit/graph/graph_test.cc": HEAD
    + '#include "graph/graph.h"\n// INVARIANT G1, C1, C2, D1\nTEST(Graph, Links) {\n}\n',
    "tests/model/model_test.cc": HEAD + "TEST(Model, Steps) {\n}\n",
    "tests/sql/sql_test.py": '"""Runs."""\n',
    "docs/concurrency.md": "* **C1.** One.\n* **C2.** Two.\n* **G1.** Three. C9 in prose.\n",
    "docs/format.md": "* **D1.** Four. See [the other](concurrency.md) and `src/base/try.h`.\n",
    "docs/requirements.md": "| id | what | status | how | test |\n"
    + "".join(f"| {name} | x | not yet | y | |\n" for name in rules.REQUIREMENTS[1:])
    + "| R1 | x | met | y | `tests/model/model_test.cc` |\n",
    "CHANGELOG.md": "## 1.2.3\n",
}
REGISTERED = ["unit/graph/Graph.Links", "model/model", "sql/sql"]


def body(lines):
    return "int long_one(int a,\n             int b) {\n" + "  ++a;\n" * lines + "}\n"


LONG_FUNCTION = HEAD + "namespace x {\nclass Y {\n" + body(rules.FUNCTION_LINES) + "};\n}\n"

# (rule, file, its new content or None to delete it, part of the expected problem)
MUTATIONS = [
    ("layers", "src/base/try.h", HEAD + '#include "graph/graph.h"\n', "base may not include"),
    ("layers", "src/graph/graph.cc", HEAD + '#include "sqlite/api.h"\n', "graph may not include"),
    ("layers", "src/graph/graph.cc", HEAD + '#include "graph.h"\n', "graph may not include"),
    ("layers", "src/cli/main.cc", HEAD + '#include "base/try.h"\n', "cli may not include"),
    ("layers", "src/c_api/nearlite_c.cc", HEAD + '#include "base/try.h"\n', "may not include"),
    ("layers", "src/cli/main.cc", HEAD + '#include "c_api/guard.h"\n', "cli may not include"),
    ("layers", "include/nearlite/status.h", HEAD + '#include "base/try.h"\n', "may not include"),
    ("layers", "src/extra/x.cc", HEAD, "not in a folder of the ladder"),
    ("layers", "src/x.cc", HEAD, "not in a folder of the ladder"),
    ("layers", "tests/unit/base/t_test.cc", HEAD + '#include "graph/graph.h"\n', "may not"),
    ("sqlite_boundary", "src/index/cache.cc", HEAD + "#include <sqlite3.h>\n", "outside"),
    ("sqlite_boundary", "src/api/database.cc", HEAD + "#  include <sqlite3ext.h>\n", "outside"),
    ("sqlite_boundary", "include/nearlite/c.h", HEAD + "#include <sqlite3.h>\n", "outside"),
    ("sqlite_boundary", "src/c_api/nearlite_c.cc", HEAD + "#include <sqlite3.h>\n", "outside"),
    ("sqlite_boundary", "src/api/database.cc", HEAD + 'extern "C" int f();\n', "outside"),
    ("sqlite_boundary", "src/base/try.h", HEAD + 'extern  "C" {\n}\n', "outside src/sqlite"),
    ("sizes", "src/base/try.h", HEAD * 601, "601 lines"),
    ("sizes", "src/base/try.h", "// LONG FILE: why\n" * 801, "801 lines"),
    ("sizes", "src/base/try.h", HEAD + "//" + "x" * 99 + "\n", "101 columns"),
    ("sizes", "src/base/try.h", LONG_FUNCTION, "73 lines in int long_one"),
    ("names", "src/base/utils.cc", HEAD, "utils"),
    ("names", "tests/common/x_test.cc", HEAD, "common"),
    ("names", "src/base/string_helpers.h", HEAD, "helpers"),
    ("names", "src/base/try.h", HEAD + "class CacheManager {\n", "CacheManager"),
    ("exceptions", "src/base/try.h", HEAD + "auto x = result.value();\n", "value()"),
    ("exceptions", "src/base/try.h", HEAD + "void f() { throw 1; }\n", "throws"),
    ("comments", "src/base/try.h", "#pragma once\n", "head of the file"),
    ("comments", "src/base/try.h", HEAD + "// TODO: later\n", "TODO"),
    ("comments", "src/base/try.h", HEAD + "void f() { assert(x); }\n", "NEARLITE_ASSERT"),
    ("version", "VERSION", "1.2\n", "major.minor.patch"),
    ("version", "src/base/try.h", HEAD + 'auto v = "1.2.3";\n', "VERSION only"),
    ("version", "README.md", "Version 1.2.3.\n", "VERSION only"),
    ("version", "packages/rust/Cargo.toml", '[package]\nversion = "1.2.2"\n', "as VERSION says"),
    ("version", "packages/go/nearlite.go", 'const version = "1.2.3"\n// 1.2.3\n', "go:2"),
    ("sizes", "packages/node/index.js", "//" + "x" * 99 + "\n", "101 columns"),
    ("invariants", "docs/concurrency.md", None, "missing"),
    ("invariants", "docs/concurrency.md", CLEAN["docs/concurrency.md"] + "* **C1.** X\n", "twice"),
    ("invariants", "docs/concurrency.md", CLEAN["docs/concurrency.md"] + "* **C3.** X\n", "C3"),
    ("invariants", "src/index/cache.cc", HEAD + "// INVARIANT C1.\n", "no line in src/"),
    ("invariants", "tests/unit/graph/graph_test.cc", HEAD, "no line in tests/"),
    ("invariants", "src/index/cache.cc", HEAD + "// INVARIANT C7.\n", "C7 is in no document"),
    ("machines", "src/base/try.h", HEAD + "// see /ho" + "me/me/x\n", "/ho" + "me"),
    ("machines", "scripts/x", "pip install --index" + "-url x\n", "url"),
    ("requirements", "docs/requirements.md", None, "missing"),
    ("requirements", "docs/requirements.md", "| R1 | x | not yet | y | |\n", "R2 has 0 rows"),
    ("requirements", "docs/requirements.md",
     CLEAN["docs/requirements.md"] + "| R7 | x | not yet | y | |\n", "R7 has 2 rows"),
    ("requirements", "docs/requirements.md",
     CLEAN["docs/requirements.md"] + "| R190 | x | not yet | y | |\n", "not a requirement"),
    ("requirements", "docs/requirements.md",
     CLEAN["docs/requirements.md"].replace("not yet", "done", 1), "unknown status"),
    ("requirements", "docs/requirements.md",
     CLEAN["docs/requirements.md"].replace("not yet", "met", 1), "names no test"),
    ("requirements", "docs/requirements.md",
     CLEAN["docs/requirements.md"].replace("model_test", "gone_test"), "does not exist"),
    ("requirements", "docs/requirements.md",
     CLEAN["docs/requirements.md"].replace("| y |", "|", 1), "columns"),
    ("documents", "README.md", "[x](docs/gone.md)\n", "docs/gone.md"),
    ("documents", "docs/sql.md", "In `src/base/gone.cc`.\n", "src/base/gone.cc"),
]  # fmt: skip

# (file, its content, names ctest knows, part of the expected problem)
UNREGISTERED = [
    ("tests/unit/graph/graph_test.cc", None, ["model/model", "sql/sql"], "Graph.Links"),
    ("tests/model/model_test.cc", None, ["unit/graph/Graph.Links", "sql/sql"], "Model.Steps"),
    ("tests/sql/sql_test.py", None, ["unit/graph/Graph.Links", "model/model"], "does not know it"),
    ("tests/model/new.cc", HEAD + "TEST(A, B) {\n}\n", REGISTERED, "not named"),
    ("tests/model/model_test.cc", HEAD + "TEST(A, DISABLED_B) {\n}\n", REGISTERED, "disabled"),
]


def write(root, files):
    for path, content in files.items():
        target = Path(root) / path
        if content is None:
            target.unlink(missing_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)


class RulesTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        write(self.folder.name, CLEAN)

    def test_a_clean_tree_passes(self):
        for rule in rules.RULES:
            self.assertEqual(list(rule(Tree(self.folder.name))), [], rule.__name__)
        unknown = rules.tests_registered(Tree(self.folder.name), REGISTERED)
        self.assertEqual(list(unknown), [])

    def test_every_mutation_is_found(self):
        for name, path, content, expected in MUTATIONS:
            with self.subTest(rule=name, path=path, expected=expected):
                write(self.folder.name, {path: content})
                problems = list(getattr(rules, name)(Tree(self.folder.name)))
                self.assertTrue(any(expected in problem for problem in problems), problems)
                write(self.folder.name, {path: CLEAN.get(path)})

    def test_every_rule_has_a_mutation(self):
        self.assertEqual({rule.__name__ for rule in rules.RULES}, {row[0] for row in MUTATIONS})

    def test_unregistered_tests_are_found(self):
        for path, content, registered, expected in UNREGISTERED:
            with self.subTest(path=path, expected=expected):
                if content:
                    write(self.folder.name, {path: content})
                problems = list(rules.tests_registered(Tree(self.folder.name), registered))
                self.assertTrue(any(expected in problem for problem in problems), problems)
                write(self.folder.name, {path: CLEAN.get(path)})


class FunctionsTest(unittest.TestCase):
    """The brace matcher sees functions where a reader sees them."""

    def found(self, text):
        return [(first, count) for first, count, _ in functions(text)]

    def test_constructs(self):
        self.assertEqual(self.found("struct A {\n  int b = 0;\n};\n"), [])
        self.assertEqual(self.found("int table[] = {\n  f(1),\n};\n"), [])
        self.assertEqual(self.found("namespace {\nint f() {\n  if (x) {\n  }\n}\n}\n"), [(2, 4)])
        self.assertEqual(self.found("A::A(int x)\n    : a_(x), b_{x} {\n  f();\n}\n"), [(1, 4)])
        self.assertEqual(self.found("auto f() -> int {\n}\nint g() const noexcept {\n}\n"),
                         [(1, 2), (3, 2)])  # fmt: skip
        self.assertEqual(self.found('void f() {\n  g("}{", \'{\');  // }\n}\n'), [(1, 3)])
        self.assertEqual(self.found("#define F(x) do { \\\n  x; } while (0)\nint f() {\n}\n"),
                         [(3, 2)])  # fmt: skip
        self.assertEqual(self.found("struct X make(int a) {\n}\n"), [(1, 2)])
        self.assertEqual(self.found("TEST(A, B) {\n  auto l = [&] {\n  };\n}\n"), [(1, 4)])
        self.assertEqual(self.found("class A : public B<C(D)> {\n  A() {}\n};\n"), [(2, 1)])


if __name__ == "__main__":
    sys.exit(unittest.main())
