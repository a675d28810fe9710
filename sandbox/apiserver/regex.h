#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace stowage::sandbox {

/// A compiled pattern in RE2's syntax, which is Go's. Matching takes time linear in the text.
class Regex;

/// Null when the pattern is malformed, longer than 4,096 bytes, or compiles to more than RE2 may keep.
/// Compiled patterns are kept, up to 200 of them.
std::shared_ptr<const Regex> compile_regex(std::string_view pattern);
/// What is wrong with a pattern that did not compile, in the words of Go's regexp.
std::string regex_problem(std::string_view pattern);
/// Whether the pattern occurs in the text.
bool search(const Regex& regex, std::string_view text);
/// Steps that search() takes at most: the size of the compiled pattern for each byte of the text.
int64_t most_steps(const Regex& regex, std::string_view text);

}  // namespace stowage::sandbox
