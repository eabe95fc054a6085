// Images made by somebody who knows the checksums.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "connection.h"
#include "storage/side_file.h"
#include "support/side_records.h"

namespace nearlite::test {

using Bytes = std::vector<std::byte>;

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
