#include "sandbox/apiserver/prose.h"

#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>

namespace stowage::sandbox {

extern const std::string_view kBuiltinProse;

namespace {

struct Said {
  std::string_view values, text;
};

/// The lines of schema/builtin.prose: name, tab, possible values, tab, description. Read when the first
/// client asks.
const std::unordered_map<std::string_view, Said>& table() {
  static const std::unordered_map<std::string_view, Said> lines = [] {
    std::unordered_map<std::string_view, Said> out;
    std::string_view rest = kBuiltinProse;
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      const size_t first = line.find('\t');
      const size_t second = line.find('\t', first + 1);
      if (line.starts_with('#') || second == std::string_view::npos) continue;
      out[line.substr(0, first)] = {line.substr(first + 1, second - first - 1), line.substr(second + 1)};
    }
    return out;
  }();
  return lines;
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 1 < text.size();
    if (escape) ++i;
    out += escape && text[i] == 'n' ? '\n' : text[i];
  }
  return out;
}

}  // namespace

void add_prose(std::string_view name, Json& schema) {
  const auto found = table().find(name);
  if (found == table().end()) return;
  if (!found->second.text.empty()) schema["description"] = unescaped(found->second.text);
  std::string_view rest = found->second.values;
  while (!rest.empty()) {  // none is empty but, in some lists, the first
    const std::string_view value = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), value.size() + 1));
    schema["enum"].push_back(value);
  }
}

}  // namespace stowage::sandbox
