// The side file of one index: an image of a cache, for starting without reading the rows. A hint
// like the cache itself: stamped with the commit it stands at, ignored unless that commit is in the
// history of the file at hand, and caught up from the rows.
//
// INVARIANT D5. An image is written only of a cache that stands at a committed state, after the
// commit; losing,
//               truncating, swapping or ageing the file never changes an answer.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "index/cache.h"

namespace nearlite {

/// Loads the image at `path` if it fits the index and the history of `snapshot`. Null when there is
/// none that fits. Errors: those of reading rows, and kNoMemory.
Result<std::shared_ptr<Cache>> load_side_image(const std::string& path, Store& store,
                                               const IndexOptions& options,
                                               const CommitRecord& snapshot);

/// The same from an image in memory; one that does not fit is kCorruption, with the reason.
Result<std::shared_ptr<Cache>> load_memory_image(std::span<const std::byte> image, Store& store,
                                                 const IndexOptions& options,
                                                 const CommitRecord& snapshot);

}  // namespace nearlite
