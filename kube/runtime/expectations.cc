#include "kube/runtime/expectations.h"

#include <utility>

namespace stowage::kube {
namespace {

void drop_older_than(std::unordered_map<std::string, MonoTime>& entries, MonoTime oldest) {
  std::erase_if(entries, [&](const auto& entry) { return entry.second <= oldest; });
}

}  // namespace

void Expectations::expect_create(const std::string& key, std::string child, MonoTime now) {
  pending_[key].creates.insert_or_assign(std::move(child), now);
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

bool Expectations::satisfied(const std::string& key, MonoTime now) {
  const auto it = pending_.find(key);
  if (it == pending_.end()) return true;
  drop_older_than(it->second.creates, now - timeout_);
  drop_older_than(it->second.deletes, now - timeout_);
  if (!it->second.creates.empty() || !it->second.deletes.empty()) return false;
  pending_.erase(it);
  return true;
}

}  // namespace stowage::kube
