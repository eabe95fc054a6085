/* Nearlite for other languages: a vector store (vector_store.h) behind plain C.
 *
 * Link with libnearlite.so: `nearlite::nearlite_c` (CMake), `pkg-config nearlite_c`, or load it at
 * run time. It exports these functions and nothing else.
 *
 * For everything here:
 *   - Every function that can fail returns a nearlite_code; 0 is success. The text of the last
 *     failure of this thread is nearlite_last_error(). No exception gets out.
 *   - Strings are UTF-8 and end with NUL. Arguments are used during the call only.
 *   - Results go into memory of the caller's. Where its size cannot be known before, the function
 *     takes a capacity, fills no more, and tells the whole size: call again with more room.
 *   - A store may be used by several threads at once, except by nearlite_store_free(). A callback
 *     runs in the calling thread and must not use the store.
 *   - A null pointer where one is needed is NEARLITE_INVALID_ARGUMENT.
 *   - Vectors are float32, `dim` numbers each, one after the other.
 */
#ifndef NEARLITE_NEARLITE_C_H
#define NEARLITE_NEARLITE_C_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define NEARLITE_C_NOEXCEPT noexcept
extern "C" {
#else
#define NEARLITE_C_NOEXCEPT
#endif

#if defined(__GNUC__)
#define NEARLITE_C_API __attribute__((visibility("default")))
#else
#define NEARLITE_C_API
#endif

/* What kind of failure happened; the numbers of nearlite::Code, which never change. */
typedef enum nearlite_code {
  NEARLITE_OK = 0,
  NEARLITE_INVALID_ARGUMENT = 1,
  NEARLITE_NOT_FOUND = 2,
  NEARLITE_CONSTRAINT = 3,
  NEARLITE_BUSY = 4,
  NEARLITE_FULL = 5,
  NEARLITE_IO = 6,
  NEARLITE_NO_MEMORY = 7,
  NEARLITE_INTERRUPTED = 8,
  NEARLITE_READ_ONLY = 9,
  NEARLITE_CORRUPTION = 10,
  NEARLITE_INTERNAL = 11,
  NEARLITE_SQLITE = 12
} nearlite_code;

typedef enum nearlite_metric {
  NEARLITE_COSINE = 0,
  NEARLITE_L2 = 1,
  NEARLITE_IP = 2,
  NEARLITE_L1 = 3,
  NEARLITE_HAMMING = 4
} nearlite_metric;

typedef enum nearlite_element {
  NEARLITE_FLOAT32 = 0,
  NEARLITE_FLOAT16 = 1,
  NEARLITE_BFLOAT16 = 2,
  NEARLITE_INT8 = 3,
  NEARLITE_BIT = 4
} nearlite_element;

/* What memory holds of a vector: two bytes a component, a bit (a quarter of the memory at 384
 * dimensions, slower, metric cosine only), or the vector itself. */
typedef enum nearlite_quantize {
  NEARLITE_QUANTIZE_INT8 = 0,
  NEARLITE_QUANTIZE_BIT = 1,
  NEARLITE_QUANTIZE_NONE = 2
} nearlite_quantize;

typedef enum nearlite_sync {
  NEARLITE_SYNC_PER_OP = 0,
  NEARLITE_SYNC_EVERY_N = 1,
  NEARLITE_SYNC_ON_FLUSH = 2
} nearlite_sync;

typedef enum nearlite_phase {
  NEARLITE_READING = 0,
  NEARLITE_FINISHING = 1,
  NEARLITE_MAINTAINING = 2
} nearlite_phase;

typedef enum nearlite_upkeep {
  NEARLITE_OPTIMIZE = 0,
  NEARLITE_COMPACT = 1,
  NEARLITE_REPAIR = 2,
  NEARLITE_REBUILD = 3
} nearlite_upkeep;

typedef struct nearlite_store nearlite_store;

/* A found row: its id and its exact distance. */
typedef struct nearlite_hit {
  int64_t id;
  double distance;
} nearlite_hit;

/* How a store is opened. Set by nearlite_options_init() first; then change what should differ.
 * `size` is sizeof of the struct the program was compiled with. */
typedef struct nearlite_options {
  size_t size;
  const char* name;        /* the table; NULL: "vectors" */
  const char* columns;     /* further columns of a new store, as in SQL; NULL: none */
  int32_t dim;             /* of a new store; 0: must exist */
  int32_t metric;          /* nearlite_metric */
  int32_t element;         /* nearlite_element */
  int32_t quantize;        /* nearlite_quantize */
  int32_t m;               /* 2 to 128 */
  int32_t ef_construction; /* 1 to 10,000 */
  int32_t ef_search;       /* 1 to 100,000; 0: as ef_construction */
  int32_t read_only;       /* 0 or 1 */
  int32_t create;          /* 0 or 1 */
  int32_t busy_timeout_ms; /* 0: do not wait */
  int32_t reader_count;    /* 0: one per processor */
} nearlite_options;

/* How a search is done; NULL, or all zero: the settings of the store. `filter`: an SQL expression;
 * NULL: none. What other people wrote belongs into `parameters`: `parameter_count` texts for its
 * ?1, ?2, … (compared with numbers as numbers, where the column has a type; NULL: NULL). */
typedef struct nearlite_search_options {
  int32_t ef_search;
  int32_t exact;
  const char* filter;
  const char* const* parameters;
  int32_t parameter_count;
} nearlite_search_options;

/* Is told how far long work is, about ten times a second (`total` 0: not known). Not 0: stop. */
typedef int (*nearlite_progress)(void* user, nearlite_phase phase, uint64_t done, uint64_t total);
/* Sets *id, fills `vector` and returns 1; returns 0 when there are no more rows, -1 to give up. */
typedef int (*nearlite_source)(void* user, int64_t* id, float* vector);
/* Takes a row. Not 0: no more are wanted. */
typedef int (*nearlite_sink)(void* user, int64_t id, const float* vector);

/* ---- The library */
NEARLITE_C_API const char* nearlite_version(void) NEARLITE_C_NOEXCEPT;
/* The text of this thread's last failure; lives until its next call. Never NULL. */
NEARLITE_C_API const char* nearlite_last_error(void) NEARLITE_C_NOEXCEPT;
NEARLITE_C_API void nearlite_options_init(nearlite_options* options) NEARLITE_C_NOEXCEPT;

/* ---- Opening and closing. On failure *store is NULL. */
NEARLITE_C_API nearlite_code nearlite_store_open(const char* path, const nearlite_options* options,
                                                 nearlite_store** store) NEARLITE_C_NOEXCEPT;
/* The index over a column of a table that exists; built when there is none. */
NEARLITE_C_API nearlite_code nearlite_store_get_or_build(
    const char* path, const char* table, const char* column, const nearlite_options* options,
    nearlite_progress progress, void* user, nearlite_store** store) NEARLITE_C_NOEXCEPT;
/* Flushes and closes; says whether that worked. The handle stays until nearlite_store_free(). */
NEARLITE_C_API nearlite_code nearlite_store_close(nearlite_store* store) NEARLITE_C_NOEXCEPT;
/* Frees the handle, closing first if need be. NULL is harmless. */
NEARLITE_C_API void nearlite_store_free(nearlite_store* store) NEARLITE_C_NOEXCEPT;
/* Writes a copy to `path`, complete or not at all. */
NEARLITE_C_API nearlite_code nearlite_store_save(nearlite_store* store, const char* path,
                                                 nearlite_progress progress,
                                                 void* user) NEARLITE_C_NOEXCEPT;
/* Components of a vector; 0 for NULL. */
NEARLITE_C_API int32_t nearlite_store_dim(const nearlite_store* store) NEARLITE_C_NOEXCEPT;
NEARLITE_C_API nearlite_code nearlite_store_size(nearlite_store* store,
                                                 uint64_t* size) NEARLITE_C_NOEXCEPT;

/* ---- Writing: `count` rows, all or none */
NEARLITE_C_API nearlite_code nearlite_store_insert(nearlite_store* store, const int64_t* ids,
                                                   const float* vectors,
                                                   size_t count) NEARLITE_C_NOEXCEPT;
NEARLITE_C_API nearlite_code nearlite_store_upsert(nearlite_store* store, const int64_t* ids,
                                                   const float* vectors,
                                                   size_t count) NEARLITE_C_NOEXCEPT;
/* *erased: how many there were; may be NULL. */
NEARLITE_C_API nearlite_code nearlite_store_erase(nearlite_store* store, const int64_t* ids,
                                                  size_t count, size_t* erased) NEARLITE_C_NOEXCEPT;
NEARLITE_C_API nearlite_code nearlite_store_build(nearlite_store* store, nearlite_source source,
                                                  void* source_user, uint64_t total,
                                                  nearlite_progress progress, void* progress_user,
                                                  uint64_t* added) NEARLITE_C_NOEXCEPT;

/* ---- Reading */
NEARLITE_C_API nearlite_code nearlite_store_contains(nearlite_store* store, int64_t id,
                                                     int32_t* found) NEARLITE_C_NOEXCEPT;
/* Fills dim numbers. NEARLITE_NOT_FOUND when there is no such row. */
NEARLITE_C_API nearlite_code nearlite_store_get(nearlite_store* store, int64_t id,
                                                float* vector) NEARLITE_C_NOEXCEPT;
NEARLITE_C_API nearlite_code nearlite_store_for_each(nearlite_store* store, nearlite_sink sink,
                                                     void* user) NEARLITE_C_NOEXCEPT;

/* ---- Searching: nearest first */
/* Fills at most k hits; *found says how many. */
NEARLITE_C_API nearlite_code nearlite_store_search(nearlite_store* store, const float* query,
                                                   size_t k, const nearlite_search_options* options,
                                                   nearlite_hit* hits,
                                                   size_t* found) NEARLITE_C_NOEXCEPT;
/* query_count queries on thread_count threads (0: one per processor) from one snapshot. The hits of
 * query i begin at hits[i * k]; found[i] says how many. */
NEARLITE_C_API nearlite_code nearlite_store_search_batch(
    nearlite_store* store, const float* queries, size_t query_count, size_t k, int32_t thread_count,
    const nearlite_search_options* options, nearlite_hit* hits, size_t* found) NEARLITE_C_NOEXCEPT;
/* All rows within `radius`: fills at most `capacity`, *found is how many there are. */
NEARLITE_C_API nearlite_code nearlite_store_search_range(nearlite_store* store, const float* query,
                                                         double radius,
                                                         const nearlite_search_options* options,
                                                         nearlite_hit* hits, size_t capacity,
                                                         size_t* found) NEARLITE_C_NOEXCEPT;

/* ---- Durability and upkeep */
NEARLITE_C_API nearlite_code nearlite_store_set_sync(nearlite_store* store, nearlite_sync sync,
                                                     uint32_t n) NEARLITE_C_NOEXCEPT;
NEARLITE_C_API nearlite_code nearlite_store_flush(nearlite_store* store) NEARLITE_C_NOEXCEPT;
NEARLITE_C_API nearlite_code nearlite_store_upkeep(nearlite_store* store, nearlite_upkeep what,
                                                   nearlite_progress progress,
                                                   void* user) NEARLITE_C_NOEXCEPT;
/* NEARLITE_OK: rows and index agree. NEARLITE_CORRUPTION: nearlite_last_error() says what differs.
 */
NEARLITE_C_API nearlite_code nearlite_store_check(nearlite_store* store) NEARLITE_C_NOEXCEPT;
/* Runs SQL statements on the store's database; rows are skipped. */
NEARLITE_C_API nearlite_code nearlite_store_execute(nearlite_store* store,
                                                    const char* sql) NEARLITE_C_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif
