#include "kube/runtime/controller.h"

#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "kube/runtime/metrics.h"
#include "test/support/virtual_world.h"

using namespace stowage;
using kube::Action;
using kube::Controller;
using kube::Environment;
using kube::Metrics;
using kube::TaskScope;
using test::VirtualWorld;
namespace asio = boost::asio;

namespace {

/// A controller whose reconcile takes `work` of virtual time and answers from a script (then await_change).
struct Fixture {
  explicit Fixture(Millis work_in = Millis{0}) : work(work_in), scope(env()) {}
  [[nodiscard]] Environment env() {
    Environment out = world.env();
    out.metrics = &metrics;
    return out;
  }
  asio::awaitable<Result<Action>> reconcile(std::string key) {
    starts.emplace_back(key, std::chrono::duration_cast<Millis>(world.clock().now() - begin).count());
    ++running[key];
    most_at_once = std::max(most_at_once, running[key]);
    co_await env().sleep_for(work);
    --running[key];
    ++finished;
    if (script.empty()) co_return Action::await_change();
    Result<Action> next = std::move(script.front());
    script.pop_front();
    co_return next;
  }

  VirtualWorld world;
  Metrics metrics;
  Millis work;
  MonoTime begin = world.clock().now();
  std::deque<Result<Action>> script;
  std::vector<std::pair<std::string, int64_t>> starts;
  std::map<std::string, int> running;
  int most_at_once = 0;
  int finished = 0;
  Controller controller{env(), "test", [this](std::string key) { return reconcile(std::move(key)); }};
  TaskScope scope;
};

}  // namespace

TEST_CASE("rule 23: a burst of changes of one object is one reconcile of its present state") {
  Fixture f;
  f.controller.start(f.scope, 4);
  for (int i = 0; i < 100; ++i)
    f.controller.queue().add("a");
  f.world.run_for(Millis{1'000});
  CHECK(f.finished == 1);
}

TEST_CASE("rule 27: with four workers no key is ever reconciled twice at once, different keys are") {
  Fixture f(Millis{100});
  f.controller.start(f.scope, 4);
  for (int i = 0; i < 10; ++i) {
    f.controller.queue().add("a");
    f.controller.queue().add("b");
    f.world.run_for(Millis{30});
  }
  f.world.run_for(Millis{1'000});
  CHECK(f.most_at_once == 1);
  CHECK(f.starts[0].second == f.starts[1].second);
}

TEST_CASE("rule 26: after a reconcile that asks for nothing the controller is idle for ever") {
  Fixture f;
  f.controller.start(f.scope, 2);
  f.controller.queue().add("a");
  f.world.run_for(Millis{24LL * 3'600'000});
  CHECK(f.finished == 1);
  CHECK(f.world.timers().waiting() == 0);
}

TEST_CASE(
    "controller: requeue_after runs the key again at that time, and a change in between runs it earlier") {
  Fixture f;
  f.script = {Action::requeue_after(Millis{10'000}), Action::requeue_after(Millis{10'000})};
  f.controller.start(f.scope, 1);
  f.controller.queue().add("a");
  f.world.run_for(Millis{4'000});
  f.controller.queue().add("a");
  f.world.run_for(Millis{60'000});
  REQUIRE(f.starts.size() >= 3);
  CHECK(f.starts[0].second == 0);
  CHECK(f.starts[1].second == 4'000);
  CHECK(f.starts[2].second == 10'000);
}

TEST_CASE("rule 27: a failing key backs off without holding up the others, and is forgiven after success") {
  Fixture f;
  for (int i = 0; i < 12; ++i)
    f.script.emplace_back(fail(Code::kUnavailable, "refused"));
  f.controller.start(f.scope, 1);
  f.controller.queue().add("a");
  f.world.run_for(Millis{60'000});
  CHECK(f.starts.size() == 13);
  CHECK(f.starts[1].second - f.starts[0].second == 5);
  f.starts.clear();
  f.script.emplace_back(fail(Code::kUnavailable, "refused"));
  f.controller.queue().add("a");
  f.world.run_for(Millis{1'000});
  REQUIRE(f.starts.size() == 2);
  CHECK(f.starts[1].second - f.starts[0].second == 5);
}

TEST_CASE("rule 13: the server's Retry-After is the wait of a failed key") {
  Fixture f;
  f.script.emplace_back(std::unexpected(
      Error{.code = Code::kTooManyRequests, .message = "busy", .retry_after = Millis{7'000}}));
  f.controller.start(f.scope, 1);
  f.controller.queue().add("a");
  f.world.run_for(Millis{6'999});
  CHECK(f.starts.size() == 1);
  f.world.run_for(Millis{1});
  CHECK(f.starts.size() == 2);
}

TEST_CASE("rule 15: a conflict runs the key again from present state and is no warning") {
  Fixture f;
  f.script.emplace_back(fail(Code::kConflict, "changed"));
  f.controller.start(f.scope, 1);
  f.controller.queue().add("a");
  f.world.run_for(Millis{1'000});
  CHECK(f.finished == 2);
  for (const auto& entry : f.world.log().entries())
    CHECK(entry.level == LogLevel::kDebug);
}

TEST_CASE("rule 31: draining lets the key in hand finish and starts no other") {
  Fixture f(Millis{500});
  f.controller.start(f.scope, 1);
  f.controller.queue().add("a");
  f.controller.queue().add("b");
  f.world.run_for(Millis{100});
  CHECK(f.world.run(f.scope.drain(Millis{10'000})));
  CHECK(f.finished == 1);
  CHECK(f.starts.size() == 1);
  CHECK(f.scope.running() == 0);
}

TEST_CASE("rule 30: cancelling ends a reconcile in flight at its next wait") {
  Fixture f(Millis{60'000});
  f.controller.start(f.scope, 1);
  f.controller.queue().add("a");
  f.world.run_for(Millis{100});
  f.scope.cancel();
  f.world.run(f.scope.join());
  CHECK(f.finished == 0);
}

TEST_CASE("metrics: reconciles, errors and the queue are counted under controller-runtime's names") {
  Fixture f;
  f.script.emplace_back(fail(Code::kUnavailable, "refused"));
  f.controller.start(f.scope, 3);
  f.controller.queue().add("a");
  f.world.run_for(Millis{1'000});
  const std::string page = f.metrics.scrape();
  for (const char* line : {"controller_runtime_reconcile_total{controller=\"test\",result=\"error\"} 1",
                           "controller_runtime_reconcile_total{controller=\"test\",result=\"success\"} 1",
                           "controller_runtime_reconcile_errors_total{controller=\"test\"} 1",
                           "controller_runtime_max_concurrent_reconciles{controller=\"test\"} 3",
                           "controller_runtime_reconcile_time_seconds_count{controller=\"test\"} 2",
                           "workqueue_adds_total{name=\"test\"} 2",
                           "workqueue_retries_total{name=\"test\"} 1", "workqueue_depth{name=\"test\"} 0"}) {
    INFO(page);
    CHECK(page.find(line) != std::string::npos);
  }
}
