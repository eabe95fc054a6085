// The side file of a test, and images made by somebody who knows the checksums.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "connection.h"
#include "storage/side_file.h"
#include "support/side_records.h"

namespace nearlite::test {

using Bytes = std::vector<std::byte>;

/// Lives in the tests' folder, and as long as this does.
class ImageFile {
 public:
  explicit ImageFile(const std::string& name)
      : path_(testing::TempDir() + "nearlite_" + name + "." + std::to_string(getpid())) {}
  ~ImageFile() { std::remove(path_.c_str()); }
  ImageFile(const ImageFile&) = delete;
  ImageFile& operator=(const ImageFile&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Writes the image of the index, which keeps none otherwise.
  void save(Index& index) const {
    index.set_side_file({path_, 0600, 0});
    EXPECT_OK(index.save());
    index.set_side_file({});
  }
  [[nodiscard]] Bytes read() const {
    std::ifstream stream(path_, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
    return {bytes.begin(), bytes.end()};
  }
  /// Into the file that others may have open, not over it.
  void write(std::span<const std::byte> bytes) const {
    std::ofstream stream(path_, std::ios::binary | std::ios::trunc);
    stream.write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
  }

 private:
  std::string path_;
};

/// `image` after `change`, with checksums that are right.
inline Bytes forge(std::span<const std::byte> image,
                   const std::function<void(SideFileHeader&, Bytes&)>& change) {
  const auto opened = SideImage::of("image", image);
  EXPECT_OK(opened.status());
  if (!opened.ok()) return {};
  SideFileHeader header = (*opened)->header();
  const auto directory = (*opened)->directory();
  Bytes body(directory.begin(), directory.end());
  body.resize(directory.size() + (*opened)->record_bytes());
  EXPECT_OK((*opened)->read(0, std::span(body).subspan(directory.size())));
  change(header, body);
  repair_side_records(header, body);
  const auto forged =
      encode_side_image(header, [&](const SideFileSink& sink) { return sink(body); });
  EXPECT_OK(forged.status());
  return forged.ok() ? *forged : Bytes();
}

}  // namespace nearlite::test
