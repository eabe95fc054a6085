#include "formats/npy.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/bytes.h"
#include "base/try.h"
#include "formats/reader.h"
#include "vector/element.h"

namespace nearlite::formats {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kHeaderBytesMax = 10'000;  // NumPy's own limit
constexpr std::size_t kAlignment = 64;

Status bad_header(const std::string& what) { return {Code::kInvalidArgument, what}; }

// What stands behind 'key': in the dictionary. Strings in it hold no quotes, so that searching for
// the quoted key finds the key.
std::string_view value_of(std::string_view text, std::string_view key) {
  const std::size_t at = text.find("'" + std::string(key) + "'");
  if (at == std::string_view::npos) return {};
  std::string_view rest = text.substr(at + key.size() + 2);
  const std::size_t begin = rest.find_first_not_of(": \t");
  return begin == std::string_view::npos ? std::string_view() : rest.substr(begin);
}

Status parse_shape(std::string_view text, NpyHeader& header) {
  if (!text.starts_with('(')) return bad_header("no shape");
  const std::size_t end = text.find(')');
  if (end == std::string_view::npos) return bad_header("no shape");
  std::string_view list = text.substr(1, end - 1);
  std::uint64_t sizes[2] = {0, 1};
  std::size_t count = 0;
  while (list.find_first_not_of(" ,") != std::string_view::npos) {
    list.remove_prefix(list.find_first_not_of(" ,"));
    std::uint64_t size = 0;
    const auto [rest, error] = std::from_chars(list.data(), list.data() + list.size(), size);
    if (error != std::errc() || count == 2) {
      return bad_header("the shape must have one or two dimensions");
    }
    sizes[count++] = size;
    list.remove_prefix(static_cast<std::size_t>(rest - list.data()));
  }
  if (count == 0) return bad_header("the shape must have one or two dimensions");
  header.row_count = sizes[0];
  header.column_count = sizes[1];
  header.is_matrix = count == 2;
  return {};
}

class NpyReader final : public Reader {
 public:
  explicit NpyReader(Input input) : Reader(std::move(input)) { columns_ = {"vector"}; }

  [[nodiscard]] std::uint64_t row_count() const noexcept override { return header_.row_count; }

  Status read_header() {
    std::array<std::byte, 12> start{};
    NEARLITE_TRY(read_whole(std::span(start).first(8), "the header is cut off"));
    if (std::memcmp(start.data(), kMagic.data(), kMagic.size()) != 0) {
      return failure(0, "not an .npy file");
    }
    const auto version = std::to_integer<unsigned>(start[6]);
    if (version < 1 || version > 3) {
      return failure(0, ".npy version " + std::to_string(version) + " is not known");
    }
    const std::size_t length_bytes = version == 1 ? 2 : 4;
    const auto length_field = std::span(start).subspan(8, length_bytes);
    NEARLITE_TRY(read_whole(length_field, "the header is cut off"));
    nearlite::Reader reader(length_field);
    const std::size_t length = version == 1 ? reader.u16() : reader.u32();
    if (length > kHeaderBytesMax) {
      return failure(0, "a header of " + std::to_string(length) + " bytes; the limit is " +
                            std::to_string(kHeaderBytesMax));
    }
    std::string text(length, '\0');
    NEARLITE_TRY(read_whole(std::as_writable_bytes(std::span(text)), "the header is cut off"));
    const auto header = parse_npy_header(text);
    if (!header.ok()) return failure(0, header.status().message());
    header_ = *header;
    if (header_.is_matrix && (header_.column_count == 0 || header_.column_count > kDimMax)) {
      return failure(0, "vectors of " + std::to_string(header_.column_count) +
                            " components; 1 to " + std::to_string(kDimMax) + " are possible");
    }
    bytes_.resize(header_.item_bytes * header_.column_count);  // at most 128 KiB
    return {};
  }

  Result<bool> next(Row& row) override {
    row.problem.clear();
    row.line = row_ + 1;
    if (row_ == header_.row_count) {
      NEARLITE_ASSIGN(const int byte, input_.peek());
      if (byte >= 0) return failure(row_, "there are bytes behind the last row");
      return false;
    }
    NEARLITE_TRY(read_whole(bytes_, "the file ends in row " + std::to_string(row.line) + " of " +
                                        std::to_string(header_.row_count)));
    ++row_;
    row.values.resize(1);
    if (!header_.is_matrix) {
      row.values[0] = number_at(0);
      return true;
    }
    std::vector<float> vector(header_.column_count);
    for (std::size_t i = 0; i < vector.size(); ++i) {
      const Value number = number_at(i);
      const auto* whole = std::get_if<std::int64_t>(&number);
      vector[i] = static_cast<float>(whole != nullptr ? static_cast<double>(*whole)
                                                      : std::get<double>(number));
      if (!std::isfinite(vector[i]) && row.problem.empty()) {
        row.problem = "component " + std::to_string(i + 1) + " is not a finite float32";
      }
    }
    row.values[0] = std::move(vector);
    return true;
  }

 private:
  Status read_whole(std::span<std::byte> out, const std::string& what) {
    NEARLITE_ASSIGN(const std::size_t count, input_.read(out));
    return count == out.size() ? Status() : failure(row_ + 1, what);
  }

  [[nodiscard]] Value number_at(std::size_t index) const {
    const std::byte* from = bytes_.data() + index * header_.item_bytes;
    std::uint64_t bits = 0;
    std::memcpy(&bits, from, header_.item_bytes);
    if (header_.kind == 'f') {
      if (header_.item_bytes == 2) return double{from_float16(static_cast<std::uint16_t>(bits))};
      if (header_.item_bytes == 8) return std::bit_cast<double>(bits);
      return double{std::bit_cast<float>(static_cast<std::uint32_t>(bits))};
    }
    if (header_.kind == 'u') {
      if (bits > INT64_MAX) return static_cast<double>(bits);
      return static_cast<std::int64_t>(bits);
    }
    const unsigned unused = 64 - 8 * static_cast<unsigned>(header_.item_bytes);
    return static_cast<std::int64_t>(bits << unused) >> unused;  // the sign fills the rest
  }

  NpyHeader header_;
  std::uint64_t row_ = 0;
  std::vector<std::byte> bytes_;
};

}  // namespace

Result<NpyHeader> parse_npy_header(std::string_view text) {
  NpyHeader header;
  const std::string_view type = value_of(text, "descr");
  if (type.size() < 5 || type[0] != '\'' || type[4] != '\'') {
    return bad_header("its header has no simple number type");
  }
  if (type[1] == '>') return bad_header("big-endian numbers; save it with .astype('<f4')");
  header.kind = type[2];
  header.item_bytes = static_cast<std::size_t>(type[3] - '0');
  const bool is_float = header.kind == 'f' && std::strchr("248", type[3]) != nullptr;
  const bool is_whole =
      (header.kind == 'i' || header.kind == 'u') && std::strchr("1248", type[3]) != nullptr;
  if (!is_float && !is_whole) {
    return bad_header("numbers of type " + std::string(type.substr(0, 5)) +
                      " cannot be read; save it with .astype('float32')");
  }
  if (!value_of(text, "fortran_order").starts_with("False")) {
    return bad_header("in Fortran order; save numpy.ascontiguousarray of it");
  }
  NEARLITE_TRY(parse_shape(value_of(text, "shape"), header));
  return header;
}

std::string npy_header(std::string_view type, std::uint64_t row_count, std::uint64_t column_count) {
  std::string shape = "(" + std::to_string(row_count) + ",";
  if (column_count != 0) shape += " " + std::to_string(column_count);
  std::string text =
      "{'descr': '" + std::string(type) + "', 'fortran_order': False, 'shape': " + shape + "), }";
  // Magic, version and length take 10 bytes; the array begins at a multiple of 64.
  const std::size_t used = 10 + text.size() + 1;
  text.append((kAlignment - used % kAlignment) % kAlignment, ' ');
  text += '\n';
  std::string header(kMagic);
  header += '\x01';
  header += '\0';
  header += static_cast<char>(text.size() & 0xFF);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

Result<std::unique_ptr<Reader>> open_npy(Input input) {
  auto reader = std::make_unique<NpyReader>(std::move(input));
  NEARLITE_TRY(reader->read_header());
  return std::unique_ptr<Reader>(std::move(reader));
}

}  // namespace nearlite::formats
