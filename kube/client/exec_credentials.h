#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kube/client/credentials.h"

namespace stowage::kube {

/// A credential plugin as a kubeconfig describes it.
struct ExecPlugin {
  std::string api_version;  ///< client.authentication.k8s.io/v1 or /v1beta1
  std::string command;      ///< A name without slash (looked up in PATH) or a path.
  std::vector<std::string> args = {};
  std::vector<std::pair<std::string, std::string>> env = {};
  std::string install_hint = {};
  std::string interactive_mode = "IfAvailable";
  bool provide_cluster_info = false;
  std::string server = {};
  std::string tls_server_name = {};
  bool insecure_skip_tls_verify = false;
  std::string proxy_url = {};
};

/// Runs the plugin (no shell; the program is found as kubectl finds it: relative entries of PATH never
/// match) and uses its token or client certificate. Blocks while it runs, at most two minutes.
class ExecCredentials final : public CredentialSource {
 public:
  /// `base` gives the certificate authority.
  ExecCredentials(ExecPlugin plugin, std::shared_ptr<CredentialSource> base)
      : plugin_(std::move(plugin)), base_(std::move(base)) {}
  /// Errors: kUnauthorized (the plugin failed, or printed no usable ExecCredential), kInvalidArgument (not
  /// found; the message ends with the install hint).
  Result<Credentials> read(bool rejected) override;
  [[nodiscard]] bool can_change() const override { return true; }

 private:
  [[nodiscard]] std::string exec_info(const Credentials& base) const;

  ExecPlugin plugin_;
  std::shared_ptr<CredentialSource> base_;
  std::optional<Credentials> last_ = {};
};

/// What a plugin printed. `base` gives the rest. Error: kUnauthorized, saying what is wrong with it.
Result<Credentials> parse_exec_credential(std::string_view json, std::string_view api_version,
                                          Credentials base);

/// Where `command` is: itself when it holds a slash, else the first executable of that name in `path`
/// (colon-separated; entries that are empty or relative are skipped). Error: kInvalidArgument.
Result<std::string> find_program(const std::string& command, std::string_view path);

}  // namespace stowage::kube
