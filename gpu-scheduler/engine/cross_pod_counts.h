#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "gpu-scheduler/engine/cross_pod_rules.h"
#include "gpu-scheduler/engine/types.h"

namespace stowage::engine {

/// The value of one topology key on each node, as small numbers; -1 where the node lacks the label.
struct TopologyColumn {
  std::string key;
  std::vector<int32_t> value;  ///< By node index; shorter than the node limit means -1.
  std::map<std::string, int32_t, std::less<>> ids;

  [[nodiscard]] int32_t at(NodeIndex node) const { return node < value.size() ? value[node] : -1; }
  void set(NodeIndex node, const Labels* labels);
};

/// Running pods per value of a topology key.
struct DomainCounts {
  std::vector<int32_t> by_value;

  [[nodiscard]] int32_t at(int32_t value) const {
    const auto index = static_cast<size_t>(value);
    return value >= 0 && index < by_value.size() ? by_value[index] : 0;
  }
  void add(int32_t value, int32_t delta);
};

/// Running pods that match all selectors of a set of affinity terms, per domain of each term's key.
struct MatchGroup {
  std::vector<uint32_t> selectors;
  std::vector<uint32_t> columns;     ///< Without repetitions.
  std::vector<DomainCounts> counts;  ///< One per column.
  int64_t recorded = 0;              ///< Entries in all counts: 0 = no such pod in any domain.
};

/// A term that running pods carry, with the number of carriers per domain.
struct CarriedTerm {
  uint32_t selector = 0;
  uint32_t column = 0;
  bool forbids = false;  ///< Required anti-affinity; the others only score.
  int32_t weight = 0;    ///< Of the score, per carrier.
  DomainCounts counts;
  int64_t carriers = 0;
};

/// Pods per eligible domain of one spread rule, with the least of them at hand.
class SpreadCounter {
 public:
  void add_node(int32_t value);
  void remove_node(int32_t value);
  void add_pods(int32_t value, int32_t delta);
  /// By value; shorter than the number of values means 0.
  [[nodiscard]] const std::vector<int32_t>& pods() const { return pods_; }
  /// The global minimum as kube-scheduler takes it: 0 while there are fewer domains than `min_domains`.
  [[nodiscard]] int64_t minimum(int32_t min_domains) const {
    if (present_ < min_domains) return 0;
    return present_ == 0 ? std::numeric_limits<int32_t>::max() : least_;
  }

 private:
  void enter(int32_t pods);
  void leave(int32_t pods);

  std::vector<int32_t> nodes_;       ///< By value.
  std::vector<int32_t> pods_;        ///< By value.
  std::vector<int32_t> with_count_;  ///< Number of present domains that hold this many pods.
  int32_t present_ = 0;
  int32_t least_ = 0;
};

/// The spread rules of one class: which nodes count for which rule, and the pods in their domains.
struct SpreadState {
  ClassId owner = kNone;
  std::vector<SpreadRule> rules;
  std::vector<SpreadCounter> counters;  ///< One per rule.
  std::vector<uint32_t> eligible;       ///< By node: bit = rule.
};

}  // namespace stowage::engine
