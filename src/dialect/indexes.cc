// DROP INDEX, REINDEX and ALTER INDEX of an index that is a virtual table.
#include <string>

#include "base/text.h"
#include "base/try.h"
#include "dialect/definitions.h"

namespace nearlite::dialect {
namespace {

// The name of an index that a statement is about: [schema.]name.
struct IndexName {
  Range range;
  std::string schema;
  std::string name;
  ObjectKind kind = ObjectKind::kNothing;

  [[nodiscard]] std::string quoted() const {
    return (schema.empty() ? "" : quote_identifier(schema) + ".") + quote_identifier(name);
  }
};

Result<IndexName> read_name(const Task& task, std::size_t at) {
  const Source& source = task.source;
  IndexName index;
  index.range = {at, at};
  if (source.is(at + 1, TokenKind::kDot)) {
    index.range.last += 2;
    index.schema = source.name(at);
  }
  if (!source.is_name(index.range.last)) return source.error(at, "the name of an index is missing");
  index.name = source.name(index.range.last);
  NEARLITE_ASSIGN(index.kind, task.schema.find_object(index.schema, index.name));
  return index;
}

// DROP INDEX [CONCURRENTLY] [IF EXISTS] name [CASCADE | RESTRICT]
Status drop_index(Task& task) {
  const Source& source = task.source;
  std::size_t at = 2;
  if (source.is_word(at, "concurrently")) ++at;
  const bool if_exists = source.has_words(at, {"if", "exists"});
  if (if_exists) at += 2;
  if (at >= source.size()) return {};
  NEARLITE_ASSIGN(const IndexName index, read_name(task, at));
  std::size_t end = index.range.last + 1;
  if (source.is_word(end, {"cascade", "restrict"})) ++end;
  if (end < source.size()) {
    return source.error(Range{end, source.size() - 1}, "one index in a statement");
  }
  if (index.kind == ObjectKind::kVectorTable) {
    return source.error(index.range, index.name + " has rows of its own: DROP TABLE");
  }
  const bool is_vector = index.kind == ObjectKind::kVectorIndex;
  if (!is_vector && at == (if_exists ? 4U : 2U) && end == index.range.last + 1) return {};
  task.out.sql = std::string(is_vector ? "DROP TABLE " : "DROP INDEX ") +
                 (if_exists ? "IF EXISTS " : "") + index.quoted();
  return {};
}

// REINDEX [INDEX] [CONCURRENTLY] name
Status reindex(Task& task) {
  const Source& source = task.source;
  std::size_t at = 1;
  if (source.is_word(at, {"table", "schema", "database", "system"}) && source.is_name(at + 1)) {
    return source.error(at,
                        "REINDEX INDEX name rebuilds an index; REINDEX alone all but the"
                        " vector ones");
  }
  if (source.is_word(at, "index") && source.is_name(at + 1)) ++at;
  if (source.is_word(at, "concurrently") && source.is_name(at + 1)) ++at;
  if (at >= source.size()) return {};
  NEARLITE_ASSIGN(const IndexName index, read_name(task, at));
  if (index.range.last + 1 < source.size()) return {};
  if (index.kind == ObjectKind::kVectorIndex || index.kind == ObjectKind::kVectorTable) {
    task.out.sql = "INSERT INTO " + index.quoted() + "(" + quote_identifier(index.name) +
                   ") VALUES ('rebuild')";
  } else if (at > 1) {
    task.out.sql = "REINDEX " + index.quoted();
  }
  return {};
}

// ALTER INDEX [IF EXISTS] name RENAME TO name
Status alter_index(Task& task) {
  const Source& source = task.source;
  std::size_t at = 2;
  if (source.has_words(at, {"if", "exists"})) at += 2;
  NEARLITE_ASSIGN(const IndexName index, read_name(task, at));
  const std::size_t next = index.range.last + 1;
  if (index.kind == ObjectKind::kVectorIndex && source.has_words(next, {"rename", "to"}) &&
      source.is_name(next + 2) && source.size() == next + 3) {
    task.out.sql =
        "ALTER TABLE " + index.quoted() + " RENAME TO " + quote_identifier(source.name(next + 2));
    return {};
  }
  return source.error(Range{0, source.size() - 1},
                      "of ALTER INDEX only the renaming of an hnsw index is translated");
}

}  // namespace

Status translate_index(Task& task) {
  const Source& source = task.source;
  if (source.has_words(0, {"create", "index"}) ||
      source.has_words(0, {"create", "unique", "index"})) {
    return translate_create_index(task);
  }
  if (source.has_words(0, {"drop", "index"})) return drop_index(task);
  if (source.is_word(0, "reindex")) return reindex(task);
  if (source.has_words(0, {"alter", "index"})) return alter_index(task);
  return {};
}

}  // namespace nearlite::dialect
