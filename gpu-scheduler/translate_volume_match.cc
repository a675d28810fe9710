#include <algorithm>
#include <iterator>
#include <set>

#include "gpu-scheduler/engine/selectors.h"
#include "gpu-scheduler/translate_label_syntax.h"
#include "gpu-scheduler/translate_volume_match.h"

namespace stowage::scheduler {
namespace {

constexpr std::string_view kClassAnnotation = "volume.beta.kubernetes.io/storage-class";
constexpr std::string_view kSelectedNode = "volume.kubernetes.io/selected-node";
constexpr std::string_view kNoProvisioner = "kubernetes.io/no-provisioner";

bool is_claimed_by(const api::PersistentVolume& volume, const api::PersistentVolumeClaim& claim) {
  return volume.claim_name == claim.meta.name && volume.claim_ns == claim.meta.ns &&
         (volume.claim_uid.empty() || volume.claim_uid == claim.meta.uid);
}

bool has_all_modes(const api::PersistentVolume& volume, const api::PersistentVolumeClaim& claim) {
  return std::ranges::all_of(claim.access_modes, [&](const std::string& mode) {
    return std::ranges::find(volume.access_modes, mode) != volume.access_modes.end();
  });
}

/// What must hold whether or not the volume was made for the claim.
bool could_hold(const api::PersistentVolume& volume, const api::PersistentVolumeClaim& claim) {
  const bool foreign = !volume.claim_name.empty() && !is_claimed_by(volume, claim);
  return !foreign && volume.storage_bytes >= claim.storage_bytes && volume.volume_mode == claim.volume_mode &&
         volume.attributes_class == claim.attributes_class && !volume.meta.deleted;
}

bool is_free_for(const api::PersistentVolume& volume, const api::PersistentVolumeClaim& claim) {
  return volume.phase == "Available" && class_of(volume) == class_of(claim) && has_all_modes(volume, claim) &&
         (!claim.selector || engine::matches(to_engine(*claim.selector), volume.meta.labels));
}

bool reaches(const std::optional<engine::NodeSelector>& selector, const api::StringMap& labels) {
  return !selector || engine::matches(*selector, labels, "");
}

/// The volume made for the claim decides alone; else the smallest free one. Null = none.
VolumeRef pick(const WaitingClaim& waiting, const api::StringMap& labels,
               const std::set<std::string_view>& taken) {
  VolumeRef smallest;
  for (const VolumeRef& volume : waiting.candidates) {
    if (taken.contains(volume->meta.name) || !could_hold(*volume, *waiting.claim)) continue;
    const bool reachable = reaches(reach_of(*volume), labels);
    if (is_claimed_by(*volume, *waiting.claim)) return reachable ? volume : nullptr;
    if (!reachable || !is_free_for(*volume, *waiting.claim)) continue;
    if (!smallest || volume->storage_bytes < smallest->storage_bytes) smallest = volume;
  }
  return smallest;
}

/// allowedTopologies; no terms = everywhere.
std::optional<engine::NodeSelector> provisioning_nodes(const api::StorageClass& kind) {
  if (!kind.allowed_topologies || kind.allowed_topologies->terms.empty()) return std::nullopt;
  return to_engine(*kind.allowed_topologies);
}

}  // namespace

bool can_provision(const api::StorageClass& kind) {
  return !kind.provisioner.empty() && kind.provisioner != kNoProvisioner;
}

std::string class_of(const api::PersistentVolumeClaim& claim) {
  const auto it = claim.meta.annotations.find(kClassAnnotation);
  return it != claim.meta.annotations.end() ? it->second : claim.storage_class.value_or("");
}

std::string class_of(const api::PersistentVolume& volume) {
  const auto it = volume.meta.annotations.find(kClassAnnotation);
  return it != volume.meta.annotations.end() ? it->second : volume.storage_class;
}

std::vector<VolumeRef> volumes_of_class(const std::map<std::string, VolumeRef, std::less<>>& volumes,
                                        std::string_view name) {
  std::vector<VolumeRef> out;
  for (const auto& [key, volume] : volumes) {
    if (class_of(*volume) == name) out.push_back(volume);
  }
  return out;
}

std::optional<engine::NodeSelector> reach_of(const api::PersistentVolume& volume) {
  if (!volume.node_affinity) return std::nullopt;
  engine::NodeSelector out = to_engine(*volume.node_affinity);
  for (engine::NodeSelectorTerm& term : out.terms) {
    const bool fields_only = term.match_expressions.empty() && !term.match_fields.empty();
    if (fields_only) return std::nullopt;
    term.match_fields.clear();
  }
  return out;
}

std::optional<engine::NodeSelector> nodes_for(const WaitingClaim& waiting) {
  engine::NodeSelector out;
  const auto selected = waiting.claim->meta.annotations.find(kSelectedNode);
  const bool is_selected = selected != waiting.claim->meta.annotations.end();
  const auto made_for = std::ranges::find_if(waiting.candidates, [&](const VolumeRef& volume) {
    return could_hold(*volume, *waiting.claim) && is_claimed_by(*volume, *waiting.claim);
  });
  for (const VolumeRef& volume : waiting.candidates) {
    if (is_selected || !could_hold(*volume, *waiting.claim)) continue;
    if (made_for != waiting.candidates.end() ? volume != *made_for : !is_free_for(*volume, *waiting.claim))
      continue;
    const auto reach = reach_of(*volume);
    if (!reach) return std::nullopt;
    out.terms.insert(out.terms.end(), reach->terms.begin(), reach->terms.end());
  }
  const bool provision = can_provision(*waiting.storage_class);
  if (provision) {
    const auto nodes = provisioning_nodes(*waiting.storage_class);
    if (!nodes && !is_selected) return std::nullopt;
    if (nodes) {
      // An empty term matches nothing, and must not begin to when the selected node is added to it.
      std::ranges::copy_if(
          nodes->terms, std::back_inserter(out.terms),
          [](const engine::NodeSelectorTerm& term) { return !term.match_expressions.empty(); });
    } else {
      out.terms.emplace_back();
    }
  }
  if (!is_selected) return out;
  for (engine::NodeSelectorTerm& term : out.terms) {
    term.match_fields = {
        {.key = "metadata.name", .op = engine::SelectorOperator::kIn, .values = {selected->second}}};
  }
  return out;
}

bool serves(const std::vector<WaitingClaim>& claims, const std::string& node, const api::StringMap& labels) {
  std::vector<const WaitingClaim*> to_match;
  std::vector<const WaitingClaim*> to_provision;
  for (const WaitingClaim& waiting : claims) {
    const auto selected = waiting.claim->meta.annotations.find(kSelectedNode);
    if (selected == waiting.claim->meta.annotations.end()) {
      to_match.push_back(&waiting);
    } else if (selected->second == node) {
      to_provision.push_back(&waiting);
    } else {
      return false;
    }
  }
  std::ranges::stable_sort(to_match, {},
                           [](const WaitingClaim* waiting) { return waiting->claim->storage_bytes; });
  std::set<std::string_view> taken;
  for (const WaitingClaim* waiting : to_match) {
    if (const VolumeRef volume = pick(*waiting, labels, taken)) {
      taken.insert(volume->meta.name);
    } else {
      to_provision.push_back(waiting);
    }
  }
  return std::ranges::all_of(to_provision, [&](const WaitingClaim* waiting) {
    return can_provision(*waiting->storage_class) &&
           reaches(provisioning_nodes(*waiting->storage_class), labels);
  });
}

}  // namespace stowage::scheduler
