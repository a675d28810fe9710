#include "kube/runtime/all_of.h"

#include <boost/asio/co_spawn.hpp>
#include <catch2/catch.hpp>
#include <string>

#include "kube/runtime/task_scope.h"
#include "test/support/virtual_world.h"

using namespace stowage;
namespace asio = boost::asio;

namespace {

using Task = asio::awaitable<Result<void>>;

Task step(kube::Environment env, Millis wait, std::string name, std::vector<std::string>& seen) {
  seen.push_back("begin " + name);
  co_await env.sleep_for(wait);
  seen.push_back("end " + name);
  if (name == "b") co_return fail(Code::kUnavailable, "b");
  co_return Result<void>{};
}

}  // namespace

TEST_CASE("three tasks of which one fails: all begin at once, all end, results in the order given") {
  test::VirtualWorld world;
  std::vector<std::string> seen;
  std::vector<Task> tasks;
  tasks.push_back(step(world.env(), Millis{30}, "a", seen));
  tasks.push_back(step(world.env(), Millis{10}, "b", seen));
  tasks.push_back(step(world.env(), Millis{20}, "c", seen));
  const auto results = world.run(kube::all_of(std::move(tasks)));
  CHECK(seen == std::vector<std::string>{"begin a", "begin b", "begin c", "end b", "end c", "end a"});
  REQUIRE(results.size() == 3);
  CHECK(results[0]);
  REQUIRE_FALSE(results[1]);
  CHECK(results[1].error().code == Code::kUnavailable);
  CHECK(results[2]);
}

TEST_CASE("no tasks: no results, at once") {
  test::VirtualWorld world;
  CHECK(world.run(kube::all_of({})).empty());
}

TEST_CASE("the caller is cancelled: its tasks end with it") {
  test::VirtualWorld world;
  std::vector<std::string> seen;
  kube::TaskScope scope(world.env());
  scope.spawn("parent", [](kube::Environment env, std::vector<std::string>& log) -> asio::awaitable<void> {
    std::vector<Task> tasks;
    for (const char* name : {"a", "b", "c"})
      tasks.push_back(step(env, Millis{1000}, name, log));
    co_await kube::all_of(std::move(tasks));
    log.push_back("after");
  }(world.env(), seen));
  world.run_for(Millis{10});
  CHECK(scope.running() == 1);
  scope.cancel();
  world.run_for(Millis{10});
  CHECK(scope.running() == 0);
  CHECK(seen == std::vector<std::string>{"begin a", "begin b", "begin c"});
}
