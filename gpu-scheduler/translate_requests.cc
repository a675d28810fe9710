#include <algorithm>
#include <limits>

#include "gpu-scheduler/translate.h"

/// component-helpers' PodRequests. Sums are exact and rounded once, at their end: two containers of "500m" of
/// memory ask for one byte, not two.
namespace stowage::scheduler {
namespace {

using Nano = __int128;
/// Resource name -> billionths of a unit.
using Amounts = std::map<std::string_view, Nano>;
/// Which list of a container counts; null = none.
using Choose = const api::ResourceList* (*)(const api::Container&, const api::ContainerStatus*,
                                            bool infeasible);

constexpr Nano kPerUnit = 1'000'000'000;
constexpr Nano kPerMilli = 1'000'000;

Nano scale_of(std::string_view name) {
  return name == "cpu" ? kPerMilli : kPerUnit;
}

Amounts exact(const api::ResourceList& list) {
  Amounts out;
  for (const auto& [name, amount] : list)
    out[name] = Nano{std::max<int64_t>(amount, 0)} * scale_of(name);
  for (const auto& [name, nano] : list.excess)
    out[name] -= nano;
  return out;
}

void add(Amounts& to, const Amounts& amounts) {
  for (const auto& [name, amount] : amounts)
    to[name] += amount;
}

void raise(Amounts& to, const Amounts& amounts) {
  for (const auto& [name, amount] : amounts)
    to[name] = std::max(to[name], amount);
}

const api::ContainerStatus* status_of(const api::PodStatus& status, const std::string& container) {
  for (const auto* list : {&status.containers, &status.init_containers}) {
    const auto it = std::ranges::find(*list, container, &api::ContainerStatus::name);
    if (it != list->end()) return &*it;
  }
  return nullptr;
}

const api::ResourceList* specified(const api::Container& container, const api::ContainerStatus*, bool) {
  return &container.requests;
}

const api::ResourceList* allocated(const api::Container& container, const api::ContainerStatus* status,
                                   bool infeasible) {
  if (status != nullptr && status->allocated) return &*status->allocated;
  return infeasible ? nullptr : &container.requests;
}

const api::ResourceList* in_force(const api::Container& container, const api::ContainerStatus* status,
                                  bool infeasible) {
  if (status != nullptr && status->requests) return &*status->requests;
  return allocated(container, status, infeasible);
}

/// An init container runs beside the sidecars that were started before it.
Amounts of_containers(const api::PodSpec& spec, const api::PodStatus* status, bool infeasible,
                      Choose choose) {
  const auto amounts = [&](const api::Container& container) {
    const auto* list =
        choose(container, status == nullptr ? nullptr : status_of(*status, container.name), infeasible);
    return list == nullptr ? Amounts() : exact(*list);
  };
  Amounts sum;
  for (const auto& container : spec.containers)
    add(sum, amounts(container));
  Amounts sidecars;
  Amounts peak;
  for (const auto& container : spec.init_containers) {
    Amounts during = amounts(container);
    if (container.restart_always) {
      add(sum, during);
      add(sidecars, during);
      during = sidecars;
    } else {
      add(during, sidecars);
    }
    raise(peak, during);
  }
  raise(sum, peak);
  return sum;
}

/// Pod-level requests are possible for these alone; they replace what the containers ask.
bool is_pod_level(std::string_view resource) {
  return resource == "cpu" || resource == "memory" || resource.starts_with("hugepages-");
}

void replace_pod_level(Amounts& total, const Amounts& pod_level) {
  for (const auto& [name, amount] : pod_level) {
    if (is_pod_level(name)) total[name] = amount;
  }
}

bool asks_pod_level(const api::PodSpec& spec) {
  return spec.pod_requests &&
         std::ranges::any_of(*spec.pod_requests, [](const auto& item) { return is_pod_level(item.first); });
}

int64_t rounded(std::string_view name, Nano amount) {
  const Nano scale = scale_of(name);
  const Nano up = amount <= 0 ? 0 : (amount + scale - 1) / scale;
  return static_cast<int64_t>(std::min<Nano>(up, std::numeric_limits<int64_t>::max()));
}

engine::Resources to_resources(const Amounts& amounts) {
  engine::Resources out{.pods = 1};
  for (const auto& [name, amount] : amounts) {
    const int64_t value = rounded(name, amount);
    if (name == "cpu") {
      out.cpu_milli = value;
    } else if (name == "memory") {
      out.memory_bytes = value;
    } else if (name == "ephemeral-storage") {
      out.ephemeral_bytes = value;
    } else if (value > 0 && is_counted_by_name(name)) {
      out.extended[std::string(name)] = value;
    }
  }
  return out;
}

/// A pod that is being resized holds the most of what was asked, admitted and is in force; when its resize is
/// infeasible, what was asked does not count.
Amounts of_running(const api::Pod& pod) {
  const api::PodStatus& status = pod.status;
  const api::Condition* pending = pod.condition("PodResizePending");
  const bool infeasible = pending != nullptr && pending->reason == "Infeasible";
  Amounts total;
  if (!infeasible) total = of_containers(pod.spec, &status, infeasible, specified);
  if (status.allocated && status.requests) {
    raise(total, exact(*status.allocated));
    raise(total, exact(*status.requests));
  } else {
    raise(total, of_containers(pod.spec, &status, infeasible, allocated));
    raise(total, of_containers(pod.spec, &status, infeasible, in_force));
  }
  if (asks_pod_level(pod.spec)) {
    const bool asked = !infeasible || !status.reports_resources;
    Amounts pod_level = asked ? exact(*pod.spec.pod_requests) : Amounts();
    if (status.reports_resources) {
      if (status.requests) raise(pod_level, exact(*status.requests));
      if (status.allocated) raise(pod_level, exact(*status.allocated));
    }
    replace_pod_level(total, pod_level);
  }
  return total;
}

bool reports_amounts(const api::PodStatus& status) {
  const auto reports = [](const api::ContainerStatus& one) { return one.allocated || one.requests; };
  return status.allocated || status.requests || status.reports_resources ||
         std::ranges::any_of(status.containers, reports) ||
         std::ranges::any_of(status.init_containers, reports);
}

bool is_name_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
         c == '.';
}

}  // namespace

bool is_counted_by_name(std::string_view resource) {
  if (resource.starts_with("hugepages-") || resource.starts_with("attachable-volumes-")) return true;
  if (resource.find("kubernetes.io/") != std::string_view::npos) return true;
  const size_t slash = resource.find('/');
  if (slash == std::string_view::npos || resource.starts_with("requests.")) return false;
  const std::string_view name = resource.substr(slash + 1);
  return slash > 0 && !name.empty() && name.size() <= 63 && std::ranges::all_of(name, is_name_character);
}

engine::Resources effective_requests(const api::PodSpec& spec) {
  Amounts total = of_containers(spec, nullptr, false, specified);
  if (asks_pod_level(spec)) replace_pod_level(total, exact(*spec.pod_requests));
  add(total, exact(spec.overhead));
  return to_resources(total);
}

engine::Resources effective_requests(const api::Pod& pod) {
  const bool resizing = pod.condition("PodResizePending") != nullptr;
  if (pod.spec.node_name.empty() || (!resizing && !reports_amounts(pod.status)))
    return effective_requests(pod.spec);
  Amounts total = of_running(pod);
  add(total, exact(pod.spec.overhead));
  return to_resources(total);
}

}  // namespace stowage::scheduler
