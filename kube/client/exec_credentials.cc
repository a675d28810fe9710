#include "kube/client/exec_credentials.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "kube/client/base64.h"
#include "kube/core/json_scan.h"

extern "C" char** environ;  // NOLINT: POSIX declares it nowhere

namespace stowage::kube {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

/// People log in with a browser meanwhile.
constexpr std::chrono::seconds kLongestRun{120};
constexpr size_t kMaxOutputBytes = size_t{1} << 20;

std::unexpected<Error> refuse(std::string message) {
  return fail(Code::kUnauthorized, "credential plugin: " + std::move(message));
}

/// A child process whose standard output is read; killed when it is destroyed while still running.
class Child {
 public:
  Child(pid_t pid, int output) : pid_(pid), output_(output) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    ::close(output_);
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }

  Result<std::string> read_all() {
    const auto deadline = steady_clock::now() + kLongestRun;
    std::string out;
    std::array<char, 4096> buffer{};
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_clock::now());
      pollfd waiting{.fd = output_, .events = POLLIN, .revents = 0};
      const int ready = left.count() > 0 ? ::poll(&waiting, 1, static_cast<int>(left.count())) : 0;
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) return refuse("did not end within two minutes");
      const ssize_t count = ::read(output_, buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return refuse(std::string("reading its output: ") + std::strerror(errno));
      if (count == 0) return out;
      out.append(buffer.data(), static_cast<size_t>(count));
      if (out.size() > kMaxOutputBytes) return refuse("printed more than 1 MiB");
    }
  }

  /// The wait status.
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_;
  int output_;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (std::string& text : texts)
    out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

/// The environment of the plugin: ours, with `set` put over it.
std::vector<std::string> merged_environment(const std::vector<std::pair<std::string, std::string>>& set) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string_view name = text.substr(0, text.find('='));
    bool replaced = false;
    for (const auto& [key, value] : set)
      replaced = replaced || key == name;
    if (!replaced) out.emplace_back(text);
  }
  for (const auto& [key, value] : set)
    out.push_back(key + "=" + value);
  return out;
}

Result<std::string> run(const std::string& program, std::vector<std::string> args,
                        const std::vector<std::pair<std::string, std::string>>& env, bool interactive) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return refuse(std::strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  if (!interactive) posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  args.insert(args.begin(), program);
  std::vector<std::string> environment = merged_environment(env);
  pid_t pid = 0;
  const int problem = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, pointers(args).data(),
                                    pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (problem != 0) {
    ::close(ends[0]);
    return refuse("cannot run " + program + ": " + std::strerror(problem));
  }
  Child child(pid, ends[0]);
  TRY(std::string output, child.read_all());
  const int status = child.wait();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return output;
  if (WIFEXITED(status))
    return refuse(program + " ended with exit status " + std::to_string(WEXITSTATUS(status)));
  return refuse(program + " was ended by a signal");
}

std::string string_at(const json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

}  // namespace

Result<std::string> find_program(const std::string& command, std::string_view path) {
  const auto executable = [](const std::string& file) { return ::access(file.c_str(), X_OK) == 0; };
  if (command.find('/') != std::string::npos) {
    if (executable(command)) return command;
    return fail(Code::kInvalidArgument, "credential plugin " + command + " does not exist or cannot be run");
  }
  while (!path.empty()) {
    const size_t end = path.find(':');
    const std::string_view directory = path.substr(0, end);
    path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
    // A plugin that happens to lie in the current directory must never run by its name alone.
    if (!directory.starts_with('/')) continue;
    std::string file = std::string(directory) + "/" + command;
    if (executable(file)) return file;
  }
  return fail(Code::kInvalidArgument, "credential plugin " + command + " was not found in PATH");
}

Result<Credentials> parse_exec_credential(std::string_view text, std::string_view api_version,
                                          Credentials base) {
  if (!check_json_depth(text)) return refuse("its output is nested too deep");
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return refuse("its output is not a JSON object");
  if (string_at(object, "kind") != "ExecCredential") return refuse("its output is not an ExecCredential");
  if (string_at(object, "apiVersion") != api_version) {
    return refuse("it answered with apiVersion \"" + string_at(object, "apiVersion") +
                  "\", the kubeconfig asks for " + std::string(api_version));
  }
  const auto status = object.find("status");
  if (status == object.end() || !status->is_object()) return refuse("its output has no status");
  const std::string token = string_at(*status, "token");
  const std::string cert = string_at(*status, "clientCertificateData");
  const std::string key = string_at(*status, "clientKeyData");
  if (token.empty() && cert.empty()) return refuse("its output has neither a token nor a client certificate");
  if (cert.empty() != key.empty())
    return refuse("it gave only one of clientCertificateData and clientKeyData");
  if (!token.empty()) {
    TRY(base.authorization, bearer(token, "credential plugin"));
  }
  if (!cert.empty()) {
    base.client_cert_pem = cert;
    base.client_key_pem = key;
  }
  const std::string expires = string_at(*status, "expirationTimestamp");
  if (!expires.empty()) {
    auto time = parse_rfc3339(expires);
    if (!time) return refuse("expirationTimestamp \"" + expires + "\" is not RFC 3339");
    base.expires = *time;
  }
  return base;
}

std::string ExecCredentials::exec_info(const Credentials& base) const {
  json spec = {{"interactive", plugin_.interactive_mode != "Never" && ::isatty(STDIN_FILENO) == 1}};
  if (plugin_.provide_cluster_info) {
    json cluster = {{"server", plugin_.server}};
    if (!plugin_.tls_server_name.empty()) cluster["tls-server-name"] = plugin_.tls_server_name;
    if (plugin_.insecure_skip_tls_verify) cluster["insecure-skip-tls-verify"] = true;
    if (!plugin_.proxy_url.empty()) cluster["proxy-url"] = plugin_.proxy_url;
    if (!base.ca_pem.empty()) cluster["certificate-authority-data"] = base64_encode(base.ca_pem);
    spec["cluster"] = std::move(cluster);
  }
  const json info = {
      {"kind", "ExecCredential"}, {"apiVersion", plugin_.api_version}, {"spec", std::move(spec)}};
  return info.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Credentials> ExecCredentials::read(bool rejected) {
  // A plugin without expiry is asked again only after a 401, as kubectl does: it may open a browser.
  if (last_ && !rejected && !last_->expires) return *last_;
  TRY(Credentials base, base_->read(rejected));
  const bool terminal = ::isatty(STDIN_FILENO) == 1;
  if (plugin_.interactive_mode == "Always" && !terminal) {
    return refuse(plugin_.command + " needs a terminal, and standard input is none");
  }
  const char* const path = std::getenv("PATH");
  auto program = find_program(plugin_.command, path == nullptr ? "" : path);
  if (!program) {
    Error error = std::move(program).error();
    if (!plugin_.install_hint.empty()) error.message += "\n" + plugin_.install_hint;
    return std::unexpected(std::move(error));
  }
  auto env = plugin_.env;
  env.emplace_back("KUBERNETES_EXEC_INFO", exec_info(base));
  TRY(const std::string output,
      run(*program, plugin_.args, env, terminal && plugin_.interactive_mode != "Never"));
  TRY(last_, parse_exec_credential(output, plugin_.api_version, std::move(base)));
  return *last_;
}

}  // namespace stowage::kube
