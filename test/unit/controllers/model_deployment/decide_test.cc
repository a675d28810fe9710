#include "controllers/model_deployment/decide.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "world.h"

using namespace stowage;
using namespace stowage::model_deployment;
using namespace stowage::model_deployment::test;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

using Pair = std::pair<int32_t, int32_t>;

std::set<int32_t> deleted_replicas(const Plan& plan) {
  std::set<int32_t> out;
  for (const auto& gone : plan.deletes)
    out.insert(gone.replica);
  return out;
}

void settle(Cluster& cluster, int rounds = 20) {
  for (int i = 0; i < rounds; ++i) {
    cluster.carry_out(cluster.decide());
    cluster.finish_terminating();
    cluster.all_ready();
  }
}

}  // namespace

TEST_CASE(
    "two replicas wanted and none there: pods of replicas 0 and 1, first attempt, nothing to remember") {
  Cluster cluster(2, 2);
  const Plan plan = cluster.decide();
  REQUIRE(plan.creates.size() == 4);
  CHECK(plan.creates[0].replica == 0);
  CHECK(plan.creates[0].attempt == 0);
  CHECK(plan.creates[1].rank == 1);
  CHECK(plan.creates[3].replica == 1);
  CHECK(plan.attempts.empty());
  CHECK(plan.deletes.empty());
}

TEST_CASE("a pod of ours whose labels were changed by hand: it goes, and its group is replaced whole") {
  Cluster cluster(1, 2);
  cluster.group(0, kNew);
  cluster.at(0, 1).fact.rank = -1;
  const std::string stray = cluster.world.members[1].fact.meta.uid;
  const Plan plan = cluster.decide();
  REQUIRE(plan.deletes.size() == 2);
  CHECK(std::ranges::any_of(plan.deletes, [&](const PodDelete& gone) {
    return gone.uid == stray && gone.why == GroupEnd::kRelabelled && gone.replica == -1;
  }));
  CHECK(plan.creates.size() == 2);
  CHECK(plan.creates[0].attempt == 1);
  // One that somebody else owns is none of our business.
  cluster.world.members[1].fact.meta.owners.clear();
  CHECK(cluster.decide().deletes.size() == 1);
}

TEST_CASE("a pod's group size was changed by hand: the revision knows better, and a missing pod is missed") {
  Cluster cluster(1, 2);
  cluster.group(0, kNew);
  for (const int32_t size : {1, -1, 7}) {
    cluster.at(0).fact.group_size = size;
    CHECK(cluster.decide().deletes.empty());
  }
  cluster.at(0).fact.group_size = 1;
  cluster.world.members.pop_back();
  const Plan plan = cluster.decide();
  CHECK(plan.deletes.size() == 1);
  CHECK(plan.creates.size() == 2);
}

TEST_CASE("attempt numbers that we never wrote: no overflow, and replicas go on") {
  Cluster cluster(1);
  cluster.world.attempts = {{.replica = 0, .attempt = 2'147'483'647}, {.replica = -1, .attempt = 3}};
  CHECK(cluster.decide().creates.at(0).attempt == 0);
  // Somebody's pod under a name that looks like ours.
  cluster.world.attempts.clear();
  cluster.pod(0, 999'999'999, 0, 1, kNew).fact.meta.owners.clear();
  const Plan plan = cluster.decide();
  REQUIRE(plan.creates.size() == 1);
  CHECK(plan.creates[0].attempt == 0);
}

TEST_CASE("everything is ready: nothing is done") {
  Cluster cluster(2, 2);
  cluster.group(0, kNew).group(1, kNew);
  const Plan plan = cluster.decide();
  CHECK(plan.creates.empty());
  CHECK(plan.deletes.empty());
  CHECK(plan.replicas.size() == 2);
  CHECK(plan.replicas[0].ready);
}

TEST_CASE("a group that was interrupted while it was made and is unbound: only the missing pod is made") {
  Cluster cluster(1, 3);
  cluster.pod(0, 0, 0, 3, kNew);
  cluster.pod(0, 0, 2, 3, kNew);
  const Plan plan = cluster.decide();
  REQUIRE(plan.creates.size() == 1);
  CHECK(plan.creates[0].rank == 1);
  CHECK(plan.creates[0].attempt == 0);
  CHECK(plan.deletes.empty());
}

TEST_CASE("a member of a running group was deleted: the group is replaced whole, free of budget") {
  Cluster cluster(1, 2);
  cluster.group(0, kNew);
  cluster.world.members.pop_back();
  const Plan plan = cluster.decide();
  CHECK(plan.deletes.size() == 1);
  CHECK(plan.deletes[0].why == GroupEnd::kMemberGone);
  REQUIRE(plan.creates.size() == 2);
  CHECK(plan.creates[0].attempt == 1);
  REQUIRE(plan.attempts.size() == 1);
  CHECK(plan.attempts[0].attempt == 1);
  CHECK(plan.attempts[0].restarts == 0);
}

TEST_CASE("a single pod is being deleted by hand: its successor starts at once under another name") {
  Cluster cluster(2);
  cluster.group(0, kNew).group(1, kNew);
  cluster.at(1).fact.meta.deleted = cluster.world.now;
  const Plan plan = cluster.decide();
  CHECK(plan.deletes.empty());
  REQUIRE(plan.creates.size() == 1);
  CHECK(plan.creates[0].replica == 1);
  CHECK(plan.creates[0].attempt == 1);
}

TEST_CASE("a pod of a group fails by itself: the whole group restarts and one restart is counted") {
  Cluster cluster(1, 2);
  cluster.group(0, kNew);
  cluster.fail(cluster.at(0, 1));
  const Plan plan = cluster.decide();
  CHECK(plan.deletes.size() == 2);
  REQUIRE(plan.attempts.size() == 1);
  CHECK(plan.attempts[0].restarts == 1);
  CHECK(plan.attempts[0].attempt == 1);
}

TEST_CASE(
    "somebody else holds the name of a pod that is still to be made: the group starts anew, free of budget") {
  Cluster cluster(1, 2);
  cluster.pod(0, 0, 0, 2, kNew);
  cluster.world.taken = {{0, 0}, {0, 1}};
  const Plan plan = cluster.decide();
  REQUIRE(plan.deletes.size() == 1);
  CHECK(plan.deletes[0].why == GroupEnd::kNameTaken);
  REQUIRE(plan.creates.size() == 2);
  CHECK(plan.creates[0].attempt == 2);
  REQUIRE(plan.attempts.size() == 1);
  CHECK(plan.attempts[0].attempt == 2);
  CHECK(plan.attempts[0].restarts == 0);
}

TEST_CASE("a name of an attempt is taken and all its pods are there: nothing is done") {
  Cluster cluster(1, 2);
  cluster.group(0, kNew);
  cluster.world.taken = {{0, 0}};
  const Plan plan = cluster.decide();
  CHECK(plan.deletes.empty());
  CHECK(plan.creates.empty());
}

TEST_CASE("a restart was recorded and the process died before the first delete: it is counted once") {
  Cluster cluster(1, 2);
  cluster.group(0, kNew);
  cluster.fail(cluster.at(0, 1));
  cluster.world.attempts = cluster.decide().attempts;
  const Plan again = cluster.decide();
  CHECK(again.deletes.size() == 2);
  CHECK(again.attempts == cluster.world.attempts);
  CHECK(again.creates.front().attempt == 1);
}

TEST_CASE(
    "a restart was recorded, the old pods are gone and the process died: the promised attempt is made") {
  Cluster cluster(1, 2);
  cluster.world.attempts = {{0, 3, 2, cluster.world.now}};
  const Plan plan = cluster.decide();
  REQUIRE(plan.creates.size() == 2);
  CHECK(plan.creates[0].attempt == 3);
  CHECK(plan.attempts == cluster.world.attempts);
}

TEST_CASE(
    "somebody took all pods of an attempt away between two looks: the next attempt has another number") {
  Cluster cluster(1, 2);
  SECTION("its number was recorded") {
    cluster.world.attempts = {{0, 3, 2, cluster.world.now}};
  }
  SECTION("nothing was recorded") {}
  cluster.world.made = {{0, 3}};
  const Plan plan = cluster.decide();
  REQUIRE(plan.creates.size() == 2);
  CHECK(plan.creates[0].attempt == 4);
  REQUIRE(plan.attempts.size() == 1);
  CHECK(plan.attempts[0].attempt == 4);
}

TEST_CASE("failures that come from outside: replaced free of budget") {
  Cluster cluster(1, 2);
  cluster.group(0, kNew);
  SECTION("evicted") {
    cluster.fail(cluster.at(0, 1), PodEnd::kDisrupted);
  }
  SECTION("the node is gone, and the other rank fails because of it") {
    cluster.at(0, 0).node_gone = true;
    cluster.fail(cluster.at(0, 1));
  }
  SECTION("one rank was preempted, and the other fails because of it") {
    cluster.fail(cluster.at(0, 0));
    cluster.fail(cluster.at(0, 1), PodEnd::kDisrupted);
  }
  const Plan plan = cluster.decide();
  CHECK(plan.deletes.size() == 2);
  REQUIRE(plan.attempts.size() == 1);
  CHECK(plan.attempts[0].restarts == 0);
  CHECK(plan.creates.size() == 2);
}

TEST_CASE("the kubelet refuses a pod that was just made: replaced after a pause, free of budget") {
  Cluster cluster(1);
  cluster.group(0, kNew);
  cluster.fail(cluster.at(0), PodEnd::kRejected);
  const Plan first = cluster.decide();
  CHECK(first.creates.empty());
  REQUIRE(first.again);
  cluster.world.now += *first.again;
  const Plan second = cluster.decide();
  CHECK(second.creates.size() == 1);
  CHECK(second.attempts[0].restarts == 0);
}

TEST_CASE("the wall clock fell back by a day: a pause ends when this process has waited for it") {
  Cluster cluster(1, 2);
  cluster.group(0, kNew);
  SECTION("refused by a kubelet") {
    cluster.fail(cluster.at(0, 1), PodEnd::kRejected);
  }
  SECTION("failed by itself, for the second time") {
    cluster.fail(cluster.at(0, 1));
    cluster.world.attempts = {{0, 0, 1, cluster.world.now}};
  }
  cluster.world.now -= std::chrono::hours(24);
  const Plan held = cluster.decide();
  CHECK(held.deletes.empty());
  REQUIRE(held.waiting.contains({0, 0}));
  cluster.world.waited = {{{0, 0}, Millis{10'000}}};
  CHECK(cluster.decide().creates.size() == 2);
}

TEST_CASE("a group that fails again and again: longer and longer pauses, then it is left as it is") {
  Cluster cluster(1, 2);
  cluster.world.limits.budget_restarts = 3;
  cluster.group(0, kNew);
  std::vector<Millis> pauses;
  for (int i = 0; i < 4; ++i) {
    cluster.fail(cluster.at(0, 0));
    Plan plan = cluster.decide();
    Millis paused{0};
    while (plan.creates.empty() && plan.again && !plan.replicas[0].spent) {
      paused += *plan.again;
      cluster.world.now += *plan.again;
      plan = cluster.decide();
    }
    if (plan.replicas[0].spent) break;
    pauses.push_back(paused);
    cluster.carry_out(plan);
    cluster.finish_terminating();
    cluster.all_ready();
  }
  CHECK(pauses == std::vector<Millis>{Millis{0}, Millis{10'000}, Millis{20'000}});
  const Plan plan = cluster.decide();
  CHECK(plan.replicas[0].spent);
  CHECK(plan.deletes.empty());
  SECTION("a new revision gives it a new life") {
    cluster.world.revision = "m-fix";
    cluster.world.group_sizes["m-fix"] = 2;
    const Plan fixed = cluster.decide();
    CHECK(fixed.creates.size() == 2);
    CHECK(fixed.attempts[0].restarts == 0);
  }
}

TEST_CASE("a group that ran for longer than the window: its old failures are forgiven") {
  Cluster cluster(1, 2);
  cluster.group(0, kNew, 4);
  cluster.world.attempts = {{0, 4, 5, cluster.world.now}};
  cluster.pass(minutes(61));
  cluster.fail(cluster.at(0, 0));
  const Plan plan = cluster.decide();
  CHECK_FALSE(plan.replicas[0].spent);
  CHECK(plan.attempts[0].restarts == 1);
}

TEST_CASE("scale up past a gap: the smallest free number is used, above attempts that still terminate") {
  Cluster cluster(3);
  cluster.group(0, kNew).group(2, kNew);
  cluster.pod(1, 6, 0, 1, kNew).fact.meta.deleted = cluster.world.now;
  const Plan plan = cluster.decide();
  REQUIRE(plan.creates.size() == 1);
  CHECK(plan.creates[0].replica == 1);
  CHECK(plan.creates[0].attempt == 7);
}

TEST_CASE("a pod of a former ModelDeployment of the same name: never touched, its name never used") {
  Cluster cluster(1);
  Member& stranger = cluster.pod(0, 2, 0, 1, kOld);
  stranger.fact.meta.owners[0].uid = "another";
  const Plan plan = cluster.decide();
  CHECK(plan.deletes.empty());
  REQUIRE(plan.creates.size() == 1);
  CHECK(plan.creates[0].attempt == 3);
}

TEST_CASE(
    "scale down: replicas that are not ready go first, then the highest numbers; entries go with them") {
  Cluster cluster(2);
  cluster.group(0, kNew).group(1, kNew).group(2, kNew).group(3, kNew);
  cluster.at(1).fact.ready = false;
  cluster.world.attempts = {{3, 0, 1, cluster.world.now}};
  const Plan plan = cluster.decide();
  CHECK(deleted_replicas(plan) == std::set<int32_t>{1, 3});
  CHECK(plan.attempts.empty());
}

TEST_CASE("suspended: all pods go, nothing is made") {
  Cluster cluster(0, 2);
  cluster.group(0, kNew).group(1, kOld);
  const Plan plan = cluster.decide();
  CHECK(plan.deletes.size() == 4);
  CHECK(plan.creates.empty());
}

TEST_CASE("rollout with surge 1 and unavailable 0: one more group first, an old one goes when it is ready") {
  Cluster cluster(2, 2);
  cluster.limits(1, 0).group(0, kOld).group(1, kOld);
  Plan plan = cluster.decide();
  CHECK(plan.deletes.empty());
  REQUIRE(plan.creates.size() == 2);
  CHECK(plan.creates[0].replica == 2);
  cluster.carry_out(plan);
  CHECK(cluster.decide().deletes.empty());
  cluster.all_ready();
  plan = cluster.decide();
  CHECK(deleted_replicas(plan).size() == 1);
  cluster.carry_out(plan);
  CHECK(cluster.ready_groups() == 2);
  CHECK(cluster.live().size() == 3);
  settle(cluster);
  CHECK(cluster.revisions() == std::set<std::string>{kNew});
  CHECK(cluster.live().size() == 2);
}

TEST_CASE("rollout with surge 0 and unavailable 1: an old group makes room for its own successor") {
  Cluster cluster(3);
  cluster.limits(0, 1).group(0, kOld).group(1, kOld).group(2, kOld);
  const Plan plan = cluster.decide();
  CHECK(deleted_replicas(plan) == std::set<int32_t>{0});
  REQUIRE(plan.creates.size() == 1);
  CHECK(plan.creates[0].replica == 0);
  CHECK(plan.creates[0].attempt == 1);
  cluster.carry_out(plan);
  cluster.finish_terminating();
  CHECK(cluster.decide().deletes.empty());
  settle(cluster);
  CHECK(cluster.revisions() == std::set<std::string>{kNew});
  CHECK(cluster.live() == std::set<Pair>{{0, 1}, {1, 1}, {2, 1}});
}

TEST_CASE("an old replica is not ready: it is replaced first and does not count as unavailable") {
  Cluster cluster(3);
  cluster.limits(0, 1).group(0, kOld).group(1, kOld).group(2, kOld);
  cluster.at(2).fact.ready = false;
  const Plan plan = cluster.decide();
  CHECK(deleted_replicas(plan) == std::set<int32_t>{2});
  cluster.carry_out(plan);
  cluster.all_ready();
  CHECK(deleted_replicas(cluster.decide()) == std::set<int32_t>{0});
}

TEST_CASE("a second change while the first rolls: groups of the middle revision are replaced at once") {
  Cluster cluster(2);
  cluster.limits(1, 0).group(0, kOld).group(1, kOld);
  cluster.carry_out(cluster.decide());
  cluster.world.revision = "m-newest";
  cluster.world.group_sizes["m-newest"] = 1;
  const Plan plan = cluster.decide();
  CHECK(deleted_replicas(plan) == std::set<int32_t>{2});
  REQUIRE(plan.creates.size() == 1);
  CHECK(plan.creates[0].revision == "m-newest");
  cluster.carry_out(plan);
  settle(cluster);
  CHECK(cluster.revisions() == std::set<std::string>{"m-newest"});
}

TEST_CASE("back to the old revision in the middle: the new one's group goes, the old ones stay untouched") {
  Cluster cluster(2);
  cluster.limits(1, 0).group(0, kOld).group(1, kOld);
  cluster.carry_out(cluster.decide());
  cluster.world.revision = kOld;
  const Plan plan = cluster.decide();
  CHECK(deleted_replicas(plan) == std::set<int32_t>{2});
  CHECK(plan.creates.empty());
}

TEST_CASE(
    "the new revision is past its deadline: old replicas are repaired with their own revision, none "
    "replaced") {
  Cluster cluster(3);
  cluster.limits(1, 0).group(0, kOld).group(1, kOld).group(2, kOld);
  cluster.carry_out(cluster.decide());
  cluster.pass(minutes(31));
  cluster.at(1).node_gone = true;
  const Plan plan = cluster.decide();
  CHECK(plan.overdue);
  CHECK(deleted_replicas(plan) == std::set<int32_t>{1});
  REQUIRE(plan.creates.size() == 1);
  CHECK(plan.creates[0].revision == kOld);
}

TEST_CASE("a change from one node to two: new groups have the new size, old ones are whole with the old") {
  Cluster cluster(1);
  cluster.limits(1, 0).group(0, kOld);
  cluster.world.group_sizes[kNew] = 2;
  const Plan plan = cluster.decide();
  CHECK(plan.deletes.empty());
  REQUIRE(plan.creates.size() == 2);
  CHECK(plan.creates[0].group_size == 2);
}

TEST_CASE("no revision could be made: what runs is left, surplus goes, nothing is added") {
  Cluster cluster(3);
  cluster.group(0, kOld).group(1, kOld);
  cluster.world.revision.clear();
  const Plan plan = cluster.decide();
  CHECK(plan.deletes.empty());
  CHECK(plan.creates.empty());
}

TEST_CASE(
    "the process died between two deletes of a scale-down: the rest of the group goes, none comes back") {
  Cluster cluster(1, 2);
  cluster.group(0, kNew).group(1, kNew);
  cluster.at(1, 0).fact.meta.deleted = cluster.world.now;
  const Plan plan = cluster.decide();
  CHECK(deleted_replicas(plan) == std::set<int32_t>{1});
  CHECK(plan.creates.empty());
}

TEST_CASE("the same world twice: the same plan") {
  Cluster cluster(3, 2);
  cluster.group(2, kOld).group(0, kNew).group(1, kOld);
  const Plan first = cluster.decide();
  std::reverse(cluster.world.members.begin(), cluster.world.members.end());
  const Plan second = cluster.decide();
  REQUIRE(first.creates.size() == second.creates.size());
  for (size_t i = 0; i < first.creates.size(); ++i)
    CHECK(first.creates[i].replica == second.creates[i].replica);
  CHECK(first.attempts == second.attempts);
}

TEST_CASE("a gang of which one pod is bound and the other finds no room: replaced whole after a pause") {
  Cluster cluster(1, 2);
  cluster.pod(0, 0, 0, 2, kNew);
  cluster.pod(0, 0, 1, 2, kNew);
  cluster.at(0).fact.node = "n0";
  // Whatever the API server's clock says: the pause is what this process saw.
  for (const auto skew : {std::chrono::hours{-1}, std::chrono::hours{1}}) {
    for (Member& member : cluster.world.members)
      member.fact.meta.created = cluster.world.now + skew;
    cluster.world.waited.clear();
    const Plan first = cluster.decide();
    CHECK(first.deletes.empty());
    CHECK(first.waiting.contains({0, 0}));
    CHECK(first.again == Millis{7'000});
    cluster.world.waited[{0, 0}] = Millis{6'000};
    CHECK(cluster.decide().deletes.empty());
    CHECK(cluster.decide().again == Millis{1'000});
  }

  cluster.world.waited[{0, 0}] = Millis{7'000};
  const Plan plan = cluster.decide();
  REQUIRE(plan.deletes.size() == 2);
  CHECK(plan.deletes[0].why == GroupEnd::kHalfBound);
  REQUIRE(plan.creates.size() == 2);
  CHECK(plan.creates[0].attempt == 1);
  CHECK(plan.attempts[0].restarts == 0);
}

namespace {

/// The kubelet has started its container again and again; it waits for the next time.
void crash(Cluster& cluster, int32_t failures, std::chrono::seconds last_run = std::chrono::seconds(1)) {
  PodFact& fact = cluster.at(0).fact;
  fact.node = "node";
  fact.ready = fact.running = false;
  fact.failures = failures;
  fact.last_run = last_run;
}

}  // namespace

TEST_CASE("a pod alone fails as often as its budget permits: not spent; once more: spent, and it stays") {
  Cluster cluster(1);
  cluster.group(0, kNew);
  cluster.world.limits.budget_restarts = 3;
  crash(cluster, 3);
  CHECK_FALSE(cluster.decide().replicas.at(0).spent);
  crash(cluster, 4);
  Plan plan = cluster.decide();
  CHECK(plan.replicas.at(0).spent);
  CHECK(plan.deletes.empty());
  CHECK(plan.creates.empty());
  CHECK(plan.attempts.empty());
  // It is up again: nothing is held against it.
  cluster.make_ready(cluster.at(0));
  plan = cluster.decide();
  CHECK_FALSE(plan.replicas.at(0).spent);
  CHECK(plan.replicas.at(0).ready);
}

TEST_CASE("a pod alone ran for the window before it failed: earlier failures are forgiven, durably") {
  Cluster cluster(1);
  cluster.group(0, kNew);
  cluster.world.limits.budget_restarts = 3;
  crash(cluster, 8, std::chrono::hours(2));
  Plan plan = cluster.decide();
  CHECK_FALSE(plan.replicas.at(0).spent);
  REQUIRE(plan.attempts.size() == 1);
  CHECK(plan.attempts[0].forgiven == 7);
  cluster.carry_out(plan);
  crash(cluster, 10);
  CHECK_FALSE(cluster.decide().replicas.at(0).spent);
  crash(cluster, 11);
  CHECK(cluster.decide().replicas.at(0).spent);
  CHECK(cluster.decide().attempts == plan.attempts);
}
