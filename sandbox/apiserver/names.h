#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stowage::sandbox {

struct Resource;

/// Each returns kube's sentence about what is wrong, or an empty string.
std::string dns_label_problem(std::string_view name);
std::string dns_1035_label_problem(std::string_view name);
std::string dns_subdomain_problem(std::string_view name);
/// Everything that is wrong with a label key or another qualified name; empty when nothing is.
std::vector<std::string> qualified_name_problems(std::string_view name);
std::string label_value_problem(std::string_view value);
/// By the rule of the resource: Services and Namespaces are labels, RBAC names are path segments, others
/// subdomains.
std::string name_problem(const Resource& resource, std::string_view name);

}  // namespace stowage::sandbox
