#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace stowage::engine {

/// True when nobody else holds the object, so that it may be written in place. Thread rule: the owner asks;
/// other threads may drop their references at any time.
template <class T>
bool sole_owner(const std::shared_ptr<T>& pointer) {
  if (pointer.use_count() != 1) return false;
  std::atomic_thread_fence(std::memory_order_acquire);
  return true;
}

/// A vector in pages that copies share until one of them writes: a copy costs one pointer per page.
template <class T, size_t kPageSize>
class CowVector {
 public:
  [[nodiscard]] size_t size() const { return size_; }
  const T& operator[](size_t i) const { return (*pages_[i / kPageSize])[i % kPageSize]; }
  T& write(size_t i) {
    auto& page = pages_[i / kPageSize];
    if (!sole_owner(page)) page = std::make_shared<Page>(*page);
    return (*page)[i % kPageSize];
  }
  T& grow() {
    if (size_ % kPageSize == 0) pages_.push_back(std::make_shared<Page>());
    return write(size_++);
  }
  void shrink() {
    write(--size_) = T{};
    if (size_ % kPageSize == 0) pages_.pop_back();
  }

 private:
  using Page = std::array<T, kPageSize>;
  std::vector<std::shared_ptr<Page>> pages_;
  size_t size_ = 0;
};

/// A map from text to a number in shards that copies share until one of them writes.
class CowIndex {
 public:
  CowIndex() : shards_(kShards) {}
  [[nodiscard]] const uint32_t* find(std::string_view key) const {
    const auto& shard = shards_[hash(key)];
    if (!shard) return nullptr;
    auto it = shard->find(key);
    return it == shard->end() ? nullptr : &it->second;
  }
  void insert(std::string_view key, uint32_t value) {
    shard_for(key).insert_or_assign(std::string(key), value);
  }
  void erase(std::string_view key) {
    auto& shard = shard_for(key);
    if (auto it = shard.find(key); it != shard.end()) shard.erase(it);
  }

 private:
  static constexpr size_t kShards = 256;
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Shard = std::unordered_map<std::string, uint32_t, Hash, std::equal_to<>>;
  static size_t hash(std::string_view key) { return (Hash{}(key) >> 7) % kShards; }
  Shard& shard_for(std::string_view key) {
    auto& shard = shards_[hash(key)];
    if (!shard) {
      shard = std::make_shared<Shard>();
    } else if (!sole_owner(shard)) {
      shard = std::make_shared<Shard>(*shard);
    }
    return *shard;
  }
  std::vector<std::shared_ptr<Shard>> shards_;
};

}  // namespace stowage::engine
