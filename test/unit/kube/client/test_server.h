#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "test/unit/kube/client/certificates.h"

namespace stowage::test {

/// What a request looked like.
struct Seen {
  std::string method;
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< Lower case.
  std::string body = {};
  [[nodiscard]] std::string header(const std::string& name) const;
};

/// What to answer: bytes as they go on the wire, so that a test can break any rule of HTTP.
struct Reply {
  std::string bytes;
  bool close = false;   ///< End the connection after the bytes.
  bool silent = false;  ///< Keep it open and never say more.
  static Reply json(int status, const std::string& body, const std::string& extra_headers = {});
};

/// An HTTP/1.1 server on a free loopback port, on the loop of the test.
class TestServer {
 public:
  using Handler = std::function<Reply(const Seen&)>;
  /// `tls`: the server's certificate; with `client_ca`, clients must show a certificate of that authority.
  TestServer(boost::asio::any_io_executor executor, Handler handler);
  TestServer(boost::asio::any_io_executor executor, Handler handler, const KeyPair& tls,
             const std::string& client_ca);
  ~TestServer();
  [[nodiscard]] std::string url() const;  ///< "http://127.0.0.1:port"
  [[nodiscard]] const std::vector<Seen>& requests() const;
  [[nodiscard]] int connections() const;
  /// From now on no packet of any open connection is seen here, nor acknowledged, as if the cable were cut;
  /// and nobody is at the address any more. (curl tries a request again on a new connection when one that it
  /// used before has died under it.)
  void vanish();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace stowage::test
