#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "kube/client/kubeconfig.h"

/// Any bytes give a configuration or a sentence; nothing that was read is insecure unless the text says so.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto server = stowage::kube::parse_kubeconfig(text, "config", {.allow_exec = true});
  if (!server) {
    STOWAGE_CHECK(!server.error().message.empty(), "an error without a sentence");
    return 0;
  }
  STOWAGE_CHECK(server->credentials != nullptr, "no credentials");
  STOWAGE_CHECK(server->url.starts_with("http"), "a strange URL");
  STOWAGE_CHECK(!server->insecure_skip_tls_verify || text.find("insecure-skip-tls-verify") != text.npos,
                "verification was switched off by nobody");
  return 0;
}
