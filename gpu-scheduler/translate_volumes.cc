#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "gpu-scheduler/translate_volume_match.h"

namespace stowage::scheduler {
namespace {

constexpr std::string_view kBindCompleted = "pv.kubernetes.io/bind-completed";
/// Each with the label that nodes carry today.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kZoneLabels{{
    {"failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"},
    {"failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"},
    {"topology.kubernetes.io/zone", "topology.kubernetes.io/zone"},
    {"topology.kubernetes.io/region", "topology.kubernetes.io/region"},
}};

std::unexpected<Error> cannot(std::string sentence) {
  return fail(Code::kUnsupported, std::move(sentence));
}

engine::SelectorRequirement present_in(std::string_view key, const std::vector<std::string>& values) {
  return {.key = std::string(key), .op = engine::SelectorOperator::kIn, .values = values};
}

engine::SelectorRequirement absent(std::string_view key) {
  return {.key = std::string(key), .op = engine::SelectorOperator::kDoesNotExist};
}

/// "a__b" -> a, b. Nothing when a part is empty: kube-scheduler then ignores the label.
std::vector<std::string> zones_in(std::string_view text) {
  constexpr std::string_view kDelimiter = "__";
  std::vector<std::string> out;
  for (;;) {
    const size_t end = text.find(kDelimiter);
    std::string_view part = text.substr(0, end);
    while (part.starts_with(' '))
      part.remove_prefix(1);
    while (part.ends_with(' '))
      part.remove_suffix(1);
    if (part.empty()) return {};
    out.emplace_back(part);
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + kDelimiter.size());
  }
}

/// kube-scheduler's VolumeZone: a node with any zone or region label must agree with the volume's; a cluster
/// of one zone may have no such labels at all.
void add_zones(const api::PersistentVolume& volume, VolumeNeeds& out) {
  for (const auto& [key, current] : kZoneLabels) {
    const auto label = volume.meta.labels.find(key);
    if (label == volume.meta.labels.end()) continue;
    const std::vector<std::string> zones = zones_in(label->second);
    if (zones.empty()) continue;
    engine::NodeSelector selector;
    selector.terms.push_back({.match_expressions = {present_in(key, zones)}});
    if (key != current)
      selector.terms.push_back({.match_expressions = {absent(key), present_in(current, zones)}});
    engine::NodeSelectorTerm unlabelled;
    for (const auto& zone : kZoneLabels)
      unlabelled.match_expressions.push_back(absent(zone.first));
    selector.terms.push_back(std::move(unlabelled));
    out.node_affinity.push_back(std::move(selector));
  }
}

bool controls(const api::Pod& pod, const api::PersistentVolumeClaim& claim) {
  const api::OwnerReference* owner = claim.meta.controller();
  return owner != nullptr && owner->uid == pod.meta.uid;
}

/// The claim of a volume, once it is certain that it may be used.
Result<ClaimRef> usable_claim(const api::Pod& pod, const api::PodVolume& volume,
                              const StorageLookup& storage) {
  const std::string key = pod.meta.ns + "/" + volume.claim;
  ClaimRef claim = storage.claim ? storage.claim(key) : nullptr;
  if (!claim && volume.ephemeral)
    return cannot(fmt::format(
        "waiting for ephemeral volume controller to create the persistentvolumeclaim \"{}\"", volume.claim));
  if (!claim) return cannot(fmt::format("persistentvolumeclaim \"{}\" not found", volume.claim));
  if (claim->phase == "Lost")
    return cannot(fmt::format("persistentvolumeclaim \"{}\" bound to non-existent persistentvolume \"{}\"",
                              volume.claim, claim->volume_name));
  if (claim->meta.deleted)
    return cannot(fmt::format("persistentvolumeclaim \"{}\" is being deleted", volume.claim));
  if (volume.ephemeral && !controls(pod, *claim))
    return cannot(fmt::format("PVC {} was not created for pod {} (pod is not owner)", key, pod.meta.key()));
  const bool alone = !volume.ephemeral &&
                     std::ranges::find(claim->access_modes, "ReadWriteOncePod") != claim->access_modes.end();
  if (alone && storage.claim_in_use && storage.claim_in_use(key))
    return cannot(
        "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use "
        "by another pod");
  return claim;
}

Result<void> add_bound(const api::PersistentVolumeClaim& claim, bool ephemeral, const StorageLookup& storage,
                       VolumeNeeds& out) {
  const VolumeRef volume = storage.volume ? storage.volume(claim.volume_name) : nullptr;
  if (!volume) return cannot(fmt::format("persistentvolume \"{}\" not found", claim.volume_name));
  if (auto reach = reach_of(*volume)) out.node_affinity.push_back(std::move(*reach));
  if (!ephemeral) add_zones(*volume, out);
  return {};
}

Result<WaitingClaim> waiting_claim(ClaimRef claim, const StorageLookup& storage) {
  WaitingClaim out{.claim = std::move(claim)};
  const std::string name = class_of(*out.claim);
  if (!name.empty() && storage.storage_class) out.storage_class = storage.storage_class(name);
  if (!out.storage_class || !out.storage_class->wait_for_first_consumer || !out.claim->volume_name.empty())
    return cannot("pod has unbound immediate PersistentVolumeClaims");
  if (storage.volumes_of_class) out.candidates = storage.volumes_of_class(name);
  return out;
}

/// Claims of one pod may compete for the same volumes: then each node is asked for all of them together.
void add_waiting(const std::vector<WaitingClaim>& claims, const StorageLookup& storage, VolumeNeeds& out) {
  if (claims.size() > 1 && storage.each_node) {
    engine::NodeSelector names;
    storage.each_node([&](const std::string& name, const api::StringMap& labels) {
      if (!serves(claims, name, labels)) return;
      names.terms.push_back({.match_fields = {present_in("metadata.name", {name})}});
    });
    out.node_affinity.push_back(std::move(names));
    return;
  }
  for (const WaitingClaim& waiting : claims) {
    // Without a list of volumes nobody knows which nodes could serve a class that does not provision.
    if (!storage.volumes_of_class && !can_provision(*waiting.storage_class)) continue;
    if (auto nodes = nodes_for(waiting)) out.node_affinity.push_back(std::move(*nodes));
  }
}

}  // namespace

Result<VolumeNeeds> volume_needs(const api::Pod& pod, const StorageLookup& storage) {
  VolumeNeeds out;
  std::vector<WaitingClaim> waiting;
  for (const auto& volume : pod.spec.volumes) {
    TRY(ClaimRef claim, usable_claim(pod, volume, storage));
    const bool bound = !claim->volume_name.empty() && claim->meta.annotations.contains(kBindCompleted);
    if (bound) {
      TRY_VOID(add_bound(*claim, volume.ephemeral, storage, out));
      continue;
    }
    out.wait_for_consumer.push_back(claim->meta.key());
    TRY(WaitingClaim one, waiting_claim(std::move(claim), storage));
    waiting.push_back(std::move(one));
  }
  add_waiting(waiting, storage, out);
  return out;
}

}  // namespace stowage::scheduler
