#include "gpu-scheduler/queue.h"

#include <catch2/catch.hpp>

using namespace stowage;
using namespace stowage::scheduler;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

const MonoTime kStart = MonoTime{} + seconds(1000);

QueueRank rank(int32_t priority, int64_t arrival, bool half_bound = false) {
  return {.half_bound = half_bound, .priority = priority, .arrival = WallTime(seconds(arrival))};
}

}  // namespace

TEST_CASE("active units: half bound first, then priority, then arrival, then name") {
  SchedulingQueue queue;
  queue.add("young", rank(0, 20));
  queue.add("old", rank(0, 10));
  queue.add("b", rank(0, 15));
  queue.add("a", rank(0, 15));
  queue.add("urgent", rank(5, 30));
  queue.add("half", rank(0, 40, true));
  std::vector<std::string> order;
  while (auto unit = queue.pop())
    order.push_back(*unit);
  CHECK(order == std::vector<std::string>{"half", "urgent", "old", "a", "b", "young"});
}

TEST_CASE("unit added twice with another rank: it is there once, with the new rank") {
  SchedulingQueue queue;
  queue.add("x", rank(0, 10));
  queue.add("y", rank(1, 10));
  queue.add("x", rank(2, 10));
  CHECK(queue.active() == 2);
  CHECK(queue.pop() == "x");
}

TEST_CASE("parked unit: only an event that can help wakes it, after the collecting time") {
  SchedulingQueue queue;
  queue.park("u", rank(0, 1), bit(ClusterEvent::kNodeAdded));
  queue.notify(bit(ClusterEvent::kPolicyChanged), kStart);
  CHECK(queue.advance(kStart + seconds(5)) == 0);
  queue.notify(bit(ClusterEvent::kNodeAdded), kStart + seconds(6));
  REQUIRE(queue.next_due().has_value());
  CHECK(*queue.next_due() <= kStart + seconds(6) + milliseconds(25));
  CHECK(queue.advance(kStart + seconds(6)) == 0);
  CHECK(queue.advance(*queue.next_due()) == 1);
  CHECK(queue.pop() == "u");
  CHECK_FALSE(queue.next_due().has_value());
}

TEST_CASE("thousands of parked units: events are collected for at most one second") {
  SchedulingQueue queue;
  for (int i = 0; i < 20'000; ++i)
    queue.park(std::to_string(i), rank(0, i), bit(ClusterEvent::kCapacityFreed));
  queue.notify(bit(ClusterEvent::kCapacityFreed), kStart);
  CHECK(*queue.next_due() == kStart + seconds(1));
  queue.notify(bit(ClusterEvent::kCapacityFreed), kStart + milliseconds(900));
  CHECK(queue.advance(kStart + seconds(1)) == 20'000);
}

TEST_CASE("failed write: waits 1, 2, 4, 8, 10, 10 s, whatever happens meanwhile; success starts over") {
  SchedulingQueue queue;
  MonoTime now = kStart;
  for (const int wait : {1, 2, 4, 8, 10, 10}) {
    queue.back_off("u", rank(0, 1), now);
    queue.add("u", rank(3, 1));
    queue.notify(~EventMask{0}, now);
    CHECK(queue.advance(now + seconds(wait) - milliseconds(1)) == 0);
    CHECK(queue.advance(now + seconds(wait)) == 1);
    now += seconds(wait);
    CHECK(queue.pop() == "u");
  }
  queue.placed("u");
  queue.back_off("u", rank(0, 1), now);
  CHECK(queue.advance(now + seconds(1)) == 1);
}

TEST_CASE("removed unit: is nowhere any more") {
  SchedulingQueue queue;
  queue.add("a", rank(0, 1));
  queue.park("b", rank(0, 1), ~EventMask{0});
  queue.back_off("c", rank(0, 1), kStart);
  for (const char* unit : {"a", "b", "c"})
    queue.remove(unit);
  queue.notify(~EventMask{0}, kStart);
  CHECK(queue.advance(kStart + seconds(60)) == 0);
  CHECK_FALSE(queue.pop().has_value());
}

TEST_CASE("event before a unit was parked: does not wake it") {
  SchedulingQueue queue;
  queue.notify(bit(ClusterEvent::kCapacityFreed), kStart);
  queue.park("u", rank(0, 1), bit(ClusterEvent::kCapacityFreed));
  CHECK_FALSE(queue.next_due().has_value());
  CHECK(queue.advance(kStart + seconds(10)) == 0);
}

TEST_CASE("all binds of a gang fail: one failure, and the next try is not put off further") {
  SchedulingQueue queue;
  for (int i = 0; i < 8; ++i)
    queue.back_off("gang", rank(0, 1), kStart);
  CHECK(*queue.next_due() == kStart + seconds(1));
  CHECK(queue.advance(kStart + seconds(1)) == 1);
  CHECK(queue.pop() == "gang");
  queue.back_off("gang", rank(0, 1), kStart + seconds(2));
  CHECK(*queue.next_due() == kStart + seconds(4));
}
