#include "kube/runtime/work_queue.h"

#include <catch2/catch.hpp>
#include <vector>

#include "test/support/virtual_world.h"

using stowage::Millis;
using stowage::kube::WorkQueue;
using stowage::test::VirtualWorld;

TEST_CASE("rule 27: the same key added three times is handed out once") {
  VirtualWorld world;
  WorkQueue queue(world.env(), "test");
  queue.add("a");
  queue.add("a");
  queue.add("b");
  queue.add("a");
  CHECK(queue.depth() == 2);
  CHECK(world.run(queue.get()) == "a");
  CHECK(world.run(queue.get()) == "b");
  CHECK(queue.depth() == 0);
}

TEST_CASE("rule 27: a key that is being processed is given to no second worker, and runs again afterwards") {
  VirtualWorld world;
  WorkQueue queue(world.env(), "test");
  queue.add("a");
  CHECK(world.run(queue.get()) == "a");
  queue.add("a");
  queue.add("a");
  CHECK(queue.depth() == 0);
  queue.done("a");
  CHECK(queue.depth() == 1);
  CHECK(world.run(queue.get()) == "a");
  queue.done("a");
  CHECK(queue.depth() == 0);
}

TEST_CASE(
    "rule 27: back-off of a failing key starts at 5 ms, never passes 1000 s, and starts over after success") {
  VirtualWorld world;
  WorkQueue queue(world.env(), "test");
  world.spawn(queue.run_delays());
  const auto wait = [&] {
    const auto begin = world.clock().now();
    queue.add_rate_limited("a");
    CHECK(world.run(queue.get()) == "a");
    queue.done("a");
    return std::chrono::duration_cast<Millis>(world.clock().now() - begin);
  };
  CHECK(wait() == Millis{5});
  Millis longest{0};
  for (int i = 0; i < 60; ++i)
    longest = std::max(longest, wait());
  CHECK(longest > Millis{300'000});
  CHECK(longest <= Millis{1'000'000});
  queue.forget("a");
  CHECK(wait() == Millis{5});
}

TEST_CASE("delayed keys: the earlier of two times for one key wins") {
  VirtualWorld world;
  WorkQueue queue(world.env(), "test");
  world.spawn(queue.run_delays());
  queue.add_after("late", Millis{5'000});
  queue.add_after("a", Millis{10'000});
  queue.add_after("a", Millis{1'000});
  queue.add_after("a", Millis{60'000});
  const auto begin = world.clock().now();
  CHECK(world.run(queue.get()) == "a");
  CHECK(world.clock().now() - begin == Millis{1'000});
  queue.done("a");
  CHECK(world.run(queue.get()) == "late");
  CHECK(world.clock().now() - begin == Millis{5'000});
  world.run_for(Millis{120'000});
  CHECK(queue.depth() == 0);
}

TEST_CASE("idle queue: no timer is left behind") {
  VirtualWorld world;
  WorkQueue queue(world.env(), "test");
  world.spawn(queue.run_delays());
  queue.add_after("a", Millis{10});
  world.run_for(Millis{20});
  CHECK(world.timers().waiting() == 0);
  CHECK(queue.depth() == 1);
}

TEST_CASE("shut down: nothing waits for a delayed key any more") {
  VirtualWorld world;
  WorkQueue queue(world.env(), "test");
  bool ended = false;
  const auto run = [&]() -> boost::asio::awaitable<void> {
    co_await queue.run_delays();
    ended = true;
  };
  world.spawn(run());
  queue.add_after("a", Millis{60'000});
  world.run_for(Millis{1});
  CHECK(world.timers().waiting() == 1);
  queue.shut_down();
  world.settle();
  CHECK(ended);
  CHECK(world.timers().waiting() == 0);
}

TEST_CASE("shut down: waiting workers are told to end and nothing is taken in any more") {
  VirtualWorld world;
  WorkQueue queue(world.env(), "test");
  world.spawn(queue.run_delays());
  queue.add("a");
  queue.add_after("b", Millis{10});
  queue.shut_down();
  queue.add("c");
  CHECK(world.run(queue.get()) == std::nullopt);
  world.run_for(Millis{1'000});
  CHECK(world.run(queue.get()) == std::nullopt);
}
