#pragma once

#include <string>

#include "sandbox/apiserver/schema.h"

namespace stowage::sandbox {

/// What keeps an applied configuration from being one of the kind with this schema: unknown fields, wrong
/// types, items without their keys or given twice; empty when nothing does. Algorithm and words:
/// structured-merge-diff, typed/validate.go.
std::string typed_problem(const Json& applied, const Schema& schema);

}  // namespace stowage::sandbox
