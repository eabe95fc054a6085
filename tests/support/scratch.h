// A directory of its own for a test, removed at the end; after a failure kept if NEARLITE_KEEP is
// set.
#pragma once

#include <string>

namespace nearlite::test {

class ScratchFolder {
 public:
  /// Made below NEARLITE_SCRATCH, or TMPDIR, or /tmp.
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  /// Removes everything in it, for the next round.
  void clear() const;

 private:
  std::string path_;
};

}  // namespace nearlite::test
