#include "kube/runtime/expectations.h"

#include <utility>

#include "kube/core/resource_version.h"

namespace stowage::kube {

void Expectations::expect_create(const std::string& key, std::string child, MonoTime now) {
  pending_[key].creates.insert_or_assign(std::move(child), Create{.at = now});
}

void Expectations::created(const std::string& key, const std::string& child, std::string version) {
  const auto it = pending_.find(key);
  if (it == pending_.end()) return;
  const auto create = it->second.creates.find(child);
  if (create != it->second.creates.end()) create->second.version = std::move(version);
}

void Expectations::expect_delete(const std::string& key, std::string uid, MonoTime now) {
  pending_[key].deletes.insert_or_assign(std::move(uid), now);
}

void Expectations::seen_create(const std::string& key, std::string_view child) {
  const auto it = pending_.find(key);
  if (it == pending_.end()) return;
  it->second.creates.erase(std::string(child));
  if (it->second.creates.empty() && it->second.deletes.empty()) pending_.erase(it);
}

void Expectations::seen_delete(const std::string& key, std::string_view uid) {
  const auto it = pending_.find(key);
  if (it == pending_.end()) return;
  it->second.deletes.erase(std::string(uid));
  if (it->second.creates.empty() && it->second.deletes.empty()) pending_.erase(it);
}

void Expectations::forget(const std::string& key) {
  pending_.erase(key);
}

bool Expectations::satisfied(const std::string& key, MonoTime now, std::string_view followed) {
  const auto it = pending_.find(key);
  if (it == pending_.end()) return true;
  const MonoTime oldest = now - timeout_;
  std::erase_if(it->second.creates, [&](const auto& entry) {
    const Create& create = entry.second;
    return create.at <= oldest ||
           (!create.version.empty() && resource_version_at_least(followed, create.version));
  });
  std::erase_if(it->second.deletes, [&](const auto& entry) { return entry.second <= oldest; });
  if (!it->second.creates.empty() || !it->second.deletes.empty()) return false;
  pending_.erase(it);
  return true;
}

}  // namespace stowage::kube
