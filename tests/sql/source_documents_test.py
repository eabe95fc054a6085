"""The SQL of the two documents that Nearlite was made from, as printed there.

"Keeping the HNSW virtual table always in sync after a restart" has the watermark table and its
triggers; the tutorial "cosine k-NN from SQL" has the virtual table, the other triggers and the
query. Only the blocks of SQL; what is Go there is the engine here.
"""

import unittest

from sqlcase import ERROR, SqlCase, Vectors, blob, f32, main, nearest, text

TABLE = """
CREATE TABLE IF NOT EXISTS documents(
  id        INTEGER PRIMARY KEY,
  content   TEXT NOT NULL,
  embedding TEXT NOT NULL
);
"""
INDEX = """
/* 1. the HNSW virtual table */
CREATE VIRTUAL TABLE IF NOT EXISTS vss
USING hnsw(dim=384,m=16,ef=200,path='hnsw.idx');
"""
TUTORIAL_TRIGGERS = """
/* 2. keep the ANN index in-sync */
CREATE TRIGGER IF NOT EXISTS docs_ai
AFTER INSERT ON documents BEGIN
  SELECT hnsw_add(NEW.id, NEW.embedding);
END;
CREATE TRIGGER IF NOT EXISTS docs_ad
AFTER DELETE ON documents BEGIN
  SELECT hnsw_del(OLD.id);
END;
"""
META = """
CREATE TABLE IF NOT EXISTS hnsw_meta(
  id              INTEGER PRIMARY KEY CHECK(id=1),
  max_rowid_indexed INTEGER NOT NULL
);
INSERT OR IGNORE INTO hnsw_meta(id, max_rowid_indexed) VALUES(1, 0);
"""
WATERMARK_TRIGGERS = """
CREATE TRIGGER docs_ai AFTER INSERT ON documents
BEGIN
  SELECT hnsw_add(NEW.id, NEW.embedding);         -- ➊ mutate graph
  UPDATE hnsw_meta SET max_rowid_indexed = NEW.id;-- ➋ advance watermark
END;

CREATE TRIGGER docs_ad AFTER DELETE ON documents
BEGIN
  SELECT hnsw_del(OLD.id);
END;
"""
QUERY = """
  SELECT d.id, d.content, k.distance
  FROM   vss_knn(?1, 10) AS k
  JOIN   documents d ON d.id = k.rowid
  ORDER  BY k.distance
"""
NAMED_QUERY = """
SELECT d.id, d.content, k.distance
FROM   vss_knn(:query_vec, 10) AS k     -- rowset (rowid, distance)
JOIN   documents d ON d.id = k.rowid
ORDER  BY k.distance;
"""


class SourceDocuments(SqlCase):
    def insert(self, db, count, seed=1):
        rows = {}
        for number, vector in enumerate(Vectors(384, seed).list(count)):
            db.run(
                "INSERT INTO documents(content, embedding) VALUES(?, json(?))",
                f"content {number}",
                text(vector),
            )
            rows[db.one("SELECT last_insert_rowid()")] = vector
        return rows

    def check(self, db, rows):
        for query in list(rows.values())[:3]:
            expected = nearest("cosine", rows, query, 10)
            hits = db.run(QUERY, text(query))
            self.assert_hits([(rowid, dist) for rowid, _, dist in hits], expected)
            self.assertEqual(hits, db.run(NAMED_QUERY, query_vec=blob(query)))
        self.assertEqual(db.one("SELECT count(*) FROM vss"), len(rows))
        self.assertEqual(db.one("SELECT nearlite_check('vss')"), "ok")

    def test_the_blocks_of_the_overview(self):
        db = self.connect()
        db.script("""CREATE VIRTUAL TABLE vss USING hnsw(
    dim       = 384,      -- embedding size
    m         = 16,       -- graph degree
    ef        = 200,      -- build accuracy
    path      = 'hnsw.idx'-- on-disk snapshot (optional)
);""")
        db.script(TABLE + TUTORIAL_TRIGGERS)
        rows = self.insert(db, 25)
        self.check(db, rows)

    def test_the_tutorial(self):
        db = self.connect()
        for _ in range(2):  # IF NOT EXISTS: running it twice changes nothing
            db.script(TABLE + INDEX + TUTORIAL_TRIGGERS)
        rows = self.insert(db, 40)
        self.check(db, rows)
        for rowid in list(rows)[::3]:
            db.run("DELETE FROM documents WHERE id = ?", rowid)
            del rows[rowid]
        self.check(db, rows)
        db.close()
        self.check(self.connect(), rows)  # no reindex button after a restart

    def test_the_watermark_pattern(self):
        db = self.connect()
        db.script(
            TABLE + "CREATE VIRTUAL TABLE vss USING hnsw();" + META + META + WATERMARK_TRIGGERS
        )
        rows = self.insert(db, 20)
        self.assertEqual(db.run("SELECT * FROM hnsw_meta"), [(1, max(rows))])
        self.check(db, rows)
        db.script("DELETE FROM documents WHERE id = 3;" + META)
        del rows[3]
        self.assertEqual(db.run("SELECT * FROM hnsw_meta"), [(1, 20)])
        self.check(db, rows)

    def test_a_rollback_leaves_neither_row_nor_node(self):
        db = self.connect()
        db.script(TABLE + INDEX + TUTORIAL_TRIGGERS)
        rows = self.insert(db, 12)
        db.run("BEGIN")
        more = self.insert(db, 5, seed=2)
        self.check(db, rows | more)  # a search inside the transaction sees its own rows
        db.run("SAVEPOINT s")
        db.run("DELETE FROM documents")
        self.check(db, {})
        db.run("ROLLBACK TO s")
        self.check(db, rows | more)
        db.run("ROLLBACK")
        self.check(db, rows)

    def test_an_update_trigger_mirrors_the_embedding(self):
        db = self.connect()
        db.script(TABLE + INDEX + TUTORIAL_TRIGGERS + """
CREATE TRIGGER docs_au AFTER UPDATE ON documents BEGIN
  SELECT hnsw_del(OLD.id);
  SELECT hnsw_add(NEW.id, NEW.embedding);
END;""")
        rows = self.insert(db, 15)
        rows[7] = Vectors(384, 9).next()
        db.run("UPDATE documents SET embedding = ? WHERE id = 7", text(rows[7]))
        self.check(db, rows)
        rows[900] = rows.pop(8)
        db.run("UPDATE documents SET id = 900 WHERE id = 8")
        self.check(db, rows)

    def test_add_replaces_and_del_of_an_unknown_id_is_harmless(self):
        db = self.connect()
        db.script(TABLE + INDEX)
        vectors = Vectors(384).list(4)
        for vector in vectors[:3]:
            db.run("SELECT hnsw_add(1, ?)", text(vector))
        db.run("SELECT hnsw_add(2, ?)", blob(vectors[3]))
        for _ in range(2):
            db.run("SELECT hnsw_del(77)")
            db.run("SELECT hnsw_del(77.0)")
        self.assert_index(db, "vss", {1: vectors[2], 2: vectors[3]})
        db.run("SELECT hnsw_del(1)")
        self.assert_index(db, "vss", {2: vectors[3]})

    def test_save_writes_the_side_file(self):
        import os

        db = self.connect()
        db.script(TABLE + INDEX + TUTORIAL_TRIGGERS)
        self.insert(db, 12)
        db.run("SELECT hnsw_save()")
        self.assertTrue(os.path.exists(self.file("hnsw.idx")))
        self.assertFalse(os.path.exists(self.file("hnsw.idx.tmp")))

    def test_a_clean_shutdown_leaves_the_side_file(self):
        import os

        db = self.connect()
        db.script(TABLE + INDEX + TUTORIAL_TRIGGERS)
        rows = self.insert(db, 30)
        db.close()
        self.assertTrue(os.path.exists(self.file("hnsw.idx")))
        os.unlink(self.file("hnsw.idx"))
        self.check(self.connect(), rows)  # losing it loses nothing

    def test_only_rowid_and_distance_are_visible(self):
        db = self.connect()
        db.script(TABLE + INDEX + TUTORIAL_TRIGGERS)
        rows = self.insert(db, 3)
        query = text(rows[1])
        found = db.run("SELECT * FROM vss_knn(?, 2)", query)
        self.assertEqual([len(row) for row in found], [2, 2])
        self.assertEqual(found[0][0], 1)

    def test_a_wrong_length_is_an_error_and_the_row_is_not_there(self):
        db = self.connect()
        db.script(TABLE + INDEX + TUTORIAL_TRIGGERS)
        self.fails(
            ERROR,
            db.run,
            "INSERT INTO documents(content, embedding) VALUES('x', '[1,2]')",
            names=["384"],
        )
        self.assertEqual(db.one("SELECT count(*) FROM documents"), 0)
        self.check(db, {})

    def test_cosine_similarity(self):
        db = self.connect()
        self.assertAlmostEqual(db.one("SELECT cosine_similarity('[1,0]', '[1,1]')"), 0.5**0.5)
        a, b = f32([1, 2, 3]), f32([3, -1, 0.5])
        self.assertAlmostEqual(
            db.one("SELECT cosine_similarity(?, ?)", blob(a), text(b)),
            1 - nearest("cosine", {1: a}, b)[0][1],
        )


if __name__ == "__main__":
    main()
