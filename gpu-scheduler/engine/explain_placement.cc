#include <algorithm>
#include <map>

#include "gpu-scheduler/engine/fit.h"
#include "gpu-scheduler/engine/nearness.h"
#include "gpu-scheduler/engine/node_terms.h"
#include "gpu-scheduler/engine/place.h"
#include "gpu-scheduler/engine/transaction.h"

namespace stowage::engine {

/// Taken apart on the state as it was before the pod came: the same functions that chose the node.
std::vector<ScoreTerm> explain_placement(ClusterState& state, const Demand& demand, const Decision& decision,
                                         const Policy& policy) {
  std::vector<ScoreTerm> out;
  const auto last = std::ranges::max_element(decision.bindings, {}, &Binding::pod);
  if (last == decision.bindings.end()) return out;
  Nearness nearness;
  for (const auto& binding : decision.bindings) {
    if (&binding != &*last) nearness.add(state, binding.node);
  }
  Transaction transaction(state);
  state.remove_pod(last->pod);
  const ClassId id = demand.parts[last->part].pod_class;
  const auto& pod = state.compiled(id);
  const auto& row = state.node(last->node);
  const auto* pool = pool_for(row, pod);
  auto& caches = state.caches();
  const auto& scale = caches.scale(state);
  auto term = [&](std::string name, int64_t value) {
    if (value / kPoint != 0) out.push_back({std::move(name), value / kPoint});
  };
  const bool by_model = policy.strategy == Strategy::kFgd || policy.strategy == Strategy::kPackability;
  term(std::string(to_string(policy.strategy)),
       evaluate_on(state, id, last->node, policy).score * (by_model ? policy.fragmentation : 100));
  if (policy.packing > 0) term("packing", policy.packing * score_best_fit(row, pool, pod, scale).score);
  if (policy.spread > 0) term("spread", policy.spread * score_spread(row, pool, pod, scale).score);
  const auto terms = node_terms(row, pod, policy, scale);
  term("cost", terms.cost);
  term("weightsLocality", terms.weights_locality);
  term("tier", terms.tier);
  term("product", terms.product);
  term("nodeAffinity", terms.node_affinity);
  term("preferNoSchedule", terms.taints);
  term("topology", nearness.points(state, last->node) * policy.topology);
  const auto& cache = caches.get(state, id, policy, false);
  if (policy.strategy == Strategy::kPackability) term("standing", -cache.entries[last->node].standing_price);
  term("scarcity", -caches.group_price(state, policy, cache.group_of(last->node), pod));
  return out;
}

}  // namespace stowage::engine
