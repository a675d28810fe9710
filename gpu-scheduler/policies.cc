#include "gpu-scheduler/policies.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "base/duration.h"

namespace stowage::scheduler {
namespace {

/// FNV-1a, to tell configurations apart; not for security.
uint64_t mix(uint64_t hash, std::string_view text) {
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211ULL;
  }
  return (hash ^ 0xff) * 1099511628211ULL;
}

std::string hash_of(const engine::Policy& policy, const PolicyObject* object) {
  uint64_t hash = mix(14695981039346656037ULL, std::to_string(policy.fingerprint()));
  if (object != nullptr) {
    for (const auto& level : object->levels) {
      hash = mix(hash, level.name);
      for (const std::string& label : level.labels)
        hash = mix(hash, label);
    }
  }
  if (object != nullptr) hash = mix(hash, object->gang_timeout);
  return fmt::format("{:016x}", hash);
}

/// Below, provisioners would never be in time; above, it is no limit.
constexpr std::chrono::seconds kLeastGangTimeout{1};
constexpr std::chrono::hours kMostGangTimeout{24};

ActivePolicy activate(const PolicyObject& object) {
  ActivePolicy out;
  if (auto policy = engine::Policy::from_config(object.config)) {
    out.policy = *policy;
  } else {
    out.problem = policy.error().message;
  }
  if (!object.gang_timeout.empty()) {
    const auto timeout = parse_duration(object.gang_timeout);
    if (timeout && *timeout >= kLeastGangTimeout && *timeout <= kMostGangTimeout) {
      out.gang_timeout = *timeout;
    } else {
      out.policy = {};
      out.problem = fmt::format("gang.timeout: must be from 1s to 24h, not \"{}\"", object.gang_timeout);
    }
  }
  if (const auto levels = engine::validate_topology_levels(object.levels); !levels && !object.levels.empty())
    out.problem = levels.error().message;
  out.hash = hash_of(out.policy, &object);
  return out;
}

}  // namespace

Policies::Policies(const std::vector<PolicyRef>& objects) {
  std::vector<const PolicyObject*> sorted;
  sorted.reserve(objects.size());
  for (const PolicyRef& object : objects)
    sorted.push_back(object.get());
  // "default" first: its levels give the order.
  std::ranges::sort(sorted, [](const PolicyObject* a, const PolicyObject* b) {
    return std::pair(a->meta.name != "default", a->meta.name) <
           std::pair(b->meta.name != "default", b->meta.name);
  });
  for (const PolicyObject* object : sorted)
    active_.emplace(object->meta.name, activate(*object));
  if (!active_.contains("default")) {
    ActivePolicy builtin;
    builtin.hash = hash_of(builtin.policy, nullptr);
    active_.emplace("default", std::move(builtin));
  }
  const bool own_levels = !sorted.empty() && sorted.front()->meta.name == "default" &&
                          !sorted.front()->levels.empty() &&
                          engine::validate_topology_levels(sorted.front()->levels);
  levels_ = own_levels ? sorted.front()->levels : engine::default_topology_levels();
  for (const PolicyObject* object : sorted)
    add_levels(*object);
}

// A level that contradicts those of another policy is left out, and costs nobody else theirs.
void Policies::add_levels(const PolicyObject& object) {
  std::string& problem = active_[object.meta.name].problem;
  if (!problem.empty()) return;
  for (const auto& level : object.levels) {
    const auto known = std::ranges::find(levels_, level.name, &engine::TopologyLevel::name);
    if (known != levels_.end() && known->labels == level.labels) continue;
    if (known != levels_.end()) {
      problem = fmt::format(
          "topologyLevels.{}: another policy, or the built-in levels, give it other labels, and levels "
          "are one set for the whole cluster: change SchedulingPolicy \"default\", or use another name",
          level.name);
      continue;
    }
    levels_.push_back(level);
    if (const auto valid = engine::validate_topology_levels(levels_); !valid) {
      levels_.pop_back();
      problem = valid.error().message +
                "; levels are one set for the whole cluster: use that level, or change SchedulingPolicy "
                "\"default\"";
    }
  }
}

const ActivePolicy* Policies::find(std::string_view name) const {
  const auto it = active_.find(name);
  return it == active_.end() ? nullptr : &it->second;
}

}  // namespace stowage::scheduler
