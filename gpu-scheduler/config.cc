#include "gpu-scheduler/config.h"

namespace stowage::scheduler {

SchedulerConfig read_config(kube::ConfigSection section) {
  SchedulerConfig out;
  section.read("schedulerName", out.scheduler_name);
  if (out.scheduler_name.empty())
    section.reject("schedulerName", "must not be empty: pods name it in schedulerName");
  section.read("bindsInFlight", out.binds_in_flight, 1, 1000);
  section.read("policyStatusInterval", out.policy_status_every, Millis{1000});
  return out;
}

}  // namespace stowage::scheduler
