// The image of an index, in a side file or as bytes: a hint. Whatever is wrong with it, answers and
// what is written later are the same as without (INVARIANT D5).
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <limits>

#include "connection.h"
#include "image_file.h"

namespace nearlite::test {
namespace {

class SideImageTest : public testing::TestWithParam<Metric> {
 protected:
  SideImageTest()
      : options_(small_index(GetParam())),
        image_("side_image"),
        vectors_(options_, run_seed(31)),
        file_(new_file(options_)),
        writer_(file_, options_) {
    options_.tombstone_rebuild_pct = 20;
    writer_.index().options().tombstone_rebuild_pct = 20;
    for (int i = 0; i < 60; ++i) change(i);
  }

  /// A commit: a few rows come, every other time one goes.
  void change(int i) {
    for (RowId rowid = 10 * i; rowid < 10 * i + 3; ++rowid) {
      EXPECT_OK(writer_.insert(rowid, vectors_.next()));
    }
    if (i > 4) EXPECT_OK(writer_.erase(10 * (i - 3)));
    EXPECT_OK(writer_.commit());
  }
  void save() { image_.save(writer_.index()); }
  Bytes read() { return image_.read(); }
  void write(std::span<const std::byte> bytes) { image_.write(bytes); }
  /// A new process that may start from the side file. Returns whether it did.
  bool start_and_check(FileState& file) {
    Connection connection(file, options_);
    connection.index().set_side_file({image_.path(), 0600, 0});
    for (int i = 0; i < 3; ++i) {
      const Vector query = vectors_.next();
      const auto hits = connection.search(query, 10, false, nullptr, 1000);
      EXPECT_TRUE(hits.ok()) << hits.status().message();
      if (hits.ok()) expect_same_distances(*hits, connection.nearest(query, 10));
    }
    EXPECT_EQ(connection.last_path(), SearchPath::kGraph);
    EXPECT_EQ(connection.problems(), "");
    const auto stats = connection.index().stats();
    return stats->image_load_count == 1 && stats->load_count == 0;
  }

  IndexOptions options_;
  ImageFile image_;
  VectorSource vectors_;
  FileState file_;
  Connection writer_;
};

TEST_P(SideImageTest, StartsFromTheImageAndWritesTheSame) {
  save();
  EXPECT_TRUE(start_and_check(file_));
  struct stat info {};
  ASSERT_EQ(stat(image_.path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);

  FileState copy = file_;
  Connection with_image(copy, options_);
  with_image.index().set_side_file({image_.path(), 0600, 0});
  VectorSource same(options_, 32);
  VectorSource vectors(options_, 32);
  for (RowId rowid = 5000; rowid < 5040; ++rowid) {
    ASSERT_OK(with_image.insert(rowid, same.next()));
    ASSERT_OK(writer_.insert(rowid, vectors.next()));
    if (rowid % 3 == 0) {
      ASSERT_OK(with_image.erase(rowid - 1));
      ASSERT_OK(writer_.erase(rowid - 1));
    }
    if (rowid == 5020) {
      ASSERT_OK(with_image.optimize());
      ASSERT_OK(writer_.optimize());
    }
    ASSERT_OK(with_image.commit());
    ASSERT_OK(writer_.commit());
    ASSERT_EQ(with_image.digest(), writer_.digest()) << "row " << rowid;
  }
  EXPECT_EQ(with_image.index().stats()->image_load_count, 1U);
  EXPECT_EQ(with_image.problems(), "");
}

TEST_P(SideImageTest, AgedImageCatchesUp) {
  save();
  for (int i = 60; i < 100; ++i) {
    change(i);
    if (i % 8 == 0) {
      EXPECT_TRUE(start_and_check(file_));
    }
  }
  ASSERT_OK(writer_.optimize());  // purges what died since: the image cannot follow
  ASSERT_OK(writer_.commit());
  start_and_check(file_);
  ASSERT_OK(writer_.rebuild());
  ASSERT_OK(writer_.commit());
  EXPECT_FALSE(start_and_check(file_));
}

TEST_P(SideImageTest, TruncatedImageIsIgnored) {
  save();
  const Bytes image = read();
  ASSERT_GT(image.size(), 10'000U);
  for (std::size_t size = 0; size < image.size(); size += 97 * 3) {
    write(std::span(image).first(size));
    ASSERT_FALSE(start_and_check(file_)) << size;
    Connection connection(file_, options_);
    for (std::size_t exact = size; exact < std::min(size + 97 * 3, image.size()); exact += 97) {
      const auto status = connection.index().take_image(std::span(image).first(exact));
      ASSERT_EQ(status.code(), Code::kCorruption) << exact;
    }
    if (HasFailure()) return;
  }
  write(image);
  EXPECT_TRUE(start_and_check(file_));
}

TEST_P(SideImageTest, FlippedBytesAreNoticed) {
  save();
  const Bytes image = read();
  Random random(run_seed(33));
  Connection connection(file_, options_);
  for (std::size_t at = 0; at < image.size(); at += at < 160 ? 1 : 1 + random.below(199)) {
    Bytes damaged = image;
    damaged[at] ^= std::byte{static_cast<unsigned char>(1 + random.below(255))};
    ASSERT_EQ(connection.index().take_image(damaged).code(), Code::kCorruption) << at;
    if (random.below(40) != 0) continue;
    write(damaged);
    ASSERT_FALSE(start_and_check(file_)) << at;
  }
  Bytes longer = image;
  longer.push_back(std::byte{0});
  EXPECT_EQ(connection.index().take_image(longer).code(), Code::kCorruption);
}

// Made by somebody who knows the checksums: it may cost recall, or the search finds that it does
// not fit the rows; but it does not change who is in the table, and nothing crashes.
TEST_P(SideImageTest, ForgedImageShowsNobodyWhoIsNotThere) {
  const auto image = writer_.index().image();
  ASSERT_TRUE(image.ok());
  for (int i = 60; i < 64; ++i) change(i);  // it has to catch up, too
  Random random(run_seed(34));
  int taken = 0;
  for (int i = 0; i < 300; ++i) {
    const Bytes forged = forge(*image, [&](SideFileHeader& head, Bytes& body) {
      if (i % 10 == 0) {
        CommitRecord& at = head.at;
        std::uint64_t* fields[] = {&at.live_count, &at.dead_count, &at.purge_floor,
                                   &at.unlink_floor, &head.node_count};
        *fields[random.below(5)] += random.chance(50) ? 1 : UINT64_MAX - 7;
      } else if (i % 10 == 1) {
        head.at.max_node_id = kNodeIdMax - static_cast<NodeId>(random.below(100));
      } else {
        body[random.below(body.size())] ^= std::byte{static_cast<unsigned char>(
            random.chance(50) ? 1 << random.below(8) : random.below(255) + 1)};
      }
    });
    Connection connection(file_, options_);
    const Status status = connection.index().take_image(forged);
    if (!status.ok()) {
      ASSERT_EQ(status.code(), Code::kCorruption) << status.message();
    } else {
      ++taken;
      EXPECT_GT(i % 10, 1);
    }
    const auto hits = connection.search(vectors_.next(), 20, false, nullptr, 1000);
    if (!hits.ok()) {
      EXPECT_EQ(hits.status().code(), Code::kCorruption) << hits.status().message();
      continue;
    }
    EXPECT_EQ(hits->size(), 20U);
    for (const Hit& hit : *hits) EXPECT_TRUE(file_.rows.contains(hit.rowid)) << hit.rowid;
  }
  EXPECT_GT(taken, 50);
}

TEST_P(SideImageTest, ImageThatForgesADeletionIsNotTaken) {
  const auto image = writer_.index().image();
  ASSERT_TRUE(image.ok());
  const std::uint64_t seq = writer_.index().stats()->seq;
  int refused = 0;
  for (const std::uint64_t forged_seq : {std::uint64_t{0}, std::uint64_t{1}, seq, seq + 1}) {
    std::uint64_t right_seq = 0;
    const Bytes forged = forge(*image, [&](SideFileHeader& head, Bytes& body) {
      // Of the first node: a checksum, the rowid, then delete_seq.
      std::byte* const at = body.data() + head.directory_bytes + 8 + 8;
      std::memcpy(&right_seq, at, sizeof(right_seq));
      std::memcpy(at, &forged_seq, sizeof(forged_seq));
    });
    if (right_seq == forged_seq) continue;
    Connection connection(file_, options_);
    EXPECT_EQ(connection.index().take_image(forged).code(), Code::kCorruption);
    ++refused;
  }
  EXPECT_GE(refused, 3);
}

TEST_P(SideImageTest, ImageOfAnotherIndexIsIgnored) {
  IndexOptions others = options_;
  others.seed = 4711;
  FileState other = new_file(others);
  Connection creator(other, others);
  for (RowId rowid = 0; rowid < 50; ++rowid) ASSERT_OK(creator.insert(rowid, vectors_.next()));
  ASSERT_OK(creator.commit());
  creator.index().set_side_file({image_.path(), 0600, 0});
  ASSERT_OK(creator.index().save());
  EXPECT_FALSE(start_and_check(file_));
  EXPECT_EQ(writer_.index().take_image(read()).code(), Code::kCorruption);
}

TEST_P(SideImageTest, ImageAheadOfTheFileOrOfAForkIsIgnored) {
  FileState old = file_;
  change(60);
  save();
  EXPECT_FALSE(start_and_check(old));
  // Another history of the same length and shape.
  Connection forker(old, options_);
  for (RowId rowid = 600; rowid < 603; ++rowid) {
    ASSERT_OK(forker.insert(rowid, vectors_.next()));
  }
  ASSERT_OK(forker.erase(570));
  ASSERT_OK(forker.commit());
  EXPECT_EQ(forker.index().stats()->live_count, writer_.index().stats()->live_count);
  EXPECT_FALSE(start_and_check(old));
  ASSERT_OK(forker.insert(9000, vectors_.next()));
  ASSERT_OK(forker.commit());
  EXPECT_FALSE(start_and_check(old));
}

TEST_P(SideImageTest, ImageOfAnOpenTransactionIsThatOfTheLastCommit) {
  const std::uint64_t seq = writer_.index().stats()->seq;
  ASSERT_OK(writer_.insert(9000, vectors_.next()));
  ASSERT_OK(writer_.erase(301));
  ASSERT_OK(writer_.sync());
  save();
  EXPECT_EQ(writer_.index().image().status().code(), Code::kBusy);
  EXPECT_EQ(writer_.index().take_image({}).code(), Code::kBusy);
  writer_.rollback();
  EXPECT_EQ(writer_.index().stats()->seq, seq);
  EXPECT_TRUE(start_and_check(file_));
}

TEST_P(SideImageTest, ImageAsBytesComesAndGoes) {
  const auto image = writer_.index().image();
  ASSERT_TRUE(image.ok()) << image.status().message();
  save();
  EXPECT_EQ(*image, read());
  change(60);
  Connection connection(file_, options_);
  ASSERT_OK(connection.index().take_image(*image));
  const Vector query = vectors_.next();
  expect_same_distances(*connection.search(query, 10, false, nullptr, 1000),
                        connection.nearest(query, 10));
  EXPECT_EQ(connection.problems(), "");
  EXPECT_EQ(connection.index().stats()->load_count, 0U);
}

TEST_P(SideImageTest, ImageOfAnEmptyIndex) {
  FileState empty = new_file(options_);
  Connection creator(empty, options_);
  creator.index().set_side_file({image_.path(), 0600, 0});
  ASSERT_OK(creator.index().save());
  FileState file = empty;
  Connection connection(file, options_);
  connection.index().set_side_file({image_.path(), 0600, 0});
  EXPECT_TRUE(connection.search(vectors_.next(), 3)->empty());
  EXPECT_EQ(connection.index().stats()->image_load_count, 1U);
  ASSERT_OK(connection.insert(1, vectors_.next()));
  ASSERT_OK(connection.commit());
  EXPECT_EQ(connection.problems(), "");
  EXPECT_TRUE(start_and_check(file));
}

TEST_P(SideImageTest, IsSavedAsOftenAsAsked) {
  const auto save_count = [&] { return writer_.index().stats()->save_count; };
  writer_.index().set_side_file({image_.path(), 0600, 0});
  change(60);
  EXPECT_EQ(save_count(), 0U);
  EXPECT_NE(access(image_.path().c_str(), F_OK), 0);
  writer_.index().close();
  EXPECT_EQ(access(image_.path().c_str(), F_OK), 0);
  EXPECT_TRUE(start_and_check(file_));

  writer_.index().set_side_file({image_.path(), 0600, 3});
  for (int i = 61; i < 70; ++i) change(i);
  EXPECT_EQ(save_count(), 3U);

  writer_.index().set_side_file({image_.path(), 0600, kSideFileAmortized});
  for (int i = 70; i < 80; ++i) change(i);
  EXPECT_EQ(save_count(), 4U) << "30 of about 200 rows changed";

  writer_.index().remove_side_file();
  EXPECT_NE(access(image_.path().c_str(), F_OK), 0);
  EXPECT_FALSE(start_and_check(file_));
}

TEST_P(SideImageTest, PathThatCannotBeWrittenFailsNoCommit) {
  writer_.index().set_side_file({"/nowhere/at/all.image", 0600, 1});
  change(60);
  EXPECT_FALSE(writer_.index().save().ok());
  EXPECT_EQ(writer_.problems(), "");
  EXPECT_EQ(writer_.index().stats()->save_count, 0U);
}

// Large enough for several threads: the vectors are coded, and the image is read, in parts.
class LargeIndexTest : public testing::Test {
 protected:
  static constexpr RowId kRows = 9000;

  LargeIndexTest()
      : options_(small_index(Metric::kL2)),
        vectors_(options_, run_seed(35)),
        file_(new_file(options_)),
        writer_(file_, options_) {
    writer_.index().options().thread_count = 2;
    for (RowId rowid = 1; rowid <= kRows; ++rowid)
      EXPECT_OK(writer_.insert(rowid, vectors_.next()));
    EXPECT_OK(writer_.commit());
    for (RowId rowid = 1; rowid <= kRows; rowid += 100) EXPECT_OK(writer_.erase(rowid));
    EXPECT_OK(writer_.commit());
  }
  /// The image of an index that another process loads from the rows.
  Bytes loaded_image(unsigned thread_count) {
    Connection connection(file_, options_);
    connection.index().options().thread_count = thread_count;
    const auto image = connection.index().image();
    EXPECT_OK(image.status());
    return image.ok() ? *image : Bytes();
  }

  IndexOptions options_;
  VectorSource vectors_;
  FileState file_;
  Connection writer_;
};

TEST_F(LargeIndexTest, ThreadsLoadTheSame) {
  const Bytes image = loaded_image(1);
  EXPECT_EQ(loaded_image(4), image);
  for (const unsigned thread_count : {1U, 4U}) {
    Connection connection(file_, options_);
    connection.index().options().thread_count = thread_count;
    ASSERT_OK(connection.index().take_image(image));
    const auto again = connection.index().image();
    ASSERT_OK(again.status());
    EXPECT_EQ(*again, image) << thread_count;
    EXPECT_EQ(connection.problems(), "");
  }
}

TEST_F(LargeIndexTest, ThreadsNoticeADamagedVector) {
  // There is no code of infinity; the slots are whole, so that only coding can notice.
  const VectorLayout layout = file_.store.layout();
  Bytes vector(layout.vector_bytes);
  const float infinity = std::numeric_limits<float>::infinity();
  std::memcpy(vector.data(), &infinity, sizeof infinity);
  for (const NodeId id : {8000U, 3001U, 3000U, 8900U}) {
    MemoryStore::Bytes& block = file_.store.blocks.at(layout.block_of(id));
    encode_slot(layout, id, id, vector,
                std::span(block).subspan(layout.offset_of(id), layout.slot_bytes()));
  }
  for (const unsigned thread_count : {1U, 4U, 4U, 4U}) {
    Connection connection(file_, options_);
    connection.index().options().thread_count = thread_count;
    const Status status = connection.index().image().status();
    EXPECT_EQ(status.code(), Code::kCorruption) << status.message();
    EXPECT_EQ(status.message(), "nearlite: t.v: a stored vector is not finite") << thread_count;
  }
}

TEST_F(LargeIndexTest, AScanNoticesADamagedVector) {
  const VectorLayout layout = file_.store.layout();
  for (const float bad :
       {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    Bytes vector(layout.vector_bytes);
    std::memcpy(vector.data() + layout.vector_bytes - sizeof bad, &bad, sizeof bad);
    MemoryStore::Bytes& block = file_.store.blocks.at(layout.block_of(5'000));
    encode_slot(layout, 5'000, 5'000, vector,
                std::span(block).subspan(layout.offset_of(5'000), layout.slot_bytes()));
    Connection connection(file_, options_);
    const std::vector<float> query = vectors_.next();
    SearchRequest request;
    request.query = query;
    request.k = 3;
    request.exact = true;
    const Status status = connection.index().search(request).status();
    EXPECT_EQ(status.code(), Code::kCorruption);
    EXPECT_EQ(status.message(), "nearlite: t.v: a stored vector is not finite");
  }
}

TEST_F(LargeIndexTest, ThreadsNoticeForgedImages) {
  const Bytes image = loaded_image(2);
  Random random(run_seed(36));
  int refused = 0;
  for (int i = 0; i < 40; ++i) {
    const Bytes forged = forge(image, [&](SideFileHeader&, Bytes& body) {
      for (int j = 0; j < 20; ++j)
        body[random.below(body.size())] ^= static_cast<std::byte>(1 + random.below(255));
    });
    Connection connection(file_, options_);
    connection.index().options().thread_count = 4;
    const Status status = connection.index().take_image(forged);
    if (!status.ok()) {
      ++refused;
      ASSERT_EQ(status.code(), Code::kCorruption) << status.message();
      continue;
    }
    const auto hits = connection.search(vectors_.next(), 20, false, nullptr, 1000);
    if (hits.ok()) continue;
    EXPECT_EQ(hits.status().code(), Code::kCorruption) << hits.status().message();
  }
  EXPECT_GT(refused, 10);
}

INSTANTIATE_TEST_SUITE_P(, SideImageTest,
                         testing::Values(Metric::kCosine, Metric::kL2, Metric::kHamming),
                         [](const auto& one) { return std::string(name_of(one.param)); });

}  // namespace
}  // namespace nearlite::test
