#include "dialect/translate.h"

#include <string>

#include "base/try.h"
#include "dialect/definitions.h"
#include "dialect/edits.h"
#include "dialect/expressions.h"
#include "dialect/source.h"

namespace nearlite::dialect {
namespace {

// CREATE [TEMP] VIEW and TRIGGER.
bool is_lasting(const Source& source) {
  const std::size_t at = source.is_word(1, {"temp", "temporary"}) ? 2 : 1;
  return source.is_word(0, "create") && source.is_word(at, {"view", "trigger"});
}

}  // namespace

Result<Translation> translate_next(std::string_view script, std::size_t& at, Schema& schema) {
  const std::size_t begin = at;
  at += find_statement_end(script.substr(at));
  const Source source(script, begin, at);
  Translation out;
  Edits edits(script);
  Task task{source, schema, edits, out};
  NEARLITE_TRY(translate_setting(task));
  if (out.sql.empty()) NEARLITE_TRY(translate_index(task));
  if (!out.sql.empty()) {
    // What is around the statement stays: blanks, comments, the semicolon.
    out.sql = std::string(script.substr(begin, source.at(0).begin - begin)) + out.sql +
              std::string(script.substr(source.at(source.size() - 1).end,
                                        at - source.at(source.size() - 1).end));
    return out;
  }
  NEARLITE_TRY(translate_expressions(source, schema, !is_lasting(source), edits));
  NEARLITE_TRY(translate_table(task));
  out.sql = edits.render(begin, at);
  return out;
}

Result<Translation> translate(std::string_view script, Schema& schema) {
  Translation all;
  for (std::size_t at = 0; at < script.size();) {
    NEARLITE_ASSIGN(Translation next, translate_next(script, at, schema));
    all.sql += next.sql;
    all.notes.insert(all.notes.end(), next.notes.begin(), next.notes.end());
  }
  return all;
}

}  // namespace nearlite::dialect
