// CREATE TABLE, ALTER TABLE, CREATE INDEX, DROP INDEX and REINDEX as pgvector's users write them.
#pragma once

#include "dialect/edits.h"
#include "dialect/schema.h"
#include "dialect/source.h"
#include "nearlite/database.h"

namespace nearlite::dialect {

/// One statement on its way: either `edits` change it, or `out.sql` replaces it.
struct Task {
  const Source& source;
  Schema& schema;
  Edits& edits;
  Translation& out;
};

/// Column types of CREATE TABLE and ALTER TABLE … ADD COLUMN. Leaves other statements alone.
Status translate_table(Task& task);

/// CREATE INDEX, DROP INDEX, REINDEX, ALTER INDEX.
Status translate_index(Task& task);
Status translate_create_index(Task& task);

/// SET, RESET, SHOW, CREATE EXTENSION, EXPLAIN ANALYZE, TRUNCATE, COPY.
Status translate_setting(Task& task);

}  // namespace nearlite::dialect
