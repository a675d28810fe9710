#include "sandbox/front/kubeconfig.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "test/support/temp_folder.h"

namespace stowage::sandbox {
namespace {

std::string content(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string refusal(const std::string& path) {
  const auto written = write_kubeconfig(path, "127.0.0.1", 2);
  return written ? "" : written.error().message;
}

}  // namespace

TEST_CASE("kubeconfig in a folder that is not there: both are made") {
  const TempFolder folder;
  CHECK(refusal(folder.file("a/b/config")) == "");
  CHECK(content(folder.file("a/b/config")) == kubeconfig_text("127.0.0.1", 2));
}

TEST_CASE("kubeconfig over a sandbox's own, also one that kubectl has sorted, or over nothing: written") {
  const TempFolder folder;
  const std::string path = folder.file("config");
  const std::string text =
      GENERATE(kubeconfig_text("127.0.0.1", 1), std::string(),
               std::string("apiVersion: v1\nclusters:\n- cluster:\n    server: http://x\n  "
                           "name: stowage-sandbox\ncurrent-context: stowage-sandbox\n"));
  std::ofstream(path) << text;
  CHECK(refusal(path) == "");
  CHECK(content(path) == kubeconfig_text("127.0.0.1", 2));
}

TEST_CASE("kubeconfig over somebody else's: refused, and kept") {
  const TempFolder folder;
  const std::string path = folder.file("config");
  const std::string text =
      GENERATE(std::string("apiVersion: v1\ncurrent-context: production\n"), std::string("keep me"),
               kubeconfig_text("127.0.0.1", 1) + "- cluster:\n    server: https://production\n");
  std::ofstream(path) << text;
  CHECK(refusal(path) == path + " is there and is not a sandbox's: name another file, or remove it");
  CHECK(content(path) == text);
}

TEST_CASE("kubeconfig through a link: the link stays, the file behind it is written") {
  const TempFolder folder;
  std::filesystem::create_symlink(folder.file("target"), folder.file("link"));
  std::ofstream(folder.file("target")) << "";
  CHECK(refusal(folder.file("link")) == "");
  CHECK(std::filesystem::is_symlink(folder.file("link")));
  CHECK(content(folder.file("target")) == kubeconfig_text("127.0.0.1", 2));
}

TEST_CASE("kubeconfig where a folder or a device is: refused, never replaced") {
  const TempFolder folder;
  CHECK_THAT(refusal(folder.path().string()), Catch::EndsWith("it is there, and is no file"));
  REQUIRE(::mkfifo(folder.file("pipe").c_str(), 0600) == 0);  // as /dev/null would be
  CHECK_THAT(refusal(folder.file("pipe")), Catch::EndsWith("it is there, and is no file"));
  CHECK(std::filesystem::is_fifo(folder.file("pipe")));
}

}  // namespace stowage::sandbox
