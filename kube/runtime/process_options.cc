#include "kube/runtime/process_options.h"

#include <CLI/CLI.hpp>
#include <map>
#include <sstream>
#include <utility>

namespace stowage::kube {
namespace {

const std::map<std::string, LogLevel>& levels() {
  static const std::map<std::string, LogLevel> kLevels{{"debug", LogLevel::kDebug},
                                                       {"info", LogLevel::kInfo},
                                                       {"warn", LogLevel::kWarn},
                                                       {"error", LogLevel::kError}};
  return kLevels;
}

void read_lease(const ProcessSpec& spec, ConfigSection section, ProcessOptions& out) {
  out.lease_name = spec.lease_name;
  out.lease = spec.lease;
  out.renew = spec.renew;
  out.retry = spec.retry;
  section.read("leaderElect", out.leader_elect);
  section.read("resourceNamespace", out.lease_namespace);
  section.read("resourceName", out.lease_name);
  section.read("leaseDuration", out.lease, Millis{1'000});
  section.read("renewDeadline", out.renew, Millis{500});
  section.read("retryPeriod", out.retry, Millis{100});
  // The fence lies at 9/10 of the lease: giving up must come before it, and after at least one more try.
  if (out.renew * 10 >= out.lease * 9) {
    section.reject("renewDeadline",
                   "leaderElection.renewDeadline must be below 9/10 of leaderElection.leaseDuration");
  }
  if (out.retry * 2 > out.renew) {
    section.reject("retryPeriod",
                   "leaderElection.retryPeriod must be at most half of leaderElection.renewDeadline");
  }
}

}  // namespace

CommandLine parse_command_line(const ProcessSpec& spec, int argc, const char* const* argv) {
  CommandLine out;
  CLI::App app(spec.description, spec.name);
  app.set_version_flag("--version", spec.name + " " + STOWAGE_VERSION);
  app.add_option("--kubeconfig", out.flags.kubeconfig, "How to reach the API server; without it: in-cluster");
  app.add_option("--config", out.flags.config_path, "Configuration file (kind: " + spec.config_kind + ")");
  bool elect = true;
  const CLI::Option* elect_flag = app.add_flag(
      "--leader-elect", elect,
      "Work only while holding the lease (default true; --leader-elect=false for a single process)");
  app.add_option("--serve-address", out.flags.serve_address,
                 "IP:PORT of /livez, /readyz and /metrics (default " + spec.serve_address + ")");
  app.add_option("--log-format", out.flags.log_format, "text or json (default text)");
  app.add_option("--log-level", out.flags.log_level, "debug, info, warn or error (default info)");
  try {
    app.parse(argc, argv);
    if (elect_flag->count() > 0) out.flags.leader_elect = elect;
  } catch (const CLI::ParseError& error) {
    std::ostringstream good, bad;
    const int code = app.exit(error, good, bad);
    out.exit_code = code == 0 ? 0 : 2;
    out.text = code == 0 ? good.str() : bad.str();
  }
  return out;
}

Result<ProcessOptions> resolve_options(const ProcessSpec& spec, const ProcessFlags& flags,
                                       ConfigSection root) {
  ProcessOptions out;
  std::string format = "text";
  std::string level = "info";
  out.serve_address = spec.serve_address;
  read_lease(spec, root.section("leaderElection"), out);
  root.section("serving").read("address", out.serve_address);
  root.section("clientConnection").read("kubeconfig", out.kubeconfig);
  ConfigSection logging = root.section("logging");
  logging.read("format", format, {"text", "json"});
  logging.read("level", level, {"debug", "info", "warn", "error"});
  if (!flags.kubeconfig.empty()) out.kubeconfig = flags.kubeconfig;
  out.leader_elect = flags.leader_elect.value_or(out.leader_elect);
  out.serve_address = flags.serve_address.value_or(out.serve_address);
  format = flags.log_format.value_or(format);
  level = flags.log_level.value_or(level);
  if (format != "text" && format != "json") {
    return fail(Code::kInvalidArgument, "--log-format must be text or json, not \"" + format + "\"");
  }
  const auto known = levels().find(level);
  if (known == levels().end()) {
    return fail(Code::kInvalidArgument,
                "--log-level must be debug, info, warn or error, not \"" + level + "\"");
  }
  out.log_format = format == "json" ? LogFormat::kJson : LogFormat::kText;
  out.log_level = known->second;
  return out;
}

}  // namespace stowage::kube
