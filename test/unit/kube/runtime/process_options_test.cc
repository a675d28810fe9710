#include "kube/runtime/process_options.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace stowage;
using kube::CommandLine;
using kube::ConfigFile;
using kube::parse_command_line;
using kube::ProcessFlags;
using kube::ProcessOptions;
using kube::ProcessSpec;
using kube::resolve_options;

namespace {

const ProcessSpec kSpec{.name = "stowage-test",
                        .description = "Tests.",
                        .config_kind = "OperatorConfig",
                        .lease_name = "stowage-test",
                        .serve_address = "127.0.0.1:1234"};

CommandLine parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "stowage-test");
  return parse_command_line(kSpec, static_cast<int>(arguments.size()), arguments.data());
}

struct Resolved {
  ProcessOptions options;
  std::string mistakes;
};

Resolved resolve(const ProcessFlags& flags, const std::string& rest = {}) {
  const std::string text =
      rest.empty() ? "" : "apiVersion: config.stowage.dev/v1alpha1\nkind: OperatorConfig\n" + rest;
  auto file = ConfigFile::parse(text, "c.yaml", "OperatorConfig");
  REQUIRE(file);
  auto options = resolve_options(kSpec, flags, file->root());
  REQUIRE(options);
  const auto finished = file->finish();
  return {.options = *options, .mistakes = finished ? "" : finished.error().message};
}

}  // namespace

TEST_CASE("command line: what was not given has no value, so that file and defaults count") {
  const CommandLine line = parse({});
  CHECK_FALSE(line.exit_code);
  CHECK_FALSE(line.flags.leader_elect);
  CHECK_FALSE(line.flags.serve_address);
  const Resolved out = resolve(line.flags);
  CHECK(out.options.leader_elect);
  CHECK(out.options.serve_address == "127.0.0.1:1234");
  CHECK(out.options.log_format == LogFormat::kText);
  CHECK(out.options.lease == Millis{15'000});
  CHECK(out.options.renew == Millis{10'000});
  CHECK(out.options.retry == Millis{2'000});
}

TEST_CASE("command line: every documented flag is read") {
  const CommandLine line = parse({"--kubeconfig", "/k", "--config=/c", "--leader-elect=false",
                                  "--serve-address=:8080", "--log-format=json", "--log-level=debug"});
  REQUIRE_FALSE(line.exit_code);
  CHECK(line.flags.kubeconfig == "/k");
  CHECK(line.flags.config_path == "/c");
  CHECK(line.flags.leader_elect == false);
  const Resolved out = resolve(line.flags);
  CHECK_FALSE(out.options.leader_elect);
  CHECK(out.options.serve_address == ":8080");
  CHECK(out.options.log_format == LogFormat::kJson);
  CHECK(out.options.log_level == LogLevel::kDebug);
  CHECK(parse({"--leader-elect"}).flags.leader_elect == true);
  CHECK(parse({"--leader-elect=true"}).flags.leader_elect == true);
}

TEST_CASE("command line: help and version end with 0, mistakes with 2 and the flag's name") {
  const CommandLine help = parse({"--help"});
  CHECK(help.exit_code == 0);
  CHECK(help.text.find("--serve-address") != std::string::npos);
  const CommandLine version = parse({"--version"});
  CHECK(version.exit_code == 0);
  CHECK(version.text.find("stowage-test " STOWAGE_VERSION) != std::string::npos);
  const CommandLine unknown = parse({"--no-such-flag"});
  CHECK(unknown.exit_code == 2);
  CHECK(unknown.text.find("no-such-flag") != std::string::npos);
  CHECK(parse({"--leader-elect=perhaps"}).exit_code == 2);
}

TEST_CASE("options: a flag wins over the file, the file over the default") {
  const std::string file =
      "leaderElection: {leaderElect: false, leaseDuration: 30s, renewDeadline: 20s, resourceName: other}\n"
      "serving: {address: \"0.0.0.0:9\"}\nlogging: {format: json, level: warn}\n"
      "clientConnection: {kubeconfig: /from/file}\n";
  const Resolved from_file = resolve({}, file);
  CHECK(from_file.mistakes.empty());
  CHECK_FALSE(from_file.options.leader_elect);
  CHECK(from_file.options.lease == Millis{30'000});
  CHECK(from_file.options.lease_name == "other");
  CHECK(from_file.options.serve_address == "0.0.0.0:9");
  CHECK(from_file.options.log_level == LogLevel::kWarn);
  CHECK(from_file.options.kubeconfig == "/from/file");
  const Resolved flagged = resolve(
      {.kubeconfig = "/flag", .leader_elect = true, .serve_address = "127.0.0.1:1", .log_format = "text"},
      file);
  CHECK(flagged.options.leader_elect);
  CHECK(flagged.options.kubeconfig == "/flag");
  CHECK(flagged.options.serve_address == "127.0.0.1:1");
  CHECK(flagged.options.log_format == LogFormat::kText);
}

TEST_CASE("rule 30: lease times that leave no room for the fence are refused with their place") {
  CHECK(resolve({}, "leaderElection:\n  leaseDuration: 10s\n  renewDeadline: 9s\n").mistakes ==
        "c.yaml:5:18: leaderElection.renewDeadline must be below 9/10 of leaderElection.leaseDuration");
  CHECK(resolve({}, "leaderElection:\n  retryPeriod: 6s\n").mistakes ==
        "c.yaml:4:16: leaderElection.retryPeriod must be at most half of leaderElection.renewDeadline");
  CHECK(resolve({}, "leaderElection: {leaseDuration: 4s, renewDeadline: 3s, retryPeriod: 1s}\n")
            .mistakes.empty());
}

TEST_CASE("options: a wrong value of a flag names the flag") {
  const auto file = ConfigFile::parse("", "none", "OperatorConfig");
  const auto format = resolve_options(kSpec, {.log_format = "xml"}, file->root());
  REQUIRE_FALSE(format);
  CHECK(format.error().message.find("--log-format") == 0);
  const auto level = resolve_options(kSpec, {.log_level = "loud"}, file->root());
  REQUIRE_FALSE(level);
  CHECK(level.error().message.find("--log-level") == 0);
}
