#include "kube/runtime/leader_elector.h"

#include <catch2/catch.hpp>
#include <memory>
#include <optional>

#include "kube/runtime/task_scope.h"
#include "test/support/lease_server.h"
#include "test/support/virtual_world.h"

using namespace stowage;
using kube::Client;
using kube::LeaderElector;
using kube::TaskScope;
using test::LeaseServer;
using test::VirtualWorld;
namespace asio = boost::asio;

namespace {

/// A candidate that tries for the lease and holds it until it is lost.
struct Candidate {
  Candidate(VirtualWorld& world, LeaseServer& server, std::string identity)
      : client(server.transport(), "test/1"),
        elector(world.env(), client, test::test_lease(std::move(identity))),
        scope(world.env()) {
    scope.spawn("candidate", live());
  }
  asio::awaitable<void> live() {
    co_await elector.acquire();
    won = true;
    outcome = co_await elector.hold();
  }
  [[nodiscard]] bool lost() const { return outcome && !*outcome; }

  Client client;
  LeaderElector elector;
  bool won = false;
  std::optional<Result<void>> outcome;
  TaskScope scope;
};

/// "a" has led for ten seconds, "b" stands by, and "a" has just died as by kill -9: nothing was released.
struct DeadHolder {
  DeadHolder() {
    world.run_for(Millis{1'000});
    b = std::make_unique<Candidate>(world, server, "b");
    world.run_for(Millis{9'000});
    a.scope.cancel();
    world.settle();
  }
  VirtualWorld world;
  LeaseServer server{world.env()};
  Candidate a{world, server, "a"};
  std::unique_ptr<Candidate> b;
};

}  // namespace

TEST_CASE("leader election: the first candidate creates the lease and keeps it by renewing every 2 s") {
  VirtualWorld world;
  LeaseServer server(world.env());
  Candidate a(world, server, "a");
  world.run_for(Millis{60'000});
  CHECK(a.won);
  CHECK(a.elector.leading());
  CHECK(server.holder() == "a");
  CHECK(server.renewals() >= 28);
  CHECK(server.renewals() <= 31);
}

TEST_CASE("leader election: a standby watches the lease instead of polling it") {
  VirtualWorld world;
  LeaseServer server(world.env());
  Candidate a(world, server, "a");
  world.run_for(Millis{1'000});
  Candidate b(world, server, "b");
  world.run_for(Millis{240'000});
  CHECK_FALSE(b.won);
  CHECK(b.elector.known());
  CHECK_FALSE(b.elector.leading());
  CHECK(server.gets() <= 3);
  CHECK(server.transport().streams().size() == 1);
}

TEST_CASE("leader election: a holder that stops renewing is replaced after its lease, and not before") {
  DeadHolder s;
  const auto died = s.world.clock().now();
  s.world.run_for(Millis{12'000});
  CHECK_FALSE(s.b->won);
  REQUIRE(s.world.run_until([&] { return s.b->won; }, Millis{10'000}));
  CHECK(s.world.clock().now() - died <= Millis{17'000});
  CHECK(s.server.holder() == "b");
  CHECK(s.server.transitions() == 1);
}

TEST_CASE("leader election: an annotation on the lease does not lengthen a dead holder's term") {
  DeadHolder s;
  s.world.run_for(Millis{10'000});
  s.server.annotate();
  REQUIRE(s.world.run_until([&] { return s.b->won; }, Millis{7'000}));
  CHECK(s.server.transitions() == 1);
}

TEST_CASE("rule 30: a released lease is taken by the standby at once") {
  VirtualWorld world;
  LeaseServer server(world.env());
  Candidate a(world, server, "a");
  world.run_for(Millis{1'000});
  Candidate b(world, server, "b");
  world.run_for(Millis{10'000});
  a.scope.cancel();
  world.settle();
  world.run(a.elector.release());
  const auto released = world.clock().now();
  CHECK_FALSE(a.elector.leading());
  CHECK(a.elector.fence() == MonoTime::min());
  REQUIRE(world.run_until([&] { return b.won; }, Millis{5'000}));
  CHECK(world.clock().now() - released <= Millis{1'000});
}

TEST_CASE(
    "rule 30: without an answer the holder gives up after 10 s, before its fence and before its lease ends") {
  VirtualWorld world;
  LeaseServer server(world.env());
  Candidate a(world, server, "a");
  REQUIRE(world.run_until([&] { return server.renewals() == 5; }));
  const auto renewed = world.clock().now();
  server.set_down(true);
  const auto fence = a.elector.fence();
  CHECK(fence > renewed + Millis{10'000});
  CHECK(fence < renewed + Millis{15'000});
  REQUIRE(world.run_until([&] { return a.lost(); }, Millis{60'000}));
  CHECK(world.clock().now() >= renewed + Millis{9'900});
  CHECK(world.clock().now() < fence);
  CHECK_FALSE(a.elector.leading());
}

TEST_CASE("leader election: the rest of a millisecond before giving up is not filled with attempts") {
  VirtualWorld world;
  LeaseServer server(world.env());
  Candidate a(world, server, "a");
  REQUIRE(world.run_until([&] { return server.renewals() == 5; }));
  int refused = 0;
  server.transport().on_call([&](const kube::HttpRequest&) {
    // The first one is read 300 us late: from then on nothing falls on whole milliseconds.
    if (++refused == 1) world.clock().advance_to(world.clock().now() + std::chrono::microseconds{300});
    return test::ScriptedTransport::Reply{.result = fail(Code::kUnavailable, "refused"),
                                          .after = refused < 100 ? Millis{0} : Millis{60'000}};
  });
  REQUIRE(world.run_until([&] { return a.lost(); }, Millis{30'000}));
  CHECK(refused < 20);
}

TEST_CASE("rule 30: the fence counts from the moment a renewal was sent, not from its answer") {
  VirtualWorld world;
  LeaseServer server(world.env());
  Candidate a(world, server, "a");
  world.run_for(Millis{10'000});
  // Every answer takes 3 s: the fence must not move past sent + lease.
  MonoTime sent{};
  server.transport().on_call([&](const kube::HttpRequest&) {
    sent = world.clock().now();
    return test::ScriptedTransport::Reply{
        .result = test::ok_response(
            R"({"metadata":{"resourceVersion":"999"},"spec":{"holderIdentity":"a","leaseDurationSeconds":15}})"),
        .after = Millis{3'000}};
  });
  world.run_for(Millis{6'000});
  CHECK(a.elector.fence() <= sent + Millis{15'000});
  CHECK(a.elector.fence() < world.clock().now() + Millis{15'000});
}

TEST_CASE("rule 30: a lease whose answer came late is renewed before the term begins") {
  VirtualWorld world;
  LeaseServer server(world.env());
  server.delay_next_reply(Millis{4'500});
  Candidate a(world, server, "a");
  REQUIRE(world.run_until([&] { return a.won; }, Millis{10'000}));
  CHECK(server.renewals() == 1);
  CHECK(a.elector.fence() > world.clock().now() + Millis{12'000});
}

TEST_CASE("rule 30: a holder that stood still past its fence is out, though the lease still names it") {
  VirtualWorld world;
  LeaseServer server(world.env());
  Candidate a(world, server, "a");
  world.run_for(Millis{9'000});
  REQUIRE(a.elector.leading());
  const int renewals = server.renewals();
  world.clock().advance_to(a.elector.fence() + Millis{1});
  REQUIRE(world.run_until([&] { return a.lost(); }, Millis{1'000}));
  CHECK(server.renewals() == renewals);
  CHECK(server.holder() == "a");
  CHECK_FALSE(a.elector.leading());
}

TEST_CASE("rule 30: wall clocks may jump by a day without anybody losing or stealing the lease") {
  VirtualWorld world;
  LeaseServer server(world.env());
  Candidate a(world, server, "a");
  world.run_for(Millis{5'000});
  Candidate b(world, server, "b");
  world.run_for(Millis{5'000});
  world.clock().jump_wall(std::chrono::hours{24});
  world.run_for(Millis{60'000});
  world.clock().jump_wall(-std::chrono::hours{48});
  world.run_for(Millis{60'000});
  CHECK(a.elector.leading());
  CHECK_FALSE(b.won);
}

TEST_CASE("leader election: a lease stolen by a rival ends the term at the next renewal") {
  VirtualWorld world;
  LeaseServer server(world.env());
  Candidate a(world, server, "a");
  world.run_for(Millis{5'000});
  server.write("rival");
  REQUIRE(world.run_until([&] { return a.lost(); }, Millis{5'000}));
  CHECK(a.outcome->error().message.find("rival") != std::string::npos);
}

TEST_CASE("rule 15: a conflict on renewal is settled by reading again, without losing the lease") {
  VirtualWorld world;
  LeaseServer server(world.env());
  Candidate a(world, server, "a");
  world.run_for(Millis{5'000});
  server.conflict_next();
  world.run_for(Millis{30'000});
  CHECK(a.elector.leading());
  CHECK(server.holder() == "a");
}

TEST_CASE("rule 14: an acquisition whose answer was lost is recognised as ours") {
  VirtualWorld world;
  LeaseServer server(world.env());
  server.lose_next_reply();
  Candidate a(world, server, "a");
  REQUIRE(world.run_until([&] { return a.won; }, Millis{10'000}));
  CHECK(server.holder() == "a");
}

TEST_CASE("leader election: two candidates for one free lease, one wins") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    VirtualWorld world(seed);
    LeaseServer server(world.env());
    Candidate a(world, server, "a");
    Candidate b(world, server, "b");
    world.run_for(Millis{30'000});
    CHECK(a.won != b.won);
  }
}

TEST_CASE("leader election: an unreachable server is told once, and tried again until it answers") {
  VirtualWorld world;
  LeaseServer server(world.env());
  server.set_down(true);
  Candidate a(world, server, "a");
  world.run_for(Millis{120'000});
  CHECK_FALSE(a.elector.known());
  CHECK(world.log().count("cannot read or take the lease") == 1);
  server.set_down(false);
  CHECK(world.run_until([&] { return a.won; }, Millis{15'000}));
}
