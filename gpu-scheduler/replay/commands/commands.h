#pragma once

#include <functional>

#include "base/result.h"

namespace CLI {
class App;
}

/// One file a subcommand of stowage-replay: its options, and what it prints.
namespace stowage::replay {

/// Exit codes; docs/replay.md lists them for people.
inline constexpr int kDone = 0;
inline constexpr int kInputRefused = 1;  ///< A file or a value in it; the message names file and line.
inline constexpr int kWrongUsage = 2;    ///< The command line.
inline constexpr int kUnmet = 3;         ///< An expectation of a scenario did not hold.

/// What the chosen subcommand does; returns an exit code.
using Run = std::function<int()>;

// Each adds its subcommand to `app`; when it is chosen, `chosen` is set.
void add_openb(CLI::App& app, Run& chosen);
void add_dynamic(CLI::App& app, Run& chosen);
void add_scenario(CLI::App& app, Run& chosen);
void add_feasible(CLI::App& app, Run& chosen);

/// Prints the error for people; kInputRefused.
int report(const Error& error);

}  // namespace stowage::replay
