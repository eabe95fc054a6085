// The statements of the model test that change something. Each takes a Random of its own, so that a
// step does the same thing whatever other steps a shrunk run leaves out, as far as the state
// allows.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "model/session.h"

namespace nearlite::test {

enum class Conflict { kNone, kReplace, kIgnore, kFail, kAbort, kRollback };

inline std::string clause_of(Conflict conflict) {
  static const char* const names[] = {"",         " OR REPLACE", " OR IGNORE",
                                      " OR FAIL", " OR ABORT",   " OR ROLLBACK"};
  return names[static_cast<int>(conflict)];
}

/// The error of a duplicate rowid under a conflict clause.
inline Expected conflict_error(Conflict conflict) {
  return {SQLITE_CONSTRAINT, conflict == Conflict::kFail, conflict == Conflict::kRollback};
}

class Writes {
 public:
  Writes(World& world, std::uint64_t seed) : world_(world), seed_(seed) {}

  /// The source of vectors of a shape; every shape has its own clusters.
  VectorSource& source(const TableShape& shape) {
    const std::string key = shape.create_sql("t", Database::Engine::kNearlite);
    auto found = sources_.find(key);
    if (found == sources_.end()) {
      VectorSource::Shape parameters;
      parameters.dim = shape.dim;
      parameters.element = shape.element;
      found = sources_.emplace(key, VectorSource(parameters, mix(seed_, sources_.size()))).first;
    }
    return found->second;
  }

  /// A table that the session sees, or empty. Rarely the name of one that is not there.
  std::string pick_table(Session& session, Random& random) {
    world_.look(session);
    if (session.seen->empty()) return {};
    auto table = session.seen->begin();
    std::advance(table, static_cast<std::ptrdiff_t>(random.below(session.seen->size())));
    return table->first;
  }

  void insert(Session& session, Random& random) {
    const std::string name = pick_table(session, random);
    if (name.empty()) return create(session, random);
    const Table& table = session.seen->at(name);
    if (table.records.size() >= world_.config().rows_max) return erase_range(session, random);
    const Conflict conflict = pick_conflict(random);
    const std::size_t count = random.chance(60) ? 1 : 2 + random.below(random.chance(20) ? 40 : 8);
    std::string sql = "INSERT" + clause_of(conflict) + " INTO " + name +
                      "(rowid, embedding, lang, year, title) VALUES ";
    std::vector<Value> parameters;
    std::vector<std::pair<std::int64_t, Record>> rows;
    for (std::size_t i = 0; i < count; ++i) {
      rows.emplace_back(pick_rowid(table, random, 25), make_record(table, random));
      sql += i == 0 ? "(?,?,?,?,?)" : ", (?,?,?,?,?)";
      parameters.emplace_back(rows.back().first);
      push_record(table, rows.back().second, parameters);
    }
    auto next = std::make_shared<State>(*session.seen);
    const Expected expected = apply_insert(next->at(name).records, rows, conflict);
    world_.run(session, sql, parameters, expected, next);
  }

  void insert_without_rowid(Session& session, Random& random) {
    const std::string name = pick_table(session, random);
    if (name.empty()) return create(session, random);
    const Table& table = session.seen->at(name);
    if (table.records.size() >= world_.config().rows_max) return erase_range(session, random);
    const Record record = make_record(table, random);
    std::vector<Value> parameters;
    push_record(table, record, parameters);
    // The rowid is the engine's choice, so the model learns it from last_insert_rowid(): run it in
    // two parts.
    auto next = std::make_shared<State>(*session.seen);
    const StatePointer before = session.seen;
    const std::string sql =
        "INSERT INTO " + name + "(embedding, lang, year, title) VALUES (?,?,?,?)";
    world_.look(session);
    const int code = session.database.run(sql, parameters);
    world_.note(session, sql, parameters, code);
    const bool refused = world_.is_refusal(session, code);
    if (code == SQLITE_OK) {
      const std::int64_t last = sqlite3_last_insert_rowid(session.database.handle());
      if (before->at(name).records.contains(last))
        world_.fail("a new row took the rowid of another");
      next->at(name).records[last] = record;
    } else if (!refused) {
      world_.fail("got " + code_name(code) + ": " + session.database.message());
    }
    session.cursor.disturbed = true;
    world_.settle(session, {}, code == SQLITE_OK ? next : nullptr, refused);
  }

  void insert_select(Session& session, Random& random) {
    const std::string name = pick_table(session, random);
    if (name.empty()) return create(session, random);
    const Table& table = session.seen->at(name);
    if (table.records.size() >= world_.config().rows_max) return erase_range(session, random);
    const Conflict conflict = pick_conflict(random);
    const std::int64_t low = pick_rowid(table, random, 80), high = low + random.between(0, 30);
    const std::int64_t shift = random.chance(50) ? random.between(1, 9) : random.between(100, 900);
    std::vector<std::pair<std::int64_t, Record>> rows;
    for (auto row = table.records.lower_bound(low);
         row != table.records.end() && row->first <= high; ++row) {
      rows.emplace_back(row->first + shift, row->second);
    }
    auto next = std::make_shared<State>(*session.seen);
    const Expected expected = apply_insert(next->at(name).records, rows, conflict);
    world_.run(session,
               "INSERT" + clause_of(conflict) + " INTO " + name +
                   "(rowid, embedding, lang, year, title) SELECT rowid + ?3, embedding, lang, year,"
                   " title FROM " +
                   name + " WHERE rowid BETWEEN ?1 AND ?2 ORDER BY rowid",
               {low, high, shift}, expected, next);
  }

  void update_vector(Session& session, Random& random) {
    const std::string name = pick_table(session, random);
    if (name.empty()) return;
    const Table& table = session.seen->at(name);
    const std::int64_t low = pick_rowid(table, random, 90);
    const std::int64_t high = random.chance(80) ? low : low + random.between(1, 12);
    std::optional<Vector> vector;
    if (!random.chance(6)) vector = source(table.shape).next();
    auto next = std::make_shared<State>(*session.seen);
    for (auto& [rowid, record] : next->at(name).records) {
      if (rowid >= low && rowid <= high) record.embedding = vector;
    }
    const Value value = vector ? Value(table.shape.blob(*vector)) : Value();
    world_.run(session, "UPDATE " + name + " SET embedding = ?1 WHERE rowid BETWEEN ?2 AND ?3",
               {value, low, high}, {}, next);
  }

  void update_metadata(Session& session, Random& random) {
    const std::string name = pick_table(session, random);
    if (name.empty()) return;
    const Table& table = session.seen->at(name);
    const std::int64_t low = pick_rowid(table, random, 90), high = low + random.between(0, 20);
    const Record fresh = make_record(table, random);
    auto next = std::make_shared<State>(*session.seen);
    for (auto& [rowid, record] : next->at(name).records) {
      if (rowid < low || rowid > high) continue;
      record.lang = fresh.lang;
      record.title = fresh.title;
    }
    world_.run(session,
               "UPDATE " + name + " SET lang = ?1, title = ?2 WHERE rowid BETWEEN ?3 AND ?4",
               {fresh.lang, fresh.title, low, high}, {}, next);
  }

  void update_rowid(Session& session, Random& random) {
    const std::string name = pick_table(session, random);
    if (name.empty()) return;
    const Table& table = session.seen->at(name);
    const Conflict conflict = pick_conflict(random);
    const std::int64_t from = pick_rowid(table, random, 95), to = pick_rowid(table, random, 30);
    const bool with_vector = random.chance(30);
    const Vector vector = source(table.shape).next();
    auto next = std::make_shared<State>(*session.seen);
    Records& records = next->at(name).records;
    Expected expected;
    if (records.contains(from)) {
      if (from != to && records.contains(to) && conflict != Conflict::kReplace) {
        if (conflict != Conflict::kIgnore) expected = conflict_error(conflict);
      } else {
        Record record = records.at(from);
        if (with_vector) record.embedding = vector;
        records.erase(from);
        records[to] = std::move(record);
      }
    }
    std::vector<Value> parameters{to, from};
    if (with_vector) parameters.emplace_back(table.shape.blob(vector));
    world_.run(session,
               "UPDATE" + clause_of(conflict) + " " + name + " SET rowid = ?1" +
                   (with_vector ? ", embedding = ?3" : "") + " WHERE rowid = ?2",
               parameters, expected, next);
  }

  void erase(Session& session, Random& random) {
    const std::string name = pick_table(session, random);
    if (name.empty()) return;
    const std::int64_t rowid = pick_rowid(session.seen->at(name), random, 90);
    auto next = std::make_shared<State>(*session.seen);
    next->at(name).records.erase(rowid);
    world_.run(session, "DELETE FROM " + name + " WHERE rowid = ?1", {rowid}, {}, next);
  }

  void erase_range(Session& session, Random& random) {
    const std::string name = pick_table(session, random);
    if (name.empty()) return;
    const Table& table = session.seen->at(name);
    const std::int64_t low = pick_rowid(table, random, 90);
    const std::int64_t high = low + random.between(0, random.chance(3) ? 100'000 : 60);
    auto next = std::make_shared<State>(*session.seen);
    Records& records = next->at(name).records;
    records.erase(records.lower_bound(low), records.upper_bound(high));
    world_.run(session, "DELETE FROM " + name + " WHERE rowid BETWEEN ?1 AND ?2", {low, high}, {},
               next);
  }

  void erase_nearest(Session& session, Random& random) {
    const std::string name = pick_table(session, random);
    if (name.empty()) return;
    const Table& table = session.seen->at(name);
    const Vector query = source(table.shape).query();
    // Only where the k nearest are one set: a gap between the k-th and the next.
    const std::vector<Hit> hits = rank(table.shape, table.records, query);
    const std::size_t k = 1 + random.below(5);
    if (hits.size() <= k || hits[k].distance - hits[k - 1].distance < 1e-6) return;
    auto next = std::make_shared<State>(*session.seen);
    for (std::size_t i = 0; i < k; ++i) next->at(name).records.erase(hits[i].rowid);
    world_.run(session,
               "DELETE FROM " + name + " WHERE rowid IN (SELECT rowid FROM (" +
                   table.shape.knn_sql(name, world_.config().engine, true) + "))",
               {table.shape.blob(query), static_cast<std::int64_t>(k)}, {}, next);
  }

  void insert_bad_vector(Session& session, Random& random) {
    const std::string name = pick_table(session, random);
    if (name.empty() || world_.config().engine == Database::Engine::kPlain) return;
    const Table& table = session.seen->at(name);
    const Record good = make_record(table, random);
    const std::int64_t fresh =
        table.records.empty() ? 1 : std::max<std::int64_t>(table.records.rbegin()->first, 0) + 1;
    std::vector<Value> parameters{fresh};
    push_record(table, good, parameters);
    parameters.emplace_back(fresh + 1);
    const Value bad[] = {Blob(4 * table.shape.dim + 4), Blob(), std::string("[1,2"),
                         std::string("[nan]"), std::int64_t{5}};
    parameters.push_back(bad[random.below(std::size(bad))]);
    world_.run(session,
               "INSERT INTO " + name +
                   "(rowid, embedding, lang, year, title) VALUES (?1,?2,?3,?4,?5),"
                   " (?6,?7,'x',1,'x')",
               parameters, {SQLITE_ERROR, false, false}, session.seen);
  }

  void create(Session& session, Random& random);
  void drop(Session& session, Random& random);
  void rename(Session& session, Random& random);
  void command(Session& session, Random& random);

  std::int64_t pick_rowid(const Table& table, Random& random, unsigned existing_percent) {
    if (!table.records.empty() && random.chance(existing_percent)) {
      auto row = table.records.begin();
      std::advance(row, static_cast<std::ptrdiff_t>(random.below(table.records.size())));
      return row->first;
    }
    if (random.chance(2)) return random.chance(50) ? -random.between(0, 50) : (1LL << 40);
    return random.between(1, 1000);
  }

 private:
  static Conflict pick_conflict(Random& random) {
    return random.chance(50) ? Conflict::kNone : static_cast<Conflict>(1 + random.below(5));
  }

  Record make_record(const Table& table, Random& random) {
    static const char* const langs[] = {"en", "de", "fr", "日本"};
    Record record;
    if (!random.chance(5)) record.embedding = source(table.shape).next();
    if (!random.chance(10)) record.lang = std::string(langs[random.below(4)]);
    if (!random.chance(10)) record.year = random.between(1990, 2030);
    if (!random.chance(10)) record.title = "title " + std::to_string(random.below(1000));
    return record;
  }

  static void push_record(const Table& table, const Record& record,
                          std::vector<Value>& parameters) {
    parameters.push_back(record.embedding ? Value(table.shape.blob(*record.embedding)) : Value());
    parameters.push_back(record.lang);
    parameters.push_back(record.year);
    parameters.push_back(record.title);
  }

  static Expected apply_insert(Records& records,
                               const std::vector<std::pair<std::int64_t, Record>>& rows,
                               Conflict conflict) {
    for (const auto& [rowid, record] : rows) {
      if (!records.contains(rowid) || conflict == Conflict::kReplace) {
        records[rowid] = record;
      } else if (conflict != Conflict::kIgnore) {
        return conflict_error(conflict);
      }
    }
    return {};
  }

  World& world_;
  std::uint64_t seed_;
  std::map<std::string, VectorSource> sources_;
};

inline const std::vector<TableShape>& table_shapes() {
  static const std::vector<TableShape> shapes{
      {Element::kFloat, Metric::kCosine, 16, ", m=6, ef_construction=60"},
      {Element::kFloat, Metric::kL2, 32, ", m=8, ef_construction=50, ef_search=64"},
      {Element::kFloat, Metric::kCosine, 96, ", m=4, ef_construction=40"},
      {Element::kFloat, Metric::kIp, 24, ", m=8, ef_construction=80"},
      {Element::kFloat, Metric::kL2, 3, ", m=5, ef_construction=40, tombstone_rebuild_pct=10"},
      {Element::kFloat, Metric::kL1, 20, ", m=8, ef_construction=60"},
      {Element::kFloat, Metric::kCosine, 33, ", m=8, quantize=none"},
      {Element::kFloat, Metric::kCosine, 80, ", m=8, quantize=bit"},
      {Element::kBit, Metric::kHamming, 64, ", m=8, ef_construction=60"},
      {Element::kInt8, Metric::kL2, 24, ", m=8, ef_construction=60"},
      {Element::kFloat16, Metric::kCosine, 20, ", m=8"},
      {Element::kBfloat16, Metric::kL2, 18, ", m=8"},
  };
  return shapes;
}

inline void Writes::create(Session& session, Random& random) {
  world_.look(session);
  const std::string name = random.chance(60) ? "t" : "u";
  const bool exists = session.seen->contains(name);
  const TableShape& shape = table_shapes()[random.below(table_shapes().size())];
  auto next = std::make_shared<State>(*session.seen);
  if (!exists) (*next)[name] = {shape, {}};
  world_.run(session, shape.create_sql(name, world_.config().engine), {},
             {exists ? SQLITE_ERROR : SQLITE_OK, false, false}, next);
}

inline void Writes::drop(Session& session, Random& random) {
  const std::string name = random.chance(90) ? pick_table(session, random) : "absent";
  if (name.empty()) return;
  auto next = std::make_shared<State>(*session.seen);
  const bool exists = next->erase(name) > 0;
  world_.run(session, "DROP TABLE " + name, {}, {exists ? SQLITE_OK : SQLITE_ERROR, false, false},
             next);
}

inline void Writes::rename(Session& session, Random& random) {
  const std::string from = pick_table(session, random);
  if (from.empty()) return;
  const std::string to = from == "t" ? "u" : "t";
  const bool taken = session.seen->contains(to);
  auto next = std::make_shared<State>(*session.seen);
  if (!taken) {
    (*next)[to] = next->at(from);
    next->erase(from);
  }
  // SQLite looks for the new name in the schema it has in memory and does not look again; a read
  // makes it notice what other connections have dropped.
  session.database.exec("SELECT count(*) FROM sqlite_schema");
  world_.run(session, "ALTER TABLE " + from + " RENAME TO " + to, {},
             {taken ? SQLITE_ERROR : SQLITE_OK, false, false}, next);
}

inline void Writes::command(Session& session, Random& random) {
  const std::string name = pick_table(session, random);
  if (name.empty() || world_.config().engine == Database::Engine::kPlain) return;
  static const char* const commands[] = {"optimize", "compact", "repair", "rebuild",
                                         "integrity-check"};
  const std::string column = name;
  if (random.chance(20)) {
    world_.run(session, "INSERT INTO " + name + "(" + column + ", k) VALUES('ef_search', ?1)",
               {random.between(60, 300)}, {}, session.seen);
    return;
  }
  world_.run(session,
             "INSERT INTO " + name + "(" + column + ") VALUES('" +
                 commands[random.below(std::size(commands))] + "')",
             {}, {}, session.seen);
}

}  // namespace nearlite::test
