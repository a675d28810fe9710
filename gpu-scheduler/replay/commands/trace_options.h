#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "gpu-scheduler/engine/policy.h"
#include "gpu-scheduler/replay/trace.h"

namespace CLI {
class App;
}

namespace stowage::replay {

/// What openb and dynamic ask alike.
struct TraceOptions {
  TraceFiles files;
  std::vector<std::string> strategies;  ///< Of --strategy; empty: the policy file's, or Packability.
  std::string policy;                   ///< Path; empty: the built-in weights.
  bool json = false;
};

void add_trace_options(CLI::App& command, TraceOptions& options);

/// `base` once for each strategy named, with that strategy; `base` itself when none is. Error:
/// kInvalidArgument, a name that is no strategy.
Result<std::vector<engine::Policy>> one_a_strategy(engine::Policy base,
                                                   const std::vector<std::string>& strategies);

/// One policy a strategy of the options, with this typical demand. Errors: kInvalidArgument naming the field,
/// or file and line.
Result<std::vector<engine::Policy>> policies_for(const TraceOptions& options,
                                                 std::vector<engine::TypicalPod> typical);

}  // namespace stowage::replay
