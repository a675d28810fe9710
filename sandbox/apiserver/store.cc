#include "sandbox/apiserver/store.h"

#include <fmt/format.h>

#include "base/check.h"

namespace stowage::sandbox {

bool Filter::matches(const Object& object) const {
  if (!ns.empty() && object.ns != ns) return false;
  for (const Term& term : terms) {
    const std::string& have = term.index == -1   ? object.name
                              : term.index == -2 ? object.ns
                                                 : object.fields[static_cast<size_t>(term.index)];
    if ((have == term.value) != term.equal) return false;
  }
  return labels.matches(object.labels);
}

Collection::Collection(const Collection& other)
    : objects_(other.objects_),
      history_(other.history_),
      history_bytes_(other.history_bytes_),
      compacted_(other.compacted_),
      closed_(other.closed_),
      fields_(other.fields_) {}

ObjectPtr Collection::get(std::string_view key) const {
  const auto it = objects_.find(key);
  return it == objects_.end() ? nullptr : it->second;
}

Answer<std::vector<ObjectPtr>> Collection::list(const Filter& filter, uint64_t version,
                                                std::string_view after, size_t limit,
                                                size_t* remaining) const {
  // The past is the present with later changes undone: the newest change is undone first, the oldest one
  // wins.
  std::map<std::string_view, const ObjectPtr*> past;
  if (version != 0) {
    if (version < compacted_) {
      return expired(
          fmt::format("The provided continue parameter is too old to display a consistent list result. "
                      "You can start a new list without the continue parameter. (version {}, compacted {})",
                      version, compacted_));
    }
    for (auto event = history_.rbegin(); event != history_.rend() && event->version > version; ++event) {
      past[event->object->key] = &event->previous;
    }
  }

  std::vector<ObjectPtr> out;
  size_t beyond = 0;
  const bool selective = !filter.labels.empty() || !filter.terms.empty();
  const std::string prefix = filter.ns.empty() ? std::string() : filter.ns + "/";
  const std::string_view start = std::max<std::string_view>(after, prefix);
  auto now = after.empty() ? objects_.lower_bound(start) : objects_.upper_bound(start);
  auto then = after.empty() ? past.lower_bound(start) : past.upper_bound(start);
  const auto take = [&](const ObjectPtr& object) {
    if (object == nullptr || !filter.matches(*object)) return true;
    if (limit != 0 && out.size() > limit) {
      ++beyond;
      return !selective;  // Counting what remains is only promised for unselective lists.
    }
    out.push_back(object);
    return true;
  };
  while (now != objects_.end() || then != past.end()) {
    const bool from_past = then != past.end() && (now == objects_.end() || then->first <= now->first);
    const std::string_view key = from_past ? then->first : std::string_view(now->first);
    if (!key.starts_with(prefix)) break;
    const bool same = from_past && now != objects_.end() && now->first == key;
    if (!take(from_past ? *then->second : now->second)) break;
    if (from_past) ++then;
    if (!from_past || same) ++now;
  }
  if (remaining != nullptr) *remaining = selective || out.size() <= limit ? 0 : beyond + 1;
  return out;
}

void Collection::forget(const HistoryLimits& limits) {
  while (!history_.empty() && (history_.size() > limits.events || history_bytes_ > limits.bytes)) {
    history_bytes_ -= history_.front().object->body.size();
    compacted_ = history_.front().version;
    history_.pop_front();
  }
}

void Collection::notify() {
  for (auto it = listeners_.begin(); it != listeners_.end();) {
    const auto current = it++;  // A listener may end its own subscription.
    (*current)();
  }
}

void Store::record(Collection& collection, Event event) {
  STOWAGE_CHECK(event.version == version_ + 1, "versions are given out one by one");
  version_ = event.version;
  collection.history_bytes_ += event.object->body.size();
  collection.history_.push_back(std::move(event));
  collection.forget(limits_);
  collection.notify();
}

void Store::put(Collection& collection, ObjectPtr object) {
  ObjectPtr& slot = collection.objects_[object->key];
  Event event{slot ? Event::Type::kModified : Event::Type::kAdded, object->version, object, slot};
  slot = std::move(object);
  record(collection, std::move(event));
}

void Store::remove(Collection& collection, ObjectPtr last) {
  const auto it = collection.objects_.find(last->key);
  STOWAGE_CHECK(it != collection.objects_.end(), "only what exists is removed");
  Event event{Event::Type::kDeleted, last->version, last, it->second};
  collection.objects_.erase(it);
  record(collection, std::move(event));
}

void Store::compact(Collection& collection) {
  collection.history_.clear();
  collection.history_bytes_ = 0;
  collection.compacted_ = version_;
  collection.notify();
}

void Store::close(Collection& collection) {
  collection.closed_ = true;
  collection.notify();
}

}  // namespace stowage::sandbox
