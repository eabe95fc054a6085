"""What the tests of pgvector's dialect share."""

from sqlcase import ERROR, SqlCase, SqlError


class DialectCase(SqlCase):
    def setUp(self):
        super().setUp()
        self.db = self.connect()
        self.db.run("PRAGMA synchronous = OFF")  # a commit for each statement

    def translate(self, sql):
        return self.db.one("SELECT nearlite_translate(?)", sql)

    def pg(self, sql, *parameters):
        """Runs a statement of pgvector's dialect."""
        return self.db.run(self.translate(sql), *parameters)

    def ids(self, sql, *parameters):
        return [row[0] for row in self.pg(sql, *parameters)]

    def assert_by_index(self, sql, *parameters):
        plan = self.db.run("EXPLAIN QUERY PLAN " + self.translate(sql), *parameters)
        text = "\n".join(str(row[-1]) for row in plan)
        self.assertIn("nearlite_nearest", text, sql)
        self.assertNotIn("ORDER BY", text, sql)  # nothing is sorted: the search streams

    def assert_exact(self, sql):
        self.assertNotIn("nearlite_nearest", self.translate(sql))

    def assert_refused(self, sql, *words):
        with self.assertRaises(SqlError) as caught:
            self.pg(sql)
        self.assertEqual(caught.exception.code, ERROR)
        for word in words:
            self.assertIn(word, caught.exception.message)
