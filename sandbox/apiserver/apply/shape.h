#pragma once

#include <string_view>

#include "sandbox/apiserver/schema.h"

namespace stowage::sandbox {

/// How a member takes part in merging and owning. `field` is null for entries of maps, which are owned one by
/// one.
struct Member {
  const Schema* schema;
  const Field* field;
  bool atomic;
};
Member member(const Schema& schema, std::string_view key);

/// Lists whose items have an identity: sets, and maps by key.
bool associative(const Schema& schema);

/// Go writes required lists of built-in kinds as null when they are empty, so they count as present.
bool never_absent(const Schema& owner, const Field& field);

}  // namespace stowage::sandbox
