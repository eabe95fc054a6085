"""The C interface from another language: Python's ctypes, with good and bad input of every kind."""

import contextlib
import ctypes as c
import math
import os
import sqlite3
import sys
import tempfile
import threading
import unittest

LIBRARY = os.path.join(os.environ["NEARLITE_BUILD_DIR"], "libnearlite.so")
(OK, INVALID, NOT_FOUND, CONSTRAINT, BUSY, FULL, IO, NO_MEMORY, INTERRUPTED, READ_ONLY,
 CORRUPTION) = range(11)  # fmt: skip


class Options(c.Structure):
    _fields_ = [("size", c.c_size_t), ("name", c.c_char_p), ("columns", c.c_char_p)] + [
        (name, c.c_int32)
        for name in (
            "dim", "metric", "element", "quantize", "m", "ef_construction", "ef_search",
            "read_only", "create", "busy_timeout_ms", "reader_count",
        )
    ]  # fmt: skip


class SearchOptions(c.Structure):
    _fields_ = [("ef_search", c.c_int32), ("exact", c.c_int32), ("filter", c.c_char_p),
                ("parameters", c.POINTER(c.c_char_p)), ("parameter_count", c.c_int32)]  # fmt: skip


class Hit(c.Structure):
    _fields_ = [("id", c.c_int64), ("distance", c.c_double)]


PROGRESS = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_int, c.c_uint64, c.c_uint64)
SOURCE = c.CFUNCTYPE(c.c_int, c.c_void_p, c.POINTER(c.c_int64), c.POINTER(c.c_float))
SINK = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_int64, c.POINTER(c.c_float))


def load():
    library = c.CDLL(LIBRARY)
    library.nearlite_last_error.restype = c.c_char_p
    library.nearlite_version.restype = c.c_char_p
    library.nearlite_store_free.restype = None
    library.nearlite_store_search_range.argtypes = [
        c.c_void_p, c.c_void_p, c.c_double, c.c_void_p, c.c_void_p, c.c_size_t, c.c_void_p
    ]  # fmt: skip
    return library


LIB = load()


def floats(*values):
    return (c.c_float * len(values))(*values)


def ids(*values):
    return (c.c_int64 * len(values))(*values)


def options(**changes):
    made = Options()
    LIB.nearlite_options_init(c.byref(made))
    for name, value in {"dim": 2, "metric": 1, **changes}.items():
        setattr(made, name, value)
    return made


class CTypesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path = os.path.join(folder.name, "c.db").encode()
        self.store = self.open(options(columns=b"lang text"))

    def open(self, chosen, path=None):
        store = c.c_void_p()
        self.code = LIB.nearlite_store_open(path or self.path, c.byref(chosen), c.byref(store))
        if store:
            self.addCleanup(LIB.nearlite_store_free, store)
        return store

    def ok(self, code):
        self.assertEqual(code, OK, LIB.nearlite_last_error())

    def fails(self, code, expected, *words):
        self.assertEqual(code, expected, LIB.nearlite_last_error())
        for word in words:
            self.assertIn(word, LIB.nearlite_last_error().decode())

    def fill(self):
        self.ok(LIB.nearlite_store_insert(
            self.store, ids(1, 2, 3), floats(0, 0, 3, 4, 6, 8), c.c_size_t(3)))  # fmt: skip

    def search(self, query, k, chosen=None):
        hits, found = (Hit * max(k, 1))(), c.c_size_t()
        self.ok(LIB.nearlite_store_search(
            self.store, query, c.c_size_t(k), c.byref(chosen) if chosen else None, hits,
            c.byref(found)))  # fmt: skip
        return [(hit.id, hit.distance) for hit in hits[: found.value]]

    def size(self):
        size = c.c_uint64()
        self.ok(LIB.nearlite_store_size(self.store, c.byref(size)))
        return size.value

    def test_quantize(self):
        for number, name in enumerate(("int8", "bit", "none")):
            path = os.path.join(self.folder, f"{name}.db")
            chosen = options(dim=64, metric=0, quantize=number)
            self.store = self.open(chosen, path.encode())
            rows = [[math.cos(i * j) for j in range(64)] for i in range(1, 9)]
            self.ok(LIB.nearlite_store_insert(
                self.store, ids(*range(1, 9)), floats(*sum(rows, [])), c.c_size_t(8)))  # fmt: skip
            self.assertEqual(self.search(floats(*rows[4]), 1), [(5, 0.0)])
            with contextlib.closing(sqlite3.connect(path)) as db:
                (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE sql LIKE '%hnsw%'")
            self.assertIn(f"quantize={name}", sql[0])
        self.open(options(dim=64, metric=1, quantize=1), os.path.join(self.folder, "no").encode())
        self.fails(self.code, INVALID, "quantize=bit", "cosine")

    def test_writes_and_finds(self):
        self.fill()
        self.assertEqual(self.search(floats(0, 0), 2), [(1, 0.0), (2, 5.0)])
        self.ok(LIB.nearlite_store_upsert(self.store, ids(2), floats(0, 1), c.c_size_t(1)))
        erased = c.c_size_t()
        self.ok(LIB.nearlite_store_erase(self.store, ids(1, 9), c.c_size_t(2), c.byref(erased)))
        self.assertEqual(erased.value, 1)
        self.assertEqual(self.search(floats(0, 0), 9), [(2, 1.0), (3, 10.0)])
        vector, found = floats(0, 0), c.c_int32()
        self.ok(LIB.nearlite_store_get(self.store, c.c_int64(3), vector))
        self.assertEqual(list(vector), [6, 8])
        self.ok(LIB.nearlite_store_contains(self.store, c.c_int64(1), c.byref(found)))
        self.assertEqual(found.value, 0)
        self.fails(LIB.nearlite_store_get(self.store, c.c_int64(1), vector), NOT_FOUND, "vector 1")
        self.assertEqual(self.search(floats(0, 0), 0), [])

    def test_filter_range_batch_and_rows(self):
        self.fill()
        self.ok(LIB.nearlite_store_execute(
            self.store, b"UPDATE vectors SET lang = 'en' WHERE rowid > 1"))  # fmt: skip
        english = SearchOptions(0, 0, b"lang = 'en'")
        self.assertEqual(self.search(floats(0, 0), 1, english), [(2, 5.0)])
        values = (c.c_char_p * 2)(b"en", b"2")
        given = SearchOptions(0, 0, b"lang = ?1 AND rowid > ?2", values, 2)
        self.assertEqual(self.search(floats(0, 0), 1, given), [(3, 10.0)])
        values[0] = b"en' OR '1' = '1"
        self.assertEqual(self.search(floats(0, 0), 1, given), [])
        values[0] = None
        self.assertEqual(self.search(floats(0, 0), 1, given), [])
        hits, found = (Hit * 1)(), c.c_size_t()
        self.ok(LIB.nearlite_store_search_range(
            self.store, floats(0, 0), 7.0, None, hits, 1, c.byref(found)))  # fmt: skip
        self.assertEqual((found.value, hits[0].id), (2, 1))
        many, counts = (Hit * 4)(), (c.c_size_t * 2)()
        self.ok(LIB.nearlite_store_search_batch(
            self.store, floats(0, 0, 6, 8), c.c_size_t(2), c.c_size_t(2), 2, None, many,
            counts))  # fmt: skip
        self.assertEqual((list(counts), many[0].id, many[2].id), ([2, 2], 1, 3))
        seen = []

        def row(_user, number, vector):
            seen.append((number, vector[0]))
            return len(seen) == 2

        self.ok(LIB.nearlite_store_for_each(self.store, SINK(row), None))
        self.assertEqual(seen, [(1, 0.0), (2, 3.0)])

    def build(self, source, progress=None):
        added = c.c_uint64(99)
        code = LIB.nearlite_store_build(
            self.store, SOURCE(source), None, c.c_uint64(10),
            PROGRESS(progress) if progress else None, None, c.byref(added))  # fmt: skip
        return code, added.value

    def test_build_and_its_end(self):
        rows = iter(range(1, 11))

        def source(_user, number, vector):
            number[0] = next(rows, 0)
            vector[0] = vector[1] = number[0]
            return 1 if number[0] else 0

        self.assertEqual(self.build(source), (OK, 10))
        rows = iter(range(11, 21))
        self.assertEqual(self.build(source, lambda *_: 1)[0], INTERRUPTED)
        rows = iter(range(11, 21))
        self.assertEqual(self.build(lambda *_: -1)[0], INTERRUPTED)
        self.assertEqual(self.size(), 10)
        self.ok(LIB.nearlite_store_check(self.store))

    def test_sync_upkeep_save(self):
        self.ok(LIB.nearlite_store_set_sync(self.store, 2, 0))
        self.fill()
        self.ok(LIB.nearlite_store_flush(self.store))
        for what in range(4):
            self.ok(LIB.nearlite_store_upkeep(self.store, what, None, None))
        self.fails(LIB.nearlite_store_upkeep(self.store, 4, None, None), INVALID)
        self.fails(LIB.nearlite_store_set_sync(self.store, 1, 0), INVALID, "every n")
        self.fails(LIB.nearlite_store_set_sync(self.store, 260, 1), INVALID, "sync mode")
        copy = os.path.join(self.folder, "copy.db").encode()
        self.ok(LIB.nearlite_store_save(self.store, copy, None, None))
        self.ok(LIB.nearlite_store_close(self.store))
        self.fails(LIB.nearlite_store_flush(self.store), INVALID, "closed")
        self.store = self.open(options(), copy)
        self.assertEqual(LIB.nearlite_store_dim(self.store), 2)
        self.assertEqual(self.size(), 3)

    def test_check_says_what_differs(self):
        self.fill()
        self.ok(LIB.nearlite_store_execute(self.store, b"DELETE FROM vectors_links"))
        self.fails(LIB.nearlite_store_check(self.store), CORRUPTION, "embedding")

    def test_bad_input(self):
        self.fill()
        store, none, found = self.store, None, c.c_size_t()
        one, q, hits = c.c_size_t(1), floats(0, 0), (Hit * 1)()
        for call in (
            lambda: LIB.nearlite_store_open(none, c.byref(options()), c.byref(c.c_void_p())),
            lambda: LIB.nearlite_store_open(self.path, none, c.byref(c.c_void_p())),
            lambda: LIB.nearlite_store_open(self.path, c.byref(options()), none),
            lambda: LIB.nearlite_store_open(self.path, c.byref(options(size=8)),
                                            c.byref(c.c_void_p())),
            lambda: LIB.nearlite_store_open(self.path, c.byref(options(quantize=3)),
                                            c.byref(c.c_void_p())),
            lambda: LIB.nearlite_store_open(self.path, c.byref(options(quantize=-1)),
                                            c.byref(c.c_void_p())),
            lambda: LIB.nearlite_store_open(self.path, c.byref(options(metric=5)),
                                            c.byref(c.c_void_p())),
            lambda: LIB.nearlite_store_open(self.path, c.byref(options(dim=3)),
                                            c.byref(c.c_void_p())),
            lambda: LIB.nearlite_store_get_or_build(self.path, none, b"c", c.byref(options()),
                                                    none, none, c.byref(c.c_void_p())),
            lambda: LIB.nearlite_store_close(none),
            lambda: LIB.nearlite_store_save(store, none, none, none),
            lambda: LIB.nearlite_store_size(none, none),
            lambda: LIB.nearlite_store_insert(store, none, q, one),
            lambda: LIB.nearlite_store_insert(store, ids(9), none, one),
            lambda: LIB.nearlite_store_insert(store, ids(9), q, c.c_size_t(2**62)),
            lambda: LIB.nearlite_store_insert(store, ids(9), floats(1, math.nan), one),
            lambda: LIB.nearlite_store_upsert(none, ids(9), q, one),
            lambda: LIB.nearlite_store_erase(store, none, one, none),
            lambda: LIB.nearlite_store_build(store, SOURCE(), none, c.c_uint64(0), none, none,
                                             none),
            lambda: LIB.nearlite_store_contains(store, c.c_int64(1), none),
            lambda: LIB.nearlite_store_get(store, c.c_int64(1), none),
            lambda: LIB.nearlite_store_for_each(store, SINK(), none),
            lambda: LIB.nearlite_store_search(store, none, one, none, hits, c.byref(found)),
            lambda: LIB.nearlite_store_search(store, q, one, none, none, c.byref(found)),
            lambda: LIB.nearlite_store_search(store, q, one, none, hits, none),
            lambda: LIB.nearlite_store_search(store, q, c.c_size_t(2**64 - 1), none, hits,
                                              c.byref(found)),
            lambda: LIB.nearlite_store_search(store, floats(math.inf, 0), one, none, hits,
                                              c.byref(found)),
            lambda: LIB.nearlite_store_search_batch(store, q, one, one, -1, none, hits,
                                                    c.byref(found)),
            lambda: LIB.nearlite_store_search_range(store, q, math.nan, none, hits, 1,
                                                    c.byref(found)),
            lambda: LIB.nearlite_store_upkeep(none, 0, none, none),
            lambda: LIB.nearlite_store_check(none),
            lambda: LIB.nearlite_store_execute(store, none),
        ):  # fmt: skip
            self.fails(call(), INVALID, "nearlite: ")
        self.fails(LIB.nearlite_store_insert(store, ids(1), q, one), CONSTRAINT)
        LIB.nearlite_store_free(none)
        LIB.nearlite_options_init(none)
        self.assertEqual(LIB.nearlite_store_dim(none), 0)
        self.open(options(dim=0), os.path.join(self.folder, "none.db").encode())
        self.assertEqual(self.code, NOT_FOUND)
        self.store = self.open(options(read_only=1))
        self.fails(LIB.nearlite_store_insert(self.store, ids(8), q, one), READ_ONLY)
        self.assertEqual(self.size(), 3)

    def test_errors_belong_to_their_thread(self):
        self.fails(LIB.nearlite_store_close(None), INVALID, "store is NULL")
        seen = []
        thread = threading.Thread(target=lambda: seen.append(LIB.nearlite_last_error()))
        thread.start()
        thread.join()
        self.assertEqual(seen, [b""])
        self.assertIn(b"store is NULL", LIB.nearlite_last_error())


if __name__ == "__main__":
    sys.exit(unittest.main())
