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

namespace stowage::kube {
namespace asio = boost::asio;
using boost::system::error_code;

struct Notifier::State {
  using Resume = std::move_only_function<void(error_code)>;

  explicit State(asio::any_io_executor executor_in) : executor(std::move(executor_in)) {}

  // Posted, never called in place: the notifier's caller must not be re-entered by the one it wakes.
  void complete(uint64_t id, error_code error) {
    const auto it = waiters.find(id);
    if (it == waiters.end()) return;
    asio::post(executor, [resume = std::move(it->second), error]() mutable { std::move(resume)(error); });
    waiters.erase(it);
  }

  asio::any_io_executor executor;
  uint64_t next_id = 0;
  std::map<uint64_t, Resume> waiters;
};

Notifier::Notifier(Environment env) : env_(env), state_(std::make_shared<State>(env.executor)) {}
Notifier::~Notifier() = default;

// The waiting coroutine does not own the state: the state owns it, through the handler. A notifier that is
// destroyed with somebody waiting destroys the waiter too, as when a process is killed in simulation.
asio::awaitable<void> Notifier::wait() {
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void(error_code)>(
      [weak = std::weak_ptr<State>(state_)](auto handler) {
        const auto state = weak.lock();
        const uint64_t id = state->next_id++;
        auto slot = asio::get_associated_cancellation_slot(handler);
        state->waiters.emplace(
            id, [handler = std::move(handler)](error_code error) mutable { std::move(handler)(error); });
        if (!slot.is_connected()) return;
        slot.assign([weak, id](asio::cancellation_type type) {
          const auto alive = weak.lock();
          if (alive && type != asio::cancellation_type::none) {
            alive->complete(id, asio::error::operation_aborted);
          }
        });
      },
      asio::use_awaitable);
}

asio::awaitable<bool> Notifier::wait_until(MonoTime deadline) {
  using asio::experimental::awaitable_operators::operator||;
  try {
    const auto first = co_await (wait() || env_.timers.sleep_until(deadline));
    co_return first.index() == 0;
  } catch (const asio::multiple_exceptions&) {
    // Both sides ended without success: that is how the operator shows that the caller was cancelled.
    throw boost::system::system_error(asio::error::operation_aborted);
  }
}

void Notifier::notify_one() {
  if (!state_->waiters.empty()) state_->complete(state_->waiters.begin()->first, {});
}

void Notifier::notify_all() {
  while (!state_->waiters.empty())
    state_->complete(state_->waiters.begin()->first, {});
}

}  // namespace stowage::kube
