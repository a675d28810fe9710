#include "test/sim/recount.h"

#include <fmt/format.h>

#include "gpu-scheduler/scheduler.h"
#include "gpu-scheduler/translate.h"

namespace stowage::sim {
namespace {

void compare_pods(const scheduler::ClusterCache& cache, const Checker& truth, std::vector<std::string>& out) {
  for (const auto& [uid, pod] : truth.pods()) {
    const scheduler::PodRecord* record = cache.find(uid);
    const bool counts = !pod.terminal() && !pod.spec.node_name.empty();
    if (!counts) {
      if (record != nullptr && pod.terminal()) out.push_back("an ended pod is still held: " + pod.meta.key());
      continue;
    }
    if (record == nullptr) {
      out.push_back("a bound pod is not known: " + pod.meta.key());
    } else if (record->node != pod.spec.node_name || record->phase != scheduler::PodPhase::kBound) {
      out.push_back(fmt::format("pod {} is on {}, the cache says {}", pod.meta.key(), pod.spec.node_name,
                                record->node));
    }
  }
}

void compare_nodes(const scheduler::ClusterCache& cache, const Checker& truth,
                   std::vector<std::string>& out) {
  struct Used {
    int64_t cpu = 0, pods = 0;
  };
  std::map<std::string, Used> used;
  for (const auto& [uid, pod] : truth.pods()) {
    if (pod.terminal() || pod.spec.node_name.empty()) continue;
    used[pod.spec.node_name].cpu += scheduler::effective_requests(pod.spec).cpu_milli;
    used[pod.spec.node_name].pods += 1;
  }
  if (cache.nodes().size() != truth.nodes().size())
    out.push_back(
        fmt::format("{} nodes in the cache, {} on the server", cache.nodes().size(), truth.nodes().size()));
  for (const auto& [name, node] : truth.nodes()) {
    const auto index = cache.state().find_node(name);
    if (!index || cache.node_uid(name) != node.meta.uid) {
      out.push_back("node " + name + " is not known, or is an earlier one");
      continue;
    }
    const auto& row = cache.state().node(*index);
    const auto allocatable = [&](const char* what) {
      const auto it = node.allocatable.find(what);
      return it == node.allocatable.end() ? int64_t{0} : it->second;
    };
    const Used& real = used[name];
    if (row.free_cpu_milli != allocatable("cpu") - real.cpu ||
        row.free_pods != allocatable("pods") - real.pods)
      out.push_back(fmt::format("usage of {} is {} pods, {} mCPU; the table says {}, {}", name, real.pods,
                                real.cpu, allocatable("pods") - row.free_pods,
                                allocatable("cpu") - row.free_cpu_milli));
  }
}

}  // namespace

std::vector<std::string> recount(const sandbox::Role& role, const kube::Component& component,
                                 const Checker& truth) {
  std::vector<std::string> out;
  if (role.name != "scheduler") return out;
  const auto& cache = static_cast<const scheduler::Scheduler&>(component).cache();
  compare_pods(cache, truth, out);
  compare_nodes(cache, truth, out);
  return out;
}

}  // namespace stowage::sim
