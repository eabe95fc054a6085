"""What the tests of vec0.so share: connections that have it loaded and nothing else of ours.

They say what sqlite-vec's documentation says, in words of our own, and where we do better. Each
*_test.py runs alone, with NEARLITE_VEC0 naming vec0.so, in both drivers of tests/sql/sqlcase.py.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "sql"))

import sqlcase  # noqa: E402
from sqlcase import (  # noqa: E402, F401  (handed on)
    CONSTRAINT,
    ERROR,
    SqlError,
    Vectors,
    blob,
    distance,
    f32,
    nearest,
    unblob,
)


def load(connection, variable="NEARLITE_VEC0"):
    connection.call(lambda: connection.db.load_extension(os.environ[variable]))


class Vec0Case(sqlcase.SqlCase):
    def connect(self, path=None, load_vec0=True):
        connection = super().connect(path, load=False)
        if load_vec0:
            load(connection)
        return connection

    def refuses(self, db, message, sql, *parameters, code=ERROR):
        """The statement must fail, and its message hold sqlite-vec's (or ours) word for word."""
        return self.fails(code, db.run, sql, *parameters, names=[message])

    def insert(self, db, table, rows, column="v"):
        db.run("BEGIN")
        for rowid, vector in rows.items():
            db.run(f"INSERT INTO {table}(rowid, {column}) VALUES (?, ?)", rowid, blob(vector))
        db.run("COMMIT")


def main():
    if "NEARLITE_VEC0" not in os.environ and "NEARLITE_EXTENSION" in os.environ:
        folder = os.path.dirname(os.environ["NEARLITE_EXTENSION"])
        os.environ["NEARLITE_VEC0"] = os.path.join(folder, "vec0.so")
    sqlcase.main()
