#include "sandbox/apiserver/json_path.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

namespace stowage::sandbox {
namespace {

std::string_view member_name(std::string_view& path) {
  if (path.starts_with('.')) path.remove_prefix(1);
  // A backslash escapes a dot inside of a name.
  size_t end = 0;
  while (end < path.size() && path[end] != '.' && path[end] != '[')
    end += path[end] == '\\' && end + 1 < path.size() ? 2U : 1U;
  const std::string_view name = path.substr(0, end);
  path.remove_prefix(end);
  return name;
}

std::string unescape(std::string_view name) {
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '\\' && i + 1 < name.size()) ++i;
    out += name[i];
  }
  return out;
}

std::string_view trim(std::string_view s) {
  while (!s.empty() && s.front() == ' ')
    s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ')
    s.remove_suffix(1);
  return s;
}

std::optional<Json> literal(std::string_view text) {
  text = trim(text);
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front())
    return Json(std::string(text.substr(1, text.size() - 2)));
  const Json value = Json::parse(text, nullptr, false);
  if (value.is_discarded()) return std::nullopt;
  return value;
}

/// [?(@.a.b=="x")], [?(@.a)].
bool filter_matches(const Json& item, std::string_view expression) {
  expression = trim(expression);
  if (!expression.starts_with('@')) return false;
  size_t at = expression.find_first_of("=!<>");
  const std::string_view path = trim(expression.substr(1, at == std::string_view::npos ? at : at - 1));
  const auto found = json_path(item, path);
  if (at == std::string_view::npos) return !found.empty();
  const std::string_view op = expression.substr(at, expression.substr(at + 1).starts_with('=') ? 2 : 1);
  const auto want = literal(expression.substr(at + op.size()));
  if (!want || found.empty()) return false;
  if (op == "==" || op == "=") return *found[0] == *want;
  if (op == "!=") return *found[0] != *want;
  if (op == "<") return *found[0] < *want;
  if (op == ">") return *found[0] > *want;
  if (op == "<=") return *found[0] <= *want;
  return op == ">=" && *found[0] >= *want;
}

void select(const Json& value, std::string_view inside, std::vector<const Json*>& out) {
  inside = trim(inside);
  if (inside == "*") {
    if (value.is_array() || value.is_object()) {
      for (const Json& item : value)
        out.push_back(&item);
    }
    return;
  }
  if (inside.starts_with('?')) {
    inside = trim(inside.substr(1));
    if (inside.starts_with('(') && inside.ends_with(')')) inside = inside.substr(1, inside.size() - 2);
    if (!value.is_array()) return;
    for (const Json& item : value) {
      if (filter_matches(item, inside)) out.push_back(&item);
    }
    return;
  }
  if (inside.size() >= 2 && (inside.front() == '\'' || inside.front() == '"')) {
    if (const Json* member = find(value, inside.substr(1, inside.size() - 2))) out.push_back(member);
    return;
  }
  int64_t index = 0;
  const auto [end, failure] = std::from_chars(inside.data(), inside.data() + inside.size(), index);
  if (failure != std::errc() || end != inside.data() + inside.size() || !value.is_array()) return;
  const auto size = static_cast<int64_t>(value.size());
  if (index < 0) index += size;
  if (index >= 0 && index < size) out.push_back(&value[static_cast<size_t>(index)]);
}

/// The bracket's end, minding quotes and inner brackets.
size_t bracket_end(std::string_view path) {
  int depth = 0;
  char quote = 0;
  for (size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '[') {
      ++depth;
    } else if (c == ']' && --depth == 0) {
      return i;
    }
  }
  return std::string_view::npos;
}

}  // namespace

std::vector<const Json*> json_path(const Json& object, std::string_view path) {
  path = trim(path);
  if (path.starts_with('{') && path.ends_with('}')) path = path.substr(1, path.size() - 2);
  if (path.starts_with('$')) path.remove_prefix(1);
  std::vector<const Json*> now = {&object};
  while (!path.empty() && !now.empty()) {
    std::vector<const Json*> next;
    if (path.front() == '[') {
      const size_t end = bracket_end(path);
      if (end == std::string_view::npos) return {};
      for (const Json* value : now)
        select(*value, path.substr(1, end - 1), next);
      path.remove_prefix(end + 1);
    } else {
      const std::string name = unescape(member_name(path));
      if (name.empty()) return {};
      for (const Json* value : now) {
        if (const Json* member = find(*value, name)) next.push_back(member);
      }
    }
    now = std::move(next);
  }
  return now;
}

const Json* json_pointer_like(const Json& object, std::string_view path) {
  const Json* at = &object;
  while (!path.empty() && at != nullptr)
    at = find(*at, unescape(member_name(path)));
  return at;
}

void set_json_pointer_like(Json& object, std::string_view path, Json value) {
  Json* at = &object;
  while (!path.empty()) {
    if (!at->is_object()) *at = Json::object();
    at = &(*at)[unescape(member_name(path))];
  }
  *at = std::move(value);
}

}  // namespace stowage::sandbox
