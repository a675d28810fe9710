#include "sandbox/apiserver/names.h"

#include <fmt/format.h>

#include <algorithm>

#include "sandbox/apiserver/registry.h"

namespace stowage::sandbox {
namespace {

bool lower_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool alnum(char c) {
  return lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

bool is_dns_label(std::string_view s) {
  if (s.empty() || !lower_alnum(s.front()) || !lower_alnum(s.back())) return false;
  return std::all_of(s.begin(), s.end(), [](char c) { return lower_alnum(c) || c == '-'; });
}

bool is_qualified_part(std::string_view s) {
  if (s.empty() || !alnum(s.front()) || !alnum(s.back())) return false;
  return std::all_of(s.begin(), s.end(), [](char c) { return alnum(c) || c == '-' || c == '_' || c == '.'; });
}

}  // namespace

std::string dns_label_problem(std::string_view name) {
  if (name.size() > 63) return "must be no more than 63 characters";
  if (is_dns_label(name)) return {};
  return "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
         "start and end "
         "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
         "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
}

std::string dns_1035_label_problem(std::string_view name) {
  if (name.size() > 63) return "must be no more than 63 characters";
  if (is_dns_label(name) && name[0] >= 'a') return {};
  return "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
         "alphabetic "
         "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for "
         "validation "
         "is '[a-z]([-a-z0-9]*[a-z0-9])?')";
}

std::string dns_subdomain_problem(std::string_view name) {
  if (name.size() > 253) return "must be no more than 253 characters";
  bool good = !name.empty();
  for (std::string_view rest = name; good;) {
    const size_t dot = rest.find('.');
    good = is_dns_label(rest.substr(0, dot));
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  if (good) return {};
  return "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
         "must start "
         "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
         "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
}

std::vector<std::string> qualified_name_problems(std::string_view name) {
  static constexpr std::string_view kForm =
      "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
      "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
      "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
  std::vector<std::string> out;
  const size_t slash = name.find('/');
  std::string_view part = name;
  if (slash != std::string_view::npos) {
    const std::string_view prefix = name.substr(0, slash);
    part = name.substr(slash + 1);
    if (part.find('/') != std::string_view::npos)
      return {fmt::format(
          "a valid label key {} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
          kForm)};
    if (prefix.empty()) {
      out.emplace_back("prefix part must be non-empty");
    } else if (prefix.size() > 253) {
      out.emplace_back("prefix part must be no more than 253 bytes");
    } else if (const std::string why = dns_subdomain_problem(prefix); !why.empty()) {
      out.push_back("prefix part " + why);
    }
  }
  if (part.empty()) out.emplace_back("name part must be non-empty");
  if (part.size() > 63) out.emplace_back("name part must be no more than 63 bytes");
  if (!is_qualified_part(part)) out.push_back(fmt::format("name part {}", kForm));
  return out;
}

std::string label_value_problem(std::string_view value) {
  if (value.size() > 63) return "must be no more than 63 bytes";
  if (value.empty() || is_qualified_part(value)) return {};
  return "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and "
         "must start and "
         "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
         "validation is "
         "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
}

std::string name_problem(const Resource& resource, std::string_view name) {
  if (resource.group == "rbac.authorization.k8s.io") {
    if (name == "." || name == "..") return fmt::format("may not be '{}'", name);
    for (const char* bad : {"/", "%"}) {
      if (name.find(bad) != std::string_view::npos) return fmt::format("may not contain '{}'", bad);
    }
    return {};
  }
  if (resource.group.empty() && resource.kind == "Namespace") return dns_label_problem(name);
  if (resource.group.empty() && resource.kind == "Service") return dns_label_problem(name);
  return dns_subdomain_problem(name);
}

}  // namespace stowage::sandbox
