// A side file that is read by searches, as far as they need it: whatever happens to it meanwhile,
// answers and what is written later are the same as without (INVARIANT D5).
#include <unistd.h>

#include "image_file.h"

namespace nearlite::test {
namespace {

class PartialImageTest : public testing::TestWithParam<Metric> {
 protected:
  static constexpr RowId kRows = 1500;

  PartialImageTest()
      : options_(small_index(GetParam())),
        image_("partial_image"),
        vectors_(options_, run_seed(51)),
        file_(new_file(options_)),
        writer_(file_, options_) {
    options_.partial_bytes_min = 0;
    options_.tombstone_rebuild_pct = 100;  // the deleted stay
    writer_.index().options().tombstone_rebuild_pct = 100;
    for (RowId rowid = 1; rowid <= kRows; ++rowid)
      EXPECT_OK(writer_.insert(rowid, vectors_.next()));
    EXPECT_OK(writer_.commit());
    for (RowId rowid = 10; rowid <= kRows; rowid += 50) EXPECT_OK(writer_.erase(rowid));
    EXPECT_OK(writer_.commit());
    save();
  }

  void save() { image_.save(writer_.index()); }
  Bytes read() { return image_.read(); }
  void write(std::span<const std::byte> bytes) { image_.write(bytes); }
  std::unique_ptr<Connection> start(FileState& file, Slot slot = new_process()) {
    auto connection = std::make_unique<Connection>(file, options_, std::move(slot));
    connection->index().set_side_file({image_.path(), 0600, 0});
    return connection;
  }
  void expect_answers(Connection& connection, int count, std::uint32_t ef_search = 100) {
    for (int i = 0; i < count; ++i) {
      const Vector query = vectors_.next();
      const auto hits = connection.search(query, 10, false, nullptr, ef_search);
      ASSERT_TRUE(hits.ok()) << hits.status().message();
      ASSERT_EQ(hits->size(), 10U);
      if (ef_search >= 1000) expect_same_distances(*hits, connection.nearest(query, 10));
      for (const Hit& hit : *hits) {
        const auto row = connection.state().rows.find(hit.rowid);
        ASSERT_NE(row, connection.state().rows.end()) << hit.rowid;
        ASSERT_EQ(row->second.id, hit.id);
      }
    }
  }
  static bool is_partial(const Slot& slot) {
    return slot->get() && slot->get()->graph().is_partial();
  }

  IndexOptions options_;
  ImageFile image_;
  VectorSource vectors_;
  FileState file_;
  Connection writer_;
};

TEST_P(PartialImageTest, SearchesReadWhatTheyNeed) {
  const Slot slot = new_process();
  const auto connection = start(file_, slot);
  const Vector query = vectors_.next();
  ASSERT_TRUE(connection->search(query, 10, false, nullptr, 20).ok());
  ASSERT_TRUE(is_partial(slot));
  NodeId present_count = 0;
  for (NodeId id = 1; id <= kRows; ++id)
    present_count += slot->get()->graph().is_present(id) ? 1 : 0;
  EXPECT_LT(present_count, 1200U);
  EXPECT_EQ(slot->get()->save(image_.path() + ".part", 0600).code(), Code::kBusy);
  EXPECT_NE(access((image_.path() + ".part").c_str(), F_OK), 0);
  EXPECT_EQ(connection->index().image().status().code(), Code::kOk) << "needs the whole graph";
  EXPECT_FALSE(is_partial(slot));
  EXPECT_EQ(*connection->index().image(), read());
  expect_answers(*connection, 20);
  EXPECT_EQ(connection->index().stats()->image_load_count, 1U);
  EXPECT_EQ(connection->index().stats()->load_count, 0U);
}

TEST_P(PartialImageTest, AnswersAreThoseOfTheWholeGraph) {
  const auto connection = start(file_);
  for (int i = 0; i < 40; ++i) {
    const Vector query = vectors_.next();
    const auto hits = connection->search(query, 10, false, nullptr, 30);
    const auto right = writer_.search(query, 10, false, nullptr, 30);
    ASSERT_TRUE(hits.ok() && right.ok());
    ASSERT_EQ(hits->size(), right->size());
    for (std::size_t j = 0; j < hits->size(); ++j) ASSERT_EQ((*hits)[j].rowid, (*right)[j].rowid);
  }
  EXPECT_EQ(connection->problems(), "");
}

TEST_P(PartialImageTest, WritesTheSameAfterPart) {
  FileState copy = file_;
  const auto connection = start(copy);
  expect_answers(*connection, 2);
  VectorSource same(options_, 52);
  VectorSource vectors(options_, 52);
  for (RowId rowid = 5000; rowid < 5020; ++rowid) {
    ASSERT_OK(connection->insert(rowid, same.next()));
    ASSERT_OK(writer_.insert(rowid, vectors.next()));
    if (rowid % 3 == 0) {
      ASSERT_OK(connection->erase(rowid - 1));
      ASSERT_OK(writer_.erase(rowid - 1));
    }
    ASSERT_OK(connection->commit());
    ASSERT_OK(writer_.commit());
    ASSERT_EQ(connection->digest(), writer_.digest()) << "row " << rowid;
  }
  ASSERT_OK(connection->optimize());
  ASSERT_OK(writer_.optimize());
  ASSERT_OK(connection->commit());
  ASSERT_OK(writer_.commit());
  EXPECT_EQ(connection->digest(), writer_.digest());
  EXPECT_EQ(connection->problems(), "");
  EXPECT_EQ(connection->index().stats()->load_count, 0U);
}

TEST_P(PartialImageTest, CatchesUpWhatOthersCommit) {
  const Slot slot = new_process();
  const auto connection = start(file_, slot);
  expect_answers(*connection, 2);
  ASSERT_TRUE(is_partial(slot));
  for (RowId rowid = 5000; rowid < 5010; ++rowid) ASSERT_OK(writer_.insert(rowid, vectors_.next()));
  ASSERT_OK(writer_.erase(5));
  ASSERT_OK(writer_.commit());
  expect_answers(*connection, 5, 2000);
  EXPECT_EQ(connection->index().stats()->catch_up_count, 1U);
  EXPECT_EQ(connection->index().stats()->load_count, 0U);
  EXPECT_EQ(connection->problems(), "");
}

TEST_P(PartialImageTest, AnAgedImageIsReadWholeAndCaughtUp) {
  ASSERT_OK(writer_.insert(5000, vectors_.next()));
  ASSERT_OK(writer_.commit());
  const Slot slot = new_process();
  const auto connection = start(file_, slot);
  expect_answers(*connection, 2);
  EXPECT_FALSE(is_partial(slot));
  EXPECT_EQ(connection->index().stats()->image_load_count, 1U);
  EXPECT_EQ(connection->index().stats()->load_count, 0U);
}

// Truncated, overwritten or removed while searches still read from it.
TEST_P(PartialImageTest, TheFileMayChangeUnderASearch) {
  const Bytes image = read();
  IndexOptions others = options_;
  others.seed = 4711;
  FileState other = new_file(others);
  Connection creator(other, others);
  for (RowId rowid = 1; rowid <= kRows; ++rowid) ASSERT_OK(creator.insert(rowid, vectors_.next()));
  ASSERT_OK(creator.commit());
  const auto foreign = creator.index().image();
  ASSERT_TRUE(foreign.ok());
  FileState copy = file_;
  Connection later(copy, options_);
  ASSERT_OK(later.insert(5000, vectors_.next()));
  ASSERT_OK(later.commit());
  const auto newer = later.index().image();
  ASSERT_TRUE(newer.ok());
  const std::function<void()> accidents[] = {
      [&] { write({}); },
      [&] { write(std::span(image).first(image.size() / 2)); },
      [&] { write(Bytes(image.size(), std::byte{0xFF})); },
      [&] { write(*foreign); },
      [&] { write(*newer); },
      [&] { ASSERT_EQ(truncate(image_.path().c_str(), 144), 0); },
  };
  int number = 0;
  for (const auto& accident : accidents) {
    SCOPED_TRACE(number++);
    write(image);
    const auto connection = start(file_);
    ASSERT_TRUE(connection->search(vectors_.next(), 3, false, nullptr, 10).ok());
    accident();
    expect_answers(*connection, 30);
    EXPECT_EQ(connection->index().stats()->load_count, 1U) << "the rows decide";
    EXPECT_EQ(connection->last_path(), SearchPath::kGraph);
    EXPECT_EQ(connection->problems(), "");
  }
  write(image);
  const auto connection = start(file_);
  ASSERT_TRUE(connection->search(vectors_.next(), 3, false, nullptr, 10).ok());
  ASSERT_EQ(unlink(image_.path().c_str()), 0);
  expect_answers(*connection, 30);
  EXPECT_EQ(connection->index().stats()->load_count, 0U) << "what is open can be read";
  EXPECT_EQ(connection->problems(), "");
}

TEST_P(PartialImageTest, AWriterGoesOnFromTheRowsWhenTheImageIsDamaged) {
  const Bytes image = read();
  for (const bool is_search_first : {false, true}) {
    FileState copy = file_;
    Bytes damaged = image;
    damaged[damaged.size() - 40] ^= std::byte{1};  // in a record
    write(damaged);
    const auto connection = start(copy);
    if (is_search_first) {
      ASSERT_TRUE(connection->search(vectors_.next(), 3, false, nullptr, 5).ok());
    }
    ASSERT_OK(connection->insert(9000, vectors_.next()));
    ASSERT_OK(connection->commit());
    EXPECT_EQ(connection->problems(), "");
    expect_answers(*connection, 3, 2000);
    EXPECT_EQ(connection->index().stats()->load_count, 1U);
  }
}

TEST_P(PartialImageTest, DamagedRecordsChangeNoAnswer) {
  const Bytes image = read();
  Random random(run_seed(53));
  std::uint64_t noticed_count = 0;
  for (int i = 0; i < 60; ++i) {
    Bytes damaged = image;
    for (int j = 0; j < 30; ++j)
      damaged[random.below(damaged.size())] ^= static_cast<std::byte>(1 + random.below(255));
    write(damaged);
    const auto connection = start(file_);
    expect_answers(*connection, 4);
    EXPECT_EQ(connection->problems(), "");
    noticed_count += connection->index().stats()->load_count;
  }
  EXPECT_GT(noticed_count, 20U);
}

// Made by somebody who knows the checksums.
TEST_P(PartialImageTest, ForgedRecordsShowNobodyWhoIsNotThere) {
  const Bytes image = read();
  Random random(run_seed(54));
  for (int i = 0; i < 150; ++i) {
    write(forge(image, [&](SideFileHeader& header, Bytes& body) {
      const std::size_t first = i % 15 == 0 ? 0 : header.directory_bytes;
      for (int j = 0; j < 200; ++j) {
        const std::size_t at = first + random.below(body.size() - first);
        body[at] ^= std::byte{static_cast<unsigned char>(
            random.chance(50) ? 1 << random.below(8) : random.below(255) + 1)};
      }
    }));
    const auto connection = start(file_);
    for (int j = 0; j < 3; ++j) {
      const auto hits = connection->search(vectors_.next(), 20, false, nullptr, 200);
      if (!hits.ok()) {
        EXPECT_EQ(hits.status().code(), Code::kCorruption) << hits.status().message();
        continue;
      }
      EXPECT_EQ(hits->size(), 20U);
      for (const Hit& hit : *hits) EXPECT_TRUE(file_.rows.contains(hit.rowid)) << hit.rowid;
    }
    EXPECT_EQ(connection->problems(), "");
  }
}

// The rows say who is deleted, whatever the image says.
TEST_P(PartialImageTest, ForgedDeletionsAreNoticed) {
  write(forge(read(), [&](SideFileHeader& header, Bytes& body) {
    // Of the first node: a checksum, the rowid, then delete_seq.
    body[header.directory_bytes + 16] ^= std::byte{1};
  }));
  const auto connection = start(file_);
  expect_answers(*connection, 30);
  ASSERT_OK(connection->insert(9000, vectors_.next()));
  EXPECT_EQ(connection->index().stats()->load_count, 1U);
}

TEST_P(PartialImageTest, ALostDeletionIsNoticed) {
  std::uint64_t seq = 0;
  NodeId dead = kNodeNone;
  ASSERT_OK(file_.store.scan_dead(0, UINT64_MAX, 1, [&](std::uint64_t at, NodeId id) {
    seq = at;
    dead = id;
    return Status();
  }));
  ASSERT_OK(file_.store.erase_dead(seq, dead));
  const auto connection = start(file_);
  EXPECT_EQ(connection->search(vectors_.next(), 5, false, nullptr, 20).status().code(),
            Code::kCorruption);
}

TEST_P(PartialImageTest, ConditionsReadWhatMatches) {
  for (const NodeId step : {1U, 2U, 3U, 10U, 40U, 200U}) {
    SCOPED_TRACE(step);
    std::vector<NodeId> some;
    for (NodeId id = 7; id <= kRows; id += step) some.push_back(id);
    const Slot slot = new_process();
    const auto connection = start(file_, slot);
    const Vector query = vectors_.next();
    const auto hits = connection->search(query, 5, false, &some, 50);
    ASSERT_TRUE(hits.ok()) << hits.status().message();
    const SearchPath path = connection->last_path();
    EXPECT_EQ(is_partial(slot), path != SearchPath::kGraphAmong);
    const auto right = writer_.search(query, 5, false, &some, 50);
    ASSERT_EQ(path, writer_.last_path());
    ASSERT_EQ(hits->size(), right->size());
    for (std::size_t i = 0; i < hits->size(); ++i) ASSERT_EQ((*hits)[i].id, (*right)[i].id);
    if (step >= 40) {
      EXPECT_EQ(path, SearchPath::kMatching);
    }
  }
}

TEST_P(PartialImageTest, ConditionsOnADamagedFileAreAnsweredFromTheRows) {
  const Bytes image = read();
  for (const NodeId step : {1U, 3U, 40U}) {
    std::vector<NodeId> some;
    for (NodeId id = 7; id <= kRows; id += step) some.push_back(id);
    write(image);
    const auto connection = start(file_);
    ASSERT_TRUE(connection->search(vectors_.next(), 3, false, nullptr, 10).ok());
    write(Bytes(image.size(), std::byte{0xFF}));
    for (int i = 0; i < 4; ++i) {
      const Vector query = vectors_.next();
      const auto hits = connection->search(query, 5, false, &some, 2000);
      ASSERT_TRUE(hits.ok()) << hits.status().message();
      expect_same_distances(*hits, connection->nearest(query, 5, &some));
    }
    EXPECT_EQ(connection->index().stats()->load_count, 1U);
  }
}

// What compares all nodes gets all of them.
TEST_P(PartialImageTest, APageCompletesTheGraph) {
  const Slot slot = new_process();
  const auto connection = start(file_, slot);
  expect_answers(*connection, 1, 20);
  ASSERT_TRUE(is_partial(slot));
  const Vector query = vectors_.next();
  SearchRequest request;
  request.query = query;
  request.k = 10;
  request.complete = true;
  const auto hits = connection->index().search(request);
  ASSERT_TRUE(hits.ok()) << hits.status().message();
  expect_same_distances(*hits, connection->nearest(query, 10));
  EXPECT_FALSE(is_partial(slot));
}

INSTANTIATE_TEST_SUITE_P(, PartialImageTest,
                         testing::Values(Metric::kCosine, Metric::kL2, Metric::kHamming),
                         [](const auto& one) { return std::string(name_of(one.param)); });

}  // namespace
}  // namespace nearlite::test
