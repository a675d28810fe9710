#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/coerce.h"
#include "sandbox/apiserver/core.h"
#include "sandbox/apiserver/go_text.h"
#include "sandbox/apiserver/parsed.h"
#include "sandbox/apiserver/protobuf.h"

namespace stowage::sandbox {
namespace {

std::string join(const std::vector<std::string>& words, std::string_view separator) {
  std::string out;
  for (const std::string& word : words)
    out += (out.empty() ? "" : std::string(separator)) + word;
  return out;
}

/// Unknown and duplicate fields: an error, warnings, or nothing.
Answer<void> report_fields(Call& call, const std::vector<std::string>& problems) {
  if (problems.empty() || call.validation == FieldValidation::kIgnore) return {};
  if (call.validation == FieldValidation::kStrict) {
    const std::string kind = call.resource->kind;
    return bad_request(
        fmt::format("{0} in version \"{1}\" cannot be handled as a {0}: strict decoding error: {2}", kind,
                    call.resource->version, join(problems, ", ")));
  }
  for (const std::string& problem : problems)
    call.warnings.push_back(problem);
  return {};
}

}  // namespace

Answer<Json> decode_body(const Core& core, Call& call) {
  std::string type = call.request.content_type.substr(0, call.request.content_type.find(';'));
  for (char& c : type)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const bool patch = call.request.method == "PATCH";
  Answer<Parsed> parsed = unsupported_media_type();
  if (call.request.content_type.empty() || type == "application/json" ||
      (patch && type.ends_with("patch+json"))) {
    parsed = parse_json(call.request.body, core.options.input);
  } else if (type == "application/yaml" || (patch && type == "application/apply-patch+yaml")) {
    parsed = parse_yaml(call.request.body, core.options.input);
  } else if (type == "application/vnd.kubernetes.protobuf") {
    return decode_protobuf(call.request.body, *core.builtins, core.options.input);
  }
  if (!parsed) return std::unexpected(std::move(parsed).error());
  if (!parsed->duplicates.empty()) {
    std::vector<std::string> problems;
    for (const std::string& path : parsed->duplicates)
      problems.push_back(fmt::format("duplicate field \"{}\"", path));
    if (auto r = report_fields(call, problems); !r) return std::unexpected(std::move(r).error());
  }
  return std::move(parsed->value);
}

Answer<int64_t> whole_number(std::string_view text) {
  int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure == std::errc() && end == text.data() + text.size()) return value;
  return bad_request(
      fmt::format("strconv.ParseInt: parsing \"{}\": {}", text,
                  failure == std::errc::result_out_of_range ? "value out of range" : "invalid syntax"));
}

Answer<void> check_typed(const Json& object) {
  constexpr std::string_view kWhere =
      "couldn't get version/kind; json parse error: json: cannot unmarshal {} ";
  if (!object.is_object()) {
    return bad_request(
        fmt::format("{}into Go value of type struct {{ APIVersion string "
                    "\"json:\\\"apiVersion,omitempty\\\"\"; Kind string "
                    "\"json:\\\"kind,omitempty\\\"\" }}",
                    fmt::format(kWhere, json_word(object))));
  }
  for (const char* key : {"apiVersion", "kind"}) {
    const Json* given = find(object, key);
    if (given != nullptr && !given->is_string() && !given->is_null())
      return bad_request(fmt::format("{}into Go struct field .{} of type string",
                                     fmt::format(kWhere, json_word(*given)), key));
  }
  return {};
}

Refusal unrecognized(std::string_view kind, std::string_view why, std::string_view body) {
  constexpr size_t kShown = 30;
  std::string shown;
  const bool more = body.size() > kShown;
  if (body.starts_with('{')) {
    shown = body.substr(0, more ? kShown - 1 : kShown);
  } else {
    for (const char c : body.substr(0, kShown))
      shown += fmt::format("{:02x}", static_cast<unsigned char>(c));
  }
  return bad_request(fmt::format("the object provided is unrecognized (must be of type {}): {} ({}{})", kind,
                                 why, shown, more ? " ..." : ""));
}

Answer<void> conform(const Core&, Call& call, const Resource& resource, Json& object) {
  if (object.is_null()) object = Json::object();  // "null", or a YAML document of nothing
  if (auto typed = check_typed(object); !typed) {
    if (call.request.method != "PATCH")
      typed = unrecognized(resource.kind, typed.error().message, call.request.body);
    return typed;
  }
  const std::string api_version = string_at(object, {"apiVersion"});
  const std::string kind = string_at(object, {"kind"});
  if (kind.empty() && resource.custom)
    return bad_request("Object 'Kind' is missing in '" + dump(object) + "'");
  if (!api_version.empty() && api_version != resource.api_version()) {
    return bad_request(
        fmt::format("the API version in the data ({}) does not match the expected API version ({})",
                    api_version, resource.api_version()));
  }
  if (!kind.empty() && kind != resource.kind) {
    return bad_request(
        fmt::format("{} in version \"{}\" cannot be handled as a {}: no kind \"{}\" is registered", kind,
                    resource.version, resource.kind, kind));
  }
  object["apiVersion"] = resource.api_version();
  object["kind"] = resource.kind;
  std::vector<std::string> unknown;
  const bool applied = call.request.content_type.starts_with("application/apply-patch+yaml");
  if (resource.custom) {
    if (Json* metadata = object.contains("metadata") ? &object["metadata"] : nullptr) {
      if (auto r = coerce_builtin(*metadata, *resource.schema->field("metadata")->schema, "ObjectMeta", "v1",
                                  unknown, applied);
          !r) {
        return r;
      }
      for (std::string& path : unknown)
        path = "metadata." + path;
    }
    shape_custom(resource, object, unknown, !applied);
  } else if (auto r =
                 coerce_builtin(object, *resource.schema, resource.kind, resource.version, unknown, applied);
             !r) {
    return r;
  }
  if (!object.contains("metadata")) object["metadata"] = Json::object();
  std::vector<std::string> problems;
  problems.reserve(unknown.size());
  for (const std::string& path : unknown)
    problems.push_back(fmt::format("unknown field \"{}\"", path));
  return report_fields(call, problems);
}

}  // namespace stowage::sandbox
