#include "operator/catalogue.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "kube/runtime/task_scope.h"
#include "test/support/scripted_transport.h"
#include "test/support/virtual_world.h"

using namespace stowage;
using Reply = test::ScriptedTransport::Reply;

namespace {

/// A cluster in which the catalogue is kept, from an operator's start until it rests.
struct Cluster {
  test::VirtualWorld world;
  test::ScriptedTransport transport{world.env()};
  kube::Client client{transport, "test"};
  operator_process::Catalogue catalogue{world.env(), client};
  kube::TaskScope scope{world.env()};
  std::function<Reply(const kube::HttpRequest&)> on_get = [](const kube::HttpRequest&) {
    return Reply{.result = test::status_response(404, "NotFound", "not found")};
  };
  std::function<Reply(const kube::HttpRequest&)> on_apply = [](const kube::HttpRequest&) {
    return Reply{.result = test::ok_response("{}")};
  };

  Cluster() {
    transport.on_call([this](const kube::HttpRequest& request) {
      return request.method == kube::Method::kGet ? on_get(request) : on_apply(request);
    });
  }
  void keep(Millis time = Millis{600'000}) {
    scope.spawn("catalogue", catalogue.keep());
    world.run_for(time);
  }
  [[nodiscard]] std::vector<kube::HttpRequest> applies() const {
    std::vector<kube::HttpRequest> out;
    std::ranges::copy_if(transport.requests(), std::back_inserter(out),
                         [](const auto& request) { return request.method != kube::Method::kGet; });
    return out;
  }
};

}  // namespace

TEST_CASE("an empty cluster: every file is applied once, under the catalogue's own field manager") {
  Cluster cluster;
  cluster.keep();
  const auto applies = cluster.applies();
  CHECK(applies.size() == operator_process::catalogue_files().size());
  std::set<std::string> targets;
  for (const auto& request : applies) {
    targets.insert(request.target);
    CHECK(request.target.find("fieldManager=stowage-catalogue") != std::string::npos);
  }
  CHECK(targets.size() == applies.size());
}

TEST_CASE("rule 18: the catalogue never forces; what somebody edited is left as it is, and told") {
  Cluster cluster;
  cluster.on_apply = [](const kube::HttpRequest&) {
    return Reply{
        .result = test::status_response(409, "Conflict", "conflict with \"kubectl-edit\": .spec.strategy")};
  };
  cluster.keep();
  CHECK(cluster.applies().size() == operator_process::catalogue_files().size());
  for (const auto& request : cluster.applies())
    CHECK(request.target.find("force") == std::string::npos);
  CHECK(cluster.world.log().count("edited by somebody else") == operator_process::catalogue_files().size());
}

TEST_CASE("annotated stowage.dev/managed: \"false\": not even tried") {
  Cluster cluster;
  cluster.on_get = [](const kube::HttpRequest&) {
    return Reply{.result = test::ok_response(
                     R"({"metadata":{"name":"x","annotations":{"stowage.dev/managed":"false"}}})")};
  };
  cluster.keep();
  CHECK(cluster.applies().empty());
}

TEST_CASE("rule 22: the kinds are installed later: asked for with growing pauses, then applied") {
  Cluster cluster;
  bool installed = false;
  cluster.on_apply = [&](const kube::HttpRequest&) {
    return Reply{.result =
                     installed ? test::ok_response("{}") : test::status_response(404, "NotFound", "no kind")};
  };
  cluster.keep(Millis{120'000});
  const size_t asked = cluster.applies().size();
  CHECK(asked >= 5);
  CHECK(asked <= 12);
  installed = true;
  cluster.world.run_for(Millis{60'000});
  CHECK(cluster.applies().size() == asked + operator_process::catalogue_files().size());
}

TEST_CASE(
    "an object of the catalogue is deleted, or all of them with their kind: put back, and nothing else") {
  Cluster cluster;
  cluster.keep();
  const size_t all = operator_process::catalogue_files().size();
  REQUIRE(cluster.applies().size() == all);
  cluster.catalogue.deleted("ModelRuntime", "vllm");
  cluster.catalogue.deleted("ModelRuntime", "somebody-elses");
  cluster.catalogue.deleted("SchedulingPolicy", "vllm");
  cluster.world.run_for(Millis{600'000});
  REQUIRE(cluster.applies().size() == all + 1);
  CHECK(cluster.applies().back().target.find("/modelruntimes/vllm?") != std::string::npos);
}
