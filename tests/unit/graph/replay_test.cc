// INVARIANT G4 under random histories: a process that made all changes itself, one that loads the
// rows afresh and one that follows by rows must hold the same lists, and go on in the same way.
//
// The test plays the index layer: it keeps a map of rows and writes them by its rules. Every commit
// is made on three graphs at once: the oldest one, one loaded from the rows a while ago, and one
// that catches up every few commits.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>

#include "unit/graph/graph_fixture.h"

namespace nearlite {
namespace {

bool operator==(const NodeRecord& a, const NodeRecord& b) {
  return a.id == b.id && a.rowid == b.rowid && a.parent == b.parent && a.as_of == b.as_of &&
         a.own == b.own && a.links == b.links;
}

std::string to_text(const NodeRecord& row) {
  std::string text = "id " + std::to_string(row.id) + " parent " + std::to_string(row.parent) +
                     " as_of " + std::to_string(row.as_of);
  for (const LevelLists* lists : {&row.own, &row.links}) {
    text += lists == &row.own ? "\n own" : "\n links";
    for (const auto& list : *lists) {
      text += " [";
      for (const NodeId id : list) text += std::to_string(id) + " ";
      text += "]";
    }
  }
  return text;
}

// What one transaction does.
struct Plan {
  std::uint64_t seq = 0;
  std::vector<NodeId> inserted;          // in ascending order
  std::vector<NodeId> given_up;          // declared and removed again
  std::vector<std::size_t> links_after;  // link() is also called after so many inserts
  std::vector<NodeId> deleted;
  std::vector<NodeId> repaired;
  std::uint64_t dead_as_of = 0;
  std::vector<NodeId> purged;
  unsigned fold_one_in = 0;  // of the dirty nodes; 0 = none
};

struct Outcome {
  std::vector<NodeRecord> rows;  // to be written
  std::vector<NodeId> touched;
  NodeId max_id = kNodeNone;
  NodeId entry = kNodeNone;
};

class History {
 public:
  History(std::uint64_t seed, std::uint32_t m) : random_(seed), options_(graph_options(64, m, 20)) {
    follower_sees_folding_ = seed % 2 == 0;
    source_ = std::make_unique<ClusteredVectors>(seed, 64, 4, 0.4f);
    oldest_ = make_graph(options_);
    loaded_ = load();
    follower_ = make_graph(options_);
  }

  void run(int commits) {
    for (int i = 0; i < commits && !::testing::Test::HasFatalFailure(); ++i) commit();
  }

 private:
  std::uint64_t pick(std::uint64_t bound) { return random_() % bound; }
  bool chance(unsigned one_in) { return pick(one_in) == 0; }

  TestCode new_code() {
    if (!codes_.empty() && chance(4)) return codes_.rbegin()->second;  // runs of equal vectors
    if (!codes_.empty() && chance(6))
      return std::next(codes_.begin(), static_cast<std::ptrdiff_t>(pick(codes_.size())))->second;
    return encode(source_->next());
  }

  std::vector<NodeId> live_ids() const {
    std::vector<NodeId> ids;
    for (const auto& [id, row] : rows_) {
      if (!dead_.contains(id)) ids.push_back(id);
    }
    return ids;
  }

  Plan make_plan() {
    Plan plan;
    plan.seq = seq_ + 1;
    plan.dead_as_of = pass_seq_;
    const std::vector<NodeId> live = live_ids();
    NodeId id = max_id_;
    std::size_t count = chance(3) ? pick(60) : pick(4);
    if (live.size() > 400) count = pick(3);
    if (chance(25)) count = 0;
    for (std::size_t i = 0; i < count; ++i) {
      ++id;
      if (chance(10)) ++id;  // a hole
      codes_[id] = new_code();
      if (chance(12)) {
        plan.given_up.push_back(id);
      } else {
        plan.inserted.push_back(id);
        if (chance(10)) plan.links_after.push_back(plan.inserted.size());
      }
    }
    plan_deletes(plan, live);
    plan_repairs(plan);
    if (!chance(3)) plan.fold_one_in = static_cast<unsigned>(1 + pick(6));
    return plan;
  }

  void plan_deletes(Plan& plan, const std::vector<NodeId>& live) {
    if (live.empty()) return;
    if (chance(40)) {
      plan.deleted = live;    // everything
    } else if (chance(15)) {  // a region: near to one node
      const TestCode& center = codes_[live[pick(live.size())]];
      std::vector<std::pair<std::uint32_t, NodeId>> near;
      for (const NodeId id : live) near.emplace_back(key_between(codes_[id], center), id);
      std::sort(near.begin(), near.end());
      near.resize(1 + near.size() / 2);
      for (const auto& [key, id] : near) plan.deleted.push_back(id);
    } else if (chance(2)) {
      std::set<NodeId> chosen;
      for (std::size_t i = pick(1 + live.size() / 10); i > 0; --i)
        chosen.insert(live[pick(live.size())]);
      if (chance(6) && !dead_.contains(oldest_->entry()) && oldest_->entry() != kNodeNone) {
        chosen.insert(oldest_->entry());
      }
      plan.deleted.assign(chosen.begin(), chosen.end());
    }
  }

  // A window of a pass over all ids, as the index layer does it; nodes may be purged after the
  // pass.
  void plan_repairs(Plan& plan) {
    if (pass_seq_ == 0 && !dead_.empty() && chance(3)) {
      pass_seq_ = seq_;
      hand_ = 1;
      plan.dead_as_of = pass_seq_;
    }
    if (pass_seq_ != 0) {
      const NodeId window = static_cast<NodeId>(1 + pick(120));
      for (NodeId i = 0; i < window && hand_ <= max_id_; ++i, ++hand_) {
        const auto dead = dead_.find(hand_);
        if (rows_.contains(hand_) && (dead == dead_.end() || dead->second > pass_seq_)) {
          plan.repaired.push_back(hand_);
        }
      }
      pass_ends_ = hand_ > max_id_ && plan.inserted.empty();
    }
    const std::uint64_t keep_one_in = 1 + pick(4);
    for (const auto& [id, seq] : dead_) {
      if (seq <= purge_ready_ && (keep_one_in == 1 || pick(keep_one_in) != 0))
        plan.purged.push_back(id);
    }
  }

  // The transaction up to its rows; publishes unless it is rolled back.
  Outcome play(Graph& graph, const Plan& plan, bool publish) {
    Outcome outcome;
    GraphChange change(graph);
    std::vector<NodeId> declared = plan.inserted;
    declared.insert(declared.end(), plan.given_up.begin(), plan.given_up.end());
    std::sort(declared.begin(), declared.end());
    std::size_t inserted = 0;
    LinkOptions link;
    link.thread_count = 2;
    link.parallel_threshold = 8;
    for (const NodeId id : declared) {
      write_node(graph, id, codes_[id]);
      check_ok(change.add_node(id));
      if (std::binary_search(plan.given_up.begin(), plan.given_up.end(), id)) {
        change.remove_node(id);
      } else if (++inserted, std::find(plan.links_after.begin(), plan.links_after.end(),
                                       inserted) != plan.links_after.end()) {
        check_ok(change.link(link));
      }
    }
    for (const NodeId id : plan.deleted) check_ok(change.mark_dead(id));
    check_ok(change.link(link));
    for (const NodeId id : plan.repaired) check_ok(change.repair(id, plan.dead_as_of).status());
    for (const NodeId id : plan.purged) check_ok(change.purge(id));
    outcome.touched = change.touched();
    outcome.max_id = change.max_id();
    outcome.entry = change.entry();
    write_rows(change, plan, outcome);
    if (publish) change.publish(plan.seq);
    return outcome;
  }

  void write_rows(GraphChange& change, const Plan& plan, Outcome& outcome) {
    const auto write = [&](NodeId id) {
      Result<NodeRecord> record = change.record(id);
      check_ok(record.status());
      if (!record.ok()) return;
      if (record->own.empty()) {
        record->own = rows_[id].own;
      } else if (record->links == record->own) {
        record->links.clear();
      }
      check_ok(change.mark_folded(id, record->as_of));
      outcome.rows.push_back(*record);
    };
    for (const NodeId id : change.new_nodes()) write(id);
    for (const NodeId id : outcome.touched) write(id);
    if (plan.fold_one_in == 0) return;
    for (const auto& [id, row] : rows_) {
      if (std::binary_search(plan.purged.begin(), plan.purged.end(), id)) continue;
      if (change.is_dirty(id) && id % plan.fold_one_in == 0) write(id);
    }
  }

  void commit() {
    const Plan plan = make_plan();
    catch_up();       // a writer stands at the last commit
    if (chance(5)) {  // rolled back: nothing may change
      play(*oldest_, plan, false);
      compare(*oldest_, *load(), true);
    }
    const Outcome outcome = play(*oldest_, plan, true);
    const Outcome of_loaded = play(*loaded_, plan, true);
    ASSERT_TRUE(same(outcome, of_loaded));
    missed_max_ = outcome.max_id;
    missed_entry_ = outcome.entry;
    if (chance(2)) {
      Outcome of_follower = play(*follower_, plan, true);
      if (!follower_sees_folding_) drop_needless_rows(outcome, of_follower);
      ASSERT_TRUE(same(outcome, of_follower));
      reload_follower_ = !follower_sees_folding_;  // it believes in rows that were dropped here
    } else {
      for (const NodeId id : outcome.touched) missed_.insert(id);
      for (const auto& row : outcome.rows) {
        if (row.id > max_id_ || follower_sees_folding_) missed_.insert(row.id);
      }
      for (const NodeId id : plan.purged) missed_purges_.insert(id);
      behind_ = true;
    }
    for (const NodeRecord& row : outcome.rows) rows_[row.id] = row;
    for (const NodeId id : plan.deleted) dead_[id] = plan.seq;
    for (const NodeId id : plan.purged) {
      rows_.erase(id);
      dead_.erase(id);
    }
    max_id_ = outcome.max_id;
    entry_ = outcome.entry;
    seq_ = plan.seq;
    if (pass_ends_) {
      purge_ready_ = pass_seq_;
      pass_seq_ = 0;
      pass_ends_ = false;
    }
    if (reload_follower_) follower_ = load();
    reload_follower_ = false;
    verify();
  }

  void verify() {
    const std::vector<std::string> problems = check_graph(*oldest_, 5);
    ASSERT_TRUE(problems.empty()) << "commit " << seq_ << ": " << problems.front();
    if (chance(3)) {
      loaded_ = load();
      ASSERT_NE(loaded_, nullptr);
      compare(*oldest_, *loaded_, true);
    }
    if (chance(3)) {
      catch_up();
      compare(*oldest_, *follower_, false);
    }
  }

  // A follower that was not told of folding takes some rows for older than they are and writes them
  // again, no other.
  static void drop_needless_rows(const Outcome& expected, Outcome& actual) {
    std::set<NodeId> rows;
    for (const NodeRecord& row : expected.rows) rows.insert(row.id);
    std::erase_if(actual.rows, [&](const NodeRecord& row) { return !rows.contains(row.id); });
    actual.touched = expected.touched;
  }

  static bool same(Outcome a, Outcome b) {
    const auto by_id = [](const NodeRecord& x, const NodeRecord& y) { return x.id < y.id; };
    std::sort(a.rows.begin(), a.rows.end(), by_id);
    std::sort(b.rows.begin(), b.rows.end(), by_id);
    EXPECT_EQ(a.max_id, b.max_id);
    EXPECT_EQ(a.entry, b.entry);
    EXPECT_EQ(a.touched, b.touched);
    EXPECT_EQ(a.rows.size(), b.rows.size());
    for (std::size_t i = 0; i < std::min(a.rows.size(), b.rows.size()); ++i) {
      EXPECT_TRUE(a.rows[i] == b.rows[i]) << to_text(a.rows[i]) << "\n" << to_text(b.rows[i]);
    }
    return !::testing::Test::HasFailure();
  }

  std::unique_ptr<Graph> load() {
    auto graph = make_graph(options_);
    check_ok(graph->reserve(max_id_));
    GraphLoader loader(*graph);
    for (const auto& [id, row] : rows_) {
      write_node(*graph, id, codes_[id]);
      check_ok(loader.add(row));
    }
    check_ok(loader.finish(max_id_, entry_, 2));
    for (const auto& [id, seq] : dead_) graph->set_delete_seq(id, seq);
    return graph;
  }

  void catch_up() {
    if (!behind_) return;
    std::vector<NodeRecord> changed;
    check_ok(follower_->reserve(missed_max_));
    for (const NodeId id : missed_) {
      const auto row = rows_.find(id);
      if (row == rows_.end()) continue;  // purged meanwhile
      if (id > follower_->max_id()) write_node(*follower_, id, codes_[id]);
      changed.push_back(row->second);
    }
    for (const NodeId id : missed_purges_) follower_->forget(id);
    check_ok(follower_->apply(changed, missed_max_, missed_entry_));
    for (const auto& [id, seq] : dead_) follower_->set_delete_seq(id, seq);
    missed_.clear();
    missed_purges_.clear();
    behind_ = false;
  }

  void compare(const Graph& a, const Graph& b, bool rows_too) {
    ASSERT_EQ(a.max_id(), b.max_id());
    ASSERT_EQ(a.entry(), b.entry());
    const GraphChange of_a(const_cast<Graph&>(a));
    const GraphChange of_b(const_cast<Graph&>(b));
    for (NodeId id = 1; id <= a.max_id(); ++id) {
      ASSERT_EQ(a.is_present(id), b.is_present(id)) << "node " << id << " after commit " << seq_;
      if (!a.is_present(id)) continue;
      ASSERT_EQ(a.parent(id), b.parent(id)) << "node " << id;
      ASSERT_EQ(a.delete_seq(id), b.delete_seq(id)) << "node " << id;
      for (unsigned level = 0; level <= a.level_of(id); ++level) {
        ASSERT_EQ(a.list(id, level), b.list(id, level))
            << "node " << id << " level " << level << " commit " << seq_;
      }
      if (rows_too) {
        ASSERT_EQ(of_a.is_dirty(id), of_b.is_dirty(id)) << "node " << id;
      }
    }
  }

  std::mt19937_64 random_;
  GraphOptions options_;
  std::unique_ptr<ClusteredVectors> source_;
  std::unique_ptr<Graph> oldest_;
  std::unique_ptr<Graph> loaded_;
  std::unique_ptr<Graph> follower_;
  std::map<NodeId, TestCode> codes_;
  std::map<NodeId, NodeRecord> rows_;
  std::map<NodeId, std::uint64_t> dead_;
  NodeId max_id_ = kNodeNone;
  NodeId entry_ = kNodeNone;
  std::uint64_t seq_ = 0;
  std::uint64_t pass_seq_ = 0;
  NodeId hand_ = 1;
  bool pass_ends_ = false;
  std::uint64_t purge_ready_ = 0;
  std::set<NodeId> missed_;
  std::set<NodeId> missed_purges_;
  NodeId missed_max_ = kNodeNone;
  NodeId missed_entry_ = kNodeNone;
  bool behind_ = false;
  bool reload_follower_ = false;
  bool follower_sees_folding_ = false;
};

TEST(Replay, LiveLoadedAndFollowingGraphsAreEqual) {
  NEARLITE_SEEDED(seed, 1);
  for (std::uint64_t i = 0; i < 12; ++i) {
    for (const std::uint32_t m : {2U, 3U, 5U, 8U}) {
      SCOPED_TRACE("history " + std::to_string(seed + i) + ", m " + std::to_string(m));
      History history(seed + i, m);
      history.run(60);
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace nearlite
