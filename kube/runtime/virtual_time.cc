#include "kube/runtime/virtual_time.h"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace stowage::kube {
namespace asio = boost::asio;

asio::awaitable<bool> VirtualTimers::reached(MonoTime deadline) {
  if (deadline <= clock_.now()) {
    // Still a turn of the loop: a real timer never completes inside its call either.
    co_await asio::post(io_, asio::use_awaitable);
    co_return true;
  }
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(bool)>(
      [this, deadline](auto handler) {
        const Id id{deadline, next_id_++};
        auto slot = asio::get_associated_cancellation_slot(handler);
        waiters_.emplace(id,
                         [handler = std::move(handler)](bool fired) mutable { std::move(handler)(fired); });
        if (!slot.is_connected()) return;
        slot.assign([this, id](asio::cancellation_type type) {
          if (type != asio::cancellation_type::none) complete(id, false);
        });
      },
      asio::use_awaitable);
}

void VirtualTimers::complete(Id id, bool fired) {
  const auto it = waiters_.find(id);
  if (it == waiters_.end()) return;
  asio::post(io_, [resume = std::move(it->second), fired]() mutable { std::move(resume)(fired); });
  waiters_.erase(it);
}

std::optional<MonoTime> VirtualTimers::next() const {
  if (waiters_.empty()) return std::nullopt;
  return waiters_.begin()->first.first;
}

void VirtualTimers::fire_next() {
  if (waiters_.empty()) return;
  const MonoTime deadline = waiters_.begin()->first.first;
  clock_.advance_to(deadline);
  while (!waiters_.empty() && waiters_.begin()->first.first <= deadline)
    complete(waiters_.begin()->first, true);
}

}  // namespace stowage::kube
