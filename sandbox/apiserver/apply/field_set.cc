#include "sandbox/apiserver/apply/field_set.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sandbox/apiserver/json_io.h"

namespace stowage::sandbox {
namespace {

/// `.name`, `[name="a",port=80]`, `[="v"]`.
std::string readable(const std::string& element) {
  const std::string rest = element.substr(std::min<size_t>(2, element.size()));
  if (element.starts_with("k:")) {
    const Json keys = Json::parse(rest, nullptr, false);
    std::string out;
    if (keys.is_object()) {
      for (const auto& [key, value] : keys.items())
        out += fmt::format("{}{}={}", out.empty() ? "" : ",", key, dump(value));
    }
    return "[" + out + "]";
  }
  if (element.starts_with("v:")) return "[=" + rest + "]";
  return "." + rest;
}

void collect(const FieldSet& set, const std::string& prefix, std::vector<std::string>& out) {
  if (set.member) out.push_back(prefix);
  for (const auto& [element, child] : set.children)
    collect(child, prefix + readable(element), out);
}

/// Deep nesting in managedFields sent by a client is bounded by the parser; no further bound is needed here.
FieldSet read(const Json& node) {
  FieldSet out;
  if (!node.is_object() || node.empty()) {
    out.member = true;
    return out;
  }
  for (const auto& [key, value] : node.items()) {
    if (key == ".") {
      out.member = true;
    } else {
      out.children.emplace(key, read(value));
    }
  }
  return out;
}

}  // namespace

bool FieldSet::empty() const {
  return !member && children.empty();
}

const FieldSet* FieldSet::child(std::string_view element) const {
  const auto it = children.find(element);
  return it == children.end() ? nullptr : &it->second;
}

std::vector<std::string> FieldSet::paths() const {
  std::vector<std::string> out;
  collect(*this, "", out);
  return out;
}

FieldSet FieldSet::from_json(const Json& fields_v1) {
  FieldSet out;
  if (!fields_v1.is_object()) return out;
  for (const auto& [key, value] : fields_v1.items()) {
    if (key != ".") out.children.emplace(key, read(value));
  }
  return out;
}

Json FieldSet::to_json() const {
  Json out = Json::object();
  if (member && !children.empty()) out["."] = Json::object();
  for (const auto& [element, child] : children)
    out[element] = child.to_json();
  return out;
}

FieldSet unite(const FieldSet& a, const FieldSet& b) {
  FieldSet out = a;
  out.member = a.member || b.member;
  for (const auto& [element, child] : b.children) {
    FieldSet& slot = out.children[element];
    slot = unite(slot, child);
  }
  return out;
}

FieldSet subtract(const FieldSet& a, const FieldSet& b) {
  FieldSet out;
  out.member = a.member && !b.member;
  for (const auto& [element, child] : a.children) {
    const FieldSet* other = b.child(element);
    FieldSet rest = other == nullptr ? child : subtract(child, *other);
    if (!rest.empty()) out.children.emplace(element, std::move(rest));
  }
  return out;
}

FieldSet intersect(const FieldSet& a, const FieldSet& b) {
  FieldSet out;
  out.member = a.member && b.member;
  for (const auto& [element, child] : a.children) {
    if (const FieldSet* other = b.child(element)) {
      FieldSet both = intersect(child, *other);
      if (!both.empty()) out.children.emplace(element, std::move(both));
    }
  }
  return out;
}

std::string item_element(const Schema& list, const Json& item) {
  if (list.list_type == ListType::kSet) return "v:" + dump(item);
  std::map<std::string_view, const Json*> keys;
  for (const std::string& key : list.list_keys) {
    if (const Json* value = find(item, key)) {
      keys[key] = value;
    } else if (const Field* field = list.items->field(key); field != nullptr && field->default_value) {
      keys[key] = field->default_value.get();
    }
  }
  std::string out;
  for (const auto& [key, value] : keys) {
    out += out.empty() ? "k:{" : ",";
    write_json_string(out, key);
    out += ':' + dump(*value);
  }
  if (!out.empty()) out += '}';
  return out;
}

}  // namespace stowage::sandbox
