#include "embed/provider.h"

#include <algorithm>
#include <thread>

#include "base/try.h"
#include "embed/endpoint.h"
#include "embed/http.h"
#include "embed/protocol.h"

namespace nearlite::embed {
namespace {

constexpr std::chrono::seconds kLongestWait{30};
constexpr std::chrono::milliseconds kNap{50};  // how long a cancellation may go unnoticed

std::string hidden(std::string text, const std::string& key) {
  if (key.empty()) return text;
  for (std::size_t at = text.find(key); at != std::string::npos; at = text.find(key, at)) {
    text.replace(at, key.size(), "***");
  }
  return text;
}

bool is_worth_a_retry(const HttpReply& reply) {
  if (reply.outcome == HttpOutcome::kBroken) return true;
  if (reply.outcome != HttpOutcome::kAnswered) return false;
  return reply.status == 429 || reply.status >= 500;
}

}  // namespace

struct Provider::Impl {
  ProviderOptions options;
  Endpoint endpoint;
  HttpClient client;
  std::size_t dim = 0;

  [[nodiscard]] bool is_ollama() const { return options.protocol == Protocol::kOllama; }

  [[nodiscard]] Status failure(Code code, const std::string& text) const {
    return {code, endpoint.server + ": " + hidden(text, options.key)};
  }

  [[nodiscard]] Status cancelled() const { return {Code::kInterrupted, "interrupted"}; }

  Status wait(std::chrono::milliseconds time) const {
    for (; time.count() > 0; time -= kNap) {
      if (options.is_cancelled && options.is_cancelled()) return cancelled();
      std::this_thread::sleep_for(std::min(time, kNap));
    }
    return {};
  }

  // Sends until there is an answer worth reading, or no hope of one.
  Result<HttpReply> send(const std::string& body, std::size_t text_count) {
    HttpRequest request;
    request.url = endpoint.call;
    request.body = body;
    request.key = options.key;
    request.is_loopback = endpoint.is_loopback;
    request.reply_bytes_max = reply_bytes_max(text_count);
    request.timeout = options.timeout;
    request.is_cancelled = options.is_cancelled;
    std::chrono::milliseconds pause = options.retry_wait;
    for (unsigned attempt = 0;; ++attempt) {
      HttpReply reply = client.post(request);
      // An error about the text's length comes as a 500 from some servers; it will not go away.
      const bool is_final =
          reply.outcome == HttpOutcome::kAnswered && says_too_long(error_in(reply.body));
      if (attempt >= options.retry_count || !is_worth_a_retry(reply) || is_final) return reply;
      const auto asked = std::chrono::seconds(reply.retry_after_s);
      NEARLITE_TRY(wait(std::min<std::chrono::milliseconds>(
          std::max<std::chrono::milliseconds>(pause, asked), kLongestWait)));
      pause *= 2;
    }
  }

  [[nodiscard]] Status no_answer(const HttpReply& reply) const {
    const std::string tries = std::to_string(options.retry_count + 1);
    switch (reply.outcome) {
      case HttpOutcome::kNoServer:
        return failure(Code::kIo, "no server answers (" + reply.reason + "). " +
                                      (is_ollama() ? "Start it with `ollama serve`, or say where "
                                                     "it is with --ollama-url"
                                                   : "Is the address of --openai-url right?"));
      case HttpOutcome::kBroken:
        return failure(Code::kIo,
                       "the connection broke off, " + tries + " times (" + reply.reason + ")");
      case HttpOutcome::kTimeout:
        return failure(Code::kIo, "no answer within " + std::to_string(options.timeout.count()) +
                                      " ms; --timeout allows more");
      case HttpOutcome::kTooLarge:
        return failure(Code::kIo, "the reply is longer than any that makes sense");
      case HttpOutcome::kCancelled: return cancelled();
      default: return failure(Code::kIo, reply.reason);
    }
  }

  [[nodiscard]] Status bad_status(const HttpReply& reply) const {
    const std::string said = error_in(reply.body);
    const std::string status = "HTTP " + std::to_string(reply.status);
    if (reply.status >= 300 && reply.status < 400) {
      return failure(Code::kIo, "the server redirects to " + error_in(reply.location) +
                                    ", which is not followed; give that address if it is right");
    }
    if (reply.status == 401 || reply.status == 403) {
      return failure(Code::kIo, status + ": " + said + ". The key is read from the environment " +
                                    "variable OPENAI_API_KEY");
    }
    if (reply.status == 404) {
      const bool knows_call = is_ollama() ? said.find("model") != std::string::npos
                                          : said.find(options.model) != std::string::npos;
      if (!knows_call) return failure(Code::kIo, status + ": " + said);
      return failure(Code::kNotFound, is_ollama() ? "the model is not there. Get it with `ollama "
                                                    "pull " +
                                                        options.model + "`"
                                                  : said);
    }
    if (reply.status == 429 || reply.status >= 500) {
      return failure(Code::kIo,
                     status + ", " + std::to_string(options.retry_count + 1) + " times: " + said);
    }
    return failure(Code::kIo, status + ": " + said);
  }

  // One request. `*is_too_long` instead of a failure, when that is what the server says.
  Result<Reply> ask(std::span<const std::string> texts, bool may_truncate, bool* is_too_long) {
    NEARLITE_ASSIGN(const std::string body,
                    request_body(options.protocol, options.model, texts, may_truncate));
    NEARLITE_ASSIGN(const HttpReply reply, send(body, texts.size()));
    if (reply.outcome != HttpOutcome::kAnswered) return no_answer(reply);
    if (reply.status != 200) {
      if (is_too_long != nullptr && says_too_long(error_in(reply.body))) {
        *is_too_long = true;
        return Reply{};
      }
      return bad_status(reply);
    }
    Result<Reply> parsed = parse_reply(options.protocol, reply.body, texts.size());
    if (!parsed.ok()) return failure(parsed.status().code(), parsed.status().message());
    for (const auto& vector : parsed->vectors) NEARLITE_TRY(check_dim(vector.size()));
    return parsed;
  }

  Status check_dim(std::size_t found) {
    const std::size_t expected = options.dim_expected != 0 ? options.dim_expected : dim;
    if (expected != 0 && found != expected) {
      return failure(Code::kIo, "model " + options.model + ": expected " +
                                    std::to_string(expected) + " dimensions, got " +
                                    std::to_string(found));
    }
    dim = found;
    return {};
  }

  // Texts of a batch that is refused as too long are sent one by one, so that it is known which
  // were cut.
  Status ask_each(std::span<const std::string> texts, std::size_t first, Embeddings& out) {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      bool is_too_long = false;
      const auto text = texts.subspan(i, 1);
      NEARLITE_ASSIGN(Reply reply, ask(text, false, &is_too_long));
      if (is_too_long) {
        if (!is_ollama()) {
          return failure(Code::kInvalidArgument, "a text of " + std::to_string(text[0].size()) +
                                                     " bytes is longer than the model " +
                                                     options.model + " takes");
        }
        NEARLITE_ASSIGN(reply, ask(text, true, nullptr));
        reply.truncated = {0};
      }
      append(reply, first + i, out);
    }
    return {};
  }

  static void append(Reply& reply, std::size_t first, Embeddings& out) {
    for (auto& vector : reply.vectors) out.vectors.push_back(std::move(vector));
    for (const std::size_t index : reply.truncated) out.truncated.push_back(first + index);
  }
};

Provider::Provider(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Provider::~Provider() = default;
Provider::Provider(Provider&& other) noexcept = default;
Provider& Provider::operator=(Provider&& other) noexcept = default;

Result<Provider> Provider::open(const ProviderOptions& options) {
  NEARLITE_ASSIGN(Endpoint endpoint, parse_endpoint(options.protocol, options.url));
  if (options.model.empty()) return Status(Code::kInvalidArgument, "embedding: no model is named");
  const bool is_plain = std::all_of(options.key.begin(), options.key.end(),
                                    [](char letter) { return letter > ' ' && letter < 0x7F; });
  if (!is_plain) {
    return Status(Code::kInvalidArgument,
                  "embedding: the key (OPENAI_API_KEY) has blanks or other characters in it that "
                  "no key has");
  }
  if (!options.key.empty() && !endpoint.is_encrypted && !endpoint.is_loopback) {
    return Status(Code::kInvalidArgument,
                  endpoint.server +
                      ": the key would go over the network in the clear; use https, "
                      "or unset OPENAI_API_KEY if the server needs none");
  }
  NEARLITE_ASSIGN(HttpClient client, HttpClient::open());
  auto impl =
      std::make_unique<Impl>(Impl{options, std::move(endpoint), std::move(client), std::size_t{0}});
  impl->options.batch_size = std::max<std::size_t>(options.batch_size, 1);
  return Provider(std::move(impl));
}

Result<Embeddings> Provider::embed(std::span<const std::string> texts) {
  for (const std::string& text : texts) {
    if (text.find_first_not_of(" \t\r\n") != std::string::npos) continue;
    return Status(Code::kInvalidArgument, "embedding: a text is empty");
  }
  Embeddings out;
  out.vectors.reserve(texts.size());
  for (std::size_t first = 0; first < texts.size(); first += impl_->options.batch_size) {
    const auto batch =
        texts.subspan(first, std::min(impl_->options.batch_size, texts.size() - first));
    bool is_too_long = false;
    NEARLITE_ASSIGN(Reply reply, impl_->ask(batch, false, &is_too_long));
    if (is_too_long) {
      NEARLITE_TRY(impl_->ask_each(batch, first, out));
    } else {
      Impl::append(reply, first, out);
    }
  }
  return out;
}

}  // namespace nearlite::embed
