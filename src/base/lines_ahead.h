// Memory that will be read soon, in pieces that lie far apart: all of it is asked for before the
// first byte is needed.
//
// In two turns. Pieces of a mapped file lie on pages whose addresses the processor has not
// translated lately, and the lines of a piece wait for that, all of them: asked for piece by piece,
// one translation would begin when the one before is done. So each page is touched first, one right
// after the other, for a processor does not look far ahead of an instruction that waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace nearlite {

/// Nothing here can fail but for memory, whatever is at the addresses, or is there no more.
/// Threads: one at a time.
class LinesAhead {
 public:
  /// A piece that fetch() will ask for.
  void add(const std::byte* begin, std::size_t size) {
    if (size > 0) pieces_.push_back({begin, size});
  }
  /// Asks for all pieces added, and forgets them.
  void fetch() noexcept {
    constexpr std::size_t kPage = 4'096;  // of the smallest kind that processors have
    constexpr std::size_t kLine = 64;
    for (const Piece& piece : pieces_) {
      for (std::size_t at = 0; at < piece.size; at += kPage)
        __builtin_prefetch(piece.begin + at, 0, 2);
      __builtin_prefetch(piece.begin + piece.size - 1, 0, 2);
    }
    for (const Piece& piece : pieces_) {
      for (std::size_t at = 0; at < piece.size; at += kLine)
        __builtin_prefetch(piece.begin + at, 0, 2);  // into L2, which waits for more lines at once
    }
    pieces_.clear();
  }
  void clear() noexcept { pieces_.clear(); }

 private:
  struct Piece {
    const std::byte* begin;
    std::size_t size;
  };
  std::vector<Piece> pieces_;
};

}  // namespace nearlite
