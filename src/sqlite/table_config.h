// What a table keeps in <t>_config, and how it is read; docs/format.md says what it means.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "nearlite/status.h"
#include "storage/store.h"

namespace nearlite::sqlite {

inline constexpr std::string_view kFormatKey = "format_version";
inline constexpr std::string_view kUuidKey = "uuid";
inline constexpr std::string_view kLayoutKey = "vectors_per_block";  // + column suffix
inline constexpr std::string_view kSparseKey = "sparse_block_bytes";
inline constexpr std::string_view kSettingPrefix = "setting.";

[[nodiscard]] inline std::span<const std::byte> bytes_of(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// Values are short texts kept as blobs; empty if there is none.
[[nodiscard]] Result<std::string> config_text(Store& store, std::string_view key);
/// The same; kCorruption if there is none.
[[nodiscard]] Result<std::string> needed_config_text(Store& store, std::string_view key);

/// Refuses what `path=` may not be.
[[nodiscard]] Status check_path(const std::string& table, const std::string& path);

}  // namespace nearlite::sqlite
