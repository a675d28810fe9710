#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpu-scheduler/engine/area.h"
#include "gpu-scheduler/engine/cluster_state.h"

namespace stowage::engine {

/// Which nodes are alike for the classes of a gang: no filter, amount, area or rule between pods tells them
/// apart, so that an arrangement stays one when two of them are exchanged.
class GangSymmetry {
 public:
  struct Kind {
    std::vector<NodeIndex> nodes;  ///< In the order of ties.
    std::vector<bool> may;         ///< By class: the filters of the node's object let it in.
  };
  /// `classes` without repetitions. O(nodes x (classes + labels that rules name)).
  GangSymmetry(ClusterState& state, std::vector<ClassId> classes,
               std::span<const std::vector<Area>> areas_of_groups);

  [[nodiscard]] const std::vector<Kind>& kinds() const { return kinds_; }
  [[nodiscard]] uint32_t kind_of(NodeIndex node) const { return kind_of_[node]; }
  /// Every node of a kind is in the area, or none is.
  [[nodiscard]] const std::vector<uint32_t>& kinds_in(uint32_t group, uint32_t area) const {
    return in_area_[group][area];
  }
  [[nodiscard]] bool in(uint32_t kind, uint32_t group, uint32_t area) const;
  [[nodiscard]] uint32_t index_of(ClassId pod_class) const;
  /// True when rules between pods concern the class.
  [[nodiscard]] bool crossed(uint32_t class_index) const { return crossed_[class_index]; }
  /// The label by which pods of the class keep each other away; null when they do not.
  [[nodiscard]] const std::string* apart_by(uint32_t class_index) const {
    return apart_by_[class_index] ? &*apart_by_[class_index] : nullptr;
  }
  /// The node's value of a label that rules name; null without. `alone`: no other node has the value.
  [[nodiscard]] const std::string* value_of(NodeIndex node, const std::string& key, bool& alone) const;

 private:
  void find_rules(ClusterState& state);
  [[nodiscard]] std::string describe(ClusterState& state, NodeIndex node) const;

  const ClusterState& state_;
  std::vector<ClassId> classes_;
  std::vector<bool> crossed_;
  std::vector<std::optional<std::string>> apart_by_;
  bool looks_at_pods_ = false;
  std::map<std::string, std::map<std::string, int32_t>, std::less<>> values_;  ///< Nodes by label and value.
  std::vector<Kind> kinds_;
  std::vector<uint32_t> kind_of_;
  std::vector<std::vector<std::vector<uint32_t>>> in_area_;
};

}  // namespace stowage::engine
