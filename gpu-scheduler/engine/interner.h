#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "gpu-scheduler/engine/pod_class.h"
#include "gpu-scheduler/engine/types.h"

namespace stowage::engine {

/// A pod class with its names replaced by numbers, for hot paths.
struct CompiledClass {
  PodClass spec;
  int64_t cpu_milli = 0;
  int64_t memory_bytes = 0;
  int64_t ephemeral_bytes = 0;
  int64_t pods = 1;
  std::vector<std::pair<uint32_t, int64_t>> extended;  ///< Without the device resource.
  uint32_t device_resource = kNone;
  int32_t device_count = 0;
  int32_t device_milli = kWholeDevice;
  __int128 device_memory_need = 0;  ///< Hundredths of the least memory that counts: device * 100 >= need.
  std::vector<StringId> products;   ///< Most wanted first; empty = any.
  bool looks_at_other_pods = false;
  /// The class asks nothing of a node's object but its devices: no selector, affinity, volume, residency,
  /// tier, product or model. On a plain node (NodeRow::plain) only amounts decide then.
  bool plain = false;
  /// No two of its pods on one node: host ports, or a disk that only one may mount.
  bool excludes_itself = false;
  uint32_t shape = 0;  ///< Classes that differ only in what other pods see of them share a shape.

  /// Thousandths of devices in all.
  [[nodiscard]] int64_t device_demand() const { return int64_t{device_count} * device_milli; }
  [[nodiscard]] bool shares() const { return device_count > 0 && device_milli < kWholeDevice; }
  /// Position of the product in the class's order; 0 when any will do, -1 when it is not permitted.
  [[nodiscard]] int32_t product_rank(StringId product) const;
};

/// The resources every interner knows first.
inline constexpr uint32_t kCpuResource = 0;
inline constexpr uint32_t kMemoryResource = 1;
inline constexpr uint32_t kEphemeralResource = 2;

/// Numbers for strings, resources and classes. Append-only, so forks may share it.
struct Interner {
  Interner();
  StringId text_id(std::string_view text);
  uint32_t resource_id(std::string_view name);

  std::vector<std::shared_ptr<const std::string>> texts;
  std::map<std::string, StringId, std::less<>> text_ids;
  std::vector<std::string> resources;
  std::map<std::string, uint32_t, std::less<>> resource_ids;
  std::vector<std::shared_ptr<const CompiledClass>> classes;
  std::unordered_map<std::string, ClassId> class_ids;
  std::unordered_map<std::string, uint32_t> shape_ids;  ///< By shape_key.
};

/// Errors: kInvalidArgument naming the field.
Result<void> validate(const PodClass& pod_class);
CompiledClass compile(const PodClass& pod_class, Interner& interner);

}  // namespace stowage::engine
