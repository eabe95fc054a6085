#include "vector/sparse.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "base/bytes.h"
#include "base/try.h"
#include "vector/parse.h"
#include "vector/text_reader.h"

namespace nearlite {

namespace {

constexpr std::string_view kForm = "a sparse vector, such as {1:0.5,17:2}/100";

Status invalid(std::string message) { return {Code::kInvalidArgument, std::move(message)}; }

Status check_dim(std::uint64_t dim, std::uint32_t expected) {
  if (expected != 0 && dim != expected) {
    return invalid(
        "expected " + std::to_string(expected) + " dimensions, got " +
        (dim > kSparseDimMax ? "more than " + std::to_string(kSparseDimMax) : std::to_string(dim)));
  }
  if (dim >= 1 && dim <= kSparseDimMax) return {};
  return invalid("dimensions must be between 1 and " + std::to_string(kSparseDimMax));
}

Status too_many() { return invalid("more than " + std::to_string(kSparseNonzerosMax) + " values"); }

bool is_ascending(const SparseVector& vector) noexcept {
  const auto not_less = [](std::uint32_t a, std::uint32_t b) { return a >= b; };
  return std::adjacent_find(vector.indices.begin(), vector.indices.end(), not_less) ==
         vector.indices.end();
}

void sort(SparseVector& vector) {
  std::vector<std::pair<std::uint32_t, float>> pairs;
  pairs.reserve(vector.indices.size());
  for (std::size_t i = 0; i < vector.indices.size(); ++i)
    pairs.emplace_back(vector.indices[i], vector.values[i]);
  std::sort(pairs.begin(), pairs.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (std::size_t i = 0; i < pairs.size(); ++i)
    std::tie(vector.indices[i], vector.values[i]) = pairs[i];
}

// Checks what was read in any order, sorts it and leaves out zeros. `first` is the least index as
// users see it.
Status settle(SparseVector& vector, std::uint64_t first) {
  if (!is_ascending(vector)) sort(vector);
  const auto name = [&](std::size_t i) {
    return "index " + std::to_string(vector.indices[i] + first);
  };
  std::size_t count = 0;
  for (std::size_t i = 0; i < vector.indices.size(); ++i) {
    const std::uint32_t index = vector.indices[i];
    const float value = vector.values[i];
    if (index >= vector.dim)
      return invalid(name(i) + " is beyond the " + std::to_string(vector.dim) + " dimensions");
    if (i + 1 < vector.indices.size() && index == vector.indices[i + 1])
      return invalid(name(i) + " is there twice");
    if (!std::isfinite(value))
      return invalid("the value of " + name(i) + " is " + format_number(value));
    if (value == 0) continue;
    vector.indices[count] = index;
    vector.values[count++] = value;
  }
  vector.indices.resize(count);
  vector.values.resize(count);
  return {};
}

}  // namespace

Status parse_sparse_text(std::string_view text, std::uint32_t dim_expected, SparseVector& out) {
  out = SparseVector();
  TextReader reader(text);
  reader.skip_blanks();
  if (!reader.take('{')) return reader.unexpected(kForm);
  reader.skip_blanks();
  bool is_done = reader.take('}');
  while (!is_done) {
    std::uint64_t index = 0;
    float value = 0;
    reader.skip_blanks();
    NEARLITE_TRY(reader.read_index(index));
    if (index < 1 || index > kSparseDimMax)
      return invalid("indices must be between 1 and the number of dimensions");
    reader.skip_blanks();
    if (!reader.take(':')) return reader.unexpected("':'");
    reader.skip_blanks();
    NEARLITE_TRY(reader.read_number(value));
    // Beyond the limit the rest is not even read: a text may be as long as SQLite allows.
    if (out.indices.size() == kSparseNonzerosMax) return too_many();
    out.indices.push_back(static_cast<std::uint32_t>(index - 1));
    out.values.push_back(value);
    reader.skip_blanks();
    is_done = reader.take('}');
    if (!is_done && !reader.take(',')) return reader.unexpected("',' or '}'");
  }
  reader.skip_blanks();
  if (!reader.take('/')) return reader.unexpected("'/' and the number of dimensions");
  reader.skip_blanks();
  std::uint64_t dim = 0;
  NEARLITE_TRY(reader.read_index(dim));
  reader.skip_blanks();
  if (!reader.at_end()) return reader.unexpected("nothing after the number of dimensions");
  NEARLITE_TRY(check_dim(dim, dim_expected));
  out.dim = static_cast<std::uint32_t>(dim);
  return settle(out, 1);
}

Status parse_sparse_blob(std::span<const std::byte> blob, std::uint32_t dim_expected,
                         SparseVector& out) {
  out = SparseVector();
  const std::size_t count = blob.size() / 8;
  if (blob.size() % 8 != 4) {
    return invalid("a blob of " + std::to_string(blob.size()) +
                   " bytes is no sparse vector, which has 4 and 8 more for each value");
  }
  if (count > kSparseNonzerosMax) return too_many();
  Reader reader(blob);
  const std::uint32_t dim = reader.u32();
  NEARLITE_TRY(check_dim(dim, dim_expected));
  out.dim = dim;
  out.indices.resize(count);
  out.values.resize(count);
  for (std::uint32_t& index : out.indices) index = reader.u32();
  for (float& value : out.values) value = reader.f32();
  return settle(out, 0);
}

std::vector<std::byte> sparse_blob(const SparseVector& vector) {
  std::vector<std::byte> bytes;
  bytes.reserve(4 + 8 * vector.indices.size());
  Writer writer(bytes);
  writer.u32(vector.dim);
  for (const std::uint32_t index : vector.indices) writer.u32(index);
  for (const float value : vector.values) writer.f32(value);
  return bytes;
}

std::string format_sparse_text(const SparseVector& vector) {
  std::string text = "{";
  for (std::size_t i = 0; i < vector.indices.size(); ++i) {
    if (i != 0) text += ',';
    text += std::to_string(std::uint64_t{vector.indices[i]} + 1) + ':' +
            format_number(vector.values[i]);
  }
  return text + "}/" + std::to_string(vector.dim);
}

std::optional<double> shared_dot(const SparseVector& a, const SparseVector& b) noexcept {
  std::optional<double> sum;
  std::size_t j = 0;
  for (std::size_t i = 0; i < a.indices.size(); ++i) {
    while (j < b.indices.size() && b.indices[j] < a.indices[i]) ++j;
    if (j == b.indices.size()) break;
    if (b.indices[j] == a.indices[i])
      sum = sum.value_or(0) + double{a.values[i]} * double{b.values[j]};
  }
  return sum;
}

}  // namespace nearlite
