#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "sandbox/apiserver/pod_contents.h"
#include "sandbox/world/engine_metrics.h"

namespace stowage::sandbox {

/// What an engine's container writes while it starts and when it ends, told from the stored pod alone: from
/// status.startTime (image, weights, cache) to the container's start, and its end if it ended. Containers
/// that are no engine of a known kind say that they are simulated. Times are within what the pod's status
/// says.
std::vector<LogLine> start_lines(const nlohmann::json& pod, const std::string& container,
                                 const EngineShape& shape);
/// Lines after everything else: termination, by deletion or by its own end.
std::vector<LogLine> end_lines(const nlohmann::json& pod, const std::string& container);

/// "INFO 11-24 14:00:03 ...": the engine's way to begin a line.
std::string log_prefix(Engine engine, WallTime time);

/// One line about the last ten seconds of traffic.
std::string traffic_line(Engine engine, WallTime time, const ServingModel& model);

}  // namespace stowage::sandbox
