#include "gpu-scheduler/slim_objects.h"

#include <catch2/catch.hpp>

#include "gpu-scheduler/translate.h"

using namespace stowage;
using namespace stowage::scheduler;

TEST_CASE("pod: what placement reads stays, the rest is dropped") {
  const auto pod = decode_slim_pod(R"({"metadata":{"name":"p","uid":"u","labels":{"a":"b"},
      "annotations":{"stowage.dev/group":"g","other":"x"},
      "ownerReferences":[{"kind":"A","name":"a","uid":"1"},{"kind":"B","name":"b","uid":"2","controller":true}]},
    "spec":{"tolerations":[{"operator":"Exists"}],
      "containers":[{"name":"c","image":"i","ports":[{"containerPort":1},{"hostPort":2,"containerPort":2}],
        "resources":{"requests":{"cpu":"1"},"limits":{"cpu":"1"}}}]},
    "status":{"phase":"Pending","message":"m","conditions":[{"type":"Ready","status":"False"},
      {"type":"PodScheduled","status":"False"}],"containerStatuses":[{"name":"c"}]}})");
  REQUIRE(pod.has_value());
  CHECK(pod->meta.labels == api::StringMap{{"a", "b"}});
  CHECK(pod->meta.annotations == api::StringMap{{"stowage.dev/group", "g"}});
  REQUIRE(pod->meta.controller() != nullptr);
  CHECK(pod->meta.owners.size() == 1);
  CHECK(pod->spec.tolerations.size() == 1);
  CHECK(pod->spec.containers[0].requests == api::ResourceList{{"cpu", 1000}});
  CHECK(pod->spec.containers[0].limits.empty());
  CHECK(pod->spec.containers[0].ports.size() == 1);
  CHECK(pod->condition("PodScheduled") != nullptr);
  CHECK(pod->status.conditions.size() == 1);
  CHECK(pod->status.containers.empty());
}

TEST_CASE("pod that was resized in place: counts the same as the whole object") {
  const char* const json = R"({"metadata":{"name":"p","uid":"u"},
    "spec":{"nodeName":"n","containers":[{"name":"a","resources":{"requests":{"cpu":"1"}}},
                                         {"name":"b","resources":{"requests":{"cpu":"1"}}}]},
    "status":{"phase":"Running","conditions":[{"type":"PodResizePending","status":"True","reason":"Deferred"}],
      "containerStatuses":[{"name":"b","allocatedResources":{"cpu":"3"},"resources":{"requests":{"cpu":"3"}}}]}})";
  const auto slim = decode_slim_pod(json);
  const auto whole = api::decode_pod(json);
  REQUIRE((slim.has_value() && whole.has_value()));
  CHECK(effective_requests(*slim) == effective_requests(*whole));
  CHECK(effective_requests(*slim).cpu_milli == 4000);
}
