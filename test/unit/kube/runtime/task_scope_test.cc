#include "kube/runtime/task_scope.h"

#include <catch2/catch.hpp>
#include <string>

#include "kube/runtime/notifier.h"
#include "test/support/virtual_world.h"

using stowage::Millis;
using stowage::kube::Environment;
using stowage::kube::Notifier;
using stowage::kube::TaskScope;
using stowage::test::VirtualWorld;
namespace asio = boost::asio;

namespace {

asio::awaitable<void> sleep_then_set(Environment env, Millis wait, bool& done) {
  co_await env.sleep_for(wait);
  done = true;
}

asio::awaitable<void> wait_then_set(Notifier& notifier, bool& done) {
  co_await notifier.wait();
  done = true;
}

asio::awaitable<void> timed_wait(Notifier& notifier, stowage::MonoTime deadline, std::string& out) {
  out = co_await notifier.wait_until(deadline) ? "notified" : "deadline";
}

}  // namespace

TEST_CASE("scope: tasks run under virtual time and join returns after the last") {
  VirtualWorld world;
  TaskScope scope(world.env());
  bool first = false, second = false;
  scope.spawn("first", sleep_then_set(world.env(), Millis{1'000}, first));
  scope.spawn("second", sleep_then_set(world.env(), Millis{60'000}, second));
  const auto begin = world.clock().now();
  world.run(scope.join());
  CHECK(first);
  CHECK(second);
  CHECK(world.clock().now() - begin == Millis{60'000});
}

TEST_CASE("rule 30: a cancelled scope ends what is in flight at once and starts nothing new") {
  VirtualWorld world;
  TaskScope scope(world.env());
  Notifier never(world.env());
  bool slept = false, notified = false, late = false;
  std::string raced;
  scope.spawn("sleeps", sleep_then_set(world.env(), Millis{60'000}, slept));
  scope.spawn("waits", wait_then_set(never, notified));
  scope.spawn("waits with a deadline", timed_wait(never, world.clock().now() + Millis{50'000}, raced));
  world.run_for(Millis{10});
  REQUIRE(scope.running() == 3);
  scope.cancel();
  scope.spawn("late", sleep_then_set(world.env(), Millis{1}, late));
  const auto begin = world.clock().now();
  world.run(scope.join());
  CHECK(world.clock().now() == begin);
  CHECK_FALSE(slept);
  CHECK_FALSE(notified);
  CHECK_FALSE(late);
  CHECK(raced.empty());
  CHECK(world.timers().waiting() == 0);
}

TEST_CASE("rule 31: draining asks workers to end, waits for them, and leaves the others running") {
  VirtualWorld world;
  TaskScope scope(world.env());
  Notifier stop(world.env());
  bool worker = false, other = false;
  scope.spawn_worker("worker", wait_then_set(stop, worker), [&] { stop.notify_all(); });
  scope.spawn("other", sleep_then_set(world.env(), Millis{60'000}, other));
  world.settle();
  CHECK(world.run(scope.drain(Millis{5'000})));
  CHECK(worker);
  CHECK_FALSE(other);
  CHECK(scope.running() == 1);
}

TEST_CASE("rule 31: a worker that does not end in time makes draining give up at its limit") {
  VirtualWorld world;
  TaskScope scope(world.env());
  bool worker = false;
  scope.spawn_worker("stuck", sleep_then_set(world.env(), Millis{60'000}, worker), [] {});
  const auto begin = world.clock().now();
  CHECK_FALSE(world.run(scope.drain(Millis{5'000})));
  CHECK(world.clock().now() - begin == Millis{5'000});
}

TEST_CASE("notifier: the deadline ends a wait that nobody ends, and a notification comes first") {
  VirtualWorld world;
  Notifier notifier(world.env());
  TaskScope scope(world.env());
  std::string late, early;
  scope.spawn("late", timed_wait(notifier, world.clock().now() + Millis{100}, late));
  world.run_for(Millis{200});
  CHECK(late == "deadline");
  scope.spawn("early", timed_wait(notifier, world.clock().now() + Millis{100}, early));
  world.run_for(Millis{50});
  notifier.notify_all();
  world.settle();
  CHECK(early == "notified");
  CHECK(world.timers().waiting() == 0);
}
