#include "kube/core/url.h"

namespace stowage::kube {

std::string url_encode(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size() + 8);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                            c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    }
  }
  return out;
}

Query& Query::add(std::string_view name, std::string_view value) {
  if (value.empty()) return *this;
  if (!text_.empty()) text_.push_back('&');
  text_.append(name).push_back('=');
  text_.append(url_encode(value));
  return *this;
}

Query& Query::add(std::string_view name, long long value) {
  return add(name, std::string_view(std::to_string(value)));
}

std::string with_query(std::string_view path, std::string_view query) {
  std::string out(path);
  if (!query.empty()) out.append("?").append(query);
  return out;
}

}  // namespace stowage::kube
