#pragma once

#include <cstdint>
#include <limits>

namespace stowage {

/// Counts work instead of seconds, so that the same input gives the same answer on every machine
/// (after or-tools' deterministic time).
class WorkBudget {
 public:
  static WorkBudget unlimited() { return WorkBudget(std::numeric_limits<int64_t>::max()); }
  explicit WorkBudget(int64_t units) : left_(units) {}

  /// Takes `units`; false once the budget is spent.
  bool spend(int64_t units = 1) {
    if (units > left_) {
      left_ = 0;
      return false;
    }
    left_ -= units;
    return true;
  }
  [[nodiscard]] bool exhausted() const { return left_ <= 0; }
  [[nodiscard]] int64_t left() const { return left_; }

 private:
  int64_t left_;
};

}  // namespace stowage
