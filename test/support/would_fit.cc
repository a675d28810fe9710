#include "test/support/would_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/quantity.h"

namespace stowage::engine::test {
namespace {

/// What stands between `before` and `after`; nullopt when the text has another form.
std::optional<std::string_view> between(std::string_view text, std::string_view before,
                                        std::string_view after) {
  if (text.size() < before.size() + after.size() || !text.starts_with(before) || !text.ends_with(after))
    return std::nullopt;
  return text.substr(before.size(), text.size() - before.size() - after.size());
}

std::vector<std::string_view> split(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> out;
  for (size_t at = text.find(separator); at != std::string_view::npos; at = text.find(separator)) {
    out.push_back(text.substr(0, at));
    text.remove_prefix(at + separator.size());
  }
  out.push_back(text);
  return out;
}

template <class Edit>
bool edit_classes(Granted& world, Edit edit) {
  for (auto& part : world.demand.parts) {
    PodClass pod = world.state.pod_class(part.pod_class);
    edit(pod);
    const auto id = world.state.intern(pod);
    if (!id) return false;
    part.pod_class = *id;
  }
  return true;
}

/// "3 more of nvidia.com/gpu" on a node: as if it had been bought that much larger.
bool add_room(NodeSpec& spec, std::string_view text) {
  const auto words = split(text, " more of ");
  if (words.size() != 2) return false;
  const std::string resource(words[1]);
  const auto amount = resource == "cpu" ? parse_quantity_milli(words[0]) : parse_quantity(words[0]);
  if (!amount || *amount < 1) return false;
  if (resource == "cpu") return spec.allocatable.cpu_milli += *amount, true;
  if (resource == "memory") return spec.allocatable.memory_bytes += *amount, true;
  if (resource == "ephemeral-storage") return spec.allocatable.ephemeral_bytes += *amount, true;
  if (resource == "pods") return spec.allocatable.pods += *amount, true;
  for (auto& pool : spec.accelerators) {
    if (pool.resource != resource) continue;
    pool.count += static_cast<int32_t>(*amount);
    if (!pool.group.empty()) pool.group.resize(static_cast<size_t>(pool.count), pool.group.back());
    if (auto it = spec.allocatable.extended.find(resource); it != spec.allocatable.extended.end())
      it->second += *amount;
    return true;
  }
  spec.allocatable.extended[resource] += *amount;
  return true;
}

bool grant_room(Granted& world, std::string_view amounts, std::string_view node) {
  const auto index = world.state.find_node(node);
  if (!index) return false;
  NodeSpec spec = *world.state.node(*index).spec;
  for (const auto amount : split(amounts, " and ")) {
    if (!add_room(spec, amount)) return false;
  }
  return world.state.upsert_node(std::move(spec)).has_value();
}

bool grant_fewer_pods(Granted& world, std::string_view text) {
  const auto numbers = split(text, " pods instead of ");
  auto& part = world.demand.parts.front();
  if (numbers.size() != 2 || world.demand.parts.size() != 1 || numbers[1] != std::to_string(part.count))
    return false;
  part.members.clear();
  return std::from_chars(numbers[0].begin(), numbers[0].end(), part.count).ec == std::errc();
}

bool grant_one(Granted& world, std::string_view sentence) {
  if (const auto text = between(sentence, "the gang had ", "")) return grant_fewer_pods(world, *text);
  if (const auto level = between(sentence, "topology level ", " were preferred instead of required")) {
    auto& topology = world.demand.topology;
    if (topology.mode != TopologyRequest::Mode::kRequired || topology.level != *level) return false;
    topology.mode = TopologyRequest::Mode::kPreferred;
    return true;
  }
  if (const auto parts = split(sentence, " free on node "); parts.size() == 2)
    return grant_room(world, parts[0], parts[1]);
  const auto says = [&](std::string_view text) { return sentence == text; };
  return edit_classes(world, [&](PodClass& pod) {
    if (says("any accelerator product were permitted")) pod.device.products.clear();
    if (says("devices of any memory were permitted")) pod.device.memory_bytes = 0;
    if (says("every capacity tier were permitted")) pod.tiers.clear();
    if (says("every region and zone were permitted")) pod.residency = {};
    if (says("the node selector and node affinity were dropped"))
      pod.node_selector.clear(), pod.required_node_affinity.clear();
    if (says("every taint were tolerated")) {
      for (const auto effect :
           {TaintEffect::kNoSchedule, TaintEffect::kPreferNoSchedule, TaintEffect::kNoExecute})
        pod.tolerations.push_back({.op = TolerationOperator::kExists, .effect = effect});
    }
    if (says("its rules about other pods were dropped")) {
      pod.required_affinity.clear(), pod.required_anti_affinity.clear();
      std::erase_if(pod.spread_constraints, [](const TopologySpreadConstraint& rule) {
        return rule.when_unsatisfiable == WhenUnsatisfiable::kDoNotSchedule;
      });
    }
    if (says("it asked for no host ports")) pod.host_ports.clear();
    if (says("it mounted no disks by name")) pod.disks.clear();
    if (says("it asked for no CPU")) pod.requests.cpu_milli = 0;
    if (says("it asked for no memory")) pod.requests.memory_bytes = 0;
  });
}

}  // namespace

std::optional<Granted> grant(const ClusterState& state, const Demand& demand, std::string_view sentence) {
  Granted world{state.fork(), demand};
  for (const auto one : split(sentence, ", and ")) {
    const Demand old = world.demand;
    const uint64_t layout = world.state.layout_version();
    if (!grant_one(world, one)) return std::nullopt;
    const auto same_part = [](const DemandPart& a, const DemandPart& b) {
      return a.pod_class == b.pod_class && a.count == b.count;
    };
    // A sentence that changes nothing was not understood.
    if (layout == world.state.layout_version() && old.topology.mode == world.demand.topology.mode &&
        std::ranges::equal(old.parts, world.demand.parts, same_part)) {
      return std::nullopt;
    }
  }
  return world;
}

std::string false_promise(const ClusterState& state, const Demand& demand, const Policy& policy,
                          const Explanation& why) {
  for (const auto& sentence : why.would_fit_if) {
    auto world = grant(state, demand, sentence);
    if (!world) return fmt::format("not understood: would fit if {}", sentence);
    auto budget = WorkBudget::unlimited();
    if (!place(world->state, world->demand, policy, budget).placed())
      return fmt::format("not true: would fit if {}", sentence);
  }
  return "";
}

}  // namespace stowage::engine::test
