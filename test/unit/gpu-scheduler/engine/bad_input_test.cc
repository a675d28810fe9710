#include <functional>
#include <limits>

#include "gpu-scheduler/engine/demand_model.h"
#include "gpu-scheduler/engine/move_plan.h"
#include "gpu-scheduler/engine/place_window.h"
#include "gpu-scheduler/engine/preempt.h"
#include "test/unit/gpu-scheduler/engine/world.h"

/// Values that no caller should pass: each is refused with a typed error that names the field, and the state
/// is as before. Policies, levels and place() itself: policy_words_test.cc.
namespace stowage::engine {
namespace {

using namespace test;

constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
constexpr int64_t kLow = std::numeric_limits<int64_t>::min();

template <class T>
struct Row {
  std::string said;
  std::function<void(T&)> edit;
};

void refused(const Error& error, const std::string& said) {
  INFO(error.message);
  CHECK(error.code == Code::kInvalidArgument);
  CHECK(error.message.find(said) != std::string::npos);
}

TEST_CASE("a node that nothing can be: refused by field, whether new or known") {
  std::vector<Row<NodeSpec>> rows{
      {"name is empty", [](auto& n) { n.name.clear(); }},
      {"accelerators.nvidia.com/gpu stands twice",
       [](auto& n) { n.accelerators.push_back(n.accelerators.front()); }},
      {"accelerators.nvidia.com/gpu.group names 3 of 8 devices",
       [](auto& n) { n.accelerators.front().group = {0, 0, 1}; }},
      {"65 devices, at most 64", [](auto& n) { n.accelerators.front().count = 65; }},
      {"2147483648 devices, at most 64",
       [](auto& n) {
         n.accelerators.front().count = std::numeric_limits<int32_t>::max();
         n.accelerators.push_back({.resource = "b", .count = 1});
       }},
      {"accelerators.nvidia.com/gpu.count", [](auto& n) { n.accelerators.front().count = -1; }},
  };
  for (const int64_t bad : {int64_t{-1}, kLow, kHuge, (int64_t{1} << 60) + 1}) {
    rows.push_back({"allocatable.cpu", [bad](auto& n) { n.allocatable.cpu_milli = bad; }});
    rows.push_back({"allocatable.memory", [bad](auto& n) { n.allocatable.memory_bytes = bad; }});
    rows.push_back(
        {"allocatable.ephemeral-storage", [bad](auto& n) { n.allocatable.ephemeral_bytes = bad; }});
    rows.push_back({"allocatable.pods", [bad](auto& n) { n.allocatable.pods = bad; }});
    rows.push_back({"allocatable.x/y", [bad](auto& n) { n.allocatable.extended["x/y"] = bad; }});
    rows.push_back({"price", [bad](auto& n) { n.price_micro = bad; }});
    rows.push_back({"accelerators.nvidia.com/gpu.memory",
                    [bad](auto& n) { n.accelerators.front().memory_bytes = bad; }});
  }
  ClusterState state;
  add(state, NodeBuilder("a").gpus(8));
  const auto before = state.digest();
  for (const auto& row : rows) {
    for (const char* name : {"a", "b"}) {
      NodeSpec spec = NodeBuilder(name).gpus(8).spec;
      row.edit(spec);
      const auto done = state.upsert_node(std::move(spec));
      REQUIRE_FALSE(done);
      refused(done.error(), row.said);
      CHECK(state.digest() == before);
      CHECK(state.node_count() == 1);
    }
  }
}

TEST_CASE("a class that nothing can mean: refused by field, no number is given") {
  std::vector<Row<PodClass>> rows{
      {"device.count", [](auto& p) { p.device.count = -1; }},
      {"device.resource", [](auto& p) { p.device.resource.clear(); }},
      {"device.milli", [](auto& p) { p.device.milli = 0; }},
      {"device.milli", [](auto& p) { p.device.milli = 1001; }},
      {"a share of 500/1000 must be of one device", [](auto& p) { p.device.milli = 500; }},
      {"maxSkew", [](auto& p) { p.spread_constraints.push_back({.max_skew = 0}); }},
  };
  for (const int64_t bad : {int64_t{-1}, kLow, kHuge}) {
    rows.push_back({"requests.cpu", [bad](auto& p) { p.requests.cpu_milli = bad; }});
    rows.push_back({"requests.memory", [bad](auto& p) { p.requests.memory_bytes = bad; }});
    rows.push_back({"requests.ephemeral-storage", [bad](auto& p) { p.requests.ephemeral_bytes = bad; }});
    rows.push_back({"requests.pods", [bad](auto& p) { p.requests.pods = bad; }});
    rows.push_back({"requests.x/y", [bad](auto& p) { p.requests.extended["x/y"] = bad; }});
    rows.push_back({"device.memory", [bad](auto& p) { p.device.memory_bytes = bad; }});
  }
  for (const int32_t bad : {-1, 0, 101}) {
    rows.push_back(
        {"preferredNodeAffinity", [bad](auto& p) { p.preferred_node_affinity.push_back({bad, {}}); }});
    rows.push_back({"preferredAffinity", [bad](auto& p) { p.preferred_affinity.push_back({bad, {}}); }});
    rows.push_back(
        {"preferredAntiAffinity", [bad](auto& p) { p.preferred_anti_affinity.push_back({bad, {}}); }});
  }
  ClusterState state;
  for (const auto& row : rows) {
    PodClass pod = gpu_pod(2);
    row.edit(pod);
    const auto done = state.intern(pod);
    REQUIRE_FALSE(done);
    refused(done.error(), row.said);
    CHECK(state.class_count() == 0);
  }
}

TEST_CASE("a running pod that cannot be: refused, nothing is counted") {
  ClusterState state;
  const auto node = add(state, NodeBuilder("a").gpus(2));
  const auto one = *state.intern(gpu_pod(1));
  REQUIRE(state.add_pod({.uid = "u", .name = "x/u", .pod_class = one, .node = node}));
  const auto before = state.digest();
  struct Case {
    RunningPod pod;
    Code code;
  };
  const std::vector<Case> cases{
      {{.uid = "v", .name = "x/v", .pod_class = one, .node = node + 1}, Code::kNotFound},
      {{.uid = "v", .name = "x/v", .pod_class = one, .node = kNone}, Code::kNotFound},
      {{.uid = "v", .name = "x/v", .pod_class = one + 1, .node = node}, Code::kNotFound},
      {{.uid = "u", .name = "x/v", .pod_class = one, .node = node}, Code::kAlreadyExists},
      {{.uid = "v", .name = "x/v", .pod_class = one, .node = node, .devices = 4}, Code::kInvalidArgument},
  };
  for (const auto& [pod, code] : cases) {
    const auto done = state.add_pod(pod);
    REQUIRE_FALSE(done);
    CHECK(done.error().code == code);
    CHECK(done.error().message.find("x/v") != std::string::npos);
    CHECK(state.digest() == before);
  }
}

TEST_CASE("pods that ask for more than can be added up: the sum is refused before it overflows") {
  ClusterState state;
  const auto node = add(state, NodeBuilder("a"));
  PodClass pod;
  pod.requests.memory_bytes = int64_t{1} << 53;
  const auto id = *state.intern(pod);
  int taken = 0;
  Result<PodIndex> done = PodIndex{0};
  while (done && taken < 5000) {
    done = state.add_pod({.name = "x/p", .pod_class = id, .node = node});
    if (done) ++taken;
  }
  REQUIRE_FALSE(done);
  refused(done.error(), "more than can be counted");
  CHECK(state.node(node).free_memory_bytes < 0);
  CHECK(state.pod_count() == static_cast<size_t>(taken));
}

/// Every way to ask about a demand; the reason that each gives.
std::vector<std::string> reasons(ClusterState& state, const Demand& demand) {
  const Policy policy;
  auto budget = WorkBudget::unlimited();
  std::vector<std::string> out{place(state, demand, policy, budget).why.reason,
                               explain(state, demand, policy, budget).reason,
                               preempt(state, demand, policy, budget).why.reason,
                               make_room(state, demand, policy, {}, budget).why.reason};
  const auto window = place_window(state, std::vector{demand}, policy, {.now = 9, .hold = 5}, budget);
  REQUIRE(window);
  out.push_back(window->front().why.reason);
  return out;
}

TEST_CASE("a demand that nothing can mean: every way to ask says so, nothing is held") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(8));
  const Demand good = demand(state, gpu_pod(1));
  const std::vector<Row<Demand>> rows{
      {"", [](auto& d) { d.parts.clear(); }},
      {"", [](auto& d) { d.parts[0].count = 0; }},
      {"", [](auto& d) { d.parts[0].count = std::numeric_limits<int32_t>::max(); }},
      {"", [](auto& d) { d.parts[0].pod_class = 77; }},
      {"", [](auto& d) { d.parts[0].members.resize(2); }},
      {"", [](auto& d) { d.topology = {TopologyRequest::Mode::kPreferred, "galaxy"}; }},
      {"", [](auto& d) { d.subgroups = {{{TopologyRequest::Mode::kRequired, "galaxy"}}}; }},
      {"", [](auto& d) { d.subgroups.resize(1), d.parts[0].subgroup = 1; }},
      {"", [](auto& d) { d.subgroups.resize(1), d.parts[0].subgroup = -1; }},
      {"", [](auto& d) { d.spread.level = "galaxy"; }},
      {"", [](auto& d) { d.joined = {kNone}; }},
  };
  const auto before = state.digest();
  for (size_t i = 0; i < rows.size(); ++i) {
    INFO("row " << i);
    Demand bad = good;
    rows[i].edit(bad);
    for (const auto& reason : reasons(state, bad))
      CHECK(reason == "InvalidDemand");
    CHECK(state.digest() == before);
  }
}

TEST_CASE("an empty cluster: every way to ask has an answer, and none places anything") {
  ClusterState state;
  const Policy policy;
  auto budget = WorkBudget::unlimited();
  for (const int32_t count : {1, 3}) {
    for (const auto mode : {TopologyRequest::Mode::kNone, TopologyRequest::Mode::kPreferred,
                            TopologyRequest::Mode::kRequired}) {
      auto wanted = in_one(demand(state, share_pod(500)), "rack", mode);
      wanted.parts[0].count = count;
      for (const auto& reason : reasons(state, wanted)) {
        CHECK_FALSE(reason.empty());
        CHECK(reason != "InvalidDemand");
      }
      CHECK(explain(state, wanted, policy, budget).would_fit_if.empty());
    }
  }
  CHECK(feasible_nodes(state, 0).empty());
  CHECK(defragment(state, policy, {.max_moves = 9}, budget).moves.empty());
  CHECK(state.pod_count() == 0);
}

TEST_CASE("times at the ends of their range: windows and cooldowns do not overflow") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(1).shareable());
  const Policy policy;
  for (const int64_t now : {kLow, int64_t{0}, kHuge}) {
    for (const int64_t arrival : {kLow, int64_t{0}, kHuge}) {
      auto budget = WorkBudget::unlimited();
      auto wanted = demand(state, share_pod(500));
      wanted.arrival = arrival;
      wanted.protected_until = arrival;
      const auto done = place_window(state, std::vector{wanted}, policy, {.now = now, .hold = kHuge}, budget);
      REQUIRE(done);
      preempt(state, wanted, policy, budget, now);
      make_room(state, wanted, policy, {.max_moves = std::numeric_limits<int32_t>::max(), .now = now},
                budget);
      forget(state, done->front());
    }
  }
  auto budget = WorkBudget::unlimited();
  const auto negative = place_window(state, {}, policy, {.hold = -1}, budget);
  REQUIRE_FALSE(negative);
  CHECK(negative.error().code == Code::kInvalidArgument);
}

TEST_CASE("typical pods that nothing can be: no model is built") {
  const TypicalPod good{.cpu_milli = 1000, .count = 1};
  const std::vector<Row<TypicalPod>> rows{
      {"weight 0", [](auto& p) { p.weight = 0; }},
      {"weight -1", [](auto& p) { p.weight = -1; }},
      {"cpu -1", [](auto& p) { p.cpu_milli = -1; }},
      {"-1 devices", [](auto& p) { p.count = -1; }},
      {"65 devices", [](auto& p) { p.count = 65; }},
      {"0/1000", [](auto& p) { p.milli = 0; }},
      {"1001/1000", [](auto& p) { p.milli = 1001; }},
      {"2 devices of 500/1000", [](auto& p) { p.count = 2, p.milli = 500; }},
  };
  for (const auto& row : rows) {
    TypicalPod bad = good;
    row.edit(bad);
    const auto model = DemandModel::build({good, bad});
    REQUIRE_FALSE(model);
    refused(model.error(), "entry 1 ");
    refused(model.error(), row.said);
  }
  refused(DemandModel::build({}).error(), "no typical pods");
  TypicalPod common = good;
  common.weight = kHuge;
  CHECK(DemandModel::build({common, common, good}).has_value());
}

}  // namespace
}  // namespace stowage::engine
