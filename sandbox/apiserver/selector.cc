#include "sandbox/apiserver/selector.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

namespace stowage::sandbox {
namespace {

std::string_view trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t'))
    s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t'))
    s.remove_suffix(1);
  return s;
}

std::optional<int64_t> to_int(std::string_view s) {
  int64_t value = 0;
  const auto [at, failure] = std::from_chars(s.data(), s.data() + s.size(), value);
  if (failure != std::errc() || at != s.data() + s.size()) return std::nullopt;
  return value;
}

/// Cuts at commas outside parentheses.
std::vector<std::string_view> terms(std::string_view text) {
  std::vector<std::string_view> out;
  size_t start = 0;
  int depth = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      out.push_back(trim(text.substr(start, i - start)));
      start = i + 1;
    } else if (text[i] == '(') {
      ++depth;
    } else if (text[i] == ')') {
      --depth;
    }
  }
  return out;
}

}  // namespace

const std::string* label(const Labels& labels, std::string_view key) {
  const auto it = std::lower_bound(labels.begin(), labels.end(), key,
                                   [](const auto& pair, std::string_view k) { return pair.first < k; });
  return it != labels.end() && it->first == key ? &it->second : nullptr;
}

LabelSelector LabelSelector::from_object(const Json& selector) {
  LabelSelector out;
  if (const Json* match = find(selector, "matchLabels"); match != nullptr && match->is_object()) {
    for (const auto& [key, value] : match->items()) {
      out.requirements_.push_back({key, Op::kIn, {value.is_string() ? value.get<std::string>() : ""}});
    }
  }
  if (const Json* list = find(selector, "matchExpressions"); list != nullptr && list->is_array()) {
    for (const Json& item : *list) {
      const std::string op = string_at(item, {"operator"});
      Requirement r{string_at(item, {"key"}),
                    op == "In"       ? Op::kIn
                    : op == "NotIn"  ? Op::kNotIn
                    : op == "Exists" ? Op::kExists
                                     : Op::kNotExists,
                    {}};
      if (const Json* values = find(item, "values"); values != nullptr && values->is_array()) {
        for (const Json& value : *values) {
          if (value.is_string()) r.values.push_back(value.get<std::string>());
        }
      }
      out.requirements_.push_back(std::move(r));
    }
  }
  return out;
}

bool LabelSelector::matches(const Labels& labels) const {
  return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& r) {
    const std::string* value = label(labels, r.key);
    const auto listed = [&] { return std::find(r.values.begin(), r.values.end(), *value) != r.values.end(); };
    switch (r.op) {
      case Op::kIn:
        return value != nullptr && listed();
      case Op::kNotIn:
        return value == nullptr || !listed();
      case Op::kExists:
        return value != nullptr;
      case Op::kNotExists:
        return value == nullptr;
      case Op::kGreater:
      case Op::kLess: {
        const auto have = value == nullptr ? std::nullopt : to_int(*value);
        const auto bound = to_int(r.values[0]);
        return have && bound && (r.op == Op::kGreater ? *have > *bound : *have < *bound);
      }
    }
    return false;
  });
}

Answer<std::vector<FieldTerm>> parse_field_selector(std::string_view text) {
  std::vector<FieldTerm> out;
  if (trim(text).empty()) return out;
  for (std::string_view term : terms(text)) {
    if (term.empty()) continue;
    const size_t at = term.find('=');
    if (at == std::string_view::npos) {
      return bad_request(fmt::format("invalid selector: '{}'; can't understand '{}'", text, term));
    }
    FieldTerm field;
    field.equal = at == 0 || term[at - 1] != '!';
    field.path = trim(term.substr(0, field.equal ? at : at - 1));
    std::string_view value = term.substr(at + 1);
    if (field.equal && value.starts_with('=')) value.remove_prefix(1);
    for (size_t i = 0; i < value.size(); ++i) {  // "\," "\=" and "\\" are escapes
      const bool escape = value[i] == '\\';
      if (escape &&
          (i + 1 == value.size() || std::string_view("\\,=").find(value[i + 1]) == std::string_view::npos))
        return bad_request(
            fmt::format("invalid field selector: invalid escape sequence: {}", value.substr(i, 2)));
      if (!escape && (value[i] == '=' || value[i] == ','))
        return bad_request(fmt::format("invalid field selector: unescaped character in value: {}",
                                       static_cast<int>(value[i])));
      if (escape) ++i;
      field.value += value[i];
    }
    out.push_back(std::move(field));
  }
  return out;
}

}  // namespace stowage::sandbox
