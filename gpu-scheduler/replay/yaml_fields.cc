#include "gpu-scheduler/replay/yaml_fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/quantity.h"

namespace stowage::replay {

using kube::YamlNode;
using Kind = YamlNode::Kind;

Result<YamlFields> YamlFields::of(const std::string& file, const YamlNode& node, std::string path) {
  YamlFields out(file, node, std::move(path));
  if (node.kind != Kind::kMapping) return out.wrong(node, "", "must be a mapping");
  return out;
}

std::unexpected<Error> YamlFields::wrong(const YamlNode& at, std::string_view key,
                                         std::string_view sentence) const {
  const std::string where =
      path_.empty() || key.empty() ? path_ + std::string(key) : fmt::format("{}.{}", path_, key);
  return fail(Code::kInvalidArgument, fmt::format("{}:{}:{}: {}{}{}", *file_, at.line, at.column, where,
                                                  where.empty() ? "" : ": ", sentence));
}

std::unexpected<Error> YamlFields::wrong(std::string_view key, std::string_view sentence) const {
  const auto entry = std::ranges::find(node_->entries, key, &YamlNode::Entry::key);
  return wrong(entry == node_->entries.end() ? *node_ : entry->value, key, sentence);
}

const YamlNode* YamlFields::find(std::string_view key) {
  if (std::ranges::find(asked_, key) == asked_.end()) asked_.push_back(key);
  const auto entry = std::ranges::find(node_->entries, key, &YamlNode::Entry::key);
  return entry == node_->entries.end() || entry->value.kind == Kind::kNull ? nullptr : &entry->value;
}

Result<std::string> YamlFields::text(std::string_view key, std::string otherwise) {
  const auto* at = find(key);
  if (at == nullptr) return otherwise;
  if (at->kind != Kind::kScalar) return wrong(*at, key, "must be a text");
  return at->text;
}

Result<std::string> YamlFields::name(std::string_view key) {
  TRY(auto out, text(key, ""));
  if (out.empty()) return wrong(key, "is missing");
  return out;
}

Result<int64_t> YamlFields::integer(std::string_view key, int64_t low, int64_t high, int64_t otherwise) {
  const auto* at = find(key);
  if (at == nullptr) return otherwise;
  int64_t value = 0;
  const char* end = at->text.data() + at->text.size();
  const auto [stop, error] = std::from_chars(at->text.data(), end, value);
  if (at->kind != Kind::kScalar || at->quoted || error != std::errc{} || stop != end || value < low ||
      value > high) {
    return wrong(*at, key, fmt::format("must be a whole number from {} to {}", low, high));
  }
  return value;
}

Result<int64_t> YamlFields::amount(std::string_view key, int64_t otherwise,
                                   Result<int64_t> (*parse)(std::string_view)) {
  const auto* at = find(key);
  if (at == nullptr) return otherwise;
  if (at->kind != Kind::kScalar) return wrong(*at, key, "must be a quantity like 16Gi or 500m");
  const auto value = parse(at->text);
  if (!value || *value < 0)
    return wrong(*at, key, fmt::format("\"{}\" is no quantity of 0 or more, like 16Gi or 500m", at->text));
  return *value;
}

Result<int64_t> YamlFields::quantity(std::string_view key, int64_t otherwise) {
  return amount(key, otherwise, parse_quantity);
}

Result<int64_t> YamlFields::quantity_milli(std::string_view key, int64_t otherwise) {
  return amount(key, otherwise, parse_quantity_milli);
}

Result<Millis> YamlFields::duration(std::string_view key, Millis otherwise) {
  const auto* at = find(key);
  if (at == nullptr) return otherwise;
  const auto value = at->kind == Kind::kScalar ? parse_duration(at->text) : std::nullopt;
  if (!value || *value < Millis{0})
    return wrong(*at, key, "must be a duration of 0 or more, like 90s or 1h30m");
  return *value;
}

Result<bool> YamlFields::flag(std::string_view key) {
  const auto* at = find(key);
  if (at == nullptr) return false;
  if (at->kind != Kind::kScalar || at->quoted || (at->text != "true" && at->text != "false"))
    return wrong(*at, key, "must be true or false");
  return at->text == "true";
}

Result<std::vector<std::string>> YamlFields::texts(std::string_view key) {
  std::vector<std::string> out;
  const auto* at = find(key);
  if (at == nullptr) return out;
  if (at->kind != Kind::kSequence) return wrong(*at, key, "must be a list");
  for (const auto& item : at->items) {
    if (item.kind != Kind::kScalar) return wrong(item, key, "must be a list of texts");
    out.push_back(item.text);
  }
  return out;
}

Result<StringMap> YamlFields::map(std::string_view key) {
  StringMap out;
  const auto* at = find(key);
  if (at == nullptr) return out;
  if (at->kind != Kind::kMapping) return wrong(*at, key, "must be a mapping");
  for (const auto& entry : at->entries) {
    if (entry.value.kind != Kind::kScalar)
      return wrong(entry.value, key, fmt::format("{} must be a text", entry.key));
    out.emplace(entry.key, entry.value.text);
  }
  return out;
}

Result<std::vector<YamlFields>> YamlFields::list(std::string_view key) {
  std::vector<YamlFields> out;
  const auto* at = find(key);
  if (at == nullptr) return out;
  if (at->kind != Kind::kSequence) return wrong(*at, key, "must be a list");
  for (size_t i = 0; i < at->items.size(); ++i) {
    TRY(auto item, of(*file_, at->items[i], fmt::format("{}[{}]", key, i)));
    out.push_back(std::move(item));
  }
  return out;
}

Result<void> YamlFields::finish() const {
  for (const auto& entry : node_->entries) {
    if (std::ranges::find(asked_, entry.key) != asked_.end()) continue;
    YamlNode at;
    at.line = entry.line;
    at.column = entry.column;
    return wrong(at, entry.key, fmt::format("unknown key; known here: {}", fmt::join(asked_, ", ")));
  }
  return {};
}

}  // namespace stowage::replay
