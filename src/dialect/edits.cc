#include "dialect/edits.h"

#include <algorithm>
#include <utility>

namespace nearlite::dialect {

void Edits::add(Edit edit) {
  if (edit.what.empty() && edit.kind != Kind::kReplace) return;
  const auto before = [](const Edit& a, const Edit& b) {
    return std::pair(a.place, a.kind) < std::pair(b.place, b.kind);
  };
  const auto at = edit.kind == Kind::kBefore
                      ? std::lower_bound(edits_.begin(), edits_.end(), edit, before)
                      : std::upper_bound(edits_.begin(), edits_.end(), edit, before);
  edits_.insert(at, std::move(edit));
}

void Edits::wrap(std::size_t begin, std::size_t end, std::string before, std::string after) {
  add({begin, Kind::kBefore, begin, end, std::move(before)});
  add({end, Kind::kAfter, begin, end, std::move(after)});
}

void Edits::replace(std::size_t begin, std::size_t end, std::string what) {
  std::erase_if(edits_, [&](const Edit& edit) { return edit.begin >= begin && edit.end <= end; });
  add({begin, Kind::kReplace, begin, end, std::move(what)});
}

std::string Edits::render(std::size_t begin, std::size_t end) const {
  std::string result;
  std::size_t at = begin;
  for (const Edit& edit : edits_) {
    if (edit.begin < begin || edit.end > end || edit.place < at) continue;
    result += text_.substr(at, edit.place - at);
    result += edit.what;
    at = edit.kind == Kind::kReplace ? edit.end : edit.place;
  }
  result += text_.substr(at, end - at);
  return result;
}

}  // namespace nearlite::dialect
