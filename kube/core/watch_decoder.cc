#include "kube/core/watch_decoder.h"

#include <simdjson.h>

#include <memory>

namespace stowage::kube {
namespace {

/// What a burst made the buffer grow to beyond this is given back: a watch lives for hours.
constexpr size_t kKeptBytes = 256 * 1024;
constexpr std::string_view kInitialEventsEnd = "k8s.io/initial-events-end";

/// One parser for the thread: its buffers grow to the largest frame and stay.
simdjson::ondemand::parser& shared_parser() {
  thread_local simdjson::ondemand::parser parser;
  return parser;
}

Result<WatchType> type_of(std::string_view text) {
  if (text == "ADDED") return WatchType::kAdded;
  if (text == "MODIFIED") return WatchType::kModified;
  if (text == "DELETED") return WatchType::kDeleted;
  if (text == "BOOKMARK") return WatchType::kBookmark;
  if (text == "ERROR") return WatchType::kError;
  return fail(Code::kMalformed, "watch: unknown event type \"" + std::string(text.substr(0, 40)) + "\"");
}

std::unexpected<Error> malformed(const char* what) {
  return fail(Code::kMalformed, std::string("watch: ") + what);
}

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/// An event as every API server writes it, {"type":"T","object":{...}} and nothing else: cut without a
/// parser. `frame` is balanced and has one object or list inside.
std::optional<std::pair<std::string_view, std::string_view>> split_plain(std::string_view frame) {
  constexpr std::string_view kBegin = R"({"type":")";
  constexpr std::string_view kMiddle = R"(","object":{)";
  if (!frame.starts_with(kBegin) || !frame.ends_with("}}")) return std::nullopt;
  const std::string_view rest = frame.substr(kBegin.size());
  const size_t end = rest.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
  if (end == std::string_view::npos || !rest.substr(end).starts_with(kMiddle)) return std::nullopt;
  const size_t begin = end + kMiddle.size() - 1;
  return std::pair(rest.substr(0, end), rest.substr(begin, rest.size() - 1 - begin));
}

/// metadata.resourceVersion into `version`, and whether the annotation that ends a streaming list is there.
Result<void> read_metadata(simdjson::ondemand::object object, std::string& version,
                           bool& initial_events_end) {
  simdjson::ondemand::object metadata;
  if (object.find_field_unordered("metadata").get_object().get(metadata) != simdjson::SUCCESS) {
    return malformed("the object has no metadata");
  }
  for (auto field : metadata) {
    std::string_view key;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) return malformed("broken metadata");
    if (key == "resourceVersion") {
      std::string_view value;
      if (field.value().get_string().get(value) != simdjson::SUCCESS) {
        return malformed("resourceVersion is not a string");
      }
      version = value;
    } else if (key == "annotations") {
      simdjson::ondemand::object annotations;
      if (field.value().get_object().get(annotations) != simdjson::SUCCESS) continue;
      std::string_view value;
      if (annotations.find_field_unordered(kInitialEventsEnd).get_string().get(value) == simdjson::SUCCESS) {
        initial_events_end = value == "true";
      }
    }
  }
  return {};
}

/// `frame`, which lies in `buffer` with enough bytes behind it.
simdjson::padded_string_view padded(const std::string& buffer, std::string_view frame) {
  const auto at = static_cast<size_t>(frame.data() - buffer.data());
  return simdjson::padded_string_view(frame.data(), frame.size(), buffer.capacity() - at);
}

}  // namespace

void WatchDecoder::feed(std::string_view chunk) {
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    scanned_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.empty() && chunk.size() < kKeptBytes && buffer_.capacity() > 2 * kKeptBytes)
    std::string().swap(buffer_);
  buffer_.append(chunk);
}

bool WatchDecoder::mid_frame() const {
  return scanner_.inside();
}

void WatchDecoder::reset() {
  buffer_.clear();
  begin_ = scanned_ = 0;
  scanner_.reset();
}

Result<std::optional<WatchFrame>> WatchDecoder::next() {
  if (!scanner_.inside()) {
    while (begin_ < buffer_.size() && is_space(buffer_[begin_]))
      ++begin_;
    scanned_ = begin_;
    if (begin_ == buffer_.size()) return std::nullopt;
  }
  TRY(const size_t used, scanner_.scan(std::string_view(buffer_).substr(scanned_)));
  scanned_ += used;
  if (scanned_ - begin_ > max_frame_bytes_) return malformed("an event is above its size bound");
  if (!scanner_.complete()) return std::nullopt;
  const bool one_child = scanner_.children() == 1;
  scanner_.reset();
  const std::string_view frame = std::string_view(buffer_).substr(begin_, scanned_ - begin_);
  begin_ = scanned_;
  TRY(WatchFrame decoded, decode(frame, one_child));
  return decoded;
}

/// Type and raw object of an event, whatever the order of its fields is.
Result<WatchFrame> WatchDecoder::split(std::string_view frame) {
  simdjson::ondemand::document document;
  simdjson::ondemand::object outer;
  if (shared_parser().iterate(padded(buffer_, frame)).get(document) != simdjson::SUCCESS ||
      document.get_object().get(outer) != simdjson::SUCCESS) {
    return malformed("an event is not a JSON object");
  }
  std::optional<std::string> type;
  std::optional<std::string_view> object;
  for (auto field : outer) {
    std::string_view key;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) return malformed("a broken event");
    simdjson::ondemand::value value;
    if (field.value().get(value) != simdjson::SUCCESS) return malformed("a broken event");
    if (key == "type") {
      std::string_view text;
      if (value.get_string().get(text) != simdjson::SUCCESS) return malformed("type is not a string");
      type = text;
    } else if (key == "object") {
      simdjson::ondemand::object inner;
      std::string_view raw;
      if (value.get_object().get(inner) != simdjson::SUCCESS ||
          inner.raw_json().get(raw) != simdjson::SUCCESS) {
        return malformed("object is not a JSON object");
      }
      object = raw;
    }
  }
  // A broken event may make the parser read on into what follows in the buffer.
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) return malformed("a broken event");
  if (!type || !object) return malformed("an event without type or object");
  WatchFrame out;
  TRY(out.type, type_of(*type));
  out.object = *object;
  return out;
}

/// The event is cut, then the object's metadata is read. Nothing builds a tree.
Result<WatchFrame> WatchDecoder::decode(std::string_view frame, bool one_child) {
  // simdjson reads up to SIMDJSON_PADDING bytes past the end: the buffer must own them.
  const auto offset = static_cast<size_t>(frame.data() - buffer_.data());
  const size_t size = frame.size();
  if (buffer_.capacity() < offset + size + simdjson::SIMDJSON_PADDING)
    buffer_.reserve(offset + size + simdjson::SIMDJSON_PADDING + buffer_.size() / 4);
  frame = std::string_view(buffer_).substr(offset, size);
  WatchFrame out;
  const auto plain = one_child ? split_plain(frame) : std::nullopt;
  if (plain) {
    TRY(out.type, type_of(plain->first));
    out.object = plain->second;
  } else {
    TRY(out, split(frame));
  }
  if (out.type == WatchType::kError) return out;
  simdjson::ondemand::document document;
  simdjson::ondemand::object inner;
  if (shared_parser().iterate(padded(buffer_, out.object)).get(document) != simdjson::SUCCESS ||
      document.get_object().get(inner) != simdjson::SUCCESS) {
    return malformed("object is not a JSON object");
  }
  version_.clear();
  TRY_VOID(read_metadata(inner, version_, out.initial_events_end));
  if (version_.empty()) return malformed("the object has no resourceVersion");
  out.resource_version = version_;
  return out;
}

}  // namespace stowage::kube
