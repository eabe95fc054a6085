// Texts to vectors through a server: Ollama's own interface (/api/embed), or any that speaks
// OpenAI's (/v1/embeddings). Knows nothing of SQL.
//
// What goes wrong has a message that says what to do about it: no server (what to start), no model
// (what to pull), no key. A reply is untrusted: its size is bounded, and it must hold as many
// vectors as there were texts, all of one length, all numbers finite.
//
// Not here: tokenizing, chunking of long texts, storing anything.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "nearlite/status.h"

namespace nearlite::embed {

enum class Protocol : std::uint8_t { kOllama, kOpenAi };

struct ProviderOptions {
  Protocol protocol = Protocol::kOllama;
  std::string url;    ///< of the server, without the path of the call
  std::string model;  ///< as the server names it
  /// Sent as a bearer token; empty: none. Never part of a message, and never sent in the clear to
  /// another machine.
  std::string key;
  std::chrono::milliseconds timeout{60'000};  ///< for one request, from connecting to the last byte
  /// Requests that fail with 429, 5xx or a broken connection are sent again, at most so often,
  /// after waits that begin with `retry_wait` and double.
  unsigned retry_count = 4;
  std::chrono::milliseconds retry_wait{500};
  std::size_t batch_size = 32;         ///< texts a request
  std::size_t dim_expected = 0;        ///< 0: whatever the first reply has
  std::function<bool()> is_cancelled;  ///< asked often; true ends the work with kInterrupted
};

struct Embeddings {
  std::vector<std::vector<float>> vectors;  ///< one for each text, in the order of the texts
  std::vector<std::size_t> truncated;       ///< texts of which the server read the beginning only
};

/// A connection to a server, kept between calls. Threads: one at a time.
class Provider {
 public:
  /// Checks the options; nothing is sent yet.
  /// Errors: kInvalidArgument: an URL that is none, with a password in it, or where the key would
  /// go over the network in the clear.
  static Result<Provider> open(const ProviderOptions& options);

  ~Provider();
  Provider(Provider&& other) noexcept;
  Provider& operator=(Provider&& other) noexcept;
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;

  /// Embeds `texts`, a batch a request. All or nothing.
  /// Errors: kIo: the server could not be reached or gave no usable answer; kNotFound: the model;
  /// kInvalidArgument: an empty text, or one that is not UTF-8; kInterrupted.
  Result<Embeddings> embed(std::span<const std::string> texts);

 private:
  struct Impl;
  explicit Provider(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nearlite::embed
