#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/meta.h"

namespace stowage::kube {

/// How the runtime reads a typed object; specialise nothing: give T a member `api::ObjectMeta meta`.
template <class T>
using Ref = std::shared_ptr<const T>;

/// The informer's cache of one kind: key -> immutable object, with named secondary indexes.
/// Written by its informer alone; read by everyone on the control thread.
template <class T>
class Store {
 public:
  using IndexFn = std::function<std::vector<std::string>(const T&)>;

  /// Before the informer starts: objects are found by any of the strings `fn` returns.
  void add_index(std::string name, IndexFn fn) { indexes_[std::move(name)].fn = std::move(fn); }

  [[nodiscard]] Ref<T> get(std::string_view key) const {
    const auto it = objects_.find(key);
    return it == objects_.end() ? nullptr : it->second;
  }
  [[nodiscard]] size_t size() const { return objects_.size(); }
  /// In key order.
  [[nodiscard]] const std::map<std::string, Ref<T>, std::less<>>& objects() const { return objects_; }
  /// In key order; empty when nothing is filed under `value`.
  [[nodiscard]] std::vector<Ref<T>> by_index(std::string_view index, std::string_view value) const {
    std::vector<Ref<T>> out;
    const auto it = indexes_.find(index);
    if (it == indexes_.end()) return out;
    const auto bucket = it->second.keys.find(std::string(value));
    if (bucket == it->second.keys.end()) return out;
    out.reserve(bucket->second.size());
    for (const auto& [key, object] : bucket->second)
      out.push_back(object);
    return out;
  }

  /// Inserts or replaces; returns what was there.
  Ref<T> put(Ref<T> object) {
    std::string key = object->meta.key();
    Ref<T>& slot = objects_[key];
    Ref<T> old = std::move(slot);
    if (old) unindex(key, *old);
    for (auto& [name, index] : indexes_) {
      for (auto& value : index.fn(*object))
        index.keys[std::move(value)][key] = object;
    }
    slot = std::move(object);
    return old;
  }
  Ref<T> erase(std::string_view key) {
    const auto it = objects_.find(key);
    if (it == objects_.end()) return nullptr;
    Ref<T> old = std::move(it->second);
    unindex(it->first, *old);
    objects_.erase(it);
    return old;
  }

 private:
  struct Index {
    IndexFn fn;
    std::unordered_map<std::string, std::map<std::string, Ref<T>>> keys;
  };
  void unindex(const std::string& key, const T& object) {
    for (auto& [name, index] : indexes_) {
      for (const auto& value : index.fn(object)) {
        const auto bucket = index.keys.find(value);
        if (bucket == index.keys.end()) continue;
        bucket->second.erase(key);
        if (bucket->second.empty()) index.keys.erase(bucket);
      }
    }
  }

  std::map<std::string, Ref<T>, std::less<>> objects_;
  std::map<std::string, Index, std::less<>> indexes_;
};

}  // namespace stowage::kube
