// When the side file is written and read. A failure to write never fails a commit: the file is a
// hint, and the next chance comes.
#include "base/try.h"
#include "index/side_image.h"
#include "index/write.h"

namespace nearlite {

// From the side file where there is one that fits, else from the rows.
Result<std::shared_ptr<Cache>> Index::load(const CommitRecord& snapshot) {
  if (!side_file_.path.empty()) {
    NEARLITE_ASSIGN(auto cache, load_side_image(side_file_.path, *store_, options_, snapshot));
    if (cache) {
      ++image_load_count_;
      has_image_ = true;
      return cache;
    }
  }
  ++load_count_;
  return load_cache(*store_, options_, snapshot);
}

Status Index::save() {
  if (side_file_.path.empty()) return {};
  // Inside a write transaction the last committed state is what can be saved (INVARIANT D5).
  std::shared_ptr<Cache> cache = write_ && !write_->private_cache ? write_->cache : nullptr;
  if (!cache && !write_) {
    NEARLITE_ASSIGN(const CommitRecord at, store_->last_commit());
    NEARLITE_ASSIGN(cache, acquire(at));
  }
  if (!cache)
    return error(Code::kBusy, "the side file cannot be written from here; try after COMMIT");
  NEARLITE_TRY(cache->save(side_file_.path, side_file_.mode));
  unsaved_rows_ = unsaved_commits_ = 0;
  has_image_ = true;
  ++save_count_;
  return {};
}

Result<std::vector<std::byte>> Index::image() {
  if (write_) return error(Code::kBusy, "no snapshot inside a write transaction; try after COMMIT");
  NEARLITE_ASSIGN(const CommitRecord at, store_->last_commit());
  NEARLITE_ASSIGN(const auto cache, acquire(at));
  if (!cache) return error(Code::kBusy, "the snapshot of this transaction is too old");
  return cache->image();
}

Status Index::take_image(std::span<const std::byte> image) {
  if (write_) return error(Code::kBusy, "no snapshot inside a write transaction; try after COMMIT");
  NEARLITE_ASSIGN(const CommitRecord at, store_->last_commit());
  NEARLITE_ASSIGN(auto cache, load_memory_image(image, *store_, options_, at));
  ++image_load_count_;
  slot_->replace(slot_->get(), std::move(cache));
  return {};
}

// REQUIRES: the transaction is committed and its write state gone.
void Index::save_after_commit(std::uint64_t changed_count) noexcept {
  if (side_file_.path.empty()) return;
  unsaved_rows_ += changed_count;
  ++unsaved_commits_;
  const std::shared_ptr<Cache> cache = slot_->get();
  if (!cache) return;
  const std::uint64_t every = side_file_.every;
  if (every == 0) return;
  const bool due = every == kSideFileAmortized
                       ? !has_image_ || unsaved_rows_ * 8 >= cache->live_count()
                       : unsaved_commits_ >= every;
  if (!due) return;
  try {
    if (!cache->save(side_file_.path, side_file_.mode).ok()) return;
  } catch (...) {
    return;  // no memory for a buffer: the next commit tries again
  }
  unsaved_rows_ = unsaved_commits_ = 0;
  has_image_ = true;
  ++save_count_;
}

void Index::remove_side_file() noexcept {
  if (!side_file_.path.empty()) {
    ignore(nearlite::remove_side_file(side_file_.path), "a stale hint harms nothing");
  }
  unsaved_rows_ = unsaved_commits_ = 0;
  has_image_ = false;
}

void Index::close() noexcept {
  if (side_file_.path.empty() || unsaved_commits_ == 0 || write_) return;
  const std::shared_ptr<Cache> cache = slot_->get();
  if (!cache) return;
  try {
    ignore(cache->save(side_file_.path, side_file_.mode),
           "the file is a hint; the rows have everything");
  } catch (...) {
    return;
  }
  unsaved_rows_ = unsaved_commits_ = 0;
}

}  // namespace nearlite
