// See announced_reads.h.
#include "sqlite/announced_reads.h"

namespace nearlite::sqlite {

bool AnnouncedReads::is_ready(sqlite3* db, const std::string& schema, sqlite3_file* file,
                              std::uint64_t right_count) {
  if (copy_.is_open() && beyond_count_ >= kBeyondMax) {
    beyond_count_ = 0;
    sqlite3_int64 size = 0;
    const bool has_grown = file->pMethods->xFileSize(file, &size) == SQLITE_OK &&
                           static_cast<std::uint64_t>(size) > copy_.bytes() + copy_.bytes() / 8;
    if (has_grown) close();
  }
  if (copy_.is_open()) return true;
  if (mapped_max_ == 0 || right_count < right_min_) return false;
  if (copy_.open(db, schema.c_str(), mapped_max_)) return true;
  right_min_ = right_count + kPause;
  return false;
}

void AnnouncedReads::add(std::int64_t key, std::uint64_t offset, std::span<const Piece> pieces) {
  if (is_copied_) drop();
  std::size_t size = 0;
  for (const Piece& piece : pieces) {
    if (!copy_.has(piece)) {
      ++beyond_count_;
      return;
    }
    size += piece.size;
  }
  const bool fits = bytes_ + size <= MappedCopy::kBytesMax &&
                    pieces_.size() + pieces.size() <= MappedCopy::kPiecesMax;
  if (!fits) return;
  // In this order: without memory for the last, the first two still belong together.
  pieces_.insert(pieces_.end(), pieces.begin(), pieces.end());
  bytes_ += size;
  reads_.push_back({key, offset, bytes_ - size, size});
  for (const Piece& piece : pieces) lines_.add(copy_.address_of(piece), piece.size);
}

std::span<const std::byte> AnnouncedReads::take(std::int64_t key, std::uint64_t offset,
                                                std::size_t size, std::uint64_t right_count) {
  if (next_ == reads_.size()) return {};
  if (!is_copied_) {
    is_copied_ = true;
    lines_.fetch();
    copied_ = copy_.copy(pieces_);
    if (copied_.empty()) {  // somebody has cut off the file
      copy_.close();
      right_min_ = right_count + kPause;
    }
  }
  const Read& next = reads_[next_];
  const bool is_next = next.key == key && next.offset == offset && next.size == size;
  if (copied_.empty() || !is_next) return {};
  ++next_;
  ++taken_count_;
  return copied_.subspan(next.begin, size);
}

void AnnouncedReads::drop() noexcept {
  reads_.clear();
  pieces_.clear();
  lines_.clear();
  bytes_ = 0;
  is_copied_ = false;
  copied_ = {};
  next_ = 0;
}

void AnnouncedReads::close() noexcept {
  drop();
  copy_.close();
}

}  // namespace nearlite::sqlite
