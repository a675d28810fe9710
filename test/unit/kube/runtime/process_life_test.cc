#include "kube/runtime/process_life.h"

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kube/runtime/controller.h"
#include "test/support/lease_server.h"
#include "test/support/virtual_world.h"

using namespace stowage;
using kube::Client;
using kube::Component;
using kube::ComponentContext;
using kube::Controller;
using kube::LifeOptions;
using kube::Metrics;
using kube::ProcessLife;
using kube::Resource;
using kube::TaskScope;
using test::LeaseServer;
using test::ScriptedTransport;
using test::VirtualWorld;
namespace asio = boost::asio;

namespace {

const Resource kThings{.group = "", .version = "v1", .plural = "things", .kind = "Thing"};

/// Reconciles by one POST that takes a second; tells what happens in a story.
class Writer final : public Component {
 public:
  Writer(ComponentContext context, std::vector<std::string>& story)
      : context_(std::move(context)), story_(story) {}

  void start(TaskScope& caches) override { caches.spawn("cache", cache()); }
  kube::Async<void> lead(TaskScope& scope) override {
    if (fail_lead) co_return fail(Code::kUnavailable, "no barrier");
    story_.emplace_back("lead");
    controller_.start(scope, 1);
    co_return Result<void>{};
  }
  [[nodiscard]] Result<void> ready() const override { return {}; }
  Controller& controller() { return controller_; }
  bool fail_lead = false;

 private:
  asio::awaitable<void> cache() {
    story_.emplace_back("cache");
    co_await context_.env.sleep_for(Millis{24LL * 3'600'000});
  }
  asio::awaitable<Result<kube::Action>> reconcile(std::string key) {
    const auto written = co_await context_.client.create(kThings, "ns", "{}", "test");
    story_.push_back(key + (written ? " written" : " " + std::string(to_string(written.error().code))));
    if (written)
      context_.events.record({.api_version = "v1", .kind = "Thing", .ns = "ns", .name = key, .uid = "u"},
                             "Normal", "Written", "done");
    if (!written) co_return std::unexpected(written.error());
    co_return kube::Action::await_change();
  }

  ComponentContext context_;
  std::vector<std::string>& story_;
  Controller controller_{context_.env, "writer",
                         [this](std::string key) { return reconcile(std::move(key)); }};
};

kube::ConfigSection no_config() {
  return kube::ConfigFile::parse("", "none", "OperatorConfig")->root();
}

/// One replica on a lease server.
struct Replica {
  Replica(VirtualWorld& world, LeaseServer& server, std::string identity, bool elect = true)
      : life(world.env(), server.transport(),
             LifeOptions{.name = "test",
                         .user_agent = "test/1",
                         .leader_elect = elect,
                         .lease = test::test_lease(std::move(identity))}),
        writer(life.context(metrics, no_config()), story) {
    world.spawn(run());
    world.settle();
  }
  asio::awaitable<void> run() { exit_code = co_await life.run(writer); }

  Metrics metrics;
  std::vector<std::string> story;
  ProcessLife life;
  Writer writer;
  std::optional<int> exit_code;
};

using Story = std::vector<std::string>;

/// Every write but to the lease takes a second.
ScriptedTransport::Reply slow(const kube::HttpRequest&) {
  return {.result = test::ok_response("{}"), .after = Millis{1'000}};
}

/// The requests that are writes, as "POST things", "PATCH lease", ...
Story writes(LeaseServer& server) {
  Story out;
  for (const auto& request : server.transport().requests()) {
    if (request.method == kube::Method::kGet) continue;
    const bool lease = request.target.find("/leases") != std::string::npos;
    const bool event = request.target.find("/events") != std::string::npos;
    out.emplace_back(
        lease   ? (request.body.find("\"holderIdentity\":null") != std::string::npos ? "release" : "lease")
        : event ? "event"
                : "thing");
  }
  return out;
}

}  // namespace

TEST_CASE("life: caches start at once on every replica, work only on the one with the lease") {
  VirtualWorld world;
  LeaseServer server(world.env());
  Replica a(world, server, "a");
  world.run_for(Millis{1'000});
  Replica b(world, server, "b");
  world.run_for(Millis{60'000});
  CHECK(a.story == Story{"cache", "lead"});
  CHECK(b.story == Story{"cache"});
  CHECK(a.life.leading());
  CHECK_FALSE(b.life.leading());
  CHECK(a.life.ready());
  CHECK(b.life.ready());
}

TEST_CASE("rule 30: a standby sends no write, whatever its component tries") {
  VirtualWorld world;
  LeaseServer server(world.env());
  Replica a(world, server, "a");
  world.run_for(Millis{1'000});
  Replica b(world, server, "b");
  TaskScope scope(world.env());
  b.writer.controller().start(scope, 1);  // a bug in the component
  b.writer.controller().queue().add("x");
  world.run_for(Millis{10});
  REQUIRE(b.story.size() >= 2);
  CHECK(b.story[1] == "x Cancelled");
  CHECK(std::ranges::count(writes(server), "thing") == 0);
  scope.cancel();
  world.settle();
}

TEST_CASE("rule 31: a clean end finishes the key in hand, flushes events, and releases the lease last") {
  VirtualWorld world;
  LeaseServer server(world.env());
  server.on_other(slow);
  Replica a(world, server, "a");
  world.run_for(Millis{1'000});
  a.writer.controller().queue().add("x");
  a.writer.controller().queue().add("y");
  world.run_for(Millis{200});
  const auto asked = world.clock().now();
  a.life.stop();
  a.life.stop();
  REQUIRE(world.run_until([&] { return a.exit_code.has_value(); }, Millis{30'000}));
  CHECK(a.exit_code == 0);
  CHECK(world.clock().now() - asked < Millis{3'000});
  CHECK(a.story == Story{"cache", "lead", "x written"});
  CHECK(server.holder().empty());
  const Story sent = writes(server);
  CHECK(sent.back() == "release");
  CHECK(std::ranges::count(sent, "event") == 1);
  CHECK(std::ranges::count(sent, "thing") == 1);
}

TEST_CASE("rule 31: work that never ends is cancelled, and the whole end takes less than 30 s") {
  VirtualWorld world;
  LeaseServer server(world.env());
  server.on_other([](const kube::HttpRequest&) {
    return ScriptedTransport::Reply{.result = test::ok_response("{}"), .after = Millis{29'000}};
  });
  Replica a(world, server, "a");
  world.run_for(Millis{1'000});
  a.writer.controller().queue().add("x");
  world.run_for(Millis{200});
  const auto asked = world.clock().now();
  a.life.stop();
  REQUIRE(world.run_until([&] { return a.exit_code.has_value(); }, Millis{60'000}));
  CHECK(world.clock().now() - asked < Millis{30'000});
  CHECK(a.exit_code == 0);
  CHECK(server.holder().empty());
}

TEST_CASE("rule 30: after a lost lease nothing more is sent, what is in flight is cancelled, exit code 1") {
  VirtualWorld world;
  LeaseServer server(world.env());
  server.on_other([](const kube::HttpRequest&) {
    return ScriptedTransport::Reply{.result = test::ok_response("{}"), .after = Millis{20'000}};
  });
  Replica a(world, server, "a");
  world.run_for(Millis{1'000});
  a.writer.controller().queue().add("x");
  a.writer.controller().queue().add("y");
  world.run_for(Millis{3'000});
  server.write("rival");
  REQUIRE(world.run_until([&] { return a.exit_code.has_value(); }, Millis{10'000}));
  const size_t sent = server.transport().requests().size();
  CHECK(a.exit_code == 1);
  CHECK(a.story == Story{"cache", "lead"});
  CHECK(server.holder() == "rival");
  CHECK(world.log().entries().back().fields.at("error").find("rival") != std::string::npos);
  world.run_for(Millis{120'000});
  CHECK(server.transport().requests().size() == sent);
}

TEST_CASE(
    "rule 30: after a lost lease nothing waits any more, not for a key that was to be tried again either") {
  VirtualWorld world;
  LeaseServer server(world.env());
  Replica a(world, server, "a");
  world.run_for(Millis{1'000});
  a.writer.controller().queue().add_after("x", Millis{3'600'000});
  server.write("rival");
  REQUIRE(world.run_until([&] { return a.exit_code.has_value(); }, Millis{10'000}));
  CHECK(a.exit_code == 1);
  CHECK(world.timers().waiting() == 0);
}

TEST_CASE("rule 30: no request's deadline lies behind the fence") {
  VirtualWorld world;
  LeaseServer server(world.env());
  Replica a(world, server, "a");
  world.run_for(Millis{1'000});
  const auto fence = a.life.context(a.metrics, no_config()).fence();
  a.writer.controller().queue().add("x");
  world.run_for(Millis{1});
  for (const auto& request : server.transport().requests()) {
    if (request.target.find("/things") == std::string::npos) continue;
    CHECK(world.clock().now() + request.timeout <= fence + Millis{1});
  }
  CHECK(std::ranges::count(writes(server), "thing") == 1);
}

TEST_CASE("life: a leader that ends cleanly hands over to the standby within a second") {
  VirtualWorld world;
  LeaseServer server(world.env());
  Replica a(world, server, "a");
  world.run_for(Millis{1'000});
  Replica b(world, server, "b");
  world.run_for(Millis{10'000});
  a.life.stop();
  REQUIRE(world.run_until([&] { return a.exit_code.has_value(); }));
  const auto ended = world.clock().now();
  REQUIRE(world.run_until([&] { return b.life.leading(); }, Millis{10'000}));
  CHECK(world.clock().now() - ended <= Millis{1'000});
  world.settle();
  CHECK(b.story == Story{"cache", "lead"});
}

TEST_CASE("life: stopping a standby ends it at once and leaves the lease alone") {
  VirtualWorld world;
  LeaseServer server(world.env());
  Replica a(world, server, "a");
  world.run_for(Millis{1'000});
  Replica b(world, server, "b");
  world.run_for(Millis{10'000});
  b.life.stop();
  REQUIRE(world.run_until([&] { return b.exit_code.has_value(); }, Millis{1'000}));
  CHECK(b.exit_code == 0);
  CHECK(server.holder() == "a");
}

TEST_CASE("life: a lead() that fails ends the process with exit code 1 and gives the lease back") {
  VirtualWorld world;
  LeaseServer server(world.env());
  server.set_down(true);
  Replica a(world, server, "a");
  a.writer.fail_lead = true;
  server.set_down(false);
  REQUIRE(world.run_until([&] { return a.exit_code.has_value(); }, Millis{120'000}));
  CHECK(a.exit_code == 1);
  CHECK(server.holder().empty());
}

TEST_CASE("life: without leader election work starts at once and the lease is never touched") {
  VirtualWorld world;
  LeaseServer server(world.env());
  Replica a(world, server, "a", false);
  a.writer.controller().queue().add("x");
  world.run_for(Millis{1'000});
  a.life.stop();
  REQUIRE(world.run_until([&] { return a.exit_code.has_value(); }));
  CHECK(a.story == Story{"cache", "lead", "x written"});
  CHECK_FALSE(server.exists());
}

TEST_CASE("I8: an idle leader writes nothing but its lease, an idle standby nothing at all") {
  VirtualWorld world;
  LeaseServer server(world.env());
  Replica a(world, server, "a");
  world.run_for(Millis{1'000});
  Replica b(world, server, "b");
  world.run_for(Millis{600'000});
  for (const std::string& write : writes(server))
    CHECK(write == "lease");
  CHECK(server.holder() == "a");
}
