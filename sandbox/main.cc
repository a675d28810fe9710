#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/server.h"
#include "sandbox/front/http_front.h"
#include "sandbox/front/kubeconfig.h"
#include "sandbox/front/profiles.h"

namespace {

using namespace stowage;
using namespace stowage::sandbox;

struct UpOptions {
  size_t nodes = 0;
  std::string profile = "h100x8";
  std::string profiles_folder;
  std::string kubeconfig;
  uint16_t port = 0;
  bool api_only = false;
};

/// Profiles lie beside the sources, or beside the installed program.
std::string profiles_folder(const std::string& given) {
  if (!given.empty()) return given;
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (const auto& folder : {std::filesystem::path("sandbox/profiles"), self / "../share/stowage/profiles",
                             self / "../../../sandbox/profiles"}) {
    if (std::filesystem::is_directory(folder, error)) return folder.lexically_normal().string();
  }
  return "sandbox/profiles";
}

Result<void> create_nodes(Server& server, const Profile& profile, size_t count, WallTime now) {
  for (size_t i = 0; i < count; ++i) {
    Request request{.method = "POST",
                    .path = "/api/v1/nodes",
                    .content_type = "application/json",
                    .user_agent = "stowage-sandbox"};
    nlohmann::json node = profile.node(i);
    for (auto& condition : node["status"]["conditions"])
      condition["lastHeartbeatTime"] = condition["lastTransitionTime"] = format_rfc3339(now);
    request.body = node.dump();
    const Response answer = server.handle(request, now);
    if (answer.status != 201) return fail(Code::kInvalidArgument, fmt::format("node {}: {}", i, answer.body));
  }
  return {};
}

/// Thousands of watches need more descriptors than a shell's usual 1,024.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65'536);
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

Result<void> up(const UpOptions& options) {
  raise_descriptor_limit();
  const SystemClock clock;
  Server server({.seed = static_cast<uint64_t>(clock.wall().time_since_epoch().count())});
  server.bootstrap(clock.wall());
  if (options.nodes > 0) {
    TRY(const auto profile, Profile::load(profiles_folder(options.profiles_folder), options.profile));
    TRY_VOID(create_nodes(server, profile, options.nodes, clock.wall()));
  }
  boost::asio::io_context context(1);
  HttpFront front(context, server, clock, {.port = options.port});
  TRY(const uint16_t port, front.listen());
  std::string kubeconfig = options.kubeconfig;
  if (kubeconfig.empty())
    kubeconfig = (std::filesystem::temp_directory_path() / fmt::format("stowage-sandbox-{}.kubeconfig", port))
                     .string();
  TRY_VOID(write_kubeconfig(kubeconfig, "127.0.0.1", port));
  boost::asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code&, int) {
    front.stop();
    context.stop();
  });
  fmt::print("ready\nhttp://127.0.0.1:{}\nkubectl --kubeconfig {} get nodes\n", port, kubeconfig);
  std::fflush(stdout);
  context.run();
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Stowage's embedded control plane: an in-memory Kubernetes API with simulated GPU nodes"};
  app.set_version_flag("--version", STOWAGE_VERSION);
  app.require_subcommand(1);
  UpOptions options;
  CLI::App* command = app.add_subcommand("up", "Serve the API in real time until interrupted");
  command->add_option("--nodes", options.nodes, "How many nodes to create (default 0)");
  command->add_option("--profile", options.profile, "Node profile (default h100x8)");
  command->add_option("--profiles", options.profiles_folder, "Folder of node profiles");
  command->add_option("--kubeconfig", options.kubeconfig,
                      "Where to write the kubeconfig (default: a file in the temporary folder)");
  command->add_option("--port", options.port, "Port on 127.0.0.1 (default: any free one)");
  command->add_flag("--api-only", options.api_only, "Leave operator, scheduler and kubelets out");
  CLI11_PARSE(app, argc, argv);
  if (const auto result = up(options); !result) {
    fmt::print(stderr, "stowage-sandbox: {}\n", result.error().to_string());
    return 1;
  }
  return 0;
}
