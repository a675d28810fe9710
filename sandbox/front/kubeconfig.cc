#include "sandbox/front/kubeconfig.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace stowage::sandbox {

std::string kubeconfig_text(const std::string& address, uint16_t port) {
  return fmt::format(
      "apiVersion: v1\nkind: Config\ncurrent-context: stowage-sandbox\n"
      "clusters:\n- name: stowage-sandbox\n  cluster:\n    server: http://{}:{}\n"
      "contexts:\n- name: stowage-sandbox\n  context:\n    cluster: stowage-sandbox\n    user: "
      "sandbox-admin\n    namespace: default\n"
      "users:\n- name: sandbox-admin\n  user: {{}}\n",
      address, port);
}

Result<void> write_kubeconfig(const std::string& path, const std::string& address, uint16_t port) {
  std::error_code error;
  if (const auto folder = std::filesystem::path(path).parent_path(); !folder.empty())
    std::filesystem::create_directories(folder, error);
  const std::string temporary = path + ".tmp";
  {
    std::ofstream out(temporary, std::ios::trunc);
    out << kubeconfig_text(address, port);
    if (!out.flush())
      return fail(Code::kInvalidArgument, fmt::format("cannot write {}: is its folder writable?", path));
  }
  std::filesystem::rename(temporary, path, error);
  if (error) return fail(Code::kInvalidArgument, fmt::format("cannot write {}: {}", path, error.message()));
  return {};
}

}  // namespace stowage::sandbox
