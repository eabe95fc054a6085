#include "embed/endpoint.h"

#include <arpa/inet.h>
#include <curl/curl.h>

#include <memory>

#include "base/try.h"

namespace nearlite::embed {
namespace {

using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

Status bad_url(const std::string& why) {
  return {Code::kInvalidArgument, "embedding server: the URL " + why};
}

// A part of the URL; empty when it has none.
std::string part_of(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return {};
  const std::unique_ptr<char, decltype(&curl_free)> owner(text, curl_free);
  return text;
}

// An address 127.x.y.z, not a name that begins like one.
bool is_loopback(const std::string& host) {
  if (host == "localhost" || host == "[::1]") return true;
  in_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1 && host.starts_with("127.");
}

std::string with_call(Protocol protocol, std::string path) {
  while (path.ends_with('/')) path.pop_back();
  if (protocol == Protocol::kOllama) {
    if (path.ends_with("/api/embed")) return path;
    if (path.ends_with("/api")) return path + "/embed";
    return path + "/api/embed";
  }
  if (path.ends_with("/embeddings")) return path;
  return path.empty() ? "/v1/embeddings" : path + "/embeddings";
}

}  // namespace

Result<Endpoint> parse_endpoint(Protocol protocol, std::string_view text) {
  const std::string copy(text);
  const Url url(curl_url(), curl_url_cleanup);
  if (!url) return Status(Code::kNoMemory, "embedding server: out of memory");
  // libcurl would take "http:///x" for the host x.
  const std::size_t scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos || text.substr(scheme_end + 3).starts_with('/') ||
      curl_url_set(url.get(), CURLUPART_URL, copy.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
    return bad_url("must be like http://127.0.0.1:11434");
  }
  const std::string scheme = part_of(url.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return bad_url("must begin with http:// or https://");
  if (!part_of(url.get(), CURLUPART_USER).empty() ||
      !part_of(url.get(), CURLUPART_PASSWORD).empty()) {
    return bad_url("may not contain a user name or password");
  }
  if (!part_of(url.get(), CURLUPART_QUERY).empty() ||
      !part_of(url.get(), CURLUPART_FRAGMENT).empty()) {
    return bad_url("may not contain '?' or '#'");
  }
  Endpoint endpoint;
  const std::string host = part_of(url.get(), CURLUPART_HOST);
  const std::string port = part_of(url.get(), CURLUPART_PORT);
  endpoint.server = scheme + "://" + host + (port.empty() ? "" : ":" + port);
  endpoint.call = endpoint.server + with_call(protocol, part_of(url.get(), CURLUPART_PATH));
  endpoint.is_loopback = is_loopback(host);
  endpoint.is_encrypted = scheme == "https";
  return endpoint;
}

}  // namespace nearlite::embed
