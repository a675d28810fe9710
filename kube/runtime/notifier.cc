#include "kube/runtime/notifier.h"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <variant>

namespace stowage::kube {
namespace asio = boost::asio;

struct Notifier::State {
  /// True = notified, false = cancelled.
  using Resume = std::move_only_function<void(bool)>;

  explicit State(asio::any_io_executor executor_in) : executor(std::move(executor_in)) {}

  // Posted, never called in place: the notifier's caller must not be re-entered by the one it wakes.
  void complete(uint64_t id, bool notified) {
    const auto it = waiters.find(id);
    if (it == waiters.end()) return;
    asio::post(executor,
               [resume = std::move(it->second), notified]() mutable { std::move(resume)(notified); });
    waiters.erase(it);
  }

  // The waiting coroutine does not own the state: the state owns it, through the handler. A notifier that is
  // destroyed with somebody waiting destroys the waiter too, as when a process is killed in simulation.
  static auto waiting(std::weak_ptr<State> weak) {
    return [weak = std::move(weak)](auto handler) {
      const auto state = weak.lock();
      const uint64_t id = state->next_id++;
      auto slot = asio::get_associated_cancellation_slot(handler);
      state->waiters.emplace(
          id, [handler = std::move(handler)](bool notified) mutable { std::move(handler)(notified); });
      if (!slot.is_connected()) return;
      slot.assign([weak, id](asio::cancellation_type type) {
        const auto alive = weak.lock();
        if (alive && type != asio::cancellation_type::none) alive->complete(id, false);
      });
    };
  }

  asio::any_io_executor executor;
  uint64_t next_id = 0;
  std::map<uint64_t, Resume> waiters;
};

namespace {

[[noreturn]] void throw_cancelled() {
  throw boost::system::system_error(asio::error::operation_aborted);
}

}  // namespace

Notifier::Notifier(Environment env) : env_(env), state_(std::make_shared<State>(env.executor)) {}
Notifier::~Notifier() = default;

asio::awaitable<void> Notifier::wait() {
  if (!co_await asio::async_initiate<const asio::use_awaitable_t<>, void(bool)>(State::waiting(state_),
                                                                                asio::use_awaitable)) {
    throw_cancelled();
  }
}

asio::awaitable<bool> Notifier::notified() {
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(bool)>(State::waiting(state_),
                                                                                     asio::use_awaitable);
}

// One of the two sides is cancelled each time, so neither throws for that.
asio::awaitable<bool> Notifier::wait_until(MonoTime deadline) {
  using asio::experimental::awaitable_operators::operator||;
  try {
    const auto first = co_await (notified() || env_.timers.reached(deadline));
    const bool in_time = first.index() == 0;
    if (!(in_time ? std::get<0>(first) : std::get<1>(first))) throw_cancelled();  // it was the caller
    co_return in_time;
  } catch (const asio::multiple_exceptions&) {
    // Both sides were cancelled before they began to wait.
    throw_cancelled();
  }
}

void Notifier::notify_one() {
  if (!state_->waiters.empty()) state_->complete(state_->waiters.begin()->first, true);
}

void Notifier::notify_all() {
  while (!state_->waiters.empty())
    state_->complete(state_->waiters.begin()->first, true);
}

}  // namespace stowage::kube
