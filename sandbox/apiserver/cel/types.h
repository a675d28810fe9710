#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/apiserver/schema.h"

namespace stowage::sandbox::cel {

/// A static type. kError stands for what is wrong already: it fits everywhere, so that one mistake is told
/// once.
struct StaticType {
  enum class Kind {
    kError,
    kDyn,
    kNull,
    kBool,
    kInt,
    kUint,
    kDouble,
    kString,
    kBytes,
    kTimestamp,
    kDuration,
    kQuantity,
    kType,
    kList,
    kMap,
    kObject,
    kOptional
  };
  Kind kind = Kind::kDyn;
  std::shared_ptr<const StaticType> key = {};    ///< Of maps.
  std::shared_ptr<const StaticType> value = {};  ///< Of maps, lists and optionals; null = anything.
  const Schema* schema = nullptr;                ///< Of objects; null: an object's metadata.
  bool root = false;                             ///< Of objects: a whole resource.

  [[nodiscard]] bool loose() const { return kind == Kind::kDyn || kind == Kind::kError; }
  /// As cel-go writes it: "list(string)", "map(string, int)".
  [[nodiscard]] std::string name() const;
};

StaticType simple(StaticType::Kind kind);
StaticType list_of(StaticType item);
StaticType item_of(const StaticType& collection);
/// The type of values under a schema. Algorithm: apiserver's SchemaDeclType. kError: such values cannot be
/// named in rules.
StaticType type_of(const Schema& schema, bool root);
/// The type of a member; kError when the object has none of that name.
StaticType field_of(const StaticType& object, const std::string& name);
/// A value of one can stand where the other is, either way round.
bool compatible(const StaticType& a, const StaticType& b);
/// The wider of two compatible types.
StaticType joined(const StaticType& a, const StaticType& b);

/// The result of a function or member function (the receiver first). `known` tells whether there is a
/// function of that name at all; kError when none of its forms takes these arguments.
StaticType call_type(const std::string& name, const std::vector<StaticType>& args, bool member, bool& known);
/// The result of an operator in cel-go's spelling without underscores ("+", "==", "in"); kError when it does
/// not take these operands.
StaticType operator_type(const std::string& op, const StaticType& a, const StaticType& b);

}  // namespace stowage::sandbox::cel
