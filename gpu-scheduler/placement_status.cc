#include "gpu-scheduler/placement_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

namespace stowage::scheduler {

using nlohmann::json;

namespace {

// Bounds of the schema.
constexpr size_t kMostEntries = 50;
constexpr size_t kMostRejections = 16;
constexpr size_t kMostHints = 8;
constexpr size_t kMostNodes = 256;
constexpr size_t kMostText = 1024;

std::string cut(std::string text) {
  if (text.size() > kMostText) text.resize(kMostText - 3), text += "...";
  return text;
}

int64_t replica_of(const api::Pod& pod) {
  const std::string& text = pod.meta.label(label::kReplica);
  int64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

std::string describe_wants(const std::vector<const PodRecord*>& members) {
  const api::Pod& pod = *members.front()->pod;
  const auto terms = read_terms(pod);
  const engine::Resources requests = effective_requests(pod.spec);
  std::string what = "a node with room";
  for (const auto& [resource, amount] : requests.extended) {
    if (!is_accelerator(resource)) continue;
    const bool product = terms && !terms->wishes.products.empty();
    what =
        fmt::format("{}x{} {}", members.size(), amount, product ? terms->wishes.products.front() : resource);
    break;
  }
  if (terms && terms->topology.mode == engine::TopologyRequest::Mode::kRequired)
    what += " in one " + terms->topology.level;
  return what;
}

/// The tightest thing people asked about: the domain at the gang's level that all its nodes share.
std::string shared_domain(const ClusterCache& cache, const PodTerms& terms,
                          const std::vector<std::string>& nodes) {
  const auto level = cache.state().level_index(terms.topology.level);
  if (!level) return {};
  engine::DomainId shared = engine::kNone;
  for (const std::string& name : nodes) {
    const auto node = cache.state().find_node(name);
    if (!node) return {};
    const engine::DomainId domain = cache.state().domain_of(*node, *level);
    if (domain == engine::kNone || (shared != engine::kNone && shared != domain)) return {};
    shared = domain;
  }
  return shared == engine::kNone ? std::string{} : cache.state().domains()[shared].name;
}

void fill_placed(const ClusterCache& cache, const std::vector<const PodRecord*>& members,
                 ReplicaPlacement& out) {
  out.placed = true;
  for (const PodRecord* record : members) {
    out.nodes.push_back(record->node);
    for (const auto& [resource, amount] : effective_requests(record->pod->spec).extended) {
      if (is_accelerator(resource)) out.devices += amount;
    }
  }
  if (const auto terms = read_terms(*members.front()->pod))
    out.domain = shared_domain(cache, *terms, out.nodes);
  if (const auto node = cache.state().find_node(out.nodes.front()))
    out.tier = engine::to_string(cache.state().node(*node).spec->tier);
}

json to_pending(const ReplicaPlacement& replica, const std::map<int64_t, json>& before) {
  const Pending& pending = *replica.pending;
  json out{{"replica", replica.replica},
           {"reason", pending.reason},
           {"message", cut(pending.message)},
           {"since", format_rfc3339(pending.since)}};
  // A successor finds the same reason later: the wait began when the first of them found it.
  const auto old = before.find(replica.replica);
  if (old != before.end() && old->second.value("reason", json()) == pending.reason &&
      old->second.contains("since"))
    out["since"] = old->second["since"];
  const engine::Explanation& why = pending.why;
  if (why.evaluated > 0) out["candidates"] = {{"evaluated", why.evaluated}, {"feasible", why.feasible}};
  json rejections = json::array();
  for (const auto& count : why.counts) {
    if (rejections.size() == kMostRejections) break;
    rejections.push_back({{"reason", count.text}, {"nodes", count.nodes}, {"example", count.example}});
  }
  if (!rejections.empty()) out["rejections"] = std::move(rejections);
  json hints = json::array();
  for (const std::string& hint : why.would_fit_if) {
    if (hints.size() < kMostHints) hints.push_back(hint);
  }
  if (!hints.empty()) out["wouldFitIf"] = std::move(hints);
  return out;
}

json to_placement(const ReplicaPlacement& replica, const std::map<int64_t, json>& before) {
  json nodes = json::array();
  for (const std::string& node : replica.nodes) {
    if (nodes.size() < kMostNodes) nodes.push_back(node);
  }
  json out{{"replica", replica.replica}, {"nodes", nodes}, {"devices", replica.devices}};
  if (!replica.domain.empty()) out["domain"] = replica.domain;
  if (!replica.tier.empty()) out["tier"] = replica.tier;
  if (replica.score != 0) out["score"] = replica.score;
  // Known to the leader that placed it alone; a successor keeps what it finds.
  const auto old = before.find(replica.replica);
  if (replica.score == 0 && old != before.end() && old->second.contains("score") &&
      old->second.value("nodes", json()) == nodes)
    out["score"] = old->second["score"];
  return out;
}

std::string summarise(const std::vector<ReplicaPlacement>& replicas) {
  const auto placed = std::ranges::count_if(replicas, &ReplicaPlacement::placed);
  std::string out = fmt::format("{}/{} replicas placed", placed, replicas.size());
  const auto waiting = std::ranges::find_if(replicas, [](const auto& r) { return r.pending != nullptr; });
  if (waiting == replicas.end()) return out;
  const auto count = std::ranges::count_if(replicas, [](const auto& r) { return r.pending != nullptr; });
  if (waiting->pending->why.evaluated == 0)
    return cut(
        fmt::format("{}: {} {}: {}", out, count, count == 1 ? "waits" : "wait", waiting->pending->message));
  return cut(fmt::format("{}: {} {} for {}", out, count, count == 1 ? "waits" : "wait", waiting->wants));
}

/// The entries of one list by replica.
std::map<int64_t, json> entries_of(std::string_view live, const char* list) {
  std::map<int64_t, json> out;
  const json value = json::parse(live, nullptr, false);
  if (!value.is_object() || !value.contains(list) || !value[list].is_array()) return out;
  for (const json& entry : value[list]) {
    if (entry.is_object() && entry.value("replica", json()).is_number_integer())
      out[entry["replica"].get<int64_t>()] = entry;
  }
  return out;
}

}  // namespace

std::vector<ReplicaPlacement> read_replicas(const ClusterCache& cache, const Cycle& cycle,
                                            std::string_view owner) {
  std::vector<ReplicaPlacement> out;
  for (const std::string& unit : cache.units_of(owner)) {
    std::vector<const PodRecord*> members;
    for (const std::string_view uid : *cache.members(unit)) {
      const PodRecord* record = cache.find(uid);
      if (record != nullptr && !record->pod->terminating()) members.push_back(record);
    }
    if (members.empty()) continue;
    std::ranges::sort(members, {}, [](const PodRecord* record) { return rank_of(*record->pod); });
    ReplicaPlacement replica{.replica = replica_of(*members.front()->pod)};
    replica.wants = describe_wants(members);
    replica.pending = cycle.pending(unit);
    const bool bound =
        std::ranges::all_of(members, [](const auto* r) { return r->phase == PodPhase::kBound; });
    if (bound) {
      replica.pending = nullptr;
      fill_placed(cache, members, replica);
      if (const Placed* placed = cycle.placed(unit)) {
        replica.score = placed->score;
        if (!placed->domain.empty()) replica.domain = placed->domain;
      }
    }
    if (replica.pending != nullptr && replica.pending->quiet) replica.pending = nullptr;
    out.push_back(std::move(replica));
  }
  std::ranges::sort(out, [](const auto& a, const auto& b) {
    return std::pair(a.replica, a.placed) < std::pair(b.replica, b.placed);
  });
  return out;
}

PlacementStatus build_placement(int64_t generation, const std::vector<ReplicaPlacement>& replicas,
                                std::string_view live) {
  const std::map<int64_t, json> placed_before = entries_of(live, "placements");
  const std::map<int64_t, json> pending_before = entries_of(live, "pending");
  json pending = json::array();
  json placements = json::array();
  PlacementStatus out;
  out.signature = fmt::format("{};", generation);
  for (const ReplicaPlacement& replica : replicas) {
    if (replica.placed) {
      out.signature += fmt::format("{}={};", replica.replica, fmt::join(replica.nodes, ","));
      if (placements.size() < kMostEntries) placements.push_back(to_placement(replica, placed_before));
    } else if (replica.pending != nullptr) {
      out.signature += fmt::format("{}:{};", replica.replica, replica.pending->reason);
      if (pending.size() < kMostEntries) pending.push_back(to_pending(replica, pending_before));
    } else {
      out.signature += fmt::format("{}?;", replica.replica);
    }
  }
  json value{{"observedGeneration", generation}, {"summary", summarise(replicas)}};
  if (!pending.empty()) value["pending"] = std::move(pending);
  if (!placements.empty()) value["placements"] = std::move(placements);
  out.json = value.dump(-1, ' ', false, json::error_handler_t::replace);
  return out;
}

size_t json_hash(std::string_view text) {
  const json value = json::parse(text, nullptr, false);
  if (value.is_discarded()) return std::hash<std::string_view>()(text);
  return std::hash<std::string>()(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace stowage::scheduler
