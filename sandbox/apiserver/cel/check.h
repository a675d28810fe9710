#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "sandbox/apiserver/cel/cel.h"
#include "sandbox/apiserver/cel/types.h"
#include "sandbox/apiserver/schema.h"

namespace stowage::sandbox::cel {

enum class Wanted { kBool, kString };
/// The type of each node of a syntax tree.
using Types = std::unordered_map<const Expr*, StaticType>;

/// Static types of an expression over `self` and `oldSelf`, whose type is the schema's: what kube-apiserver
/// asks of a rule before it takes the definition. `root`: the schema is that of a whole resource, or of an
/// embedded one, so that apiVersion, kind, metadata.name and metadata.generateName can be named.
///
/// Empty when the types fit. Else the compiler's words, one part a mistake: "ERROR: <input>:1:5: undefined
/// field 'x'", the line, and a mark below the place; or what the expression must evaluate to. Where this
/// checker does not know a function's types it takes any, so it never refuses what the real one takes on
/// account of a library that it lacks. `types`, where given, gets what was found.
std::string check(const Program& program, std::string_view text, const Schema& self, bool root, Wanted wanted,
                  Types* types = nullptr);

}  // namespace stowage::sandbox::cel
