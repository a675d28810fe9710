#include "sandbox/world/manifests.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/parsed.h"

namespace stowage::sandbox {
namespace {

/// A list stands for its items, also inside another one. Those of a typed list as the API serves it (a
/// PodList) say neither kind nor version.
void flatten(Json value, std::vector<Json>& out) {
  constexpr std::string_view kList = "List";
  const std::string kind = string_at(value, {"kind"});
  const Json* items = find(value, "items");
  if (!kind.ends_with(kList) || (items != nullptr && !items->is_array()))
    return out.push_back(std::move(value));
  if (items == nullptr) return;
  for (Json& item : value["items"]) {
    if (kind != kList && item.is_object() && !item.contains("kind")) {
      item["kind"] = kind.substr(0, kind.size() - kList.size());
      item["apiVersion"] = string_at(value, {"apiVersion"});
    }
    flatten(std::move(item), out);
  }
}

Result<void> add(std::string_view text, const InputLimits& limits, size_t line, std::vector<Json>& out) {
  auto parsed = parse_yaml(text, limits);  // JSON too
  if (!parsed) {
    const auto inside = static_cast<size_t>(std::max(parsed.error().line, 1));
    return fail(Code::kInvalidArgument, fmt::format("{}: {}", line + inside - 1, parsed.error().message));
  }
  Json& value = parsed->value;
  if (value.is_null()) return {};
  if (!value.is_object() || !value.contains("kind"))
    return fail(Code::kInvalidArgument,
                fmt::format("{}: the document that begins here is no Kubernetes object", line));
  flatten(std::move(value), out);
  return {};
}

}  // namespace

Result<std::vector<Json>> read_manifests(std::string_view text, const InputLimits& limits) {
  std::vector<Json> out;
  size_t line = 1;
  while (!text.empty()) {
    // A separator in the first column cannot be inside a document: block scalars are indented.
    size_t end = text.starts_with("---") ? 0 : text.find("\n---");
    end = end == std::string_view::npos ? text.size() : end;
    // With the line break before the separator: a block scalar keeps it.
    const std::string_view document = text.substr(0, end == 0 ? 0 : end + 1);
    TRY_VOID(add(document, limits, line, out));
    const size_t next = end == text.size() ? end : text.find('\n', end + 1);
    const size_t used = next == std::string_view::npos ? text.size() : std::min(next + 1, text.size());
    line += static_cast<size_t>(std::ranges::count(text.substr(0, used), '\n'));
    text.remove_prefix(used);
  }
  return out;
}

}  // namespace stowage::sandbox
