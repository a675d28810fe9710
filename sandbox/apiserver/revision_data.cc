#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "api/core/json_walk.h"
#include "sandbox/apiserver/core.h"

// kube-apiserver keeps the data of a ControllerRevision as the bytes that came (runtime.RawExtension) and
// refuses every update whose bytes differ, whatever they mean. What the bytes of a request are depends on its
// way through Go's JSON.

namespace stowage::sandbox {
namespace {

std::string number_text(double value, std::chars_format format) {
  std::array<char, 400> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value, format).ptr};
}

/// As Go's encoding/json writes a float64: the shortest digits that mean it, zeros behind them.
std::string go_number(double value) {
  const double size = std::abs(value);
  std::string out = number_text(value, std::chars_format::scientific);
  if (size == 0 || (size >= 1e-6 && size < 1e16)) return number_text(value, std::chars_format::fixed);
  const size_t mark = out.find('e');
  if (size >= 1e21 || size < 1e-6) {
    if (out.compare(mark, 3, "e-0") == 0) out.erase(mark + 2, 1);
    return out;
  }
  const size_t places = std::stoul(out.substr(mark + 2));
  std::erase(out, '.');
  std::string digits = out.substr(0, out.find('e'));
  digits.resize((value < 0 ? 2 : 1) + places, '0');
  return digits;
}

/// JSON text without blanks, and with what HTML would take for markup escaped: Go's Compact.
std::string go_compact(std::string_view text) {
  std::string out;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) continue;
    if (c == '<' || c == '>' || c == '&') {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else if (text.substr(i, 3) == "\u2028" || text.substr(i, 3) == "\u2029") {
      out += text.substr(i, 3) == "\u2028" ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      out += c;
      if (c == '\\') out += text[++i];  // what is stored has been parsed: it does not end here
      if (c == '"') quoted = !quoted;
    }
  }
  return out;
}

/// As Go writes a decoded document.
std::string go_text(const Json& value) {
  std::string out;
  if (value.is_object()) {
    for (const auto& [key, member] : value.items())
      out += fmt::format("{}{}:{}", out.empty() ? "" : ",", go_compact(dump(Json(key))), go_text(member));
    return "{" + out + "}";
  }
  if (value.is_array()) {
    for (const Json& item : value)
      out += (out.empty() ? "" : ",") + go_text(item);
    return "[" + out + "]";
  }
  if (value.is_number_float()) return go_number(value.get<double>());
  if (value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{INT64_MAX})
    return go_number(static_cast<double>(value.get<uint64_t>()));
  return go_compact(dump(value));
}

/// Member `data` of the text, as it stands there.
std::string sent(std::string_view body) {
  std::string out;
  (void)api::read_json(body, [&](api::JsonValue root) {
    root.object([&](std::string_view key, api::JsonValue value) {
      if (key == "data") out = value.raw();
    });
  });
  return out;
}

}  // namespace

bool is_revision(const Resource& resource) {
  return resource.kind == "ControllerRevision" && resource.group == "apps";
}

std::string revision_bytes(const Core& core, const Call& call, const Json* old, const Json& object) {
  const Json* data = find(object, "data");
  if (data == nullptr || data->is_null()) return "null";
  const std::string_view type = call.request.content_type;
  if (call.request.method != "PATCH" && (type.empty() || type.starts_with("application/json"))) {
    std::string bytes = sent(call.request.body);
    return bytes.empty() ? go_text(*data) : bytes;
  }
  const bool untouched =
      type.starts_with("application/merge-patch") || type.starts_with("application/json-patch");
  if (untouched && old != nullptr && old->value("data", Json()) == *data) {
    const auto kept = core.revisions.find(string_at(*old, {"metadata", "uid"}));
    if (kept != core.revisions.end()) return go_compact(kept->second);
  }
  return go_text(*data);
}

void validate_revision(const Core& core, const Json* old, const std::string& bytes,
                       std::vector<Cause>& causes) {
  if (old == nullptr) {
    if (bytes == "null") {
      causes.push_back({"FieldValueRequired", "Required value: data is mandatory", "data"});
    } else if (!bytes.starts_with('{')) {
      causes.push_back({"FieldValueRequired", "Required value: data must be a valid JSON object", "data"});
    }
    return;
  }
  const auto kept = core.revisions.find(string_at(*old, {"metadata", "uid"}));
  if (kept != core.revisions.end() && kept->second != bytes)
    causes.push_back({"FieldValueInvalid",
                      fmt::format("Invalid value: {}: field is immutable", go_compact(bytes)), "data"});
}

}  // namespace stowage::sandbox
