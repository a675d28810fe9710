#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "kube/client/transport.h"

namespace stowage::kube {

struct ConnectOptions {
  std::string kubeconfig = {};  ///< Path; empty: in-cluster.
  std::string context = {};
  bool allow_exec = false;  ///< Only the command line tool sets it.
};

struct Connection {
  std::unique_ptr<Transport> transport;
  std::string server_url;
  std::string default_namespace;  ///< Of the context or of the pod; may be empty.
};

/// A transport to the API server that the options name. Reads the environment (KUBERNETES_SERVICE_HOST and
/// _PORT) when no kubeconfig is given. Nothing is sent yet. `clock` outlives the transport.
/// Errors: as load_kubeconfig and in_cluster_config; also when the credentials cannot be read.
Result<Connection> connect(boost::asio::any_io_executor executor, const Clock& clock,
                           const ConnectOptions& options);

}  // namespace stowage::kube
