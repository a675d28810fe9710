#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/clock.h"

namespace stowage::kube {

/// Read your writes: after creating or deleting children for a key, the key is not planned again until the
/// cache has seen each of them (by child name and UID), has followed beyond the version at which it was
/// created (it was made and removed while a watch was broken), or `timeout` has passed.
class Expectations {
 public:
  explicit Expectations(Millis timeout) : timeout_(timeout) {}

  void expect_create(const std::string& key, std::string child, MonoTime now);
  void expect_delete(const std::string& key, std::string uid, MonoTime now);
  /// The create was answered: the child had this resourceVersion. Nothing when it was seen already.
  void created(const std::string& key, const std::string& child, std::string version);
  /// Called by informer handlers.
  void seen_create(const std::string& key, std::string_view child);
  void seen_delete(const std::string& key, std::string_view uid);
  void forget(const std::string& key);
  /// True when nothing is outstanding; outstanding entries older than the timeout are dropped, and children
  /// created at or before `followed`, the resourceVersion that the children's cache has reached ("":
  /// unknown).
  bool satisfied(const std::string& key, MonoTime now, std::string_view followed = {});

 private:
  struct Create {
    MonoTime at = {};
    std::string version;  ///< Empty until the create is answered.
  };
  struct Pending {
    std::unordered_map<std::string, Create> creates;
    std::unordered_map<std::string, MonoTime> deletes;
  };
  Millis timeout_;
  std::unordered_map<std::string, Pending> pending_;
};

}  // namespace stowage::kube
