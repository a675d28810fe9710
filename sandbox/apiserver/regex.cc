#include "sandbox/apiserver/regex.h"

#include <re2/re2.h>

#include <map>

namespace stowage::sandbox {
namespace {

RE2::Options options() {
  RE2::Options out;
  out.set_log_errors(false);
  out.set_max_mem(int64_t{2} << 20);
  return out;
}

}  // namespace

class Regex {
 public:
  explicit Regex(std::string_view pattern)
      : value(re2::StringPiece(pattern.data(), pattern.size()), options()) {}
  RE2 value;
};

std::shared_ptr<const Regex> compile_regex(std::string_view pattern) {
  constexpr size_t kMaxPattern = 4096;
  constexpr size_t kMaxKept = 200;
  static thread_local std::map<std::string, std::shared_ptr<const Regex>, std::less<>> kept;
  if (pattern.size() > kMaxPattern) return nullptr;
  if (const auto it = kept.find(pattern); it != kept.end()) return it->second;
  auto regex = std::make_shared<const Regex>(pattern);
  if (!regex->value.ok()) return nullptr;
  if (kept.size() >= kMaxKept) kept.clear();
  kept.emplace(pattern, regex);
  return regex;
}

bool search(const Regex& regex, std::string_view text) {
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), regex.value);
}

int64_t most_steps(const Regex& regex, std::string_view text) {
  return static_cast<int64_t>(text.size() + 1) * regex.value.ProgramSize();
}

}  // namespace stowage::sandbox
