// Where a server is: an URL taken apart and checked, before anything is sent to it.
#pragma once

#include <string>
#include <string_view>

#include "embed/provider.h"
#include "nearlite/status.h"

namespace nearlite::embed {

struct Endpoint {
  std::string server;  ///< "http://127.0.0.1:11434": what messages show
  std::string call;    ///< the URL requests go to
  bool is_loopback = false;
  bool is_encrypted = false;
};

/// Takes `url` apart. "/api/embed" (Ollama) or "/embeddings" (OpenAI, after "/v1") is put behind
/// its path unless it is there already. Errors: kInvalidArgument.
Result<Endpoint> parse_endpoint(Protocol protocol, std::string_view url);

}  // namespace nearlite::embed
