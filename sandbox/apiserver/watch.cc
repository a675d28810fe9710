#include "sandbox/apiserver/watch.h"

#include <fmt/format.h>

#include <algorithm>

namespace stowage::sandbox {

Watch::Watch(std::shared_ptr<Collection> collection, Filter filter, Encoder encode, Options options)
    : collection_(std::move(collection)),
      filter_(std::move(filter)),
      encode_(std::move(encode)),
      options_(std::move(options)),
      position_(options_.from) {}

Watch::~Watch() {
  if (token_) collection_->unsubscribe(*token_);
}

void Watch::on_change(std::function<void()> call) {
  if (token_) collection_->unsubscribe(*token_);
  token_ = collection_->subscribe(std::move(call));
}

std::string Watch::frame(std::string_view type, const std::string& object) const {
  std::string out = fmt::format(R"({{"type":"{}","object":)", type);
  out += object;
  while (out.ends_with('\n'))
    out.pop_back();
  out += "}\n";
  return out;
}

std::string Watch::bookmark_frame(uint64_t version, bool initial_end) const {
  return frame("BOOKMARK",
               fmt::format(R"({{"kind":"{}","apiVersion":"{}","metadata":{{"resourceVersion":"{}",)"
                           R"("creationTimestamp":null{}}}}})",
                           options_.bookmark_kind, options_.bookmark_api_version, version,
                           initial_end ? R"(,"annotations":{"k8s.io/initial-events-end":"true"})" : ""));
}

std::optional<std::string> Watch::next() {
  if (ended_) return std::nullopt;
  if (initial_sent_ < options_.initial.size()) {
    return frame("ADDED", encode_(*options_.initial[initial_sent_++]));
  }
  if (!options_.initial.empty()) options_.initial = {}, initial_sent_ = 0;
  if (options_.initial_end_bookmark) {
    options_.initial_end_bookmark = false;
    return bookmark_frame(position_, true);
  }
  if (position_ < collection_->compacted()) {
    ended_ = true;
    ApiError error =
        expired(fmt::format("too old resource version: {} ({})", position_, collection_->compacted()))
            .error();
    return frame("ERROR", error.to_status_json());
  }
  const auto& history = collection_->history();
  auto it = std::upper_bound(history.begin(), history.end(), position_,
                             [](uint64_t version, const Event& event) { return version < event.version; });
  for (; it != history.end(); ++it) {
    position_ = it->version;
    const bool now = it->type != Event::Type::kDeleted && filter_.matches(*it->object);
    const bool before = it->previous != nullptr && filter_.matches(*it->previous);
    if (!now && !before) continue;
    // An object that starts or ceases to match the selector is added or deleted for this watcher.
    return frame(!before ? "ADDED" : now ? "MODIFIED" : "DELETED", encode_(*it->object));
  }
  if (collection_->closed()) ended_ = true;
  return std::nullopt;
}

std::optional<std::string> Watch::bookmark(uint64_t version) {
  if (!options_.bookmarks || ended_ || !options_.initial.empty() || options_.initial_end_bookmark)
    return std::nullopt;
  const auto& history = collection_->history();
  if (history.empty() || history.back().version <= position_) position_ = std::max(position_, version);
  return bookmark_frame(position_, false);
}

}  // namespace stowage::sandbox
