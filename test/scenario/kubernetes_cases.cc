// Usage: kubernetes_cases [--lists] F.yaml...
// Checks tables of cases against the engine. --lists prints the v1 List of each case instead, one a line, for
// the oracle: kubernetes_cases --lists F.yaml > F.json && test/cluster/oracle/compare F.json
#include <fmt/format.h>

#include <cstdio>
#include <string_view>
#include <vector>

#include "gpu-scheduler/feasible/feasible.h"
#include "test/scenario/case_list.h"

namespace {

using stowage::scenario::Case;

/// True when the engine agrees; else says what it found.
bool check(const Case& one) {
  const auto list = stowage::feasible::decode_list(one.list);
  const auto answers = list ? stowage::feasible::judge(*list) : std::unexpected(list.error());
  if (!answers) {
    fmt::print("{}:{}: {}: {}\n", one.file, one.line, one.name, answers.error().message);
    return false;
  }
  if (answers->size() == 1 && answers->front().nodes == one.feasible) return true;
  fmt::print("{}:{}: {}: want [{}], got [{}]\n", one.file, one.line, one.name, fmt::join(one.feasible, ", "),
             answers->empty() ? std::string("no pending pod")
                              : fmt::format("{}", fmt::join(answers->front().nodes, ", ")));
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  const bool lists = argc > 1 && std::string_view(argv[1]) == "--lists";
  size_t cases = 0;
  size_t failed = 0;
  for (int i = lists ? 2 : 1; i < argc; ++i) {
    const auto table = stowage::scenario::read_cases(argv[i]);
    if (!table) {
      fmt::print(stderr, "kubernetes_cases: {}\n", table.error().message);
      return 2;
    }
    for (const Case& one : *table) {
      ++cases;
      if (lists) {
        fmt::print("{}\n", one.list);
      } else if (!check(one)) {
        ++failed;
      }
    }
  }
  if (!lists) fmt::print("cases {} failed {}\n", cases, failed);
  return failed == 0 && cases > 0 ? 0 : 1;
}
