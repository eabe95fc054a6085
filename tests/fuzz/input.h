// Reads choices off the bytes of a fuzzer's input; when they are used up, everything is zero.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

namespace nearlite::test {

class Input {
 public:
  explicit Input(std::span<const std::byte> bytes) : bytes_(bytes) {}

  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  [[nodiscard]] std::span<const std::byte> rest() const { return bytes_; }
  std::span<const std::byte> take(std::size_t count) {
    count = std::min(count, bytes_.size());
    const auto piece = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return piece;
  }
  template <typename T>
  T number() {
    T value{};
    const auto piece = take(sizeof value);
    if (!piece.empty()) std::memcpy(&value, piece.data(), piece.size());
    return value;
  }
  std::uint32_t below(std::uint32_t bound) { return number<std::uint8_t>() % bound; }
  std::string text(std::size_t count) {
    const auto piece = take(count);
    return {reinterpret_cast<const char*>(piece.data()), piece.size()};
  }
  /// Up to the next zero byte, or the end.
  std::string line() {
    std::size_t size = 0;
    while (size < bytes_.size() && bytes_[size] != std::byte{0}) ++size;
    std::string line = text(size);
    take(1);
    return line;
  }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace nearlite::test
