#include "sqlite/label_hash.h"

#include <bit>

#include "base/bytes.h"
#include "base/hash.h"

namespace nearlite::sqlite {

void append_value(std::vector<std::byte>& bytes, sqlite3_value* value) {
  Writer writer(bytes);
  const int type = sqlite3_value_type(value);
  writer.u8(static_cast<std::uint8_t>(type));
  switch (type) {
    case SQLITE_INTEGER: writer.u64(static_cast<std::uint64_t>(sqlite3_value_int64(value))); break;
    case SQLITE_FLOAT: writer.u64(std::bit_cast<std::uint64_t>(sqlite3_value_double(value))); break;
    case SQLITE_NULL: break;
    default: {
      // The pointer first: asking for text may change the number of bytes.
      const void* data =
          type == SQLITE_TEXT ? sqlite3_value_text(value) : sqlite3_value_blob(value);
      const auto size = static_cast<std::size_t>(sqlite3_value_bytes(value));
      writer.varint(size);
      if (data != nullptr) writer.bytes({static_cast<const std::byte*>(data), size});
    }
  }
}

std::uint64_t hash_labels(std::span<const Column> columns, std::span<sqlite3_value* const> values) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!columns[i].is_stored() || sqlite3_value_nochange(values[i]) != 0) continue;
    Writer(bytes).varint(i);
    append_value(bytes, values[i]);
  }
  return bytes.empty() ? 0 : hash64(bytes) | 1;
}

}  // namespace nearlite::sqlite
