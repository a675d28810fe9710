#pragma once

#include <memory>

#include "base/clock.h"
#include "kube/runtime/environment.h"
#include "test/support/virtual_world.h"

namespace stowage::sim {

/// One machine's clocks beside the world's: monotonic time that runs a little fast or slow, wall time that
/// jumps, and standstills (a stopped process, a frozen virtual machine) during which no timer ends.
class SkewedTime final : public Clock, public kube::Timers {
 public:
  /// `per_mille`: how much faster than the world its monotonic clock runs. Leases are safe for rates that
  /// differ by less than their margin, a tenth.
  SkewedTime(test::VirtualWorld& world, int per_mille)
      : world_(world), born_(world.clock().now()), per_mille_(per_mille) {}

  [[nodiscard]] MonoTime now() const override { return local(world_.clock().now()); }
  [[nodiscard]] WallTime wall() const override { return world_.clock().wall() + jumped_; }
  boost::asio::awaitable<bool> reached(MonoTime deadline) override;

  void jump_wall(std::chrono::microseconds by) { jumped_ += by; }
  /// Nothing happens here before `until` (the world's time).
  void stand_still(MonoTime until) { still_until_ = std::max(still_until_, until); }
  [[nodiscard]] MonoTime still_until() const { return still_until_; }
  /// Somebody waits for a moment of this clock.
  [[nodiscard]] bool awaited() const { return *sleepers_ > 0; }

 private:
  [[nodiscard]] MonoTime local(MonoTime world) const;
  /// The first moment of the world at which now() is not before `deadline`.
  [[nodiscard]] MonoTime in_world(MonoTime deadline) const;

  test::VirtualWorld& world_;
  MonoTime born_;
  int per_mille_;
  std::chrono::microseconds jumped_{0};
  MonoTime still_until_ = {};
  std::shared_ptr<int> sleepers_ = std::make_shared<int>(0);
};

}  // namespace stowage::sim
