// The protocol of a worker, one process per engine: a JSON object a line comes in, one goes out.
//
//   {"do": "search", "ef": 64}   ->   {"qps": 9481.2, "recall": 0.9812, "p50_us": 98.1, …}
//
// The engines stay alive beside each other, so bench/run can ask them in turn: noise of the machine
// meets all alike. A worker in Python (bench/compare/python_worker.py) speaks the same.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace bench {

using Json = nlohmann::json;
using Commands = std::map<std::string, std::function<Json(const Json&)>>;

/// Prints {"error": message} and ends the process.
[[noreturn]] void fail(const std::string& message);

/// Answers requests until the input ends. An exception becomes an {"error": …} and the end.
int serve(const Commands& commands);

}  // namespace bench
