#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "sandbox/apiserver/builtin/builtin.h"

namespace stowage::sandbox {
namespace {

/// The lowest address of 10.0.0.0/16 that no service has; .1 is the API server's own.
std::string free_cluster_ip(const Core& core) {
  std::set<std::string> used;
  const auto collection = core.builtin("", "services")->collection;
  const auto& paths = collection->selectable_fields();
  const size_t index =
      static_cast<size_t>(std::find(paths.begin(), paths.end(), "spec.clusterIP") - paths.begin());
  for (const auto& [key, object] : collection->objects())
    used.insert(object->fields[index]);
  for (int i = 1; i < 65'535; ++i) {
    std::string address = fmt::format("10.0.{}.{}", i / 256, i % 256);
    if (!used.contains(address)) return address;
  }
  return {};
}

}  // namespace

void prepare_service(const Core& core, Json& service, const Json* old) {
  Json& spec = object_member(service, "spec");
  default_member(spec, "type", "ClusterIP");
  default_member(spec, "sessionAffinity", "None");
  if (spec.contains("ports") && spec["ports"].is_array()) {
    for (Json& port : spec["ports"]) {
      default_member(port, "protocol", "TCP");
      if (port.is_object() && port.contains("port")) default_member(port, "targetPort", port["port"]);
    }
  }
  if (string_at(spec, {"type"}) == "ExternalName") return;
  default_member(spec, "internalTrafficPolicy", "Cluster");
  if (old != nullptr) {
    for (const char* key : {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"}) {
      if (const Json* value = find(old->at("spec"), key)) default_member(spec, key, *value);
    }
  }
  if (string_at(spec, {"clusterIP"}).empty()) spec["clusterIP"] = free_cluster_ip(core);
  default_member(spec, "clusterIPs", Json::array({spec["clusterIP"]}));
  default_member(spec, "ipFamilies", Json::array({"IPv4"}));
  default_member(spec, "ipFamilyPolicy", "SingleStack");
  if (old == nullptr) service["status"] = {{"loadBalancer", Json::object()}};
}

void validate_service(const Json& service, const Json* old, std::vector<Cause>& causes) {
  const Json& spec = service.at("spec");
  const bool headless = string_at(spec, {"clusterIP"}) == "None";
  const Json* ports = find(spec, "ports");
  if ((ports == nullptr || ports->empty()) && !headless && string_at(spec, {"type"}) != "ExternalName") {
    causes.push_back({"FieldValueRequired", "Required value", "spec.ports"});
  }
  std::set<std::string> names;
  for (size_t i = 0; ports != nullptr && i < ports->size(); ++i) {
    const Json& port = (*ports)[i];
    const std::string at = fmt::format("spec.ports[{}]", i);
    const Json* number = find(port, "port");
    if (number == nullptr || !number->is_number_integer() || number->get<int64_t>() < 1 ||
        number->get<int64_t>() > 65'535) {
      causes.push_back({"FieldValueInvalid",
                        fmt::format("Invalid value: {}: must be between 1 and 65535, inclusive",
                                    number == nullptr ? "0" : dump(*number)),
                        at + ".port"});
    }
    const std::string name = string_at(port, {"name"});
    if (name.empty() && ports->size() > 1)
      causes.push_back({"FieldValueRequired", "Required value", at + ".name"});
    if (!name.empty() && !names.insert(name).second)
      causes.push_back({"FieldValueDuplicate", fmt::format("Duplicate value: \"{}\"", name), at + ".name"});
  }
  if (old != nullptr) {
    const std::string before = string_at(*old, {"spec", "clusterIP"});
    const std::string after = string_at(spec, {"clusterIP"});
    if (!before.empty() && before != after) {
      causes.push_back({"FieldValueInvalid",
                        fmt::format("Invalid value: [\"{}\"]: may not change once set", after),
                        "spec.clusterIPs[0]"});
    }
  }
}

}  // namespace stowage::sandbox
