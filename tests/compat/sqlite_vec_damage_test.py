"""Databases that sqlite-vec wrote, damaged: an answer or an error, and no crash."""

import pathlib
import random
import shutil

from sqlite_vec_case import CORRUPT_VTAB, ERROR, Case, SqlError, expected, main


class Damage(Case):
    TABLES = ("meta", "parts", "aux", "all of it", "several", "rescored", "graph and chunks")

    def use(self, db, table, right):
        """Reads all; only errors of SQLite may come out."""
        column = {"several": "b", "all of it": "a"}.get(table, "e")
        query = bytes.fromhex(right["searches"][0]["query"])
        wrap = "vec_int8(?)" if column == "b" and table == "several" else "?"
        if table == "several":
            query = query[:6]
        for sql in (
            f'SELECT * FROM "{table}"',
            f'SELECT {right["by"]}, distance FROM "{table}" WHERE {column} MATCH {wrap} AND k = 50',
            f'INSERT INTO "{table}"("{table}") VALUES (\'integrity-check\')',
            f'INSERT INTO "{table}"("{table}") VALUES (\'upgrade\')',
            f'SELECT * FROM "{table}"',
        ):
            try:
                db.run(sql, *([query] if "?" in sql else []))
            except SqlError as error:
                self.assertIn(error.code, (ERROR, 11, 20, 19), (table, sql, error))

    def test_blobs_of_the_wrong_size(self):
        for version in ("v0.1.9", "v0.1.10-alpha.4"):
            right = expected(version)
            whole = self.unpack(version)
            for table in self.TABLES:
                if table not in right:
                    continue
                db = self.vec0(whole)
                shadows = db.column(
                    "SELECT name FROM sqlite_master WHERE name LIKE ? AND type = 'table'"
                    " AND sql NOT LIKE 'CREATE VIRTUAL%'",
                    table + "_%",
                )
                db.close()
                for shadow in shadows:
                    for change in (
                        "x''",
                        "substr({0}, 1, length({0}) - 1)",
                        "{0} || x'00'",
                        "7",
                        "'text'",
                    ):
                        path = self.file("damaged.db")
                        shutil.copyfile(whole, path)
                        db = self.vec0(path)
                        columns = [row[1] for row in db.run(f'PRAGMA table_info("{shadow}")')]
                        blobs = [
                            name
                            for name in columns
                            if db.run(
                                f'SELECT 1 FROM "{shadow}" WHERE typeof({name}) = ? LIMIT 1', "blob"
                            )
                        ]
                        for name in blobs:
                            value = change.format(name)
                            db.run(f'UPDATE "{shadow}" SET {name} = {value} WHERE _rowid_ % 2 = 1')
                        if blobs:
                            self.use(db, table, right[table])
                        db.close()

    def test_a_damaged_validity_is_noticed(self):
        for column, change in (
            ("validity", lambda data: bytes([data[0] ^ 1]) + data[1:]),
            ("validity", lambda data: data[:-1]),
            ("rowids", lambda data: bytes([data[0] ^ 64]) + data[1:]),
            ("rowids", lambda data: data + bytes(64)),
            ("size", lambda data: 16),
            ("size", lambda data: -8),
            ("size", lambda data: 2**40),
        ):
            db = self.vec0(self.unpack("v0.1.9"))
            data = db.one(f"SELECT {column} FROM l2_chunks WHERE chunk_id = 1")
            db.run(f"UPDATE l2_chunks SET {column} = ? WHERE chunk_id = 1", change(data))
            for sql in (
                "SELECT * FROM l2",
                "SELECT rowid FROM l2 WHERE e MATCH '[1,2,3,4,5,6]' AND k = 100",
                "INSERT INTO l2(l2) VALUES ('integrity-check')",
                "INSERT INTO l2(l2) VALUES ('upgrade')",
            ):
                with self.subTest(column=column, sql=sql):
                    self.fails(CORRUPT_VTAB, db.run, sql, names=["l2"])
            db.close()

    def test_a_place_taken_by_nobody_is_noticed(self):
        db = self.vec0(self.unpack("v0.1.9"))
        for chunk, bits in db.run("SELECT chunk_id, validity FROM l2_chunks"):
            free = [bit for bit in range(8) if not bits[0] >> bit & 1]
            if free:
                bits = bytes([bits[0] | 1 << free[0]])
                db.run("UPDATE l2_chunks SET validity = ? WHERE chunk_id = ?", bits, chunk)
                break
        right = expected("v0.1.9")["l2"]
        self.assert_rows(db, "l2", right)
        for sql in (
            "SELECT rowid FROM l2 WHERE e MATCH '[1,2,3,4,5,6]' AND k = 3",
            "INSERT INTO l2(l2) VALUES ('integrity-check')",
            "INSERT INTO l2(l2) VALUES ('upgrade')",
        ):
            with self.subTest(sql=sql):
                self.fails(CORRUPT_VTAB, db.run, sql, names=["l2", len(right["rows"])])

    def test_texts_that_do_not_fit_are_noticed(self):
        for change in (
            "UPDATE meta_metadatatext00 SET data = 'z' || substr(data, 2) WHERE data < 'b'",
            "UPDATE meta_metadatatext00 SET data = data || ' and more'",
            "UPDATE meta_metadatatext00 SET data = CAST(data AS BLOB)",
            "DELETE FROM meta_metadatatext00",
        ):
            with self.subTest(change=change):
                db = self.vec0(self.unpack("v0.1.9"))
                db.run(change)
                self.fails(CORRUPT_VTAB, db.run, "SELECT t FROM meta", names=["meta"])
                db.close()

    def test_missing_tables_are_named(self):
        for kind in ("vector_chunks00", "metadatachunks01", "metadatatext00"):
            db = self.vec0(self.unpack("v0.1.9"))
            db.run(f"DROP TABLE meta_{kind}")
            self.fails(CORRUPT_VTAB, db.run, "SELECT * FROM meta", names=["meta_" + kind])
            db.run("DROP TABLE meta")
            db.close()

    def test_any_bytes(self):
        """Bytes of the file changed at random: an answer or an error, and no crash."""
        source = random.Random(5)
        for version in ("v0.1.9", "v0.1.10-alpha.4"):
            right = expected(version)
            tables = [table for table in self.TABLES if table in right]
            whole = pathlib.Path(self.unpack(version)).read_bytes()
            for turn in range(40):
                data = bytearray(whole)
                for _ in range(source.choice((1, 5, 50))):
                    data[source.randrange(100, len(data))] = source.randrange(256)
                path = self.file("damaged.db")
                pathlib.Path(path).write_bytes(data)
                try:
                    db = self.vec0(path)
                    if hasattr(db.db, "text_factory"):
                        db.db.text_factory = bytes  # damaged text is text to SQLite
                    self.use(db, tables[turn % len(tables)], right[tables[turn % len(tables)]])
                    db.close()
                except (SqlError, UnicodeDecodeError):
                    pass


if __name__ == "__main__":
    main()
