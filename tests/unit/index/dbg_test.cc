#include "connection.h"
namespace nearlite::test {
TEST(Dbg, A) {
  for (int n = 1; n < 5; ++n) for (int first = 0; first <= n; ++first) for (int ins = 0; ins < 3; ++ins) {
  IndexOptions o = small_index(); FileState f = new_file(o); Connection c(f, o); VectorSource v(o, 1);
  for (int i = 1; i <= n; ++i) ASSERT_OK(c.insert(i, v.next()));
  ASSERT_OK(c.commit());
  for (int i = 1; i <= first; ++i) ASSERT_OK(c.erase(i));
  ASSERT_OK(c.commit());
  for (int i = first + 1; i <= n; ++i) ASSERT_OK(c.erase(i));
  for (int i = 0; i < ins; ++i) ASSERT_OK(c.insert(100+i, v.next()));
  ASSERT_OK(c.optimize());
  ASSERT_OK(c.commit());
  auto p = c.problems();
  EXPECT_EQ(p, "") << n << " " << first << " " << ins << " entry " << (*c.store().last_commit()).entry << " rows " << c.store().links.size();
  }
}
}
