#include "cli/embedding_source.h"

#include <fmt/format.h>

#include <cstdlib>

#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "cli/try.h"

namespace nearlite::cli {

Result<embed::Provider> open_provider(const ProviderArguments& arguments,
                                      std::size_t dim_expected) {
  embed::ProviderOptions options;
  if (arguments.openai_url.empty() && arguments.openai_model.empty()) {
    options.protocol = embed::Protocol::kOllama;
    options.url = arguments.ollama_url;
    options.model = arguments.ollama_model;
  } else {
    if (arguments.openai_model.empty()) {
      return Status(Code::kInvalidArgument, "--openai-url needs --openai-model");
    }
    options.protocol = embed::Protocol::kOpenAi;
    options.url = arguments.openai_url.empty() ? "https://api.openai.com/v1" : arguments.openai_url;
    options.model = arguments.openai_model;
    const char* key = std::getenv("OPENAI_API_KEY");
    if (key != nullptr) options.key = key;
  }
  options.timeout = std::chrono::milliseconds(arguments.timeout_ms);
  options.retry_count = arguments.retry_count;
  options.retry_wait = std::chrono::milliseconds(arguments.retry_wait_ms);
  options.batch_size = arguments.batch_size;
  options.dim_expected = dim_expected;
  options.is_cancelled = [] { return is_interrupted(); };
  return embed::Provider::open(options);
}

Result<std::vector<float>> embed_one(embed::Provider& provider, const std::string& text) {
  NEARLITE_CLI_ASSIGN(embed::Embeddings found, provider.embed(std::span(&text, 1)));
  if (!found.truncated.empty()) warn_truncated(1, text);
  return std::move(found.vectors.front());
}

void warn_truncated(std::size_t count, const std::string& first) {
  constexpr std::size_t kColumns = 60;
  fmt::print(stderr,
             "warning: {} too long for the model; the server read the beginning only: \"{}\"\n",
             count == 1 ? "a text is" : fmt::format("{} texts are", count), fit(first, kColumns));
}

}  // namespace nearlite::cli
