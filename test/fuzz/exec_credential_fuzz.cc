// What a credential plugin prints.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "kube/client/exec_credentials.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stowage::kube;
  const auto read = parse_exec_credential({reinterpret_cast<const char*>(data), size},
                                          "client.authentication.k8s.io/v1", Credentials{});
  if (!read) {
    STOWAGE_CHECK(!read.error().message.empty(), "an error without a sentence");
    return 0;
  }
  STOWAGE_CHECK(!read->authorization.empty() || !read->client_cert_pem.empty(),
                "credentials that prove nothing");
  // A line break would begin a header of the plugin's own choice.
  STOWAGE_CHECK(read->authorization.find_first_of("\r\n") == std::string::npos, "a header was smuggled in");
  return 0;
}
