#include "test/support/virtual_world.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <exception>

#include "base/check.h"

namespace stowage::test {
namespace asio = boost::asio;

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
