// The presets of IndexOptions.
#include "nearlite/options.h"

namespace nearlite {
inline namespace v1 {

IndexOptions IndexOptions::of(int dim) {
  IndexOptions options;
  options.dim = dim;
  return options;
}

IndexOptions IndexOptions::high_recall(int dim) {
  IndexOptions options = of(dim);
  options.ef_construction = 400;
  options.ef_search = 200;
  return options;
}

IndexOptions IndexOptions::fast(int dim) {
  IndexOptions options = of(dim);
  options.ef_construction = 100;
  options.ef_search = 40;
  return options;
}

}  // namespace v1
}  // namespace nearlite
