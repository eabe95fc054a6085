// One POST of JSON and its reply, over libcurl, with everything bounded that the other side
// decides: time, the size of the reply, where it leads. Redirects are not followed: a text, and
// perhaps a key, goes where the user said or nowhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "nearlite/status.h"

namespace nearlite::embed {

struct HttpRequest {
  std::string url;
  std::string body;
  std::string key;           ///< bearer token; empty: none
  bool is_loopback = false;  ///< then no proxy, whatever the environment says
  std::size_t reply_bytes_max = 0;
  std::chrono::milliseconds timeout{};
  std::function<bool()> is_cancelled;
};

/// What became of a request. Everything but kAnswered is without a status.
enum class HttpOutcome : std::uint8_t {
  kAnswered,  ///< see `status`
  kNoServer,  ///< refused, unreachable, or a name that does not resolve
  kBroken,    ///< the connection ended before the reply did
  kTimeout,
  kTooLarge,
  kCancelled,
  kOther,  ///< `reason` says
};

struct HttpReply {
  HttpOutcome outcome = HttpOutcome::kOther;
  long status = 0;
  std::string body;
  std::string location;    ///< of a redirect
  long retry_after_s = 0;  ///< 0: not said
  std::string reason;      ///< libcurl's words, when there is no answer
};

/// A connection that is kept between requests. Threads: one at a time.
class HttpClient {
 public:
  /// Errors: kNoMemory.
  static Result<HttpClient> open();
  HttpReply post(const HttpRequest& request);

 private:
  struct Closer {
    void operator()(void* handle) const noexcept;
  };
  using Handle = std::unique_ptr<void, Closer>;
  explicit HttpClient(Handle handle) noexcept : handle_(std::move(handle)) {}
  Handle handle_;
};

}  // namespace nearlite::embed
