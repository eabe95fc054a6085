#include "embed/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <exception>

namespace nearlite::embed {
namespace {

constexpr long kConnectTimeoutMs = 10'000;

// What the callbacks fill and ask. No exception may cross libcurl, which is C: a failed allocation
// ends the transfer.
struct Exchange {
  const HttpRequest* request;
  HttpReply* reply;
  bool is_too_large = false;
};

std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* data) noexcept {
  auto& exchange = *static_cast<Exchange*>(data);
  const std::size_t length = size * count;
  if (length > exchange.request->reply_bytes_max - exchange.reply->body.size()) {
    exchange.is_too_large = true;
    return 0;  // fewer than there are: libcurl gives up
  }
  try {
    exchange.reply->body.append(bytes, length);
  } catch (const std::exception&) {
    return 0;
  }
  return length;
}

int on_progress(void* data, curl_off_t /*total*/, curl_off_t /*now*/, curl_off_t /*up_total*/,
                curl_off_t /*up_now*/) noexcept {
  const auto& exchange = *static_cast<const Exchange*>(data);
  try {
    return exchange.request->is_cancelled && exchange.request->is_cancelled() ? 1 : 0;
  } catch (const std::exception&) {
    return 1;
  }
}

HttpOutcome outcome_of(CURLcode code, const Exchange& exchange) {
  switch (code) {
    case CURLE_OK: return HttpOutcome::kAnswered;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT: return HttpOutcome::kNoServer;
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE: return HttpOutcome::kBroken;
    case CURLE_OPERATION_TIMEDOUT: return HttpOutcome::kTimeout;
    case CURLE_ABORTED_BY_CALLBACK: return HttpOutcome::kCancelled;
    case CURLE_WRITE_ERROR:
      return exchange.is_too_large ? HttpOutcome::kTooLarge : HttpOutcome::kOther;
    default: return HttpOutcome::kOther;
  }
}

struct HeaderList {
  curl_slist* list = nullptr;
  ~HeaderList() { curl_slist_free_all(list); }
  void add(const std::string& line) {
    curl_slist* longer = curl_slist_append(list, line.c_str());
    if (longer != nullptr) list = longer;
  }
};

}  // namespace

void HttpClient::Closer::operator()(void* handle) const noexcept { curl_easy_cleanup(handle); }

Result<HttpClient> HttpClient::open() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  Handle handle(started == CURLE_OK ? curl_easy_init() : nullptr);
  if (!handle) return Status(Code::kNoMemory, "embedding: cannot start libcurl");
  return HttpClient(std::move(handle));
}

HttpReply HttpClient::post(const HttpRequest& request) {
  HttpReply reply;
  Exchange exchange{&request, &reply};
  HeaderList headers;
  headers.add("Content-Type: application/json");
  headers.add("Accept: application/json");
  headers.add("Expect:");  // no waiting for "100 Continue"
  if (!request.key.empty()) headers.add("Authorization: Bearer " + request.key);
  char reason[CURL_ERROR_SIZE] = "";

  CURL* curl = handle_.get();
  curl_easy_reset(curl);  // keeps the connection
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  if (request.is_loopback) curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.list);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "nearlite");
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
  const CURLcode code = curl_easy_perform(curl);
  reply.outcome = outcome_of(code, exchange);
  reply.reason = reason[0] == '\0' ? curl_easy_strerror(code) : reason;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
  const char* location = nullptr;
  curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &location);
  if (location != nullptr) reply.location = location;
  curl_off_t wait = 0;
  curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait);
  reply.retry_after_s = static_cast<long>(std::clamp<curl_off_t>(wait, 0, 3600));
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
  return reply;
}

}  // namespace nearlite::embed
