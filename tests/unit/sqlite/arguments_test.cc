// The parser of CREATE VIRTUAL TABLE … USING hnsw(…). Codes are checked, never the wording of
// messages, except that a message must name the table and the value it is about.
#include "sqlite/arguments.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <initializer_list>
#include <random>
#include <string>
#include <vector>

namespace nearlite::sqlite {
namespace {

Result<TableOptions> parse(std::initializer_list<const char*> arguments) {
  return parse_arguments("docs", std::vector<const char*>(arguments));
}

TableOptions parsed(std::initializer_list<const char*> arguments) {
  Result<TableOptions> options = parse(arguments);
  EXPECT_TRUE(options.ok()) << options.status().message();
  return options.ok() ? *options : TableOptions();
}

void expect_invalid(std::initializer_list<const char*> arguments, const std::string& mentioned) {
  const Result<TableOptions> options = parse(arguments);
  const std::string first = arguments.size() == 0 ? "" : *arguments.begin();
  ASSERT_FALSE(options.ok()) << first;
  EXPECT_EQ(options.status().code(), Code::kInvalidArgument) << first;
  const std::string message = options.status().message();
  EXPECT_NE(message.find("docs"), std::string::npos) << message;
  EXPECT_NE(message.find(mentioned), std::string::npos) << message;
}

TEST(Arguments, EmptyShortFormHasTheDocumentedDefaults) {
  const TableOptions options = parsed({});
  ASSERT_EQ(options.vectors.size(), 1U);
  EXPECT_EQ(options.vectors[0],
            (VectorColumn{"embedding", ElementType::kFloat32, 384, Metric::kCosine}));
  EXPECT_EQ(options.m, 16U);
  EXPECT_EQ(options.ef_construction, 200U);
  EXPECT_EQ(options.ef_search, 200U);
  EXPECT_EQ(options.quantize, Quantize::kInt8);
  EXPECT_EQ(options.tombstone_rebuild_pct, 30U);
  EXPECT_EQ(options.parallel_insert_threshold, 256U);
  EXPECT_EQ(options.persist, Persist::kCommit);
  EXPECT_EQ(options.path, "");
}

TEST(Arguments, ShortFormInAnyOrder) {
  const TableOptions a = parsed({"dim=8", "m=12", "ef=100", "path='hnsw.idx'"});
  const TableOptions b = parsed({"path = \"hnsw.idx\"", "EF = 100", "m =12", "Dim= 8"});
  EXPECT_EQ(a, b);
  EXPECT_EQ(a.vectors[0].dim, 8U);
  EXPECT_EQ(a.m, 12U);
  EXPECT_EQ(a.ef_construction, 100U);
  EXPECT_EQ(a.ef_search, 100U);
  EXPECT_EQ(a.path, "hnsw.idx");
}

TEST(Arguments, FullForm) {
  const TableOptions options =
      parsed({"embedding float[384] metric=l2", "tenant text partition key", "lang text",
              "year integer indexed", "rating real", "active boolean", "+title text", "+raw blob",
              "bits bit[64]", "m=32", "ef_construction=300", "ef_search=100", "quantize=none",
              "tombstone_rebuild_pct=0", "parallel_insert_threshold=1000", "persist = every 50"});
  ASSERT_EQ(options.vectors.size(), 2U);
  EXPECT_EQ(options.vectors[0],
            (VectorColumn{"embedding", ElementType::kFloat32, 384, Metric::kL2}));
  EXPECT_EQ(options.vectors[1], (VectorColumn{"bits", ElementType::kBit, 64, Metric::kHamming}));
  const std::vector<Column> columns{{ColumnKind::kVector, "embedding", ValueType::kBlob, 0},
                                    {ColumnKind::kPartition, "tenant", ValueType::kText, 0, true},
                                    {ColumnKind::kMetadata, "lang", ValueType::kText, 0},
                                    {ColumnKind::kMetadata, "year", ValueType::kInteger, 0, true},
                                    {ColumnKind::kMetadata, "rating", ValueType::kReal, 0},
                                    {ColumnKind::kMetadata, "active", ValueType::kBoolean, 0},
                                    {ColumnKind::kAuxiliary, "title", ValueType::kText, 0},
                                    {ColumnKind::kAuxiliary, "raw", ValueType::kBlob, 0},
                                    {ColumnKind::kVector, "bits", ValueType::kBlob, 1}};
  EXPECT_EQ(options.columns, columns);
  EXPECT_EQ(options.ef_construction, 300U);
  EXPECT_EQ(options.ef_search, 100U);
  EXPECT_EQ(options.quantize, Quantize::kNone);
  EXPECT_EQ(options.tombstone_rebuild_pct, 0U);
  EXPECT_EQ(options.persist, Persist::kEvery);
  EXPECT_EQ(options.persist_every, 50U);
}

TEST(Arguments, ElementTypesAndMetrics) {
  const TableOptions options = parsed({"a float16[3]", "b BFLOAT16 [4] METRIC = 'IP'",
                                       "c int8[5] metric=l1", "d float32[6]", "metric=l2"});
  EXPECT_EQ(options.vectors[0], (VectorColumn{"a", ElementType::kFloat16, 3, Metric::kL2}));
  EXPECT_EQ(options.vectors[1], (VectorColumn{"b", ElementType::kBFloat16, 4, Metric::kIp}));
  EXPECT_EQ(options.vectors[2], (VectorColumn{"c", ElementType::kInt8, 5, Metric::kL1}));
  EXPECT_EQ(options.vectors[3], (VectorColumn{"d", ElementType::kFloat32, 6, Metric::kL2}));
}

TEST(Arguments, MetadataBesideTheShortForm) {
  const TableOptions options = parsed({"lang text", "dim=4", "metric=ip"});
  ASSERT_EQ(options.columns.size(), 2U);
  EXPECT_EQ(options.columns[0].kind, ColumnKind::kVector);
  EXPECT_EQ(options.columns[1].name, "lang");
  EXPECT_EQ(options.vectors[0].metric, Metric::kIp);
}

TEST(Arguments, QuotesBlanksAndComments) {
  EXPECT_EQ(parsed({"m=8--half"}).m, 8U);
  EXPECT_EQ(parsed({"m -- half, as usual\n = /* a, b */ 8"}).m, 8U);
  EXPECT_EQ(parsed({"/* only a comment */", "", "-- another"}), parsed({}));
  EXPECT_EQ(parsed({"path='it''s -- not a comment'"}).path, "it's -- not a comment");
  const TableOptions options = parsed({"[my vector] float[4]", "`a``b` text", "\"c d\" integer"});
  EXPECT_EQ(options.columns[0].name, "my vector");
  EXPECT_EQ(options.columns[1].name, "a`b");
  EXPECT_EQ(options.columns[2].name, "c d");
  EXPECT_EQ(parsed({"vektor_ä float[4]"}).columns[0].name, "vektor_ä");
  EXPECT_EQ(parsed({"persist='every 7'"}).persist_every, 7U);
  EXPECT_EQ(parsed({"persist=Close"}).persist, Persist::kClose);
}

TEST(Arguments, RangesAtTheirEnds) {
  EXPECT_EQ(parsed({"dim=1"}).vectors[0].dim, 1U);
  EXPECT_EQ(parsed({"dim=16384"}).vectors[0].dim, 16384U);
  EXPECT_EQ(parsed({"m=2"}).m, 2U);
  EXPECT_EQ(parsed({"m=128"}).m, 128U);
  EXPECT_EQ(parsed({"ef=10000"}).ef_construction, 10000U);
  EXPECT_EQ(parsed({"ef_search=100000"}).ef_search, 100000U);
  for (const char* bad : {"dim=0",
                          "dim=16385",
                          "dim=-1",
                          "m=1",
                          "m=129",
                          "m=-2147483648",
                          "m=4294967312",
                          "m=9223372036854775824",
                          "m=99999999999999999999999",
                          "ef=0",
                          "ef=10001",
                          "ef_search=0",
                          "ef_search=100001",
                          "tombstone_rebuild_pct=101",
                          "tombstone_rebuild_pct=-1",
                          "tombstone_rebuild_pct=99999999999999999999",
                          "parallel_insert_threshold=0",
                          "persist=every 0",
                          "a float[0]",
                          "a float[16385]",
                          "a float[-4]",
                          "a float[99999999999999999999]"}) {
    expect_invalid({bad}, "between");
  }
}

TEST(Arguments, WrongTypesOfValues) {
  for (const char* bad :
       {"m=16.5", "m=1e1", "m=sixteen", "m=''", "m=0x10", "m='16 '", "dim=x", "a float[]",
        "a float[3.0]", "a float[4 4]", "persist=every x", "persist=every"}) {
    expect_invalid({bad}, "whole number");
  }
  expect_invalid({"metric=cosin"}, "cosin");
  expect_invalid({"a float[4] metric=l3"}, "docs.a");
  expect_invalid({"quantize=pq"}, "int8, bit or none, got 'pq'");
  expect_invalid({"a float[40] metric=l2", "quantize=bit"}, "cosine, got 'l2'");
  expect_invalid({"quantize=bit", "a float[40]", "b float[40] metric=ip"}, "docs.b");
  expect_invalid({"persist=sometimes"}, "sometimes");
  expect_invalid({"path='a\nb'"}, "path");
  const std::string long_path = "path='" + std::string(kPathBytesMax + 1, 'x') + "'";
  expect_invalid({long_path.c_str()}, "1025");
}

TEST(Arguments, UnknownAndDoubledThings) {
  expect_invalid({"mm=16"}, "'mm'");
  expect_invalid({"m=16", "M=17"}, "m");
  expect_invalid({"ef=100", "ef_construction=100"}, "ef_construction");
  expect_invalid({"dim=4", "dim=4"}, "dim");
  expect_invalid({"a float[4]", "A text"}, "docs.A");
  expect_invalid({"a float[4]", "dim=4"}, "dim");
  expect_invalid({"a float[4] metric=l2 metric=l2"}, "docs.a");
  expect_invalid({"a float[4] m=16"}, "'m'");
  expect_invalid({"a vector[4]"}, "'vector'");
  expect_invalid({"a float"}, "'float'");
  expect_invalid({"a"}, "docs.a");
  expect_invalid({"a text unique"}, "'unique'");
  expect_invalid({"+a text partition key"}, "'partition'");
  expect_invalid({"a real partition key"}, "docs.a");
  expect_invalid({"a blob partition key"}, "docs.a");
  expect_invalid({"+a text indexed"}, "'indexed'");
  expect_invalid({"a text partition key indexed"}, "'partition'");
  expect_invalid({"+"}, "'+'");
  expect_invalid({"="}, "'='");
  expect_invalid({"m="}, "m");
  expect_invalid({"m=16 17"}, "m");
  expect_invalid({"m=="}, "m");
  expect_invalid({"a float[4"}, "float");
  expect_invalid({"path='x"}, "path");
  expect_invalid({"a & b"}, "a & b");
}

TEST(Arguments, BitsAndHammingBelongTogether) {
  expect_invalid({"a bit[12]"}, "12");
  expect_invalid({"a bit[16] metric=l2"}, "l2");
  expect_invalid({"a float[16] metric=hamming"}, "float");
  expect_invalid({"metric=hamming"}, "docs.embedding");
  EXPECT_EQ(parsed({"a bit[16] metric=hamming"}).vectors[0].metric, Metric::kHamming);
  EXPECT_EQ(parsed({"a bit[16]", "metric=hamming"}).vectors[0].metric, Metric::kHamming);
}

TEST(Arguments, ReservedNames) {
  for (const char* name : {"rowid", "RowId", "_rowid_", "oid", "node_id", "node_id2", "distance",
                           "K", "ef_search", "exact", "rank", "docs", "DOCS"}) {
    expect_invalid({(std::string(name) + " text").c_str()}, name);
  }
  parsed({"node_ids text", "node_id_x text", "m text"});
  expect_invalid({"'' text"}, "name");
  expect_invalid({(std::string(kNameBytesMax + 1, 'n') + " text").c_str()}, "256");
  // The short form's own column obeys the same rules.
  EXPECT_FALSE(parse_arguments("Embedding", {}).ok());
}

TEST(Arguments, CountsOfColumns) {
  const auto many = [](const std::string& prefix, const std::string& rest, std::size_t count) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < count; ++i) texts.push_back(prefix + std::to_string(i) + rest);
    std::vector<const char*> arguments;
    for (const std::string& text : texts) arguments.push_back(text.c_str());
    return parse_arguments("docs", arguments).ok();
  };
  EXPECT_TRUE(many("v", " float[4]", kVectorColumnsMax));
  EXPECT_FALSE(many("v", " float[4]", kVectorColumnsMax + 1));
  EXPECT_TRUE(many("p", " text partition key", kPartitionColumnsMax));
  EXPECT_FALSE(many("p", " text partition key", kPartitionColumnsMax + 1));
  EXPECT_TRUE(many("c", " text", kMetadataColumnsMax));
  EXPECT_FALSE(many("c", " text", kMetadataColumnsMax + 1));
  EXPECT_TRUE(many("+c", " text", kAuxiliaryColumnsMax));
  EXPECT_FALSE(many("+c", " text", kAuxiliaryColumnsMax + 1));
}

TEST(Arguments, ExternalContent) {
  const TableOptions plain = parsed({"content='my \"docs\"'", "dim=3"});
  ASSERT_TRUE(plain.content);
  EXPECT_EQ(plain.content->table, "my \"docs\"");
  EXPECT_EQ(plain.content->rowid, "");
  EXPECT_EQ(plain.content->vector, "embedding");
  EXPECT_EQ(plain.content->sync, ContentSync::kStrict);
  EXPECT_FALSE(plain.content->is_deferred);
  EXPECT_EQ(plain.content->dim, 3U);
  EXPECT_FALSE(plain.content->metric);
  ASSERT_EQ(plain.columns.size(), 1U);

  const TableOptions full =
      parsed({"content = docs", "content_rowid = id", "content_vector = [a b]", "sync = LOG",
              "build = deferred", "element = bit", "metric = hamming", "m = 8"});
  EXPECT_EQ(full.content->rowid, "id");
  EXPECT_EQ(full.columns.front().name, "a b");
  EXPECT_EQ(full.content->sync, ContentSync::kLog);
  EXPECT_TRUE(full.content->is_deferred);
  EXPECT_EQ(full.content->element, ElementType::kBit);
  EXPECT_EQ(full.content->metric, Metric::kHamming);
  EXPECT_EQ(full.m, 8U);
}

TEST(Arguments, ExternalContentErrors) {
  for (const char* option :
       {"content_rowid='id'", "content_vector='e'", "sync='strict'", "build=now", "element=bit"}) {
    expect_invalid({option}, "content='table' is missing");
  }
  expect_invalid({"content=t", "sync=maybe"}, "sync must be strict or log, got 'maybe'");
  expect_invalid({"content=t", "build=later"}, "build must be now or deferred, got 'later'");
  expect_invalid({"content=t", "element=text"}, "element must be");
  expect_invalid({"content=''"}, "content must be a name");
  expect_invalid({"content=t", "content=u"}, "given twice");
  expect_invalid({"content=t", "title text"}, "no columns of its own");
  expect_invalid({"content=t", "v float[3]"}, "no columns of its own");
  expect_invalid({"content=t", "content_vector=distance"}, "reserved");
  expect_invalid({"content=t", "dim=0"}, "dimensions");
}

TEST(Options, ChangedByCommandAndSerialised) {
  TableOptions options = parsed({"persist=every 9"});
  for (const char* name : {"m", "ef", "EF_search", "quantize", "tombstone_rebuild_pct",
                           "parallel_insert_threshold", "persist", "path"}) {
    TableOptions copy;
    ASSERT_TRUE(set_option("docs", name, option_text(options, name), copy).ok()) << name;
    EXPECT_EQ(option_text(copy, name), option_text(options, name)) << name;
  }
  EXPECT_TRUE(change_option("docs", "ef_search", "77", options).ok());
  EXPECT_EQ(options.ef_search, 77U);
  EXPECT_EQ(change_option("docs", "ef_search", "0", options).code(), Code::kInvalidArgument);
  EXPECT_EQ(change_option("docs", "m", "8", options).code(), Code::kInvalidArgument);
  EXPECT_EQ(change_option("docs", "nonsense", "8", options).code(), Code::kNotFound);
  EXPECT_EQ(canonical_option("EF"), "ef_construction");
  EXPECT_EQ(canonical_option("dim"), "");
}

// Mutations of valid arguments: whatever comes, the parser ends with options in range or a failure
// that names the table.
TEST(Arguments, SurvivesMutatedInput) {
  const char* environment = std::getenv("NEARLITE_SEED");
  const unsigned seed = environment != nullptr
                            ? static_cast<unsigned>(std::strtoul(environment, nullptr, 10))
                            : std::random_device()();
  std::printf("NEARLITE_SEED=%u\n", seed);
  std::mt19937 random(seed);
  const std::vector<std::string> corpus{"embedding float[384] metric=cosine",
                                        "tenant text partition key",
                                        "+title text",
                                        "m=16",
                                        "persist = every 100",
                                        "path='it''s'",
                                        "`a``b` float16 [7]",
                                        "b bit[64] -- c\n metric=hamming",
                                        "/* x */ ef_search = 10",
                                        "\"q\" integer",
                                        "quantize=none"};
  const std::string alphabet =
      "=+(),;'\"`[]-/* \n\x01\x7f\xc3\xff"
      "09azM_.";
  std::size_t accepted = 0;
  for (int round = 0; round < 100'000; ++round) {
    std::vector<std::string> texts;
    for (unsigned i = random() % 4; i-- > 0;) {
      std::string text = corpus[random() % corpus.size()];
      for (unsigned edits = random() % 4; edits-- > 0;) {
        const std::size_t at = random() % (text.size() + 1);
        const char c = alphabet[random() % alphabet.size()];
        switch (random() % 4) {
          case 0: text.insert(at, 1, c); break;
          case 1: text.erase(at, random() % 5); break;
          case 2: text = text.substr(0, at); break;
          default: text += corpus[random() % corpus.size()].substr(0, at); break;
        }
      }
      texts.push_back(text);
    }
    std::vector<const char*> arguments;
    for (const std::string& text : texts) arguments.push_back(text.c_str());
    const Result<TableOptions> options = parse_arguments("docs", arguments);
    if (options.ok()) {
      ++accepted;
      ASSERT_FALSE(options->vectors.empty());
      for (const VectorColumn& column : options->vectors) {
        ASSERT_TRUE(column.dim >= 1 && column.dim <= kDimMax);
      }
      ASSERT_TRUE(options->m >= 2 && options->m <= 128);
    } else {
      ASSERT_NE(options.status().message().find("nearlite: docs"), std::string::npos);
      ASSERT_LT(options.status().message().size(), 800U);
    }
  }
  EXPECT_GT(accepted, 1'000U);
}

}  // namespace
}  // namespace nearlite::sqlite
