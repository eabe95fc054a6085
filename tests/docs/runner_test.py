"""The document runner can fail: each way in which a document may be wrong is reported."""

import sys
import unittest

from runner import Mismatch, StandardDriver, run_document

WELL = """
Text.

```sql
CREATE TABLE t(a, b);  -- a comment; with a semicolon
CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END;
INSERT INTO t VALUES (1, 0.5), (2, NULL);
SELECT a, b FROM t;
```

```text
1|0.5
2|
```

<!-- params: {"x": [1, 2], "n": 3} -->
```sql
SELECT :x, :n, 2.0;
```
```text
[1, 2]|3|2.0
```

<!-- error: no such table -->
```sql
SELECT 1;
SELECT * FROM gone;
```

```sh
this is not run
```

<!-- fresh -->
```sql
SELECT count(*) FROM sqlite_schema;
```
```text
0
```

<!-- file: x.db tests/compat/sqlite-vec-v0.1.9.db.xz -->
```sql
ATTACH 'x.db' AS x;
SELECT count(*) FROM x.l2_info;
```
```text
4
```
"""

WRONG = {
    "other output": WELL.replace("2.0\n```", "2.5\n```", 1),
    "a row too many": WELL.replace("2|\n", "2|\n3|\n"),
    "a row too few": WELL.replace("2|\n", ""),
    "a failing statement": WELL.replace("SELECT a, b FROM t", "SELECT a, c FROM t"),
    "an error that does not come": WELL.replace("FROM gone", "FROM t"),
    "another error": WELL.replace("no such table", "no such column"),
    "an error too early": WELL.replace("SELECT 1;", "SELECT 1 FROM nowhere;"),
    "no semicolon": WELL.replace("FROM t;", "FROM t"),
    "a file that is not there": WELL.replace("tests/compat", "tests/nowhere"),
    "an unknown note": WELL.replace("<!-- fresh -->", "<!-- skip -->"),
}


class TranslatingDriver(StandardDriver):
    """A dialect in which <-> is minus."""

    def __init__(self, path):
        super().__init__(path)
        self.connection.create_function(
            "nearlite_translate", 1, lambda sql: sql.replace("<->", "-")
        )


class RunnerTest(unittest.TestCase):
    def test_a_dialect_is_translated(self):
        well = "```pgsql\nSELECT 3 <-> 1;\nSELECT 5 <-> 1, ?1;\n```\n```text\n2\n4|\n```\n"
        self.assertEqual(run_document(well, TranslatingDriver, None), 1)
        for wrong in (well.replace("pgsql", "sql"), well.replace("4|", "5|")):
            with self.assertRaises(Mismatch):
                run_document(wrong, TranslatingDriver, None)

    def test_a_right_document_passes(self):
        self.assertEqual(run_document(WELL, StandardDriver, None), 5)

    def test_a_wrong_document_fails(self):
        for name, text in WRONG.items():
            with self.subTest(name):
                self.assertNotEqual(text, WELL)
                with self.assertRaises(Mismatch):
                    run_document(text, StandardDriver, None)


if __name__ == "__main__":
    sys.exit(unittest.main())
