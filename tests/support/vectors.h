// Vectors for tests, made from a seed: nothing is read from files, and the same seed gives the same
// bytes.
//
// The shapes are those that break indexes: a clustered mixture of low rank (as real embeddings
// are), tight clusters (in which greedy search gets lost between neighbours that are all alike),
// exact duplicates, zeros.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "support/random.h"

namespace nearlite::test {

using Vector = std::vector<float>;

/// How an index stores an element. What is bound and what is read back is a blob of this type.
enum class Element { kFloat, kFloat16, kBfloat16, kInt8, kBit };

/// The name used in a column declaration: float, float16, bfloat16, int8, bit.
const char* name_of(Element element);

/// The blob of a vector in the declared element type, little-endian; a bit vector takes 1 where the
/// element is > 0.
std::vector<std::byte> encode(Element element, std::span<const float> vector);
/// The inverse of `encode`; empty if the length is not a multiple of the element's size.
Vector decode(Element element, std::span<const std::byte> blob, std::size_t dim);
/// "[0.5,-1,…]" with enough digits to read the same float back.
std::string to_json(std::span<const float> vector);

/// A stream of vectors that every element type represents exactly.
class VectorSource {
 public:
  struct Shape {
    std::size_t dim = 16;
    std::size_t cluster_count = 12;
    std::size_t rank = 6;            ///< of the spread within a cluster
    double spread = 0.35;            ///< of a cluster, against a unit-norm centre
    unsigned tight_percent = 10;     ///< drawn at a hundredth of the spread
    unsigned duplicate_percent = 5;  ///< an exact repetition of one of the last 64 vectors
    Element element = Element::kFloat;
  };

  VectorSource(const Shape& shape, std::uint64_t seed);
  /// A row's vector.
  Vector next();
  /// A query: drawn from the same mixture, sometimes equal to a row, sometimes far away.
  Vector query();
  [[nodiscard]] const Shape& shape() const { return shape_; }

 private:
  Vector draw(double spread);
  void represent(Vector& vector) const;

  Shape shape_;
  Random random_;
  std::vector<Vector> centres_;
  std::vector<Vector> axes_;  ///< rank * cluster_count directions, shared pairwise between clusters
  std::vector<Vector> recent_;
};

}  // namespace nearlite::test
