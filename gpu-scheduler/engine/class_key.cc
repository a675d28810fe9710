#include <array>
#include <charconv>
#include <type_traits>

#include "gpu-scheduler/engine/pod_class.h"

namespace stowage::engine {
namespace {

/// Appends values so that no two different sequences give the same text: every string with its length.
class KeyWriter {
 public:
  void add(std::string_view text) {
    add(static_cast<int64_t>(text.size()));
    out_ += text;
  }
  void add(int64_t value) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out_.append(digits.data(), end);
    out_ += ',';
  }
  template <class Enum>
    requires std::is_enum_v<Enum>
  void add(Enum value) {
    add(static_cast<int64_t>(value));
  }
  void add(const Labels& labels) {
    add(static_cast<int64_t>(labels.size()));
    for (const auto& [key, value] : labels) {
      add(key);
      add(value);
    }
  }
  template <class T>
  void add(const std::vector<T>& values) {
    add(static_cast<int64_t>(values.size()));
    for (const auto& value : values)
      add(value);
  }
  template <class T>
  void add(const std::optional<T>& value) {
    add(int64_t{value.has_value()});
    if (value) add(*value);
  }
  void add(const std::string& text) { add(std::string_view(text)); }
  void add(const SelectorRequirement& r) { add(r.key), add(r.op), add(r.values); }
  void add(const NodeSelectorTerm& t) { add(t.match_expressions), add(t.match_fields); }
  void add(const NodeSelector& s) { add(s.terms); }
  void add(const PreferredNodeTerm& t) { add(int64_t{t.weight}), add(t.term); }
  void add(const Toleration& t) { add(t.key), add(t.op), add(t.value), add(t.effect); }
  void add(const PodDisk& d) {
    add(d.kind), add(d.id), add(d.pool), add(d.monitors), add(int64_t{d.read_only});
  }
  void add(const HostPort& p) { add(p.ip), add(p.protocol), add(int64_t{p.port}); }
  void add(const LabelSelector& s) { add(s.match_labels), add(s.match_expressions); }
  void add(const PodAffinityTerm& t) {
    add(t.label_selector), add(t.namespaces), add(t.namespace_selector), add(t.topology_key);
    add(t.match_label_keys), add(t.mismatch_label_keys);
  }
  void add(const WeightedPodAffinityTerm& t) { add(int64_t{t.weight}), add(t.term); }
  void add(const TopologySpreadConstraint& c) {
    add(int64_t{c.max_skew}), add(c.topology_key), add(c.when_unsatisfiable), add(c.label_selector);
    add(int64_t{c.min_domains.value_or(-1)}), add(c.node_affinity_policy), add(c.node_taints_policy);
    add(c.match_label_keys);
  }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

void add_shape(KeyWriter& key, const PodClass& pod) {
  const auto& requests = pod.requests;
  key.add(requests.cpu_milli), key.add(requests.memory_bytes), key.add(requests.ephemeral_bytes);
  key.add(requests.pods), key.add(static_cast<int64_t>(requests.extended.size()));
  for (const auto& [name, amount] : requests.extended)
    key.add(name), key.add(amount);
  key.add(pod.device.resource), key.add(int64_t{pod.device.count}), key.add(int64_t{pod.device.milli});
  key.add(pod.device.products), key.add(pod.device.memory_bytes);
  key.add(pod.model), key.add(pod.tiers), key.add(pod.residency.regions), key.add(pod.residency.zones);
  key.add(pod.node_selector), key.add(pod.required_node_affinity), key.add(pod.preferred_node_affinity);
  key.add(pod.tolerations), key.add(pod.host_ports), key.add(pod.volume_node_affinity);
  key.add(pod.disks), key.add(pod.node_features);
}

}  // namespace

std::string shape_key(const PodClass& pod) {
  KeyWriter key;
  add_shape(key, pod);
  return key.take();
}

std::string class_key(const PodClass& pod) {
  KeyWriter key;
  add_shape(key, pod);
  key.add(pod.name_space), key.add(pod.labels);
  key.add(pod.required_affinity), key.add(pod.required_anti_affinity);
  key.add(pod.preferred_affinity), key.add(pod.preferred_anti_affinity), key.add(pod.spread_constraints);
  return key.take();
}

}  // namespace stowage::engine
