#include "sandbox/apiserver/print_text.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sandbox/apiserver/output.h"

namespace stowage::sandbox {

std::string name_of(const Json& o) {
  return string_at(o, {"metadata", "name"});
}
std::string age(const Json& o, WallTime now) {
  return human_age(string_at(o, {"metadata", "creationTimestamp"}), now);
}

int64_t number(const Json& o, std::initializer_list<std::string_view> path) {
  const Json* found = find_path(o, path);
  return found != nullptr && found->is_number_integer() ? found->get<int64_t>() : 0;
}

size_t count(const Json& o, std::string_view key) {
  const Json* found = find(o, key);
  return found == nullptr ? 0 : found->size();
}

std::string text_or(const Json& o, std::initializer_list<std::string_view> path, std::string other) {
  const Json* found = find_path(o, path);
  if (found == nullptr || found->is_null()) return other;
  std::string text = found->is_string() ? found->get<std::string>() : dump(*found);
  return text.empty() ? other : text;
}

std::string joined(const Json* list, std::string_view key, std::string_view separator) {
  std::string out;
  for (size_t i = 0; list != nullptr && list->is_array() && i < list->size(); ++i) {
    const Json& item = (*list)[i];
    out += (out.empty() ? "" : std::string(separator)) +
           (key.empty() ? (item.is_string() ? item.get<std::string>() : dump(item)) : string_at(item, {key}));
  }
  return out;
}

std::string selector_text(const Json* labels) {
  std::string out;
  if (labels != nullptr && labels->is_object()) {
    for (const auto& [key, value] : labels->items())
      out += fmt::format("{}{}={}", out.empty() ? "" : ",", key,
                         value.is_string() ? value.get<std::string>() : "");
  }
  return out.empty() ? "<none>" : out;
}

}  // namespace stowage::sandbox
