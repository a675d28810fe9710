#include "test/sim/skewed_time.h"

#include <utility>

namespace stowage::sim {
namespace {

using std::chrono::microseconds;

/// Counts one sleeper while it lives, which may be longer than the clock.
class Sleeper {
 public:
  explicit Sleeper(std::shared_ptr<int> count) : count_(std::move(count)) { ++*count_; }
  ~Sleeper() { --*count_; }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

 private:
  std::shared_ptr<int> count_;
};

}  // namespace

MonoTime SkewedTime::local(MonoTime world) const {
  const auto age = std::chrono::duration_cast<microseconds>(world - born_);
  return born_ + age + microseconds{age.count() * per_mille_ / 1000};
}

MonoTime SkewedTime::in_world(MonoTime deadline) const {
  if (per_mille_ == 0 || deadline <= born_) return deadline;
  // A day is beyond every schedule; what is farther is as good as never, and must not overflow.
  const auto age =
      std::min<microseconds>(std::chrono::ceil<microseconds>(deadline - born_), std::chrono::hours{24});
  MonoTime out = born_ + microseconds{age.count() * 1000 / (1000 + per_mille_)};
  while (local(out) < born_ + age)
    out += microseconds{1};
  return out;
}

boost::asio::awaitable<bool> SkewedTime::reached(MonoTime deadline) {
  const Sleeper sleeper(sleepers_);
  if (!co_await world_.timers().reached(in_world(deadline))) co_return false;
  while (world_.clock().now() < still_until_) {
    if (!co_await world_.timers().reached(still_until_)) co_return false;
  }
  co_return true;
}

}  // namespace stowage::sim
