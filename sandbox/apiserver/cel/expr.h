#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/apiserver/cel/value.h"

namespace stowage::sandbox::cel {

enum class Kind {
  kLiteral,
  kIdent,
  kSelect,
  kOptionalSelect,
  kIndex,
  kOptionalIndex,
  kCall,
  kMember,
  kList,
  kMap,
  kUnary,
  kBinary,
  kTernary
};

/// A node of the syntax tree. `name` is the identifier, field, function or operator; `args` in source order,
/// the receiver of a member call first.
struct Expr {
  Kind kind;
  std::string name = {};
  Value literal = Null{};
  std::vector<std::shared_ptr<const Expr>> args = {};
  /// Where mistakes are shown, in bytes: names and literals at their start, operators, brackets and dots at
  /// themselves, calls at their parenthesis (cel-go's places).
  size_t at = 0;
  int depth = 1;  ///< Levels of the tree from here down.
};

std::expected<std::shared_ptr<const Expr>, std::string> parse(std::string_view text);

}  // namespace stowage::sandbox::cel
