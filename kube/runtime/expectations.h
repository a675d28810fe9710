#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/clock.h"

namespace stowage::kube {

/// Read your writes: after creating or deleting children for a key, the key is not planned again until the
/// cache has seen each of them (by child name and UID) or `timeout` has passed.
class Expectations {
 public:
  explicit Expectations(Millis timeout) : timeout_(timeout) {}

  void expect_create(const std::string& key, std::string child, MonoTime now);
  void expect_delete(const std::string& key, std::string uid, MonoTime now);
  /// Called by informer handlers.
  void seen_create(const std::string& key, std::string_view child);
  void seen_delete(const std::string& key, std::string_view uid);
  void forget(const std::string& key);
  /// True when nothing is outstanding; outstanding entries older than the timeout are dropped.
  bool satisfied(const std::string& key, MonoTime now);

 private:
  struct Pending {
    std::unordered_map<std::string, MonoTime> creates;
    std::unordered_map<std::string, MonoTime> deletes;
  };
  Millis timeout_;
  std::unordered_map<std::string, Pending> pending_;
};

}  // namespace stowage::kube
