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

bool valid_key(std::string_view key) {
  if (key.empty() || key.size() > 317) return false;
  return std::all_of(key.begin(), key.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.' || c == '/';
  });
}

bool valid_value(std::string_view value) {
  return value.size() <= 63 && std::all_of(value.begin(), value.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
         });
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

Refusal unparsable(std::string_view text, std::string_view why) {
  return bad_request(fmt::format("unable to parse requirement: {} (in \"{}\")", why, text));
}

}  // namespace

const std::string* label(const Labels& labels, std::string_view key) {
  const auto it = std::lower_bound(labels.begin(), labels.end(), key,
                                   [](const auto& pair, std::string_view k) { return pair.first < k; });
  return it != labels.end() && it->first == key ? &it->second : nullptr;
}

Answer<LabelSelector> LabelSelector::parse(std::string_view text) {
  LabelSelector out;
  if (trim(text).empty()) return out;
  for (std::string_view term : terms(text)) {
    Requirement r;
    if (term.ends_with(')')) {
      const size_t open = term.find('(');
      std::string_view head = open == std::string_view::npos ? "" : trim(term.substr(0, open));
      r.op = head.ends_with(" notin") ? Op::kNotIn : Op::kIn;
      if (!head.ends_with(" in") && !head.ends_with(" notin"))
        return unparsable(term, "found '(' without in or notin");
      r.key = trim(head.substr(0, head.rfind(' ')));
      for (std::string_view value : terms(term.substr(open + 1, term.size() - open - 2)))
        r.values.emplace_back(value);
    } else if (term.starts_with('!')) {
      r.op = Op::kNotExists;
      r.key = trim(term.substr(1));
    } else if (const size_t at = term.find_first_of("=!<>"); at != std::string_view::npos) {
      const char c = term[at];
      size_t width = 1;
      if (c == '!' && !term.substr(at).starts_with("!="))
        return unparsable(term, "found '!', expected: '!='");
      if (c == '!' || term.substr(at).starts_with("==")) width = 2;
      r.op = c == '=' ? Op::kIn : c == '!' ? Op::kNotIn : c == '>' ? Op::kGreater : Op::kLess;
      r.key = trim(term.substr(0, at));
      r.values.emplace_back(trim(term.substr(at + width)));
      if ((c == '<' || c == '>') && !to_int(r.values[0]))
        return unparsable(term, "values must be an integer");
    } else {
      if (const size_t space = term.find_first_of(" \t"); space != std::string_view::npos) {
        const std::string_view extra = trim(term.substr(space));
        return bad_request(
            fmt::format("unable to parse requirement: found '{}', expected: in, notin, =, ==, !=, gt, lt",
                        extra.substr(0, extra.find_first_of(" \t"))));
      }
      r.op = Op::kExists;
      r.key = term;
    }
    if (!valid_key(r.key))
      return unparsable(term, fmt::format("<nil>: Invalid value: \"{}\": not a label key", r.key));
    for (const std::string& value : r.values) {
      if (!valid_value(value)) return unparsable(term, fmt::format("values: Invalid value: \"{}\"", value));
    }
    out.requirements_.push_back(std::move(r));
  }
  return out;
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
    const size_t at = term.find('=');
    if (at == std::string_view::npos || at == 0) {
      return bad_request(fmt::format("invalid selector: '{}'; can't understand '{}'", text, term));
    }
    FieldTerm field;
    field.equal = term[at - 1] != '!';
    field.path = trim(term.substr(0, field.equal ? at : at - 1));
    std::string_view value = term.substr(at + 1);
    if (field.equal && value.starts_with('=')) value.remove_prefix(1);
    for (size_t i = 0; i < value.size(); ++i) {  // "\," "\=" and "\\" are escapes
      if (value[i] == '\\' && i + 1 < value.size()) ++i;
      field.value += value[i];
    }
    out.push_back(std::move(field));
  }
  return out;
}

}  // namespace stowage::sandbox
