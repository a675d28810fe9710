#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "sandbox/apiserver/store.h"

namespace stowage::sandbox {

/// A running watch. It holds a position in the history instead of a queue, so a slow reader costs nothing and
/// falls behind into 410 like on a real server. Not thread-safe; lives no longer than its Server.
class Watch {
 public:
  /// Turns a stored object into the JSON text this client asked for (its version, Table, metadata only).
  using Encoder = std::function<std::string(const Object&)>;

  struct Options {
    uint64_t from = 0;                    ///< Changes after this version are sent.
    std::vector<ObjectPtr> initial = {};  ///< Sent first, as ADDED.
    bool initial_end_bookmark = false;    ///< Send the bookmark that ends initial events.
    bool bookmarks = false;
    std::optional<Millis> timeout = {};  ///< The server ends the watch then.
    std::string bookmark_kind = {};      ///< {"kind":..,"apiVersion":..} of bookmarks: kind and apiVersion.
    std::string bookmark_api_version = {};
  };

  Watch(std::shared_ptr<Collection> collection, Filter filter, Encoder encode, Options options);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// The next frame, one line of JSON, or nothing yet. After an ERROR frame the watch has ended.
  std::optional<std::string> next();
  /// No frame will come any more.
  [[nodiscard]] bool ended() const { return ended_; }
  /// Called when frames may be available; from inside Server calls, so it must not call the Server back.
  void on_change(std::function<void()> call);
  /// How long the client asked the watch to last.
  [[nodiscard]] std::optional<Millis> timeout() const { return options_.timeout; }
  /// A bookmark with the position reached, or nothing if the client did not ask for bookmarks. `version` is
  /// the store's present version and is used only when every change up to it was sent.
  std::optional<std::string> bookmark(uint64_t version);

 private:
  std::string frame(std::string_view type, const std::string& object) const;
  std::string bookmark_frame(uint64_t version, bool initial_end) const;

  std::shared_ptr<Collection> collection_;
  Filter filter_;
  Encoder encode_;
  Options options_;
  size_t initial_sent_ = 0;
  uint64_t position_;
  bool ended_ = false;
  std::optional<Collection::Token> token_;
};

}  // namespace stowage::sandbox
