#include <fmt/format.h>
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/clock.h"
#include "kube/runtime/text_file.h"
#include "sandbox/scenario/play.h"
#include "sandbox/up/live_sandbox.h"
#include "sandbox/world/manifests.h"
#include "sandbox/world/nodes.h"
#include "sandbox/world/snapshot.h"

namespace {

using namespace stowage;
using namespace stowage::sandbox;

struct UpFlags {
  std::optional<size_t> nodes;
  std::string profile = "h100x8";
  std::string profiles_folder;
  std::string snapshot;  ///< `load` only.
  LiveOptions live;
};

constexpr size_t kDefaultNodes = 8;

// Short, so that a demonstration does not wait; a gibibyte of weights takes what 50 GB/s need.
constexpr KubeletTimes kLiveTimes{.image_pull = Millis{1'000},
                                  .warm_up = Millis{1'000},
                                  .load_per_gib = Millis{20},
                                  .cached_load_per_gib = Millis{5},
                                  .termination = Millis{1'000},
                                  .pod_gc = Millis{20'000},
                                  .node_lifecycle = true};

void tell(const LiveSandbox& sandbox, const std::string& what, bool api_only) {
  fmt::print("ready\n{} at http://127.0.0.1:{}, kubeconfig {}\n", what, sandbox.port(), sandbox.kubeconfig());
  fmt::print("\nTry:\n  export KUBECONFIG={}\n  kubectl get nodes\n", sandbox.kubeconfig());
  if (!api_only) {
    fmt::print(
        "  kubectl apply -f crds/samples/three-lines.yaml\n"
        "  kubectl get mdep,pods -o wide\n"
        "  kubectl describe mdep qwen\n"
        "  kubectl scale mdep qwen --replicas=3\n"
        "  kubectl logs qwen-0-0-0\n"
        "  kubectl annotate mdep qwen sandbox.stowage.dev/requests-per-second=20\n"
        "  kubectl get --raw /api/v1/namespaces/default/pods/qwen-0-0-0/proxy/metrics\n");
  }
  fmt::print("\nCtrl-C ends it; nothing is kept.\n");
  std::fflush(stdout);
}

Result<std::vector<nlohmann::json>> read_snapshot(const std::string& path) {
  constexpr size_t kMostBytes = size_t{1} << 30;
  TRY(const std::string text, kube::read_text_file(path, kMostBytes));
  auto objects = read_manifests(text, {.bytes = kMostBytes, .nodes = 200'000'000});
  if (!objects) return fail(Code::kInvalidArgument, fmt::format("{}:{}", path, objects.error().message));
  if (objects->empty())
    return fail(Code::kInvalidArgument, path + " holds no object; write it with kubectl get -o yaml");
  return objects;
}

std::string few_of(const std::vector<std::string>& names) {
  constexpr size_t kShown = 5;
  std::string out;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i)
    out += (i == 0 ? "" : ", ") + names[i];
  return names.size() > kShown ? out + ", ..." : out;
}

/// Loads, says on stderr what was left out, and returns what is there for the first line.
Result<std::string> load(LiveSandbox& sandbox, std::vector<nlohmann::json> objects, WallTime now) {
  const SnapshotReport report = load_snapshot(sandbox.server(), std::move(objects), now);
  for (const auto& [kind, names] : report.unknown) {
    fmt::print(stderr, "left out: {} {}: the sandbox does not serve this kind{}: {}\n", names.size(), kind,
               kind.find('.') == std::string::npos ? "" : ", and the snapshot has no definition of it",
               few_of(names));
  }
  for (const std::string& refused : report.refused)
    fmt::print(stderr, "left out: {}\n", refused);
  if (report.owners_dropped > 0)
    fmt::print(stderr, "left out: {} references to owners that are not in the snapshot\n",
               report.owners_dropped);
  if (report.loaded.empty())
    return fail(Code::kInvalidArgument,
                "nothing of the snapshot could be loaded; write it with kubectl get -o yaml");
  std::string loaded;
  for (const auto& [kind, count] : report.loaded)
    loaded += fmt::format("{}{} {}", loaded.empty() ? "" : ", ", count, kind);
  return fmt::format("A cluster of the snapshot ({}), operator and scheduler inside,", loaded);
}

Result<void> up(UpFlags flags) {
  SystemClock clock;
  std::vector<nlohmann::json> objects;
  if (!flags.snapshot.empty()) {
    TRY(objects, read_snapshot(flags.snapshot));
    flags.nodes = 0;
  }
  const size_t nodes = flags.nodes.value_or(flags.live.api_only ? 0 : kDefaultNodes);
  flags.live.times = kLiveTimes;
  const bool api_only = flags.live.api_only;
  std::optional<Profile> profile;
  if (nodes > 0) {
    TRY(profile, Profile::load(profiles_folder(flags.profiles_folder), flags.profile));
  }
  LiveSandbox sandbox(clock, std::move(flags.live));
  // First of all what can fail for reasons of this machine.
  TRY_VOID(sandbox.open());
  if (profile) TRY_VOID(create_nodes(sandbox.server(), *profile, 0, nodes, clock.wall()));
  std::string what = api_only ? fmt::format("An API server with {} nodes", nodes)
                              : fmt::format("A cluster of {} nodes ({}), operator and scheduler inside,",
                                            nodes, flags.profile);
  if (!objects.empty()) {
    TRY(what, load(sandbox, std::move(objects), clock.wall()));
  }
  return sandbox.run([&] { tell(sandbox, what, api_only); });
}

void add_load(CLI::App& app, UpFlags& flags) {
  CLI::App* command = app.add_subcommand(
      "load",
      "A cluster in real time with the objects of a real one, from kubectl get nodes,pods,... -A -o yaml");
  command->add_option("snapshot", flags.snapshot, "YAML or JSON, a List or several documents")->required();
  command->add_option("--kubeconfig", flags.live.kubeconfig, "Where to write the kubeconfig");
  command->add_option("--port", flags.live.port, "Port on 127.0.0.1 (default: any free one)");
}

void add_up(CLI::App& app, UpFlags& flags) {
  CLI::App* command = app.add_subcommand(
      "up", "A cluster in real time, with operator and scheduler inside, until interrupted");
  command->add_option("--nodes", flags.nodes, "How many nodes to create (default 8; 0 with --api-only)")
      ->check(CLI::Range(size_t{0}, size_t{100'000}));
  command->add_option("--profile", flags.profile, "Node profile (default h100x8)");
  command->add_option("--profiles", flags.profiles_folder, "Folder of node profiles");
  command->add_option(
      "--kubeconfig", flags.live.kubeconfig,
      "Where to write the kubeconfig (default: a file in the temporary folder, gone at the end)");
  command->add_option("--port", flags.live.port, "Port on 127.0.0.1 (default: any free one)");
  command->add_flag("--api-only", flags.live.api_only,
                    "Only the API server: no operator, scheduler, kubelets, CRDs");
}

struct RunFlags {
  std::string file;
  std::string profiles_folder;
  std::string timeline = "text";
  uint64_t seed = 1;
};

void add_run(CLI::App& app, RunFlags& flags) {
  CLI::App* command =
      app.add_subcommand("run", "Plays a scenario in virtual time; exit 1 when an expectation fails");
  command->add_option("scenario", flags.file, "The scenario file (docs/sandbox.md)")->required();
  command->add_option("--seed", flags.seed,
                      "Chance of this run (default 1): same file and seed, same timeline");
  command->add_option("--timeline", flags.timeline, "text or json")->check(CLI::IsMember({"text", "json"}));
  command->add_option("--profiles", flags.profiles_folder, "Folder of node profiles");
}

Result<void> run(const RunFlags& flags) {
  TRY(const Scenario scenario, read_scenario(flags.file));
  const bool json = flags.timeline == "json";
  const auto tell = [json](const Entry& entry) {
    if (json) {
      const nlohmann::json line = {
          {"at_ms", entry.at.count()}, {"kind", entry.kind}, {"name", entry.name}, {"what", entry.what}};
      fmt::print("{}\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    } else {
      fmt::print("{:>7}.{:03} {:<6}{:<24} {}\n", entry.at.count() / 1000, entry.at.count() % 1000, entry.kind,
                 entry.name, entry.what);
    }
  };
  return play(scenario, flags.seed, profiles_folder(flags.profiles_folder), tell);
}

}  // namespace

int main(int argc, char** argv) {
  // One thread allocates everything: further arenas would only hold memory back.
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TRIM_THRESHOLD, 1 << 20);
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app{"Stowage's embedded control plane: an in-memory Kubernetes API with simulated GPU nodes"};
  app.set_version_flag("--version", STOWAGE_VERSION);
  app.require_subcommand(1);
  UpFlags flags;
  add_up(app, flags);
  add_load(app, flags);
  RunFlags run_flags;
  add_run(app, run_flags);
  CLI11_PARSE(app, argc, argv);
  if (const auto result = app.got_subcommand("run") ? run(run_flags) : up(std::move(flags)); !result) {
    fmt::print(stderr, "stowage-sandbox: {}\n", result.error().message);
    return 1;
  }
  return 0;
}
