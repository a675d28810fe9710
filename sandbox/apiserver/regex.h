#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace stowage::sandbox {

/// A compiled pattern (RE2's common ground with Perl's syntax).
class Regex;

/// Null when the pattern is malformed or longer than 4,096 bytes. Compiled patterns are kept, up to 1,000 of
/// them.
std::shared_ptr<const Regex> compile_regex(std::string_view pattern);
/// Whether the pattern occurs in the text. Patterns that would take too long on this text do not match.
bool search(const Regex& regex, std::string_view text);

}  // namespace stowage::sandbox
