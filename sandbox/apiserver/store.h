#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/apiserver/selector.h"

namespace stowage::sandbox {

/// One version of one object. Immutable and shared between store, history and watches; the body is kept as
/// the JSON text that is served, because most objects are read far more often than they are taken apart.
struct Object {
  std::string key;  ///< "namespace/name", or "name" of cluster-scoped kinds.
  std::string ns, name, uid;
  uint64_t version = 0;
  Labels labels;
  std::vector<std::string> fields;  ///< Values of the collection's selectable fields, in their order.
  std::vector<std::string> owners;  ///< UIDs of ownerReferences.
  bool deleting = false;            ///< Has a deletionTimestamp.
  std::string body;                 ///< JSON text without apiVersion and kind, as built-in lists show items.
};
using ObjectPtr = std::shared_ptr<const Object>;

struct Event {
  enum class Type { kAdded, kModified, kDeleted };
  Type type;
  uint64_t version;
  ObjectPtr object;    ///< After the change; of a deletion: the last state, with the deletion's version.
  ObjectPtr previous;  ///< Before the change; null when created.
};

/// How much history a collection keeps for watches and continue tokens.
struct HistoryLimits {
  size_t events = 20'000;
  size_t bytes = size_t{16} << 20;
};

/// What a list or watch selects.
struct Filter {
  struct Term {
    int index;  ///< Into Object::fields; -1 = metadata.name, -2 = metadata.namespace.
    std::string value;
    bool equal;
  };
  std::string ns;  ///< Empty = all.
  LabelSelector labels;
  std::vector<Term> terms;

  [[nodiscard]] bool matches(const Object& object) const;
};

class Store;

/// All objects of one resource, in key order, with a bounded history of changes.
class Collection {
 public:
  explicit Collection(std::vector<std::string> selectable_fields) : fields_(std::move(selectable_fields)) {}
  /// A copy shares the objects and has no listeners.
  Collection(const Collection& other);
  Collection& operator=(const Collection&) = delete;

  [[nodiscard]] ObjectPtr get(std::string_view key) const;
  [[nodiscard]] const std::map<std::string, ObjectPtr, std::less<>>& objects() const { return objects_; }
  [[nodiscard]] const std::vector<std::string>& selectable_fields() const { return fields_; }
  [[nodiscard]] const std::deque<Event>& history() const { return history_; }
  /// Changes up to this version are forgotten; watches and pages from before it answer 410.
  [[nodiscard]] uint64_t compacted() const { return compacted_; }
  /// Set when the resource is no longer served; watches end.
  [[nodiscard]] bool closed() const { return closed_; }

  /// Objects selected by `filter` as they were at `version` (0 = now), key order, keys > `after`, at most
  /// `limit` + 1 (0 = all): one more than the limit tells that there are more. `remaining` counts what
  /// follows the limit when no selector narrows the list. Error: 410 when `version` is compacted.
  Answer<std::vector<ObjectPtr>> list(const Filter& filter, uint64_t version, std::string_view after,
                                      size_t limit, size_t* remaining) const;

  /// Called after each change; the token ends the subscription.
  using Token = std::list<std::function<void()>>::iterator;
  Token subscribe(std::function<void()> call) { return listeners_.insert(listeners_.end(), std::move(call)); }
  void unsubscribe(Token token) { listeners_.erase(token); }

 private:
  friend class Store;
  void forget(const HistoryLimits& limits);
  void notify();

  std::map<std::string, ObjectPtr, std::less<>> objects_;
  std::deque<Event> history_;
  size_t history_bytes_ = 0;
  uint64_t compacted_ = 0;
  bool closed_ = false;
  std::vector<std::string> fields_;
  std::list<std::function<void()>> listeners_;
};

/// Owns the one, strictly increasing resource version. All writes pass here.
class Store {
 public:
  explicit Store(HistoryLimits limits) : limits_(limits) {}

  [[nodiscard]] uint64_t version() const { return version_; }
  /// Version of the next write; the caller puts it into the body that it commits.
  [[nodiscard]] uint64_t next_version() const { return version_ + 1; }

  /// Creates or replaces; `object->version` must be next_version().
  void put(Collection& collection, ObjectPtr object);
  /// Removes; `last` is the final state with next_version() in its body.
  void remove(Collection& collection, ObjectPtr last);
  /// Forgets all history of the collection (a fault of its own: etcd compaction).
  void compact(Collection& collection);
  /// Ends every watch of a resource that is no longer served.
  void close(Collection& collection);

 private:
  void record(Collection& collection, Event event);

  HistoryLimits limits_;
  uint64_t version_ = 1;
};

}  // namespace stowage::sandbox
