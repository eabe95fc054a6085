// Vectors that a small index keeps in memory: what is found is what was kept, whoever else writes
// there, and a search that finds them does not read them again.
#include "index/kept_vectors.h"

#include <atomic>
#include <thread>

#include "base/hash.h"
#include "connection.h"

namespace nearlite::test {
namespace {

constexpr std::size_t kBytes = 48;
constexpr std::uint64_t kBytesMax = 1 << 20;

std::vector<std::byte> bytes_of(std::uint64_t number) {
  std::vector<std::byte> bytes(kBytes);
  for (std::size_t i = 0; i < kBytes; ++i) bytes[i] = static_cast<std::byte>(number * 31 + i);
  return bytes;
}

KnownVector known_of(NodeId id, std::uint64_t number) { return {id, hash64(bytes_of(number))}; }

// What is found; empty when nothing is.
std::vector<std::byte> find(KeptVectors& kept, const KnownVector& wanted) {
  std::vector<std::byte> found;
  kept.find(wanted,
            [&](std::span<const std::byte> bytes) { found.assign(bytes.begin(), bytes.end()); });
  return found;
}

TEST(KeptVectorsTest, FindsWhatWasKept) {
  KeptVectors kept(kBytes, kBytesMax);
  EXPECT_EQ(kept.memory_bytes(), 0U);
  EXPECT_TRUE(find(kept, known_of(7, 1)).empty());
  LinesAhead lines;
  kept.expect(7, lines);
  lines.fetch();
  kept.keep(known_of(7, 1), bytes_of(1));
  kept.keep(known_of(8, 2), bytes_of(2));
  kept.expect(7, lines);
  lines.fetch();
  EXPECT_EQ(find(kept, known_of(7, 1)), bytes_of(1));
  EXPECT_EQ(find(kept, known_of(8, 2)), bytes_of(2));
  EXPECT_TRUE(find(kept, known_of(7, 2)).empty()) << "another vector than the one kept";
  EXPECT_TRUE(find(kept, known_of(9, 1)).empty());
  EXPECT_GT(kept.memory_bytes(), 2 * kBytes);
}

TEST(KeptVectorsTest, OneMakesWayForAnotherOfItsPlace) {
  KeptVectors kept(kBytes, kBytesMax);
  const NodeId other = 7 + static_cast<NodeId>(kBytesMax / kAlignment);
  kept.keep(known_of(7, 1), bytes_of(1));
  kept.keep(known_of(other, 2), bytes_of(2));
  EXPECT_TRUE(find(kept, known_of(7, 1)).empty());
  EXPECT_EQ(find(kept, known_of(other, 2)), bytes_of(2));
}

TEST(KeptVectorsTest, NothingMakesWayWhileItIsRead) {
  KeptVectors kept(kBytes, kBytesMax);
  kept.keep(known_of(7, 1), bytes_of(1));
  kept.find(known_of(7, 1), [&](std::span<const std::byte> bytes) {
    kept.keep(known_of(7, 2), bytes_of(2));
    EXPECT_EQ(std::vector(bytes.begin(), bytes.end()), bytes_of(1));
    EXPECT_EQ(find(kept, known_of(7, 1)), bytes_of(1)) << "two may read at once";
  });
  EXPECT_EQ(find(kept, known_of(7, 1)), bytes_of(1));
  kept.keep(known_of(7, 2), bytes_of(2));
  EXPECT_EQ(find(kept, known_of(7, 2)), bytes_of(2)) << "nobody reads any more";
}

TEST(KeptVectorsTest, SuitsSmallIndexesOnly) {
  EXPECT_TRUE(KeptVectors::suits(0, 1536, 1536));
  EXPECT_TRUE(KeptVectors::suits(1, 1536, 1536));
  EXPECT_FALSE(KeptVectors::suits(2, 1536, 3071));
  EXPECT_FALSE(KeptVectors::suits(0, 1536, 1535)) << "no place at all";
  EXPECT_FALSE(KeptVectors::suits(0, 1536, 0));
  EXPECT_FALSE(KeptVectors::suits(2, 1, 64)) << "short vectors take a cache line each";
  EXPECT_FALSE(KeptVectors::suits(0, 0, kBytesMax));
}

TEST(KeptVectorsTest, ThreadsFindWholeVectors) {
  KeptVectors kept(kBytes, kBytesMax);
  const auto stride = static_cast<NodeId>(kBytesMax / kAlignment);
  std::atomic<int> wrong{0};
  std::atomic<int> found{0};
  const auto work = [&](std::uint64_t worker) {
    for (std::uint64_t i = 0; i < 20'000; ++i) {
      // Each twice: a thread that nobody disturbs finds what it has kept.
      const std::uint64_t number = (i / 2 * 7 + worker) % 12;
      const NodeId id = static_cast<NodeId>(number % 3) + stride * static_cast<NodeId>(number / 3);
      const std::vector<std::byte> bytes = find(kept, known_of(id, number));
      if (bytes.empty()) {
        kept.keep(known_of(id, number), bytes_of(number));
      } else {
        ++found;
        if (bytes != bytes_of(number)) ++wrong;
      }
    }
  };
  std::vector<std::jthread> threads;
  for (std::uint64_t worker = 0; worker < 4; ++worker) threads.emplace_back(work, worker);
  threads.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(found, 0);
}

class KeptInAnIndexTest : public testing::Test {
 protected:
  static constexpr std::uint32_t kDim = 40;

  // Store calls that the second of two equal searches makes.
  std::uint64_t calls_of_second(Connection& connection, const Vector& query,
                                std::vector<Hit>& hits) {
    EXPECT_OK(connection.search(query, 5).status());
    const std::uint64_t before = connection.store().call_count();
    auto second = connection.search(query, 5);
    EXPECT_OK(second.status());
    hits = std::move(*second);
    return connection.store().call_count() - before;
  }
};

TEST_F(KeptInAnIndexTest, SecondSearchReadsNoVectors) {
  const IndexOptions options = small_index(Metric::kL2, kDim);
  FileState file = new_file(options);
  Connection connection(file, options);
  VectorSource vectors(options, run_seed(3));
  for (RowId rowid = 1; rowid <= 200; ++rowid) {
    ASSERT_OK(connection.insert(rowid, vectors.next()));
  }
  ASSERT_OK(connection.commit());
  const Vector query = vectors.next();
  std::vector<Hit> hits;
  EXPECT_EQ(calls_of_second(connection, query, hits), 1U) << "the last commit, and nothing else";
  expect_same_distances(hits, connection.nearest(query, 5));

  // Rows that change are other nodes; a rollback gives their ids to others again.
  for (int round = 0; round < 3; ++round) {
    for (RowId rowid = 1; rowid <= 20; ++rowid) {
      Vector near = query;
      near[0] += static_cast<float>(rowid * (round + 1)) * 1e-3F;
      ASSERT_OK(connection.update(rowid, near));
    }
    calls_of_second(connection, query, hits);
    expect_same_distances(hits, connection.nearest(query, 5));
    if (round == 1) {
      connection.rollback();
    } else {
      ASSERT_OK(connection.commit());
    }
    calls_of_second(connection, query, hits);
    expect_same_distances(hits, connection.nearest(query, 5));
  }
}

TEST_F(KeptInAnIndexTest, NotOfALargeOne) {
  IndexOptions options = small_index(Metric::kL2, kDim);
  options.kept_bytes_max = 192 * 100;  // of 100 rows
  FileState file = new_file(options);
  Connection connection(file, options);
  VectorSource vectors(options, run_seed(3));
  for (RowId rowid = 1; rowid <= 100; ++rowid) ASSERT_OK(connection.insert(rowid, vectors.next()));
  ASSERT_OK(connection.commit());
  const Vector query = vectors.next();
  std::vector<Hit> hits;
  EXPECT_EQ(calls_of_second(connection, query, hits), 1U);
  const auto small = connection.index().stats();
  ASSERT_OK(small.status());
  ASSERT_OK(connection.insert(5000, vectors.next()));
  ASSERT_OK(connection.commit());
  EXPECT_GT(calls_of_second(connection, query, hits), 1U);
  const auto large = connection.index().stats();
  ASSERT_OK(large.status());
  EXPECT_LT(large->memory_bytes, small->memory_bytes) << "what was kept is given back";
}

}  // namespace
}  // namespace nearlite::test
