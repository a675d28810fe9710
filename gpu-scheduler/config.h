#pragma once

#include <string>

#include "base/clock.h"
#include "kube/runtime/config_file.h"

namespace stowage::scheduler {

/// The scheduler's own keys of its SchedulerConfig.
struct SchedulerConfig {
  std::string scheduler_name = "stowage";  ///< Pods with this schedulerName are ours.
  int64_t binds_in_flight = 40;            ///< 1..1000
  Millis policy_status_every{60'000};      ///< Policy and pool statuses while the cluster is never quiet.
};

/// Reads the keys; mistakes are noted in the file.
SchedulerConfig read_config(kube::ConfigSection section);

}  // namespace stowage::scheduler
