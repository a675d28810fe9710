#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kube/core/json_scan.h"

namespace stowage::kube {

/// What the end of a list said.
struct ListMeta {
  std::string resource_version;
  std::string continue_token;  ///< Not empty: there is another page.
};

/// Reads one page of a List, item by item, out of body chunks: only the current item is held in memory, so
/// that a server which ignores `limit` costs no more than one that honours it. Sans-IO.
class ListReader {
 public:
  explicit ListReader(size_t max_item_bytes = size_t{16} << 20) : max_item_bytes_(max_item_bytes) {}

  /// Takes the next piece of the body. Drain `next` before feeding again.
  void feed(std::string_view chunk);
  /// The next item as raw JSON (valid until the next call), or nullopt when more bytes are needed.
  /// Errors: kMalformed (not a List, an item that is too large or too deep).
  Result<std::optional<std::string_view>> next();
  /// After the body's end: what the list said about itself. Only now may the items be trusted as the whole.
  /// Errors: kMalformed when the closing brace was not seen or the list names no resourceVersion.
  Result<ListMeta> finish();
  [[nodiscard]] size_t items() const { return items_; }

 private:
  enum class State { kStart, kKey, kColon, kValue, kItems, kItem, kAfterItem, kAfterValue, kDone };
  Result<bool> step();
  Result<bool> read_key();
  Result<bool> read_value();
  Result<bool> read_item();

  size_t max_item_bytes_;
  std::string buffer_;
  size_t pos_ = 0;      ///< First byte not consumed by the state machine.
  size_t scanned_ = 0;  ///< First byte of the current value that the scanner has not seen.
  State state_ = State::kStart;
  JsonScanner scanner_;
  std::string key_;
  std::string metadata_;
  std::optional<std::string_view> item_;
  size_t items_ = 0;
  bool seen_items_ = false;
};

/// Targets of a list, page after page.
class ListPager {
 public:
  struct Options {
    std::string path;                         ///< Collection, e.g. "/api/v1/pods".
    std::string query = {};                   ///< Selectors, already encoded.
    int page_size = 500;                      ///< 0 = no limit.
    std::string resource_version = {};        ///< Empty: the newest (a consistent read).
    std::string resource_version_match = {};  ///< "", "Exact", "NotOlderThan".
  };
  explicit ListPager(Options options) : options_(std::move(options)) {}

  /// Path and query of the page to fetch now.
  [[nodiscard]] std::string target() const;
  /// Takes the end of a page. Result: true when there is another.
  bool advance(const ListMeta& page);
  /// The version of the whole list: that of its first page. Meaningful after the last page.
  [[nodiscard]] const std::string& resource_version() const { return version_; }

 private:
  Options options_;
  std::string continue_;
  std::string version_;
};

}  // namespace stowage::kube
