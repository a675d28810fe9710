#include "sandbox/apiserver/output.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

namespace stowage::sandbox {
namespace {

Json column_definitions(const std::vector<Column>& columns) {
  Json out = Json::array();
  for (const Column& c : columns) {
    out.push_back({{"name", c.name},
                   {"type", c.type},
                   {"format", c.format},
                   {"description", c.description},
                   {"priority", c.priority}});
  }
  return out;
}

/// Enough of a resource to print the Scale of any kind.
const Resource& scale_resource() {
  static const Resource resource = [] {
    Resource out;
    out.group = "autoscaling";
    out.version = "v1";
    out.kind = "Scale";
    return out;
  }();
  return resource;
}

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t'))
    s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t'))
    s.remove_suffix(1);
  return s;
}

/// One entry of an Accept header.
struct Clause {
  std::string_view type, as, version, group;
  double weight = 1;

  [[nodiscard]] bool yaml() const { return type == "application/yaml"; }
  [[nodiscard]] bool json() const { return type == "application/json" || type == "*/*"; }
  /// Nothing when the server has no such form.
  [[nodiscard]] std::optional<Form> form() const {
    if (as.empty()) return Form::kPlain;
    if (version != "v1" || group != "meta.k8s.io") return std::nullopt;
    if (as == "Table") return Form::kTable;
    if (as == "PartialObjectMetadata" || as == "PartialObjectMetadataList") return Form::kPartial;
    return std::nullopt;
  }
};

Clause read_clause(std::string_view text) {
  Clause out{.type = trimmed(text.substr(0, text.find(';')))};
  for (size_t at = text.find(';'); at != std::string_view::npos; at = text.find(';', at + 1)) {
    const std::string_view part = trimmed(text.substr(at + 1, text.find(';', at + 1) - at - 1));
    const std::string_view value = part.substr(std::min(part.size(), part.find('=') + 1));
    if (part.starts_with("as=")) out.as = value;
    if (part.starts_with("v=")) out.version = value;
    if (part.starts_with("g=")) out.group = value;
    if (part.starts_with("q=")) std::from_chars(value.data(), value.data() + value.size(), out.weight);
  }
  return out;
}

/// Of JSON and YAML, the dearest to the client first.
std::vector<Clause> clauses_of(std::string_view accept) {
  std::vector<Clause> out;
  while (!accept.empty()) {
    const std::string_view entry = accept.substr(0, accept.find(','));
    accept.remove_prefix(std::min(accept.size(), entry.size() + 1));
    if (const Clause clause = read_clause(entry); clause.yaml() || clause.json()) out.push_back(clause);
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Clause& a, const Clause& b) { return a.weight > b.weight; });
  return out;
}

}  // namespace

Form form_of(std::string_view accept) {
  for (const Clause& clause : clauses_of(accept)) {
    if (const auto form = clause.form()) return *form;
  }
  return Form::kPlain;
}

bool acceptable(std::string_view accept) {
  if (trimmed(accept).empty()) return true;
  const auto clauses = clauses_of(accept);
  return std::any_of(clauses.begin(), clauses.end(), [](const Clause& c) { return c.form().has_value(); });
}

bool prefers_yaml(std::string_view accept) {
  const auto clauses = clauses_of(accept);
  return !clauses.empty() && clauses.front().yaml();
}

Include include_of(const Call& call) {
  const std::string_view include = call.query.get("includeObject");
  return include == "Object" ? Include::kObject : include == "None" ? Include::kNone : Include::kMetadata;
}

Json partial_metadata(const Json& object) {
  return {{"kind", "PartialObjectMetadata"},
          {"apiVersion", "meta.k8s.io/v1"},
          {"metadata", object.at("metadata")}};
}

Json table_of(const Resource& resource, const std::vector<const Json*>& objects, Include include,
              WallTime now, bool headers) {
  Json rows = Json::array();
  for (const Json* object : objects) {
    Json row = {{"cells", cells_of(resource, *object, now)}};
    if (include == Include::kObject) row["object"] = *object;
    if (include == Include::kMetadata) row["object"] = partial_metadata(*object);
    rows.push_back(std::move(row));
  }
  return {{"kind", "Table"},
          {"apiVersion", "meta.k8s.io/v1"},
          {"metadata", Json::object()},
          {"columnDefinitions", headers ? column_definitions(columns_of(resource)) : Json(nullptr)},
          {"rows", std::move(rows)}};
}

Response respond_object(const Core&, const Call& call, int status, const Json& object) {
  Response response;
  response.status = status;
  const Form form = form_of(call.request.accept);
  const bool scale = call.subresource == "scale";
  const bool own_kind = scale || string_at(object, {"kind"}) == call.resource->kind;
  if (form == Form::kTable && own_kind) {
    Json table =
        table_of(scale ? scale_resource() : *call.resource, {&object}, include_of(call), call.now, true);
    table["metadata"]["resourceVersion"] = string_at(object, {"metadata", "resourceVersion"});
    response.body = dump(table);
  } else if (form == Form::kPartial && own_kind) {
    response.body = dump(partial_metadata(object));
  } else {
    response.body = dump(object);
  }
  response.body += '\n';
  return response;
}

}  // namespace stowage::sandbox
