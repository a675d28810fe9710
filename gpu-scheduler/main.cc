#include <malloc.h>

#include <memory>

#include "gpu-scheduler/config.h"
#include "gpu-scheduler/scheduler.h"
#include "kube/runtime/process.h"

int main(int argc, char** argv) {
  // One control thread allocates nearly everything: further arenas would only hold memory back, and what a
  // long list needed goes back to the system.
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TRIM_THRESHOLD, 1 << 20);
  mallopt(M_MMAP_THRESHOLD, 256 << 10);
  using namespace stowage;
  kube::ProcessSpec spec;
  spec.name = "stowage-scheduler";
  spec.description = "Places and binds pods whose schedulerName is stowage.";
  spec.config_kind = "SchedulerConfig";
  spec.lease_name = "stowage-scheduler";
  // A gang must not stay half bound for 10 s when the leader dies.
  spec.lease = Millis{4'000};
  spec.renew = Millis{3'000};
  spec.retry = Millis{1'000};
  spec.make = [](kube::ComponentContext context) -> Result<std::unique_ptr<kube::Component>> {
    scheduler::SchedulerConfig config = scheduler::read_config(context.config);
    return std::make_unique<scheduler::Scheduler>(std::move(context), std::move(config));
  };
  return kube::run_process(spec, argc, argv);
}
