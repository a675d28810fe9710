#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "gpu-scheduler/engine/demand.h"
#include "gpu-scheduler/engine/demand_model.h"
#include "gpu-scheduler/engine/node_spec.h"
#include "gpu-scheduler/engine/pod_class.h"
#include "gpu-scheduler/replay/policy_file.h"

namespace stowage::replay {

/// Pods of one entry: `count` alone, or one gang of them.
struct ScenarioPods {
  std::string name;
  Millis at{0};
  std::optional<Millis> lifetime;  ///< From placement; none: they stay.
  int32_t count = 1;
  bool gang = false;
  int32_t priority = 0;
  engine::PodClass pod;
  engine::TopologyRequest topology;
};

/// What should hold after everything that happens at `at`.
struct ScenarioExpectation {
  std::string where;  ///< "file:line", for messages.
  Millis at{0};
  size_t pods = 0;  ///< Index into Scenario::pods.
  std::optional<int64_t> placed, waiting;
  std::vector<std::string> nodes;  ///< The only ones allowed; empty: any.
  std::string same_domain;         ///< A level; empty: none asked.
};

/// A small world with its arrivals; the file format is docs/design/replay-scenario.md.
struct Scenario {
  std::string name;  ///< The file's, without folder and ending.
  std::vector<engine::NodeSpec> nodes;
  std::vector<ScenarioPods> pods;
  std::vector<ScenarioExpectation> expectations;
  Millis until{0};
  PolicyFile policy;  ///< Of the file; the defaults when it names none. Without a model.
};

/// `profiles`: the folder of the node profiles that the file may name; empty: the program's own. Errors:
/// kInvalidArgument, "file:line:column: sentence".
Result<Scenario> read_scenario(std::string_view text, const std::string& file,
                               const std::string& profiles = "");
/// Reads the file first. Errors also: kNotFound for one that cannot be read.
Result<Scenario> load_scenario(const std::string& path, const std::string& profiles = "");

/// The scenario's pods as typical demand, weighted by their number.
std::vector<engine::TypicalPod> demand_of(const Scenario& scenario);

struct ScenarioEvent {
  Millis at{0};
  std::string name;  ///< Of the pod, or of the gang.
  enum class What : uint8_t { kPlaced, kWaits, kLeft } what = What::kPlaced;
  std::vector<std::string> nodes;  ///< One a pod, for a gang in the order of its pods.
  std::string reason;              ///< Of one that waits.
};
std::string_view to_string(ScenarioEvent::What what);

/// The cluster after everything that happens at one instant.
struct ScenarioPoint {
  Millis at{0};
  double allocated_percent = 0;
  double fragmentation_percent = 0;  ///< Expected fragmentation in % of the GPUs; 0 without a model.
};

/// One accelerator pool of a node at the end.
struct ScenarioDevices {
  std::string node;
  std::string product;
  std::vector<int16_t> free;  ///< Thousandths by device.
};

struct ScenarioRun {
  std::vector<ScenarioEvent> events;
  int64_t placed = 0;   ///< Pods that run at the end.
  int64_t waiting = 0;  ///< Pods that came and never ran.
  int64_t left = 0;
  double allocated_percent = 0;    ///< Of the GPUs, at the end.
  int64_t failed = 0;              ///< Expectations that did not hold.
  std::vector<std::string> unmet;  ///< Why, one or more each: "file:line: entry: sentence".
  std::vector<ScenarioPoint> points;
  std::vector<ScenarioDevices> devices;
};

/// Plays the scenario with the policy. Errors: kInvalidArgument of the engine, naming the field.
Result<ScenarioRun> run_scenario(const Scenario& scenario, const engine::Policy& policy);

}  // namespace stowage::replay
