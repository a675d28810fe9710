#include "kube/client/kubeconfig.h"

#include <curl/curl.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <optional>

#include "kube/client/base64.h"
#include "kube/client/exec_credentials.h"
#include "kube/client/file_credentials.h"
#include "kube/client/yaml.h"

namespace stowage::kube {
namespace {

/// A kubeconfig that is being read: every failure names the file and the line.
class Reader {
 public:
  Reader(std::string path, KubeconfigOptions options)
      : path_(std::move(path)), options_(std::move(options)) {}

  Result<ServerConfig> read(const YAML::Node& root);

 private:
  [[nodiscard]] std::unexpected<Error> wrong(const YAML::Node& where, const std::string& what,
                                             Code code = Code::kInvalidArgument) const {
    return fail(code, yaml_place(where, path_) + ": " + what);
  }

  Result<std::string> text(const YAML::Node& map, const char* key) const;
  Result<bool> flag(const YAML::Node& map, const char* key) const;
  Result<YAML::Node> find(const YAML::Node& root, const char* list, const char* member,
                          const std::string& name, const char* asked_by) const;
  Result<std::string> decoded(const YAML::Node& map, const char* key, const char* what) const;
  [[nodiscard]] std::string absolute(const std::string& file) const;

  Result<void> read_cluster(const YAML::Node& cluster, ServerConfig& out,
                            FileCredentials::Parts& parts) const;
  Result<void> read_certificates(const YAML::Node& user, FileCredentials::Parts& parts) const;
  Result<void> read_token(const YAML::Node& user, FileCredentials::Parts& parts) const;
  Result<ExecPlugin> read_exec(const YAML::Node& exec, const ServerConfig& server) const;
  Result<void> check_plain_http(const YAML::Node& user, const ServerConfig& server,
                                const FileCredentials::Parts& parts) const;

  std::string path_;
  KubeconfigOptions options_;
};

Result<std::string> Reader::text(const YAML::Node& map, const char* key) const {
  const YAML::Node value = map[key];
  if (!value.IsDefined() || value.IsNull()) return std::string();
  if (!value.IsScalar()) return wrong(value, std::string(key) + " must be a string");
  return value.Scalar();
}

Result<bool> Reader::flag(const YAML::Node& map, const char* key) const {
  const YAML::Node value = map[key];
  if (!value.IsDefined() || value.IsNull()) return false;
  bool out = false;
  if (!value.IsScalar() || !YAML::convert<bool>::decode(value, out)) {
    return wrong(value, std::string(key) + " must be true or false");
  }
  return out;
}

Result<YAML::Node> Reader::find(const YAML::Node& root, const char* list, const char* member,
                                const std::string& name, const char* asked_by) const {
  const YAML::Node entries = root[list];
  if (entries.IsDefined() && !entries.IsNull() && !entries.IsSequence()) {
    return wrong(entries, std::string(list) + " must be a list");
  }
  if (entries.IsDefined() && entries.IsSequence()) {
    for (const YAML::Node& entry : entries) {
      if (!entry.IsMap()) return wrong(entry, std::string("an entry of ") + list + " must be a map");
      TRY(const std::string found, text(entry, "name"));
      if (found != name) continue;
      const YAML::Node value = entry[member];
      if (!value.IsDefined() || value.IsNull()) return YAML::Node(YAML::NodeType::Map);
      if (!value.IsMap()) return wrong(value, std::string(member) + " must be a map");
      return value;
    }
  }
  return fail(Code::kInvalidArgument, path_ + ": " + asked_by + " names \"" + name + "\", but " + list +
                                          " has no entry of that name");
}

Result<std::string> Reader::decoded(const YAML::Node& map, const char* key, const char* what) const {
  TRY(const std::string encoded, text(map, key));
  if (encoded.empty()) return std::string();
  auto bytes = base64_decode(encoded);
  if (!bytes) return wrong(map[key], std::string(key) + " is not valid base64");
  if (bytes->find("-----BEGIN") == std::string::npos) {
    return wrong(map[key], std::string(key) + " does not hold a PEM " + what + " (no \"-----BEGIN\" in it)");
  }
  return bytes;
}

std::string Reader::absolute(const std::string& file) const {
  if (file.empty()) return file;
  const std::filesystem::path path(file);
  if (path.is_absolute()) return file;
  return (std::filesystem::path(path_).parent_path() / path).string();
}

Result<void> Reader::read_cluster(const YAML::Node& cluster, ServerConfig& out,
                                  FileCredentials::Parts& parts) const {
  TRY(std::string url, text(cluster, "server"));
  if (url.empty()) return wrong(cluster, "the cluster has no server");
  auto checked = check_server_url(std::move(url));
  if (!checked) return wrong(cluster["server"], checked.error().message);
  out.url = *std::move(checked);
  TRY(out.tls_server_name, text(cluster, "tls-server-name"));
  TRY(out.insecure_skip_tls_verify, flag(cluster, "insecure-skip-tls-verify"));
  TRY(out.proxy_url, text(cluster, "proxy-url"));
  if (!out.proxy_url.empty() && !out.proxy_url.starts_with("http://") &&
      !out.proxy_url.starts_with("https://") && !out.proxy_url.starts_with("socks5://")) {
    return wrong(cluster["proxy-url"], "proxy-url must start with http://, https:// or socks5://");
  }
  TRY(parts.fixed.ca_pem, decoded(cluster, "certificate-authority-data", "certificate"));
  if (parts.fixed.ca_pem.empty()) {
    TRY(const std::string file, text(cluster, "certificate-authority"));
    parts.ca_file = absolute(file);
  }
  if (out.insecure_skip_tls_verify && (!parts.fixed.ca_pem.empty() || !parts.ca_file.empty())) {
    return wrong(
        cluster["insecure-skip-tls-verify"],
        "insecure-skip-tls-verify and a certificate authority exclude each other; remove one of them");
  }
  return {};
}

Result<void> Reader::read_certificates(const YAML::Node& user, FileCredentials::Parts& parts) const {
  TRY(parts.fixed.client_cert_pem, decoded(user, "client-certificate-data", "certificate"));
  if (parts.fixed.client_cert_pem.empty()) {
    TRY(const std::string file, text(user, "client-certificate"));
    parts.cert_file = absolute(file);
  }
  TRY(parts.fixed.client_key_pem, decoded(user, "client-key-data", "private key"));
  if (parts.fixed.client_key_pem.empty()) {
    TRY(const std::string file, text(user, "client-key"));
    parts.key_file = absolute(file);
  }
  const bool cert = !parts.fixed.client_cert_pem.empty() || !parts.cert_file.empty();
  const bool key = !parts.fixed.client_key_pem.empty() || !parts.key_file.empty();
  if (cert != key) {
    return wrong(user, cert ? "the user has a client certificate but no client-key"
                            : "the user has a client key but no client-certificate");
  }
  return {};
}

Result<void> Reader::read_token(const YAML::Node& user, FileCredentials::Parts& parts) const {
  TRY(const std::string token_file, text(user, "tokenFile"));
  parts.token_file = absolute(token_file);
  TRY(std::string token, text(user, "token"));
  if (!token.empty()) {
    auto value = bearer(std::move(token), "token");
    if (!value) return wrong(user["token"], value.error().message, Code::kUnauthorized);
    parts.fixed.authorization = *std::move(value);
  }
  TRY(const std::string name, text(user, "username"));
  TRY(const std::string password, text(user, "password"));
  if (!name.empty() && parts.fixed.authorization.empty() && parts.token_file.empty()) {
    parts.fixed.authorization = "Basic " + base64_encode(name + ":" + password);
  }
  return {};
}

Result<ExecPlugin> Reader::read_exec(const YAML::Node& exec, const ServerConfig& server) const {
  if (!exec.IsMap()) return wrong(exec, "exec must be a map");
  ExecPlugin plugin;
  TRY(plugin.api_version, text(exec, "apiVersion"));
  if (plugin.api_version != "client.authentication.k8s.io/v1" &&
      plugin.api_version != "client.authentication.k8s.io/v1beta1") {
    return wrong(exec, "exec.apiVersion must be client.authentication.k8s.io/v1 or .../v1beta1",
                 Code::kUnsupported);
  }
  TRY(plugin.command, text(exec, "command"));
  if (plugin.command.empty()) return wrong(exec, "exec.command is missing");
  // As kubectl: a name is looked up in PATH, a path with a slash is relative to the kubeconfig.
  if (plugin.command.find('/') != std::string::npos) plugin.command = absolute(plugin.command);
  TRY(plugin.install_hint, text(exec, "installHint"));
  TRY(plugin.interactive_mode, text(exec, "interactiveMode"));
  if (plugin.interactive_mode.empty()) plugin.interactive_mode = "IfAvailable";
  if (plugin.interactive_mode != "Never" && plugin.interactive_mode != "IfAvailable" &&
      plugin.interactive_mode != "Always") {
    return wrong(exec["interactiveMode"], "interactiveMode must be Never, IfAvailable or Always");
  }
  TRY(plugin.provide_cluster_info, flag(exec, "provideClusterInfo"));
  if (const YAML::Node args = exec["args"]; args.IsDefined() && !args.IsNull()) {
    if (!args.IsSequence()) return wrong(args, "exec.args must be a list");
    for (const YAML::Node& arg : args) {
      if (!arg.IsScalar()) return wrong(arg, "an entry of exec.args must be a string");
      plugin.args.push_back(arg.Scalar());
    }
  }
  if (const YAML::Node env = exec["env"]; env.IsDefined() && !env.IsNull()) {
    if (!env.IsSequence()) return wrong(env, "exec.env must be a list");
    for (const YAML::Node& entry : env) {
      if (!entry.IsMap()) return wrong(entry, "an entry of exec.env must have name and value");
      TRY(std::string name, text(entry, "name"));
      TRY(std::string value, text(entry, "value"));
      plugin.env.emplace_back(std::move(name), std::move(value));
    }
  }
  plugin.server = server.url;
  plugin.tls_server_name = server.tls_server_name;
  plugin.insecure_skip_tls_verify = server.insecure_skip_tls_verify;
  plugin.proxy_url = server.proxy_url;
  return plugin;
}

Result<void> Reader::check_plain_http(const YAML::Node& user, const ServerConfig& server,
                                      const FileCredentials::Parts& parts) const {
  if (!server.url.starts_with("http://")) return {};
  if (parts.fixed.authorization.empty() && parts.token_file.empty()) return {};
  const std::string rest = server.url.substr(7);
  if (rest.starts_with("127.") || rest.starts_with("localhost") || rest.starts_with("[::1]")) return {};
  return wrong(user, "a token or password would be sent unencrypted to " + server.url + "; use https://");
}

Result<ServerConfig> Reader::read(const YAML::Node& root) {
  if (!root.IsMap()) return fail(Code::kInvalidArgument, path_ + ": not a kubeconfig: expected a map");
  TRY(const std::string kind, text(root, "kind"));
  if (!kind.empty() && kind != "Config") {
    return wrong(root["kind"], "not a kubeconfig: kind is \"" + kind + "\", expected \"Config\"");
  }
  std::string context_name = options_.context;
  if (context_name.empty()) {
    TRY(context_name, text(root, "current-context"));
    if (context_name.empty()) {
      return fail(
          Code::kInvalidArgument,
          path_ + ": current-context is not set; set it with kubectl config use-context, or name one");
    }
  }
  TRY(const YAML::Node context, find(root, "contexts", "context", context_name, "current-context"));
  TRY(const std::string cluster_name, text(context, "cluster"));
  TRY(const std::string user_name, text(context, "user"));
  TRY(const YAML::Node cluster, find(root, "clusters", "cluster", cluster_name, "the context"));
  YAML::Node user(YAML::NodeType::Map);
  if (!user_name.empty()) {
    TRY(user, find(root, "users", "user", user_name, "the context"));
  }

  ServerConfig out;
  FileCredentials::Parts parts;
  TRY(out.default_namespace, text(context, "namespace"));
  TRY_VOID(read_cluster(cluster, out, parts));
  TRY_VOID(read_certificates(user, parts));
  TRY_VOID(read_token(user, parts));
  TRY_VOID(check_plain_http(user, out, parts));
  for (const char* key : {"auth-provider", "as", "as-uid", "as-groups", "as-user-extra"}) {
    if (user[key].IsDefined()) {
      return wrong(user[key],
                   std::string(key) + " is not supported; use a token, a client certificate or exec",
                   Code::kUnsupported);
    }
  }
  auto files = std::make_shared<FileCredentials>(std::move(parts));
  const YAML::Node exec = user["exec"];
  if (!exec.IsDefined() || exec.IsNull()) {
    out.credentials = std::move(files);
    return out;
  }
  if (!options_.allow_exec) {
    return wrong(exec,
                 "exec credential plugins run only in the command line tool; give this process a "
                 "service account, a token file or a client certificate",
                 Code::kUnsupported);
  }
  TRY(ExecPlugin plugin, read_exec(exec, out));
  out.credentials = std::make_shared<ExecCredentials>(std::move(plugin), std::move(files));
  return out;
}

}  // namespace

Result<std::string> check_server_url(std::string url) {
  CURLU* const handle = curl_url();
  const bool parsed = curl_url_set(handle, CURLUPART_URL, url.c_str(), 0) == CURLUE_OK;
  bool extra = false;
  for (const CURLUPart part : {CURLUPART_QUERY, CURLUPART_FRAGMENT, CURLUPART_USER}) {
    char* value = nullptr;
    extra = extra || (parsed && curl_url_get(handle, part, &value, 0) == CURLUE_OK);
    curl_free(value);
  }
  curl_url_cleanup(handle);
  if (!parsed || (!url.starts_with("https://") && !url.starts_with("http://"))) {
    return fail(Code::kInvalidArgument, "server \"" + url + "\" is not a URL such as https://127.0.0.1:6443");
  }
  if (extra) {
    return fail(Code::kInvalidArgument, "server must not hold a user name, a query or a fragment");
  }
  while (url.ends_with('/'))
    url.pop_back();
  return url;
}

Result<ServerConfig> parse_kubeconfig(std::string_view text, const std::string& path,
                                      const KubeconfigOptions& options) {
  TRY(const YAML::Node root, load_yaml(text, path));
  try {
    return Reader(path, options).read(root);
  } catch (const YAML::Exception& error) {
    return fail(Code::kInvalidArgument, path + ":" + std::to_string(error.mark.line + 1) + ": " + error.msg);
  }
}

Result<ServerConfig> load_kubeconfig(const std::string& path, const KubeconfigOptions& options) {
  TRY(const std::string text, read_small_file(path, "kubeconfig"));
  return parse_kubeconfig(text, path, options);
}

Result<ServerConfig> in_cluster_config(const InClusterFiles& files) {
  if (files.host.empty() || files.port.empty()) {
    return fail(
        Code::kInvalidArgument,
        "no --kubeconfig was given and this is not a pod (KUBERNETES_SERVICE_HOST and _PORT are not set)");
  }
  FileCredentials::Parts parts{.ca_file = files.directory + "/ca.crt",
                               .token_file = files.directory + "/token"};
  ServerConfig out;
  const bool v6 = files.host.find(':') != std::string::npos;
  TRY(out.url, check_server_url("https://" + (v6 ? "[" + files.host + "]" : files.host) + ":" + files.port));
  if (auto ns = read_small_file(files.directory + "/namespace", "namespace")) out.default_namespace = *ns;
  out.credentials = std::make_shared<FileCredentials>(std::move(parts));
  // Told now: a pod without a mounted token never gets one later.
  if (auto now = out.credentials->read(false); !now) {
    return std::unexpected(
        std::move(now).error().context("service account (is automountServiceAccountToken off?)"));
  }
  return out;
}

}  // namespace stowage::kube
