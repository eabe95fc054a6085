// Failing calls of the file system and full disks, at every call of every script.
//
// Each call SQLite makes of the database, its journal and its WAL, and each call the side file's
// writer makes, fails once, or from then on; and the disk is full after every 4 KiB more. What must
// hold afterwards: support/sweep.h. NEARLITE_LONG=1 runs every script at every point.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>

#include "support/fault_vfs.h"
#include "support/io_plan.h"
#include "support/random.h"
#include "support/side_file_seam.h"
#include "support/sweep.h"

namespace nearlite::test {
namespace {

constexpr std::uint64_t kPointsPerRun = 125;

// The plan remembers where it stands between two statements, in which the harness itself reads.
class IoInjector : public Injector {
 public:
  explicit IoInjector(bool persistent) : persistent_(persistent) {}

  void start(std::uint64_t n) override {
    arm(n);
    saved_ = plan();
    plan().disarm();
  }
  void resume() override { plan() = saved_; }
  void pause() override {
    saved_ = plan();
    plan().disarm();
  }
  [[nodiscard]] std::uint64_t points() const override { return saved_.calls(); }
  [[nodiscard]] bool has_fired() const override { return saved_.failures() > 0; }
  [[nodiscard]] bool is_persistent() const override { return persistent_; }

 protected:
  static IoPlan& plan() { return IoPlan::get(); }
  virtual void arm(std::uint64_t n) {
    if (n == UINT64_MAX) {
      plan().count_only();
    } else {
      plan().fail_at(n, persistent_);
    }
  }
  IoPlan saved_;

 private:
  bool persistent_;
};

// Point n: the disk has room for n times 4 KiB. It stays full until the script has ended.
class FullDisk final : public IoInjector {
 public:
  FullDisk() : IoInjector(true) {}
  [[nodiscard]] std::uint64_t points() const override { return saved_.grown_bytes() / kStep + 1; }

 private:
  static constexpr std::uint64_t kStep = 4096;
  void arm(std::uint64_t n) override {
    if (n == UINT64_MAX) {
      plan().count_only();
    } else {
      plan().limit_bytes(n * kStep);
    }
  }
};

class IoSweep : public testing::TestWithParam<Script> {
 protected:
  static void expect_no_fault(Injector& injector, const char* what, bool expects_errors = true) {
    const FaultVfs vfs;
    const SideFileSeam seam;
    const ScratchFolder folder;
    const std::uint64_t seed = seed_of_run(1);
    Sweep sweep(GetParam(), folder);
    const SweepTally tally =
        sweep.run(injector, points_of_run("NEARLITE_POINTS", kPointsPerRun), seed);
    std::printf("%s\n", describe(tally, GetParam(), what).c_str());
    EXPECT_EQ(tally.fault, "") << "again by\n  " << replay_command(seed);
    EXPECT_EQ(tally.errors > 0, expects_errors) << "nothing ever failed, or reading needs room";
  }
};

TEST_P(IoSweep, OneCallFails) {
  IoInjector injector(false);
  expect_no_fault(injector, "one call");
}
TEST_P(IoSweep, AllCallsFailFromThere) {
  IoInjector injector(true);
  expect_no_fault(injector, "persistent");
}
TEST_P(IoSweep, DiskIsFull) {
  FullDisk injector;
  const bool is_writing = GetParam().name.find("search") == std::string::npos;
  expect_no_fault(injector, "disk full", is_writing);
}

// A harness that cannot fail proves nothing: here one step is two transactions.
TEST(IoHarness, NoticesAHalfDoneStep) {
  const FaultVfs vfs;
  const SideFileSeam seam;
  const ScratchFolder folder;
  Script script = all_scripts(false).front();
  script.steps.front() += "; DELETE FROM t WHERE rowid = 41";
  Sweep sweep(script, folder);
  IoInjector injector(false);
  EXPECT_NE(sweep.run(injector, UINT64_MAX / 2, 1).fault, "");
}

INSTANTIATE_TEST_SUITE_P(Scripts, IoSweep, testing::ValuesIn(all_scripts(is_long_run())),
                         [](const auto& script) { return test_name(script.param); });

}  // namespace
}  // namespace nearlite::test
