// A data set as bench/datasets.py leaves it: a folder with
//
//   rows.f32, queries.f32   little-endian float32, vector after vector, all of length 1
//   truth.i32               for each query the row numbers (from 0) of its ten nearest rows
//   meta.json               name, rows, dim, queries
//
// The files are mapped, not read: what a process holds of them is no memory of its index.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace bench {

inline constexpr std::size_t kNeighbors = 10;

/// A file mapped for reading; exits with a message when it cannot be.
template <typename T>
class MappedArray {
 public:
  explicit MappedArray(const std::string& path);
  ~MappedArray();
  MappedArray(const MappedArray&) = delete;
  MappedArray& operator=(const MappedArray&) = delete;
  const T* data() const { return data_; }
  std::size_t size() const { return bytes_ / sizeof(T); }

 private:
  const T* data_ = nullptr;
  std::size_t bytes_ = 0;
};

class DataSet {
 public:
  explicit DataSet(const std::string& folder);

  std::size_t dim() const { return dim_; }
  std::size_t row_count() const { return rows_.size() / dim_; }
  std::size_t query_count() const { return queries_.size() / dim_; }
  std::span<const float> row(std::size_t i) const { return {rows_.data() + i * dim_, dim_}; }
  std::span<const float> query(std::size_t i) const { return {queries_.data() + i * dim_, dim_}; }

  /// Counts how many of the found row numbers belong to the query's ten nearest.
  std::size_t hits(std::size_t query, std::span<const std::int64_t> found) const;

 private:
  std::size_t dim_;
  MappedArray<float> rows_;
  MappedArray<float> queries_;
  MappedArray<std::int32_t> truth_;
};

}  // namespace bench
