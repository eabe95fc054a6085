// The statements of the model test that read: searches of every form, compared with what the
// connection must see.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "model/writes.h"

namespace nearlite::test {

class Reads {
 public:
  Reads(World& world, Writes& writes) : world_(world), writes_(writes) {}

  void search(Session& session, Random& random) {
    const std::string name = writes_.pick_table(session, random);
    if (name.empty()) return;
    const Table table = session.seen->at(name);
    const Vector query = writes_.source(table.shape).query();
    static const std::int64_t counts[] = {0, 1, 5, 10, 10, 10, 30, 1000};
    const std::int64_t k = counts[random.below(std::size(counts))];
    const bool exact = random.chance(30);
    Records qualifying;
    std::string where;
    std::vector<Value> parameters{table.shape.blob(query), k};
    filter(table, random, where, parameters, qualifying);
    ask(session, table, query, static_cast<std::size_t>(k), exact, qualifying,
        table.shape.knn_sql(name, world_.config().engine, exact, where), parameters);
  }

  /// Without k: the whole table streams, in order, each row once.
  void stream(Session& session, Random& random) {
    const std::string name = writes_.pick_table(session, random);
    if (name.empty() || plain()) return;
    const Table table = session.seen->at(name);
    const Vector query = writes_.source(table.shape).query();
    Records qualifying;
    std::string where;
    std::vector<Value> parameters{table.shape.blob(query), Value()};
    filter(table, random, where, parameters, qualifying);
    const bool by_function = random.chance(40);
    const std::string sql =
        by_function
            ? "SELECT n.rowid, n.distance FROM vss_knn(?1, ?2, '" + name + "') AS n JOIN " + name +
                  " AS r ON r.rowid = n.rowid WHERE 1" + where + " ORDER BY n.distance"
            : "SELECT rowid, distance FROM " + name + " WHERE embedding MATCH ?1" + where +
                  " AND ?2 IS NULL ORDER BY distance";
    ask(session, table, query, std::nullopt, false, qualifying, sql, parameters);
  }

  void page(Session& session, Random& random) {
    const std::string name = writes_.pick_table(session, random);
    if (name.empty() || plain()) return;
    const Table table = session.seen->at(name);
    const Vector query = writes_.source(table.shape).query();
    const std::int64_t limit = random.between(0, 20), offset = random.between(0, 20);
    Rows rows;
    const int code =
        world_.run(session,
                   "SELECT rowid, distance FROM " + name +
                       " WHERE embedding MATCH ?1 ORDER BY distance LIMIT ?2 OFFSET ?3",
                   {table.shape.blob(query), limit, offset}, {}, nullptr, &rows);
    if (code != SQLITE_OK) return;
    std::vector<Hit> hits;
    std::string fault = to_hits(rows, hits);
    if (fault.empty()) fault = find_fault(table.shape, table.records, query, hits);
    const auto live = static_cast<std::int64_t>(rank(table.shape, table.records, query).size());
    const std::int64_t count = std::clamp(live - offset, std::int64_t{0}, limit);
    if (fault.empty() && static_cast<std::int64_t>(hits.size()) != count) {
      fault = std::to_string(hits.size()) + " rows instead of " + std::to_string(count);
    }
    if (!fault.empty()) world_.fail("page: " + fault);
  }

  void by_function(Session& session, Random& random) {
    const std::string name = writes_.pick_table(session, random);
    if (name.empty() || plain()) return;
    const Table table = session.seen->at(name);
    const Vector query = writes_.source(table.shape).query();
    const std::int64_t k = random.between(0, 25);
    ask(session, table, query, static_cast<std::size_t>(k), false, table.records,
        "SELECT rowid, distance FROM vss_knn(?1, ?2, '" + name + "')",
        {table.shape.blob(query), k});
  }

  void rows(Session& session, Random& random) {
    const std::string name = writes_.pick_table(session, random);
    if (name.empty()) return;
    const Table table = session.seen->at(name);
    const std::int64_t rowid = writes_.pick_rowid(table, random, 80);
    Rows rows;
    const int code = world_.run(session,
                                "SELECT (SELECT count(*) FROM " + name +
                                    "), lang, year, title, embedding FROM (SELECT 1)"
                                    " LEFT JOIN " +
                                    name + " ON " + name + ".rowid = ?1",
                                {rowid}, {}, nullptr, &rows);
    if (code != SQLITE_OK) return;
    Record record;
    const auto found = table.records.find(rowid);
    if (found != table.records.end()) record = found->second;
    const Value blob = record.embedding ? Value(table.shape.blob(*record.embedding)) : Value();
    const Row expected{static_cast<std::int64_t>(table.records.size()), record.lang, record.year,
                       record.title, blob};
    if (rows.size() != 1 || rows[0] != expected) world_.fail("row " + std::to_string(rowid));
  }

  /// Opens a stream and leaves it after a few rows, or goes on with the one left open.
  void pause(Session& session, Random& random) {
    Session::Cursor& cursor = session.cursor;
    if (!cursor.open) {
      const std::string name = writes_.pick_table(session, random);
      if (name.empty()) return;
      cursor.table = session.seen->at(name);
      cursor.query = writes_.source(cursor.table.shape).query();
      cursor.hits.clear();
      cursor.disturbed = false;
      cursor.statement =
          Statement(session.database,
                    plain() ? cursor.table.shape.knn_sql(name, world_.config().engine, false)
                            : "SELECT rowid, distance FROM " + name +
                                  " WHERE embedding MATCH ?1 ORDER BY distance");
      cursor.statement.bind(1, cursor.table.shape.blob(cursor.query));
      if (plain()) cursor.statement.bind(2, std::int64_t{-1});
      cursor.open = true;
      world_.note("#" + std::to_string(session.number) + " opens a stream on " + name);
    }
    int code = SQLITE_ROW;
    for (std::uint64_t steps = 1 + random.below(30); steps > 0 && code == SQLITE_ROW; --steps) {
      code = cursor.statement.step();
      if (code == SQLITE_ROW)
        cursor.hits.push_back({cursor.statement.integer(0), cursor.statement.real(1)});
    }
    world_.note("#" + std::to_string(session.number) + " stream, " +
                std::to_string(cursor.hits.size()) + " rows so far   → " + code_name(code));
    std::string fault;
    if (!cursor.disturbed && !world_.is_refusal(session, code)) {
      std::vector<Hit> hits = cursor.hits;
      const std::size_t late = sort_late_hits(hits);
      if (code == SQLITE_DONE) {
        world_.count_late(late, hits.size());
        fault =
            judge(cursor.table.shape, cursor.table.records, cursor.query, std::nullopt, hits, false)
                .fault;
      } else if (code == SQLITE_ROW) {
        fault = find_fault(cursor.table.shape, cursor.table.records, cursor.query, hits);
      } else {
        fault = code_name(code) + " " + session.database.message();
      }
    }
    if (!fault.empty()) world_.fail("stream: " + fault);
    if (code != SQLITE_ROW || random.chance(30)) close_cursor(session);
    world_.settle(session, {}, nullptr, is_busy(code) || cursor.disturbed);
  }

  void close_cursor(Session& session) {
    if (!session.cursor.open) return;
    session.cursor.statement.finalize();
    session.cursor.open = false;
    world_.note("#" + std::to_string(session.number) + " closes its stream");
    world_.settle(session, {}, nullptr, session.cursor.disturbed);
  }

  /// The whole of what the session sees, against the model.
  void check(Session& session, Random& random) {
    world_.look(session);
    for (const auto& [name, table] : State(*session.seen)) {
      CheckOptions options;
      options.engine = world_.config().engine;
      options.seed = random.next();
      options.recall_min = 0;  // averaged over the run instead
      const std::string fault =
          check_index(session.database, name, table.shape, table.records, options);
      world_.note("#" + std::to_string(session.number) + " full check of " + name);
      const bool refused = fault.starts_with("BUSY") || fault.starts_with("LOCKED");
      if (!fault.empty() && !refused) world_.fail("check of " + name + ": " + fault);
      world_.settle(session, {}, nullptr, refused);
    }
  }

 private:
  bool plain() const { return world_.config().engine == Database::Engine::kPlain; }

  /// Half of the time a condition on a metadata column; `qualifying` gets the rows that fulfil it.
  void filter(const Table& table, Random& random, std::string& where,
              std::vector<Value>& parameters, Records& qualifying) {
    const std::uint64_t kind = random.below(6);
    const std::int64_t year = random.between(1990, 2030);
    if (kind == 0) where = " AND year >= ?3", parameters.emplace_back(year);
    if (kind == 1) where = " AND lang IN ('en', 'fr')";
    if (kind == 2) where = " AND lang = 'de' AND year < ?3", parameters.emplace_back(year);
    for (const auto& [rowid, record] : table.records) {
      const auto* found_year = std::get_if<std::int64_t>(&record.year);
      const auto* lang = std::get_if<std::string>(&record.lang);
      const bool fits = kind == 0   ? found_year != nullptr && *found_year >= year
                        : kind == 1 ? lang != nullptr && (*lang == "en" || *lang == "fr")
                        : kind == 2 ? lang != nullptr && *lang == "de" && found_year != nullptr &&
                                          *found_year < year
                                    : true;
      if (fits) qualifying.emplace(rowid, record);
    }
  }

  void ask(Session& session, const Table& table, const Vector& query, std::optional<std::size_t> k,
           bool exact, const Records& qualifying, const std::string& sql,
           const std::vector<Value>& parameters) {
    Rows rows;
    if (world_.run(session, sql, parameters, {}, nullptr, &rows) != SQLITE_OK) return;
    std::vector<Hit> hits;
    std::string fault = to_hits(rows, hits);
    Verdict verdict;
    if (!k && !exact) world_.count_late(sort_late_hits(hits), hits.size());
    if (fault.empty()) verdict = judge(table.shape, qualifying, query, k, hits, exact);
    if (fault.empty()) fault = verdict.fault;
    if (!fault.empty()) world_.fail("search: " + fault);
    if (!exact && k && *k > 0 && !qualifying.empty()) world_.count_recall(verdict.recall);
  }

  World& world_;
  Writes& writes_;
};

}  // namespace nearlite::test
