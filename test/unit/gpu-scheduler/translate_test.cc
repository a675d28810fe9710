#include "gpu-scheduler/translate.h"

#include <catch2/catch.hpp>
#include <limits>

using namespace stowage;
using namespace stowage::scheduler;

namespace {

api::Container container(api::ResourceList requests, bool sidecar = false) {
  api::Container out;
  out.requests = std::move(requests);
  out.restart_always = sidecar;
  return out;
}

api::Node h100_node() {
  api::Node out;
  out.meta.name = "n1";
  out.meta.labels = {{"nvidia.com/gpu.product", "NVIDIA-H100-80GB-HBM3"}, {"nvidia.com/gpu.memory", "81559"}};
  out.allocatable = {{"cpu", 96000}, {"memory", 1000}, {"pods", 110}, {"nvidia.com/gpu", 8}, {"vpc/efa", 32}};
  return out;
}

}  // namespace

TEST_CASE("init containers beside sidecars: the peak counts, as kube-scheduler counts it") {
  api::PodSpec spec;
  spec.containers = {container({{"cpu", 100}}), container({{"cpu", 200}, {"memory", 5}})};
  spec.init_containers = {container({{"cpu", 250}}), container({{"cpu", 50}}, true),
                          container({{"cpu", 400}}), container({{"cpu", 10}}, true)};
  spec.overhead = {{"cpu", 7}};
  // Sum of containers and sidecars: 100 + 200 + 50 + 10 = 360. Peak while starting: 400 + 50 = 450.
  CHECK(effective_requests(spec).cpu_milli == 457);
  CHECK(effective_requests(spec).memory_bytes == 5);
  CHECK(effective_requests(spec).pods == 1);
}

TEST_CASE("pod-level requests: replace what the containers ask, for CPU and memory alone") {
  api::PodSpec spec;
  spec.containers = {container({{"cpu", 100}, {"nvidia.com/gpu", 2}})};
  spec.pod_requests = api::ResourceList{{"cpu", 900}, {"memory", 77}, {"nvidia.com/gpu", 9}};
  const engine::Resources out = effective_requests(spec);
  CHECK(out.cpu_milli == 900);
  CHECK(out.memory_bytes == 77);
  CHECK(out.extended == std::map<std::string, int64_t, std::less<>>{{"nvidia.com/gpu", 2}});
}

TEST_CASE("requests whose sum leaves int64: the largest amount, never a negative one") {
  const int64_t most = std::numeric_limits<int64_t>::max();
  api::PodSpec spec;
  spec.containers = {container({{"cpu", most}}), container({{"cpu", most}})};
  CHECK(effective_requests(spec).cpu_milli == most);
}

TEST_CASE("pod with GPUs and wishes: one device request") {
  api::Pod pod;
  pod.spec.containers = {container({{"nvidia.com/gpu", 4}, {"vpc/efa", 4}})};
  const engine::PodClass out =
      to_pod_class(pod, {.products = {"A", "B"}, .memory_bytes = 80, .tiers = {engine::Tier::kSpot}});
  CHECK(out.device.resource == "nvidia.com/gpu");
  CHECK(out.device.count == 4);
  CHECK(out.device.milli == engine::kWholeDevice);
  CHECK(out.device.products == std::vector<std::string>{"A", "B"});
  CHECK(out.device.memory_bytes == 80);
  CHECK(out.tiers == std::vector<engine::Tier>{engine::Tier::kSpot});
}

TEST_CASE("node with GPUs: product and memory per device come from the vendor's labels") {
  const engine::NodeSpec out = to_node_spec(h100_node(), nullptr);
  REQUIRE(out.accelerators.size() == 1);
  CHECK(out.accelerators[0].resource == "nvidia.com/gpu");
  CHECK(out.accelerators[0].product == "NVIDIA-H100-80GB-HBM3");
  CHECK(out.accelerators[0].count == 8);
  CHECK(out.accelerators[0].memory_bytes == int64_t{81559} << 20);
  CHECK_FALSE(out.accelerators[0].shareable);
  CHECK(out.allocatable.pods == 110);
  CHECK(out.allocatable.extended.at("vpc/efa") == 32);
}

TEST_CASE("node with more devices than the engine numbers: still counted as an amount") {
  api::Node node = h100_node();
  node.allocatable["nvidia.com/mig-1g.10gb"] = 60;
  const engine::NodeSpec out = to_node_spec(node, nullptr);
  REQUIRE(out.accelerators.size() == 1);
  CHECK(out.allocatable.extended.at("nvidia.com/mig-1g.10gb") == 60);
}

TEST_CASE("weights: the pod's model and the models a node holds come from annotations") {
  api::Node node = h100_node();
  CHECK(to_node_spec(node, nullptr).cached_models.empty());
  node.meta.annotations = {{"stowage.dev/cached-models", " hf://b/large@v2, ,hf://a/small,hf://b/large@v2"}};
  CHECK(to_node_spec(node, nullptr).cached_models ==
        std::vector<std::string>{"hf://a/small", "hf://b/large@v2"});
  api::Pod pod;
  pod.meta.annotations = {{"stowage.dev/model", "hf://b/large@v2"}};
  CHECK(to_pod_class(pod, {}).model == "hf://b/large@v2");
  pod.spec.node_name = "n1";
  CHECK(to_pod_class(pod, {}).model.empty());
}

TEST_CASE("AMD memory label: G means GiB") {
  api::Node node;
  node.meta.labels = {{"amd.com/gpu.product-name", "MI300X"}, {"amd.com/gpu.vram", "192G"}};
  node.allocatable = {{"amd.com/gpu", 8}};
  CHECK(to_node_spec(node, nullptr).accelerators.at(0).memory_bytes == int64_t{192} << 30);
}

TEST_CASE("tier: the clouds' labels are understood, a pool overrides them") {
  using engine::Tier;
  CHECK(tier_of_labels({}) == Tier::kOnDemand);
  CHECK(tier_of_labels({{"karpenter.sh/capacity-type", "spot"}}) == Tier::kSpot);
  CHECK(tier_of_labels({{"karpenter.sh/capacity-type", "reserved"}}) == Tier::kReserved);
  CHECK(tier_of_labels({{"eks.amazonaws.com/capacityType", "SPOT"}}) == Tier::kSpot);
  CHECK(tier_of_labels({{"eks.amazonaws.com/capacityType", "CAPACITY_BLOCK"}}) == Tier::kReserved);
  CHECK(tier_of_labels({{"cloud.google.com/gke-spot", "true"}}) == Tier::kSpot);
  CHECK(tier_of_labels({{"kubernetes.azure.com/scalesetpriority", "spot"}}) == Tier::kSpot);
  const NodeCapacity pool{.tier = Tier::kReserved, .price_micro = 5};
  CHECK(to_node_spec(h100_node(), &pool).tier == Tier::kReserved);
  CHECK(to_node_spec(h100_node(), &pool).price_micro == 5);
}

TEST_CASE("claims: missing, unbound immediate, waiting for a consumer, bound") {
  api::Pod pod;
  pod.meta.ns = "ns";
  pod.spec.volumes = {{"v", "c", false}};
  auto claim = std::make_shared<api::PersistentVolumeClaim>();
  auto kind = std::make_shared<api::StorageClass>();
  auto volume = std::make_shared<api::PersistentVolume>();
  StorageLookup storage;
  CHECK(volume_needs(pod, storage).error().message == "persistentvolumeclaim \"c\" not found");

  claim->meta.ns = "ns";
  claim->meta.name = "c";
  claim->storage_class = "slow";
  storage.claim = [&](std::string_view key) { return key == "ns/c" ? claim : nullptr; };
  storage.storage_class = [&](std::string_view) { return kind; };
  storage.volume = [&](std::string_view name) { return name == "pv" ? volume : nullptr; };
  CHECK(volume_needs(pod, storage).error().message == "pod has unbound immediate PersistentVolumeClaims");

  kind->wait_for_first_consumer = true;
  CHECK(volume_needs(pod, storage)->wait_for_consumer == std::vector<std::string>{"ns/c"});

  claim->volume_name = "pv";
  claim->meta.annotations["pv.kubernetes.io/bind-completed"] = "yes";
  volume->node_affinity = api::NodeSelector{{{{{"zone", "In", {"a"}}}, {}}}};
  const auto bound = volume_needs(pod, storage);
  REQUIRE(bound.has_value());
  CHECK(bound->wait_for_consumer.empty());
  REQUIRE(bound->node_affinity.size() == 1);
  CHECK(bound->node_affinity[0].terms[0].match_expressions[0].key == "zone");
}
