#include "driver/data_set.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "driver/worker.h"

namespace bench {

template <typename T>
MappedArray<T>::MappedArray(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (file < 0 || fstat(file, &status) != 0) fail("cannot open " + path);
  bytes_ = static_cast<std::size_t>(status.st_size);
  void* mapped = mmap(nullptr, bytes_, PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0);
  close(file);
  if (mapped == MAP_FAILED) fail("cannot map " + path);
  data_ = static_cast<const T*>(mapped);
}

template <typename T>
MappedArray<T>::~MappedArray() {
  munmap(const_cast<T*>(data_), bytes_);
}

template class MappedArray<float>;
template class MappedArray<std::int32_t>;

namespace {

std::size_t read_dim(const std::string& folder) {
  std::ifstream file(folder + "/meta.json");
  if (!file) fail("cannot read " + folder + "/meta.json");
  return nlohmann::json::parse(file).at("dim").get<std::size_t>();
}

}  // namespace

DataSet::DataSet(const std::string& folder)
    : dim_(read_dim(folder)),
      rows_(folder + "/rows.f32"),
      queries_(folder + "/queries.f32"),
      truth_(folder + "/truth.i32") {
  if (truth_.size() != query_count() * kNeighbors) fail(folder + "/truth.i32 has a wrong size");
}

std::size_t DataSet::hits(std::size_t query, std::span<const std::int64_t> found) const {
  const std::int32_t* truth = truth_.data() + query * kNeighbors;
  return static_cast<std::size_t>(std::count_if(found.begin(), found.end(), [&](std::int64_t row) {
    return std::find(truth, truth + kNeighbors, row) != truth + kNeighbors;
  }));
}

}  // namespace bench
