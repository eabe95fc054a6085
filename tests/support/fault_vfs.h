// The shim VFS: SQLite's default one, with every call reported to the plan of io_plan.h first.
//
// Syncing is left out (no test here survives a real power loss, and it is what takes time), and so
// is memory mapping, which would go round the shim.
#pragma once

namespace nearlite::test {

/// Makes the shim the default VFS of this process while the object lives.
class FaultVfs {
 public:
  FaultVfs();
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;
};

}  // namespace nearlite::test
