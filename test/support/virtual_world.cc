#include "test/support/virtual_world.h"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <exception>

#include "base/check.h"

namespace stowage::test {
namespace asio = boost::asio;
using boost::system::error_code;

asio::awaitable<void> VirtualTimers::sleep_until(MonoTime deadline) {
  if (deadline <= clock_.now()) {
    // Still a turn of the loop: a real timer never completes inside its call either.
    co_await asio::post(io_, asio::use_awaitable);
    co_return;
  }
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void(error_code)>(
      [this, deadline](auto handler) {
        const Id id{deadline, next_id_++};
        auto slot = asio::get_associated_cancellation_slot(handler);
        waiters_.emplace(id, [handler = std::move(handler)](bool fired) mutable {
          std::move(handler)(fired ? error_code{} : error_code{asio::error::operation_aborted});
        });
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

void RecordingLogger::write(LogLevel level, std::string_view message,
                            std::initializer_list<LogField> fields) {
  Entry entry{.level = level, .message = std::string(message), .fields = {}};
  for (const LogField& field : fields)
    entry.fields.emplace(field.key, field.value);
  entries_.push_back(std::move(entry));
}

size_t RecordingLogger::count(std::string_view text) const {
  size_t found = 0;
  for (const Entry& entry : entries_)
    found += entry.message.find(text) != std::string::npos ? 1 : 0;
  return found;
}

VirtualWorld::VirtualWorld(uint64_t seed) : timers_(io_, clock_), random_(seed) {}

// Coroutines that still wait are destroyed while what they refer to is alive; destroying one may post.
VirtualWorld::~VirtualWorld() {
  timers_.clear();
  settle();
}

void VirtualWorld::settle() {
  io_.restart();
  while (io_.poll() > 0)
    io_.restart();
}

void VirtualWorld::run_for(Millis span) {
  const MonoTime end = clock_.now() + span;
  settle();
  while (timers_.next() && *timers_.next() <= end) {
    timers_.fire_next();
    settle();
  }
  clock_.advance_to(end);
}

bool VirtualWorld::run_until(const std::function<bool()>& condition, Millis limit) {
  const MonoTime end = clock_.now() + limit;
  settle();
  while (!condition()) {
    if (!timers_.next() || *timers_.next() > end) return false;
    timers_.fire_next();
    settle();
  }
  return true;
}

void VirtualWorld::spawn(asio::awaitable<void> task) {
  asio::co_spawn(io_, std::move(task), [](const std::exception_ptr& failure) {
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const boost::system::system_error& error) {
      STOWAGE_CHECK(error.code() == asio::error::operation_aborted, error.what());
    }
  });
}

asio::awaitable<void> VirtualWorld::mark(asio::awaitable<void> task, bool& done) {
  co_await std::move(task);
  done = true;
}

void VirtualWorld::run(asio::awaitable<void> task, Millis limit) {
  bool done = false;
  spawn(mark(std::move(task), done));
  require_done(run_until([&] { return done; }, limit));
}

void VirtualWorld::require_done(bool done) {
  STOWAGE_CHECK(done, "a coroutine of the test did not end");
}

}  // namespace stowage::test
