// .fvecs, .bvecs, .ivecs: for each vector its length as a little-endian int32, then that many
// float32, bytes or int32. All vectors of a file must be of one length.
#include <cmath>
#include <cstring>

#include "base/bytes.h"
#include "base/try.h"
#include "formats/reader.h"

namespace nearlite::formats {
namespace {

class VecsReader final : public Reader {
 public:
  VecsReader(Format format, Input input) : Reader(std::move(input)), format_(format) {
    columns_ = {"vector"};
  }

  Result<bool> next(Row& row) override {
    row.problem.clear();
    row.line = ++row_;
    std::byte length[4];
    NEARLITE_ASSIGN(const std::size_t count, input_.read(length));
    if (count == 0) return false;
    const std::uint32_t dim = nearlite::Reader(length).u32();
    if (count != sizeof length) return failure(row_, "the file ends in the vector's length");
    if (dim == 0 || dim > kDimMax) {
      return failure(row_, "a vector of " + std::to_string(static_cast<std::int32_t>(dim)) +
                               " components; 1 to " + std::to_string(kDimMax) + " are possible");
    }
    if (dim_ == 0) dim_ = dim;
    if (dim != dim_) {
      return failure(row_, "a vector of " + std::to_string(dim) + " components, the first has " +
                               std::to_string(dim_));
    }
    const std::size_t item_bytes = format_ == Format::kBvecs ? 1 : 4;
    bytes_.resize(dim * item_bytes);
    NEARLITE_ASSIGN(const std::size_t body, input_.read(bytes_));
    if (body != bytes_.size()) return failure(row_, "the file ends inside the vector");
    decode(row);
    return true;
  }

 private:
  void decode(Row& row) const {
    std::vector<float> vector(dim_);
    nearlite::Reader reader(bytes_);
    for (float& component : vector) {
      switch (format_) {
        case Format::kBvecs: component = reader.u8(); break;
        case Format::kIvecs:
          component = static_cast<float>(static_cast<std::int32_t>(reader.u32()));
          break;
        default: component = reader.f32(); break;
      }
      if (!std::isfinite(component)) row.problem = "a component is not a finite number";
    }
    row.values.assign(1, std::move(vector));
  }

  Format format_;
  std::uint64_t row_ = 0;
  std::uint32_t dim_ = 0;
  std::vector<std::byte> bytes_;
};

}  // namespace

Result<std::unique_ptr<Reader>> open_vecs(Format format, Input input) {
  return std::unique_ptr<Reader>(std::make_unique<VecsReader>(format, std::move(input)));
}

}  // namespace nearlite::formats
