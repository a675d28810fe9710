#include <catch2/catch.hpp>

#include "kube/client/curl_transport.h"
#include "test/unit/kube/client/world.h"

using namespace stowage;        // NOLINT: a test
using namespace stowage::kube;  // NOLINT: a test
using stowage::test::KeyPair;
using stowage::test::ok;
using stowage::test::TestServer;

namespace {

/// What a test changes between two requests.
class Settable final : public CredentialSource {
 public:
  Result<Credentials> read(bool) override { return now; }
  [[nodiscard]] bool can_change() const override { return true; }
  Credentials now;
};

struct World : stowage::test::ClientWorld {
  KeyPair authority = test::make_authority("ca");
  KeyPair other = test::make_authority("other");
  KeyPair leaf = test::make_leaf(authority, "server", "IP:127.0.0.1");
  std::shared_ptr<Settable> credentials = std::make_shared<Settable>();

  Result<HttpResponse> call(ServerConfig config) {
    config.credentials = credentials;
    CurlTransport transport(loop.get_executor(), clock, std::move(config));
    return call(transport);
  }
  Result<HttpResponse> call(Transport& transport) { return ClientWorld::call(transport, {.target = "/x"}); }
};

}  // namespace

TEST_CASE("TLS: a server of the given authority is accepted") {
  World w;
  TestServer server(w.loop.get_executor(), ok, w.leaf, "");
  w.credentials->now.ca_pem = w.authority.cert;
  const auto response = w.call({.url = server.url()});
  INFO((response ? std::string() : response.error().message));
  CHECK(response);
}

TEST_CASE(
    "TLS: wrong authority, expired certificate, wrong name, or no given authority: refused with advice") {
  World w;
  const KeyPair expired = test::make_leaf(w.authority, "server", "IP:127.0.0.1", -60);
  const KeyPair elsewhere = test::make_leaf(w.authority, "server", "DNS:elsewhere");
  struct Case {
    KeyPair leaf;
    std::string ca;
  };
  for (const Case& one : {Case{w.leaf, w.other.cert}, Case{expired, w.authority.cert},
                          Case{elsewhere, w.authority.cert}, Case{w.leaf, ""}}) {
    TestServer server(w.loop.get_executor(), ok, one.leaf, "");
    w.credentials->now.ca_pem = one.ca;
    const auto response = w.call({.url = server.url()});
    REQUIRE_FALSE(response);
    CHECK(response.error().code == Code::kUnavailable);
    CHECK(response.error().message.find("check certificate-authority") != std::string::npos);
    CHECK(server.requests().empty());
  }
}

TEST_CASE("TLS: verification is skipped only when the user says so") {
  World w;
  TestServer server(w.loop.get_executor(), ok, w.leaf, "");
  CHECK_FALSE(w.call({.url = server.url()}));
  CHECK(w.call({.url = server.url(), .insecure_skip_tls_verify = true}));
}

TEST_CASE("TLS: tls-server-name is the name that is verified; the address stays") {
  World w;
  const KeyPair named = test::make_leaf(w.authority, "server", "DNS:kube.example");
  TestServer server(w.loop.get_executor(), ok, named, "");
  w.credentials->now.ca_pem = w.authority.cert;
  CHECK_FALSE(w.call({.url = server.url()}));
  const auto response = w.call({.url = server.url(), .tls_server_name = "kube.example"});
  INFO((response ? std::string() : response.error().message));
  CHECK(response);
  CHECK("https://" + server.requests().at(0).header("host") == server.url());
}

TEST_CASE("TLS: a client certificate is shown; without one the server refuses") {
  World w;
  TestServer server(w.loop.get_executor(), ok, w.leaf, w.authority.cert);
  w.credentials->now.ca_pem = w.authority.cert;
  CHECK_FALSE(w.call({.url = server.url()}));
  const KeyPair client = test::make_leaf(w.authority, "client", "DNS:client");
  w.credentials->now.client_cert_pem = client.cert;
  w.credentials->now.client_key_pem = client.key;
  const auto response = w.call({.url = server.url()});
  INFO((response ? std::string() : response.error().message));
  CHECK(response);
  w.credentials->now.client_key_pem = w.other.key;
  const auto mismatch = w.call({.url = server.url()});
  REQUIRE_FALSE(mismatch);
  CHECK(mismatch.error().message.find("client-key") != std::string::npos);
}

TEST_CASE(
    "rule 20: a rotated authority or client certificate is used for new connections; a token alone keeps "
    "them") {
  World w;
  TestServer server(w.loop.get_executor(), ok, w.leaf, "");
  w.credentials->now = {.authorization = "Bearer a", .ca_pem = w.authority.cert};
  CurlTransport transport(w.loop.get_executor(), w.clock,
                          {.url = server.url(), .credentials = w.credentials});
  REQUIRE(w.call(transport));
  w.credentials->now.authorization = "Bearer b";
  w.clock.mono += std::chrono::seconds(60);
  REQUIRE(w.call(transport));
  CHECK(server.requests().at(1).header("authorization") == "Bearer b");
  CHECK(server.connections() == 1);
  w.credentials->now.ca_pem = w.other.cert;
  w.clock.mono += std::chrono::seconds(60);
  CHECK_FALSE(w.call(transport));
  w.credentials->now.ca_pem = w.other.cert + w.authority.cert;
  w.clock.mono += std::chrono::seconds(60);
  CHECK(w.call(transport));
}
