#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "gpu-scheduler/feasible/feasible.h"
#include "gpu-scheduler/replay/commands/commands.h"

namespace stowage::replay {

void add_feasible(CLI::App& app, Run& chosen) {
  auto files = std::make_shared<std::vector<std::string>>();
  auto* command = app.add_subcommand("feasible", "which nodes may take each pending pod of Kubernetes lists");
  command->add_option("files", *files, "v1 Lists as JSON")->required();
  command->callback([files, &chosen] {
    chosen = [files] {
      auto done = feasible::run(*files, [](const std::string& line) { fmt::print("{}\n", line); });
      return done ? kDone : report(done.error());
    };
  });
}

}  // namespace stowage::replay
