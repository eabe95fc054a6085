// The reference store: what the real one must do too, snapshots by copy, injected failures.
#include "storage/memory_store.h"

#include <gtest/gtest.h>

#include "support/store_contract.h"

namespace nearlite {
namespace {

TEST(MemoryStore, KeepsTheContract) {
  MemoryStore store(kContractLayout);
  check_store_contract(store);
}

TEST(MemoryStore, CopyIsASnapshot) {
  MemoryStore store(kContractLayout);
  ASSERT_TRUE(store.put_commit(CommitRecord()).ok());
  const MemoryStore before = store;
  CommitRecord next;
  next.seq = 1;
  ASSERT_TRUE(store.put_commit(next).ok());
  ASSERT_TRUE(store.put_dead(1, 5).ok());
  EXPECT_EQ(store.last_commit()->seq, 1U);
  store = before;
  EXPECT_EQ(store.last_commit()->seq, 0U);
  EXPECT_TRUE(store.dead.empty());
}

TEST(MemoryStore, FailsOnRequest) {
  MemoryStore store(kContractLayout);
  store.fail_after(2, Code::kFull);
  EXPECT_TRUE(store.put_dead(1, 1).ok());
  EXPECT_TRUE(store.put_dead(1, 2).ok());
  EXPECT_EQ(store.put_dead(1, 3).code(), Code::kFull);
  EXPECT_TRUE(store.put_dead(1, 4).ok());
  EXPECT_EQ(store.dead.size(), 3U);

  store.fail_after(0, Code::kBusy, true);
  EXPECT_EQ(store.last_commit().status().code(), Code::kBusy);
  EXPECT_EQ(store.check_interrupt().code(), Code::kBusy);
  store.never_fail();
  EXPECT_TRUE(store.check_interrupt().ok());
  store.set_interrupted(true);
  EXPECT_EQ(store.check_interrupt().code(), Code::kInterrupted);
}

}  // namespace
}  // namespace nearlite
