#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sandbox/apiserver/cel/sizes.h"
#include "sandbox/apiserver/cel/types.h"

/// What estimate.cc (expressions) and estimate_calls.cc (functions) share.
namespace stowage::sandbox::cel {

/// Thrown where nothing is known of a function: there is no estimate then.
struct NotKnown {};

/// From which place a value was read. Known, but without a place: the schema says nothing of it.
struct Path {
  bool known = false;
  std::optional<Place> place = {};
};

/// Of what is in a list or map: indices or keys, and values.
struct Entries {
  bool list = true;
  Size key = {1, 1};
  Size value = {};
};

/// What is known of an expression.
struct Estimate {
  uint64_t cost = 0;  ///< The most that it can cost.
  StaticType type = {};
  Path path = {};
  std::optional<Size> size = {};
  std::optional<Entries> entries = {};
  bool opaque = false;  ///< Of a library's own type, as addresses and quantities.
};

/// Texts and bytes.
bool is_text(const StaticType& type);
/// The size, or any that there is. NotKnown when not even the type is known.
Size size_of(const Estimate& value);
/// The size of a list's items.
Size size_of_items(const Estimate& list);
/// `amount` times a factor, rounded up.
uint64_t scaled(uint64_t amount, double factor);

inline constexpr double kPerCharacter = 0.1;  // these two: cel-go's common/cost.go
inline constexpr double kPerCharacterOfPattern = 0.25;

/// A call: its own cost, without that of its arguments, and what it makes. `target`: the receiver; null of
/// global functions. NotKnown for functions that this table lacks.
Estimate estimate_call(const std::string& name, const Estimate* target, const std::vector<Estimate>& args);

}  // namespace stowage::sandbox::cel
