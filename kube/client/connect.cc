#include "kube/client/connect.h"

#include <cstdlib>

#include "kube/client/curl_transport.h"
#include "kube/client/kubeconfig.h"

namespace stowage::kube {
namespace {

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

Result<ServerConfig> find_server(const ConnectOptions& options) {
  if (!options.kubeconfig.empty()) {
    return load_kubeconfig(options.kubeconfig,
                           {.context = options.context, .allow_exec = options.allow_exec});
  }
  return in_cluster_config(
      {.host = environment("KUBERNETES_SERVICE_HOST"), .port = environment("KUBERNETES_SERVICE_PORT")});
}

}  // namespace

Result<Connection> connect(boost::asio::any_io_executor executor, const Clock& clock,
                           const ConnectOptions& options) {
  TRY(ServerConfig server, find_server(options));
  // Files that cannot be read are the user's mistake and are told at once, not with the first request. An
  // exec plugin is not run for that.
  if (!options.allow_exec) TRY_VOID(server.credentials->read(false));
  Connection out{
      .transport = nullptr, .server_url = server.url, .default_namespace = server.default_namespace};
  out.transport = std::make_unique<CurlTransport>(std::move(executor), clock, std::move(server));
  return out;
}

}  // namespace stowage::kube
