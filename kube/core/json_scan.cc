#include "kube/core/json_scan.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>

namespace stowage::kube {
namespace {

/// Bytes at which something happens outside of a string.
constexpr std::array<bool, 256> kStructural = [] {
  std::array<bool, 256> table{};
  for (const char c : {'{', '}', '[', ']', '"'}) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}();

/// A bit is set in each byte of `word` that equals `c`, perhaps also in bytes above such a one.
/// Source: "Determine if a word has a byte equal to n" in Anderson's Bit Twiddling Hacks.
constexpr uint64_t equal_bytes(uint64_t word, char c) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  const uint64_t zero_where_equal = word ^ (kOnes * static_cast<unsigned char>(c));
  return (zero_where_equal - kOnes) & ~zero_where_equal & (kOnes << 7);
}

/// First byte at or after `i` that ends a string or escapes the next byte.
size_t skip_string(std::string_view bytes, size_t i) {
  for (uint64_t word = 0; i + sizeof word <= bytes.size(); i += sizeof word) {
    std::memcpy(&word, bytes.data() + i, sizeof word);
    if ((equal_bytes(word, '"') | equal_bytes(word, '\\')) != 0) break;
  }
  while (i < bytes.size() && bytes[i] != '"' && bytes[i] != '\\')
    ++i;
  return i;
}

size_t skip_plain(std::string_view bytes, size_t i) {
  while (i < bytes.size() && !kStructural[static_cast<unsigned char>(bytes[i])])
    ++i;
  return i;
}

}  // namespace

void JsonScanner::reset() {
  *this = JsonScanner();
}

Result<void> JsonScanner::open(bool object) {
  if (depth_ == kMaxJsonDepth) {
    return fail(Code::kMalformed, "JSON nested deeper than " + std::to_string(kMaxJsonDepth));
  }
  const uint64_t bit = uint64_t{1} << depth_;
  objects_ = object ? objects_ | bit : objects_ & ~bit;
  ++depth_;
  return {};
}

Result<void> JsonScanner::close(bool object) {
  if (depth_ == 0 || ((objects_ >> (depth_ - 1)) & 1) != (object ? 1U : 0U)) {
    return fail(Code::kMalformed,
                std::string("JSON: a closing ") + (object ? "brace" : "bracket") + " that nothing opened");
  }
  --depth_;
  if (depth_ == 1) ++children_;
  complete_ = depth_ == 0;
  return {};
}

Result<size_t> JsonScanner::scan(std::string_view bytes) {
  size_t i = 0;
  while (i < bytes.size() && !complete_) {
    if (escaped_) {
      escaped_ = false;
      ++i;
      continue;
    }
    if (in_string_) {
      i = skip_string(bytes, i);
      if (i == bytes.size()) break;
      if (bytes[i] == '"') {
        in_string_ = false;
      } else {
        escaped_ = true;
      }
      ++i;
      continue;
    }
    if (depth_ > 0) i = skip_plain(bytes, i);
    if (i == bytes.size()) break;
    const char c = bytes[i++];
    if (depth_ == 0 && c != '{' && c != '[') {
      return fail(Code::kMalformed, "JSON: expected an object or a list");
    }
    if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      TRY_VOID(open(c == '{'));
    } else {
      TRY_VOID(close(c == '}'));
    }
  }
  return i;
}

Result<void> check_json_depth(std::string_view text) {
  size_t depth = 0;
  size_t i = 0;
  while ((i = skip_plain(text, i)) < text.size()) {
    const char c = text[i++];
    if (c == '"') {
      for (i = skip_string(text, i); i < text.size() && text[i] == '\\'; i = skip_string(text, i)) {
        i = std::min(i + 2, text.size());
      }
      if (i < text.size()) ++i;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxJsonDepth) {
        return fail(Code::kMalformed, "JSON nested deeper than " + std::to_string(kMaxJsonDepth));
      }
    } else if (depth > 0) {
      --depth;
    }
  }
  return {};
}

}  // namespace stowage::kube
