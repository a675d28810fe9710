#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/random.h"
#include "gpu-scheduler/engine/fit.h"
#include "gpu-scheduler/engine/place.h"
#include "gpu-scheduler/engine/transaction.h"

/// Small random worlds, each decided twice: by the engine, and by trying every order, node and device. Both
/// must agree whether the demand fits, and on how few domains it can be kept. The first difference ends the
/// run with its seed.
namespace stowage::engine {
namespace {

constexpr std::string_view kZone = "topology.kubernetes.io/zone";
constexpr std::string_view kRack = "stowage.dev/rack";
constexpr std::string_view kHost = "kubernetes.io/hostname";

/// Domains used per level, widest first; fewer is better, the first difference decides.
using DomainCounts = std::vector<size_t>;

/// Everything that fits, by exhaustion.
class Exhaustion {
 public:
  Exhaustion(ClusterState& state, const Demand& demand) : state_(state), demand_(demand) {
    for (const auto& part : demand.parts)
      left_.push_back(part.count);
    if (!demand.spread.level.empty()) allowed_ = allowed(state, demand);
  }

  struct Answer {
    bool fits = false;
    std::optional<DomainCounts> fewest;  ///< Of demands that prefer a level.
  };
  Answer run() {
    Transaction transaction(state_);
    descend();
    return std::move(answer_);
  }

  /// Nodes that the rule of spread leaves, by its definition: counted anew from the pods, sizes tried out on
  /// a cluster without pods.
  static std::set<NodeIndex> allowed(ClusterState& state, const Demand& demand) {
    std::set<NodeIndex> out;
    std::map<std::string, std::vector<NodeIndex>> domains;
    for (const NodeIndex node : state.nodes_in_order()) {
      const auto& labels = state.node(node).spec->labels;
      const auto value = [&](std::string_view label) {
        const auto it = labels.find(label);
        return it == labels.end() ? std::string() : it->second;
      };
      const std::string zone = value(kZone);
      const std::string rack = value(kRack);
      if (demand.spread.level == "zone" && !zone.empty()) domains[zone].push_back(node);
      // A rack is one of its zone.
      if (demand.spread.level == "rack" && !rack.empty()) domains[zone + "/" + rack].push_back(node);
    }
    std::map<std::string, std::set<std::string>> gangs;
    for (PodIndex index = 0; index < state.pod_limit(); ++index) {
      if (!state.has_pod(index) || state.pod(index).spread_key != demand.spread_key) continue;
      for (const auto& [name, nodes] : domains) {
        if (std::ranges::find(nodes, state.pod(index).node) != nodes.end())
          gangs[name].insert(state.pod(index).group);
      }
    }
    size_t least = std::numeric_limits<size_t>::max();
    for (const bool whole : {true, false}) {
      for (const auto& [name, nodes] : domains) {
        if (could_hold(state, demand, nodes, whole)) least = std::min(least, gangs[name].size());
      }
      if (least != std::numeric_limits<size_t>::max()) break;
    }
    if (least == std::numeric_limits<size_t>::max()) least = 0;
    for (const auto& [name, nodes] : domains) {
      if (gangs[name].size() + 1 <= least + static_cast<size_t>(demand.spread.max_skew))
        out.insert(nodes.begin(), nodes.end());
    }
    return out;
  }

  /// Levels up to the one asked for; a node without the last one's label is a domain of its own.
  static DomainCounts count_domains(const ClusterState& state, const std::vector<NodeIndex>& nodes,
                                    uint32_t level) {
    DomainCounts out;
    std::vector<std::string> paths(nodes.size());
    for (uint32_t at = 0; at <= level; ++at) {
      std::set<std::string> seen;
      for (size_t i = 0; i < nodes.size(); ++i) {
        const auto& labels = state.node(nodes[i]).spec->labels;
        std::string value;
        for (const auto& label : state.topology_levels()[at].labels) {
          const auto it = labels.find(label);
          if (value.empty() && it != labels.end()) value = "=" + it->second;
        }
        if (value.empty() && at == level) value = "!" + state.node_name(nodes[i]);
        paths[i] += "/" + value;
        seen.insert(paths[i]);
      }
      out.push_back(seen.size());
    }
    return out;
  }

 private:
  struct Put {
    uint32_t part;
    NodeIndex node;
    uint64_t devices;
    auto operator<=>(const Put&) const = default;
  };

  /// Each class by itself, without rules between pods, on the empty nodes; a required tighter level in one of
  /// its domains. Not whole: one pod of some class.
  static bool could_hold(const ClusterState& state, const Demand& demand, const std::vector<NodeIndex>& nodes,
                         bool whole) {
    ClusterState empty = state.fork();
    for (PodIndex index = 0; index < empty.pod_limit(); ++index) {
      if (empty.has_pod(index)) empty.remove_pod(index);
    }
    std::map<DomainId, std::vector<NodeIndex>> parts;
    const uint32_t spread = *state.level_index(demand.spread.level);
    const bool tighter = whole && demand.topology.mode == TopologyRequest::Mode::kRequired &&
                         *state.level_index(demand.topology.level) > spread;
    for (const NodeIndex node : nodes) {
      const DomainId at = tighter ? state.domain_of(node, *state.level_index(demand.topology.level)) : 0;
      if (at != kNone) parts[at].push_back(node);
    }
    std::map<ClassId, int32_t> wanted;
    for (const auto& part : demand.parts)
      wanted[part.pod_class] += part.count;
    const auto holds = [&](const std::vector<NodeIndex>& inside, ClassId id, int32_t count) {
      PodClass pod = empty.pod_class(id);
      pod.required_affinity.clear();
      pod.required_anti_affinity.clear();
      pod.spread_constraints.clear();
      const ClassId plain = *empty.intern(pod);
      Transaction transaction(empty);
      for (const NodeIndex node : inside) {
        while (count > 0 && !fits_on(empty, plain, node)) {
          empty.assign({.pod_class = plain, .node = node});
          --count;
        }
      }
      return count == 0;
    };
    return std::ranges::any_of(parts, [&](const auto& part) {
      const auto class_fits = [&](const auto& entry) {
        return holds(part.second, entry.first, whole ? entry.second : 1);
      };
      return whole ? std::ranges::all_of(wanted, class_fits) : std::ranges::any_of(wanted, class_fits);
    });
  }

  void descend() {
    if (answer_.fits && demand_.topology.mode != TopologyRequest::Mode::kPreferred) return;
    auto key = put_;
    std::ranges::sort(key);
    if (!seen_.insert(std::move(key)).second) return;
    if (std::ranges::all_of(left_, [](int32_t left) { return left == 0; })) return judge();
    for (uint32_t part = 0; part < left_.size(); ++part) {
      if (left_[part] == 0) continue;
      for (const NodeIndex node : state_.nodes_in_order()) {
        if (allowed_ && !allowed_->contains(node)) continue;
        if (!fits_on(state_, demand_.parts[part].pod_class, node)) put_on(part, node);
      }
    }
  }

  void put_on(uint32_t part, NodeIndex node) {
    const auto& pod = state_.compiled(demand_.parts[part].pod_class);
    const auto& row = state_.node(node);
    if (!pod.shares()) return put_with(part, node, 0);
    const auto free = row.device_free;
    for (size_t device = 0; device < free.size(); ++device) {
      if (free[device] >= pod.device_milli) put_with(part, node, uint64_t{1} << device);
    }
  }

  void put_with(uint32_t part, NodeIndex node, uint64_t devices) {
    const auto point = state_.checkpoint();
    state_.assign({.pod_class = demand_.parts[part].pod_class, .node = node, .devices = devices});
    --left_[part];
    put_.push_back({part, node, devices});
    descend();
    put_.pop_back();
    ++left_[part];
    state_.rollback(point);
  }

  [[nodiscard]] bool in_one(const TopologyRequest& topology, const std::vector<NodeIndex>& nodes) const {
    if (topology.mode != TopologyRequest::Mode::kRequired || nodes.empty()) return true;
    const uint32_t level = *state_.level_index(topology.level);
    const DomainId first = state_.domain_of(nodes.front(), level);
    return first != kNone &&
           std::ranges::all_of(nodes, [&](NodeIndex node) { return state_.domain_of(node, level) == first; });
  }

  void judge() {
    std::vector<NodeIndex> all;
    std::map<int32_t, std::vector<NodeIndex>> groups;
    for (const Put& put : put_) {
      all.push_back(put.node);
      groups[demand_.parts[put.part].subgroup].push_back(put.node);
    }
    if (!in_one(demand_.topology, all)) return;
    for (size_t group = 0; group < demand_.subgroups.size(); ++group) {
      if (!in_one(demand_.subgroups[group].topology, groups[static_cast<int32_t>(group)])) return;
    }
    answer_.fits = true;
    if (demand_.topology.mode != TopologyRequest::Mode::kPreferred) return;
    auto counts = count_domains(state_, all, *state_.level_index(demand_.topology.level));
    if (!answer_.fewest || counts < *answer_.fewest) answer_.fewest = std::move(counts);
  }

  ClusterState& state_;
  const Demand& demand_;
  std::vector<int32_t> left_;
  std::optional<std::set<NodeIndex>> allowed_;
  std::vector<Put> put_;
  std::set<std::vector<Put>> seen_;
  Answer answer_;
};

/// A cluster of a few nodes with something running, and a demand.
class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {
    policy_.strategy =
        std::array{Strategy::kPackability, Strategy::kFgd, Strategy::kBestFit, Strategy::kSpread}[seed % 4];
    alike_ = one_in(3);
    size_ = draw_size();
    sharing_ = one_in(4);
    const auto nodes = 2 + random_.below(4);
    for (uint64_t i = 0; i < nodes; ++i)
      add_node("n" + std::to_string(i));
    for (auto count = random_.below(4); count > 0; --count)
      run_pod(static_cast<int>(count));
  }

  /// The world and the demand to stderr, for people.
  void describe() {
    for (const NodeIndex node : state_.nodes_in_order()) {
      const auto& spec = *state_.node(node).spec;
      fmt::print(stderr, "node {} labels", spec.name);
      for (const auto& [key, value] : spec.labels)
        fmt::print(stderr, " {}={}", key, value);
      fmt::print(stderr, " cpu {} pods {} devices {} {}\n", spec.allocatable.cpu_milli, spec.allocatable.pods,
                 state_.node(node).device_free.size(),
                 spec.accelerators.empty() ? "" : spec.accelerators.front().product);
      for (const PodIndex pod : state_.node(node).pods)
        fmt::print(stderr, "  runs class {} group {}\n", state_.pod(pod).pod_class, state_.pod(pod).group);
    }
    const Demand wanted = draw();
    for (const auto& part : wanted.parts)
      fmt::print(stderr, "{} of class {} in sub-group {}\n", part.count, part.pod_class, part.subgroup);
    fmt::print(stderr, "level {} {}, spread {} {}, {} sub-groups\n", static_cast<int>(wanted.topology.mode),
               wanted.topology.level, wanted.spread.level, wanted.spread.max_skew, wanted.subgroups.size());
    for (ClassId id = 0; id < state_.class_count(); ++id)
      fmt::print(stderr, "class {}: {}\n", id, class_key(state_.pod_class(id)));
    for (auto& group : wanted.subgroups)
      fmt::print(stderr, "sub-group level {} {}\n", static_cast<int>(group.topology.mode),
                 group.topology.level);
    WorkBudget budget = WorkBudget::unlimited();
    for (const auto& binding : place(state_, wanted, policy_, budget).bindings)
      fmt::print(stderr, "part {} on {} devices {}\n", binding.part, state_.node_name(binding.node),
                 binding.devices);
  }

  struct Outcome {
    bool placed = false;
    std::string wrong;  ///< Empty, or what differs.
  };
  Outcome compare() {
    const Demand wanted = draw();
    const auto truth = Exhaustion(state_, wanted).run();
    auto budget = WorkBudget::unlimited();
    const auto before = state_.digest();
    const Decision decision = place(state_, wanted, policy_, budget);
    Outcome out{.placed = decision.placed()};
    if (decision.why.reason == "WorkBudget") {
      out.wrong = "a small world is given up";
    } else if (decision.placed() != truth.fits) {
      out.wrong =
          truth.fits ? "what fits is refused: " + decision.why.message : "what does not fit is placed";
    } else if (!decision.placed()) {
      if (state_.digest() != before) out.wrong = "a refusal changed the state";
    } else {
      out.wrong = check(wanted, decision, truth);
    }
    return out;
  }

 private:
  template <class T>
  const T& one_of(const std::vector<T>& choices) {
    return choices[random_.below(choices.size())];
  }
  bool one_in(uint64_t n) { return random_.below(n) == 0; }

  struct Size {
    int64_t cpu_milli;
    int64_t pods;
    int32_t gpus;
    std::string product;
    bool shareable;
  };
  Size draw_size() {
    return {.cpu_milli = static_cast<int64_t>(1 + random_.below(4)) * 1000,
            .pods = static_cast<int64_t>(2 + random_.below(4)),
            .gpus = static_cast<int32_t>(random_.below(4)),
            .product = one_in(2) ? "H100" : "A100",
            .shareable = one_in(2)};
  }

  void add_node(const std::string& name) {
    NodeSpec node{.name = name};
    node.labels[std::string(kHost)] = name;
    if (!one_in(10)) node.labels[std::string(kZone)] = "z" + std::to_string(random_.below(2));
    if (!one_in(8)) node.labels[std::string(kRack)] = "r" + std::to_string(random_.below(3));
    if (one_in(2)) node.labels["disk"] = "fast";
    const Size size = alike_ ? size_ : draw_size();
    node.allocatable = {.cpu_milli = size.cpu_milli, .memory_bytes = int64_t{64} << 30, .pods = size.pods};
    if (size.gpus > 0) {
      node.accelerators.push_back({.resource = "nvidia.com/gpu",
                                   .product = size.product,
                                   .count = size.gpus,
                                   .shareable = size.shareable || sharing_});
    }
    if (!state_.upsert_node(std::move(node))) std::abort();
  }

  void run_pod(int number) {
    const ClassId pod = draw_class();
    std::vector<NodeIndex> nodes;
    for (const NodeIndex node : state_.nodes_in_order()) {
      if (!fits_on(state_, pod, node)) nodes.push_back(node);
    }
    if (nodes.empty()) return;
    RunningPod running{.uid = "u" + std::to_string(number), .pod_class = pod, .node = one_of(nodes)};
    if (one_in(2)) {
      running.group = "ns/g" + std::to_string(random_.below(3));
      running.spread_key = "ns/deployment";
    }
    assign_on(state_, std::move(running), policy_);
  }

  ClassId draw_class() {
    PodClass pod;
    pod.labels = {{"app", std::to_string(random_.below(3))}};
    pod.requests.cpu_milli = static_cast<int64_t>(random_.below(4)) * 500;
    const auto devices = sharing_ ? 1 : static_cast<int32_t>(random_.below(3));
    if (sharing_) pod.requests.cpu_milli /= 4;
    if (devices > 0) pod.device = {.resource = "nvidia.com/gpu", .count = devices};
    if (devices == 1 && (sharing_ || one_in(2)))
      pod.device.milli = one_of<int32_t>({250, 280, 360, 400, 440, 500, 600});
    if (devices > 0 && one_in(4)) pod.device.products = {one_in(2) ? "H100" : "A100"};
    if (one_in(6)) pod.node_selector = {{"disk", "fast"}};
    if (one_in(8)) pod.host_ports = {{.ip = "", .protocol = "TCP", .port = 80}};
    const std::string key(one_of<std::string_view>({kZone, kRack, kHost}));
    const LabelSelector selector{.match_labels = {{"app", std::to_string(random_.below(3))}}};
    if (one_in(6)) pod.required_anti_affinity.push_back({.label_selector = selector, .topology_key = key});
    if (one_in(8)) pod.required_affinity.push_back({.label_selector = selector, .topology_key = key});
    if (one_in(8)) {
      pod.spread_constraints.push_back({.max_skew = static_cast<int32_t>(1 + random_.below(2)),
                                        .topology_key = key,
                                        .label_selector = selector});
    }
    const auto id = state_.intern(pod);
    if (!id) std::abort();
    return *id;
  }

  TopologyRequest draw_topology() {
    if (one_in(2)) return {};
    return {one_in(2) ? TopologyRequest::Mode::kRequired : TopologyRequest::Mode::kPreferred,
            one_in(2) ? "rack" : "zone"};
  }

  Demand draw() {
    Demand out{.name = "ns/gang"};
    auto pods = static_cast<int32_t>(1 + random_.below(5));
    while (pods > 0) {
      const auto count = static_cast<int32_t>(1 + random_.below(static_cast<uint64_t>(pods)));
      out.parts.push_back({.pod_class = draw_class(), .count = count});
      pods -= count;
    }
    out.topology = draw_topology();
    if (one_in(5)) {
      out.spread = {one_in(2) ? "rack" : "zone", static_cast<int32_t>(1 + random_.below(2))};
      out.spread_key = "ns/deployment";
    }
    if (one_in(4)) {
      const auto groups = 1 + random_.below(3);
      for (uint64_t i = 0; i < groups; ++i)
        out.subgroups.push_back({draw_topology()});
      for (auto& part : out.parts)
        part.subgroup = static_cast<int32_t>(random_.below(groups));
    }
    return out;
  }

  std::string check(const Demand& wanted, const Decision& decision, const Exhaustion::Answer& truth) {
    if (decision.bindings.size() != static_cast<size_t>(wanted.pod_count())) return "a partial gang";
    for (const NodeIndex node : state_.nodes_in_order()) {
      const auto& row = state_.node(node);
      const bool devices = std::ranges::all_of(row.device_free, [](int16_t free) { return free >= 0; });
      if (row.free_cpu_milli < 0 || row.free_pods < 0 || !devices) return "a node is oversubscribed";
    }
    // With sub-groups, and where spread wants one domain, levels compete: the count is promised for gangs
    // without.
    if (!truth.fewest || !wanted.subgroups.empty() || !wanted.spread.level.empty()) return "";
    std::vector<NodeIndex> nodes;
    for (const auto& binding : decision.bindings)
      nodes.push_back(binding.node);
    const uint32_t level = *state_.level_index(wanted.topology.level);
    const auto counts = Exhaustion::count_domains(state_, nodes, level);
    if (counts == *truth.fewest) return "";
    return fmt::format("{} domains of level {} instead of {}", counts.back(), wanted.topology.level,
                       truth.fewest->back());
  }

  Random random_;
  ClusterState state_;
  Policy policy_;
  bool alike_ = false;    ///< Nodes differ in labels alone.
  bool sharing_ = false;  ///< Every pod shares a device.
  Size size_;
};

int run(int64_t worlds, uint64_t seed) {
  const auto start = std::chrono::steady_clock::now();
  int64_t placed = 0;
  for (int64_t i = 0; i < worlds; ++i, ++seed) {
    const auto outcome = World(seed).compare();
    placed += outcome.placed ? 1 : 0;
    if (outcome.wrong.empty()) continue;
    World(seed).describe();
    fmt::print("{{\"worlds\":{},\"differences\":1,\"seed\":{},\"what\":\"{}\"}}\n", i + 1, seed,
               outcome.wrong);
    return 1;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  fmt::print("{{\"worlds\":{},\"placed\":{},\"differences\":0,\"seconds\":{:.1f}}}\n", worlds, placed,
             took.count());
  return 0;
}

}  // namespace
}  // namespace stowage::engine

int main(int argc, char** argv) {
  CLI::App app{"The engine against trying everything, on small random worlds; ends at the first difference"};
  int64_t worlds = 10'000;
  uint64_t seed = 1;
  app.add_option("--worlds", worlds, "Worlds in all")->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  app.add_option("--seed", seed, "First world");
  CLI11_PARSE(app, argc, argv);
  return stowage::engine::run(worlds, seed);
}
