#include "fuzz/record_targets.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/hash.h"
#include "fuzz/input.h"
#include "graph/graph.h"
#include "index/node_code.h"
#include "index/side_nodes.h"
#include "sqlite/arguments.h"
#include "sqlite/plan.h"
#include "sqlite/vec0_arguments.h"
#include "storage/records.h"
#include "storage/side_file.h"
#include "storage/vector_block.h"
#include "support/side_records.h"
#include "vector/parse.h"

namespace nearlite::test {

void fail(const char* what) {
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

namespace {

// The fuzzer cannot guess a checksum: with the first bit of the input the right one is put there.
std::vector<std::byte> with_checksum(Input& input, std::uint64_t seed) {
  const bool repairs = (input.number<std::uint8_t>() & 1) != 0;
  const auto rest = input.rest();
  std::vector<std::byte> bytes(rest.begin(), rest.end());
  if (repairs && bytes.size() > 4) {
    const auto body = std::span(bytes).first(bytes.size() - 4);
    const auto check = static_cast<std::uint32_t>(hash64(body, seed));
    std::memcpy(bytes.data() + body.size(), &check, sizeof check);
  }
  return bytes;
}

}  // namespace

void fuzz_links(std::span<const std::byte> bytes) {
  Input input(bytes);
  const NodeId id = 1 + input.below(40);
  const std::vector<std::byte> blob = with_checksum(input, id);
  const auto record = decode_links(id, blob);
  if (!record.ok()) return expect(record.status().code() == Code::kCorruption, "a code of its own");
  expect(encode_links(*record) == blob, "what is decoded is encoded alike");
}

void fuzz_commit_state(std::span<const std::byte> bytes) {
  Input input(bytes);
  CommitRecord record;
  record.seq = input.number<std::uint16_t>();
  record.max_node_id = input.number<std::uint16_t>();
  // The seed of its checksum is private to records.cc: a right one is found by encoding.
  std::vector<std::byte> blob(input.rest().begin(), input.rest().end());
  CommitRecord decoded = record;
  if (decode_commit_state(blob, decoded).ok()) {
    expect(encode_commit_state(decoded) == blob, "what is decoded is encoded alike");
  }
  record.fold_hand = input.number<std::uint32_t>() & kNodeIdMax;
  record.repair_seq = input.number<std::uint64_t>();
  record.unlink_floor = input.number<std::uint64_t>();
  record.reload = input.below(2) == 1;
  record.relabelled_all = input.below(2) == 1;
  NodeId last = 0;
  while (!input.empty() && last < 1'000'000) {
    last += 1 + input.below(200);
    (input.below(3) == 0 ? record.relabelled : record.touched).push_back(last);
  }
  blob = encode_commit_state(record);
  decoded = CommitRecord();
  decoded.seq = record.seq;
  decoded.max_node_id = record.max_node_id;
  expect(decode_commit_state(blob, decoded).ok(), "what is encoded decodes");
  expect(decoded.touched == record.touched && decoded.repair_seq == record.repair_seq &&
             decoded.fold_hand == record.fold_hand && decoded.reload == record.reload &&
             decoded.relabelled == record.relabelled &&
             decoded.relabelled_all == record.relabelled_all,
         "and is the same");
}

void fuzz_vector_block(std::span<const std::byte> bytes) {
  Input input(bytes);
  VectorLayout layout;
  layout.vector_bytes = 1 + input.below(40);
  layout.capacity = 1 + input.below(4);
  const auto block = input.number<std::int32_t>();
  NodeId before = 0;
  const Status status = visit_slots(layout, block, input.rest(), 1, kNodeIdMax,
                                    [&](NodeId id, RowId, std::span<const std::byte> vector) {
                                      expect(id > before, "slots come in order");
                                      expect(vector.size() == layout.vector_bytes, "whole vectors");
                                      before = id;
                                      return Status();
                                    });
  expect(status.ok() || status.code() == Code::kCorruption, "a code of its own");
}

// The nodes of an image, whatever is in them: a graph takes them or says why not.
void fuzz_side_nodes(std::span<const std::byte> image, const SideFileHeader& header) {
  GraphOptions options;
  options.m = header.m;
  options.seed = header.index_seed;
  IndexOptions index;
  index.dim = header.dim;
  options.format = graph_code_format(index);
  if (header.at.max_node_id > 100'000 || options.format.code_bytes != header.code_bytes ||
      options.format.residual_bytes != header.residual_bytes) {
    return;
  }
  auto graph = Graph::make(options);
  if (!graph.ok() || !(*graph)->reserve(header.at.max_node_id).ok()) return;
  auto opened = SideImage::of("image", image);
  auto nodes = open_side_nodes(std::move(*opened), **graph);
  if (!nodes.ok()) return;
  if (!(*graph)->begin(*nodes, header.at.max_node_id, header.at.entry, false).ok()) return;
  AlignedBuffer query;
  if (!query.allocate(options.format.code_bytes).ok()) return;
  SearchContext context;
  QueryCode zero;
  zero.data = query.data();
  const auto found = search(**graph, nullptr, zero, 20, context);
  expect(found.ok() || (*graph)->is_damaged(), "a walk stops for a reason");
  const Status status = (*graph)->complete(1);
  expect(status.ok() || (*graph)->is_damaged(), "a damaged image is noticed");
  if (status.ok()) static_cast<void>(check_graph(**graph, 10));  // it may be a bad one
}

// The fuzzer cannot guess checksums.
void repair_side_image(std::span<std::byte> image) {
  constexpr std::size_t kHeader = 144;
  if (image.size() < kHeader) return;
  const auto body = image.subspan(kHeader);
  const std::uint64_t body_bytes = body.size();
  std::uint64_t directory_bytes = 0;
  std::memcpy(&directory_bytes, &image[112], 8);
  directory_bytes %= body_bytes + 1;
  const std::uint64_t hash = hash64(body.first(directory_bytes));
  std::memcpy(&image[104], &body_bytes, 8);
  std::memcpy(&image[112], &directory_bytes, 8);
  std::memcpy(&image[120], &hash, 8);
  const std::uint64_t head_hash = hash64(image.first(kHeader - 8));
  std::memcpy(&image[kHeader - 8], &head_hash, 8);
  const auto opened = SideImage::of("image", image);
  if (!opened.ok()) return;
  const SideFileHeader& header = (*opened)->header();
  if (header.m >= kMMin && header.m <= kMMax) repair_side_records(header, body);
}

void fuzz_side_image(std::span<const std::byte> bytes) {
  Input input(bytes);
  const bool repairs = (input.number<std::uint8_t>() & 1) != 0;
  std::vector<std::byte> image(input.rest().begin(), input.rest().end());
  if (repairs) repair_side_image(image);
  const auto opened = SideImage::of("image", image);
  expect(opened.ok() || opened.status().code() == Code::kCorruption, "a code of its own");
  if (opened.ok()) fuzz_side_nodes(image, (*opened)->header());
}

void fuzz_plan_terms(std::span<const std::byte> bytes) {
  Input input(bytes);
  const std::string text = input.line();
  const auto terms = sqlite::decode_plan(text.c_str());
  if (!terms.ok()) return;
  const auto again = sqlite::decode_plan(sqlite::encode_plan(*terms).c_str());
  expect(again.ok() && again->size() == terms->size(), "what is encoded decodes");
}

void fuzz_vector_text(std::span<const std::byte> bytes) {
  Input input(bytes);
  const std::size_t dim = input.below(20);
  const std::string text = input.text(SIZE_MAX);
  std::vector<float> vector;
  if (!parse_vector_text(text, dim, vector).ok()) return;
  expect(dim == 0 || vector.size() == dim, "as many components as asked for");
  for (const float value : vector) expect(value - value == 0.0F, "finite components");
  std::vector<float> again;
  const Status status = parse_vector_text(format_vector_json(vector), vector.size(), again);
  expect(status.ok() && again == vector, "what is written reads alike");
}

void fuzz_vector_blob(std::span<const std::byte> bytes) {
  Input input(bytes);
  constexpr ElementType kTypes[] = {ElementType::kFloat32, ElementType::kFloat16,
                                    ElementType::kBFloat16, ElementType::kInt8, ElementType::kBit};
  const ElementType type = kTypes[input.below(std::size(kTypes))];
  const std::size_t dim = input.below(40);
  std::vector<float> vector;
  if (!parse_vector_blob(input.rest(), type, dim, vector).ok()) return;
  expect(dim == 0 || vector.size() == dim, "as many components as asked for");
  for (const float value : vector) expect(value - value == 0.0F, "finite components");
}

namespace {

template <class Parse>
void fuzz_parser(std::span<const std::byte> bytes, const Parse& parse) {
  Input input(bytes);
  std::vector<std::string> texts;
  while (!input.empty() && texts.size() < 40) texts.push_back(input.line());
  std::vector<const char*> arguments;
  for (const std::string& text : texts) arguments.push_back(text.c_str());
  const auto options = parse("t", arguments);
  if (!options.ok()) return expect(!options.status().message().empty(), "a failure says why");
  expect(!options->vectors.empty() && options->vectors.size() <= sqlite::kVectorColumnsMax,
         "a sane number of vector columns");
  for (const auto& column : options->vectors)
    expect(column.dim >= 1 && column.dim <= 65'536, "a sane dimension");
  expect(options->m >= 2 && options->m <= 128, "a sane m");
  for (std::size_t i = 0; i < options->columns.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      expect(options->columns[i].stored_name() != options->columns[j].stored_name(),
             "names that differ");
    }
  }
}

}  // namespace

void fuzz_create_arguments(std::span<const std::byte> bytes) {
  fuzz_parser(bytes, sqlite::parse_arguments);
}

void fuzz_vec0_arguments(std::span<const std::byte> bytes) {
  for (const bool is_made : {false, true}) {
    fuzz_parser(bytes, [&](std::string_view table, std::span<const char* const> arguments) {
      return sqlite::parse_vec0_arguments(table, arguments, is_made);
    });
  }
}

void fuzz_options(std::span<const std::byte> bytes) {
  Input input(bytes);
  const std::string name = input.line();
  const std::string value = input.line();
  sqlite::TableOptions options;
  if (sqlite::set_option("t", name, value, options).ok()) {
    const std::string canonical = sqlite::canonical_option(name);
    const std::string text = sqlite::option_text(options, canonical);
    sqlite::TableOptions again;
    expect(sqlite::set_option("t", canonical, text, again).ok(), "the text of an option sets it");
    expect(sqlite::option_text(again, canonical) == text, "to the same");
  }
  static_cast<void>(sqlite::change_option("t", name, value, options));
}

}  // namespace nearlite::test
