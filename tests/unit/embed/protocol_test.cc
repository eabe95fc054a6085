#include "embed/protocol.h"

#include <gtest/gtest.h>

#include "embed/endpoint.h"

namespace nearlite::embed {
namespace {

std::string failure_of(std::string_view body, std::size_t count = 1,
                       Protocol protocol = Protocol::kOllama) {
  const auto reply = parse_reply(protocol, body, count);
  return reply.ok() ? "" : reply.status().message();
}

TEST(Protocol, RequestsAreJson) {
  const std::vector<std::string> texts = {"a \"b\"\n"};
  EXPECT_EQ(*request_body(Protocol::kOllama, "m", texts, false),
            R"({"input":["a \"b\"\n"],"model":"m","truncate":false})");
  EXPECT_EQ(*request_body(Protocol::kOpenAi, "m", texts, true),
            R"({"encoding_format":"float","input":["a \"b\"\n"],"model":"m"})");
  const std::vector<std::string> bad = {"\xff"};
  EXPECT_EQ(request_body(Protocol::kOllama, "m", bad, true).status().code(),
            Code::kInvalidArgument);
}

TEST(Protocol, RepliesInAnyOrder) {
  const auto reply = parse_reply(Protocol::kOpenAi,
                                 R"({"data": [{"index": 1, "embedding": [3, 4]},
                                              {"index": 0, "embedding": [1, 2]}]})",
                                 2);
  ASSERT_TRUE(reply.ok()) << reply.status().message();
  EXPECT_EQ(reply->vectors, (std::vector<std::vector<float>>{{1, 2}, {3, 4}}));
}

TEST(Protocol, RepliesWithoutSense) {
  for (const char* body : {"", "{", "[]", "3", "null", R"({"embeddings": {}})",
                           R"({"embeddings": [[1, "2"]]})", R"({"embeddings": [[1e300]]})"}) {
    EXPECT_NE(failure_of(body), "") << body;
  }
  EXPECT_NE(failure_of(R"({"embeddings": [[1, 2], [1]]})", 2), "");
  for (const char* body : {R"({"data": [{"index": 1, "embedding": [1]}]})",
                           R"({"data": [{"index": -1, "embedding": [1]}]})",
                           R"({"data": [{"index": "0", "embedding": [1]}]})",
                           R"({"data": [{"index": 0}]})", R"({"data": [7]})"}) {
    EXPECT_NE(failure_of(body, 1, Protocol::kOpenAi), "") << body;
  }
  EXPECT_NE(failure_of(R"({"data": [{"index": 0, "embedding": [1]},
                                    {"index": 0, "embedding": [1]}]})",
                       2, Protocol::kOpenAi),
            "");
}

TEST(Protocol, ErrorsAreOneShortLine) {
  EXPECT_EQ(error_in(R"({"error": "no\nmemory"})"), "no memory");
  EXPECT_EQ(error_in(R"({"error": {"message": "slow down"}})"), "slow down");
  EXPECT_EQ(error_in("<html>"), "<html>");
  EXPECT_LT(error_in(std::string(100'000, 'x')).size(), 400U);
  EXPECT_EQ(error_in(R"({"error": {"code": 7}})"), R"({"error": {"code": 7}})");
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  EXPECT_LT(error_in("{\"error\": " + deep + "}").size(), 400U);
  EXPECT_EQ(error_in("\x1b[31m\xff"), " [31m\xEF\xBF\xBD");
  EXPECT_TRUE(says_too_long("the input length exceeds the Context Length"));
  EXPECT_FALSE(says_too_long("model not found"));
}

TEST(Endpoint, Addresses) {
  const auto call = [](Protocol protocol, std::string_view url) {
    const auto endpoint = parse_endpoint(protocol, url);
    return endpoint.ok() ? endpoint->call : "error";
  };
  EXPECT_EQ(call(Protocol::kOllama, "http://127.0.0.1:11434"), "http://127.0.0.1:11434/api/embed");
  EXPECT_EQ(call(Protocol::kOpenAi, "https://api.example.com/v1/"),
            "https://api.example.com/v1/embeddings");
  EXPECT_EQ(call(Protocol::kOpenAi, "https://api.example.com"),
            "https://api.example.com/v1/embeddings");
  for (const char* bad : {"", "127.0.0.1", "http://", "ftp://x", "http://u:p@x", "http://x/?q",
                          "http://x/#f", "http://x y"}) {
    EXPECT_EQ(call(Protocol::kOllama, bad), "error") << bad;
  }
  EXPECT_TRUE(parse_endpoint(Protocol::kOllama, "http://[::1]:1")->is_loopback);
  EXPECT_FALSE(parse_endpoint(Protocol::kOllama, "http://127.evil.example")->is_loopback);
}

TEST(Provider, KeysStayAtHome) {
  ProviderOptions options;
  options.protocol = Protocol::kOpenAi;
  options.model = "m";
  options.key = "secret";
  options.url = "http://example.com";
  EXPECT_FALSE(Provider::open(options).ok());
  options.url = "https://example.com";
  EXPECT_TRUE(Provider::open(options).ok());
  options.key = "secret\r\nX-Other: 1";
  EXPECT_FALSE(Provider::open(options).ok());
}

}  // namespace
}  // namespace nearlite::embed
