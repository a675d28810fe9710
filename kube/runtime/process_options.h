#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "kube/runtime/config_file.h"
#include "kube/runtime/process.h"

namespace stowage::kube {

/// What the command line said; a member without a value was not given.
struct ProcessFlags {
  std::string kubeconfig;
  std::string config_path;
  std::optional<bool> leader_elect;
  std::optional<std::string> serve_address;
  std::optional<std::string> log_format;
  std::optional<std::string> log_level;
};

/// Flags over file over defaults.
struct ProcessOptions {
  std::string kubeconfig;  ///< Empty: in-cluster.
  bool leader_elect = true;
  std::string serve_address;
  LogFormat log_format = LogFormat::kText;
  LogLevel log_level = LogLevel::kInfo;
  std::string lease_namespace;  ///< Empty: that of the pod, else stowage-system.
  std::string lease_name;
  Millis lease{0};
  Millis renew{0};
  Millis retry{0};
};

/// The command line, or what to print and the exit code instead of a run (--help, --version: 0; errors: 2).
struct CommandLine {
  ProcessFlags flags;
  std::optional<int> exit_code = {};
  std::string text = {};  ///< For stdout when the exit code is 0, else for stderr.
};
CommandLine parse_command_line(const ProcessSpec& spec, int argc, const char* const* argv);

/// Reads the sections that every process has: leaderElection, serving, logging, clientConnection. Mistakes go
/// to the file (ConfigFile::finish). Error (kInvalidArgument): a flag whose value is wrong.
Result<ProcessOptions> resolve_options(const ProcessSpec& spec, const ProcessFlags& flags,
                                       ConfigSection root);

}  // namespace stowage::kube
