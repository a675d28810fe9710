#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kube/core/json_scan.h"

namespace stowage::kube {

enum class WatchType { kAdded, kModified, kDeleted, kBookmark, kError };

/// One event of a watch. The views point into the decoder and live until its next call.
struct WatchFrame {
  WatchType type = WatchType::kError;
  std::string_view object;            ///< The object as raw JSON; a Status for kError.
  std::string_view resource_version;  ///< metadata.resourceVersion of the object; empty for kError.
  bool initial_events_end = false;    ///< The bookmark that ends a streaming list.
};

/// Cuts the body of a watch into events, whatever the chunks are. Sans-IO.
class WatchDecoder {
 public:
  /// A frame above `max_frame_bytes` is refused (etcd's default limit of a request is 1.5 MiB; CRDs and
  /// raised limits stay below 8 MiB).
  explicit WatchDecoder(size_t max_frame_bytes = size_t{16} << 20) : max_frame_bytes_(max_frame_bytes) {}

  /// Takes the next piece of the body. Drain `next` before feeding again.
  void feed(std::string_view chunk);
  /// The next whole event, or nullopt when more bytes are needed.
  /// Errors, after which the stream must be closed: kMalformed (not an event, too large, too deep).
  Result<std::optional<WatchFrame>> next();
  /// Bytes of an unfinished event are held: an end of the body now is a broken stream, not a regular end.
  [[nodiscard]] bool mid_frame() const;
  /// Forgets everything: for the next stream.
  void reset();

 private:
  Result<WatchFrame> decode(std::string_view frame, bool one_child);
  Result<WatchFrame> split(std::string_view frame);

  size_t max_frame_bytes_;
  std::string buffer_;
  size_t begin_ = 0;    ///< First byte of the current frame.
  size_t scanned_ = 0;  ///< First byte that the scanner has not seen.
  JsonScanner scanner_;
  std::string version_;
};

}  // namespace stowage::kube
