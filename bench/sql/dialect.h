// The SQL of one engine: how its index `t` is made, filled, changed and searched.
#pragma once

#include <cstddef>
#include <string>

namespace bench {

struct Dialect {
  std::string create;
  std::string insert;  // ?1 rowid, ?2 vector
  std::string update;  // ?1 rowid, ?2 vector
  std::string remove;  // ?1 rowid
  std::string search;  // ?1 vector, and where the engine has it ?2 ef
};

/// `engine`: nearlite, vectorlite or sqlite-vec. `options`: more arguments of the index ("" or
/// ", path='t.idx'"); `form`: the search's, of Nearlite only (match, rowid, knn, join).
Dialect dialect_of(const std::string& engine, std::size_t dim, std::size_t rows_max,
                   const std::string& options, const std::string& form);

}  // namespace bench
