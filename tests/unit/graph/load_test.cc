// Loading and catching up from rows that are damaged or hostile: an error, never a crash, never an
// endless loop.
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "unit/graph/graph_fixture.h"

namespace nearlite {
namespace {

struct Rows {
  std::vector<TestCode> codes;
  std::vector<NodeRecord> records;
  NodeId max_id = kNodeNone;
  NodeId entry = kNodeNone;
};

// Rows of a graph made in two transactions; every third one is folded.
Rows make_rows(std::size_t count) {
  Rows rows;
  ClusteredVectors source(31, 64, 5, 0.4f);
  rows.codes = encode_many(source, count);
  auto graph = make_graph(graph_options(64, 4, 30));
  const auto half = static_cast<std::ptrdiff_t>(count / 2);
  insert_all(*graph, {rows.codes.begin(), rows.codes.begin() + half});
  std::map<NodeId, NodeRecord> first;
  {
    // Records of the first half as they were written then: own lists are known to the change that
    // links.
    auto again = make_graph(graph_options(64, 4, 30));
    GraphChange change(*again);
    for (NodeId id = 1; id <= static_cast<NodeId>(half); ++id) {
      write_node(*again, id, rows.codes[id - 1]);
      check_ok(change.add_node(id));
    }
    check_ok(change.link({}));
    for (const NodeId id : change.new_nodes()) first[id] = *change.record(id);
  }
  GraphChange change(*graph);
  for (NodeId id = static_cast<NodeId>(half) + 1; id <= count; ++id) {
    write_node(*graph, id, rows.codes[id - 1]);
    check_ok(change.add_node(id));
  }
  check_ok(change.link({}));
  for (auto& [id, record] : first) {
    if (id % 3 == 0) {
      NodeRecord folded = *change.record(id);
      folded.own = record.own;
      record = folded;
    }
    rows.records.push_back(record);
  }
  for (const NodeId id : change.new_nodes()) rows.records.push_back(*change.record(id));
  rows.max_id = change.max_id();
  rows.entry = change.entry();
  return rows;
}

Status load(const Rows& rows, std::unique_ptr<Graph>& graph) {
  graph = make_graph(graph_options(64, 4, 30));
  check_ok(graph->reserve(static_cast<NodeId>(rows.codes.size())));
  for (NodeId id = 1; id <= rows.codes.size(); ++id) write_node(*graph, id, rows.codes[id - 1]);
  GraphLoader loader(*graph);
  for (const NodeRecord& record : rows.records) {
    const Status added = loader.add(record);
    if (!added.ok()) return added;
  }
  return loader.finish(rows.max_id, rows.entry, 1);
}

Status load(const Rows& rows) {
  std::unique_ptr<Graph> graph;
  return load(rows, graph);
}

// The first half loaded, the rest applied.
Status apply(const Rows& rows) {
  Rows first = rows;
  const std::size_t half = rows.codes.size() / 2;
  first.records.resize(half);
  for (NodeRecord& record : first.records) {
    record.links.clear();
    record.as_of = record.id;
  }
  first.max_id = static_cast<NodeId>(half);
  first.entry = 1;
  std::unique_ptr<Graph> graph;
  const Status loaded = load(first, graph);
  if (!loaded.ok()) return loaded;
  std::vector<NodeRecord> changed;
  for (const NodeRecord& record : rows.records) {
    if (record.id > half || (!record.links.empty() && record.as_of > half))
      changed.push_back(record);
  }
  return graph->apply(changed, rows.max_id, rows.entry);
}

TEST(Load, TakesIntactRows) {
  const Rows rows = make_rows(200);
  EXPECT_TRUE(load(rows).ok()) << load(rows).message();
  EXPECT_TRUE(apply(rows).ok()) << apply(rows).message();
}

// The rows of a loaded graph as an image has them: with the current lists, and nothing else.
std::vector<NodeRecord> current_rows(Graph& graph) {
  std::vector<NodeRecord> rows;
  const GraphChange change(graph);
  for (NodeId id = 1; id <= graph.max_id(); ++id) {
    if (!graph.is_present(id)) continue;
    NodeRecord row = *change.record(id);
    row.own.assign(row.links.size(), {});
    rows.push_back(std::move(row));
  }
  return rows;
}

// Rows with all back-links in them, as after folding.
TEST(Load, CurrentRowsAreTheSame) {
  const Rows rows = make_rows(3000);
  std::unique_ptr<Graph> graph;
  ASSERT_TRUE(load(rows, graph).ok());
  const std::vector<NodeRecord> current = current_rows(*graph);
  auto again = make_graph(graph_options(64, 4, 30));
  check_ok(again->reserve(static_cast<NodeId>(rows.codes.size())));
  for (NodeId id = 1; id <= rows.codes.size(); ++id) write_node(*again, id, rows.codes[id - 1]);
  GraphLoader loader(*again);
  for (const NodeRecord& row : current) check_ok(loader.add(row));
  check_ok(loader.finish(rows.max_id, rows.entry, 3));
  for (NodeId id = 1; id <= rows.max_id; ++id) {
    for (unsigned level = 0; level <= graph->level_of(id); ++level)
      ASSERT_EQ(again->list(id, level), graph->list(id, level)) << id;
    ASSERT_EQ(again->parent(id), graph->parent(id)) << id;
  }
  EXPECT_TRUE(check_graph(*again, 1).empty());
  EXPECT_EQ(loader.add(current[0]).code(), Code::kInternal) << "it is loaded";
}

TEST(Load, CurrentRowsAreCheckedToo) {
  const Rows rows = make_rows(3000);
  std::unique_ptr<Graph> graph;
  ASSERT_TRUE(load(rows, graph).ok());
  const std::vector<NodeRecord> current = current_rows(*graph);
  const auto load_current = [&](const std::vector<NodeRecord>& added) {
    auto made = make_graph(graph_options(64, 4, 30));
    check_ok(made->reserve(static_cast<NodeId>(rows.codes.size())));
    for (NodeId id = 1; id <= rows.codes.size(); ++id) write_node(*made, id, rows.codes[id - 1]);
    GraphLoader loader(*made);
    for (const NodeRecord& row : added) {
      if (Status status = loader.add(row); !status.ok()) return status;
    }
    return loader.finish(rows.max_id, rows.entry, 3);
  };
  EXPECT_TRUE(load_current(current).ok());
  EXPECT_EQ(load_current({current.rbegin(), current.rend()}).code(), Code::kCorruption)
      << "not ascending";
  std::vector<NodeRecord> twice = current;
  twice.push_back(current[7]);
  EXPECT_EQ(load_current(twice).code(), Code::kCorruption) << "one comes twice";
  std::vector<NodeRecord> fewer = current;
  fewer.erase(fewer.begin() + 2000);
  const Status missing = load_current(fewer);
  EXPECT_EQ(missing.code(), Code::kCorruption) << "links lead nowhere";
  // The first that leads nowhere is told, whichever thread was faster.
  for (int i = 0; i < 20; ++i) EXPECT_EQ(load_current(fewer).message(), missing.message());
  std::vector<NodeRecord> wide = current;
  wide[1500].links[0].assign(9, 1);
  EXPECT_EQ(load_current(wide).code(), Code::kCorruption) << "a list that is too long";
}

TEST(Load, OfNoRowsIsAnEmptyGraph) {
  auto graph = make_graph(graph_options(64));
  check_ok(graph->reserve(10));
  GraphLoader loader(*graph);
  check_ok(loader.finish(10, kNodeNone, 2));  // all purged
  EXPECT_EQ(graph->max_id(), 10U);
  ClusteredVectors source(1, 64, 2, 0.5f);
  insert_all(*graph, encode_many(source, 30));
  EXPECT_TRUE(check_graph(*graph, 1).empty());
  EXPECT_FALSE(graph->is_present(10));
}

struct Damage {
  const char* name;
  std::function<void(Rows&)> apply;
};

NodeRecord& folded(Rows& rows) { return rows.records[149]; }  // new in the second transaction
NodeRecord& plain(Rows& rows) { return rows.records[198]; }
NodeRecord& tall(Rows& rows) {
  for (NodeRecord& record : rows.records) {
    if (record.id > 120 && record.own.size() > 1 && record.own[1].size() > 1) return record;
  }
  return rows.records[0];
}

// Rows that are wrong by themselves.
const std::vector<Damage>& damaged_rows() {
  static const std::vector<Damage> damage{
      {"id zero", [](Rows& r) { r.records[0].id = 0; }},
      {"id above the highest", [](Rows& r) { r.records.back().id = 100'000'000; }},
      {"id above all ids", [](Rows& r) { r.records.back().id = 0xFFFF'FFFF; }},
      {"ids out of order", [](Rows& r) { std::swap(r.records[150], r.records[151]); }},
      {"row twice", [](Rows& r) { r.records.insert(r.records.begin() + 150, r.records[150]); }},
      {"row missing", [](Rows& r) { r.records.erase(r.records.begin() + 150); }},
      {"no own lists", [](Rows& r) { plain(r).own.clear(); }},
      {"too many levels", [](Rows& r) { plain(r).own.emplace_back(); }},
      {"a thousand levels", [](Rows& r) { plain(r).own.resize(1000); }},
      {"level missing", [](Rows& r) { tall(r).own.pop_back(); }},
      {"current level missing",
       [](Rows& r) {
         folded(r).links = {{1}, {2}, {3}};
       }},
      {"as_of below the id", [](Rows& r) { plain(r).as_of = plain(r).id - 1; }},
      {"as_of above the highest id", [](Rows& r) { folded(r).as_of = r.max_id + 1; }},
      {"as_of huge", [](Rows& r) { folded(r).as_of = 0xFFFF'FFFF; }},
  };
  return damage;
}

// Links, parents and entry points that lead where they must not.
const std::vector<Damage>& damaged_links() {
  static const std::vector<Damage> damage{
      {"link to itself",
       [](Rows& r) {
         folded(r).links = {{3, folded(r).id}};
       }},
      {"own link to itself", [](Rows& r) { plain(r).own[0].push_back(plain(r).id); }},
      {"own link to a later node", [](Rows& r) { folded(r).own[0].push_back(folded(r).id + 1); }},
      {"link twice", [](Rows& r) { plain(r).own[0].push_back(plain(r).own[0].back()); }},
      {"links out of order", [](Rows& r) { std::swap(plain(r).own[0][0], plain(r).own[0][1]); }},
      {"link zero", [](Rows& r) { plain(r).own[0].insert(plain(r).own[0].begin(), 0); }},
      {"link above as_of",
       [](Rows& r) {
         folded(r).links = folded(r).own;
         folded(r).as_of = folded(r).id;
         folded(r).links[0].push_back(folded(r).id + 1);
       }},
      {"link far away", [](Rows& r) { folded(r).links[0].push_back(0x7FFF'FFFF); }},
      {"list too long",
       [](Rows& r) {
         folded(r).links[0].clear();
         for (NodeId id = 1; id <= 9; ++id) folded(r).links[0].push_back(id);
       }},
      {"own list too long", [](Rows& r) { plain(r).own[0] = {1, 2, 3, 4, 5, 6}; }},
      {"link to a node below its level",
       [](Rows& r) {
         for (NodeId id = 1; id < 100; ++id) {
           if (r.records[id - 1].own.size() == 1) {
             tall(r).own[1] = {id};
             tall(r).links.clear();
             return;
           }
         }
       }},
      {"no link to the parent", [](Rows& r) { plain(r).parent = 1 + plain(r).own[0][0] % 50; }},
      {"parent above all", [](Rows& r) { plain(r).parent = 0xFFFF'FFFF; }},
      {"second root", [](Rows& r) { plain(r).parent = kNodeNone; }},
      {"circle of parents",
       [](Rows& r) {
         NodeRecord& a = r.records[150];
         NodeRecord& b = r.records[151];
         a.as_of = b.as_of = r.max_id;
         a.links = a.own;
         b.links = b.own;
         a.links[0] = {b.id};
         b.links[0] = {a.id};
         a.parent = b.id;
         b.parent = a.id;
       }},
      {"entry zero", [](Rows& r) { r.entry = kNodeNone; }},
      {"entry missing", [](Rows& r) { r.entry = r.max_id + 1; }},
      {"entry huge", [](Rows& r) { r.entry = 0xFFFF'FFFF; }},
      {"highest id too low", [](Rows& r) { r.max_id = 150; }},
      {"highest id not reserved", [](Rows& r) { r.max_id = 0x7FFF'0000; }},
  };
  return damage;
}

std::vector<Damage> all_damage() {
  std::vector<Damage> damage = damaged_rows();
  damage.insert(damage.end(), damaged_links().begin(), damaged_links().end());
  return damage;
}

TEST(Load, RejectsEveryKindOfDamage) {
  const Rows intact = make_rows(200);
  ASSERT_EQ(folded(const_cast<Rows&>(intact)).own.size(), 1U);
  ASSERT_EQ(plain(const_cast<Rows&>(intact)).own.size(), 1U);
  ASSERT_GT(tall(const_cast<Rows&>(intact)).id, 1U);
  for (const Damage& damage : all_damage()) {
    Rows rows = intact;
    damage.apply(rows);
    EXPECT_EQ(load(rows).code(), Code::kCorruption) << damage.name;
    EXPECT_EQ(apply(rows).code(), Code::kCorruption) << damage.name;
  }
}

TEST(Load, AfterAFailedLoadTheGraphIsEmpty) {
  Rows rows = make_rows(100);
  rows.records[60].own[0].push_back(61);
  std::unique_ptr<Graph> graph;
  EXPECT_FALSE(load(rows, graph).ok());
  EXPECT_EQ(graph->max_id(), kNodeNone);
  EXPECT_EQ(graph->entry(), kNodeNone);
  EXPECT_FALSE(graph->is_present(5));
}

// Random changes to random fields. What is taken nevertheless must be a graph that can be searched
// and extended.
TEST(Load, RandomDamageNeverCrashes) {
  NEARLITE_SEEDED(seed, 32);
  std::mt19937_64 random(seed);
  const Rows intact = make_rows(120);
  const auto pick = [&](std::size_t bound) { return static_cast<std::size_t>(random() % bound); };
  const auto number = [&]() -> NodeId {
    switch (pick(5)) {
      case 0: return static_cast<NodeId>(random());
      case 1: return 0;
      default: return static_cast<NodeId>(pick(130));
    }
  };
  int taken = 0;
  for (int round = 0; round < 800; ++round) {
    Rows rows = intact;
    for (std::size_t i = 1 + pick(3); i > 0; --i) {
      NodeRecord& record = rows.records[pick(rows.records.size())];
      LevelLists& lists = pick(2) == 0 || record.links.empty() ? record.own : record.links;
      std::vector<NodeId>* list = lists.empty() ? nullptr : &lists[pick(lists.size())];
      switch (pick(9)) {
        case 0: record.parent = number(); break;
        case 1: record.as_of = number(); break;
        case 2: rows.entry = number(); break;
        case 3: record.links.clear(); break;
        case 4:
          rows.records.erase(rows.records.begin() +
                             static_cast<std::ptrdiff_t>(pick(rows.records.size())));
          break;
        case 5:
          if (list != nullptr && !list->empty()) list->pop_back();
          break;
        case 6:
          if (list != nullptr && !list->empty()) (*list)[pick(list->size())] = number();
          break;
        case 7:
          if (list != nullptr) {
            list->push_back(number());
            std::sort(list->begin(), list->end());
          }
          break;
        default: record.links = record.own; break;
      }
    }
    std::unique_ptr<Graph> graph;
    const Status loaded = load(rows, graph);
    static_cast<void>(apply(rows));
    if (!loaded.ok()) {
      ASSERT_EQ(loaded.code(), Code::kCorruption);
      continue;
    }
    ++taken;
    static_cast<void>(check_graph(*graph, 5));
    SearchContext context;
    search_ids(*graph, rows.codes[3], 50, context);
    GraphChange change(*graph);
    for (NodeId id = graph->max_id() + 1; id < graph->max_id() + 20; ++id) {
      write_node(*graph, id, rows.codes[id % 100]);
      check_ok(change.add_node(id));
    }
    check_ok(change.link({}));
    for (NodeId id = 1; id < 120; id += 2) static_cast<void>(change.mark_dead(id));
    for (NodeId id = 2; id < 120; id += 4) static_cast<void>(change.repair(id, 5));
    change.publish(3);
    GraphChange second(*graph);
    for (NodeId id = 2; id < 120; id += 2) static_cast<void>(second.repair(id, 5));
    for (NodeId id = 1; id < 120; id += 2) static_cast<void>(second.purge(id));
    second.publish(4);
  }
  EXPECT_GT(taken, 20);
}

}  // namespace
}  // namespace nearlite
