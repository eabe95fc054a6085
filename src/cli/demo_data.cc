#include "cli/demo_data.h"

#include <fmt/format.h>

#include <bit>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

#include "cli/terminal.h"
#include "cli/try.h"

namespace nearlite::cli {
namespace {

constexpr std::size_t kVectorBytes = kDim * 2;  // float16

Status bad_file(const std::string& path, const std::string& problem) {
  return {Code::kCorruption, fmt::format("{}: {}", path, problem)};
}

Result<std::string> read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             std::fclose);
  if (!file) {
    return Status(Code::kIo, fmt::format("{}: {}; --data names the folder of the demo's data", path,
                                         std::strerror(errno)));
  }
  std::string text;
  char buffer[1 << 16];
  while (const std::size_t count = std::fread(buffer, 1, sizeof buffer, file.get())) {
    text.append(buffer, count);
  }
  if (std::ferror(file.get()) != 0) {
    return Status(Code::kIo, fmt::format("{}: {}", path, std::strerror(errno)));
  }
  return text;
}

// IEEE float16: 1 sign, 5 exponent (bias 15), 10 fraction bits. float32 has bias 127 and 23.
float from_half(std::uint32_t half) {
  const std::uint32_t sign = (half & 0x8000U) << 16U;
  const std::uint32_t exponent = (half >> 10U) & 0x1fU;
  const std::uint32_t fraction = half & 0x3ffU;
  if (exponent == 0) {  // zero, or below the smallest normal number: fraction * 2^-24
    const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
    return sign == 0 ? magnitude : -magnitude;
  }
  const std::uint32_t wide = exponent == 0x1fU ? 0xffU : exponent + (127 - 15);
  return std::bit_cast<float>(sign | (wide << 23U) | (fraction << 13U));
}

Result<std::vector<Sentence>> read_lines(const std::string& path) {
  NEARLITE_CLI_ASSIGN(const std::string text, read_file(path));
  if (!text.empty() && text.back() != '\n') return bad_file(path, "the last line is cut off");
  std::vector<Sentence> rows;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos) {
      return bad_file(path, fmt::format("line {}: expected a label, a tab and a text",
                                        with_commas(rows.size() + 1)));
    }
    rows.push_back({std::string(line.substr(0, tab)), std::string(line.substr(tab + 1)), {}});
  }
  if (rows.empty()) return bad_file(path, "the file is empty");
  return rows;
}

}  // namespace

Result<Sentences> read_sentences(const std::string& folder, const std::string& name,
                                 std::size_t rows_max) {
  const std::string vector_path = folder + "/" + name + ".f16";
  Sentences sentences;
  NEARLITE_CLI_ASSIGN(sentences.rows, read_lines(folder + "/" + name + ".txt"));
  NEARLITE_CLI_ASSIGN(const std::string halves, read_file(vector_path));
  const std::size_t expected_bytes = sentences.rows.size() * kVectorBytes;
  if (halves.size() != expected_bytes) {
    return bad_file(vector_path,
                    fmt::format("expected {} bytes ({} vectors of {} float16), got {}",
                                with_commas(expected_bytes), with_commas(sentences.rows.size()),
                                kDim, with_commas(halves.size())));
  }
  if (rows_max != 0 && rows_max < sentences.rows.size()) sentences.rows.resize(rows_max);
  sentences.vectors.resize(sentences.rows.size() * kDim);
  for (std::size_t i = 0; i < sentences.vectors.size(); ++i) {
    const auto low = static_cast<unsigned char>(halves[2 * i]);
    const auto high = static_cast<unsigned char>(halves[2 * i + 1]);
    sentences.vectors[i] = from_half(low | static_cast<std::uint32_t>(high) << 8U);
    if (!std::isfinite(sentences.vectors[i])) {
      return bad_file(vector_path, fmt::format("vector {}, number {} is not finite",
                                               with_commas(i / kDim + 1), i % kDim + 1));
    }
  }
  for (std::size_t i = 0; i < sentences.rows.size(); ++i) {
    sentences.rows[i].vector = std::span(sentences.vectors).subspan(i * kDim, kDim);
  }
  return sentences;
}

}  // namespace nearlite::cli
