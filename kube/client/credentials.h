#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace stowage::kube {

/// What proves us to the server and the server to us, at one moment.
struct Credentials {
  std::string authorization;  ///< Value of the Authorization header; empty = none.
  std::string ca_pem;         ///< Empty = the system's certificate authorities.
  std::string client_cert_pem;
  std::string client_key_pem;
  /// When they end by themselves, if that is known (exec plugins).
  std::optional<WallTime> expires = {};

  [[nodiscard]] bool same_tls(const Credentials& other) const {
    return ca_pem == other.ca_pem && client_cert_pem == other.client_cert_pem &&
           client_key_pem == other.client_key_pem;
  }
};

/// Where credentials come from. Reading may touch files (small ones) or run a plugin; it blocks.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  /// The credentials to use from now on. `rejected`: the server answered 401 to what was returned last.
  virtual Result<Credentials> read(bool rejected) = 0;
  /// False when reading again can never give something else.
  [[nodiscard]] virtual bool can_change() const = 0;
};

/// How to reach one API server.
struct ServerConfig {
  std::string url;                        ///< "https://host:port/prefix", no slash at the end.
  std::string tls_server_name = {};       ///< Name that the certificate must carry instead of the URL's host.
  bool insecure_skip_tls_verify = false;  ///< Only when the user's kubeconfig says so.
  std::string proxy_url = {};             ///< Empty: what the environment says, as kubectl does.
  std::string default_namespace = {};
  std::shared_ptr<CredentialSource> credentials;
};

/// A token as an Authorization value. Error: kUnauthorized when it is empty or holds spaces or control bytes.
Result<std::string> bearer(std::string token, std::string_view where);

}  // namespace stowage::kube
