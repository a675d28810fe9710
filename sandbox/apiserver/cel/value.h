#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>

namespace stowage::sandbox::cel {

using Json = nlohmann::json;

struct Null {
  bool operator==(const Null&) const = default;
};
/// Lists and maps; shared, or a view of a tree that outlives the evaluation.
using Tree = std::shared_ptr<const Json>;
/// Billionths, as apimachinery keeps quantities.
struct Quantity {
  __int128 nano = 0;
};
struct Duration {
  int64_t nanoseconds = 0;
};
struct Timestamp {
  int64_t microseconds = 0;
};
struct Optional;
struct TypeName {
  std::string name;
};

using Value = std::variant<Null, bool, int64_t, double, std::string, Tree, Quantity, Duration, Timestamp,
                           TypeName, std::shared_ptr<const Optional>>;
struct Optional {
  bool present = false;
  Value value;
};

Value from_json(const Json& json);
/// Scalars and trees; other kinds become their text.
Json to_json(const Value& value);
bool equal(const Value& a, const Value& b);
bool equal(const Value& a, const Json& b);

}  // namespace stowage::sandbox::cel
