#include "sandbox/control_plane/roles.h"

#include <memory>

#include "gpu-scheduler/config.h"
#include "gpu-scheduler/scheduler.h"
#include "operator/component.h"

namespace stowage::sandbox {

Role operator_role() {
  return {.name = "operator",
          .make = operator_process::make_operator,
          .config_kind = "OperatorConfig",
          .lease = Millis{15'000},
          .renew = Millis{10'000},
          .retry = Millis{2'000}};
}

Role scheduler_role() {
  return {.name = "scheduler",
          .make = [](kube::ComponentContext context) -> Result<std::unique_ptr<kube::Component>> {
            scheduler::SchedulerConfig config = scheduler::read_config(context.config);
            return std::make_unique<scheduler::Scheduler>(std::move(context), std::move(config));
          },
          .config_kind = "SchedulerConfig",
          .lease = Millis{4'000},
          .renew = Millis{3'000},
          .retry = Millis{1'000}};
}

}  // namespace stowage::sandbox
