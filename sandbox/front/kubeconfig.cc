#include "sandbox/front/kubeconfig.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>

namespace stowage::sandbox {
namespace {

namespace fs = std::filesystem;

/// A kubeconfig of a sandbox and of nothing else, also after kubectl has changed and sorted it.
bool is_ours(std::string_view text) {
  size_t servers = 0;
  for (size_t at = text.find("server: "); at != std::string_view::npos; at = text.find("server: ", at + 1))
    ++servers;
  return servers == 1 && text.find("current-context: stowage-sandbox\n") != std::string_view::npos;
}

/// The file behind `path` if it may be replaced.
Result<std::string> replaceable(const std::string& path) {
  std::error_code error;
  const fs::path target = fs::is_symlink(path, error) ? fs::weakly_canonical(path, error) : fs::path(path);
  if (!fs::exists(target, error)) return target.string();
  if (!fs::is_regular_file(target, error))
    return fail(Code::kInvalidArgument, fmt::format("cannot write {}: it is there, and is no file", path));
  std::ifstream in(target);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (text.empty() || is_ours(text)) return target.string();
  return fail(Code::kInvalidArgument,
              fmt::format("{} is there and is not a sandbox's: name another file, or remove it", path));
}

}  // namespace

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
  TRY(const std::string target, replaceable(path));
  std::error_code error;
  if (const auto folder = fs::path(target).parent_path(); !folder.empty())
    fs::create_directories(folder, error);
  const std::string temporary = target + ".tmp";
  {
    std::ofstream out(temporary, std::ios::trunc);
    out << kubeconfig_text(address, port);
    if (!out.flush())
      return fail(Code::kInvalidArgument, fmt::format("cannot write {}: is its folder writable?", path));
  }
  fs::rename(temporary, target, error);
  if (error) return fail(Code::kInvalidArgument, fmt::format("cannot write {}: {}", path, error.message()));
  return {};
}

}  // namespace stowage::sandbox
