#include "kube/runtime/controller.h"

#include <chrono>
#include <optional>
#include <utility>

#include "kube/runtime/metrics.h"

namespace stowage::kube {
namespace asio = boost::asio;

Controller::Controller(Environment env, std::string name, Reconcile reconcile)
    : env_(env), name_(std::move(name)), reconcile_(std::move(reconcile)), queue_(env, name_) {}

void Controller::start(TaskScope& scope, int workers) {
  ControllerMetrics::of(env_.metrics, name_).workers.set(workers);
  const auto stop = [this] { queue_.shut_down(); };
  scope.spawn_worker(name_ + " delays", queue_.run_delays(), stop);
  for (int i = 0; i < workers; ++i)
    scope.spawn_worker(name_, work(), stop);
}

asio::awaitable<void> Controller::work() {
  ControllerMetrics metrics = ControllerMetrics::of(env_.metrics, name_);
  while (const std::optional<std::string> key = co_await queue_.get()) {
    const MonoTime begin = env_.clock.now();
    metrics.active.add(1);
    const Result<Action> result = co_await reconcile_(*key);
    metrics.active.add(-1);
    metrics.seconds.observe(std::chrono::duration<double>(env_.clock.now() - begin).count());
    if (!result) {
      metrics.error.add();
      metrics.errors.add();
      settle_error(*key, result.error());
    } else {
      (result->after > Millis{0} ? metrics.requeue_after : metrics.success).add();
      queue_.forget(*key);
      if (result->after > Millis{0}) queue_.add_after(*key, result->after);
    }
    queue_.done(*key);
  }
}

// A conflict or a write that found its object changed is the normal way of optimistic locking: it is tried
// again at once with what is there now, and is not worth a warning.
void Controller::settle_error(const std::string& key, const Error& error) {
  const bool routine = error.code == Code::kConflict || error.code == Code::kCancelled;
  env_.log.write(routine ? LogLevel::kDebug : LogLevel::kWarn, "reconcile failed",
                 {{"controller", name_}, {"key", key}, {"error", error.to_string()}});
  // The server's own wish counts when it is longer than our back-off would be.
  if (error.retry_after) {
    queue_.add_after(key, *error.retry_after);
  } else {
    queue_.add_rate_limited(key);
  }
}

}  // namespace stowage::kube
