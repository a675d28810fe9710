#include "controllers/model_deployment/desired.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "controllers/model_deployment/names.h"

namespace stowage::model_deployment {
namespace {

using Json = nlohmann::json;

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The API server keeps a revision's data as bytes, compares them on every update ("field is immutable"), and
// writes them as Go's encoding/json does, which escapes these: a revision that holds one of them as it is
// can never be changed again, and so not be rolled back to.
std::string dump_as_go(const Json& value) {
  const std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c == '<' || c == '>' || c == '&') {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

Json owner_reference(const api::ModelDeployment& deployment) {
  return Json::array({{{"apiVersion", "stowage.dev/v1alpha1"},
                       {"kind", "ModelDeployment"},
                       {"name", deployment.meta.name},
                       {"uid", deployment.meta.uid},
                       {"controller", true},
                       {"blockOwnerDeletion", true}}});
}

Json metadata(const api::ModelDeployment& deployment, const std::string& name) {
  return {{"name", name},
          {"namespace", deployment.meta.ns},
          {"labels", {{kDeploymentLabel, deployment.meta.name}, {"app.kubernetes.io/managed-by", "stowage"}}},
          {"ownerReferences", owner_reference(deployment)}};
}

void replace_in_strings(Json& value, std::string_view what, const std::string& with) {
  if (value.is_string()) {
    auto& text = value.get_ref<std::string&>();
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
      text.replace(at, what.size(), with);
  } else if (value.is_structured()) {
    for (auto& part : value)
      replace_in_strings(part, what, with);
  }
}

DesiredService service(const api::ModelDeployment& deployment, const std::string& name,
                       api::StringMap selector, Json ports, bool headless) {
  Json spec = {{"selector", selector}, {"ports", std::move(ports)}};
  if (headless) {
    spec["clusterIP"] = "None";
    // Members look each other up while they load, long before they are ready.
    spec["publishNotReadyAddresses"] = true;
  }
  const Json body = {{"apiVersion", "v1"},
                     {"kind", "Service"},
                     {"metadata", metadata(deployment, name)},
                     {"spec", std::move(spec)}};
  DesiredService out;
  out.body = dump(body);
  out.fact = *decode_service_fact(out.body);
  return out;
}

}  // namespace

std::string revision_object(const api::ModelDeployment& deployment, const std::string& name, int64_t number,
                            const std::string& data) {
  const Json body = {{"apiVersion", "apps/v1"},
                     {"kind", "ControllerRevision"},
                     {"metadata", metadata(deployment, name)},
                     {"revision", number},
                     {"data", Json::parse(data, nullptr, false)}};
  return dump_as_go(body);
}

bool same_pods(std::string_view data, std::string_view other) {
  return Json::parse(data, nullptr, false) == Json::parse(other, nullptr, false);
}

Result<std::string> pod_object(const api::ModelDeployment& deployment, const PodCreate& create,
                               std::string_view data) {
  Json revision = Json::parse(data, nullptr, false);
  const char* member = create.rank == 0 ? "leader" : "worker";
  if (!revision.is_object() || !revision.contains(member) || !revision[member].is_object()) {
    return fail(Code::kMalformed,
                fmt::format("ControllerRevision {} has no template \"{}\"", create.revision, member));
  }
  Json pod = std::move(revision[member]);
  const std::string& owner = deployment.meta.name;
  const std::string name = pod_name(owner, create.replica, create.attempt, create.rank);
  if (create.group_size > 1) {
    const std::string leader = fmt::format("{}.{}.{}.svc", pod_name(owner, create.replica, create.attempt, 0),
                                           members_service(owner), deployment.meta.ns);
    replace_in_strings(pod, "{{leader.address}}", leader);
    pod["spec"]["subdomain"] = members_service(owner);
  } else {
    replace_in_strings(pod, "{{leader.address}}", "127.0.0.1");
  }
  replace_in_strings(pod, "{{rank}}", fmt::format("{}", create.rank));
  pod["spec"]["hostname"] = name;
  pod["apiVersion"] = "v1";
  pod["kind"] = "Pod";
  Json& meta = pod["metadata"];
  meta["name"] = name;
  meta["namespace"] = deployment.meta.ns;
  meta["ownerReferences"] = owner_reference(deployment);
  const auto label = [&meta](std::string_view key, const std::string& value) {
    meta["labels"][std::string(key)] = value;
  };
  label(kDeploymentLabel, owner);
  label(kReplicaLabel, fmt::format("{}", create.replica));
  label(kAttemptLabel, fmt::format("{}", create.attempt));
  label(kRankLabel, fmt::format("{}", create.rank));
  label(kRevisionLabel, create.revision);
  label(kRoleLabel, "serve");
  label("app.kubernetes.io/managed-by", "stowage");
  meta["annotations"][std::string(kGroupAnnotation)] = group_name(owner, create.replica, create.attempt);
  meta["annotations"][std::string(kGroupSizeAnnotation)] = fmt::format("{}", create.group_size);
  return dump(pod);
}

DesiredService serving_service(const api::ModelDeployment& deployment, int32_t port) {
  return service(
      deployment, deployment.meta.name,
      {{std::string(kDeploymentLabel), deployment.meta.name}, {std::string(kRankLabel), "0"}},
      Json::array({{{"name", "http"}, {"port", port}, {"targetPort", "http"}, {"protocol", "TCP"}}}), false);
}

DesiredService members_service_object(const api::ModelDeployment& deployment, int32_t port) {
  return service(
      deployment, members_service(deployment.meta.name),
      {{std::string(kDeploymentLabel), deployment.meta.name}},
      Json::array({{{"name", "http"}, {"port", port}, {"targetPort", "http"}, {"protocol", "TCP"}}}), true);
}

std::string service_patch(const ServiceFact& actual, const DesiredService& desired) {
  Json spec = Json::parse(desired.body)["spec"];
  spec.erase("clusterIP");
  for (const auto& [key, value] : actual.selector) {
    if (!desired.fact.selector.contains(key)) spec["selector"][key] = nullptr;
  }
  spec["publishNotReadyAddresses"] = desired.fact.publish_not_ready;
  return dump(Json{{"metadata", {{"uid", actual.meta.uid}}}, {"spec", std::move(spec)}});
}

bool service_matches(const ServiceFact& actual, const ServiceFact& desired) {
  return actual.selector == desired.selector && actual.ports == desired.ports &&
         actual.headless == desired.headless && actual.publish_not_ready == desired.publish_not_ready;
}

}  // namespace stowage::model_deployment
