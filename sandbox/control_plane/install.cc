#include "sandbox/control_plane/install.h"

#include "sandbox/apiserver/http.h"
#include "sandbox/apiserver/server.h"
#include "sandbox/apiserver/watch.h"

namespace stowage::sandbox {
namespace {

constexpr int kConflict = 409;

Result<void> create(Server& server, WallTime now, const char* path, const std::string& name,
                    const std::string& yaml) {
  const Response answer = server.handle({.method = "POST",
                                         .path = path,
                                         .content_type = "application/yaml",
                                         .user_agent = "stowage-sandbox",
                                         .user = "sandbox-admin",
                                         .body = yaml},
                                        now);
  if (answer.status == 201 || answer.status == kConflict) return {};
  return fail(Code::kInternal, "installing " + name + ": " + answer.body);
}

}  // namespace

Result<void> install_stowage(Server& server, WallTime now) {
  TRY_VOID(create(server, now, "/api/v1/namespaces", "the namespace",
                  "{apiVersion: v1, kind: Namespace, metadata: {name: stowage-system}}"));
  for (const DefinitionFile& file : definition_files()) {
    TRY_VOID(
        create(server, now, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", file.name, file.yaml));
  }
  while (server.step(now)) {
  }
  return {};
}

}  // namespace stowage::sandbox
