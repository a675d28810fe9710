#include <CLI/CLI.hpp>

#include "gpu-scheduler/replay/commands/commands.h"

int main(int argc, char** argv) {
  using namespace stowage::replay;
  CLI::App app{"Replays workloads with a placement policy"};
  app.set_version_flag("--version", STOWAGE_VERSION);
  app.require_subcommand(1);
  Run chosen;
  add_openb(app, chosen);
  add_dynamic(app, chosen);
  add_scenario(app, chosen);
  add_feasible(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kWrongUsage;
  }
  return chosen();
}
