#include "fuzz/targets.h"

#include "fuzz/command_targets.h"
#include "fuzz/legacy_targets.h"
#include "fuzz/record_targets.h"
#include "fuzz/sparse_targets.h"
#include "fuzz/sql_targets.h"

namespace nearlite::test {

std::span<const FuzzTarget> fuzz_targets() {
  static constexpr FuzzTarget kTargets[] = {
      {"links", fuzz_links},
      {"commit_state", fuzz_commit_state},
      {"vector_block", fuzz_vector_block},
      {"side_image", fuzz_side_image},
      {"plan_terms", fuzz_plan_terms},
      {"vector_text", fuzz_vector_text},
      {"vector_blob", fuzz_vector_blob},
      {"sparse_text", fuzz_sparse_text},
      {"sparse_blob", fuzz_sparse_blob},
      {"postings", fuzz_postings},
      {"sparse_rows", fuzz_sparse_rows},
      {"create_arguments", fuzz_create_arguments},
      {"vec0_arguments", fuzz_vec0_arguments},
      {"options", fuzz_options},
      {"filter", fuzz_filter},
      {"command", fuzz_command},
      {"functions", fuzz_functions},
      {"snapshot", fuzz_snapshot},
      {"image", fuzz_image},
      {"shadow_rows", fuzz_shadow_rows},
      {"sqlite_vec", fuzz_sqlite_vec},
      {"statements", fuzz_statements},
      {"dialect", fuzz_dialect},
      {"import_file", fuzz_import_file},
      {"embedding_reply", fuzz_embedding_reply},
  };
  return kTargets;
}

}  // namespace nearlite::test
