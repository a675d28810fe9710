#include "kube/core/list_pager.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kube/core/url.h"

namespace stowage::kube {
namespace {

/// Keys of a List and its metadata are a few hundred bytes; a continue token is below 1 KiB.
constexpr size_t kMaxKeyBytes = 256;
constexpr size_t kMaxMetadataBytes = 64 * 1024;

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

std::unexpected<Error> malformed(const char* what) {
  return fail(Code::kMalformed, std::string("list: ") + what);
}

std::string string_at(const nlohmann::json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

}  // namespace

void ListReader::feed(std::string_view chunk) {
  if (pos_ > 0) {
    buffer_.erase(0, pos_);
    scanned_ = scanned_ > pos_ ? scanned_ - pos_ : 0;
    pos_ = 0;
  }
  buffer_.append(chunk);
}

Result<std::optional<std::string_view>> ListReader::next() {
  for (;;) {
    TRY(const bool progress, step());
    if (item_) return std::exchange(item_, std::nullopt);
    if (!progress) return std::nullopt;
  }
}

/// One token or one value. False when it needs more bytes.
Result<bool> ListReader::step() {
  const bool inside = (state_ == State::kValue || state_ == State::kItem) && scanned_ > pos_;
  if (!inside) {
    while (pos_ < buffer_.size() && is_space(buffer_[pos_]))
      ++pos_;
  }
  if (pos_ >= buffer_.size()) return false;
  const char c = buffer_[pos_];
  const auto expect = [&](char wanted, State then, const char* otherwise) -> Result<bool> {
    if (c != wanted) return malformed(otherwise);
    ++pos_;
    state_ = then;
    return true;
  };
  switch (state_) {
    case State::kStart:
      return expect('{', State::kKey, "the body is not a JSON object");
    case State::kKey:
      if (c == '}') return expect('}', State::kDone, "");
      return read_key();
    case State::kColon:
      return expect(':', State::kValue, "expected a colon");
    case State::kValue:
      return read_value();
    case State::kItems:
      if (c == ']') return expect(']', State::kAfterValue, "");
      state_ = State::kItem;
      return true;
    case State::kItem:
      return read_item();
    case State::kAfterItem:
      if (c == ']') return expect(']', State::kAfterValue, "");
      return expect(',', State::kItem, "expected a comma between two items");
    case State::kAfterValue:
      if (c == '}') return expect('}', State::kDone, "");
      return expect(',', State::kKey, "expected a comma between two fields");
    case State::kDone:
      return malformed("bytes after its end");
  }
  return malformed("impossible state");
}

Result<bool> ListReader::read_key() {
  if (buffer_[pos_] != '"') return malformed("expected the name of a field");
  const size_t end = buffer_.find('"', pos_ + 1);
  if (end == std::string::npos) {
    if (buffer_.size() - pos_ - 1 > kMaxKeyBytes) return malformed("a field name without end");
    return false;
  }
  key_ = buffer_.substr(pos_ + 1, end - pos_ - 1);
  if (key_.size() > kMaxKeyBytes || key_.find('\\') != std::string::npos)
    return malformed("a strange field name");
  pos_ = end + 1;
  state_ = State::kColon;
  return true;
}

/// A value at the top level: items are entered, everything else is taken whole; only metadata is kept.
Result<bool> ListReader::read_value() {
  const char c = buffer_[pos_];
  if (key_ == "items" && c == '[') {
    if (seen_items_) return malformed("two lists of items");
    seen_items_ = true;
    ++pos_;
    state_ = State::kItems;
    return true;
  }
  size_t end = pos_;
  if (c == '{' || c == '[') {
    if (scanned_ <= pos_) {
      scanner_.reset();
      scanned_ = pos_;
    }
    TRY(const size_t used, scanner_.scan(std::string_view(buffer_).substr(scanned_)));
    scanned_ += used;
    if (scanned_ - pos_ > kMaxMetadataBytes) return malformed("a field beside items is above 64 KiB");
    if (!scanner_.complete()) return false;
    end = scanned_;
    if (key_ == "metadata") metadata_ = buffer_.substr(pos_, end - pos_);
  } else if (c == '"') {
    end = pos_ + 1;
    while (end < buffer_.size() && buffer_[end] != '"')
      end += buffer_[end] == '\\' ? 2 : 1;
    if (end - pos_ > kMaxMetadataBytes) return malformed("a field beside items is above 64 KiB");
    if (end >= buffer_.size()) return false;
    ++end;
  } else {
    end = std::min(buffer_.find_first_of(",}", pos_), buffer_.size());
    if (end == pos_ || end - pos_ > kMaxKeyBytes) return malformed("a strange value");
    if (end == buffer_.size()) return false;
    std::string_view word = std::string_view(buffer_).substr(pos_, end - pos_);
    while (is_space(word.back()))
      word.remove_suffix(1);
    if (key_ == "items" && word != "null") return malformed("items is not a list");
    if (key_ == "items") seen_items_ = true;  // how Go writes an empty slice
  }
  if (key_ == "items" && (c == '{' || c == '"')) return malformed("items is not a list");
  if (key_ == "kind" && c == '"') {
    const std::string_view kind = std::string_view(buffer_).substr(pos_ + 1, end - pos_ - 2);
    if (!kind.ends_with("List")) return malformed("the body is not a List");
  }
  pos_ = end;
  scanned_ = 0;
  state_ = State::kAfterValue;
  return true;
}

Result<bool> ListReader::read_item() {
  if (scanned_ <= pos_) {
    if (buffer_[pos_] != '{') return malformed("an item is not an object");
    scanner_.reset();
    scanned_ = pos_;
  }
  TRY(const size_t used, scanner_.scan(std::string_view(buffer_).substr(scanned_)));
  scanned_ += used;
  if (scanned_ - pos_ > max_item_bytes_) return malformed("an item is above its size bound");
  if (!scanner_.complete()) return false;
  item_ = std::string_view(buffer_).substr(pos_, scanned_ - pos_);
  ++items_;
  pos_ = scanned_;
  scanned_ = 0;
  state_ = State::kAfterItem;
  return true;
}

Result<ListMeta> ListReader::finish() {
  if (state_ != State::kDone) return malformed("the body ended before the list did");
  for (; pos_ < buffer_.size(); ++pos_) {
    if (!is_space(buffer_[pos_])) return malformed("bytes after its end");
  }
  if (!seen_items_) return malformed("no items");
  const nlohmann::json metadata = nlohmann::json::parse(metadata_, nullptr, false);
  if (!metadata.is_object()) return malformed("no metadata");
  ListMeta out{.resource_version = string_at(metadata, "resourceVersion"),
               .continue_token = string_at(metadata, "continue")};
  if (out.resource_version.empty()) return malformed("metadata has no resourceVersion");
  return out;
}

std::string ListPager::target() const {
  Query query;
  if (options_.page_size > 0) query.add("limit", options_.page_size);
  if (!continue_.empty()) {
    query.add("continue", continue_);  // the token carries the version; naming it again is refused
  } else {
    query.add("resourceVersion", options_.resource_version);
    query.add("resourceVersionMatch", options_.resource_version_match);
  }
  std::string text = options_.query;
  if (!text.empty() && !query.str().empty()) text += '&';
  text += query.str();
  return with_query(options_.path, text);
}

bool ListPager::advance(const ListMeta& page) {
  // All pages are of one version; the first one says which, and later ones repeat it.
  if (version_.empty()) version_ = page.resource_version;
  continue_ = page.continue_token;
  return !continue_.empty();
}

}  // namespace stowage::kube
