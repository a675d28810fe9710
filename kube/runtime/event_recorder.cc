#include "kube/runtime/event_recorder.h"

#include <fmt/format.h>
#include <algorithm>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/backoff.h"
#include "base/log.h"
#include "kube/core/resource.h"
#include "kube/runtime/all_of.h"
#include "kube/runtime/metrics.h"
#include "kube/runtime/notifier.h"

namespace stowage::kube {
namespace asio = boost::asio;

namespace {

const Resource kEvents{.group = "", .version = "v1", .plural = "events", .kind = "Event"};

constexpr size_t kMaxMessage = 1'024;     // the API's own limit
constexpr size_t kMaxName = 253 - 17;     // a DNS subdomain, less "." and 16 hex digits
constexpr size_t kMaxWaiting = 10'000;    // a burst of two events for each of 5,000 pods
constexpr size_t kMaxRemembered = 4'096;  // as client-go's aggregator cache
/// Two, so that one request without an answer does not hold up everything.
constexpr int kWriters = 2;
/// Requests that a writer sends together: one turn of the loop and a few reads serve all of them, where each
/// by itself costs more than the rest of a bind.
constexpr size_t kBatch = 8;
/// Under load each event takes from the server what the next bind or create needs: after a full batch a
/// writer leaves the server to others for this many times as long as the batch took, half a second at most,
/// unless many events wait or the process is about to end.
constexpr int kRest = 3;
constexpr Millis kLongestRest{500};
constexpr size_t kPressed = kMaxWaiting / 2;
constexpr int kAttempts = 4;
/// One that has to wait (a limit of its namespace, say) holds no writer. When this many in a row have to, the
/// server itself is in trouble: then the writers wait as well.
constexpr int kTrouble = 4;
constexpr Millis kLongestPause{300'000};  ///< Asked for more, an event is dropped: it would be old news.
constexpr double kBurst = 25;             // client-go's spam filter, per target
constexpr double kPerSecond = 1.0 / 300;

uint64_t hash_of(std::initializer_list<std::string_view> parts) {
  // FNV-1a, 64 bit, with a separator between the parts.
  uint64_t hash = 14'695'981'039'346'656'037ULL;
  for (const std::string_view part : parts) {
    for (const char c : part)
      hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211ULL;
    hash = (hash ^ 0xffU) * 1'099'511'628'211ULL;
  }
  return hash;
}

/// A map with a bound: the entry that was not used for the longest time goes first.
template <class V>
class Recent {
 public:
  /// The entry of `key`, and whether it was there.
  std::pair<V&, bool> touch(uint64_t key) {
    if (const auto it = index_.find(key); it != index_.end()) {
      order_.splice(order_.begin(), order_, it->second);
      return {it->second->second, true};
    }
    order_.emplace_front(key, V{});
    index_.emplace(key, order_.begin());
    if (index_.size() > kMaxRemembered) {
      index_.erase(order_.back().first);
      order_.pop_back();
    }
    return {order_.front().second, false};
  }
  void drop(uint64_t key) {
    const auto it = index_.find(key);
    if (it == index_.end()) return;
    order_.erase(it->second);
    index_.erase(it);
  }

 private:
  std::list<std::pair<uint64_t, V>> order_;
  std::unordered_map<uint64_t, typename std::list<std::pair<uint64_t, V>>::iterator> index_;
};

/// An event that is on the server already, or will be.
struct Known {
  uint64_t suffix = 0;
  int64_t count = 0;
  WallTime first = {};
};

struct Bucket {
  double tokens = kBurst;
  MonoTime filled = {};
};

struct Waiting {
  EventTarget target;
  std::string type;
  std::string reason;
  std::string message;
  uint64_t key = 0;
  uint64_t suffix = 0;
  int64_t count = 1;
  WallTime first = {};
  WallTime last = {};
  int attempts = 0;
  Backoff backoff{Millis{200}, Millis{10'000}};

  [[nodiscard]] std::string ns() const { return target.ns.empty() ? "default" : target.ns; }
  [[nodiscard]] std::string name() const {
    return fmt::format("{}.{:016x}", std::string_view(target.name).substr(0, kMaxName), suffix);
  }
};

}  // namespace

struct EventRecorder::Impl {
  Impl(Environment env_in, Client& client_in, std::string component_in)
      : env(env_in),
        client(client_in),
        component(std::move(component_in)),
        arrived(env_in),
        pressed(env_in),
        over(env_in),
        settled(env_in) {
    if (env.metrics == nullptr) return;
    dropped = env.metrics->counter("stowage_events_dropped_total", "Events that were not written.");
    written = env.metrics->counter("stowage_events_written_total", "Events written or counted up.");
  }

  bool admit(const EventTarget& target);
  asio::awaitable<void> write_all();
  /// The next event that may be sent now: the oldest of those whose pause is over, else the oldest.
  std::optional<Waiting> take();
  /// Until there may be something to take; false = this process ends and there is nothing.
  asio::awaitable<bool> wait_for_more();
  void hurry_up();
  /// Never fails: what was not written is tried again later, or given up.
  Async<void> write(Waiting event);
  /// How long to wait before the next attempt; nullopt = there is none.
  std::optional<Millis> pause_after(const Error& error, Waiting& event);
  void give_up(const Waiting& event, const Error& error);
  Async<void> send(const Waiting& event);
  [[nodiscard]] std::string body_of(const Waiting& event) const;

  Environment env;
  Client& client;
  std::string component;
  std::deque<Waiting> waiting;
  std::multimap<MonoTime, Waiting> pausing;  ///< By when they are tried again.
  int troubles = 0;                          ///< Attempts since the last one that the server took.
  Recent<Known> known;
  Recent<Bucket> buckets;
  size_t in_flight = 0;
  bool stopping = false;
  bool hurry = false;  ///< Writers do not pause any more.
  Notifier arrived;
  Notifier pressed;  ///< Many wait.
  Notifier over;     ///< The server's trouble does not matter any more.
  Notifier settled;
  Counter dropped;
  Counter written;
};

bool EventRecorder::Impl::admit(const EventTarget& target) {
  const MonoTime now = env.clock.now();
  const auto [bucket, there] = buckets.touch(hash_of({target.kind, target.ns, target.name, target.uid}));
  if (there) {
    const std::chrono::duration<double> since = now - bucket.filled;
    bucket.tokens = std::min(kBurst, bucket.tokens + since.count() * kPerSecond);
  }
  bucket.filled = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

std::string EventRecorder::Impl::body_of(const Waiting& event) const {
  // Written by hand: a scheduler sends one with every bind.
  const std::string from = json_quote(component);
  return fmt::format(
      R"({{"apiVersion":"v1","kind":"Event","metadata":{{"name":{},"namespace":{}}},"involvedObject":)"
      R"({{"apiVersion":{},"kind":{},"namespace":{},"name":{},"uid":{}}},"type":{},"reason":{},"message":{},)"
      R"("source":{{"component":{}}},"firstTimestamp":"{}","lastTimestamp":"{}","count":{},)"
      R"("reportingComponent":{},"reportingInstance":""}})",
      json_quote(event.name()), json_quote(event.ns()), json_quote(event.target.api_version),
      json_quote(event.target.kind), json_quote(event.target.ns), json_quote(event.target.name),
      json_quote(event.target.uid), json_quote(event.type), json_quote(event.reason),
      json_quote(event.message), from, format_rfc3339(event.first), format_rfc3339(event.last), event.count,
      from);
}

Async<void> EventRecorder::Impl::send(const Waiting& event) {
  if (event.count > 1) {
    std::string patch =
        fmt::format(R"({{"count":{},"lastTimestamp":"{}"}})", event.count, format_rfc3339(event.last));
    auto answer = co_await client.merge_patch(kEvents, event.ns(), event.name(), std::move(patch),
                                              {.field_manager = component});
    if (answer) co_return Result<void>{};
    // Events live an hour on the server: the one to count up may be gone.
    if (answer.error().code != Code::kNotFound) co_return std::unexpected(std::move(answer).error());
  }
  auto answer = co_await client.create(kEvents, event.ns(), body_of(event), component);
  // Ours: the name is random. An earlier attempt was applied and its answer lost.
  if (answer || answer.error().code == Code::kAlreadyExists) co_return Result<void>{};
  co_return std::unexpected(std::move(answer).error());
}

Async<void> EventRecorder::Impl::write(Waiting event) {
  const auto result = co_await send(event);
  if (result) {
    troubles = 0;
    written.add();
    co_return Result<void>{};
  }
  const auto pause = pause_after(result.error(), event);
  if (!pause) {
    give_up(event, result.error());
    co_return Result<void>{};
  }
  const bool all = ++troubles >= kTrouble;
  const MonoTime due = env.clock.now() + *pause;
  pausing.emplace(due, std::move(event));
  arrived.notify_one();  // The other writer may be waiting without end.
  if (all) co_await over.wait_until(due);
  co_return Result<void>{};
}

std::optional<Millis> EventRecorder::Impl::pause_after(const Error& error, Waiting& event) {
  const bool passing = error.code == Code::kUnavailable || error.code == Code::kTimeout ||
                       error.code == Code::kTooManyRequests;
  if (!passing || ++event.attempts == kAttempts || stopping) return std::nullopt;
  const Millis pause = std::max(error.retry_after.value_or(Millis{0}), event.backoff.next(env.random));
  return pause > kLongestPause ? std::nullopt : std::optional(pause);
}

void EventRecorder::Impl::give_up(const Waiting& event, const Error& error) {
  known.drop(event.key);
  dropped.add();
  env.log.debug("event not written", {{"reason", event.reason}, {"error", error.to_string()}});
}

void EventRecorder::Impl::hurry_up() {
  hurry = true;
  arrived.notify_all();
  pressed.notify_all();
  over.notify_all();
}

std::optional<Waiting> EventRecorder::Impl::take() {
  std::optional<Waiting> out;
  if (!pausing.empty() && (stopping || pausing.begin()->first <= env.clock.now())) {
    out = std::move(pausing.begin()->second);
    pausing.erase(pausing.begin());
  } else if (!waiting.empty()) {
    out = std::move(waiting.front());
    waiting.pop_front();
  }
  return out;
}

asio::awaitable<bool> EventRecorder::Impl::wait_for_more() {
  if (stopping) co_return false;
  if (pausing.empty()) {
    co_await arrived.wait();
  } else {
    const MonoTime due = pausing.begin()->first;
    co_await arrived.wait_until(due);
  }
  co_return true;
}

asio::awaitable<void> EventRecorder::Impl::write_all() {
  for (;;) {
    const MonoTime begun = env.clock.now();
    std::vector<Async<void>> batch;
    while (batch.size() < kBatch) {
      auto next = take();
      if (!next) break;
      batch.push_back(write(std::move(*next)));
    }
    const size_t size = batch.size();
    if (size == 0) {
      if (!co_await wait_for_more()) co_return;
      continue;
    }
    in_flight += size;
    co_await all_of(std::move(batch));
    in_flight -= size;
    if (waiting.empty() && pausing.empty() && in_flight == 0) settled.notify_all();
    if (size < kBatch || hurry || waiting.size() > kPressed) continue;
    const MonoTime now = env.clock.now();
    const MonoTime rested = now + std::min<MonoTime::duration>(kRest * (now - begun), kLongestRest);
    co_await pressed.wait_until(rested);
  }
}

EventRecorder::EventRecorder(Environment env, Client& client, std::string component)
    : impl_(std::make_unique<Impl>(env, client, std::move(component))) {}
EventRecorder::~EventRecorder() = default;

void EventRecorder::start(TaskScope& scope) {
  Impl* impl = impl_.get();
  const auto stop = [impl] {
    impl->stopping = true;
    impl->hurry_up();
  };
  for (int i = 0; i < kWriters; ++i)
    scope.spawn_worker("events", impl->write_all(), stop);
}

void EventRecorder::record(EventTarget target, std::string type, std::string reason, std::string message) {
  Impl& self = *impl_;
  if (message.size() > kMaxMessage) {
    message.resize(kMaxMessage - 3);
    // Never half a character at the end.
    while (!message.empty() && (static_cast<unsigned char>(message.back()) & 0xc0) == 0x80)
      message.pop_back();
    if (!message.empty() && static_cast<unsigned char>(message.back()) >= 0xc0) message.pop_back();
    message += "...";
  }
  if (!self.admit(target)) return self.dropped.add();
  const WallTime now = self.env.clock.wall();
  const uint64_t key = hash_of({target.kind, target.ns, target.name, target.uid, type, reason, message});
  // The same event that still waits is counted up in place: one write for both.
  for (auto it = self.waiting.rbegin(); it != self.waiting.rend() && it - self.waiting.rbegin() < 64; ++it) {
    if (it->key != key) continue;
    self.known.touch(key).first.count = ++it->count;
    it->last = now;
    return;
  }
  if (self.waiting.size() + self.pausing.size() >= kMaxWaiting) return self.dropped.add();
  const auto [known, there] = self.known.touch(key);
  if (!there) known = {.suffix = self.env.random.next(), .count = 0, .first = now};
  ++known.count;
  self.waiting.push_back({.target = std::move(target),
                          .type = std::move(type),
                          .reason = std::move(reason),
                          .message = std::move(message),
                          .key = key,
                          .suffix = known.suffix,
                          .count = known.count,
                          .first = known.first,
                          .last = now});
  self.arrived.notify_one();
  if (self.waiting.size() > kPressed) self.pressed.notify_all();
}

asio::awaitable<bool> EventRecorder::flush(Millis limit) {
  Impl& self = *impl_;
  const MonoTime deadline = self.env.clock.now() + limit;
  self.hurry_up();
  while (!self.waiting.empty() || !self.pausing.empty() || self.in_flight > 0) {
    if (self.env.clock.now() >= deadline) co_return false;
    co_await self.settled.wait_until(deadline);
  }
  co_return true;
}

}  // namespace stowage::kube
