"""Nearlite for Python: finds the SQLite extension, loads it, and turns vectors into blobs and back.

    import sqlite3
    import nearlite

    connection = sqlite3.connect("app.db")
    nearlite.load(connection)
    connection.execute("CREATE VIRTUAL TABLE docs USING hnsw(embedding float[384])")
    connection.execute("INSERT INTO docs(embedding) VALUES (?)", [nearlite.encode(vector)])
    connection.execute("SELECT rowid, distance FROM docs WHERE embedding MATCH ? AND k = 10",
                       [nearlite.encode(query)]).fetchall()

Connections of `sqlite3` and of `apsw`. Any function may be called by several threads at once.
"""

import array
import math
import os
import sys
from collections.abc import Iterable
from pathlib import Path

__all__ = ["decode", "encode", "load", "path", "version"]

_VERSION = "0.1.0"
_VARIABLE = "NEARLITE_EXTENSION"
_FLOAT32_MAX = 3.4028235677973366e38  # what rounds to more is infinite
_ENTRY = "sqlite3_nearlite_init"


def path() -> str:
    """Returns the extension: what NEARLITE_EXTENSION names, else nearlite.so beside this file.

    Raises FileNotFoundError when it is not there.
    """
    named = os.environ.get(_VARIABLE)
    file = Path(named) if named else Path(__file__).with_name("nearlite.so")
    if file.is_file():
        return str(file.absolute())
    if named:
        raise FileNotFoundError(f"{_VARIABLE} names {named}, which is not a file")
    raise FileNotFoundError(f"no nearlite.so in {file.parent}, and {_VARIABLE} is not set")


def load(connection) -> None:
    """Loads the extension into a connection of `sqlite3` or `apsw`; extensions are off afterwards.

    Raises RuntimeError when the driver was built without extensions, TypeError for anything that
    is not a connection, and the driver's own error when SQLite refuses the file.
    """
    file = path()
    if hasattr(connection, "enableloadextension"):  # apsw
        connection.enableloadextension(True)
        try:
            connection.loadextension(file, _ENTRY)
        finally:
            connection.enableloadextension(False)
        return
    if not hasattr(connection, "execute"):
        kind = type(connection).__name__
        raise TypeError(f"expected a connection of sqlite3 or apsw, got {kind}")
    if not hasattr(connection, "enable_load_extension"):
        raise RuntimeError(
            "this Python's sqlite3 was built without extensions: use the system's Python, one "
            "built with --enable-loadable-sqlite-extensions, or the package apsw"
        )
    connection.enable_load_extension(True)
    try:
        connection.load_extension(file)
    finally:
        connection.enable_load_extension(False)


def encode(vector: Iterable[float]) -> bytes:
    """Returns numbers (a list, an array, a NumPy or other row of numbers) as a blob of float32.

    Raises ValueError for an empty vector and for what is not finite as a float32, TypeError for
    what is not a number. Takes time in proportion to the length.
    """
    if isinstance(vector, (str, bytes)):
        raise TypeError(f"expected numbers, got {type(vector).__name__}")
    try:
        components = [float(component) for component in vector]
    except (TypeError, ValueError) as error:
        raise TypeError(f"expected numbers: {error}") from None
    if not components:
        raise ValueError("a vector has at least one component")
    for index, component in enumerate(components):
        if not math.isfinite(component) or abs(component) >= _FLOAT32_MAX:
            raise ValueError(f"component {index} is {component}, not finite as a float32")
    floats = array.array("f", components)
    if sys.byteorder == "big":
        floats.byteswap()
    return floats.tobytes()


def decode(blob: bytes) -> "array.array[float]":
    """Returns the numbers of a blob of float32 as an array, which NumPy reads without a copy.

    Raises ValueError when the length is 0 or not a whole number of float32.
    """
    floats = array.array("f")
    if len(blob) == 0 or len(blob) % floats.itemsize != 0:
        raise ValueError(f"a blob of {len(blob)} bytes is not a vector of float32")
    floats.frombytes(blob)
    if sys.byteorder == "big":
        floats.byteswap()
    return floats


def version() -> str:
    """Returns this package's version, that of the extension it was made with."""
    return _VERSION
