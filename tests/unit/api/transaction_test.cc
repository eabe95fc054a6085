#include "nearlite/transaction.h"

#include <gtest/gtest.h>

#include "nearlite/index.h"

namespace nearlite {
namespace {

template <class T>
T take(Result<T> result) {
  return std::move(result.value());
}

class TransactionTest : public testing::Test {
 protected:
  TransactionTest() { EXPECT_TRUE(db.execute("CREATE TABLE t(x)").ok()); }
  static Database open() {
    OpenOptions options;
    options.create = true;
    return take(Database::open(":memory:", options));
  }
  Transaction begin() { return take(Transaction::begin(db, TransactionKind::kImmediate)); }
  void add(int x) {
    EXPECT_TRUE(db.execute("INSERT INTO t VALUES (" + std::to_string(x) + ")").ok());
  }
  std::string content() {
    Statement all = take(db.prepare("SELECT ifnull(group_concat(x), '') FROM t"));
    EXPECT_TRUE(all.step().value());
    return std::string(all.column_text(0));
  }

  Database db = open();
};

TEST_F(TransactionTest, CommitsOrRollsBack) {
  {
    Transaction transaction = begin();
    EXPECT_TRUE(transaction.is_open());
    add(1);
    EXPECT_TRUE(transaction.commit().ok());
    EXPECT_FALSE(transaction.is_open());
    EXPECT_EQ(transaction.commit().code(), Code::kInvalidArgument);
    EXPECT_EQ(transaction.rollback().code(), Code::kInvalidArgument);
  }
  {
    Transaction transaction = take(Transaction::begin(db, TransactionKind::kDeferred));
    add(2);
  }  // forgotten
  EXPECT_EQ(content(), "1");
  {
    Transaction transaction = begin();
    add(3);
    EXPECT_TRUE(transaction.rollback().ok());
    add(4);
  }
  EXPECT_EQ(content(), "1,4");
  EXPECT_FALSE(db.in_transaction());
}

TEST_F(TransactionTest, OneAtATime) {
  Transaction first = begin();
  EXPECT_EQ(Transaction::begin(db, TransactionKind::kDeferred).status().code(),
            Code::kInvalidArgument);
  EXPECT_TRUE(db.execute("COMMIT").ok());  // behind its back
  EXPECT_FALSE(first.is_open());
  EXPECT_EQ(first.commit().code(), Code::kInvalidArgument);
  Transaction second = begin();
  EXPECT_FALSE(first.is_open());
  add(1);
  first = std::move(second);
  EXPECT_EQ(second.commit().code(), Code::kInvalidArgument) << "moved from";
  EXPECT_EQ(second.savepoint().status().code(), Code::kInvalidArgument);
  EXPECT_TRUE(first.commit().ok());
  EXPECT_EQ(content(), "1");
}

TEST_F(TransactionTest, SavepointsNest) {
  Transaction transaction = begin();
  add(1);
  {
    Savepoint outer = take(transaction.savepoint());
    add(2);
    {
      Savepoint inner = take(transaction.savepoint());
      add(3);
      EXPECT_TRUE(inner.release().ok());
      EXPECT_EQ(inner.release().code(), Code::kInvalidArgument);
    }
    {
      Savepoint forgotten = take(transaction.savepoint());
      add(4);
    }
    EXPECT_EQ(content(), "1,2,3");
    Savepoint within = take(transaction.savepoint());
    add(5);
    EXPECT_TRUE(outer.rollback().ok());
    EXPECT_FALSE(within.is_open()) << "ended with the one around it";
    EXPECT_EQ(within.rollback().code(), Code::kInvalidArgument);
  }
  Savepoint last = take(transaction.savepoint());
  EXPECT_EQ(content(), "1");
  EXPECT_TRUE(transaction.commit().ok());
  EXPECT_FALSE(last.is_open());
  EXPECT_EQ(transaction.savepoint().status().code(), Code::kInvalidArgument);
}

TEST_F(TransactionTest, IndexesTakePart) {
  Index index = take(Index::create(db, "docs", IndexOptions::of(2)));
  const std::vector<float> vector{1, 2};
  {
    Transaction transaction = begin();
    EXPECT_TRUE(index.insert(1, vector).ok());
    EXPECT_TRUE(index.set_sync_mode(SyncMode::on_flush()).ok());
    EXPECT_TRUE(index.insert(2, vector).ok());
    EXPECT_EQ(index.pending(), 0U) << "the transaction decides";
    EXPECT_FALSE(index.insert(1, vector).ok());
    EXPECT_TRUE(index.optimize({}).ok());
    EXPECT_EQ(take(index.search_batch(vector, 9, 4, {}))[0].size(), 2U);
  }
  EXPECT_EQ(take(index.size()), 0U);
  EXPECT_TRUE(index.insert(3, vector).ok());
  EXPECT_EQ(index.pending(), 1U);
  Transaction transaction = begin();  // flushes
  EXPECT_TRUE(transaction.rollback().ok());
  EXPECT_EQ(take(index.size()), 1U);
}

}  // namespace
}  // namespace nearlite
