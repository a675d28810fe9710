#include <boost/asio/error.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/system/system_error.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "kube/core/watch_machine.h"
#include "kube/runtime/informer.h"
#include "kube/runtime/metrics.h"
#include "kube/runtime/notifier.h"

namespace stowage::kube {
namespace asio = boost::asio;
using asio::experimental::awaitable_operators::operator||;  // NOLINT(misc-unused-using-decls)

namespace {

/// A chunk may be megabytes of a list or of a burst; the machine keeps a copy of what it is at.
constexpr size_t kPiece = size_t{64} << 10;

WatchMachineOptions machine_options(const InformerOptions& options) {
  return {.path = options.resource.path(options.ns),
          .label_selector = options.label_selector,
          .field_selector = options.field_selector,
          .page_size = options.page_size,
          .streaming_list = options.streaming_list};
}

/// Runs two coroutines until the first ends. Both ending by an exception means that the caller was cancelled.
asio::awaitable<void> first_of(asio::awaitable<void> a, asio::awaitable<void> b) {
  try {
    co_await (std::move(a) || std::move(b));
  } catch (const asio::multiple_exceptions&) {
    throw boost::system::system_error(asio::error::operation_aborted);
  }
}

/// The failure with what a person can do about it.
std::string explain(const Resource& resource, const Error& error) {
  std::string text = error.to_string();
  if (error.code == Code::kNotFound) {
    text += " (the API server does not serve " + resource.plural + " in " + resource.api_version() +
            (resource.group.find('.') == std::string::npos || resource.group.ends_with(".k8s.io")
                 ? ": is this the address of a Kubernetes API server?)"
                 : ": is the CustomResourceDefinition installed? kubectl apply -f crds/)");
  } else if (error.code == Code::kForbidden) {
    text += " (this identity may not list and watch " + resource.plural + ": check its ClusterRole)";
  } else if (error.code == Code::kUnauthorized) {
    text += " (the API server does not accept our credentials: check the token or client certificate)";
  }
  return text;
}

}  // namespace

// The thin coroutine around WatchMachine: opens what the machine asks for, feeds it, and carries its effects
// to the sink. Every rule about versions, relists and back-off is in the machine.
struct Reflector::Impl {
  Impl(Environment env_in, Client& client_in, InformerOptions options_in, Sink& sink_in)
      : env(env_in),
        client(client_in),
        options(std::move(options_in)),
        sink(sink_in),
        machine(machine_options(options), env_in.random.split()),
        interrupt(env_in),
        changed(env_in) {
    if (env.metrics == nullptr) return;
    const Metrics::Labels labels{{"resource", options.resource.plural}};
    objects = env.metrics->gauge("stowage_informer_objects", "Objects in the cache.", labels);
    lists = env.metrics->counter("stowage_informer_lists_total", "Complete lists.", labels);
    failures = env.metrics->counter("stowage_informer_failures_total", "Failed lists and watches.", labels);
    healed =
        env.metrics->counter("stowage_informer_healed_total", "Objects that an audit put right.", labels);
  }

  asio::awaitable<void> run();
  asio::awaitable<void> follow(HttpRequest request);
  asio::awaitable<void> interrupted();
  void drain();
  void apply(const WatchEffect& effect);
  void end_replace(bool audit);
  void broken(const Error& error);
  void tell(const Error& error);
  void schedule_audit();

  Environment env;
  Client& client;
  InformerOptions options;
  Sink& sink;
  WatchMachine machine;
  Notifier interrupt;  ///< Somebody asked the machine for a list: leave the stream or the wait.
  Notifier changed;
  std::optional<MonoTime> next_audit;
  std::string told;  ///< The failure that the log has already.
  Gauge objects;
  Counter lists;
  Counter failures;
  Counter healed;
};

asio::awaitable<void> Reflector::Impl::run() {
  schedule_audit();
  for (;;) {
    WatchMachine::Step step = machine.step(env.clock.now());
    if (step.wait > Millis{0}) {
      co_await first_of(env.sleep_for(step.wait), interrupted());
      if (machine.closed()) continue;  // a list was asked for meanwhile: this request is out of date
    }
    co_await first_of(follow(std::move(step.request)), interrupted());
  }
}

// Ends when the stream has ended in any way; the machine then knows how.
asio::awaitable<void> Reflector::Impl::follow(HttpRequest request) {
  auto stream = co_await client.open(std::move(request));
  if (!stream) co_return broken(stream.error());
  while (!machine.closed()) {
    auto chunk = co_await (*stream)->next();
    if (!chunk) co_return broken(chunk.error());
    if (!*chunk) {
      machine.ended(env.clock.now());
      drain();
      co_return;
    }
    for (std::string_view rest = **chunk; !rest.empty() && !machine.closed();) {
      const std::string_view piece = rest.substr(0, kPiece);
      rest.remove_prefix(piece.size());
      machine.feed(piece, env.clock.now());
      drain();
    }
  }
}

asio::awaitable<void> Reflector::Impl::interrupted() {
  if (!next_audit) {
    co_await interrupt.wait();
  } else if (!co_await interrupt.wait_until(*next_audit)) {
    schedule_audit();
    machine.audit(env.clock.now());
  }
}

// A random phase, so that informers of one process do not list all at once.
void Reflector::Impl::schedule_audit() {
  if (options.audit_every <= Millis{0}) return;
  const auto spread = static_cast<uint64_t>(options.audit_every.count() / 10);
  next_audit = env.clock.now() + options.audit_every - Millis{static_cast<int64_t>(env.random.below(spread))};
}

void Reflector::Impl::broken(const Error& error) {
  if (error.code != Code::kCancelled) failures.add();
  machine.failed(error, env.clock.now());
  drain();
}

void Reflector::Impl::drain() {
  while (const std::optional<WatchEffect> effect = machine.effect())
    apply(*effect);
  objects.set(static_cast<double>(sink.size()));
  if (machine.last_error()) {
    tell(*machine.last_error());
  } else if (!told.empty()) {
    env.log.info("list and watch work again", {{"resource", options.resource.plural}});
    told.clear();
  }
  changed.notify_all();
}

// Once per failure, not once per attempt: a missing CRD or an unreachable server may stay for hours.
void Reflector::Impl::tell(const Error& error) {
  if (error.code == Code::kCancelled) return;  // we are the ones who end
  std::string text = explain(options.resource, error);
  if (text == told) return;
  env.log.warn("cannot list and watch, trying again with back-off",
               {{"resource", options.resource.plural}, {"error", text}});
  told = std::move(text);
}

void Reflector::Impl::apply(const WatchEffect& effect) {
  Result<void> result;
  switch (effect.kind) {
    case WatchEffect::Kind::kBeginReplace:
      return sink.begin_replace();
    case WatchEffect::Kind::kAbandonReplace:
      return sink.abandon_replace();
    case WatchEffect::Kind::kEndReplace:
      return end_replace(effect.audit);
    case WatchEffect::Kind::kUpsert:
      result = sink.upsert(effect.object, effect.in_replacement);
      break;
    case WatchEffect::Kind::kRemove:
      result = sink.removed(effect.object, effect.in_replacement);
      break;
  }
  if (!result) {
    // One object that we cannot read must not blind us for all others.
    env.log.warn("skipped an object that cannot be decoded",
                 {{"resource", options.resource.plural}, {"error", result.error().to_string()}});
  }
}

void Reflector::Impl::end_replace(bool audit) {
  const size_t differences = sink.end_replace();
  lists.add();
  if (!audit) {
    env.log.debug("listed",
                  {{"resource", options.resource.plural}, {"objects", std::to_string(sink.size())}});
  } else if (differences > 0) {
    healed.add(static_cast<double>(differences));
    env.log.error("the audit found objects that differ from the API server, and put them right",
                  {{"resource", options.resource.plural}, {"objects", std::to_string(differences)}});
  }
}

Reflector::Reflector(Environment env, Client& client, InformerOptions options, Sink& sink)
    : impl_(std::make_unique<Impl>(env, client, std::move(options), sink)) {}
Reflector::~Reflector() = default;

asio::awaitable<void> Reflector::run() {
  return impl_->run();
}

bool Reflector::synced() const {
  return impl_->machine.synced();
}

Result<void> Reflector::health() const {
  const Resource& resource = impl_->options.resource;
  if (synced()) return {};
  const auto& error = impl_->machine.last_error();
  if (!error) return fail(Code::kUnavailable, "waiting for the first list of " + resource.plural);
  return fail(error->code, "cannot list " + resource.plural + ": " + explain(resource, *error));
}

asio::awaitable<void> Reflector::wait_synced() {
  while (!synced())
    co_await impl_->changed.wait();
}

const std::string& Reflector::resource_version() const {
  return impl_->machine.resource_version();
}

// A list of one item would tell the newest version for less, but on a quiet collection the watch reaches that
// version only with the next bookmark, a minute later.
Async<void> Reflector::barrier() {
  const size_t before = impl_->machine.lists();
  impl_->machine.relist(impl_->env.clock.now());
  impl_->interrupt.notify_all();
  while (impl_->machine.lists() == before)
    co_await impl_->changed.wait();
  co_return Result<void>{};
}

}  // namespace stowage::kube
