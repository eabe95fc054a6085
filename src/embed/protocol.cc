#include "embed/protocol.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/try.h"

namespace nearlite::embed {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kDimMax = 16'384;
constexpr std::size_t kErrorCharactersMax = 300;

Status bad_reply(const std::string& why) { return {Code::kIo, "embedding server: " + why}; }

// One printable line of UTF-8, at most kErrorCharactersMax bytes, cut between characters.
std::string one_line(std::string_view text) {
  // The library writes U+FFFD for what is no UTF-8, and reads back what it writes.
  const std::string quoted = Json(text.substr(0, 4 * kErrorCharactersMax))
                                 .dump(-1, ' ', false, Json::error_handler_t::replace);
  const Json clean = Json::parse(quoted, nullptr, false);
  std::string line;
  for (const char letter : clean.get_ref<const std::string&>()) {
    const auto byte = static_cast<unsigned char>(letter);
    if (line.size() >= kErrorCharactersMax && (byte & 0xC0U) != 0x80U) return line + "…";
    line += byte < 0x20 || byte == 0x7F ? ' ' : letter;
  }
  return line;
}

const Json* find(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto place = object.find(key);
  return place == object.end() ? nullptr : &*place;
}

Status read_vector(const Json& array, std::size_t number, std::vector<float>& out) {
  const std::string which = "vector " + std::to_string(number);
  if (!array.is_array()) return bad_reply(which + " is not an array of numbers");
  if (array.empty()) return bad_reply(which + " is empty");
  if (array.size() > kDimMax) {
    return bad_reply(which + " has " + std::to_string(array.size()) + " components, the limit is " +
                     std::to_string(kDimMax));
  }
  out.reserve(array.size());
  for (const Json& component : array) {
    const float value = component.is_number() ? component.get<float>() : NAN;
    if (!std::isfinite(value)) {
      return bad_reply(which + ", component " + std::to_string(out.size() + 1) +
                       " is not a finite number: " + one_line(component.dump(-1, ' ', true)));
    }
    out.push_back(value);
  }
  return {};
}

Status check_vectors(const std::vector<std::vector<float>>& vectors) {
  for (std::size_t i = 1; i < vectors.size(); ++i) {
    if (vectors[i].size() == vectors[0].size()) continue;
    return bad_reply("vector " + std::to_string(i + 1) + " of the reply has " +
                     std::to_string(vectors[i].size()) + " dimensions, the first has " +
                     std::to_string(vectors[0].size()));
  }
  return {};
}

Status wrong_count(std::size_t count, std::size_t expected) {
  return bad_reply("the reply has " + std::to_string(count) + " vectors for " +
                   std::to_string(expected) + " texts");
}

bool is_true(const Json* value) { return value != nullptr && value->is_boolean() && *value; }

// {"embeddings": [[…], …]}
Result<Reply> parse_ollama(const Json& body, std::size_t text_count) {
  const Json* list = find(body, "embeddings");
  if (list == nullptr || !list->is_array()) return bad_reply("the reply has no \"embeddings\"");
  if (list->size() != text_count) return wrong_count(list->size(), text_count);
  Reply reply;
  for (const Json& array : *list) {
    auto& vector = reply.vectors.emplace_back();
    NEARLITE_TRY(read_vector(array, reply.vectors.size(), vector));
  }
  return reply;
}

// {"data": [{"index": 0, "embedding": […]}, …]}, in any order.
Result<Reply> parse_openai(const Json& body, std::size_t text_count) {
  const Json* list = find(body, "data");
  if (list == nullptr || !list->is_array()) return bad_reply("the reply has no \"data\"");
  if (list->size() != text_count) return wrong_count(list->size(), text_count);
  Reply reply;
  reply.vectors.resize(text_count);
  for (std::size_t place = 0; place < text_count; ++place) {
    const Json& entry = (*list)[place];
    const Json* given = find(entry, "index");
    std::size_t index = place;
    if (given != nullptr) {
      if (!given->is_number_unsigned() || given->get<std::uint64_t>() >= text_count) {
        return bad_reply("the reply has a vector for text " + one_line(given->dump(-1, ' ', true)) +
                         ", there are " + std::to_string(text_count));
      }
      index = given->get<std::size_t>();
    }
    const Json* array = find(entry, "embedding");
    if (array == nullptr) return bad_reply("the reply has an entry without \"embedding\"");
    if (!reply.vectors[index].empty()) {
      return bad_reply("the reply has two vectors for text " + std::to_string(index));
    }
    NEARLITE_TRY(read_vector(*array, index + 1, reply.vectors[index]));
    if (is_true(find(entry, "truncated"))) reply.truncated.push_back(index);
  }
  return reply;
}

}  // namespace

Result<std::string> request_body(Protocol protocol, std::string_view model,
                                 std::span<const std::string> texts, bool may_truncate) {
  Json body = {{"model", model}, {"input", texts}};
  if (protocol == Protocol::kOllama) {
    body["truncate"] = may_truncate;
  } else {
    body["encoding_format"] = "float";
  }
  try {
    return body.dump();
  } catch (const Json::type_error&) {  // the library's only way to say so
    return Status(Code::kInvalidArgument, "embedding: a text is not valid UTF-8");
  }
}

Result<Reply> parse_reply(Protocol protocol, std::string_view body, std::size_t text_count) {
  const Json json = Json::parse(body, nullptr, false);
  if (json.is_discarded()) {
    return bad_reply("the reply is not valid JSON or is cut off (" + std::to_string(body.size()) +
                     " bytes, \"" + one_line(body.substr(0, 40)) + "\")");
  }
  if (find(json, "error") != nullptr) return bad_reply(error_in(body));
  NEARLITE_ASSIGN(Reply reply, protocol == Protocol::kOllama ? parse_ollama(json, text_count)
                                                             : parse_openai(json, text_count));
  NEARLITE_TRY(check_vectors(reply.vectors));
  if (is_true(find(json, "truncated"))) {
    reply.truncated.clear();
    for (std::size_t i = 0; i < text_count; ++i) reply.truncated.push_back(i);
  }
  return reply;
}

std::string error_in(std::string_view body) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_discarded()) {
    for (const char* key : {"error", "message", "detail"}) {
      const Json* error = find(json, key);
      if (error == nullptr) continue;
      const Json* message = find(*error, "message");
      const Json& text = message == nullptr ? *error : *message;
      // Anything else is shown as it came: writing it anew would recurse as deep as the server
      // likes.
      if (text.is_string()) return one_line(text.get<std::string>());
    }
  }
  return one_line(body);
}

bool says_too_long(std::string_view error) {
  std::string text(error);
  std::transform(text.begin(), text.end(), text.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  for (const char* words : {"context length", "maximum context", "too long", "too many tokens",
                            "input length exceeds"}) {
    if (text.find(words) != std::string::npos) return true;
  }
  return false;
}

}  // namespace nearlite::embed
