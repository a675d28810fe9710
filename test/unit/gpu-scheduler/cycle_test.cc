#include "gpu-scheduler/cycle.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <functional>

#include "world.h"

using namespace stowage;
using namespace stowage::scheduler;
using stowage::test::make_node;
using stowage::test::make_pod;
using stowage::test::PodBuilder;

namespace {

const MonoTime kStart = MonoTime{} + std::chrono::seconds(1000);

/// A scheduler without IO: what informers would say goes in, binds come out.
struct World {
  ClusterCache cache{"stowage", {}};
  SchedulingQueue queue;
  Cycle cycle{cache, queue};
  std::map<std::string, PodRef> seen;
  MonoTime now = kStart;

  void node(const stowage::test::NodeBuilder& builder) { notify(cache.node_changed(nullptr, builder.ref())); }
  void remove_node(const stowage::test::NodeBuilder& builder) {
    notify(cache.node_changed(builder.ref(), nullptr));
  }
  void pod(const PodBuilder& builder) {
    const PodRef next = builder.ref();
    notify(cache.pod_changed(std::exchange(seen[next->meta.name], next), next));
  }
  void remove_pod(const std::string& name) {
    notify(cache.pod_changed(seen.at(name), nullptr));
    seen.erase(name);
  }
  void notify(EventMask events) {
    if (events != 0) queue.notify(events, now);
  }
  /// Runs until nothing is active: pod -> node.
  std::map<std::string, std::string> run() {
    std::map<std::string, std::string> out;
    now += std::chrono::seconds(2);
    cycle.requeue_touched();
    queue.advance(now);
    while (const auto outcome = cycle.run_one(
               now, WallTime(now.time_since_epoch().count() / 1000 * std::chrono::microseconds(1)))) {
      for (const PlannedBind& bind : outcome->binds)
        out[bind.pod->meta.name] = bind.node;
    }
    return out;
  }
  int64_t free_gpus(const std::string& name) {
    const auto index = cache.state().find_node(name);
    return cache.state().node(*index).extended(cache.state().resource_id("nvidia.com/gpu"));
  }
};

std::string reason(const World& world, const std::string& unit) {
  const Pending* pending = world.cycle.pending(unit);
  return pending == nullptr ? "" : pending->reason;
}

}  // namespace

TEST_CASE("one pod, one node with a free GPU: planned for it with the node's UID") {
  World world;
  world.node(make_node("n").gpus(8));
  world.pod(make_pod("p").gpus(1));
  world.cycle.requeue_touched();
  const auto outcome = world.cycle.run_one(kStart, {});
  REQUIRE(outcome.has_value());
  REQUIRE(outcome->binds.size() == 1);
  CHECK(outcome->binds[0].node == "n");
  CHECK(outcome->binds[0].node_uid == "uid-n");
  CHECK(world.free_gpus("n") == 7);
}

TEST_CASE("bind confirmed by the informer: nothing is counted twice, nothing is tried again") {
  World world;
  world.node(make_node("n").gpus(8));
  world.pod(make_pod("p").gpus(3));
  world.run();
  world.pod(make_pod("p").gpus(3).on("n"));
  CHECK(world.free_gpus("n") == 5);
  CHECK(world.run().empty());
  CHECK(world.cache.find("uid-p")->phase == PodPhase::kBound);
}

TEST_CASE("assumed pod turns out to be bound elsewhere: it counts there alone") {
  World world;
  world.node(make_node("a").gpus(8).label("x", "y"));
  world.pod(make_pod("p").gpus(3));
  CHECK(world.run() == std::map<std::string, std::string>{{"p", "a"}});
  world.node(make_node("b").gpus(8));
  world.pod(make_pod("p").gpus(3).on("b"));
  CHECK(world.free_gpus("a") == 8);
  CHECK(world.free_gpus("b") == 5);
}

TEST_CASE("forgotten bind: its room is free again and the pod waits again") {
  World world;
  world.node(make_node("n").gpus(8));
  world.pod(make_pod("p").gpus(8));
  world.run();
  CHECK(world.cache.forget("uid-p") == bit(ClusterEvent::kCapacityFreed));
  CHECK(world.free_gpus("n") == 8);
  CHECK(world.cache.forget("uid-p") == 0);
  CHECK(world.run().size() == 1);
}

TEST_CASE("gang of 2 on one free node of two needed: nothing is bound; a second node comes: both") {
  World world;
  world.node(make_node("a").gpus(8));
  world.pod(make_pod("g-0").gpus(8).group("g", 2));
  world.pod(make_pod("g-1").gpus(8).group("g", 2));
  CHECK(world.run().empty());
  CHECK(world.free_gpus("a") == 8);
  CHECK_FALSE(reason(world, "ns//g").empty());
  world.node(make_node("b").gpus(8));
  CHECK(world.run().size() == 2);
  CHECK(world.cycle.pending("ns//g") == nullptr);
}

TEST_CASE("members arrive one by one: WaitingForMembers until the last") {
  World world;
  world.node(make_node("a").gpus(8));
  world.pod(make_pod("g-0").gpus(1).group("g", 3));
  world.pod(make_pod("g-1").gpus(1).group("g", 3));
  CHECK(world.run().empty());
  CHECK(reason(world, "ns//g") == "WaitingForMembers");
  CHECK(world.cycle.pending("ns//g")->message == "WaitingForMembers: waiting for 1 of 3 pods of group g");
  world.pod(make_pod("g-2").gpus(1).group("g", 3));
  CHECK(world.run().size() == 3);
}

TEST_CASE("surplus member: InvalidGroup, nothing is bound; without it: bound") {
  World world;
  world.node(make_node("a").gpus(8));
  for (const char* name : {"g-0", "g-1", "g-2"})
    world.pod(make_pod(name).gpus(1).group("g", 2));
  CHECK(world.run().empty());
  CHECK(reason(world, "ns//g") == "InvalidGroup");
  world.remove_pod("g-1");
  CHECK(world.run().size() == 2);
}

TEST_CASE("half bound gang: the rest joins its rack before anything else is tried") {
  World world;
  for (const char* name : {"a1", "a2"})
    world.node(make_node(name).gpus(8).label("network.topology.nvidia.com/leaf", "ra"));
  for (const char* name : {"b1", "b2"})
    world.node(make_node(name).gpus(8).label("network.topology.nvidia.com/leaf", "rb"));
  const auto member = [](const char* name) {
    return make_pod(name).gpus(8).group("g", 2).note("stowage.dev/topology-required", "rack");
  };
  world.pod(member("g-0").on("b2"));
  world.pod(make_pod("urgent").gpus(8).priority(100));
  world.pod(member("g-1"));
  world.cycle.requeue_touched();
  const auto first = world.cycle.run_one(kStart, {});
  REQUIRE(first.has_value());
  REQUIRE(first->binds.size() == 1);
  CHECK(first->binds[0].pod->meta.name == "g-1");
  CHECK(first->binds[0].node == "b1");
}

TEST_CASE("half bound gang without room in its rack: the rest waits") {
  World world;
  world.node(make_node("a1").gpus(8).label("network.topology.nvidia.com/leaf", "ra"));
  world.node(make_node("b1").gpus(8).label("network.topology.nvidia.com/leaf", "rb"));
  const auto member = [](const char* name) {
    return make_pod(name).gpus(8).group("g", 2).note("stowage.dev/topology-required", "rack");
  };
  world.pod(member("g-0").on("a1"));
  world.pod(member("g-1"));
  CHECK(world.run().empty());
  world.node(make_node("a2").gpus(8).label("network.topology.nvidia.com/leaf", "ra"));
  CHECK(world.run() == std::map<std::string, std::string>{{"g-1", "a2"}});
}

TEST_CASE("gated pod: left alone; gate gone: bound") {
  World world;
  world.node(make_node("a").gpus(8));
  auto gated = make_pod("p").gpus(1);
  gated.pod.spec.scheduling_gates = {"wait"};
  world.pod(gated);
  CHECK(world.run().empty());
  world.pod(make_pod("p").gpus(1).version("2"));
  CHECK(world.run().size() == 1);
}

TEST_CASE("foreign pod takes the GPUs first: counts at once, also before its node is known") {
  World world;
  world.pod(make_pod("other").foreign().gpus(8).on("n"));
  world.node(make_node("n").gpus(8));
  world.pod(make_pod("p").gpus(1));
  CHECK(world.run().empty());
  CHECK_THAT(world.cycle.pending("uid-p")->message,
             Catch::Contains("0/1 nodes are available") && Catch::Contains("Insufficient nvidia.com/gpu"));
  world.remove_pod("other");
  CHECK(world.run().size() == 1);
}

TEST_CASE("terminating pod: keeps its devices until it is gone or terminal") {
  World world;
  world.node(make_node("n").gpus(8));
  world.pod(make_pod("old").foreign().gpus(8).on("n"));
  world.pod(make_pod("old").foreign().gpus(8).on("n").deleting());
  world.pod(make_pod("p").gpus(8));
  CHECK(world.run().empty());
  world.pod(make_pod("old").foreign().gpus(8).on("n").deleting().phase("Failed").version("4"));
  CHECK(world.run().size() == 1);
}

TEST_CASE("node replaced under running pods: they count on the new one, and its UID is planned with") {
  World world;
  world.node(make_node("n").gpus(8));
  world.pod(make_pod("old").foreign().gpus(6).on("n"));
  world.remove_node(make_node("n").gpus(8));
  CHECK_FALSE(world.cache.state().find_node("n").has_value());
  CHECK(world.cache.node_uid("n").empty());
  world.node(make_node("n").gpus(8).uid("second"));
  CHECK(world.free_gpus("n") == 2);
  CHECK(world.cache.node_uid("n") == "second");
}

TEST_CASE("pod with resourceClaims: refused with that reason") {
  World world;
  world.node(make_node("n").gpus(8));
  auto claims = make_pod("p");
  claims.pod.spec.resource_claims = {"gpu"};
  world.pod(claims);
  CHECK(world.run().empty());
  CHECK(reason(world, "uid-p") == "UnsupportedResourceClaims");
}

TEST_CASE("a pod that asks for more than can be counted: told what, and that only a change helps") {
  World world;
  world.node(make_node("n").gpus(8));
  world.pod(make_pod("p").gpus(int64_t{1} << 61));
  CHECK(world.run().empty());
  CHECK(reason(world, "uid-p") == "InvalidPod");
  const std::string& message = world.cycle.pending("uid-p")->message;
  CHECK_THAT(message, Catch::StartsWith("InvalidPod: pod p: requests.nvidia.com/gpu: ") &&
                          Catch::Contains("change this"));
}

TEST_CASE("unknown policy: waits and says what to do; the policy appears: bound") {
  World world;
  world.node(make_node("n").gpus(8));
  world.pod(make_pod("p").gpus(1).note("stowage.dev/scheduling-policy", "fast"));
  CHECK(world.run().empty());
  CHECK(reason(world, "uid-p") == "UnknownPolicy");
  CHECK_THAT(world.cycle.pending("uid-p")->message, Catch::StartsWith("UnknownPolicy: "));
  auto policy = std::make_shared<PolicyObject>();
  policy->meta.name = "fast";
  world.cycle.set_policies(Policies({policy}));
  world.notify(bit(ClusterEvent::kPolicyChanged));
  CHECK(world.run().size() == 1);
}

namespace {

std::shared_ptr<PolicyObject> policy_with_levels(std::string name,
                                                 std::vector<engine::TopologyLevel> levels) {
  auto out = std::make_shared<PolicyObject>();
  out->meta.name = std::move(name);
  out->levels = std::move(levels);
  return out;
}

}  // namespace

TEST_CASE(
    "levels of two policies that contradict each other: the later one has a problem, the others' stay") {
  const auto base = policy_with_levels("default", {{"hall", {"x/hall"}}, {"row", {"x/row"}}});
  const auto same = policy_with_levels("same", {{"row", {"x/row"}}, {"shelf", {"x/shelf"}}});
  const auto label = policy_with_levels("takes-a-label", {{"aisle", {"x/row"}}, {"cage", {"x/cage"}}});
  const auto name = policy_with_levels("takes-a-name", {{"row", {"x/other"}}});
  const Policies policies({name, label, same, base});
  std::vector<std::string> names;
  for (const auto& level : policies.levels())
    names.push_back(level.name);
  CHECK(names == std::vector<std::string>{"hall", "row", "shelf", "cage"});
  CHECK(policies.find("same")->problem.empty());
  CHECK_THAT(policies.find("takes-a-label")->problem,
             Catch::Contains("label \"x/row\" stands for level row already"));
  CHECK_THAT(policies.find("takes-a-name")->problem, Catch::Contains("topologyLevels.row"));
}

TEST_CASE("a pod that asks for a level which its policy could not add: told why") {
  World world;
  world.node(make_node("n").gpus(8));
  const auto policy = policy_with_levels("fast", {{"regal", {"kubernetes.io/hostname"}}});
  world.cycle.set_policies(Policies({policy}));
  world.pod(make_pod("p")
                .gpus(1)
                .note("stowage.dev/scheduling-policy", "fast")
                .note("stowage.dev/topology-required", "regal"));
  CHECK(world.run().empty());
  CHECK_THAT(world.cycle.pending("uid-p")->message, Catch::Contains("\"regal\" is not a topology level") &&
                                                        Catch::Contains("stands for level host already"));
}

TEST_CASE("unknown topology level: waits and names it") {
  World world;
  world.node(make_node("n").gpus(8));
  world.pod(make_pod("p").gpus(1).note("stowage.dev/topology-required", "galaxy"));
  CHECK(world.run().empty());
  CHECK_THAT(world.cycle.pending("uid-p")->message,
             Catch::StartsWith("InvalidGroup: ") && Catch::Contains("galaxy"));
}

TEST_CASE("replicas that differ in labels alone: one class, until a selector looks at such a label") {
  World world;
  world.node(make_node("n").gpus(8));
  for (int i = 0; i < 4; ++i)
    world.pod(make_pod("p" + std::to_string(i)).gpus(1).label("replica", std::to_string(i)));
  CHECK(world.run().size() == 4);
  CHECK(world.cache.state().class_count() == 1);
  // Must keep away from replica 2, which runs on the only node.
  auto apart = make_pod("apart").gpus(1);
  apart.pod.spec.affinity.anti_required.push_back(
      {.selector = api::LabelSelector{.match_labels = {{"replica", "2"}}},
       .topology_key = "kubernetes.io/hostname"});
  world.pod(apart);
  CHECK(world.run().empty());
  world.remove_pod("p2");
  CHECK(world.run().size() == 1);
}

TEST_CASE("PodGroup with gang minCount 2: whole or not at all, a third pod follows") {
  World world;
  auto group = std::make_shared<PodGroupObject>();
  group->min_count = 2;
  bool there = false;
  world.cache.set_pod_groups([&](std::string_view key) { return there && key == "ns/pg" ? group : nullptr; });
  world.node(make_node("n").gpus(8));
  const auto member = [](const char* name) {
    auto out = make_pod(name).gpus(4);
    out.pod.spec.pod_group = "pg";
    return out;
  };
  world.pod(member("a"));
  CHECK(world.run().empty());
  CHECK(reason(world, "ns/podgroup/pg") == "PodGroupNotFound");
  there = true;
  world.notify(bit(ClusterEvent::kPodGroupChanged));
  CHECK(world.run().empty());
  CHECK(reason(world, "ns/podgroup/pg") == "WaitingForMembers");
  world.pod(member("b"));
  world.pod(member("c"));
  CHECK(world.run().size() == 2);
  world.node(make_node("n2").gpus(8));
  CHECK(world.run() == std::map<std::string, std::string>{{"c", "n2"}});
}

TEST_CASE("running pod is resized in place: its node has what it gave up") {
  World world;
  world.node(make_node("n").gpus(8));
  auto big = make_pod("big").foreign().on("n");
  big.pod.spec.containers[0].requests["cpu"] = 60'000;
  world.pod(big);
  auto wants = make_pod("p");
  wants.pod.spec.containers[0].requests["cpu"] = 20'000;
  world.pod(wants);
  CHECK(world.run().empty());
  big.pod.spec.containers[0].requests["cpu"] = 30'000;
  world.pod(big.version("9"));
  CHECK(world.run().size() == 1);
}

TEST_CASE("thousands of equal pods without room: each waits with the same words, later ones too") {
  World world;
  world.node(make_node("n").gpus(8));
  for (int i = 0; i < 50; ++i)
    world.pod(make_pod("p" + std::to_string(i)).gpus(3));
  CHECK(world.run().size() == 2);
  CHECK(world.cycle.all_pending().size() == 48);
  for (const auto& [unit, pending] : world.cycle.all_pending())
    CHECK_THAT(pending.message, Catch::Contains("0/1 nodes are available: 1 Insufficient nvidia.com/gpu"));
  world.node(make_node("m").gpus(8));
  CHECK(world.run().size() == 2);
}

TEST_CASE("product that no node has: the words name it") {
  World world;
  world.node(make_node("n").gpus(8, "H100"));
  world.pod(make_pod("p").gpus(1).note("stowage.dev/products", "NVIDIA-B300"));
  CHECK(world.run().empty());
  CHECK_THAT(world.cycle.pending("uid-p")->message, Catch::Contains("NVIDIA-B300"));
}

TEST_CASE("pod that waits: what would help was tried, and is told again while it holds") {
  World world;
  world.node(make_node("n").gpus(8, "H100"));
  world.pod(make_pod("p").gpus(1).note("stowage.dev/products", "NVIDIA-B300"));
  world.pod(make_pod("q").gpus(1).note("stowage.dev/products", "NVIDIA-B300"));
  CHECK(world.run().empty());
  for (const char* unit : {"uid-p", "uid-q"}) {
    REQUIRE(world.cycle.pending(unit) != nullptr);
    CHECK_THAT(world.cycle.pending(unit)->why.would_fit_if,
               Catch::VectorContains(std::string("any accelerator product were permitted")));
  }
  world.node(make_node("m").gpus(8, "H100"));
  CHECK(world.run().empty());
  CHECK_FALSE(world.cycle.pending("uid-p")->why.would_fit_if.empty());
}

TEST_CASE("rule 11: nodes, pods, namespaces and policies in any order of arrival: the same end") {
  std::array<int, 5> order{0, 1, 2, 3, 4};
  do {
    CAPTURE(order);
    World world;
    const std::array<std::function<void()>, 5> arrivals{
        [&] { world.node(make_node("n").gpus(8)); }, [&] { world.node(make_node("m").gpus(4)); },
        // It holds four of the eight devices, whenever its node is heard of.
        [&] { world.pod(make_pod("running").gpus(4).foreign().on("n").phase("Running")); },
        [&] { world.pod(make_pod("waiting").gpus(8).note("stowage.dev/scheduling-policy", "fast")); },
        [&] {
          auto policy = std::make_shared<PolicyObject>();
          policy->meta.name = "fast";
          world.cycle.set_policies(Policies({policy}));
          world.notify(bit(ClusterEvent::kPolicyChanged));
        }};
    std::map<std::string, std::string> bound;
    for (const int i : order) {
      arrivals[static_cast<size_t>(i)]();
      bound.merge(world.run());
    }
    // Before the running pod is known its devices look free: only then may the other have gone to n.
    const bool early = std::ranges::find(order, 2) > std::ranges::find(order, 3) && bound.contains("waiting");
    if (!early) {
      CHECK(bound.empty());
      CHECK_FALSE(reason(world, "uid-waiting").empty());
    }
    CHECK(world.free_gpus("m") == 4);
    CHECK(world.free_gpus("n") == (early ? -4 : 4));
    world.remove_pod("running");
    world.run();
    CHECK(world.free_gpus("n") == 0);
  } while (std::ranges::next_permutation(order).found);
}

TEST_CASE("a pod of higher priority waits: the message says that nobody is evicted, and whom it would take") {
  World world;
  world.node(make_node("n").gpus(8));
  world.node(make_node("m").gpus(8));
  world.pod(make_pod("low").gpus(8).on("n").phase("Running"));
  world.pod(make_pod("equal").gpus(8).priority(100).on("m").phase("Running"));
  world.pod(make_pod("wants").gpus(4).priority(100));
  world.pod(make_pod("same").gpus(4));
  const uint64_t before = world.cache.state().digest();
  CHECK(world.run().empty());
  CHECK_THAT(world.cycle.pending("uid-wants")->message,
             Catch::EndsWith(
                 "Preemption is not wired: 1 pod of lower priority would have to leave first: ns/low on n."));
  CHECK_THAT(world.cycle.pending("uid-same")->message, !Catch::Contains("reemption"));
  CHECK(world.cache.state().digest() == before);
}

TEST_CASE("a gang of higher priority waits for two nodes: the victims on both are named") {
  World world;
  for (const char* name : {"a", "b"})
    world.node(make_node(name).gpus(8));
  for (const char* name : {"a", "b"})
    world.pod(make_pod(std::string("on-") + name).gpus(8).on(name).phase("Running"));
  for (const char* name : {"g0", "g1"})
    world.pod(make_pod(name).gpus(8).priority(5).group("g", 2));
  CHECK(world.run().empty());
  REQUIRE(world.cycle.all_pending().size() == 1);
  const std::string& message = world.cycle.all_pending().begin()->second.message;
  CHECK_THAT(message, Catch::Contains("2 pods of lower priority would have to leave first"));
  CHECK_THAT(message, Catch::Contains("ns/on-a on a") && Catch::Contains("ns/on-b on b"));
}

TEST_CASE("no eviction would help: the message says so") {
  World world;
  world.node(make_node("n").gpus(4));
  world.pod(make_pod("low").gpus(4).on("n").phase("Running"));
  world.pod(make_pod("wants").gpus(8).priority(1));
  CHECK(world.run().empty());
  CHECK_THAT(
      world.cycle.pending("uid-wants")->message,
      Catch::EndsWith("Preemption is not wired, and no set of pods of lower priority would make room."));
}

TEST_CASE("a claim for one pod alone: the second waits while the first has a node, then goes") {
  World world{
      .cache = ClusterCache(
          "stowage", {.claim =
                          [](std::string_view key) {
                            auto out = std::make_shared<api::PersistentVolumeClaim>();
                            out->meta.ns = "ns";
                            out->meta.name = key.substr(3);
                            out->meta.annotations["pv.kubernetes.io/bind-completed"] = "yes";
                            out->volume_name = "v";
                            out->access_modes = {"ReadWriteOncePod"};
                            out->phase = "Bound";
                            return out;
                          },
                      .volume = [](std::string_view) { return std::make_shared<api::PersistentVolume>(); }})};
  world.node(make_node("n"));
  for (const char* name : {"a", "b"}) {
    auto pod = make_pod(name);
    pod.pod.spec.volumes = {{.name = "data", .claim = "alone"}};
    world.pod(pod);
  }
  CHECK(world.run() == std::map<std::string, std::string>{{"a", "n"}});
  CHECK_THAT(world.cycle.pending("uid-b")->message, Catch::Contains("ReadWriteOncePod"));
  world.remove_pod("a");
  CHECK(world.run() == std::map<std::string, std::string>{{"b", "n"}});
}
