"""Distances whose vectors come straight from the file are those of the rows, whatever happens to
the file: nothing that is old, moved or somebody else's is ever used (INVARIANT D6)."""

import json
import os
import random
import struct

from sqlcase import SqlCase, main

DIM = 64
ROWS = 1500


def vector(generator):
    return struct.pack(f"{DIM}f", *[generator.gauss(0, 1) for _ in range(DIM)])


class DirectReads(SqlCase):
    def setUp(self):
        super().setUp()
        os.environ["NEARLITE_KEEP_MIB"] = "0"  # else a small index reads each vector once
        self.addCleanup(os.environ.pop, "NEARLITE_KEEP_MIB")
        self.path = self.file("direct.db")
        self.generator = random.Random(11)
        self.db = self.connect(self.path)
        self.db.run("PRAGMA journal_mode = WAL")
        self.create(self.db)
        self.db.run("PRAGMA wal_checkpoint(TRUNCATE)")

    def create(self, db):
        db.run(f"CREATE VIRTUAL TABLE t USING hnsw(embedding float[{DIM}] metric=cosine)")
        self.fill(db, range(1, ROWS + 1))

    def fill(self, db, rowids):
        db.run("SAVEPOINT fill")
        for rowid in rowids:
            db.run("INSERT OR REPLACE INTO t(rowid, embedding) VALUES(?, ?)", rowid,
                   vector(self.generator))  # fmt: skip
        db.run("RELEASE fill")

    def count(self, db, what="direct_reads"):
        return json.loads(db.one("SELECT nearlite_stats('t')"))["indexes"][0][what]

    def check(self, db, queries=40):
        """Distances equal those of the function on the stored vectors. Returns how many vectors
        came directly."""
        before = self.count(db)
        for _ in range(queries):
            query = vector(self.generator)
            sql = "SELECT rowid, distance FROM t WHERE embedding MATCH ? AND k = 10"
            found = db.run(sql, query)
            self.assertEqual(len(found), 10)
            for rowid, distance in found:
                self.assertEqual(
                    db.one("SELECT vec_distance_cosine(embedding, ?) FROM t WHERE rowid = ?",
                           query, rowid), distance)  # fmt: skip
        return self.count(db) - before

    def test_used_when_the_file_is_current(self):
        self.assertGreaterEqual(self.check(self.connect(self.path)), 400)

    def test_small_index_reads_each_vector_once(self):
        os.environ["NEARLITE_KEEP_MIB"] = "1"  # 1,500 vectors of 256 bytes fit
        db = self.connect(self.path)
        query = vector(self.generator)
        sql = "SELECT rowid, distance FROM t WHERE embedding MATCH ? AND k = 10"
        found = db.run(sql, query)
        before = self.count(db)
        self.assertGreaterEqual(before, 10)
        self.assertEqual(db.run(sql, query), found)
        self.assertEqual(self.count(db), before)
        # Another connection of the process has it at once; a row that changes is another vector.
        other = self.connect(self.path)
        self.assertEqual(other.run(sql, query), found)
        self.assertEqual(self.count(other), 0)
        db.run("UPDATE t SET embedding = ? WHERE rowid = ?", query, found[3][0])
        self.assertEqual(db.run(sql, query)[0][0], found[3][0])
        self.check(db)
        self.check(other)

    def test_a_warm_search_reads_no_file(self):
        if not os.access("/proc/self/io", os.R_OK):
            self.skipTest("this kernel does not count a process's reads")
        threads = os.environ.pop("NEARLITE_THREADS", None)  # whoever does not set it must not pay
        if threads is not None:
            self.addCleanup(os.environ.__setitem__, "NEARLITE_THREADS", threads)
        db = self.connect(self.path)
        queries = [vector(self.generator) for _ in range(10)]
        sql = "SELECT rowid FROM t WHERE embedding MATCH ? AND k = 10"

        def reads():
            with open("/proc/self/io") as counts:
                return int(dict(line.split(": ") for line in counts)["syscr"])

        for _ in range(2):
            before = reads()
            for _ in range(10):
                for query in queries:
                    db.run(sql, query)
        self.assertLess(reads() - before, 50, "of a hundred searches and one look at the counts")

    def test_rows_that_are_only_in_the_wal(self):
        self.db.run("PRAGMA wal_autocheckpoint = 0")
        self.fill(self.db, range(1, 1001))
        self.assertLess(self.check(self.connect(self.path)), 400)
        self.db.run("BEGIN")
        self.fill(self.db, range(2000, 2300))
        self.check(self.db)

    def test_after_vacuum_by_another(self):
        db = self.connect(self.path)
        self.check(db)
        other = self.connect(self.path)
        other.run("DELETE FROM t WHERE rowid % 3 = 0")
        other.run("INSERT INTO t(t) VALUES('compact')")
        other.run("VACUUM")
        other.run("PRAGMA wal_checkpoint(TRUNCATE)")
        self.check(db)
        self.check(db, 400)
        self.assertGreater(self.check(db), 300, "tried again after a while")

    def test_same_rows_of_a_table_made_anew(self):
        # The file still has the old table's pages, whose slots look right for every rowid.
        self.check(self.db)
        self.db.run("PRAGMA wal_autocheckpoint = 0")
        self.db.run("DROP TABLE t")
        self.create(self.db)
        self.check(self.db)
        self.check(self.connect(self.path))

    def test_rollback_and_the_same_ids_again(self):
        self.db.run("BEGIN")
        self.fill(self.db, range(3000, 3200))
        self.check(self.db)
        self.db.run("ROLLBACK")
        self.fill(self.db, range(4000, 4200))
        self.db.run("PRAGMA wal_checkpoint(TRUNCATE)")
        self.check(self.db)
        self.assertGreaterEqual(self.check(self.connect(self.path)), 400)

    def test_rollback_journal_and_memory(self):
        self.db.run("PRAGMA journal_mode = DELETE")
        self.assertGreaterEqual(self.check(self.connect(self.path)), 400)
        memory = self.connect(":memory:")
        self.create(memory)
        self.assertEqual(self.check(memory), 0)

    def test_mapped(self):
        db = self.connect(self.path)
        self.assertEqual(db.one("PRAGMA mmap_size = 100000000"), 100000000)
        self.assertGreaterEqual(self.check(db), 400)
        # Others move, shrink and grow the file below the mapping.
        other = self.connect(self.path)
        other.run("DELETE FROM t WHERE rowid % 2 = 0")
        other.run("INSERT INTO t(t) VALUES('compact')")
        other.run("VACUUM")
        other.run("PRAGMA wal_checkpoint(TRUNCATE)")
        self.check(db, 400)
        self.assertGreater(self.check(db), 300, "tried again after a while")
        self.fill(other, range(5000, 8000))
        other.run("PRAGMA wal_checkpoint(TRUNCATE)")
        self.check(db, 400)

    def require_memory_files(self):
        try:
            os.close(os.memfd_create("probe"))
        except OSError:
            self.skipTest("files in memory are forbidden here")

    def test_copied_out_of_a_mapping_of_ours(self):
        self.require_memory_files()
        db = self.connect(self.path)
        self.check(db)
        self.assertGreaterEqual(self.count(db, "mapped_reads"), 200)
        os.environ["NEARLITE_MAP_MIB"] = "0"
        self.addCleanup(os.environ.pop, "NEARLITE_MAP_MIB")
        other = self.connect(self.path)
        self.assertGreaterEqual(self.check(other), 400)
        self.assertEqual(self.count(other, "mapped_reads"), 0)
        host_maps = self.connect(self.path)
        host_maps.run("PRAGMA mmap_size = 100000000")
        self.check(host_maps)
        self.assertEqual(self.count(host_maps, "mapped_reads"), 0)

    def test_cut_off_by_another(self):
        self.require_memory_files()
        db = self.connect(self.path)
        self.check(db)
        size = os.path.getsize(self.path)
        before = self.count(db, "mapped_reads")
        self.assertGreater(before, 0)
        for part in (2, 4, 16):  # what this damages SQLite may report; nobody dies of it
            os.truncate(self.path, size // part)
            for _ in range(20):
                try:
                    db.run("SELECT rowid, distance FROM t WHERE embedding MATCH ? AND k = 10",
                           vector(self.generator))  # fmt: skip
                except Exception as failure:
                    self.assertRegex(str(failure), "malformed|I/O|corrupt|missing")

    def test_other_file_under_the_same_name(self):
        db = self.connect(":memory:")
        for seed in (1, 2):
            path = self.file(f"other{seed}.db")
            maker = self.connect(path)
            self.create(maker)
            maker.close()
            db.run("ATTACH ? AS other", path)
            query = vector(self.generator)
            sql = "SELECT rowid, distance FROM other.t WHERE embedding MATCH ? AND k = 10"
            found = db.run(sql, query)
            self.assertEqual(len(found), 10)
            for rowid, distance in found:
                self.assertEqual(
                    db.one("SELECT vec_distance_cosine(embedding, ?) FROM other.t WHERE rowid = ?",
                           query, rowid), distance)  # fmt: skip
            db.run("DETACH other")


if __name__ == "__main__":
    main()
