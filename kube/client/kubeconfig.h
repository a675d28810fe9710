#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "kube/client/credentials.h"

namespace stowage::kube {

struct KubeconfigOptions {
  std::string context = {};  ///< Empty: current-context.
  /// Exec plugins run programs named by the file: only a command line that a person started may allow it.
  bool allow_exec = false;
};

/// Reads a kubeconfig: cluster (server, certificate-authority[-data], tls-server-name,
/// insecure-skip-tls-verify, proxy-url), user (client-certificate/-key[-data], token, tokenFile,
/// username/password, exec), context. Relative paths are relative to the file.
/// Errors: kInvalidArgument, a sentence with file and line that says what to change; kUnsupported for what
/// we do not do (auth-provider, impersonation, exec where it is not allowed).
Result<ServerConfig> load_kubeconfig(const std::string& path, const KubeconfigOptions& options = {});
/// The same for a text that was read from `path` (which need not exist).
Result<ServerConfig> parse_kubeconfig(std::string_view text, const std::string& path,
                                      const KubeconfigOptions& options = {});

/// What a pod finds about its own API server.
struct InClusterFiles {
  std::string directory = "/var/run/secrets/kubernetes.io/serviceaccount";
  std::string host = {};  ///< KUBERNETES_SERVICE_HOST
  std::string port = {};  ///< KUBERNETES_SERVICE_PORT
};
/// Error: kInvalidArgument when this is not a pod with a service account.
Result<ServerConfig> in_cluster_config(const InClusterFiles& files);

/// Checks an API server's URL and takes the slash off its end. Error: kInvalidArgument.
Result<std::string> check_server_url(std::string url);

}  // namespace stowage::kube
