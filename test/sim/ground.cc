#include "test/sim/ground.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "operator/catalogue.h"
#include "sandbox/apiserver/http.h"
#include "sandbox/control_plane/roles.h"
#include "test/support/virtual_world.h"

namespace stowage::sim {
namespace {

constexpr const char* kDefinitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

Result<void> create(sandbox::Server& server, std::string path, std::string yaml, const char* manager) {
  sandbox::Request request;
  request.method = "POST";
  request.path = std::move(path);
  request.query = fmt::format("fieldManager={}", manager);
  request.content_type = "application/yaml";
  request.user_agent = "setup/1";
  request.user = "setup";
  request.body = std::move(yaml);
  const test::VirtualClock clock;
  const sandbox::Response answer = server.handle(request, clock.wall());
  if (answer.status == 201) return {};
  return fail(Code::kInvalidArgument, fmt::format("{}: {} {}", request.path, answer.status, answer.body));
}

Result<void> fill(sandbox::Server& server, const std::filesystem::path& crds) {
  for (const char* name : {"default", "stowage-system"}) {
    TRY_VOID(create(server, "/api/v1/namespaces",
                    fmt::format("{{apiVersion: v1, kind: Namespace, metadata: {{name: {}}}}}\n", name),
                    "setup"));
  }
  std::vector<std::filesystem::path> files;
  std::error_code problem;
  for (const auto& entry : std::filesystem::directory_iterator(crds, problem)) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  if (files.empty()) return fail(Code::kNotFound, fmt::format("no definitions in {}", crds.string()));
  std::ranges::sort(files);
  for (const auto& file : files)
    TRY_VOID(create(server, kDefinitions, read(file), "setup"));
  for (const auto& file : operator_process::catalogue_files()) {
    const bool runtime = file.yaml.find("\nkind: ModelRuntime") != std::string::npos;
    TRY_VOID(create(
        server,
        std::string("/apis/stowage.dev/v1alpha1/") + (runtime ? "modelruntimes" : "schedulingpolicies"),
        file.yaml, "stowage-catalogue"));
  }
  const test::VirtualClock clock;
  while (server.step(clock.wall())) {
  }
  return {};
}

}  // namespace

Result<Ground> make_ground(const std::filesystem::path& crds) {
  Ground out{.server = sandbox::Server(sandbox::ServerOptions{}), .roles = {}};
  TRY_VOID(fill(out.server, crds));
  out.roles = {sandbox::operator_role(), sandbox::scheduler_role()};
  return out;
}

}  // namespace stowage::sim
