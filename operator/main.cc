#include "kube/runtime/process.h"
#include "operator/component.h"

int main(int argc, char** argv) {
  return stowage::kube::run_process(
      {
          .name = "stowage-operator",
          .description = "Turns ModelDeployments into pods and keeps them as their specs say.",
          .config_kind = "OperatorConfig",
          .lease_name = "stowage-operator",
          .make = stowage::operator_process::make_operator,
      },
      argc, argv);
}
