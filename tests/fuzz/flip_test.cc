// A flipped byte in any page of the index gives the same answer or a clean error, never a wrong
// answer; and 'rebuild' mends it wherever SQLite itself can still read the tables.
//
// Index pages are those of all shadow tables but <t>_rows, whose content is the user's. Every byte
// in turn is changed (NEARLITE_FLIPS: how many at most, spread evenly; by default a sample).
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "fuzz/image.h"
#include "support/check_database.h"
#include "support/database.h"
#include "support/random.h"
#include "support/scripts.h"
#include "support/sweep.h"
#include "support/vectors.h"

namespace nearlite::test {
namespace {

constexpr std::size_t kPageBytes = 1024;

void make_rows(Database& database) {
  database.must("PRAGMA page_size=1024");
  database.must(
      "CREATE VIRTUAL TABLE t USING hnsw(v float[8] metric=l2, lang text,"
      " m=4, ef_construction=40, ef_search=100)");
  VectorSource source(VectorSource::Shape{.dim = 8}, 3);
  for (std::int64_t i = 1; i <= 70; ++i) {
    database.run(
        "INSERT INTO t(rowid, v, lang) VALUES(?1, ?2, ?3)",
        {i, encode(Element::kFloat, source.next()), std::string(i % 2 == 0 ? "en" : "de")});
  }
  database.must("DELETE FROM t WHERE rowid IN (3, 9, 17, 44, 60)");
  database.must("UPDATE t SET v = (SELECT v FROM t WHERE rowid = 5) WHERE rowid = 6");
}

void deserialize(Database& database, const Blob& image) {
  auto* copy = static_cast<unsigned char*>(sqlite3_malloc64(image.size()));
  std::memcpy(copy, image.data(), image.size());
  const auto size = static_cast<sqlite3_int64>(image.size());
  sqlite3_deserialize(database.handle(), "main", copy, size, size,
                      SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE);
}

const char* const kQuestions[] = {
    "SELECT rowid, distance FROM t WHERE v MATCH (SELECT v FROM t WHERE rowid = 11) AND k = 70"
    " ORDER BY distance, rowid",
    "SELECT rowid, distance FROM t WHERE v MATCH (SELECT v FROM t WHERE rowid = 5) AND k = 8"
    " ORDER BY distance, rowid",
    "SELECT rowid, distance FROM t WHERE v MATCH (SELECT v FROM t WHERE rowid = 23) AND k = 9"
    " AND exact = 1 ORDER BY distance, rowid",
    "SELECT rowid, distance FROM t WHERE v MATCH (SELECT v FROM t WHERE rowid = 31) AND k = 9"
    " AND lang = 'en' ORDER BY distance, rowid",
    "SELECT rowid, v, lang FROM t ORDER BY rowid",
};

struct Answer {
  int code = SQLITE_OK;
  Rows rows;
};

std::vector<Answer> ask(Database& database) {
  std::vector<Answer> answers;
  for (const char* question : kQuestions) {
    Answer answer;
    answer.code = database.run(question, {}, &answer.rows);
    answers.push_back(std::move(answer));
  }
  return answers;
}

struct Tally {
  std::uint64_t flips = 0;
  std::uint64_t same = 0;
  std::uint64_t errors = 0;
  std::uint64_t mended = 0;
  std::uint64_t damaged = 0;  ///< flips that change what SQL reads from the index's tables
  std::uint64_t noticed = 0;  ///< of these: nearlite_check or quick_check says so
  std::vector<std::string> wrong;
  std::vector<std::string> overlooked;
};

class Flips {
 public:
  explicit Flips(const std::string& tables) {
    setenv("NEARLITE_THREADS", "1", 0);
    Database database(":memory:");
    make_rows(database);
    truth_ = ask(database);
    content_ = content_of(database);
    index_rows_ = index_rows(database);
    Rows pages;
    const int code = database.run(
        "SELECT pageno, name FROM dbstat WHERE name LIKE 't\\_%' ESCAPE '\\' AND name " + tables,
        {}, &pages);
    if (code != SQLITE_OK) throw std::runtime_error(database.message());
    for (const Row& row : pages)
      pages_.emplace_back(static_cast<std::size_t>(std::get<std::int64_t>(row[0])),
                          std::get<std::string>(row[1]));
    image_ = serialize(database);
  }

  Tally run(std::uint64_t limit, std::uint64_t seed) {
    Tally tally;
    const std::uint64_t total = pages_.size() * kPageBytes;
    const std::uint64_t stride = std::max<std::uint64_t>(1, total / limit);
    for (std::uint64_t n = seed % stride; n < total; n += stride) {
      Random random(mix(seed, n));
      const auto change = static_cast<std::byte>(1 + random.below(255));
      flip(pages_[n / kPageBytes], n % kPageBytes, change, tally);
    }
    return tally;
  }

 private:
  void flip(const std::pair<std::size_t, std::string>& page, std::size_t offset, std::byte change,
            Tally& tally) {
    Blob image = image_;
    image[(page.first - 1) * kPageBytes + offset] ^= change;
    const std::string where = page.second + ", page " + std::to_string(page.first) + ", byte " +
                              std::to_string(offset) + " ^ " +
                              std::to_string(std::to_integer<int>(change));
    announce_point(where);
    Database database(":memory:");
    deserialize(database, image);
    const std::vector<Answer> answers = ask(database);
    ++tally.flips;
    bool is_same = true;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (answers[i].code != SQLITE_OK) {
        is_same = false;
        if ((answers[i].code & 0xff) == SQLITE_CORRUPT) continue;
        if (database.message().starts_with("nearlite")) continue;
        tally.wrong.push_back(where + ": " + code_name(answers[i].code));
      } else if (answers[i].rows != truth_[i].rows) {
        is_same = false;
        tally.wrong.push_back(where + ": another answer to: " + kQuestions[i]);
      }
    }
    ++(is_same ? tally.same : tally.errors);
    const bool is_sound = database.scalar("PRAGMA quick_check(1)") == Value("ok");
    if (page.second != "t_rows" && index_rows(database) != index_rows_) {
      ++tally.damaged;
      Rows verdict;
      const int code = database.run("SELECT nearlite_check('t')", {}, &verdict);
      if (!is_sound || code != SQLITE_OK || verdict != Rows{{Value("ok")}}) {
        ++tally.noticed;
      } else {
        tally.overlooked.push_back(where);
      }
    }
    if (!is_sound) return;
    if (page.second.starts_with("t_vectors") || page.second == "t_config") return;
    // SQLite finds nothing wrong, and rows and vectors are whole: the rest can be made again.
    if (page.second == "t_rows") return;
    database.exec("INSERT INTO t(t) VALUES('rebuild')");
    if (content_of(database) == content_ && find_unsound(database).empty()) {
      ++tally.mended;
    } else {
      tally.wrong.push_back(where + ": not mended: " + database.message());
    }
  }

  /// What SQL reads from the index's own tables, as one text; errors included.
  static std::string index_rows(Database& database) {
    std::string text;
    for (const char* table : {"t_config", "t_vectors", "t_links", "t_dead", "t_commits"}) {
      Rows rows;
      text += code_name(database.run(std::string("SELECT * FROM ") + table, {}, &rows)) + "\n";
      for (const Row& row : rows) {
        for (const Value& value : row) text += to_text(value) + "|";
      }
    }
    return text;
  }

  std::vector<Answer> truth_;
  std::string index_rows_;
  std::string content_;
  std::vector<std::pair<std::size_t, std::string>> pages_;
  Blob image_;
};

TEST(Flip, SameAnswerOrCleanError) {
  const std::uint64_t seed = seed_of_run(1);
  const std::uint64_t limit = points_of_run("NEARLITE_FLIPS", 1500);
  const Tally tally = Flips("<> 't_rows'").run(limit, seed);
  std::printf("%llu flips: %llu the same, %llu errors, %llu mended by rebuild, %zu wrong\n",
              static_cast<unsigned long long>(tally.flips),
              static_cast<unsigned long long>(tally.same),
              static_cast<unsigned long long>(tally.errors),
              static_cast<unsigned long long>(tally.mended), tally.wrong.size());
  std::string wrong;
  for (std::size_t i = 0; i < std::min<std::size_t>(tally.wrong.size(), 40); ++i)
    wrong += tally.wrong[i] + "\n";
  EXPECT_EQ(wrong, "") << replay_command(seed);
  EXPECT_GT(tally.errors, 0U) << "no flip was noticed";
  std::printf("%llu of %llu damaged indexes noticed by the check\n",
              static_cast<unsigned long long>(tally.noticed),
              static_cast<unsigned long long>(tally.damaged));
  for (const std::string& where : tally.overlooked) std::printf("overlooked: %s\n", where.c_str());
  EXPECT_GT(tally.damaged, tally.flips / 10);
  EXPECT_GE(tally.noticed * 1000, tally.damaged * 999);
}

// Nobody can notice a changed word in the user's own row, so there the answers do change: that this
// is seen shows that it would be seen elsewhere.
TEST(FlipHarness, NoticesAnotherAnswer) {
  EXPECT_FALSE(Flips("= 't_rows'").run(400, seed_of_run(1)).wrong.empty());
}

}  // namespace
}  // namespace nearlite::test
