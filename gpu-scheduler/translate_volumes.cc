#include <fmt/core.h>

#include "gpu-scheduler/translate.h"

namespace stowage::scheduler {
namespace {

using ClaimRef = std::shared_ptr<const api::PersistentVolumeClaim>;

std::unexpected<Error> cannot(std::string sentence) {
  return fail(Code::kUnsupported, std::move(sentence));
}

Result<void> add_bound(const api::PersistentVolumeClaim& claim, const StorageLookup& storage,
                       VolumeNeeds& out) {
  const auto volume = storage.volume ? storage.volume(claim.volume_name) : nullptr;
  if (!volume) return cannot(fmt::format("persistentvolume \"{}\" not found", claim.volume_name));
  if (volume->node_affinity) out.node_affinity.push_back(to_engine(*volume->node_affinity));
  return {};
}

Result<void> add_unbound(const api::PersistentVolumeClaim& claim, const StorageLookup& storage,
                         VolumeNeeds& out) {
  std::shared_ptr<const api::StorageClass> kind;
  if (claim.storage_class && !claim.storage_class->empty() && storage.storage_class)
    kind = storage.storage_class(*claim.storage_class);
  if (!kind || !kind->wait_for_first_consumer)
    return cannot("pod has unbound immediate PersistentVolumeClaims");
  out.wait_for_consumer.push_back(claim.meta.key());
  if (kind->allowed_topologies) out.node_affinity.push_back(to_engine(*kind->allowed_topologies));
  return {};
}

}  // namespace

Result<VolumeNeeds> volume_needs(const api::Pod& pod, const StorageLookup& storage) {
  VolumeNeeds out;
  for (const auto& volume : pod.spec.volumes) {
    const ClaimRef claim = storage.claim ? storage.claim(pod.meta.ns + "/" + volume.claim) : nullptr;
    if (!claim) {
      if (volume.ephemeral)
        return cannot(
            fmt::format("waiting for ephemeral volume controller to create the persistentvolumeclaim \"{}\"",
                        volume.claim));
      return cannot(fmt::format("persistentvolumeclaim \"{}\" not found", volume.claim));
    }
    if (claim->phase == "Lost")
      return cannot(fmt::format("persistentvolumeclaim \"{}\" bound to non-existent persistentvolume \"{}\"",
                                volume.claim, claim->volume_name));
    if (claim->meta.deleted)
      return cannot(fmt::format("persistentvolumeclaim \"{}\" is being deleted", volume.claim));
    TRY_VOID(claim->volume_name.empty() ? add_unbound(*claim, storage, out)
                                        : add_bound(*claim, storage, out));
  }
  return out;
}

}  // namespace stowage::scheduler
