#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "kube/core/http.h"

namespace stowage::kube {

/// What a cache has to do, in the order in which it comes out of the machine.
struct WatchEffect {
  enum class Kind {
    kBeginReplace,    ///< Start an empty side store.
    kUpsert,          ///< `object` is there now (in the side store when `in_replacement`).
    kRemove,          ///< `object` is gone.
    kEndReplace,      ///< The side store is the whole truth as of resource_version(): swap it in.
    kAbandonReplace,  ///< Drop the side store: the list broke off.
  };
  Kind kind = Kind::kUpsert;
  std::string_view object = {};  ///< Raw JSON; valid until the machine's next call.
  bool in_replacement = false;
  bool audit = false;  ///< kEndReplace: what differs from the cache is damage that is being healed.
};

struct WatchMachineOptions {
  std::string path;                 ///< Collection, e.g. "/api/v1/pods".
  std::string label_selector = {};  ///< As in kubectl, not encoded.
  std::string field_selector = {};
  int page_size = 500;
  bool streaming_list = true;  ///< Try sendInitialEvents first; falls back to LIST by itself.
  Millis backoff_first{800};
  Millis backoff_cap{30'000};
  Millis idle_timeout{120'000};  ///< Longest silence of a watch; the server's bookmarks come every minute.
  size_t max_object_bytes = size_t{16} << 20;
};

/// Decides how one collection is followed: list (streamed or in pages), watch, resume, back off, relist,
/// audit. Pure: bytes, ends and failures in; requests, waits and cache effects out. Client rules 2-10, 12,
/// 13, 19 and 22 live here.
///
/// The driver, for ever:
///   step = machine.step(now); sleep step.wait; open step.request;
///   on failure to open: failed(error, now);
///   for each chunk: feed(chunk, now), then drain effect(); when closed(): drop the stream;
///   at the regular end: ended(now); on an error of the stream: failed(error, now); drain effect() again.
class WatchMachine {
 public:
  struct Step {
    Millis wait{0};       ///< Before the request.
    HttpRequest request;  ///< To open as a stream.
  };

  WatchMachine(WatchMachineOptions options, Random random);
  ~WatchMachine();
  WatchMachine(const WatchMachine&) = delete;
  WatchMachine& operator=(const WatchMachine&) = delete;

  /// What to open next. Call it when no stream is open.
  Step step(MonoTime now);
  /// A piece of the body of the stream that step() asked for (its HTTP status was < 400).
  void feed(std::string_view chunk, MonoTime now);
  /// The next effect, or nullopt when the bytes fed so far hold no more.
  std::optional<WatchEffect> effect();
  /// The machine has no more use for the stream (an ERROR event, broken bytes, a relist was asked for): drop
  /// it and call step() again, without ended() or failed().
  [[nodiscard]] bool closed() const;
  /// The body ended regularly.
  void ended(MonoTime now);
  /// Opening failed (also with an HTTP status >= 400 as an Error), or the stream broke.
  void failed(const Error& error, MonoTime now);

  /// Asks for a consistent LIST as the next step (closed() becomes true): a read that is not older than now.
  void relist(MonoTime now);
  /// Asks for a LIST at exactly the version that the cache has, which should equal it (closed() becomes
  /// true). Without a version, or when the server no longer has it, this becomes a relist.
  void audit(MonoTime now);

  /// The version that the cache has followed to, counting the effects handed out; empty before the first
  /// complete list.
  [[nodiscard]] const std::string& resource_version() const;
  /// After the first complete list, and for ever.
  [[nodiscard]] bool synced() const;
  /// Complete lists so far; grows with each kEndReplace.
  [[nodiscard]] size_t lists() const;
  /// The latest failure, for logs and metrics; empty after health was proved.
  [[nodiscard]] const std::optional<Error>& last_error() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stowage::kube
