#pragma once

#include <string>
#include <string_view>

namespace stowage::kube {

/// `text` with every byte outside RFC 3986's unreserved set as %XX: for one path segment or one query value.
std::string url_encode(std::string_view text);

/// Builds "a=1&b=x%3Dy". Empty values are left out: the API reads an absent parameter and an empty one alike.
class Query {
 public:
  Query& add(std::string_view name, std::string_view value);
  Query& add(std::string_view name, long long value);
  [[nodiscard]] const std::string& str() const { return text_; }

 private:
  std::string text_;
};

/// "path?query", or the path alone when the query is empty.
std::string with_query(std::string_view path, std::string_view query);

}  // namespace stowage::kube
