#pragma once

#include <cstdint>
#include <optional>

#include "sandbox/apiserver/cel/cel.h"
#include "sandbox/apiserver/cel/check.h"
#include "sandbox/apiserver/schema.h"

namespace stowage::sandbox::cel {

/// The most that one evaluation of a checked expression can cost, in the units of Budget, for any `self` that
/// its schema allows: what kube-apiserver holds against its limits before it takes a definition. `types`:
/// what check() found. kUnbounded where nothing bounds it.
///
/// Nothing when the expression calls what this estimator does not know: it never refuses on a guess. (Those
/// are the list functions slice, flatten, distinct, sort, sortBy, first, last and reverse; transformList and
/// its like; the libraries math, format, regex, base64 and jsonpatch.)
///
/// Model: cel-go's checker/cost.go with the sizes and functions of apiserver/pkg/cel/library/cost.go, their
/// omissions included: keys of maps, and numbers in the object, count as empty.
std::optional<uint64_t> estimate_cost(const Program& program, const Types& types, const Schema& self,
                                      bool root);

}  // namespace stowage::sandbox::cel
