// The search call against comparison with all, and what it may not do: allocate.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

#include "graph/walk.h"
#include "unit/graph/graph_fixture.h"
#include "vector/query_code.h"

namespace {
std::atomic<std::size_t> allocation_count{0};
}

// Counts every allocation of this executable. The compiler must not look inside: it would warn of
// malloc and delete.
#define NOT_INLINED __attribute__((noinline))
NOT_INLINED void* operator new(std::size_t size) {
  allocation_count.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
NOT_INLINED void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  allocation_count.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size == 0 ? 1 : size);
}
NOT_INLINED void operator delete(void* memory) noexcept { std::free(memory); }
NOT_INLINED void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace nearlite {
namespace {

std::vector<NodeId> ids_up_to(std::size_t count) {
  std::vector<NodeId> ids(count);
  for (std::size_t i = 0; i < count; ++i) ids[i] = static_cast<NodeId>(i + 1);
  return ids;
}

TEST(Search, OfAnEmptyGraphFindsNothing) {
  auto graph = make_graph(graph_options(64));
  ClusteredVectors source(1, 64, 3, 0.5f);
  SearchContext context;
  EXPECT_TRUE(search_ids(*graph, encode(source.next()), 10, context).empty());
  EXPECT_EQ(graph->entry(), kNodeNone);
  EXPECT_EQ(graph->max_id(), kNodeNone);
  EXPECT_FALSE(graph->is_present(1));
}

TEST(Search, IsExactWhenItIsAsWideAsTheGraph) {
  NEARLITE_SEEDED(seed, 11);
  for (const std::uint32_t dim : {5U, 64U, 200U}) {
    for (const std::size_t count : {1U, 2U, 15U, 16U, 17U, 300U, 1500U}) {
      ClusteredVectors source(seed, dim, 10, 0.7f);
      std::vector<TestCode> codes = encode_many(source, count);
      for (std::size_t i = 7; i < codes.size(); i += 7) codes[i] = codes[i - 3];  // ties go by id
      auto graph = make_graph(graph_options(dim, 8, 50));
      insert_all(*graph, codes);
      SearchContext context;
      for (int i = 0; i < 5; ++i) {
        const TestCode query = i == 0 ? codes[0] : encode(source.next());
        const auto width = static_cast<std::uint32_t>(count);
        ASSERT_EQ(search_ids(*graph, query, width, context),
                  exact_ids(codes, ids_up_to(count), query, count))
            << "dim " << dim << ", " << count << " nodes";
      }
    }
  }
}

TEST(Search, ReturnsAtMostTheWidthAscendingByKeyAndId) {
  NEARLITE_SEEDED(seed, 12);
  ClusteredVectors source(seed, 64, 10, 0.5f);
  const std::vector<TestCode> codes = encode_many(source, 3000);
  auto graph = make_graph(graph_options(64));
  insert_all(*graph, codes);
  SearchContext context;
  for (const std::uint32_t ef : {0U, 1U, 2U, 3U, 10U, 65U, 5000U}) {
    const TestCode code = encode(source.next());
    const TestQuery query(graph->options().format, code);
    const auto found = search(*graph, nullptr, query.get(), ef, context);
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(found->size(), std::min<std::size_t>(std::max(1U, ef), codes.size()));
    for (std::size_t i = 0; i < found->size(); ++i) {
      const Candidate& one = (*found)[i];
      EXPECT_EQ(one.key, key_between(codes[one.id - 1], code));
      if (i == 0) continue;
      const Candidate& before = (*found)[i - 1];
      EXPECT_TRUE(before.key < one.key || (before.key == one.key && before.id < one.id));
    }
  }
}

TEST(Search, AllocatesNothingAfterTheFirstOfASize) {
  ClusteredVectors source(3, 128, 20, 0.5f);
  const std::vector<TestCode> codes = encode_many(source, 5000);
  auto graph = make_graph(graph_options(128, 16, 60));
  insert_all(*graph, codes);
  std::vector<TestQuery> queries;
  for (int i = 0; i < 50; ++i) queries.emplace_back(graph->options().format, encode(source.next()));
  SearchContext context;
  ASSERT_TRUE(search(*graph, nullptr, queries[0].get(), 100, context).ok());
  const std::size_t before = allocation_count.load();
  std::size_t found_count = 0;
  for (const TestQuery& query : queries) {
    for (const std::uint32_t ef : {100U, 10U, 64U}) {
      const auto found = search(*graph, nullptr, query.get(), ef, context);
      found_count += found.ok() ? found->size() : 0;
    }
  }
  EXPECT_EQ(allocation_count.load(), before);
  EXPECT_EQ(found_count, queries.size() * (100 + 10 + 64));
}

TEST(Search, OneContextServesGraphsOfDifferentSize) {
  ClusteredVectors source(4, 64, 20, 0.5f);
  const std::vector<TestCode> many = encode_many(source, 2000);
  const std::vector<TestCode> few(many.begin(), many.begin() + 40);
  auto large = make_graph(graph_options(64, 16, 60));
  auto small = make_graph(graph_options(64, 4, 60));
  insert_all(*large, many);
  insert_all(*small, few);
  SearchContext context;
  for (int i = 0; i < 20; ++i) {
    const TestCode query = encode(source.next());
    EXPECT_EQ(search_ids(*large, query, 2000, context),
              exact_ids(many, ids_up_to(2000), query, 2000));
    EXPECT_EQ(search_ids(*small, query, 40, context), exact_ids(few, ids_up_to(40), query, 40));
  }
}

TEST(Search, WithAChangeSeesWhatItLinkedAndWithoutDoesNot) {
  ClusteredVectors source(5, 64, 5, 0.5f);
  const std::vector<TestCode> codes = encode_many(source, 400);
  auto graph = make_graph(graph_options(64, 8, 60));
  insert_all(*graph, {codes.begin(), codes.begin() + 300});
  std::vector<std::vector<NodeId>> lists_before;
  for (NodeId id = 1; id <= 300; ++id) lists_before.push_back(graph->list(id, 0));

  SearchContext context;
  GraphChange change(*graph);
  for (NodeId id = 301; id <= 400; ++id) {
    write_node(*graph, id, codes[id - 1]);
    check_ok(change.add_node(id));
  }
  EXPECT_EQ(search_ids(*graph, codes[350], 500, context, &change).size(),
            300U);  // declared, not linked
  check_ok(change.link({}));
  EXPECT_EQ(search_ids(*graph, codes[350], 500, context, &change),
            exact_ids(codes, ids_up_to(400), codes[350], 400));
  EXPECT_EQ(search_ids(*graph, codes[350], 500, context),
            exact_ids(codes, ids_up_to(300), codes[350], 300));
  for (NodeId id = 1; id <= 300; ++id)
    ASSERT_EQ(graph->list(id, 0), lists_before[id - 1]);  // INVARIANT G5
  change.publish(1);
  EXPECT_EQ(search_ids(*graph, codes[350], 500, context),
            exact_ids(codes, ids_up_to(400), codes[350], 400));
}

// Long codes are compared by their heads first (head_bytes()). Hardly any of the nearest is lost by
// that, the answers are the same on every target, and a node whose head seems far is not found,
// which shows that heads are used at all.
TEST(Search, OfLongCodesGoesByTheirHeads) {
  NEARLITE_SEEDED(seed, 17);
  constexpr std::uint32_t kDim = 768;
  ASSERT_EQ(head_bytes(int8_format(kDim)), 192U);
  ClusteredVectors source(seed, kDim, 20, 0.7f);
  const std::vector<TestCode> codes = encode_many(source, 1500);
  const std::vector<TestCode> queries = encode_many(source, 40);
  const SimdTarget supported = supported_simd_target();
  std::vector<NodeId> first;
  for (const SimdTarget target : supported_simd_targets()) {
    force_simd_target(target);
    auto graph = make_graph(graph_options(kDim, 8, 60));
    insert_all(*graph, codes);
    SearchContext context;
    std::vector<NodeId> all;
    std::size_t found_count = 0;
    for (const TestCode& query : queries) {
      const std::vector<NodeId> found = search_ids(*graph, query, 60, context);
      all.insert(all.end(), found.begin(), found.end());
      for (const NodeId id : exact_ids(codes, ids_up_to(codes.size()), query, 10))
        found_count += std::count(found.begin(), found.end(), id) != 0 ? 1 : 0;
    }
    EXPECT_GE(found_count, 392U) << "of 400, " << name_of(target);
    if (first.empty()) first = all;
    EXPECT_TRUE(all == first) << name_of(target);
    const NodeId nearest = exact_ids(codes, ids_up_to(codes.size()), queries[0], 1)[0];
    ASSERT_EQ(search_ids(*graph, queries[0], 60, context)[0], nearest);
    std::vector<TestCode> changed = codes;
    changed[nearest - 1].info.a += 1U << 31;
    auto other = make_graph(graph_options(kDim, 8, 60));
    insert_all(*other, changed);
    const std::vector<NodeId> without = search_ids(*other, queries[0], 60, context);
    EXPECT_EQ(std::count(without.begin(), without.end(), nearest), 0);
  }
  force_simd_target(supported);
}

// A stored code as a query, for every target: what the vector layer makes of it.
TEST(Search, AStoredCodeAsAQuery) {
  const SimdTarget supported = supported_simd_target();
  for (const std::uint32_t dim : {64U, 384U, 768U, 1536U}) {
    ClusteredVectors source(dim, dim, 4, 0.7f);
    const std::vector<TestCode> codes = encode_many(source, 20);
    for (const SimdTarget target : supported_simd_targets()) {
      SCOPED_TRACE(std::string(name_of(target)) + ", " + std::to_string(dim));
      force_simd_target(target);
      auto graph = make_graph(graph_options(dim, 8, 60));
      insert_all(*graph, codes);
      const CodeFormat& format = graph->options().format;
      CodeBuffer one;
      CodeBuffer other;
      one.ensure(format.code_bytes);
      other.ensure(format.code_bytes);
      for (NodeId id = 1; id <= codes.size(); ++id) {
        const QueryCode expected =
            prepare_query(format, graph->code(id), graph->info(id), one.data());
        const QueryCode got = graph_kernels(format.kind).prepare(graph->impl(), id, other.data());
        EXPECT_EQ(std::memcmp(got.data, expected.data, format.code_bytes), 0);
        EXPECT_EQ(got.offset, expected.offset);
        EXPECT_EQ(got.head_offset, expected.head_offset);
        EXPECT_EQ(got.info.a, expected.info.a);
      }
    }
  }
  force_simd_target(supported);
}

// All kinds of codes on all targets: the walk is the same, so an exact search must agree with the
// plain kernel.
class SearchOfKind : public ::testing::TestWithParam<CodeKind> {};

TEST_P(SearchOfKind, IsExactOnEveryTarget) {
  NEARLITE_SEEDED(seed, 13);
  std::mt19937_64 random(seed);
  GraphOptions options = graph_options(100, 6, 40);
  options.format.kind = GetParam();
  options.format.code_bytes =
      is_int8(GetParam()) ? 128 : (GetParam() == CodeKind::kBits ? 64 : 448);
  const SimdTarget supported = supported_simd_target();
  std::vector<TestCode> codes(400);
  for (TestCode& code : codes) {
    code.bytes.resize(options.format.code_bytes);
    std::normal_distribution<float> normal;
    for (std::size_t i = 0; i < code.bytes.size(); ++i)
      code.bytes[i] = static_cast<std::byte>(random());
    if (!is_int8(GetParam()) && GetParam() != CodeKind::kBits) {
      for (std::size_t i = 0; i + 4 <= code.bytes.size(); i += 4) {
        const float value = normal(random);
        std::memcpy(code.bytes.data() + i, &value, 4);
      }
    }
    if (GetParam() == CodeKind::kInt8Global) {
      for (const std::byte b : code.bytes) {
        const int value = static_cast<int>(b) - 128;
        code.info.b += static_cast<std::uint32_t>(value * value);
      }
    } else if (is_int8(GetParam())) {
      const float scale = 0.01f * static_cast<float>(1 + random() % 50);
      float norm = 0;
      for (const std::byte b : code.bytes)
        norm += scale * scale * std::pow(static_cast<float>(b) - 128.0f, 2.0f);
      std::memcpy(&code.info.a, &scale, 4);
      std::memcpy(&code.info.b, &norm, 4);
    }
  }
  const KeyFunctions plain = key_functions(GetParam(), SimdTarget::kScalar);
  std::vector<NodeRecord> first_records;
  for (const SimdTarget target : supported_simd_targets()) {
    force_simd_target(target);
    auto graph = make_graph(options);
    insert_all(*graph, codes);
    EXPECT_TRUE(check_graph(*graph, 1).empty());
    SearchContext context;
    for (int i = 0; i < 10; ++i) {
      const TestCode& code = codes[static_cast<std::size_t>(i) * 31];
      const TestQuery query(options.format, code);
      std::vector<std::pair<std::uint32_t, NodeId>> expected;
      for (NodeId id = 1; id <= codes.size(); ++id) {
        expected.emplace_back(
            plain.key(query.get(), graph->code(id), graph->info(id), options.format), id);
      }
      std::sort(expected.begin(), expected.end());
      const auto found = search(*graph, nullptr, query.get(), 400, context);
      ASSERT_TRUE(found.ok());
      ASSERT_EQ(found->size(), expected.size());
      for (std::size_t j = 0; j < expected.size(); ++j) {
        ASSERT_EQ((*found)[j].key, expected[j].first);
        ASSERT_EQ((*found)[j].id, expected[j].second);
      }
    }
  }
  force_simd_target(supported);
}

INSTANTIATE_TEST_SUITE_P(AllKinds, SearchOfKind,
                         ::testing::Values(CodeKind::kInt8Global, CodeKind::kInt8ScaledL2,
                                           CodeKind::kInt8ScaledDot, CodeKind::kFloatL2,
                                           CodeKind::kFloatDot, CodeKind::kFloatL1,
                                           CodeKind::kBits));

}  // namespace
}  // namespace nearlite
