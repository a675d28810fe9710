#include "kube/client/kubeconfig.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "kube/client/base64.h"
#include "kube/client/exec_credentials.h"
#include "kube/client/file_credentials.h"
#include "test/support/temp_folder.h"

using namespace stowage;        // NOLINT: a test
using namespace stowage::kube;  // NOLINT: a test

namespace {

const std::string kPem = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";

std::string config(const std::string& cluster, const std::string& user) {
  return "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts:\n- name: c\n  context: {cluster: k, "
         "user: u, "
         "namespace: n}\nclusters:\n- name: k\n  cluster:\n" +
         cluster + "users:\n- name: u\n  user:\n" + user;
}

const std::string kServer = "    server: https://h:6443/\n";

struct Folder : TempFolder {
  void write(const std::string& name, const std::string& text) const { std::ofstream(path() / name) << text; }
};

Error error_of(const std::string& text, const KubeconfigOptions& options = {}) {
  const auto result = parse_kubeconfig(text, "/etc/kube.yaml", options);
  REQUIRE_FALSE(result);
  return result.error();
}

}  // namespace

TEST_CASE("kubeconfig: inline certificates, namespace and server are read") {
  const auto server =
      parse_kubeconfig(config(kServer + "    certificate-authority-data: " + base64_encode(kPem) +
                                  "\n    tls-server-name: api\n",
                              "    client-certificate-data: " + base64_encode(kPem) +
                                  "\n    client-key-data: " + base64_encode(kPem) + "\n"),
                       "f");
  REQUIRE(server);
  CHECK(server->url == "https://h:6443");
  CHECK(server->tls_server_name == "api");
  CHECK(server->default_namespace == "n");
  CHECK_FALSE(server->insecure_skip_tls_verify);
  const auto credentials = server->credentials->read(false);
  REQUIRE(credentials);
  CHECK(credentials->ca_pem == kPem);
  CHECK(credentials->client_cert_pem == kPem);
  CHECK(credentials->client_key_pem == kPem);
  CHECK_FALSE(server->credentials->can_change());
}

TEST_CASE("kubeconfig: files are relative to it and read again each time") {
  const Folder folder;
  folder.write("ca.pem", kPem);
  folder.write("token", "first\n");
  folder.write("config", config(kServer + "    certificate-authority: ca.pem\n", "    tokenFile: token\n"));
  const auto server = load_kubeconfig(folder.file("config"));
  REQUIRE(server);
  CHECK(server->credentials->can_change());
  CHECK(server->credentials->read(false)->authorization == "Bearer first");
  folder.write("token", "second");
  folder.write("ca.pem", kPem + kPem);
  CHECK(server->credentials->read(false)->authorization == "Bearer second");
  CHECK(server->credentials->read(false)->ca_pem == kPem + kPem);
  folder.write("token", " \n");
  CHECK(server->credentials->read(false).error().code == Code::kUnauthorized);
  std::filesystem::remove(folder.path() / "token");
  CHECK(server->credentials->read(false).error().message.find("/token") != std::string::npos);
}

TEST_CASE("kubeconfig: token, basic authentication and JSON") {
  CHECK(parse_kubeconfig(config(kServer, "    token: abc\n"), "f")->credentials->read(false)->authorization ==
        "Bearer abc");
  CHECK(parse_kubeconfig(config(kServer, "    username: me\n    password: pw\n"), "f")
            ->credentials->read(false)
            ->authorization == "Basic bWU6cHc=");
  const auto json = parse_kubeconfig(
      R"({"current-context":"c","contexts":[{"name":"c","context":{"cluster":"k"}}],"clusters":[{"name":"k","cluster":{"server":"http://127.0.0.1:8001"}}]})",
      "f");
  REQUIRE(json);
  CHECK(json->url == "http://127.0.0.1:8001");
}

TEST_CASE("kubeconfig: another context can be named") {
  std::string text = config(kServer, "    token: abc\n");
  text += "contexts2: []\n";
  CHECK(parse_kubeconfig(text, "f", {.context = "c"}));
  CHECK(error_of(text, {.context = "d"}).message.find("\"d\"") != std::string::npos);
}

TEST_CASE("kubeconfig: TLS verification is skipped only when the user says so") {
  CHECK(parse_kubeconfig(config(kServer + "    insecure-skip-tls-verify: true\n", "    token: a\n"), "f")
            ->insecure_skip_tls_verify);
  CHECK_FALSE(
      parse_kubeconfig(config(kServer + "    insecure-skip-tls-verify: false\n", "    token: a\n"), "f")
          ->insecure_skip_tls_verify);
}

TEST_CASE("kubeconfig: what is wrong is told with file and line") {
  struct Case {
    std::string text;
    std::string expect;
  };
  const std::string token = "    token: a\n";
  const Case cases[] = {
      {"a: [", "/etc/kube.yaml:1: not valid YAML"},
      {"a: b\n\tc: d", "/etc/kube.yaml:2"},
      {"- a", "expected a map"},
      {"", "expected a map"},
      {"kind: Pod", "/etc/kube.yaml:1: not a kubeconfig: kind is \"Pod\""},
      {"kind: Config", "current-context is not set"},
      {"current-context: zz", "contexts has no entry"},
      {"current-context: zz\ncontexts: 5", "/etc/kube.yaml:2: contexts must be a list"},
      {"current-context: [a]", "/etc/kube.yaml:1: current-context must be a string"},
      {config("    x: 1\n", token), "the cluster has no server"},
      {config("    server: 'not a url'\n", token), "/etc/kube.yaml:10: server \"not a url\""},
      {config("    server: ftp://h\n", token), "is not a URL"},
      {config("    server: https://u:p@h\n", token), "must not hold a user name"},
      {config("    server: http://example.com\n", token), "unencrypted"},
      {config(kServer + "    certificate-authority-data: '%%'\n", token),
       "/etc/kube.yaml:11: certificate-authority-data is not valid base64"},
      {config(kServer + "    certificate-authority-data: aGVsbG8=\n", token),
       "does not hold a PEM certificate"},
      {config(kServer + "    insecure-skip-tls-verify: maybe\n", token), "must be true or false"},
      {config(kServer + "    insecure-skip-tls-verify: true\n    certificate-authority: /ca\n", token),
       "exclude each other"},
      {config(kServer + "    proxy-url: h:80\n", token), "proxy-url must start with"},
      {config(kServer, "    client-key: /k\n"), "no client-certificate"},
      {config(kServer, "    client-certificate: /k\n"), "no client-key"},
      {config(kServer, "    token: 'a b'\n"), "the token holds spaces"},
      {config(kServer, "    auth-provider: {name: gcp}\n"), "auth-provider is not supported"},
      {config(kServer, "    as: root\n" + token), "as is not supported"},
      {config(kServer, "    exec: {apiVersion: client.authentication.k8s.io/v1, command: x}\n"),
       "only in the command line tool"},
      {"a: &x 1\nb: *x", "/etc/kube.yaml:2: YAML aliases"},
      {std::string(100, '[') + std::string(100, ']'), "deeper than 32"},
      {std::string(5 << 20, ' '), "larger than 4 MiB"},
  };
  for (const Case& one : cases) {
    INFO(one.text.substr(0, 300));
    const Error error = error_of(one.text);
    INFO(error.message);
    CHECK(error.message.find(one.expect) != std::string::npos);
    CHECK(error.message.find("/etc/kube.yaml") != std::string::npos);
  }
}

TEST_CASE("kubeconfig: a missing file and a file without PEM are told by name") {
  CHECK(load_kubeconfig("/nowhere/config").error().message == "cannot read kubeconfig /nowhere/config");
  CHECK(load_kubeconfig("/").error().code == Code::kInvalidArgument);
  const auto server =
      parse_kubeconfig(config(kServer + "    certificate-authority: /dev/null\n", "    token: a\n"), "f");
  REQUIRE(server);
  CHECK(server->credentials->read(false).error().message.find("/dev/null is not PEM") != std::string::npos);
}

TEST_CASE("in-cluster: the service account's files and the environment's address") {
  const Folder folder;
  folder.write("ca.crt", kPem);
  folder.write("token", "t0");
  folder.write("namespace", "stowage");
  const auto server =
      in_cluster_config({.directory = folder.path().string(), .host = "fd00::1", .port = "443"});
  REQUIRE(server);
  CHECK(server->url == "https://[fd00::1]:443");
  CHECK(server->default_namespace == "stowage");
  CHECK(server->credentials->read(false)->authorization == "Bearer t0");
  CHECK(server->credentials->can_change());
  std::filesystem::remove(folder.path() / "token");
  CHECK(in_cluster_config({.directory = folder.path().string(), .host = "h", .port = "443"})
            .error()
            .message.find("automountServiceAccountToken") != std::string::npos);
  CHECK(in_cluster_config({}).error().message.find("not a pod") != std::string::npos);
}

TEST_CASE("base64: round trip, and what is none is refused") {
  for (const std::string& text :
       {std::string(), std::string("a"), std::string("ab"), std::string("abc"), std::string("\0\xff\x80", 3)})
    CHECK(base64_decode(base64_encode(text)) == text);
  CHECK(base64_decode(" YW\nI= ") == "ab");
  for (const char* text : {"a", "ab=", "a=bc", "ab==c", "====", "ab$=", "YWI=YWI="}) {
    INFO(text);
    CHECK_FALSE(base64_decode(text));
  }
}

TEST_CASE("exec: v1 and v1beta1 answers are read; what is wrong with others is told") {
  const std::string v1 = "client.authentication.k8s.io/v1";
  const auto answer = [&](const std::string& status, const std::string& version) {
    return parse_exec_credential(
        R"({"kind":"ExecCredential","apiVersion":")" + version + R"(","status":)" + status + "}", v1, {});
  };
  const auto good = answer(R"({"token":"t","expirationTimestamp":"2030-01-01T00:00:00Z"})", v1);
  REQUIRE(good);
  CHECK(good->authorization == "Bearer t");
  CHECK(good->expires == *parse_rfc3339("2030-01-01T00:00:00Z"));
  CHECK(answer(R"({"clientCertificateData":"C","clientKeyData":"K"})", v1)->client_cert_pem == "C");
  CHECK_FALSE(answer(R"({"token":"t"})", v1 + "beta1"));
  CHECK_FALSE(answer(R"({"token":""})", v1));
  CHECK_FALSE(answer(R"({"clientCertificateData":"C"})", v1));
  CHECK_FALSE(answer(R"({"token":"t","expirationTimestamp":"tomorrow"})", v1));
  CHECK_FALSE(answer("7", v1));
  CHECK_FALSE(parse_exec_credential("Please log in", v1, {}));
  CHECK_FALSE(parse_exec_credential(std::string(1000, '['), v1, {}));
}

TEST_CASE("exec: programs are found in absolute entries of PATH only") {
  const Folder folder;
  folder.write("plugin", "");
  std::filesystem::permissions(folder.path() / "plugin", std::filesystem::perms::owner_all);
  CHECK(find_program("plugin", "relative::/nowhere:" + folder.path().string()) == folder.file("plugin"));
  CHECK_FALSE(find_program("plugin", ".:relative:"));
  const auto here = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  CHECK_FALSE(find_program("plugin", ".:"));
  std::filesystem::current_path(here);
}

TEST_CASE("rule 20: an exec plugin is run without a shell, kept, and run again after a 401") {
  const Folder folder;
  folder.write("plugin",
               "#!/bin/sh\n"
               "echo run >> \"$COUNT\"\n"
               "case \"$KUBERNETES_EXEC_INFO\" in *'\"server\":\"https://h:6443\"'*) ;; *) exit 3;; esac\n"
               "[ \"$1\" = 'a b; exit 9' ] || exit 4\n"
               "n=$(wc -l < \"$COUNT\" | tr -d ' ')\n"
               "printf "
               "'{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/"
               "v1beta1\",\"status\":{\"token\":\"t%s\"}}' \"$n\"\n");
  std::filesystem::permissions(folder.path() / "plugin", std::filesystem::perms::owner_all);
  folder.write(
      "config",
      config(kServer,
             "    exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n      command: ./plugin\n"
             "      args: ['a b; exit 9']\n      interactiveMode: Never\n      provideClusterInfo: true\n"
             "      env: [{name: COUNT, value: " +
                 folder.file("count") + "}]\n"));
  const auto server = load_kubeconfig(folder.file("config"), {.allow_exec = true});
  REQUIRE(server);
  const auto first = server->credentials->read(false);
  INFO((first ? std::string() : first.error().message));
  REQUIRE(first);
  CHECK(first->authorization == "Bearer t1");
  CHECK(server->credentials->read(false)->authorization == "Bearer t1");
  CHECK(server->credentials->read(true)->authorization == "Bearer t2");
}

TEST_CASE("exec: a plugin that fails or is missing is told with its hint") {
  ExecCredentials missing({.api_version = "client.authentication.k8s.io/v1",
                           .command = "/nowhere/plugin",
                           .install_hint = "apt install it"},
                          std::make_shared<FileCredentials>(FileCredentials::Parts{}));
  CHECK(missing.read(false).error().message.ends_with("apt install it"));
  ExecCredentials failing({.api_version = "client.authentication.k8s.io/v1", .command = "/bin/false"},
                          std::make_shared<FileCredentials>(FileCredentials::Parts{}));
  CHECK(failing.read(false).error().message.find("exit status 1") != std::string::npos);
}
