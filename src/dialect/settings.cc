// Statements that SQLite has no word for.
#include <algorithm>
#include <array>
#include <string>

#include "base/text.h"
#include "base/try.h"
#include "dialect/definitions.h"

namespace nearlite::dialect {
namespace {

// Those that mean something here are kept by the connection (src/sqlite/settings.h), and so are
// these, which change nothing: for SHOW.
struct Setting {
  std::string_view name;
  std::string_view note;  // empty: it has an effect
};
constexpr std::array<Setting, 5> kSettings{{
    {"hnsw.ef_search", ""},
    {"enable_indexscan", ""},
    {"hnsw.iterative_scan", "a search always goes on until LIMIT is met"},
    {"hnsw.max_scan_tuples", "a search goes on as long as rows are asked for"},
    {"hnsw.scan_mem_multiplier", "a search has no limit of memory"},
}};

const Setting* find_setting(std::string_view name) {
  const auto* found = std::find_if(kSettings.begin(), kSettings.end(),
                                   [&](const Setting& one) { return one.name == name; });
  return found == kSettings.end() ? nullptr : found;
}

// "hnsw.ef_search" from `at`, which is moved behind it.
std::string read_name(const Source& source, std::size_t& at) {
  std::string name = to_lower(source.name(at++));
  while (source.is(at, TokenKind::kDot) && source.is_name(at + 1)) {
    name += "." + to_lower(source.name(at + 1));
    at += 2;
  }
  return name;
}

// A comment in the place of a statement.
void do_nothing(Task& task, std::string note) {
  std::string comment = note;
  for (std::size_t end = 0; (end = comment.find("*/", end)) != std::string::npos;) {
    comment.replace(end, 2, "* /");
  }
  task.out.sql = "/* " + comment + " */";
  task.out.notes.push_back(std::move(note));
}

// No row comes back, as none does in PostgreSQL.
std::string call(const std::string& arguments) {
  return "SELECT NULL WHERE nearlite_set(" + arguments + ")";
}

// SET [SESSION | LOCAL] name {= | TO} value
Status set(Task& task) {
  const Source& source = task.source;
  std::size_t at = 1;
  const bool is_local = source.is_word(at, "local");
  if (is_local || source.is_word(at, "session")) ++at;
  if (!source.is_name(at)) return {};
  const std::size_t first = at;
  const std::string name = read_name(source, at);
  const Range place{first, at - 1};
  if (!source.is_symbol(at, "=") && !source.is_word(at, "to")) {
    do_nothing(task, "SET " + name + " has no meaning here");
    return {};
  }
  ++at;
  if (at >= source.size()) return source.error(at - 1, "a value is missing");
  const Setting* setting = find_setting(name);
  if (setting == nullptr) {
    if (name.starts_with("hnsw.") || name.starts_with("ivfflat.")) {
      return source.error(place, "no setting " + name +
                                     "; there are hnsw.ef_search, hnsw.iterative_scan,"
                                     " hnsw.max_scan_tuples, hnsw.scan_mem_multiplier");
    }
    do_nothing(task, "SET " + name + " has no meaning here");
    return {};
  }
  if (!setting->note.empty()) {
    task.out.notes.push_back(name + " is kept but changes nothing: " + std::string(setting->note));
  }
  if (is_local && !task.schema.in_transaction()) {
    do_nothing(task, "SET LOCAL outside a transaction has no effect");
    return {};
  }
  std::string value(source.text(Range{at, source.size() - 1}));
  if (source.is(at, TokenKind::kString) && at + 1 == source.size()) {
    value = value.substr(1, value.size() - 2);
  }
  const bool is_default = source.is_word(at, "default") && at + 1 == source.size();
  task.out.sql = call(quote_string(name) + ", " + (is_default ? "NULL" : quote_string(value)) +
                      (is_local ? ", 1" : ""));
  return {};
}

Status reset(Task& task) {
  const Source& source = task.source;
  std::size_t at = 1;
  const std::string name = read_name(source, at);
  if (name != "all" && find_setting(name) == nullptr) {
    do_nothing(task, "RESET " + name + " has no meaning here");
  } else {
    task.out.sql = call((name == "all" ? "NULL" : quote_string(name)) + std::string(", NULL"));
  }
  return {};
}

Status show(Task& task) {
  const Source& source = task.source;
  std::size_t at = 1;
  const std::string name = read_name(source, at);
  if (find_setting(name) == nullptr) {
    return source.error(Range{1, source.size() - 1}, "no setting " + name);
  }
  task.out.sql = "SELECT nearlite_setting(" + quote_string(name) + ") AS " + quote_identifier(name);
  return {};
}

Status extension(Task& task) {
  const Source& source = task.source;
  std::size_t at = 2;
  if (source.has_words(at, {"if", "not", "exists"})) at += 3;
  if (source.has_words(at, {"if", "exists"})) at += 2;
  if (!source.is_word(at, "vector") && source.name(at) != "vector") {
    return source.error(at, "only the extension vector is there");
  }
  do_nothing(task, "the extension vector is always there");
  return {};
}

// EXPLAIN ANALYZE SELECT …, EXPLAIN (ANALYZE, BUFFERS) SELECT …
void explain(Task& task) {
  const Source& source = task.source;
  std::size_t at = 1;
  while (source.is_word(at, {"analyze", "analyse", "verbose"}) || source.close_of(at) != kNone) {
    at = source.after(at);
  }
  if (at == 1 || at >= source.size()) return;
  task.edits.replace(source.at(1).begin, source.at(at).begin, "QUERY PLAN ");
}

// TRUNCATE [TABLE] [ONLY] name [RESTART IDENTITY] [CASCADE]
Status truncate(Task& task) {
  const Source& source = task.source;
  std::size_t at = 1;
  if (source.is_word(at, "table")) ++at;
  if (source.is_word(at, "only")) ++at;
  Range name{at, at};
  if (source.is(at + 1, TokenKind::kDot)) name.last += 2;
  at = name.last + 1;
  if (source.has_words(at, {"restart", "identity"}) ||
      source.has_words(at, {"continue", "identity"})) {
    at += 2;
  }
  if (source.is_word(at, {"cascade", "restrict"})) ++at;
  if (at < source.size()) {
    return source.error(Range{at, source.size() - 1}, "one table in a statement");
  }
  task.out.sql = "DELETE FROM " + std::string(source.text(name));
  return {};
}

}  // namespace

Status translate_setting(Task& task) {
  const Source& source = task.source;
  if (source.is_word(0, "set") && source.size() > 1) return set(task);
  if (source.is_word(0, "reset") && source.size() > 1) return reset(task);
  if (source.is_word(0, "show") && source.size() > 1) return show(task);
  if (source.has_words(0, {"create", "extension"}) || source.has_words(0, {"drop", "extension"}) ||
      source.has_words(0, {"alter", "extension"})) {
    return extension(task);
  }
  if (source.is_word(0, "explain")) explain(task);
  if (source.is_word(0, "truncate") && source.size() > 1) return truncate(task);
  if (source.is_word(0, "copy")) {
    return source.error(0,
                        "COPY is not translated; the command `nearlite import` reads files, and"
                        " INSERT takes rows");
  }
  return {};
}

}  // namespace nearlite::dialect
