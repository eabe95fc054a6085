// The power fails: after every write, truncation, sync, removal and renaming of every workload, in
// eight variants of what had reached the disk (disk.h).
//
// The database must then open, stand at a state that was committed, and have an index that equals
// it. With synchronous=FULL no acknowledged commit is lost, with one exception that is SQLite's
// own: in journal_mode=DELETE the commit is the removal of the journal, which only
// synchronous=EXTRA makes durable at once. In WAL mode with synchronous=NORMAL any earlier commit
// may be what is found. The last test is the control: with synchronous=OFF data must be lost.
//
// A fifth of the states is cut a second time, during the recovery.
//
// NEARLITE_STATES: how many states a workload at most (spread evenly); NEARLITE_LONG=1: all
// workloads in all modes. Every state is a function of workload, seed and number.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "support/check_database.h"
#include "support/disk.h"
#include "support/fault_vfs.h"
#include "support/random.h"
#include "support/scratch.h"
#include "support/scripts.h"
#include "support/side_file_seam.h"
#include "support/sweep.h"

namespace nearlite::test {
namespace {

enum class MayLose { kNothing, kLastCommit, kCommits };

struct Mode {
  std::string journal;
  std::string synchronous;
  MayLose may_lose = MayLose::kNothing;
};

const Mode kModes[] = {
    {"WAL", "FULL"},      {"DELETE", "FULL", MayLose::kLastCommit},
    {"TRUNCATE", "FULL"}, {"WAL", "NORMAL", MayLose::kCommits},
    {"DELETE", "EXTRA"},  {"PERSIST", "FULL"},
};

struct Workload {
  Script script;
  Mode mode;
};

std::string describe(const Workload& workload) {
  return workload.script.name + ", " + workload.mode.journal + "/" + workload.mode.synchronous;
}

[[maybe_unused]] void PrintTo(const Workload& workload, std::ostream* out) {
  *out << describe(workload);
}

Script in_mode(Script script, const Mode& mode) {
  script.name = script.name.substr(0, script.name.find(','));
  script.pragmas = "PRAGMA journal_mode=" + mode.journal +
                   "; PRAGMA synchronous=" + mode.synchronous + "; PRAGMA wal_autocheckpoint=12";
  if (!script.attach.empty()) {
    script.pragmas += "; PRAGMA aux.journal_mode=" + mode.journal +
                      "; PRAGMA aux.synchronous=" + mode.synchronous;
  }
  script.atomic_per_file = !script.attach.empty() && mode.journal == "WAL";
  return script;
}

std::vector<Workload> all_workloads() {
  std::vector<Workload> workloads;
  std::set<std::string> names;
  std::size_t next_mode = 0;
  for (Script& script : all_scripts(is_long_run())) {
    if (script.name.starts_with("search")) continue;  // it writes nothing
    const Script first = in_mode(script, kModes[next_mode % std::size(kModes)]);
    if (!names.insert(first.name).second) continue;
    if (is_long_run()) {
      for (const Mode& mode : kModes) workloads.push_back({in_mode(script, mode), mode});
    } else {
      const Mode& mode = kModes[next_mode++ % std::size(kModes)];
      workloads.push_back({in_mode(script, mode), mode});
    }
  }
  return workloads;
}

Files read_files(const std::string& folder) {
  Files files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with("-shm")) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    files[name] = text.str();
  }
  return files;
}

void write_files(const ScratchFolder& folder, const Files& files) {
  folder.clear();
  for (const auto& [name, bytes] : files) {
    std::ofstream(folder.file(name), std::ios::binary) << bytes;
  }
}

struct Tally {
  std::uint64_t events = 0;
  std::uint64_t states = 0;
  std::uint64_t recoveries = 0;  ///< states made by a second cut, during the recovery
  std::uint64_t older = 0;       ///< states in which an acknowledged commit was missing, as allowed
  std::string fault;
};

class PowerCut {
 public:
  PowerCut(Workload workload, const ScratchFolder& folder)
      : workload_(std::move(workload)), folder_(folder) {
    std::filesystem::current_path(folder.path());
    setenv("NEARLITE_THREADS", "1", 0);
    setenv("NEARLITE_PARTIAL_MIB", "0", 0);  // small side files are read in parts, too
    record();
  }

  Tally run(std::uint64_t states_max, std::uint64_t seed) {
    Tally tally;
    tally.events = events_.size();
    constexpr Loss kLosses[] = {Loss::kAll,     Loss::kNone, Loss::kChanges, Loss::kSectors,
                                Loss::kSectors, Loss::kTorn, Loss::kTorn,    Loss::kChanges};
    const std::uint64_t total = events_.size() * std::size(kLosses);
    const std::uint64_t stride = std::max<std::uint64_t>(1, total / states_max);
    Disk disk(files_);
    std::uint64_t number = seed % stride;
    for (std::size_t e = 0; e < events_.size() && tally.fault.empty(); ++e) {
      disk.apply(events_[e]);
      std::set<std::uint64_t> seen;
      for (; number < (e + 1) * std::size(kLosses) && tally.fault.empty(); number += stride) {
        Random random(mix(seed, number));
        const Files files = disk.cut(kLosses[number % std::size(kLosses)], random);
        std::uint64_t hash = 0;
        for (const auto& [name, bytes] : files)
          hash = mix(hash, std::hash<std::string>()(name + ":" + bytes));
        if (!seen.insert(hash).second) continue;
        announce_point(describe(workload_) + ", state " + std::to_string(number));
        tally.fault = check(files, e + 1, number, tally);
        ++tally.states;
        if (tally.fault.empty() && random.chance(20)) {
          tally.fault = check(cut_recovery(files, random), e + 1, number, tally);
          ++tally.recoveries;
        }
      }
    }
    return tally;
  }

 private:
  // One run with everything recorded; states_ and acknowledged_ say what was committed when.
  void record() {
    const Script& script = workload_.script;
    {
      Database database("t.db");
      database.must(script.attach + script.pragmas);
      for (const std::string& sql : script.setup) database.must(sql);
    }
    files_ = read_files(folder_.path());
    IoPlan& plan = IoPlan::get();
    plan.clear_events();
    plan.record(true);
    {
      Database database("t.db");
      database.must(script.attach + script.pragmas);
      note(database);
      for (const std::string& step : script.steps) {
        database.must(step);
        if (!database.in_transaction()) note(database);
      }
      database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      note(database);
    }
    plan.record(false);
    events_ = plan.events();
    plan.clear_events();
  }

  void note(Database& database) {
    IoPlan& plan = IoPlan::get();
    plan.record(false);
    const std::string content = content_of(database);
    if (content.find("fault: ") != std::string::npos) throw std::runtime_error(content);
    if (states_.empty() || states_.back() != content) {
      states_.push_back(content);
      acknowledged_.push_back(plan.events().size());
    }
    plan.record(true);
  }

  // The power fails again while a connection opens, recovers and reads.
  Files cut_recovery(const Files& files, Random& random) {
    write_files(folder_, files);
    IoPlan& plan = IoPlan::get();
    plan.record(true);
    {
      Database database("t.db");
      database.exec(workload_.script.attach);
      content_of(database);
    }
    plan.record(false);
    Disk disk(files);
    const std::size_t count = random.below(plan.events().size() + 1);
    for (std::size_t i = 0; i < count; ++i) disk.apply(plan.events()[i]);
    plan.clear_events();
    return disk.cut(Loss::kSectors, random);
  }

  std::string check(const Files& files, std::size_t event_count, std::uint64_t number,
                    Tally& tally) {
    write_files(folder_, files);
    std::string fault;
    try {
      Database database("t.db");
      database.must(workload_.script.attach);
      fault = judge(database, event_count, tally);
    } catch (const std::exception& error) {
      fault = error.what();
    }
    if (fault.empty()) return {};
    return describe(workload_) + ", state " + std::to_string(number) + ", after event " +
           std::to_string(event_count) + " of " + std::to_string(events_.size()) + ": " + fault;
  }

  std::string judge(Database& database, std::size_t event_count, Tally& tally) {
    const std::string content = content_of(database);
    std::size_t last = 0;  // the last acknowledged state
    while (last + 1 < states_.size() && acknowledged_[last + 1] <= event_count) ++last;
    std::size_t first = last;
    if (workload_.mode.may_lose == MayLose::kCommits) first = 0;
    if (workload_.mode.may_lose == MayLose::kLastCommit && last > 0) first = last - 1;
    const std::size_t end = std::min(last + 2, states_.size());
    const auto stands_at = [&](const std::string& schema) {
      for (std::size_t i = end; i > first; --i) {
        const std::string& state = states_[i - 1];
        if (schema.empty() ? content == state
                           : part_of(content, schema) == part_of(state, schema)) {
          if (i - 1 < last && states_[last] != state) ++tally.older;
          return true;
        }
      }
      return false;
    };
    const bool is_found =
        workload_.script.atomic_per_file ? stands_at("main") && stands_at("aux") : stands_at("");
    if (!is_found) {
      return "found\n" + content + "instead of\n" + states_[last] + "or\n" + states_[end - 1];
    }
    return find_unsound(database, {.query_count = 1, .recall_min = 0.7});
  }

  Workload workload_;
  const ScratchFolder& folder_;
  Files files_;
  std::vector<IoEvent> events_;
  std::vector<std::string> states_;
  std::vector<std::size_t> acknowledged_;  // states_[i] after so many events
};

Tally cut_power(const Workload& workload, std::uint64_t states_max, std::uint64_t seed) {
  const FaultVfs vfs;
  const SideFileSeam seam;
  const ScratchFolder folder;
  PowerCut cut(workload, folder);
  Tally tally = cut.run(states_max, seed);
  std::printf(
      "%-36s %6llu events, %6llu states + %llu in recovery, %5llu without the last commits\n",
      describe(workload).c_str(), static_cast<unsigned long long>(tally.events),
      static_cast<unsigned long long>(tally.states),
      static_cast<unsigned long long>(tally.recoveries),
      static_cast<unsigned long long>(tally.older));
  return tally;
}

class Power : public testing::TestWithParam<Workload> {};

TEST_P(Power, NothingIsLostOrTorn) {
  const std::uint64_t seed = seed_of_run(1);
  const std::uint64_t states_max = points_of_run("NEARLITE_STATES", 800);
  const Tally tally = cut_power(GetParam(), states_max, seed);
  EXPECT_EQ(tally.fault, "") << "again by\n  " << replay_command(seed);
  EXPECT_GT(tally.states, 10U);
  if (GetParam().mode.may_lose == MayLose::kNothing) {
    EXPECT_EQ(tally.older, 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(Workloads, Power, testing::ValuesIn(all_workloads()),
                         [](const auto& workload) {
                           Script named;
                           named.name = describe(workload.param);
                           return test_name(named);
                         });

TEST(PowerHarness, NoticesThatNothingIsSynced) {
  const Mode off{"DELETE", "OFF", MayLose::kLastCommit};
  const Script script = in_mode(all_scripts(false).front(), off);
  EXPECT_NE(cut_power({script, off}, UINT64_MAX / 8, seed_of_run(1)).fault, "");
}

TEST(PowerHarness, NoticesThatCommitsAreMissing) {
  const Mode normal{"WAL", "NORMAL", MayLose::kNothing};
  for (const Script& script : all_scripts(false)) {
    if (!script.name.starts_with("delete")) continue;
    EXPECT_NE(cut_power({in_mode(script, normal), normal}, UINT64_MAX / 8, seed_of_run(1)).fault,
              "");
  }
}

}  // namespace
}  // namespace nearlite::test
