#include "formats/reader.h"

namespace nearlite::formats {

Status Reader::failure(std::uint64_t line, const std::string& what) const {
  return {Code::kInvalidArgument, input_.name() + ":" + std::to_string(line) + ": " + what};
}

Result<Format> find_format(std::string_view name) {
  if (name == "csv") return Format::kCsv;
  if (name == "tsv") return Format::kTsv;
  if (name == "jsonl" || name == "ndjson") return Format::kJsonLines;
  if (name == "npy") return Format::kNpy;
  if (name == "fvecs") return Format::kFvecs;
  if (name == "bvecs") return Format::kBvecs;
  if (name == "ivecs") return Format::kIvecs;
  if (name == "parquet") {
    return Status(Code::kInvalidArgument,
                  "Parquet cannot be read here (Debian 12 has no library for it); convert it, for "
                  "instance: duckdb -c \"COPY (FROM 'x.parquet') TO 'x.jsonl'\"");
  }
  return Status(Code::kInvalidArgument, "unknown format '" + std::string(name) +
                                            "'; known: csv, tsv, jsonl, npy, fvecs, bvecs, ivecs");
}

Result<Format> format_of(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  if (dot == std::string_view::npos || path.find('/', dot) != std::string_view::npos) {
    return Status(Code::kInvalidArgument,
                  std::string(path) + ": the name does not say the format; give it with --format");
  }
  return find_format(path.substr(dot + 1));
}

Result<std::unique_ptr<Reader>> open_reader(Format format, Input input) {
  switch (format) {
    case Format::kCsv: return open_csv(std::move(input), ',');
    case Format::kTsv: return open_csv(std::move(input), '\t');
    case Format::kJsonLines: return open_json_lines(std::move(input));
    case Format::kNpy: return open_npy(std::move(input));
    default: return open_vecs(format, std::move(input));
  }
}

}  // namespace nearlite::formats
