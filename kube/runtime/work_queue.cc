#include "kube/runtime/work_queue.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/backoff.h"
#include "kube/runtime/metrics.h"
#include "kube/runtime/notifier.h"

namespace stowage::kube {
namespace asio = boost::asio;

namespace {
// As client-go's default rate limiter: 5 ms doubled up to 1000 s.
constexpr Millis kFirstRetry{5};
constexpr Millis kLastRetry{1'000'000};
}  // namespace

// A key is in at most one of: ready_ (dirty and waiting for a worker), processing_ alone, or processing_ and
// dirty_ (came again while a worker has it). delayed_ is independent of the three.
struct WorkQueue::State {
  State(Environment env_in, const std::string& name_in)
      : env(env_in),
        ready_changed(env_in),
        delays_changed(env_in),
        metrics(WorkQueueMetrics::of(env_in.metrics, name_in)) {}

  void add(std::string key);
  void add_at(std::string key, MonoTime due);
  void move_due();

  Environment env;
  std::deque<std::pair<std::string, MonoTime>> ready;  ///< With the moment of the add.
  std::unordered_set<std::string> dirty;
  std::unordered_map<std::string, MonoTime> processing;  ///< With the moment of the get.
  std::map<std::string, MonoTime> due_of;
  std::set<std::pair<MonoTime, std::string>> delayed;
  std::unordered_map<std::string, Backoff> backoffs;
  bool shut_down = false;
  Notifier ready_changed;
  Notifier delays_changed;
  WorkQueueMetrics metrics;
};

void WorkQueue::State::add(std::string key) {
  if (shut_down || !dirty.insert(key).second) return;
  metrics.adds.add();
  if (processing.contains(key)) return;
  ready.emplace_back(std::move(key), env.clock.now());
  metrics.depth.set(static_cast<double>(ready.size()));
  ready_changed.notify_one();
}

void WorkQueue::State::add_at(std::string key, MonoTime due) {
  if (shut_down) return;
  const auto known = due_of.find(key);
  if (known != due_of.end()) {
    if (known->second <= due) return;
    delayed.erase({known->second, key});
  }
  due_of[key] = due;
  delayed.emplace(due, std::move(key));
  delays_changed.notify_all();
}

void WorkQueue::State::move_due() {
  const MonoTime now = env.clock.now();
  while (!delayed.empty() && delayed.begin()->first <= now) {
    std::string key = delayed.begin()->second;
    delayed.erase(delayed.begin());
    due_of.erase(key);
    add(std::move(key));
  }
}

WorkQueue::WorkQueue(Environment env, std::string name) : state_(std::make_shared<State>(env, name)) {}

WorkQueue::~WorkQueue() = default;

void WorkQueue::add(std::string key) {
  state_->add(std::move(key));
}

void WorkQueue::add_after(std::string key, Millis wait) {
  if (wait <= Millis{0}) return state_->add(std::move(key));
  state_->add_at(std::move(key), state_->env.clock.now() + wait);
}

asio::awaitable<void> WorkQueue::run_delays() {
  State& state = *state_;
  while (!state.shut_down) {
    if (state.delayed.empty()) {
      co_await state.delays_changed.wait();
    } else {
      co_await state.delays_changed.wait_until(state.delayed.begin()->first);
    }
    state.move_due();
  }
}

void WorkQueue::add_rate_limited(std::string key) {
  Backoff& backoff = state_->backoffs.try_emplace(key, kFirstRetry, kLastRetry).first->second;
  state_->metrics.retries.add();
  const Millis wait = backoff.next(state_->env.random);
  add_after(std::move(key), wait);
}

void WorkQueue::forget(const std::string& key) {
  state_->backoffs.erase(key);
}

asio::awaitable<std::optional<std::string>> WorkQueue::get() {
  const auto state = state_;
  while (state->ready.empty()) {
    if (state->shut_down) co_return std::nullopt;
    co_await state->ready_changed.wait();
  }
  auto [key, added] = std::move(state->ready.front());
  state->ready.pop_front();
  state->dirty.erase(key);
  const MonoTime now = state->env.clock.now();
  state->processing.emplace(key, now);
  state->metrics.depth.set(static_cast<double>(state->ready.size()));
  state->metrics.queued.observe(std::chrono::duration<double>(now - added).count());
  co_return std::move(key);
}

void WorkQueue::done(const std::string& key) {
  const auto it = state_->processing.find(key);
  if (it == state_->processing.end()) return;
  const MonoTime now = state_->env.clock.now();
  state_->metrics.worked.observe(std::chrono::duration<double>(now - it->second).count());
  state_->processing.erase(it);
  if (!state_->dirty.contains(key) || state_->shut_down) return;
  state_->ready.emplace_back(key, now);
  state_->metrics.depth.set(static_cast<double>(state_->ready.size()));
  state_->ready_changed.notify_one();
}

// Keys that wait are dropped: the next process finds them again from the state of the cluster.
void WorkQueue::shut_down() {
  state_->shut_down = true;
  state_->ready.clear();
  state_->dirty.clear();
  state_->delayed.clear();
  state_->due_of.clear();
  state_->delays_changed.notify_all();
  state_->ready_changed.notify_all();
}

size_t WorkQueue::depth() const {
  return state_->ready.size();
}

}  // namespace stowage::kube
