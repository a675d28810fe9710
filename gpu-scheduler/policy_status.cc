#include "gpu-scheduler/policy_status.h"

#include <fmt/core.h>

#include <map>
#include <nlohmann/json.hpp>

namespace stowage::scheduler {

using nlohmann::json;

namespace {

json parse_object(std::string_view text) {
  json out = json::parse(text, nullptr, false);
  return out.is_object() ? out : json::object();
}

/// The condition with the transition time of the one it continues.
json condition(const json& before, std::string_view type, bool holds, std::string_view reason,
               std::string message, int64_t generation, WallTime now) {
  json out{{"type", type},
           {"status", holds ? "True" : "False"},
           {"reason", reason},
           {"message", std::move(message)},
           {"observedGeneration", generation},
           {"lastTransitionTime", format_rfc3339(now)}};
  if (!before.contains("conditions") || !before["conditions"].is_array()) return out;
  for (const json& old : before["conditions"]) {
    if (old.is_object() && old.value("type", "") == type && old.value("status", json()) == out["status"] &&
        old.contains("lastTransitionTime"))
      out["lastTransitionTime"] = old["lastTransitionTime"];
  }
  return out;
}

int64_t number_at(const json& object, const char* part, const char* key) {
  const auto it = object.find(part);
  if (it == object.end() || !it->is_object()) return 0;
  const auto number = it->find(key);
  return number == it->end() || !number->is_number_integer() ? 0 : number->get<int64_t>();
}

struct Devices {
  int64_t total = 0;
  int64_t idle = 0;
};

Devices devices_of(const engine::NodeRow& row) {
  Devices out;
  for (const auto& pool : row.pools) {
    out.total += pool.count;
    for (size_t i = 0; i < pool.count; ++i)
      out.idle += row.device_free[pool.first + i] == engine::kWholeDevice ? 1 : 0;
  }
  return out;
}

std::optional<std::string> unless_same(const json& next, const json& before) {
  if (next == before) return std::nullopt;
  return next.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::vector<LevelRoom> shape_capacity(const engine::ClusterState& state) {
  const auto& levels = state.topology_levels();
  std::vector<LevelRoom> out(levels.size());
  for (size_t i = 0; i < levels.size(); ++i)
    out[i].level = levels[i].name;
  for (const engine::Domain& domain : state.domains()) {
    int64_t idle = 0;
    for (const engine::NodeIndex node : domain.nodes) {
      if (!state.node(node).spec->unschedulable) idle += devices_of(state.node(node)).idle;
    }
    LevelRoom& room = out[domain.level];
    room.one += idle;
    room.two += idle / 2;
    room.four += idle / 4;
    room.eight += idle / 8;
  }
  return out;
}

std::optional<std::string> next_policy_status(const PolicyObject& object, const ActivePolicy& active,
                                              const Cycle::Counts& counts, const std::vector<LevelRoom>& room,
                                              std::string_view base, WallTime now) {
  const json before = parse_object(object.status);
  const json start = parse_object(base);
  const bool accepted = active.problem.empty();
  json capacity = json::array();
  for (const LevelRoom& level : room) {
    capacity.push_back({{"level", level.level},
                        {"one", level.one},
                        {"two", level.two},
                        {"four", level.four},
                        {"eight", level.eight}});
  }
  json next{{"observedGeneration", object.meta.generation},
            {"configHash", active.hash},
            {"decisions",
             {{"placed", number_at(start, "decisions", "placed") + counts.placed},
              {"unschedulable", number_at(start, "decisions", "unschedulable") + counts.unschedulable}}},
            {"shapeCapacity", std::move(capacity)}};
  next["conditions"] = json::array(
      {condition(before, "Accepted", accepted, accepted ? "InForce" : "InvalidPolicy",
                 accepted ? "the policy is in force" : active.problem, object.meta.generation, now)});
  return unless_same(next, before);
}

std::optional<std::string> next_pool_status(const PoolObject& pool, const ClusterCache& cache,
                                            const std::string& overlap, WallTime now) {
  const json before = parse_object(pool.status);
  int64_t nodes = 0;
  Devices devices;
  const engine::ClusterState& state = cache.state();
  for (const auto& [name, uid] : cache.nodes()) {
    const auto index = state.find_node(name);
    if (!index || cache.pools().winner(*state.node(*index).spec) != pool.meta.name) continue;
    ++nodes;
    const Devices own = devices_of(state.node(*index));
    devices.total += own.total;
    devices.idle += own.idle;
  }
  json next{{"observedGeneration", pool.meta.generation},
            {"nodes", nodes},
            {"devices", {{"total", devices.total}, {"free", devices.idle}}}};
  next["conditions"] = json::array({condition(
      before, "Overlap", !overlap.empty(), overlap.empty() ? "NoOverlap" : "SharedNodes",
      overlap.empty()
          ? "no node is selected by another pool"
          : fmt::format("pool {} selects some of the same nodes: the first pool by name wins", overlap),
      pool.meta.generation, now)});
  return unless_same(next, before);
}

}  // namespace stowage::scheduler
