#include "support/disk.h"

#include <algorithm>
#include <utility>

namespace nearlite::test {
namespace {

constexpr std::uint64_t kSectorBytes = 512;

std::string name_in(const std::string& path) { return path.substr(path.rfind('/') + 1); }

void write_at(std::string& file, std::uint64_t offset, std::string_view bytes) {
  if (file.size() < offset + bytes.size()) file.resize(offset + bytes.size(), '\0');
  std::copy(bytes.begin(), bytes.end(), file.begin() + static_cast<std::ptrdiff_t>(offset));
}

}  // namespace

Disk::Disk(const Files& files) {
  for (const auto& [name, bytes] : files) {
    auto inode = std::make_shared<Inode>();
    inode->durable = bytes;
    live_[name] = durable_[name] = std::move(inode);
  }
}

void Disk::rename_to(const std::string& name, std::shared_ptr<Inode> inode, bool continues) {
  if (inode == nullptr) {
    live_.erase(name);
  } else {
    live_[name] = inode;
  }
  names_.push_back({name, std::move(inode), continues});
}

void Disk::make_names_durable(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (names_[i].inode == nullptr) {
      durable_.erase(names_[i].name);
    } else {
      durable_[names_[i].name] = names_[i].inode;
    }
  }
  names_.erase(names_.begin(), names_.begin() + static_cast<std::ptrdiff_t>(count));
}

void Disk::apply(const IoEvent& event) {
  const std::string name = name_in(event.path);
  const auto found = live_.find(name);
  const std::shared_ptr<Inode> inode = found == live_.end() ? nullptr : found->second;
  switch (event.kind) {
    case IoEvent::Kind::kCreate:
      if (inode == nullptr) rename_to(name, std::make_shared<Inode>(), false);
      break;
    case IoEvent::Kind::kWrite: {
      const auto* text = reinterpret_cast<const char*>(event.bytes.data());
      if (inode != nullptr)
        inode->pending.push_back({false, event.offset, {text, event.bytes.size()}});
      break;
    }
    case IoEvent::Kind::kTruncate:
      if (inode != nullptr) inode->pending.push_back({true, event.offset, {}});
      break;
    case IoEvent::Kind::kSync: {
      if (inode == nullptr) break;
      Random unused(0);
      inode->durable = content(*inode, Loss::kNone, unused);
      inode->pending.clear();
      for (std::size_t i = names_.size(); i > 0; --i) {
        if (names_[i - 1].inode != inode) continue;
        make_names_durable(i);
        break;
      }
      break;
    }
    case IoEvent::Kind::kDelete:
      if (inode != nullptr) rename_to(name, nullptr, false);
      if (event.folder_synced) make_names_durable(names_.size());
      break;
    case IoEvent::Kind::kRename:
      if (inode == nullptr) break;
      rename_to(name_in(event.to), inode, false);
      rename_to(name, nullptr, true);
      break;
    case IoEvent::Kind::kSyncFolder: make_names_durable(names_.size()); break;
  }
}

bool Disk::has_pending() const {
  return !names_.empty() || std::any_of(live_.begin(), live_.end(), [](const auto& entry) {
    return !entry.second->pending.empty();
  });
}

std::string Disk::content(const Inode& inode, Loss loss, Random& random) {
  std::string file = inode.durable;
  if (loss == Loss::kAll) return file;
  const auto kept_percent = static_cast<unsigned>(random.between(5, 95));
  for (const Change& change : inode.pending) {
    if (change.is_truncate) {
      if (loss == Loss::kNone || random.chance(kept_percent)) file.resize(change.offset, '\0');
      continue;
    }
    if (loss == Loss::kNone || loss == Loss::kChanges) {
      if (loss == Loss::kNone || random.chance(kept_percent))
        write_at(file, change.offset, change.bytes);
      continue;
    }
    for (std::uint64_t at = 0; at < change.bytes.size();) {
      const std::uint64_t begin = change.offset + at;
      const std::uint64_t end = std::min<std::uint64_t>((begin / kSectorBytes + 1) * kSectorBytes,
                                                        change.offset + change.bytes.size());
      std::string_view piece = std::string_view(change.bytes).substr(at, end - begin);
      at += end - begin;
      if (!random.chance(kept_percent)) continue;
      if (loss == Loss::kTorn && random.chance(20)) piece = piece.substr(0, piece.size() / 2);
      write_at(file, begin, piece);
    }
  }
  return file;
}

Files Disk::cut(Loss loss, Random& random) const {
  Folder folder = durable_;
  std::size_t kept = loss == Loss::kAll ? 0 : names_.size();
  if (loss != Loss::kAll && loss != Loss::kNone) kept = random.below(names_.size() + 1);
  while (kept > 0 && kept < names_.size() && names_[kept].continues) --kept;
  for (std::size_t i = 0; i < kept; ++i) {
    if (names_[i].inode == nullptr) {
      folder.erase(names_[i].name);
    } else {
      folder[names_[i].name] = names_[i].inode;
    }
  }
  Files files;
  for (const auto& [name, inode] : folder) files[name] = content(*inode, loss, random);
  return files;
}

}  // namespace nearlite::test
