// The index against its definition, over random histories.
//
// Three connections in two processes run random statements in transactions that are serialised as
// SQLite would, with savepoints, refused and abandoned commits, maintenance, readers of old
// snapshots, and backups put back. After every commit every connection must answer as the table
// says, and memory must equal the rows.
//
// The same history runs again with more threads, with the connections reopened all the time, in
// one process, and from side files, without any of the searches: after every commit the index must
// have the same digest (INVARIANT G4; what is written depends on the statements alone).
#include <unistd.h>

#include <cstdio>
#include <set>

#include "connection.h"

namespace nearlite::test {
namespace {

struct Variant {
  const char* name = "";
  unsigned thread_count = 1;
  unsigned reopen_every = 0;  ///< transactions; 0 = never
  bool one_process = false;
  bool side_file = false;
  bool verify = false;
};

class History {
 public:
  History(const IndexOptions& options, std::uint64_t seed, const Variant& variant)
      : variant_(variant),
        options_(options),
        random_(seed),
        query_random_(seed + 1),
        vectors_(options, seed + 2),
        queries_(options, seed + 3),
        file_(new_file(options)) {
    options_.thread_count = variant.thread_count;
    if (variant.side_file) path_ = testing::TempDir() + "property_test." + std::to_string(getpid());
    for (int i = 0; i < 3; ++i) connections_.push_back(nullptr);
    reopen();
  }
  ~History() {
    if (!path_.empty()) std::remove(path_.c_str());
  }

  void run(int transaction_count) {
    for (int i = 0; i < transaction_count && !HasFailure(); ++i) {
      SCOPED_TRACE("transaction " + std::to_string(i) + " of run '" + variant_.name + "'");
      log_.clear();
      transaction();
      if (HasFailure()) std::fprintf(stderr, "statements: %s\n", log_.c_str());
      if (variant_.reopen_every != 0 && i % variant_.reopen_every == 0) reopen();
      if (random_.chance(3)) restore_backup();
      if (random_.chance(10)) {
        if (backups_.size() == 4) backups_.erase(backups_.begin());
        backups_.push_back(file_);
      }
      move_readers();
    }
  }

  [[nodiscard]] const std::vector<std::uint64_t>& digests() const { return digests_; }
  [[nodiscard]] int statement_count() const { return statement_count_; }
  [[nodiscard]] double recall() const {
    return wanted_count_ == 0 ? 1 : static_cast<double>(found_count_) / wanted_count_;
  }

 private:
  static bool HasFailure() { return testing::Test::HasFailure(); }

  void reopen() {
    Slot first = new_process();
    Slot second = variant_.one_process ? first : new_process();
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      connections_[i] = std::make_unique<Connection>(file_, options_, i == 2 ? second : first);
      if (!path_.empty()) connections_[i]->index().set_side_file({path_, 0600, 3});
    }
  }

  void transaction() {
    Connection& writer = *connections_[random_.below(connections_.size())];
    writer.begin();
    const std::uint64_t count = 1 + random_.below(random_.chance(50) ? 2 : 10);
    for (std::uint64_t i = 0; i < count && !HasFailure(); ++i) {
      statement(writer);
      if (variant_.verify && query_random_.chance(15)) {
        for (auto& connection : connections_) verify_answers(*connection);
      }
    }
    if (random_.chance(15)) {
      log_ += "rollback";
      writer.rollback();
    } else {
      ASSERT_OK(writer.commit());
      digests_.push_back(writer.digest());
    }
    if (variant_.verify) verify_all();
  }

  void statement(Connection& writer) {
    ++statement_count_;
    Rows& rows = writer.state().rows;
    const std::uint64_t choice = random_.below(1000);
    log_ += std::to_string(choice) + (writer.savepoint_count() > 0 ? "s " : " ");
    if (choice < 330) {
      ASSERT_OK(writer.insert(new_rowid(rows), vectors_.next()));
    } else if (choice < 430) {
      const std::uint64_t count = 2 + random_.below(rows.size() < 200 ? 40 : 10);
      for (std::uint64_t i = 0; i < count; ++i) {
        ASSERT_OK(writer.insert(new_rowid(rows), vectors_.next()));
      }
    } else if (choice < 560) {
      if (!rows.empty()) ASSERT_OK(writer.update(some_rowid(rows), vectors_.next()));
    } else if (choice < 720) {
      if (!rows.empty()) ASSERT_OK(writer.erase(some_rowid(rows)));
    } else if (choice < 770) {
      for (std::uint64_t i = rows.size() / (random_.chance(5) ? 1 : 8); i > 0; --i) {
        ASSERT_OK(writer.erase(some_rowid(rows)));
      }
    } else if (choice < 820) {
      writer.savepoint();
    } else if (choice < 880) {
      if (writer.savepoint_count() > 0) {
        writer.rollback_to(random_.below(writer.savepoint_count()));
      }
    } else if (choice < 910) {
      fail_statement(writer);
    } else if (choice < 950) {
      ASSERT_OK(writer.sync());
    } else if (choice < 970) {
      ASSERT_OK(writer.optimize());
    } else if (choice < 980) {
      ASSERT_OK(writer.compact());
    } else if (choice < 990) {
      ASSERT_OK(writer.rebuild());
    } else {
      ASSERT_EQ(writer.problems(), "");
    }
  }

  // A statement of several rows that is refused at the last one.
  void fail_statement(Connection& writer) {
    const std::size_t before = writer.savepoint();
    for (std::uint64_t i = random_.below(4); i > 0; --i) {
      Rows& rows = writer.state().rows;
      if (rows.empty() || random_.chance(50)) {
        ASSERT_OK(writer.insert(new_rowid(rows), vectors_.next()));
      } else {
        ASSERT_OK(writer.erase(some_rowid(rows)));
      }
    }
    ASSERT_FALSE(writer.insert(new_rowid(writer.state().rows), Vector(options_.dim + 1)).ok());
    writer.rollback_to(before);
  }

  void restore_backup() {
    if (backups_.empty()) return;
    for (auto& connection : connections_) connection->end_read();
    file_ = backups_[random_.below(backups_.size())];
    if (variant_.verify) verify_all();
  }

  void move_readers() {
    for (auto& connection : connections_) {
      if (random_.chance(8)) connection->begin_read();
      if (random_.chance(20)) connection->end_read();
    }
  }

  RowId new_rowid(const Rows& rows) {
    for (;;) {
      const auto rowid = static_cast<RowId>(random_.below(2000)) - 500;
      if (!rows.contains(rowid)) return rowid;
    }
  }
  RowId some_rowid(const Rows& rows) {
    auto row = rows.begin();
    std::advance(row, static_cast<std::ptrdiff_t>(random_.below(rows.size())));
    return row->first;
  }

  void verify_all() {
    std::set<std::uint64_t> digests;
    for (std::size_t i = 0; i < connections_.size() && !HasFailure(); ++i) {
      SCOPED_TRACE("connection " + std::to_string(i));
      Connection& connection = *connections_[i];
      verify_answers(connection);
      EXPECT_EQ(connection.problems(), "");
      if (&connection.state() == &file_) {
        digests.insert(connection.digest());
        if (connection.last_path() == SearchPath::kGraph) ++graph_count_;
      }
    }
    EXPECT_LE(digests.size(), 1U);
  }

  void verify_answers(Connection& connection) {
    const Vector query = queries_.next();
    const Rows& rows = connection.state().rows;
    const std::size_t k = 1 + query_random_.below(query_random_.chance(10) ? rows.size() + 3 : 12);
    std::vector<NodeId> allowed;
    const bool is_filtered = query_random_.chance(25);
    if (is_filtered) {
      for (const auto& [id, rowid] : connection.live()) {
        if (query_random_.chance(30)) allowed.push_back(id);
      }
    }
    const auto* filter = is_filtered ? &allowed : nullptr;
    const std::vector<Hit> right = connection.nearest(query, k, filter);

    const auto exact = connection.search(query, k, true, filter);
    ASSERT_TRUE(exact.ok()) << exact.status().message();
    ASSERT_EQ(exact->size(), right.size());
    for (std::size_t i = 0; i < right.size(); ++i) {
      EXPECT_EQ((*exact)[i].rowid, right[i].rowid);
      EXPECT_EQ((*exact)[i].distance, right[i].distance);
    }

    const auto hits = connection.search(query, k, false, filter);
    ASSERT_TRUE(hits.ok()) << hits.status().message();
    ASSERT_EQ(hits->size(), right.size()) << "k " << k << ", rows " << rows.size();
    std::set<RowId> seen;
    for (std::size_t i = 0; i < hits->size(); ++i) {
      const Hit& hit = (*hits)[i];
      EXPECT_TRUE(seen.insert(hit.rowid).second) << "row " << hit.rowid << " twice";
      const auto row = rows.find(hit.rowid);
      ASSERT_TRUE(row != rows.end()) << "row " << hit.rowid << " is not in the table";
      if (hit.id != kNodeNone || !options_.is_external) {
        EXPECT_EQ(hit.id, row->second.id);
      }
      EXPECT_EQ(hit.distance, reference::distance(options_.metric, query.data(),
                                                  row->second.values.data(), options_.dim));
      if (i > 0) {
        EXPECT_GE(hit.distance, (*hits)[i - 1].distance);
      }
      if (hit.distance <= right.back().distance) ++found_count_;
    }
    wanted_count_ += static_cast<int>(right.size());
  }

  Variant variant_;
  IndexOptions options_;
  Random random_;        // decides what happens: the same in all runs
  Random query_random_;  // decides what is looked at
  VectorSource vectors_;
  VectorSource queries_;
  FileState file_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<FileState> backups_;
  std::string path_;
  std::string log_;  // of the current transaction
  std::vector<std::uint64_t> digests_;
  int statement_count_ = 0;
  int graph_count_ = 0;
  int found_count_ = 0;
  int wanted_count_ = 0;
};

struct Kind {
  const char* name;
  Metric metric;
  std::uint32_t dim;
  std::uint32_t tombstone_rebuild_pct;
  std::uint64_t seed;  ///< of a history that once went wrong
  bool is_external = false;
};

class PropertyTest : public testing::TestWithParam<Kind> {};

// Attacks INVARIANT D1 (answers against a map of the rows) and INVARIANT G6 (digests).
TEST_P(PropertyTest, AnswersEqualTheTableAndDigestsDependOnStatementsAlone) {
  const std::uint64_t seed = run_seed(GetParam().seed);
  SCOPED_TRACE("repeat with NEARLITE_SEED=" + std::to_string(seed) +
               " unit_index --gtest_filter=*Property*" + GetParam().name);
  IndexOptions options = small_index(GetParam().metric, GetParam().dim);
  options.tombstone_rebuild_pct = GetParam().tombstone_rebuild_pct;
  options.is_external = GetParam().is_external;
  constexpr int kTransactions = 150;

  Variant plain{.name = "plain", .verify = true};
  History first(options, seed, plain);
  first.run(kTransactions);
  ASSERT_FALSE(HasFailure());
  EXPECT_GT(first.statement_count(), kTransactions);
  EXPECT_GE(first.recall(), 0.9);

  const Variant variants[] = {
      {.name = "two threads", .thread_count = 2},
      {.name = "reopened after every transaction", .reopen_every = 1},
      {.name = "reopened now and then, one process", .reopen_every = 7, .one_process = true},
      {.name = "from side files", .reopen_every = 4, .side_file = true},
  };
  for (const Variant& variant : variants) {
    History again(options, seed, variant);
    again.run(kTransactions);
    ASSERT_FALSE(HasFailure());
    ASSERT_EQ(again.digests().size(), first.digests().size());
    for (std::size_t i = 0; i < first.digests().size(); ++i) {
      ASSERT_EQ(again.digests()[i], first.digests()[i])
          << "'" << variant.name << "' differs after commit " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, PropertyTest,
                         testing::Values(Kind{"Cosine", Metric::kCosine, 20, 30, 2},
                                         Kind{"L2", Metric::kL2, 20, 10, 67},
                                         Kind{"L2Dying", Metric::kL2, 20, 10, 40},
                                         Kind{"Ip", Metric::kIp, 20, 0, 5},
                                         Kind{"L1", Metric::kL1, 6, 20, 20'260'801},
                                         Kind{"Hamming", Metric::kHamming, 40, 100, 11},
                                         Kind{"ExternalCosine", Metric::kCosine, 20, 30, 2, true},
                                         Kind{"ExternalL2", Metric::kL2, 20, 10, 40, true}),
                         [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace nearlite::test
