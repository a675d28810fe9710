#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "sandbox/apiserver/schema.h"

/// How large values can be, as far as their schema says: what kube-apiserver builds its estimate of a rule's
/// cost on (apiserver/pkg/cel/common/schemas.go, apiextensions' schema/cel/compilation.go).
namespace stowage::sandbox::cel {

inline constexpr uint64_t kUnbounded = std::numeric_limits<uint64_t>::max();

/// Sums and products that stay at kUnbounded instead of overflowing.
uint64_t plus(uint64_t a, uint64_t b);
uint64_t times(uint64_t a, uint64_t b);

/// Characters of a text, items of a list, keys of a map; 1 of all others.
struct Size {
  uint64_t least = 0;
  uint64_t most = kUnbounded;
};

/// Where a value stands in an object.
struct Place {
  enum class Kind {
    kSchema,
    kMetadata,      ///< Of a resource. The two names in it:
    kName,          ///< metadata.name
    kGenerateName,  ///< metadata.generateName
    kText,          ///< apiVersion and kind
    kKey            ///< The keys of a map.
  };
  const Schema* schema = nullptr;  ///< Of the value; of the resource in all kinds but kSchema.
  bool root = false;               ///< A whole resource, or an embedded one.
  Kind kind = Kind::kSchema;
};

/// A member of an object by its name in CEL, "@items" of a list, "@keys" and "@values" of a map. Nothing when
/// there is none.
std::optional<Place> place_in(const Place& place, const std::string& step);
/// The longest that a value at this place can be; 0 of what is neither text, list nor map.
uint64_t most_elements(const Place& place);
/// By how many a list or map multiplies what is in it; nothing when it may be any number.
std::optional<uint64_t> most_children(const Schema& schema);
/// How many values of this schema fit into one request at most.
uint64_t most_per_request(const Schema& schema, bool root);

}  // namespace stowage::sandbox::cel
