// See side_file_seam.cc.
#pragma once

namespace nearlite::test {

/// While it lives, the side file's system calls are reported to the plan of io_plan.h.
class SideFileSeam {
 public:
  SideFileSeam();
  ~SideFileSeam();
  SideFileSeam(const SideFileSeam&) = delete;
  SideFileSeam& operator=(const SideFileSeam&) = delete;
};

}  // namespace nearlite::test
