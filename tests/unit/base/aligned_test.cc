#include "base/aligned.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "support/resident.h"

namespace nearlite {
namespace {

bool is_zero(const AlignedBuffer& buffer) {
  return std::all_of(buffer.data(), buffer.data() + buffer.size(),
                     [](std::byte b) { return b == std::byte{0}; });
}

TEST(AlignedBuffer, IsAlignedAndZero) {
  for (const Pages pages : {Pages::kDefault, Pages::kHuge, Pages::kLazy, Pages::kSmall}) {
    for (const std::size_t bytes :
         {std::size_t{1}, std::size_t{64}, std::size_t{1000}, std::size_t{9} << 20}) {
      AlignedBuffer buffer;
      ASSERT_TRUE(buffer.allocate(bytes, pages).ok());
      EXPECT_EQ(buffer.size(), bytes);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % kAlignment, 0u);
      EXPECT_TRUE(is_zero(buffer));
      std::fill_n(buffer.data(), bytes, std::byte{0xFF});
      ASSERT_TRUE(buffer.allocate(bytes, pages).ok());
      EXPECT_TRUE(is_zero(buffer));
    }
  }
}

#ifdef NEARLITE_TELLS_RESIDENT
// calloc() once took all of it: after large blocks were freed, glibc uses such blocks again and
// clears them by hand.
TEST(AlignedBuffer, LazyPagesTakeNoMemoryUntilTheyAreTouched) {
  constexpr std::size_t kBytes = std::size_t{3} << 20;
  for (int i = 0; i < 3; ++i) {
    std::vector<std::vector<char>> freed(8, std::vector<char>(4 * kBytes));
    freed[0][7] = 1;
  }
  const std::size_t before = test::resident_bytes();
  std::vector<AlignedBuffer> buffers(20);
  for (AlignedBuffer& buffer : buffers) {
    ASSERT_TRUE(buffer.allocate(kBytes, Pages::kLazy).ok());
    buffer.data()[kBytes / 2] = std::byte{1};
  }
  EXPECT_LT(test::resident_bytes(), before + 2 * kBytes) << "of " << 20 * kBytes;
}

// Touched far apart, even where the system gives huge pages to everybody.
TEST(AlignedBuffer, SmallPagesTakeNoMoreThanIsTouched) {
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  AlignedBuffer buffer;
  ASSERT_TRUE(buffer.allocate(kBytes, Pages::kSmall).ok());
  const std::size_t before = test::resident_bytes();
  constexpr std::size_t kStep = std::size_t{1} << 20;
  for (std::size_t at = 0; at < kBytes; at += kStep) buffer.data()[at] = std::byte{1};
  EXPECT_LT(test::resident_bytes(), before + kBytes / 8);
}
#endif

TEST(AlignedBuffer, HugePagesKeepWhatIsThere) {
  constexpr std::size_t kBytes = std::size_t{9} << 20;
  for (const Pages pages : {Pages::kSmall, Pages::kLazy, Pages::kHuge, Pages::kDefault}) {
    AlignedBuffer buffer;
    ASSERT_TRUE(buffer.allocate(kBytes, pages).ok());
    for (std::size_t at = 0; at < kBytes; at += 4099) buffer.data()[at] = std::byte{1};
    for (const auto& [first, last] :
         {std::pair<std::size_t, std::size_t>{0, 1}, {3 << 20, 5 << 20}, {7, 7}, {0, kBytes}}) {
      buffer.make_huge(first, last);
      for (std::size_t at = 0; at < kBytes; ++at)
        ASSERT_EQ(buffer.data()[at], std::byte{static_cast<unsigned char>(at % 4099 == 0)}) << at;
    }
  }
  AlignedBuffer none;
  none.make_huge(0, 0);
}

TEST(AlignedBuffer, ReportsThatThereIsNoMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizers end the program at such a request";
#endif
  AlignedBuffer buffer;
  ASSERT_TRUE(buffer.allocate(64).ok());
  for (const Pages pages : {Pages::kDefault, Pages::kHuge, Pages::kLazy}) {
    EXPECT_EQ(buffer.allocate(std::size_t{1} << 60, pages).code(), Code::kNoMemory);
    EXPECT_EQ(buffer.data(), nullptr);
    EXPECT_EQ(buffer.size(), 0u);
  }
}

TEST(AlignedBuffer, Moves) {
  AlignedBuffer first;
  ASSERT_TRUE(first.allocate(64).ok());
  std::byte* const data = first.data();
  AlignedBuffer second = std::move(first);
  EXPECT_EQ(second.data(), data);
  AlignedBuffer third;
  third = std::move(second);
  EXPECT_EQ(third.data(), data);
  EXPECT_EQ(third.size(), 64u);
}

TEST(AlignedBuffer, ReserveKeepsWhatIsLargeEnough) {
  AlignedBuffer buffer;
  ASSERT_TRUE(buffer.reserve(128).ok());
  std::byte* const data = buffer.data();
  data[0] = std::byte{1};
  ASSERT_TRUE(buffer.reserve(64).ok());
  EXPECT_EQ(buffer.data(), data);
  EXPECT_EQ(data[0], std::byte{1});
  ASSERT_TRUE(buffer.reserve(256).ok());
  EXPECT_GE(buffer.size(), 256u);
}

}  // namespace
}  // namespace nearlite
