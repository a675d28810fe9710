#pragma once

#include <string>
#include <vector>

#include "kube/runtime/process.h"
#include "sandbox/inprocess/replica.h"
#include "test/sim/checker.h"

namespace stowage::sim {

/// I11: after quiet, what the scheduler's cache and its usage table say against what the server has; one line
/// a difference. Nothing is compared for other roles.
std::vector<std::string> recount(const sandbox::Role& role, const kube::Component& component,
                                 const Checker& truth);

}  // namespace stowage::sim
