#include "sandbox/apiserver/regex.h"

#include <boost/regex.hpp>
#include <map>

namespace stowage::sandbox {

// Boost.Regex matches without recursion and throws when a pattern explodes, unlike std::regex.
class Regex {
 public:
  explicit Regex(std::string_view pattern)
      : value(pattern.begin(), pattern.end(), boost::regex::perl | boost::regex::no_mod_m) {}
  boost::regex value;
};

std::shared_ptr<const Regex> compile_regex(std::string_view pattern) {
  constexpr size_t kMaxPattern = 4096;
  constexpr size_t kMaxKept = 1000;
  static thread_local std::map<std::string, std::shared_ptr<const Regex>, std::less<>> kept;
  if (pattern.size() > kMaxPattern) return nullptr;
  if (const auto it = kept.find(pattern); it != kept.end()) return it->second;
  try {
    auto regex = std::make_shared<const Regex>(pattern);
    if (kept.size() >= kMaxKept) kept.clear();
    kept.emplace(pattern, regex);
    return regex;
  } catch (const std::exception&) {
    return nullptr;
  }
}

bool search(const Regex& regex, std::string_view text) {
  try {
    return boost::regex_search(text.begin(), text.end(), regex.value);
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace stowage::sandbox
