// What recall is measured on.
#pragma once

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "support/check_index.h"

namespace nearlite::test {

inline constexpr std::size_t kDim = 384;
inline constexpr std::size_t kNearest = 10;

struct Data {
  std::vector<Vector> rows, queries;
};

inline std::vector<Vector> read_f16(const std::string& path) {
  std::vector<Vector> vectors;
  std::ifstream file(path, std::ios::binary);
  std::vector<std::byte> bytes(kDim * 2);
  while (file.read(reinterpret_cast<char*>(bytes.data()),
                   static_cast<std::streamsize>(bytes.size()))) {
    vectors.push_back(decode(Element::kFloat16, bytes, kDim));
  }
  return vectors;
}

inline Data demo_data() {
  const char* source = std::getenv("NEARLITE_SOURCE_DIR");
  const std::string folder = std::string(source == nullptr ? "." : source) + "/data/";
  return {read_f16(folder + "glosses.f16"), read_f16(folder + "queries.f16")};
}

inline Data synthetic_data(std::size_t row_count) {
  VectorSource source({.dim = kDim,
                       .cluster_count = 200,
                       .rank = 24,
                       .spread = 0.25,
                       .tight_percent = 0,
                       .duplicate_percent = 0},
                      seed_of_run(1));
  Data data;
  for (std::size_t i = 0; i < row_count; ++i) data.rows.push_back(source.next());
  for (std::size_t i = 0; i < 200; ++i) data.queries.push_back(source.query());
  return data;
}

}  // namespace nearlite::test
