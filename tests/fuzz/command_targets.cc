#include "fuzz/command_targets.h"

#include <cmath>

#include "embed/protocol.h"
#include "formats/reader.h"
#include "fuzz/input.h"
#include "fuzz/record_targets.h"

namespace nearlite::test {

// First byte: the format. Whatever follows is read to its end or refused; every row has as many
// values as there are columns, and every vector is finite.
void fuzz_import_file(std::span<const std::byte> bytes) {
  Input choices(bytes);
  const auto format = static_cast<formats::Format>(choices.below(7));
  auto reader = formats::open_reader(format, formats::Input::of_bytes(choices.rest(), "file"));
  if (!reader.ok()) {
    return expect(reader.status().code() == Code::kInvalidArgument, "a bad file is the user's");
  }
  formats::Row row;
  for (;;) {
    const std::uint64_t before = (*reader)->input().offset();
    const auto has_row = (*reader)->next(row);
    if (!has_row.ok()) {
      return expect(has_row.status().code() == Code::kInvalidArgument, "a bad row is the user's");
    }
    if (!*has_row) break;
    expect(row.values.size() <= (*reader)->columns().size(), "no value without a column");
    const bool is_empty_row = (*reader)->input().offset() == before;
    expect(!is_empty_row || format == formats::Format::kJsonLines, "a row takes bytes");
    if (!row.problem.empty()) continue;
    for (const formats::Value& value : row.values) {
      const auto* vector = std::get_if<std::vector<float>>(&value);
      if (vector == nullptr) continue;
      expect(!vector->empty() && vector->size() <= formats::kDimMax, "a vector's length");
      for (const float component : *vector) expect(std::isfinite(component), "is finite");
    }
  }
  expect((*reader)->input().offset() == choices.rest().size(), "all of it was read");
}

// First byte: the protocol and the number of texts.
void fuzz_embedding_reply(std::span<const std::byte> bytes) {
  Input choices(bytes);
  const std::uint32_t choice = choices.below(8);
  const auto protocol = (choice & 1) == 0 ? embed::Protocol::kOllama : embed::Protocol::kOpenAi;
  const std::size_t count = 1 + choice / 2;
  const std::string body = choices.text(choices.rest().size());
  const std::string error = embed::error_in(body);
  expect(error.size() <= 310, "an error is short");
  for (const char letter : error) {
    expect(static_cast<unsigned char>(letter) >= 0x20, "and printable");
  }
  const auto reply = embed::parse_reply(protocol, body, count);
  if (!reply.ok()) return expect(reply.status().code() == Code::kIo, "a code of its own");
  expect(reply->vectors.size() == count, "a vector a text");
  for (const auto& vector : reply->vectors) {
    expect(vector.size() == reply->vectors.front().size() && !vector.empty(), "of one length");
    for (const float component : vector) expect(std::isfinite(component), "is finite");
  }
  for (const std::size_t index : reply->truncated) expect(index < count, "a text there is");
}

}  // namespace nearlite::test
