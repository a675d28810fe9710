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

std::string regex_problem(std::string_view pattern) {
  static const std::map<RE2::ErrorCode, std::string_view> words = {
      {RE2::ErrorBadEscape, "invalid escape sequence"},
      {RE2::ErrorBadCharRange, "invalid character class range"},
      {RE2::ErrorMissingBracket, "missing closing ]"},
      {RE2::ErrorMissingParen, "missing closing )"},
      {RE2::ErrorUnexpectedParen, "unexpected )"},
      {RE2::ErrorTrailingBackslash, "trailing backslash at end of expression"},
      {RE2::ErrorRepeatArgument, "missing argument to repetition operator"},
      {RE2::ErrorRepeatSize, "invalid repeat count"},
      {RE2::ErrorRepeatOp, "invalid nested repetition operator"},
      {RE2::ErrorBadPerlOp, "invalid or unsupported Perl syntax"},
      {RE2::ErrorBadUTF8, "invalid UTF-8"},
      {RE2::ErrorBadNamedCapture, "invalid named capture"}};
  const RE2 regex(re2::StringPiece(pattern.data(), pattern.size()), options());
  const auto word = words.find(regex.error_code());
  if (word == words.end()) return "error parsing regexp: expression is too large";
  // Go shows the whole of an expression that does not end.
  const bool whole = regex.error_code() == RE2::ErrorMissingParen;
  return "error parsing regexp: " + std::string(word->second) + ": `" +
         (whole ? std::string(pattern) : regex.error_arg()) + "`";
}

bool search(const Regex& regex, std::string_view text) {
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), regex.value);
}

int64_t most_steps(const Regex& regex, std::string_view text) {
  return static_cast<int64_t>(text.size() + 1) * regex.value.ProgramSize();
}

}  // namespace stowage::sandbox
