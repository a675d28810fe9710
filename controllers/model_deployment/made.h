#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "kube/runtime/store.h"

namespace stowage::model_deployment {

/// Children that this process made, until its cache shows them: what is known from the API server's answer
/// need not wait for a watch, which may be out of order for half a minute. `Fact` has `api::ObjectMeta meta`.
template <class Fact>
class Made {
 public:
  /// What the cache does not show within `timeout` is given up: somebody took it away unseen.
  explicit Made(Millis timeout) : timeout_(timeout) {}

  void add(const std::string& key, Fact child, MonoTime now) {
    auto& all = made_[key];
    std::erase_if(all, [&](const Entry& entry) { return entry.child->meta.name == child.meta.name; });
    all.push_back({std::make_shared<const Fact>(std::move(child)), now});
  }
  /// The cache has shown it, or that it is gone.
  void seen(const std::string& key, std::string_view name) {
    erase(key, [&](const Entry& entry) { return entry.child->meta.name == name; });
  }
  void forget(const std::string& key) { made_.erase(key); }
  /// Adds to what the cache shows the children of owner `uid` that it does not show yet.
  void complete(const std::string& key, std::string_view uid, MonoTime now,
                std::vector<kube::Ref<Fact>>& shown) {
    erase(key, [&](const Entry& entry) {
      const auto* owner = entry.child->meta.controller();
      return now - entry.at >= timeout_ || owner == nullptr || owner->uid != uid ||
             std::ranges::any_of(shown,
                                 [&](const auto& s) { return s->meta.name == entry.child->meta.name; });
    });
    const auto it = made_.find(key);
    if (it == made_.end()) return;
    for (const Entry& entry : it->second)
      shown.push_back(entry.child);
  }
  /// When the first of them is given up; unset when there is none.
  [[nodiscard]] std::optional<Millis> next(const std::string& key, MonoTime now) const {
    const auto it = made_.find(key);
    if (it == made_.end()) return std::nullopt;
    const auto first = std::ranges::min_element(it->second, {}, &Entry::at);
    return std::max(Millis{1}, std::chrono::ceil<Millis>(first->at + timeout_ - now));
  }

 private:
  struct Entry {
    kube::Ref<Fact> child;
    MonoTime at;
  };
  template <class Predicate>
  void erase(const std::string& key, Predicate predicate) {
    const auto it = made_.find(key);
    if (it == made_.end()) return;
    std::erase_if(it->second, predicate);
    if (it->second.empty()) made_.erase(it);
  }

  Millis timeout_;
  std::map<std::string, std::vector<Entry>> made_;
};

}  // namespace stowage::model_deployment
