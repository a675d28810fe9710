#include "kube/runtime/leader_elector.h"

#include <simdjson.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/system/system_error.hpp>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "kube/core/patch.h"
#include "kube/core/url.h"
#include "kube/core/watch_decoder.h"
#include "kube/runtime/metrics.h"

namespace stowage::kube {
namespace asio = boost::asio;
// It joins coroutines below; clang-tidy does not see it there.
using asio::experimental::awaitable_operators::operator||;  // NOLINT(misc-unused-using-decls)
using nlohmann::json;

namespace {

const Resource kLeases{.group = "coordination.k8s.io", .version = "v1", .plural = "leases", .kind = "Lease"};

/// Shortest time that one request to the lease may take before it is given up.
constexpr Millis kLeastTimeout{500};

/// What a Lease says.
struct Record {
  std::string version;
  std::string holder;
  std::string renewed;  ///< As the holder wrote it: compared, never read as a time.
  int64_t transitions = 0;
  Millis lease{0};

  /// Whether both say the same of who leads; a label or a manager's name may differ.
  [[nodiscard]] bool same_term(const Record& other) const {
    return holder == other.holder && renewed == other.renewed && transitions == other.transitions &&
           lease == other.lease;
  }
};

// A lease is read every second or two by every replica: without building a tree.
Result<Record> read_record(std::string_view text) {
  thread_local simdjson::dom::parser parser;
  simdjson::dom::object lease;
  if (parser.parse(text.data(), text.size()).get_object().get(lease) != simdjson::SUCCESS)
    return fail(Code::kMalformed, "a Lease that is not a JSON object");
  Record out;
  const auto text_at = [](const simdjson::dom::object& at, const char* key) {
    std::string_view value;
    return at[key].get_string().get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
  };
  const auto number_at = [](const simdjson::dom::object& at, const char* key) {
    int64_t value = 0;
    return at[key].get_int64().get(value) == simdjson::SUCCESS ? value : int64_t{0};
  };
  if (simdjson::dom::object meta; lease["metadata"].get_object().get(meta) == simdjson::SUCCESS)
    out.version = text_at(meta, "resourceVersion");
  if (simdjson::dom::object spec; lease["spec"].get_object().get(spec) == simdjson::SUCCESS) {
    out.holder = text_at(spec, "holderIdentity");
    out.renewed = text_at(spec, "renewTime");
    out.transitions = number_at(spec, "leaseTransitions");
    // A day is beyond any sensible lease; clamped so that a foreign value cannot overflow a time.
    out.lease = Millis{1000 * std::clamp<int64_t>(number_at(spec, "leaseDurationSeconds"), 0, 86'400)};
  }
  return out;
}

int64_t whole_seconds(Millis span) {
  return std::max<int64_t>(1, std::chrono::ceil<std::chrono::seconds>(span).count());
}

}  // namespace

struct LeaderElector::Impl {
  Impl(Environment env_in, Client& client_in, LeaseOptions options_in)
      : env(env_in), client(client_in), options(std::move(options_in)) {
    if (env.metrics == nullptr) return;
    const Metrics::Labels labels{{"name", options.name}};
    master = env.metrics->gauge("leader_election_master_status", "1 while this process leads.", labels);
    transitions =
        env.metrics->counter("leader_election_transitions_total", "Leases won by this process.", labels);
  }

  Async<bool> try_acquire();
  Async<bool> create();
  Async<bool> take();
  Async<Record> fetch();
  asio::awaitable<bool> freshen();
  Async<void> renew_within_term();
  Async<void> renew();
  Async<Record> patch(json spec, Millis timeout);
  asio::awaitable<void> wait_for_chance();
  asio::awaitable<void> watch();
  void observe(Record seen);
  void won(Record now_ours, MonoTime sent);
  [[nodiscard]] MonoTime fence() const { return last_renewal + options.lease - options.lease / 10; }
  [[nodiscard]] MonoTime expiry() const { return observed_at + std::max(observed.lease, options.lease); }

  Environment env;
  Client& client;
  LeaseOptions options;
  Record observed;
  MonoTime observed_at;  ///< When `observed` was first seen, on our own clock: theirs may be wrong.
  bool ours = false;
  bool known = false;     ///< The server has told who holds the lease.
  MonoTime last_renewal;  ///< When the last successful renewal was SENT.
  Gauge master;
  Counter transitions;
};

// Only a word of the holder's is a sign of life: an annotation by somebody else lengthens no dead leader's
// term.
void LeaderElector::Impl::observe(Record seen) {
  if (observed.version.empty() || !seen.same_term(observed)) observed_at = env.clock.now();
  observed = std::move(seen);
}

// `sent` and not the time of the answer: the server's count may have begun any time in between.
void LeaderElector::Impl::won(Record now_ours, MonoTime sent) {
  observe(std::move(now_ours));
  if (!ours) transitions.add();
  ours = true;
  last_renewal = sent;
  master.set(1);
}

Async<Record> LeaderElector::Impl::fetch() {
  HttpRequest request{.target = kLeases.path(options.ns, options.name)};
  request.timeout = std::max(kLeastTimeout, options.renew / 2);
  CO_TRY(const std::string body, co_await client.raw(std::move(request)));
  co_return read_record(body);
}

// A narrow patch with the version that was seen: whoever came in between makes it a conflict.
Async<Record> LeaderElector::Impl::patch(json spec, Millis timeout) {
  const json body = {{"metadata", {{"resourceVersion", observed.version}}}, {"spec", std::move(spec)}};
  HttpRequest request{.method = Method::kPatch, .target = kLeases.path(options.ns, options.name)};
  request.headers.emplace_back("content-type", kMergePatchType);
  request.body = body.dump();
  request.timeout = timeout;
  CO_TRY(const std::string answer, co_await client.raw(std::move(request)));
  co_return read_record(answer);
}

Async<bool> LeaderElector::Impl::create() {
  const MonoTime sent = env.clock.now();
  const std::string now = format_rfc3339_micro(env.clock.wall());
  const json body = {{"apiVersion", "coordination.k8s.io/v1"},
                     {"kind", "Lease"},
                     {"metadata", {{"name", options.name}, {"namespace", options.ns}}},
                     {"spec",
                      {{"holderIdentity", options.identity},
                       {"leaseDurationSeconds", whole_seconds(options.lease)},
                       {"acquireTime", now},
                       {"renewTime", now},
                       {"leaseTransitions", 0}}}};
  HttpRequest request{.method = Method::kPost, .target = kLeases.path(options.ns)};
  request.headers.emplace_back("content-type", "application/json");
  request.body = body.dump();
  request.timeout = std::max(kLeastTimeout, options.renew / 2);
  auto answer = co_await client.raw(std::move(request));
  if (!answer) {
    if (answer.error().code == Code::kAlreadyExists) co_return false;
    co_return std::unexpected(std::move(answer).error());
  }
  CO_TRY(Record record, read_record(*answer));
  won(std::move(record), sent);
  co_return true;
}

Async<bool> LeaderElector::Impl::take() {
  const MonoTime sent = env.clock.now();
  const std::string now = format_rfc3339_micro(env.clock.wall());
  auto answer = co_await patch({{"holderIdentity", options.identity},
                                {"leaseDurationSeconds", whole_seconds(options.lease)},
                                {"acquireTime", now},
                                {"renewTime", now},
                                {"leaseTransitions", observed.transitions + 1}},
                               std::max(kLeastTimeout, options.renew / 2));
  if (!answer) {
    if (answer.error().code == Code::kConflict) co_return false;
    co_return std::unexpected(std::move(answer).error());
  }
  won(std::move(*answer), sent);
  co_return true;
}

Async<bool> LeaderElector::Impl::try_acquire() {
  auto record = co_await fetch();
  if (!record) {
    if (record.error().code == Code::kNotFound) co_return co_await create();
    co_return std::unexpected(std::move(record).error());
  }
  observe(std::move(*record));
  // Ours already: our write was applied but its answer was lost.
  const bool free = observed.holder.empty() || observed.holder == options.identity;
  if (!free && env.clock.now() < expiry()) co_return false;
  co_return co_await take();
}

// Follows the Lease until the holder gives it up, or until it has not renewed for the whole lease.
asio::awaitable<void> LeaderElector::Impl::watch() {
  Query query;
  query.add("watch", "true")
      .add("resourceVersion", observed.version)
      .add("fieldSelector", "metadata.name=" + options.name)
      .add("timeoutSeconds", static_cast<long long>(300 + env.random.below(300)));
  HttpRequest request{.target = with_query(kLeases.path(options.ns), query.str())};
  request.timeout = std::max(kLeastTimeout, options.renew / 2);
  request.idle_timeout = std::max(observed.lease, options.lease) * 2;
  auto stream = co_await client.open(std::move(request));
  if (!stream) co_return;
  WatchDecoder decoder;
  for (;;) {
    auto chunk = co_await (*stream)->next();
    if (!chunk || !*chunk) co_return;
    decoder.feed(**chunk);
    for (;;) {
      const auto frame = decoder.next();
      if (!frame) co_return;
      if (!*frame) break;
      if ((*frame)->type == WatchType::kBookmark) continue;
      if ((*frame)->type == WatchType::kError || (*frame)->type == WatchType::kDeleted) co_return;
      auto record = read_record((*frame)->object);
      if (!record) co_return;
      observe(std::move(*record));
      if (observed.holder.empty()) co_return;
    }
  }
}

asio::awaitable<void> LeaderElector::Impl::wait_for_chance() {
  // expiry() moves on with each renewal that the watch shows.
  const auto expire = [](Impl& self) -> asio::awaitable<void> {
    while (self.env.clock.now() < self.expiry())
      co_await self.env.timers.sleep_until(self.expiry());
  };
  try {
    co_await (watch() || expire(*this));
  } catch (const asio::multiple_exceptions&) {
    throw boost::system::system_error(asio::error::operation_aborted);
  }
  // Not all standbys at once, and no busy loop where watching is refused.
  const auto spread = static_cast<uint64_t>(options.retry.count() / 4);
  const Millis least = observed.holder.empty() || env.clock.now() >= expiry() ? Millis{0} : options.retry;
  co_await env.sleep_for(least + Millis{static_cast<int64_t>(env.random.below(spread + 1))});
}

Async<void> LeaderElector::Impl::renew() {
  const MonoTime sent = env.clock.now();
  const Millis left = std::chrono::duration_cast<Millis>(last_renewal + options.renew - sent);
  auto answer = co_await patch({{"holderIdentity", options.identity},
                                {"leaseDurationSeconds", whole_seconds(options.lease)},
                                {"renewTime", format_rfc3339_micro(env.clock.wall())}},
                               std::max(kLeastTimeout, std::min(left, options.renew / 2)));
  if (answer) {
    won(std::move(*answer), sent);
    co_return Result<void>{};
  }
  if (answer.error().code != Code::kConflict && answer.error().code != Code::kNotFound) {
    co_return std::unexpected(std::move(answer).error());
  }
  // Somebody wrote in between: a person with kubectl, or a rival. Only the latter ends our term.
  CO_TRY(Record record, co_await fetch());
  if (record.holder != options.identity) {
    ours = false;
    co_return fail(Code::kConflict, "the lease " + options.ns + "/" + options.name + " is held by \"" +
                                        record.holder + "\" now");
  }
  observe(std::move(record));
  co_return fail(Code::kUnavailable, "the lease was changed by somebody else; renewing again");
}

// The answer to a take may come late, or be read late by a process that stood still: a term that began behind
// its fence, or just before it, would refuse its own writes. It begins with a renewal that is young.
asio::awaitable<bool> LeaderElector::Impl::freshen() {
  while (ours && env.clock.now() - last_renewal >= options.retry / 2) {
    const auto renewed = co_await renew();
    if (!renewed && ours) co_await env.sleep_for(options.retry / 2);
  }
  co_return ours;
}

// A process that stood still past its fence has refused writes since, whatever the server says now: its term
// is over, as if the lease were lost.
Async<void> LeaderElector::Impl::renew_within_term() {
  const MonoTime end = fence();
  auto renewed = env.clock.now() < end ? co_await renew() : Result<void>{};
  if (env.clock.now() < end) co_return renewed;
  ours = false;
  co_return fail(Code::kTimeout, "no renewal in time: this process stood still, or the server did");
}

LeaderElector::LeaderElector(Environment env, Client& client, LeaseOptions options)
    : impl_(std::make_unique<Impl>(env, client, std::move(options))) {}
LeaderElector::~LeaderElector() = default;

asio::awaitable<void> LeaderElector::acquire() {
  Impl& self = *impl_;
  std::string told;
  for (;;) {
    const auto result = co_await self.try_acquire();
    if (result && *result && co_await self.freshen()) co_return;
    if (result) {
      self.known = true;
      co_await self.wait_for_chance();
      continue;
    }
    const std::string text = result.error().to_string();
    if (text != told && result.error().code != Code::kCancelled) {
      self.env.log.warn("cannot read or take the lease, trying again",
                        {{"lease", self.options.ns + "/" + self.options.name}, {"error", text}});
      told = text;
    }
    const Millis wait = result.error().retry_after.value_or(self.options.retry);
    const auto spread = static_cast<uint64_t>(self.options.retry.count());
    co_await self.env.sleep_for(wait + Millis{static_cast<int64_t>(self.env.random.below(spread + 1))});
  }
}

Async<void> LeaderElector::hold() {
  Impl& self = *impl_;
  const LeaseOptions& options = self.options;
  Millis wait = options.retry;
  for (;;) {
    co_await self.env.sleep_for(wait);
    auto result = co_await self.renew_within_term();
    wait = options.retry;
    if (result) continue;
    const Error& error = result.error();
    // In whole milliseconds: a rest of less is no time for another attempt.
    const auto left =
        std::chrono::duration_cast<Millis>(self.last_renewal + options.renew - self.env.clock.now());
    if (!self.ours || left <= Millis{0}) {
      self.ours = false;
      self.master.set(0);
      co_return fail(error.code, "lost the lease " + options.ns + "/" + options.name + ": " + error.message);
    }
    if (error.code != Code::kCancelled) {
      self.env.log.warn("cannot renew the lease yet", {{"error", error.to_string()}});
    }
    // The last attempt is made in time to be the last: not after the moment of giving up.
    wait = std::min(options.retry / 2, left);
  }
}

asio::awaitable<void> LeaderElector::release() {
  Impl& self = *impl_;
  if (!self.ours) co_return;
  self.ours = false;
  self.master.set(0);
  // One second: to a standby that does not see the empty holder, the lease runs out at once.
  const auto answer = co_await self.patch({{"holderIdentity", nullptr},
                                           {"leaseDurationSeconds", 1},
                                           {"renewTime", format_rfc3339_micro(self.env.clock.wall())}},
                                          std::max(kLeastTimeout, self.options.renew / 2));
  if (!answer) {
    self.env.log.warn("could not release the lease; it runs out by itself",
                      {{"error", answer.error().to_string()}});
  }
}

bool LeaderElector::leading() const {
  return impl_->ours && impl_->env.clock.now() < fence();
}

bool LeaderElector::known() const {
  return impl_->ours || impl_->known;
}

MonoTime LeaderElector::fence() const {
  if (!impl_->ours) return MonoTime::min();
  return impl_->fence();
}

}  // namespace stowage::kube
