#include "kube/runtime/process_life.h"

#include <utility>

#include "kube/runtime/fenced_transport.h"
#include "kube/runtime/notifier.h"
#include "kube/runtime/task_scope.h"

namespace stowage::kube {
namespace asio = boost::asio;

struct ProcessLife::Impl {
  Impl(Environment env_in, Transport& transport, LifeOptions options_in)
      : env(env_in),
        options(std::move(options_in)),
        lease_client(transport, options.user_agent),
        elector(env, lease_client, options.lease),
        fenced(transport, env.clock, [this] { return fence(); }),
        client(fenced, options.user_agent),
        events(env, client, options.name),
        caches(env),
        work(env),
        event_writers(env),
        lease(env),
        changed(env) {}

  [[nodiscard]] MonoTime fence() const { return options.leader_elect ? elector.fence() : MonoTime::max(); }
  asio::awaitable<void> keep_lease();
  asio::awaitable<void> lead();
  asio::awaitable<int> end_cleanly();
  asio::awaitable<int> end_at_once();
  asio::awaitable<void> join(TaskScope& scope, Millis limit);

  Environment env;
  LifeOptions options;
  Client lease_client;  ///< Not fenced: it is what moves the fence.
  LeaderElector elector;
  FencedTransport fenced;
  Client client;
  EventRecorder events;
  TaskScope caches;
  TaskScope work;
  TaskScope event_writers;
  TaskScope lease;
  Notifier changed;
  Component* component = nullptr;
  bool stop_asked = false;
  bool acquired = false;
  std::optional<Error> failure;
};

asio::awaitable<void> ProcessLife::Impl::keep_lease() {
  env.log.info("waiting for the lease", {{"lease", options.lease.ns + "/" + options.lease.name},
                                         {"identity", options.lease.identity}});
  co_await elector.acquire();
  env.log.info("won the lease", {{"lease", options.lease.ns + "/" + options.lease.name}});
  acquired = true;
  changed.notify_all();
  const auto lost = co_await elector.hold();
  if (!lost) failure = lost.error();
  // First of all: what other coroutines still send in this turn of the loop is refused.
  fenced.close();
  changed.notify_all();
}

asio::awaitable<void> ProcessLife::Impl::lead() {
  const auto result = co_await component->lead(work);
  if (result) {
    env.log.info("working");
  } else {
    failure = Error(result.error()).context("starting to work");
  }
  changed.notify_all();
}

asio::awaitable<void> ProcessLife::Impl::join(TaskScope& scope, Millis limit) {
  scope.cancel();
  const MonoTime deadline = env.clock.now() + limit;
  while (scope.running() > 0 && env.clock.now() < deadline)
    co_await env.sleep_for(Millis{10});
}

// Rule 31, in this order: what is in hand may still write, so the lease is kept until the last write is done.
asio::awaitable<int> ProcessLife::Impl::end_cleanly() {
  env.log.info("shutting down");
  if (!co_await work.drain(options.drain_limit)) {
    env.log.warn("work in hand did not end in time and is cancelled",
                 {{"tasks", std::to_string(work.running())}});
  }
  co_await join(work, options.abort_limit);
  if (acquired && !co_await events.flush(options.flush_limit)) env.log.warn("not all events were written");
  co_await join(event_writers, options.abort_limit);
  co_await join(caches, options.abort_limit);
  co_await join(lease, options.abort_limit);
  fenced.close();
  if (options.leader_elect) co_await elector.release();
  env.log.info("stopped");
  co_return 0;
}

asio::awaitable<int> ProcessLife::Impl::end_at_once() {
  fenced.close();
  env.log.error("ending", {{"error", failure->to_string()}});
  work.cancel();
  event_writers.cancel();
  caches.cancel();
  co_await join(work, options.abort_limit);
  co_await join(event_writers, options.abort_limit);
  co_await join(caches, options.abort_limit);
  co_await join(lease, options.abort_limit);
  // After a failed lead() the lease is still ours and nothing writes any more: let another try at once.
  if (options.leader_elect) co_await elector.release();
  co_return 1;
}

ProcessLife::ProcessLife(Environment env, Transport& transport, LifeOptions options)
    : impl_(std::make_unique<Impl>(env, transport, std::move(options))) {}
ProcessLife::~ProcessLife() = default;

ComponentContext ProcessLife::context(Metrics& metrics, ConfigSection config) {
  Impl* impl = impl_.get();
  return {.env = impl->env,
          .client = impl->client,
          .events = impl->events,
          .metrics = metrics,
          .config = std::move(config),
          .identity = impl->options.lease.identity,
          .fence = [impl] { return impl->fence(); }};
}

asio::awaitable<int> ProcessLife::run(Component& component) {
  Impl& self = *impl_;
  self.component = &component;
  self.events.start(self.event_writers);
  component.start(self.caches);
  if (self.options.leader_elect) {
    self.lease.spawn("lease", self.keep_lease());
  } else {
    self.acquired = true;
  }
  bool leading = false;
  while (!self.stop_asked && !self.failure) {
    if (self.acquired && !leading) {
      leading = true;
      self.work.spawn("lead", self.lead());
      continue;  // it may have run to its end already
    }
    co_await self.changed.wait();
  }
  co_return co_await (self.failure ? self.end_at_once() : self.end_cleanly());
}

void ProcessLife::stop() {
  impl_->stop_asked = true;
  impl_->changed.notify_all();
}

Result<void> ProcessLife::ready() const {
  if (impl_->options.leader_elect && !impl_->elector.known()) {
    return fail(Code::kUnavailable, "the lease " + impl_->options.lease.ns + "/" + impl_->options.lease.name +
                                        " could not be read yet");
  }
  if (impl_->component == nullptr) return fail(Code::kUnavailable, "starting");
  return impl_->component->ready();
}

bool ProcessLife::leading() const {
  return impl_->acquired && (!impl_->options.leader_elect || impl_->elector.leading());
}

}  // namespace stowage::kube
