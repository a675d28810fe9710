#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kube/client/client.h"
#include "kube/runtime/environment.h"
#include "kube/runtime/store.h"
#include "kube/runtime/task_scope.h"

namespace stowage::kube {

struct InformerOptions {
  Resource resource;
  std::string ns = {};  ///< Empty = all namespaces.
  std::string label_selector = {};
  std::string field_selector = {};
  int page_size = 500;
  bool streaming_list = true;          ///< Try sendInitialEvents first; falls back to LIST by itself.
  Millis audit_every{30 * 60 * 1000};  ///< Compares the cache with a LIST and heals; 0 = never.
};

/// The untyped half: list, watch, resume, relist, back-off, audit. Typed informers plug in as a Sink.
class Reflector {
 public:
  /// What one raw object did to the typed store. Calls come in order, on the control thread.
  class Sink {
   public:
    virtual ~Sink() = default;
    /// `json` is one object. In a replacement (list) the object goes to the side store until `end_replace`.
    virtual Result<void> upsert(std::string_view json, bool in_replacement) = 0;
    /// Also in a replacement: a streaming list may tell of deletions before its end.
    virtual Result<void> removed(std::string_view json, bool in_replacement) = 0;
    virtual void begin_replace() = 0;
    /// Swaps the side store in; emits deletes for what vanished, delete + add for a new UID under an old
    /// name. Result: number of objects that differed.
    virtual size_t end_replace() = 0;
    virtual void abandon_replace() = 0;
    [[nodiscard]] virtual size_t size() const = 0;
  };

  Reflector(Environment env, Client& client, InformerOptions options, Sink& sink);
  ~Reflector();
  Reflector(const Reflector&) = delete;
  Reflector& operator=(const Reflector&) = delete;

  /// Runs until cancelled.
  boost::asio::awaitable<void> run();
  /// True after the first complete list; stays true through relists.
  [[nodiscard]] bool synced() const;
  /// Returns once synced.
  boost::asio::awaitable<void> wait_synced();
  /// The version up to which the cache has followed; empty before the first list.
  [[nodiscard]] const std::string& resource_version() const;
  /// Ok once synced; before, the reason in a sentence for /readyz (a missing CRD, refused credentials, ...).
  [[nodiscard]] Result<void> health() const;
  /// A consistent read: returns once the cache has followed to at least what a fresh LIST saw.
  Async<void> barrier();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A watched, typed cache of one kind. `T` has `api::ObjectMeta meta`; `decode` turns one JSON object into T
/// (an object that cannot be decoded is reported and skipped, it never stops the watch).
template <class T>
class Informer final : private Reflector::Sink {
 public:
  using Decode = Result<T> (*)(std::string_view json);
  /// old (as the store had it) is null for an add, now is null for a delete. Level-triggered: handlers
  /// enqueue keys, no more.
  using Handler = std::function<void(const Ref<T>& old, const Ref<T>& now)>;

  /// Takes away what nobody looks for in the store: the handlers have seen it.
  using Slim = void (*)(T& object);

  /// `slim` may be null: the store keeps objects whole.
  Informer(Environment env, Client& client, InformerOptions options, Decode decode, Slim slim = nullptr)
      : log_(env.log), decode_(decode), slim_(slim), reflector_(env, client, std::move(options), *this) {}

  void on_change(Handler handler) { handlers_.push_back(std::move(handler)); }
  void start(TaskScope& scope) { scope.spawn("informer", reflector_.run()); }
  [[nodiscard]] Store<T>& store() { return store_; }
  [[nodiscard]] const Store<T>& store() const { return store_; }
  [[nodiscard]] bool synced() const { return reflector_.synced(); }
  [[nodiscard]] Result<void> health() const { return reflector_.health(); }
  boost::asio::awaitable<void> wait_synced() { return reflector_.wait_synced(); }
  Async<void> barrier() { return reflector_.barrier(); }
  [[nodiscard]] const std::string& resource_version() const { return reflector_.resource_version(); }

 private:
  Result<void> upsert(std::string_view json, bool in_replacement) override {
    TRY(T object, decode_(json));
    if (!in_replacement) {
      put(std::make_shared<const T>(std::move(object)));
      return {};
    }
    // A relist of an unchanged world holds no second copy of it.
    std::string key = object.meta.key();
    Ref<T> known = store_.get(key);
    if (!known || !same_version(*known, object)) known = std::make_shared<const T>(std::move(object));
    side_.insert_or_assign(std::move(key), std::move(known));
    return {};
  }
  Result<void> removed(std::string_view json, bool in_replacement) override {
    TRY(const T object, decode_(json));
    const std::string key = object.meta.key();
    if (in_replacement) {
      const auto it = side_.find(key);
      if (it != side_.end() && it->second->meta.uid == object.meta.uid) side_.erase(it);
      return {};
    }
    const Ref<T> known = store_.get(key);
    // The delete of an earlier object must not remove its namesake.
    if (!known || known->meta.uid != object.meta.uid) return {};
    store_.erase(key);
    notify(known, nullptr);
    return {};
  }
  void begin_replace() override { side_.clear(); }
  void abandon_replace() override { side_.clear(); }
  size_t end_replace() override {
    auto side = std::exchange(side_, {});
    std::vector<std::string> gone;
    for (const auto& [key, object] : store_.objects()) {
      if (!side.contains(key)) gone.push_back(key);
    }
    for (const auto& key : gone) {
      if (Ref<T> old = store_.erase(key)) notify(old, nullptr);
    }
    size_t differences = gone.size();
    for (auto& [key, object] : side) {
      const Ref<T> old = store_.get(key);
      if (old && same_version(*old, *object)) continue;
      ++differences;
      put(std::move(object));
    }
    return differences;
  }
  [[nodiscard]] size_t size() const override { return store_.size(); }

  static bool same_version(const T& a, const T& b) {
    return a.meta.uid == b.meta.uid && a.meta.resource_version == b.meta.resource_version;
  }
  void put(Ref<T> object) {
    const Ref<T> before = store_.get(object->meta.key());
    if (before && before->meta.uid != object->meta.uid) {
      store_.erase(object->meta.key());
      notify(before, nullptr);
    }
    const Ref<T> now = object;
    if (slim_ != nullptr) {
      auto kept = std::make_shared<T>(*now);
      slim_(*kept);
      object = std::move(kept);
    }
    const Ref<T> old = store_.put(std::move(object));
    notify(old, now);
  }
  void notify(const Ref<T>& old, const Ref<T>& now) {
    for (const Handler& handler : handlers_)
      handler(old, now);
  }

  Logger& log_;
  Decode decode_;
  Slim slim_;
  Store<T> store_;
  std::map<std::string, Ref<T>> side_;
  std::vector<Handler> handlers_;
  Reflector reflector_;
};

}  // namespace stowage::kube
