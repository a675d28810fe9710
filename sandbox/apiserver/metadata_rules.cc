#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/core.h"
#include "sandbox/apiserver/names.h"

// What metadata may hold. Rules, their order and words: apimachinery's pkg/api/validation/objectmeta.go.

namespace stowage::sandbox {
namespace {

constexpr size_t kMaxAnnotationBytes = 256 * 1024;  // apimachinery: TotalAnnotationSizeLimitB

/// What is wrong with `key` becomes causes of `field`.
void invalid_name(const std::string& key, std::string_view checked, const char* field,
                  std::vector<Cause>& causes) {
  for (const std::string& why : qualified_name_problems(checked))
    causes.push_back(
        {"FieldValueInvalid", fmt::format("Invalid value: {}: {}", dump(Json(key)), why), field});
}

void validate_names(const Resource& resource, const Json& metadata, std::vector<Cause>& causes) {
  if (std::string prefix = string_at(metadata, {"generateName"}); !prefix.empty()) {
    const std::string given = prefix;
    // The dash before the random part may stand at the end.
    if (prefix.size() > 1 && prefix.back() == '-') prefix.replace(prefix.size() - 2, 2, "a");
    if (const std::string why = name_problem(resource, prefix); !why.empty())
      causes.push_back({"FieldValueInvalid", fmt::format("Invalid value: \"{}\": {}", given, why),
                        "metadata.generateName"});
  }
  const std::string name = string_at(metadata, {"name"});
  if (name.empty()) {
    causes.push_back(
        {"FieldValueRequired", "Required value: name or generateName is required", "metadata.name"});
  } else if (const std::string why = name_problem(resource, name); !why.empty()) {
    causes.push_back(
        {"FieldValueInvalid", fmt::format("Invalid value: \"{}\": {}", name, why), "metadata.name"});
  }
  const Json* generation = find(metadata, "generation");
  if (generation != nullptr && generation->is_number_integer() && generation->get<int64_t>() < 0)
    causes.push_back({"FieldValueInvalid",
                      fmt::format("Invalid value: {}: must be greater than or equal to 0", dump(*generation)),
                      "metadata.generation"});
}

void validate_labels(const Json& metadata, std::vector<Cause>& causes) {
  const Json* labels = find(metadata, "labels");
  if (labels == nullptr || !labels->is_object()) return;
  for (const auto& [key, value] : labels->items()) {
    invalid_name(key, key, "metadata.labels", causes);
    const std::string text = value.is_string() ? value.get<std::string>() : std::string();
    if (const std::string why = label_value_problem(text); !why.empty()) {
      causes.push_back(
          {"FieldValueInvalid", fmt::format("Invalid value: \"{}\": {}", text, why), "metadata.labels"});
    }
  }
}

void validate_annotations(const Json& metadata, std::vector<Cause>& causes) {
  const Json* annotations = find(metadata, "annotations");
  if (annotations == nullptr || !annotations->is_object()) return;
  size_t bytes = 0;
  for (const auto& [key, value] : annotations->items()) {
    std::string lower = key;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    invalid_name(key, lower, "metadata.annotations", causes);
    bytes += key.size() + (value.is_string() ? value.get_ref<const std::string&>().size() : 0);
  }
  if (bytes > kMaxAnnotationBytes) {
    causes.push_back({"FieldValueTooLong",
                      fmt::format("Too long: may not be more than {} bytes", kMaxAnnotationBytes),
                      "metadata.annotations"});
  }
}

/// An owner as Go writes it: its members in the order of the type.
std::string owner_text(const Json& owner) {
  std::string out;
  for (const char* key : {"apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"}) {
    if (const Json* value = find(owner, key))
      out += fmt::format("{}\"{}\":{}", out.empty() ? "{" : ",", key, dump(*value));
  }
  return out.empty() ? "{}" : out + "}";
}

void validate_owner(const Json& owner, const std::string& path, std::vector<Cause>& causes) {
  const std::string version = string_at(owner, {"apiVersion"});
  const size_t slash = version.find('/');
  for (const char* key : {"apiVersion", "kind", "name", "uid"}) {
    if (string_at(owner, {key}).empty())
      causes.push_back({"FieldValueRequired", "Required value: must not be empty", path + "." + key});
    if (std::string_view(key) == "apiVersion" && slash != std::string::npos &&
        (slash + 1 == version.size() || version.find('/', slash + 1) != std::string::npos)) {
      causes.push_back({"FieldValueInvalid",
                        fmt::format("Invalid value: \"{}\": must be <group>/<version> or <version>", version),
                        path + ".apiVersion"});
    }
  }
  if (version == "v1" && string_at(owner, {"kind"}) == "Event")
    causes.push_back({"FieldValueInvalid",
                      fmt::format("Invalid value: {}: /v1, Kind=Event is disallowed from being an owner",
                                  owner_text(owner)),
                      path});
}

void validate_owners(const Json& metadata, std::vector<Cause>& causes) {
  const Json* owners = find(metadata, "ownerReferences");
  if (owners == nullptr || !owners->is_array()) return;
  std::string first;
  std::string all;
  for (const Json& owner : *owners)
    all += (all.empty() ? "" : ",") + owner_text(owner);
  for (size_t i = 0; i < owners->size(); ++i) {
    const Json& owner = (*owners)[i];
    validate_owner(owner, fmt::format("metadata.ownerReferences[{}]", i), causes);
    const Json* controller = find(owner, "controller");
    if (controller == nullptr || *controller != Json(true)) continue;
    const std::string name = string_at(owner, {"kind"}) + "/" + string_at(owner, {"name"});
    if (first.empty()) {
      first = name;
      continue;
    }
    causes.push_back({"FieldValueInvalid",
                      fmt::format("Invalid value: [{}]: Only one reference can have Controller set to true. "
                                  "Found \"true\" in references for {} and {}",
                                  all, first, name),
                      "metadata.ownerReferences"});
  }
}

void validate_finalizers(const Json& metadata, std::vector<Cause>& causes) {
  const Json* finalizers = find(metadata, "finalizers");
  if (finalizers == nullptr || !finalizers->is_array()) return;
  bool orphan = false;
  bool foreground = false;
  for (size_t i = 0; i < finalizers->size(); ++i) {
    const Json& item = (*finalizers)[i];
    const std::string text = item.is_string() ? item.get<std::string>() : std::string();
    invalid_name(text, text, "metadata.finalizers", causes);
    const bool standard = text == "orphan" || text == "foregroundDeletion" || text == "kubernetes";
    if (!standard && text.find('/') == std::string::npos) {
      causes.push_back(
          {"FieldValueInvalid",
           fmt::format(
               "Invalid value: \"{}\": name is neither a standard finalizer name nor is it fully qualified",
               text),
           fmt::format("metadata.finalizers[{}]", i)});
    }
    orphan = orphan || text == "orphan";
    foreground = foreground || text == "foregroundDeletion";
  }
  if (orphan && foreground)
    causes.push_back({"FieldValueInvalid",
                      fmt::format("Invalid value: {}: finalizer orphan and foregroundDeletion cannot be both "
                                  "set",
                                  dump(*finalizers)),
                      "metadata.finalizers"});
}

}  // namespace

void validate_metadata(const Resource& resource, const Json& object, std::vector<Cause>& causes) {
  const Json& metadata = object.at("metadata");
  validate_names(resource, metadata, causes);
  validate_labels(metadata, causes);
  validate_annotations(metadata, causes);
  validate_owners(metadata, causes);
  validate_finalizers(metadata, causes);
}

}  // namespace stowage::sandbox
