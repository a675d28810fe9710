#include "sandbox/apiserver/cel/value.h"

#include "sandbox/apiserver/cel/eval.h"

namespace stowage::sandbox::cel {

std::string unescape_property(const std::string& name) {
  static constexpr std::pair<std::string_view, std::string_view> kEscapes[] = {
      {"__underscores__", "__"}, {"__dot__", "."}, {"__dash__", "-"}, {"__slash__", "/"}};
  std::string out;
  for (size_t i = 0; i < name.size();) {
    bool replaced = false;
    for (const auto& [from, to] : kEscapes) {
      if (std::string_view(name).substr(i).starts_with(from)) {
        out += to;
        i += from.size();
        replaced = true;
        break;
      }
    }
    if (!replaced) out += name[i++];
  }
  // Reserved words: __namespace__ names the property "namespace".
  if (out.size() > 4 && out.starts_with("__") && out.ends_with("__")) return out.substr(2, out.size() - 4);
  return out;
}

Value from_json(const Json& json) {
  if (json.is_null()) return Null{};
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  return std::make_shared<const Json>(json);
}

Json to_json(const Value& value) {
  if (const auto* b = std::get_if<bool>(&value)) return *b;
  if (const auto* i = std::get_if<int64_t>(&value)) return *i;
  if (const auto* d = std::get_if<double>(&value)) return *d;
  if (const auto* s = std::get_if<std::string>(&value)) return *s;
  if (const auto* t = std::get_if<Tree>(&value)) return **t;
  if (const auto* t = std::get_if<TypeName>(&value)) return t->name;
  if (const auto* q = std::get_if<Quantity>(&value)) return static_cast<double>(q->nano) / 1e9;
  if (const auto* d = std::get_if<Duration>(&value)) return d->nanoseconds;
  if (const auto* t = std::get_if<Timestamp>(&value)) return t->microseconds;
  return nullptr;
}

bool equal(const Value& a, const Value& b) {
  if (const auto* q = std::get_if<Quantity>(&a)) {
    const auto* r = std::get_if<Quantity>(&b);
    return r != nullptr && q->nano == r->nano;
  }
  if (const auto* s = std::get_if<Tree>(&b)) return equal(a, **s);
  if (const auto* s = std::get_if<std::string>(&a)) {
    const auto* t = std::get_if<std::string>(&b);
    return t != nullptr && *s == *t;
  }
  if (a.index() != b.index() && !(std::holds_alternative<int64_t>(a) || std::holds_alternative<double>(a)))
    return false;
  return to_json(a) == to_json(b);
}

bool equal(const Value& a, const Json& b) {
  if (const auto* t = std::get_if<Tree>(&a)) return b.is_structured() && **t == b;
  if (const auto* s = std::get_if<std::string>(&a))
    return b.is_string() && *s == b.get_ref<const std::string&>();
  return !b.is_structured() && equal(a, from_json(b));
}

}  // namespace stowage::sandbox::cel
