#pragma once

#include <vector>

#include "sandbox/apiserver/core.h"

namespace stowage::sandbox {

/// Sets a member that is absent.
void default_member(Json& object, const char* key, Json value);
/// Member that is an object, made when absent; replaced when it is something else.
Json& object_member(Json& object, const char* key);

// pod.cc
void default_pod_spec(Json& spec);
void prepare_pod(const Core& core, Json& pod, const Json* old);
void validate_pod(const Core& core, const Json& pod, const Json* old, std::vector<Cause>& causes);
void validate_pod_spec(const Json& spec, const std::string& path, std::vector<Cause>& causes);
/// Quality of service class, from requests and limits.
std::string qos_class(const Json& spec);

// service.cc
void prepare_service(const Core& core, Json& service, const Json* old);
void validate_service(const Json& service, const Json* old, std::vector<Cause>& causes);

}  // namespace stowage::sandbox
