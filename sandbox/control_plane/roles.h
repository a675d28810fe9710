#pragma once

#include "sandbox/inprocess/replica.h"

namespace stowage::sandbox {

/// The operator and the scheduler as their programs build them, with the same lease times.
Role operator_role();
Role scheduler_role();

}  // namespace stowage::sandbox
