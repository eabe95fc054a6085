// What fails in the fault tests: short transactions of every kind, on a small file in the middle of
// a repair pass.
#pragma once

#include <functional>
#include <initializer_list>

#include "connection.h"

namespace nearlite::test {

struct Script {
  const char* name;
  Metric metric;
  std::function<Status(Connection&, VectorSource&)> run;
};

inline Status insert_rows(Connection& connection, VectorSource& vectors, RowId first, int count) {
  for (int i = 0; i < count; ++i) {
    if (Status status = connection.insert(first + i, vectors.next()); !status.ok()) return status;
  }
  return {};
}

inline Status erase_rows(Connection& connection, std::initializer_list<RowId> rowids) {
  for (const RowId rowid : rowids) {
    if (!connection.state().rows.contains(rowid)) continue;  // an earlier statement failed
    if (Status status = connection.erase(rowid); !status.ok()) return status;
  }
  return {};
}

// Runs all statements, whatever becomes of them; the first failure.
inline Status all(std::initializer_list<Status> statuses) {
  for (const Status& status : statuses) {
    if (!status.ok()) return status;
  }
  return {};
}

inline const Script kScripts[] = {
    {"Insert", Metric::kCosine,
     [](Connection& c, VectorSource& v) { return insert_rows(c, v, 500, 1); }},
    {"InsertIntoL2", Metric::kL2,
     [](Connection& c, VectorSource& v) { return insert_rows(c, v, 500, 2); }},
    {"InsertMany", Metric::kCosine,
     [](Connection& c, VectorSource& v) { return insert_rows(c, v, 500, 12); }},
    {"Update", Metric::kCosine,
     [](Connection& c, VectorSource& v) {
       return all({c.update(30, v.next()), c.update(31, v.next()), c.update(30, v.next())});
     }},
    {"Erase", Metric::kCosine,
     [](Connection& c, VectorSource& v) {
       return all({insert_rows(c, v, 500, 3), erase_rows(c, {31, 501}), insert_rows(c, v, 600, 1),
                   erase_rows(c, {32, 33, 500})});
     }},
    {"RefusedCommit", Metric::kCosine,
     [](Connection& c, VectorSource& v) {
       return all({insert_rows(c, v, 500, 4), c.sync(), erase_rows(c, {31, 501}),
                   insert_rows(c, v, 600, 2), c.sync(), erase_rows(c, {32, 600})});
     }},
    {"Optimize", Metric::kCosine,
     [](Connection& c, VectorSource& v) {
       return all({insert_rows(c, v, 500, 2), c.optimize(), erase_rows(c, {31}),
                   insert_rows(c, v, 600, 2)});
     }},
    {"Compact", Metric::kCosine, [](Connection& c, VectorSource&) { return c.compact(); }},
    {"Rebuild", Metric::kL2,
     [](Connection& c, VectorSource& v) {
       return all({insert_rows(c, v, 500, 2), c.rebuild(), erase_rows(c, {31, 500}),
                   insert_rows(c, v, 600, 2)});
     }},
    {"Savepoints", Metric::kCosine,
     [](Connection& c, VectorSource& v) {
       Status status = insert_rows(c, v, 500, 3);
       const auto savepoint = c.savepoint();
       status = all({status, insert_rows(c, v, 600, 2), erase_rows(c, {31, 500})});
       if (!status.ok()) return status;
       c.rollback_to(savepoint);
       return all({insert_rows(c, v, 700, 2), erase_rows(c, {32, 501})});
     }},
    {"SearchInATransaction", Metric::kCosine,
     [](Connection& c, VectorSource& v) {
       Status status = insert_rows(c, v, 500, 2);
       const std::vector<NodeId> allowed{31, 32, 33, 34};
       return all({status, c.search(v.next(), 5).status(), c.search(v.next(), 5, true).status(),
                   c.search(v.next(), 5, false, &allowed).status()});
     }},
};

/// 51 rows, some dead, a repair pass under way.
inline FileState file_for_scripts(const IndexOptions& options) {
  FileState file = new_file(options);
  Connection connection(file, options);
  VectorSource vectors(options, run_seed(21));
  EXPECT_OK(insert_rows(connection, vectors, 1, 60));
  EXPECT_OK(connection.commit());
  EXPECT_OK(erase_rows(connection, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  EXPECT_OK(connection.commit());
  EXPECT_OK(insert_rows(connection, vectors, 100, 1));
  EXPECT_OK(connection.commit());
  return file;
}

}  // namespace nearlite::test
