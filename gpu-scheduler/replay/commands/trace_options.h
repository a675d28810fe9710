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
  std::string strategy = "Packability";
  bool json = false;
};

void add_trace_options(CLI::App& command, TraceOptions& options);

/// The policy of the options with this typical demand. Errors: kInvalidArgument naming the field.
Result<engine::Policy> policy_for(const TraceOptions& options, std::vector<engine::TypicalPod> typical);

}  // namespace stowage::replay
