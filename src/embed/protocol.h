// The two protocols as text: the JSON of a request, and what a reply says. Pure functions; a reply
// is untrusted input (fuzzed as `embedding_reply`).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "embed/provider.h"
#include "nearlite/status.h"

namespace nearlite::embed {

/// The body of a request. `may_truncate` is for Ollama, which otherwise refuses texts longer than
/// the model's context; OpenAI's protocol has no such word, there the server decides.
/// Errors: kInvalidArgument: a text that is not UTF-8.
Result<std::string> request_body(Protocol protocol, std::string_view model,
                                 std::span<const std::string> texts, bool may_truncate);

/// The largest reply to `text_count` texts that makes sense: longer ones are cut off while they
/// come in. 16,384 components of at most 26 characters a text, and 1 MiB for the rest.
[[nodiscard]] constexpr std::size_t reply_bytes_max(std::size_t text_count) noexcept {
  return (std::size_t{1} << 20) + text_count * 16'384 * 26;
}

struct Reply {
  std::vector<std::vector<float>> vectors;
  std::vector<std::size_t> truncated;  ///< texts the server says it cut
};

/// Reads the body of a 200 reply. Errors: kIo: not JSON (cut off, say), the wrong count, vectors of
/// different length or of none, a component that is no finite float32.
Result<Reply> parse_reply(Protocol protocol, std::string_view body, std::size_t text_count);

/// What the server says is wrong, in the body of another reply: the text of "error" or
/// "error.message", or the beginning of a body that is not JSON. One line, printable, bounded.
std::string error_in(std::string_view body);

/// Whether an error's text says that the input was longer than the model takes.
bool says_too_long(std::string_view error);

}  // namespace nearlite::embed
