"""The functions and modules of sqlite-vec: which there are, what they give, how they fail."""

import struct

from vec0case import Vec0Case, blob, main, unblob

FUNCTIONS = """vec_add vec_bit vec_debug vec_distance_cosine vec_distance_hamming vec_distance_l1
vec_distance_l2 vec_f32 vec_int8 vec_length vec_normalize vec_quantize_binary vec_quantize_int8
vec_slice vec_sub vec_to_json vec_type vec_version""".split()

WANTED = "Input must have type BLOB (compact format) or TEXT (JSON), found "
EMPTY = "zero-length vectors are not supported."


class Functions(Vec0Case):
    def setUp(self):
        super().setUp()
        self.db = self.connect(":memory:")

    def value(self, expression, *parameters):
        return self.db.one(f"SELECT {expression}", *parameters)

    def fails_with(self, message, expression, *parameters):
        self.refuses(self.db, message, f"SELECT {expression}", *parameters)

    def test_registers_these_names_and_no_others(self):
        plain = self.connect(":memory:", load_vec0=False)
        for what, expected in (("function", FUNCTIONS), ("module", ["vec0", "vec_each"])):
            query = f"SELECT name FROM pragma_{what}_list"
            added = set(self.db.column(query)) - set(plain.column(query))
            self.assertEqual(sorted(added), sorted(expected))

    def test_version_and_debug(self):
        self.assertRegex(self.value("vec_version()"), r"^v\d+\.\d+\.\d+")
        self.assertIn(self.value("vec_version()"), self.value("vec_debug()"))
        self.assertEqual(len(self.value("vec_debug()").split("\n")), 4)

    def test_constructors(self):
        self.assertEqual(self.value("vec_f32('[.1, .2, 3]')"), blob([0.1, 0.2, 3]))
        self.assertEqual(self.value("vec_f32(x'AABBCCDD')"), b"\xaa\xbb\xcc\xdd")
        self.assertEqual(self.value("vec_int8('[1, -2, 127, -128]')"), b"\x01\xfe\x7f\x80")
        self.assertEqual(self.value("vec_int8(x'AABB')"), b"\xaa\xbb")
        self.assertEqual(self.value("vec_bit(x'F0')"), b"\xf0")
        # The bytes count, not what they were called before.
        self.assertEqual(self.value("vec_f32(vec_int8('[1, 2, 3, 4]'))"), b"\x01\x02\x03\x04")
        self.assertEqual(self.value("vec_int8(vec_bit(x'01'))"), b"\x01")

    def test_subtypes(self):
        for subtype, made in (
            (223, "vec_f32('[1]')"),
            (224, "vec_bit(x'FF')"),
            (225, "vec_int8('[1]')"),
            (223, "vec_add('[1]', '[1]')"),
            (225, "vec_sub(vec_int8('[1]'), vec_int8('[1]'))"),
            (223, "vec_normalize('[1]')"),
            (224, "vec_slice(vec_bit(x'FFFF'), 0, 8)"),
            (224, "vec_quantize_binary('[1,1,1,1,1,1,1,1]')"),
            (225, "vec_quantize_int8('[1]', 'unit')"),
            (74, "vec_to_json('[1]')"),
        ):
            if self.has_subtype():
                self.assertEqual(self.value(f"subtype({made})"), subtype, made)

    def has_subtype(self):
        return "subtype" in self.db.column("SELECT name FROM pragma_function_list")

    def test_constructors_refuse(self):
        for function in ("vec_f32", "vec_length", "vec_type", "vec_to_json", "vec_normalize"):
            self.fails_with(WANTED + "NULL", f"{function}(NULL)")
            self.fails_with(WANTED + "INTEGER", f"{function}(1)")
            self.fails_with(WANTED + "FLOAT", f"{function}(1.5)")
            self.fails_with(EMPTY, f"{function}(x'')")
            self.fails_with(EMPTY, f"{function}('[]')")
            message = "invalid float32 vector BLOB length. Must be divisible by 4, found 5"
            self.fails_with(message, f"{function}(x'0102030405')")
            message = "JSON array parsing error: Input does not start with '['"
            self.fails_with(message, f"{function}('1, 2]')")
            self.fails_with("JSON parsing error", f"{function}('[1, a]')")
        for given in ("NULL", "1", "1.5"):
            self.fails_with("Unknown type for int8 vector.", f"vec_int8({given})")
        for given in ("NULL", "1", "'[1]'"):
            self.fails_with("Unknown type for bitvector.", f"vec_bit({given})")
        for given in ("[999]", "[-129]"):
            self.fails_with(
                "JSON parsing error: value out of range for int8", f"vec_int8('{given}')"
            )
        self.fails_with("JSON parsing error", "vec_int8('[1.5]')")
        self.fails_with(EMPTY, "vec_int8(x'')")
        self.fails_with(EMPTY, "vec_bit(x'')")

    def test_what_is_no_number_is_refused(self):
        for given in ("[1, 2", "[1 2]", "[1,]", "[1] x", "[nan]", "[null]", "[1e99]"):
            self.fails_with("JSON parsing error", "vec_f32(?)", given)
        for given in (float("nan"), float("inf")):
            self.fails_with("component 2", "vec_length(?)", struct.pack("<2f", 1, given))

    def test_length_and_type(self):
        for expression, length, kind in (
            ("'[.1, .2]'", 2, "float32"),
            ("x'AABBCCDD'", 1, "float32"),
            ("vec_int8(x'AABBCCDD')", 4, "int8"),
            ("vec_bit(x'AABBCCDD')", 32, "bit"),
        ):
            self.assertEqual(self.value(f"vec_length({expression})"), length)
            self.assertEqual(self.value(f"vec_type({expression})"), kind)

    def test_json_has_six_digits(self):
        self.assertEqual(
            self.value("vec_to_json('[1, 2.5, -0.25, 10000000000]')"),
            "[1.000000,2.500000,-0.250000,10000000000.000000]",
        )
        self.assertEqual(self.value("vec_to_json(vec_int8(x'80FF01'))"), "[-128,-1,1]")
        self.assertEqual(self.value("vec_to_json(vec_bit(x'F1'))"), "[1,0,0,0,1,1,1,1]")

    def test_sums_and_differences(self):
        self.assertEqual(unblob(self.value("vec_add('[1, 2]', '[0.5, 4]')")), [1.5, 6.0])
        self.assertEqual(unblob(self.value("vec_sub('[1, 2]', '[0.5, 4]')")), [0.5, -2.0])
        # Bytes wrap around.
        int8 = "vec_int8('[100, -100, 3]'), vec_int8('[100, 100, 4]')"
        self.assertEqual(self.value(f"vec_to_json(vec_add({int8}))"), "[-56,0,7]")
        self.assertEqual(self.value(f"vec_to_json(vec_sub({int8}))"), "[0,56,-1]")
        bits = "vec_bit(x'AA'), vec_bit(x'BB')"
        self.fails_with("Cannot add two bitvectors together.", f"vec_add({bits})")
        self.fails_with("Cannot subtract two bitvectors together.", f"vec_sub({bits})")

    def test_pairs_refuse(self):
        for function in (
            "vec_add",
            "vec_sub",
            "vec_distance_l2",
            "vec_distance_l1",
            "vec_distance_cosine",
        ):
            self.fails_with(f"Error reading 1st vector: {WANTED}NULL", f"{function}(NULL, '[1]')")
            self.fails_with(f"Error reading 2nd vector: {WANTED}INTEGER", f"{function}('[1]', 1)")
            self.fails_with(
                "Vector type mistmatch. First vector has type float32, while the second has type"
                " int8.",
                f"{function}('[1]', vec_int8('[1]'))",
            )
            self.fails_with(
                "Vector dimension mistmatch. First vector has 1 dimensions, while the second has 2"
                " dimensions.",
                f"{function}('[1]', '[1, 2]')",
            )

    def test_distances(self):
        self.assertAlmostEqual(self.value("vec_distance_l2('[1, 1]', '[2, 2]')"), 2**0.5, places=6)
        self.assertAlmostEqual(
            self.value("vec_distance_L2('[1, 1]', '[-2, -2]')"), 18**0.5, places=6
        )
        self.assertEqual(self.value("vec_distance_l1('[1, 1]', '[-2, 5]')"), 7)
        self.assertAlmostEqual(self.value("vec_distance_cosine('[1, 1]', '[2, 2]')"), 0, places=6)
        self.assertAlmostEqual(self.value("vec_distance_cosine('[1, 1]', '[-2, -2]')"), 2, places=6)
        int8 = "vec_int8('[127, -128]'), vec_int8('[-128, 127]')"
        self.assertEqual(self.value(f"vec_distance_l1({int8})"), 510)
        self.assertEqual(self.value(f"typeof(vec_distance_l1({int8}))"), "integer")
        self.assertAlmostEqual(self.value(f"vec_distance_l2({int8})"), 130050**0.5, places=6)
        self.assertEqual(self.value("vec_distance_hamming(vec_bit(x'F0'), vec_bit(x'44'))"), 4.0)

    def test_distances_refuse(self):
        bits = "vec_bit(x'AA'), vec_bit(x'BB')"
        for function, name in (("l2", "L2"), ("l1", "L1"), ("cosine", "cosine")):
            message = f"Cannot calculate {name} distance between two bitvectors."
            self.fails_with(message, f"vec_distance_{function}({bits})")
        for made, name in (("vec_f32('[1]')", "float32"), ("vec_int8('[1]')", "int8")):
            message = f"Cannot calculate hamming distance between two {name} vectors."
            self.fails_with(message, f"vec_distance_hamming({made}, {made})")

    def test_normalize(self):
        found = unblob(self.value("vec_normalize('[2, 3, 1, -4]')"))
        for value, right in zip(found, [2, 3, 1, -4]):
            self.assertAlmostEqual(value, right / 30**0.5, places=6)
        self.assertEqual(self.value("vec_to_json(vec_normalize('[0, 0]'))"), "[0.000000,0.000000]")
        for made in ("vec_int8('[1]')", "vec_bit(x'01')"):
            message = "only float32 vectors are supported when normalizing"
            self.fails_with(message, f"vec_normalize({made})")

    def test_slice(self):
        self.assertEqual(unblob(self.value("vec_slice('[1, 2, 3, 4]', 1, 3)")), [2.0, 3.0])
        self.assertEqual(self.value("vec_slice(vec_int8('[1, 2, 3]'), 0, 2)"), b"\x01\x02")
        self.assertEqual(self.value("vec_slice(vec_bit(x'AABBCC'), 8, 24)"), b"\xbb\xcc")
        start, end = "slice 'start' index ", "slice 'end' index "
        for message, arguments in (
            (start + "must be a postive number.", "'[1, 2]', -1, 1"),
            (end + "must be a postive number.", "'[1, 2]', 0, -1"),
            (start + "is greater than the number of dimensions", "'[1, 2]', 3, 4"),
            (end + "is greater than the number of dimensions", "'[1, 2]', 0, 3"),
            (start + "is greater than 'end' index", "'[1, 2]', 2, 1"),
            (start + "is equal to the 'end' index, vectors must have non-zero", "'[1, 2]', 1, 1"),
            ("start index must be divisible by 8.", "vec_bit(x'AABB'), 1, 8"),
            ("end index must be divisible by 8.", "vec_bit(x'AABB'), 0, 7"),
        ):
            self.fails_with(message, f"vec_slice({arguments})")

    def test_quantize(self):
        eight = "'[1, 2, 3, 4, -5, -6, -7, 0]'"
        self.assertEqual(self.value(f"vec_quantize_binary({eight})"), b"\x0f")
        self.assertEqual(self.value("vec_quantize_binary(vec_int8(x'FF01FF01FF01FF01'))"), b"\xaa")
        message = "Binary quantization requires vectors with a length divisible by 8"
        self.fails_with(message, "vec_quantize_binary('[1, 2, 3]')")
        message = "Can only binary quantize float or int8 vectors"
        self.fails_with(message, "vec_quantize_binary(vec_bit(x'FF'))")
        # The bytes that sqlite-vec has stored: 255 steps, towards zero, what is beyond is clipped.
        values = "'[0.5, -1, 1, 0, 2, -2, 0.25, 0.1, -0.3]'"
        self.assertEqual(
            self.value(f"vec_to_json(vec_quantize_int8({values}, 'unit'))"),
            "[63,-128,126,0,127,-128,31,12,-38]",
        )
        message = "2nd argument to vec_quantize_int8() must be 'unit'."
        self.fails_with(message, "vec_quantize_int8('[1]', 'other')")
        self.fails_with(message, "vec_quantize_int8('[1]', NULL)")

    def test_each(self):
        run = self.db.run
        self.assertEqual(run("SELECT rowid, value FROM vec_each('[1, 2.5]')"), [(0, 1.0), (1, 2.5)])
        self.assertEqual(run("SELECT value FROM vec_each(vec_int8('[1, -2]'))"), [(1,), (-2,)])
        # Here, and nowhere else, the highest bit of a byte comes first: so sqlite-vec documents it.
        bits = self.db.column("SELECT value FROM vec_each(vec_bit(x'F001'))")
        self.assertEqual(bits, [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
        joined = "SELECT e.value FROM (SELECT '[7, 8]' AS v) AS t, vec_each(t.v) AS e"
        self.assertEqual(self.db.column(joined), [7.0, 8.0])
        for given in ("NULL", "1", "'x'", "'[]'", "x'AA'"):
            self.fails(1, run, f"SELECT * FROM vec_each({given})")
        self.fails(1, run, "SELECT * FROM vec_each")

    def test_a_constant_is_read_once_and_right_for_every_row(self):
        self.db.run("CREATE TABLE t(v)")
        for i in range(5):
            self.db.run("INSERT INTO t VALUES(?)", f"[{i}, 0]")
        found = self.db.column("SELECT vec_distance_l2(v, '[1, 0]') FROM t")
        self.assertEqual(found, [1.0, 0.0, 1.0, 2.0, 3.0])

    def test_functions_may_stand_in_checks_and_indexes(self):
        self.db.run("CREATE TABLE t(v CHECK(vec_length(v) = 2))")
        self.db.run("INSERT INTO t VALUES(?)", blob([1, 2]))
        self.fails(19, self.db.run, "INSERT INTO t VALUES('[1, 2, 3]')")
        self.db.run("CREATE INDEX i ON t(vec_to_json(v))")


if __name__ == "__main__":
    main()
