#include "api/core/decode_pod_parts.h"
#include "api/core/decode_selector.h"

namespace stowage::api {

void read(JsonValue value, PodAffinityTerm& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "labelSelector") return read(item, out.selector);
    if (key == "namespaces") return read(item, out.namespaces);
    if (key == "namespaceSelector") return read(item, out.namespace_selector);
    if (key == "topologyKey") return read(item, out.topology_key);
    if (key == "matchLabelKeys") return read(item, out.match_label_keys);
    if (key == "mismatchLabelKeys") return read(item, out.mismatch_label_keys);
  });
}

namespace {

/// The two weighted shapes differ only in the name of the term.
template <class Term>
void read_weighted(JsonValue list, std::string_view term_key, std::vector<Weighted<Term>>& out) {
  list.array([&](JsonValue element) {
    Weighted<Term>& weighted = out.emplace_back();
    element.object([&](std::string_view key, JsonValue item) {
      if (key == "weight") return read(item, weighted.weight);
      if (key == term_key) return read(item, weighted.term);
    });
  });
}

void read_node_affinity(JsonValue value, Affinity& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "requiredDuringSchedulingIgnoredDuringExecution") return read(item, out.node_required);
    if (key == "preferredDuringSchedulingIgnoredDuringExecution")
      return read_weighted(item, "preference", out.node_preferred);
  });
}

void read_pod_terms(JsonValue value, std::vector<PodAffinityTerm>& required,
                    std::vector<Weighted<PodAffinityTerm>>& preferred) {
  value.object([&](std::string_view key, JsonValue item) {
    if (key == "requiredDuringSchedulingIgnoredDuringExecution") return read(item, required);
    if (key == "preferredDuringSchedulingIgnoredDuringExecution")
      return read_weighted(item, "podAffinityTerm", preferred);
  });
}

}  // namespace

void read(JsonValue value, Affinity& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "nodeAffinity") return read_node_affinity(item, out);
    if (key == "podAffinity") return read_pod_terms(item, out.pod_required, out.pod_preferred);
    if (key == "podAntiAffinity") return read_pod_terms(item, out.anti_required, out.anti_preferred);
  });
}

void read(JsonValue value, TopologySpreadConstraint& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "maxSkew") return read(item, out.max_skew);
    if (key == "topologyKey") return read(item, out.topology_key);
    if (key == "whenUnsatisfiable") return read(item, out.when_unsatisfiable);
    if (key == "labelSelector") return read(item, out.selector);
    if (key == "minDomains") return read(item, out.min_domains);
    if (key == "nodeAffinityPolicy") return read(item, out.node_affinity_policy);
    if (key == "nodeTaintsPolicy") return read(item, out.node_taints_policy);
    if (key == "matchLabelKeys") return read(item, out.match_label_keys);
  });
}

}  // namespace stowage::api
