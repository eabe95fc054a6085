#include "formats/reader.h"

#include <gtest/gtest.h>

#include <cstring>

#include "formats/npy.h"
#include "formats/write.h"

namespace nearlite::formats {
namespace {

std::unique_ptr<Reader> open_text(Format format, std::string_view text) {
  auto reader = open_reader(format, Input::of_bytes(std::as_bytes(std::span(text)), "file"));
  EXPECT_TRUE(reader.ok()) << reader.status().message();
  return reader.ok() ? std::move(*reader) : nullptr;
}

std::string failure_of(Format format, std::string_view text) {
  auto reader = open_reader(format, Input::of_bytes(std::as_bytes(std::span(text)), "file"));
  if (!reader.ok()) return reader.status().message();
  Row row;
  for (;;) {
    const auto has_row = (*reader)->next(row);
    if (!has_row.ok()) return has_row.status().message();
    if (!*has_row) return "";
    if (!row.problem.empty()) return row.problem;
  }
}

std::string text_of(const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? "<none>" : *text;
}

TEST(CsvReader, QuotesSeparatorsAndLineNumbers) {
  const auto reader = open_text(Format::kCsv, "a,b\r\n\"x\n\"\"y\"\"\",\r\n\n1,\"\"\n");
  EXPECT_EQ(reader->columns(), (std::vector<std::string>{"a", "b"}));
  Row row;
  ASSERT_TRUE(*reader->next(row));
  EXPECT_EQ(row.line, 2U);
  EXPECT_EQ(text_of(row.values[0]), "x\n\"y\"");
  EXPECT_TRUE(std::holds_alternative<Null>(row.values[1]));
  ASSERT_TRUE(*reader->next(row));
  EXPECT_EQ(row.line, 5U);
  EXPECT_EQ(text_of(row.values[1]), "");
  EXPECT_FALSE(*reader->next(row));
}

TEST(CsvReader, AStrayQuoteSpoilsItsOwnRowOnly) {
  const auto reader = open_text(Format::kCsv, "a,b\nx\"y,1\nz,2\n");
  Row row;
  ASSERT_TRUE(*reader->next(row));
  EXPECT_NE(row.problem, "");
  ASSERT_TRUE(*reader->next(row));
  EXPECT_EQ(row.problem, "");
  EXPECT_EQ(text_of(row.values[0]), "z");
}

TEST(CsvReader, AnOpenQuoteEndsTheFile) {
  EXPECT_EQ(failure_of(Format::kCsv, "a\n1\n\"2\n3\n"), "file:3: a quote is not closed");
}

TEST(JsonLinesReader, TypesAndLateColumns) {
  const auto reader = open_text(Format::kJsonLines,
                                "{\"a\": 1}\n{\"a\": 1.5, \"v\": [1, 2], \"o\": {\"x\": [1]}, "
                                "\"t\": true, \"big\": 18446744073709551615}\n");
  EXPECT_EQ(reader->columns(), std::vector<std::string>{"a"});
  Row row;
  ASSERT_TRUE(*reader->next(row));
  EXPECT_EQ(std::get<std::int64_t>(row.values[0]), 1);
  ASSERT_TRUE(*reader->next(row));
  ASSERT_EQ(reader->columns().size(), 5U);
  const auto value = [&](std::string_view name) -> const Value& {
    for (std::size_t i = 0; i < 5; ++i) {
      if (reader->columns()[i] == name) return row.values[i];
    }
    return row.values[0];
  };
  EXPECT_EQ(std::get<double>(value("a")), 1.5);
  EXPECT_EQ(std::get<std::vector<float>>(value("v")), (std::vector<float>{1, 2}));
  EXPECT_EQ(text_of(value("o")), "{\"x\":[1]}");
  EXPECT_EQ(std::get<std::int64_t>(value("t")), 1);
  EXPECT_EQ(std::get<double>(value("big")), 18446744073709551615.0);
}

TEST(JsonLinesReader, DeepNestingIsNoStackOverflow) {
  const std::string deep = "{\"a\": " + std::string(200'000, '[') + std::string(200'000, ']') + "}";
  EXPECT_EQ(failure_of(Format::kJsonLines, deep), "nested deeper than 500 levels");
  const std::string quoted = "{\"a\": \"\\\"" + std::string(1000, '[') + "\"}";
  EXPECT_EQ(failure_of(Format::kJsonLines, quoted), "");
}

TEST(NpyReader, HeaderAndNumbers) {
  const float numbers[] = {1, -2, 3, 4};
  std::string file = npy_header("<f4", 2, 2);
  EXPECT_EQ(file.size() % 64, 0U);
  file.append(reinterpret_cast<const char*>(numbers), sizeof numbers);
  const auto reader = open_text(Format::kNpy, file);
  EXPECT_EQ(reader->row_count(), 2U);
  Row row;
  ASSERT_TRUE(*reader->next(row));
  EXPECT_EQ(std::get<std::vector<float>>(row.values[0]), (std::vector<float>{1, -2}));
  ASSERT_TRUE(*reader->next(row));
  EXPECT_FALSE(*reader->next(row));
}

TEST(NpyReader, ClaimsAreNotBelieved) {
  // A header may claim any number of rows: they are read one by one until the bytes end.
  EXPECT_EQ(failure_of(Format::kNpy, npy_header("<f4", UINT64_MAX, 16'384)),
            "file:1: the file ends in row 1 of 18446744073709551615");
  EXPECT_NE(failure_of(Format::kNpy, npy_header("<f4", 1, 16'385)), "");
  EXPECT_NE(failure_of(Format::kNpy, npy_header("<f4", 1, 0) + "12345"), "");
  EXPECT_NE(failure_of(Format::kNpy, npy_header("<c8", 1, 1)), "");
}

TEST(NpyHeader, Dictionaries) {
  const auto header =
      parse_npy_header("{'descr': '<i8', 'fortran_order': False, 'shape': (12,), }");
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header->row_count, 12U);
  EXPECT_FALSE(header->is_matrix);
  for (const char* bad :
       {"", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False, 'shape': ()}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 2)}",
        "{'descr': '<f3', 'fortran_order': False, 'shape': (1, 2)}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}"}) {
    EXPECT_FALSE(parse_npy_header(bad).ok()) << bad;
  }
}

TEST(VecsReader, LengthsAreChecked) {
  const auto vector = [](std::int32_t dim, std::size_t count) {
    std::string bytes(4 + 4 * count, '\0');
    std::memcpy(bytes.data(), &dim, sizeof dim);
    return bytes;
  };
  EXPECT_EQ(failure_of(Format::kFvecs, vector(2, 2) + vector(2, 2)), "");
  EXPECT_NE(failure_of(Format::kFvecs, vector(2, 2) + vector(3, 3)), "");
  EXPECT_NE(failure_of(Format::kFvecs, vector(INT32_MAX, 2)), "");
  EXPECT_NE(failure_of(Format::kFvecs, vector(-5, 2)), "");
  EXPECT_NE(failure_of(Format::kFvecs, vector(2, 1)), "");
}

TEST(Input, HashIsOfWhatWasHandedOut) {
  const std::string_view text = "one\ntwo\nthree";
  auto whole = Input::of_bytes(std::as_bytes(std::span(text)), "file");
  std::string line;
  ASSERT_TRUE(*whole.read_line(line, 100));
  ASSERT_TRUE(*whole.read_line(line, 100));
  EXPECT_EQ(line, "one\ntwo\n");
  auto part = Input::of_bytes(std::as_bytes(std::span(text.substr(0, 8))), "file");
  std::byte bytes[8];
  ASSERT_EQ(*part.read(bytes), 8U);
  EXPECT_EQ(whole.digest(), part.digest());
  EXPECT_EQ(whole.offset(), 8U);
  EXPECT_FALSE(whole.read_line(line, 9).ok()) << "longer than allowed";
}

TEST(Write, Fields) {
  EXPECT_EQ(csv_field("plain"), "plain");
  EXPECT_EQ(csv_field("a,\"b\""), "\"a,\"\"b\"\"\"");
  EXPECT_EQ(csv_field(""), "\"\"");
  EXPECT_EQ(copy_field("a\tb\\\n\r"), "a\\tb\\\\\\n\\r");
  EXPECT_EQ(json_string("a\"\x01\xff"), "\"a\\\"\\u0001\xEF\xBF\xBD\"");
  EXPECT_EQ(hexadecimal(std::string_view("\x00\xAF", 2)), "00af");
}

}  // namespace
}  // namespace nearlite::formats
