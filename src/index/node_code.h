// What is stored of a node's vector, and how its code comes from that.
//
// An index that owns its vectors stores them, and derives code and residual. With external content
// the vector may have changed or be gone when the code is needed (dead nodes route too), so a slot
// holds the code itself, and the plane of the residual holds a fingerprint of the vector instead:
//
//   code (code_bytes) | info a, b (uint32 each) | fingerprint (uint64)
//
// Where an index that owns its vectors has residuals, or coarse codes, which have none, the
// fingerprint follows them: by it a vector that did not come through SQLite is known
// (Store::read_known()).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/aligned.h"
#include "graph/graph.h"
#include "index/options.h"
#include "nearlite/status.h"
#include "vector/quantizer.h"

namespace nearlite {

/// Bytes of one slot of the store, without its header.
[[nodiscard]] std::size_t slot_content_bytes(const IndexOptions& options) noexcept;

/// The codes as the graph keeps them.
[[nodiscard]] CodeFormat graph_code_format(const IndexOptions& options) noexcept;

/// By which a vector is known again.
[[nodiscard]] std::uint64_t fingerprint(std::span<const std::byte> stored) noexcept;
/// The one that ends at `end`.
[[nodiscard]] std::uint64_t read_fingerprint(const std::byte* end) noexcept;
/// Of a node: the end of its residual plane. 0 where the codes have none.
[[nodiscard]] std::uint64_t read_fingerprint(const Graph& graph, NodeId id) noexcept;

/// Makes codes for one index. The pointers of a call are those of the graph, or of buffers aligned
/// and sized like its. Threads: one at a time.
class NodeCoder {
 public:
  /// Must be called before anything else, and again for another quantizer.
  Status prepare(const IndexOptions& options, const Quantizer& quantizer);

  struct Place {
    std::byte* code;
    std::byte* residual;
    CodeInfo info;  ///< filled in
  };
  /// From a slot of the store. Errors: kCorruption.
  Status from_slot(std::span<const std::byte> slot, Place& place);
  /// From a vector; `stored` is the same in the element type.
  void from_vector(std::span<const float> values, std::span<const std::byte> stored, Place& place);
  /// What is to be stored of a vector whose code is in `place`.
  std::span<const std::byte> slot_of(std::span<const std::byte> stored, const Place& place);

 private:
  Status check_code(std::span<const std::byte> slot) const;

  const IndexOptions* options_ = nullptr;
  const Quantizer* quantizer_ = nullptr;
  EncodeScratch scratch_;
  AlignedBuffer spare_;  // external content: a residual nobody keeps
  std::vector<float> values_;
  std::vector<std::byte> slot_;
};

}  // namespace nearlite
