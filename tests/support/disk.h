// What a disk may hold after the power failed, given the calls of io_plan.h up to that moment.
//
// A file has content that is durable (up to its last sync) and changes since, of which any subset
// may have reached the disk, sector by sector. The folder likewise: creations, removals and renames
// since it was last synced took place up to some point, in order. Syncing a new file makes its name
// durable, as SQLite does for journals and journaling file systems do for all.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/io_plan.h"
#include "support/random.h"

namespace nearlite::test {

/// What becomes of changes that were not synced.
enum class Loss {
  kAll,      ///< all are lost
  kNone,     ///< none: a crash of the process
  kChanges,  ///< each is lost or kept as a whole
  kSectors,  ///< each sector of 512 bytes is lost or kept
  kTorn,     ///< as kSectors, and sectors may hold half of the new and half of the old
};

using Files = std::map<std::string, std::string>;  // name -> content

class Disk {
 public:
  explicit Disk(const Files& files);

  void apply(const IoEvent& event);
  /// What is found after a power cut now.
  [[nodiscard]] Files cut(Loss loss, Random& random) const;
  /// False when every loss leads to the same files.
  [[nodiscard]] bool has_pending() const;

 private:
  struct Change {
    bool is_truncate = false;
    std::uint64_t offset = 0;  // or the new size
    std::string bytes;
  };
  struct Inode {
    std::string durable;
    std::vector<Change> pending;
  };
  using Folder = std::map<std::string, std::shared_ptr<Inode>>;
  struct NameChange {
    std::string name;
    std::shared_ptr<Inode> inode;  // null: removed
    bool continues = false;        // the second half of a rename, which is atomic
  };

  void rename_to(const std::string& name, std::shared_ptr<Inode> inode, bool continues);
  void make_names_durable(std::size_t count);
  static std::string content(const Inode& inode, Loss loss, Random& random);

  Folder live_;
  Folder durable_;
  std::vector<NameChange> names_;  // since the folder was synced
};

}  // namespace nearlite::test
