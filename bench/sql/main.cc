// A worker for engines that are SQLite extensions.
//
//   bench_sql <engine> <extension> <data set>     serves requests (driver/worker.h, session.h)
//   bench_sql first <extension> <database> <queries.f32> <dim> <ef>
//                                                 a new process: open, first answer, some more
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "driver/process_memory.h"
#include "driver/search_run.h"
#include "driver/worker.h"
#include "sql/session.h"

namespace bench {
namespace {

constexpr std::size_t kMoreQueries = 100;

std::vector<float> read_queries(const char* path, std::size_t dim) {
  std::vector<float> floats((1 + kMoreQueries) * dim);
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(floats.data()),
            static_cast<std::streamsize>(floats.size() * sizeof(float)));
  if (!file) fail(std::string("cannot read ") + path);
  return floats;
}

// Everything a program does before its user sees an answer, each step timed from the first line.
int first_answer(char** argv) {
  const std::size_t dim = std::strtoul(argv[5], nullptr, 10);
  const std::int64_t ef = std::strtol(argv[6], nullptr, 10);
  const std::vector<float> queries = read_queries(argv[4], dim);
  const Dialect dialect = dialect_of("nearlite", dim, 0, "", "match");
  const auto answer = [&](Statement& statement, std::size_t i) {
    statement.bind(1, std::span(queries).subspan(i * dim, dim)).bind(2, ef).run();
  };
  const Clock::time_point start = Clock::now();
  Database db(argv[3], argv[2]);
  const double opened = seconds_since(start);
  Statement search = db.prepare(dialect.search);
  const double prepared = seconds_since(start);
  answer(search, 0);
  const double first = seconds_since(start);
  const double first_cpu = process_seconds();
  Latencies latencies;
  for (std::size_t i = 1; i <= kMoreQueries; ++i) {
    const Clock::time_point before = Clock::now();
    answer(search, i);
    latencies.add(Clock::now() - before);
  }
  Json result{{"open_ms", opened * 1e3},
              {"prepared_ms", prepared * 1e3},
              {"first_ms", first * 1e3},
              {"first_cpu_ms", first_cpu * 1e3},
              {"next_hundred", latencies.summary()},
              {"memory", process_memory()}};
  std::puts(result.dump().c_str());
  return 0;
}

int serve_session(char** argv) {
  const DataSet data(argv[3]);
  Session session(argv[1], argv[2], data);
  const auto command = [&](Json (Session::*method)(const Json&)) {
    return [&session, method](const Json& request) { return (session.*method)(request); };
  };
  return serve({{"open", command(&Session::open)},
                {"build", command(&Session::build)},
                {"search", command(&Session::search)},
                {"insert_singly", command(&Session::insert_singly)},
                {"append", command(&Session::append)},
                {"remove", command(&Session::remove)},
                {"update", command(&Session::update)},
                {"find_themselves", command(&Session::find_themselves)},
                {"recall_now", command(&Session::recall_now)},
                {"add_texts", command(&Session::add_texts)},
                {"mixed", command(&Session::mixed)},
                {"state", command(&Session::state)},
                {"about", command(&Session::about)},
                {"memory", [](const Json&) { return process_memory(); }}});
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  if (argc == 7 && std::string_view(argv[1]) == "first") return bench::first_answer(argv);
  if (argc == 4) return bench::serve_session(argv);
  std::fputs("usage: bench_sql <engine> <extension> <data set>\n", stderr);
  return 2;
}
