#include "sandbox/apiserver/protobuf.h"

#include <catch2/catch.hpp>

#include "api.h"

using namespace stowage::sandbox;
using namespace std::string_literals;

namespace {

/// Length-delimited field; all texts here are shorter than 128 bytes.
std::string text(int number, const std::string& bytes) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())} + bytes;
}
std::string number(int field, char value) {
  return {static_cast<char>(field << 3), value};
}
std::string envelope(const std::string& api_version, const std::string& kind, const std::string& object) {
  return "k8s\0"s + text(1, text(1, api_version) + text(2, kind)) + text(2, object);
}
std::string config_map_bytes() {
  const std::string metadata = text(1, "pb") + text(2, "") + text(3, "default") + text(8, "");
  return envelope("v1", "ConfigMap", text(1, metadata) + text(2, text(1, "k") + text(2, "v")));
}

const std::string kType = "application/vnd.kubernetes.protobuf";

}  // namespace

TEST_CASE("protobuf ConfigMap: created, and read back as JSON") {
  Api api;
  REQUIRE(api.raw("POST", "/api/v1/namespaces/default/configmaps", config_map_bytes(), kType).status == 201);
  CHECK(api.get("/api/v1/namespaces/default/configmaps/pb").body["data"] == Json{{"k", "v"}});
}

TEST_CASE("protobuf zero scalars: kept only where Go has a pointer") {
  // replicas (1) is a pointer, paused (7) and minReadySeconds (5) are not.
  const std::string spec = number(1, 0) + number(7, 0) + number(5, 0);
  const auto object = decode_protobuf(envelope("apps/v1", "Deployment", text(2, spec)), *shared_builtins());
  REQUIRE(object);
  CHECK((*object)["spec"] == Json{{"replicas", 0}});
}

TEST_CASE("protobuf of a kind without that form: 415") {
  const auto object =
      decode_protobuf(envelope("stowage.dev/v1alpha1", "ModelDeployment", ""), *shared_builtins());
  REQUIRE(!object);
  CHECK(object.error().code == 415);
}

TEST_CASE("malformed protobuf: 400 at every cut, no crash") {
  const std::string whole = config_map_bytes();
  const auto good = decode_protobuf(whole, *shared_builtins());
  REQUIRE(good);
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    const auto part = decode_protobuf(whole.substr(0, cut), *shared_builtins());
    // A cut between two fields leaves a valid, smaller message.
    if (!part) CHECK((part.error().code == 400 || part.error().code == 415));
    if (part) CHECK(*part != *good);
  }
  CHECK(decode_protobuf("k8s\0\x12\xff\xff\xff\xff\x7f"s, *shared_builtins()).error().code == 400);
}
