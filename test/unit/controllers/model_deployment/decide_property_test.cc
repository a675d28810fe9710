#include <algorithm>
#include <catch2/catch.hpp>

#include "base/random.h"
#include "world.h"

using namespace stowage;
using namespace stowage::model_deployment;
using namespace stowage::model_deployment::test;

namespace {

Cluster random_cluster(Random& random) {
  const auto size = static_cast<int32_t>(1 + random.below(3));
  Cluster cluster(static_cast<int32_t>(random.below(6)), size);
  cluster.world.group_sizes["m-older"] = static_cast<int32_t>(1 + random.below(2));
  const auto surge = static_cast<int32_t>(random.below(3));
  cluster.limits(surge, static_cast<int32_t>(random.below(3)) + (surge == 0 ? 1 : 0));
  cluster.world.limits.budget_restarts = 1'000;
  const std::string revisions[] = {kOld, kNew, "m-older"};
  for (uint64_t i = random.below(7); i > 0; --i) {
    const auto replica = static_cast<int32_t>(random.below(8));
    const auto attempt = static_cast<int32_t>(random.below(3));
    const std::string& revision = revisions[random.below(3)];
    bool taken = false;
    for (const auto& m : cluster.world.members)
      taken = taken || m.fact.replica == replica;
    if (taken) continue;
    cluster.group(replica, revision, attempt);
    if (random.below(5) == 0) cluster.world.attempts.push_back({replica, attempt, 0, cluster.world.now});
  }
  for (Member& member : cluster.world.members) {
    switch (random.below(12)) {
      case 0:
        cluster.fail(member);
        break;
      case 1:
        cluster.fail(member, PodEnd::kDisrupted);
        break;
      case 2:
        member.fact.meta.deleted = cluster.world.now;
        break;
      case 3:
        member.fact.ready = false;
        break;
      case 4:
        member.node_gone = true;
        break;
      case 5:
        member.fact.ready = false, member.fact.node.clear();
        break;
      default:
        break;
    }
  }
  std::ranges::sort(cluster.world.attempts, {}, &api::ReplicaAttempt::replica);
  cluster.world.attempts.erase(
      std::unique(cluster.world.attempts.begin(), cluster.world.attempts.end(),
                  [](const auto& a, const auto& b) { return a.replica == b.replica; }),
      cluster.world.attempts.end());
  return cluster;
}

// Applies a plan only up to a random write, as a process that is killed does.
void carry_out_prefix(Cluster& cluster, Plan plan, Random& random) {
  if (random.below(4) == 0) return;  // Not even the status.
  if (random.below(3) == 0) {
    plan.deletes.resize(random.below(plan.deletes.size() + 1));
    plan.creates.clear();
  } else if (random.below(2) == 0) {
    plan.creates.resize(random.below(plan.creates.size() + 1));
  }
  cluster.carry_out(plan);
}

// Every name is given once: a second pod of the same name would be an AlreadyExists.
bool names_unique(const Cluster& cluster) {
  std::set<std::string> names;
  return std::ranges::all_of(cluster.world.members,
                             [&](const Member& m) { return names.insert(m.fact.meta.name).second; });
}

}  // namespace

TEST_CASE(
    "from any state, killed at any write: limits hold at each step and the end is what the spec asks for") {
  for (uint64_t seed = 1; seed <= 4'000; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    Cluster cluster = random_cluster(random);
    const int32_t target = cluster.world.target;
    const int32_t most = target + (target > 0 ? cluster.world.limits.max_surge : 0);
    for (int step = 0; step < 25; ++step) {
      const auto before = static_cast<int32_t>(cluster.live().size());
      const int32_t ready_before = cluster.ready_groups();
      carry_out_prefix(cluster, cluster.decide(), random);
      REQUIRE(names_unique(cluster));
      REQUIRE(static_cast<int32_t>(cluster.live().size()) <= std::max(before, most));
      // What served is taken away only while enough others serve.
      const int32_t least = std::min(ready_before, target - cluster.world.limits.max_unavailable);
      REQUIRE(cluster.ready_groups() >= least);
      if (random.below(2) == 0) cluster.finish_terminating();
      if (random.below(2) == 0) cluster.all_ready();
      cluster.pass(std::chrono::seconds(random.below(20)));
    }
    for (int step = 0; step < 40; ++step) {
      cluster.carry_out(cluster.decide());
      REQUIRE(names_unique(cluster));
      REQUIRE(static_cast<int32_t>(cluster.live().size()) <= std::max(8, most));
      cluster.finish_terminating();
      cluster.all_ready();
      cluster.pass(std::chrono::seconds(400));
    }
    REQUIRE(cluster.ready_groups() == target);
    REQUIRE(static_cast<int32_t>(cluster.live().size()) == target);
    if (target > 0) REQUIRE(cluster.revisions() == std::set<std::string>{kNew});
    const Plan rest = cluster.decide();
    REQUIRE(rest.creates.empty());
    REQUIRE(rest.deletes.empty());
    REQUIRE(rest.attempts == cluster.world.attempts);
  }
}
