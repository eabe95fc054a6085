// NumPy's .npy: a header that describes one array, then its bytes. Read: versions 1 to 3, one or
// two dimensions, C order, little-endian float16/32/64 and integers. Written: version 1.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "nearlite/status.h"

namespace nearlite::formats {

struct NpyHeader {
  char kind = 0;  ///< 'f', 'i' or 'u'
  std::size_t item_bytes = 0;
  std::uint64_t row_count = 0;
  std::uint64_t column_count = 1;
  bool is_matrix = false;  ///< two dimensions
};

/// Parses the dictionary of a header, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)}".
/// Errors: kInvalidArgument, without the file's name.
Result<NpyHeader> parse_npy_header(std::string_view text);

/// A file's first bytes, up to the array's. `type` like "<f4"; `column_count` 0: one dimension.
std::string npy_header(std::string_view type, std::uint64_t row_count, std::uint64_t column_count);

}  // namespace nearlite::formats
