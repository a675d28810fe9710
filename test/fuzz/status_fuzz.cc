#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "kube/core/selectors.h"
#include "kube/core/status_error.h"

/// Any body of any refused request gives an Error with a sentence; a selector that was read is written as one
/// that reads the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const int status = 400 + data[0] % 200;
  const auto error =
      stowage::kube::error_from_response(status, {{"retry-after", std::string(body.substr(0, 20))}}, body);
  STOWAGE_CHECK(!error.message.empty() && error.http_status == status, "an error without a sentence");
  STOWAGE_CHECK(!error.retry_after || error.retry_after->count() >= 0, "a wait below zero");
  STOWAGE_CHECK(!stowage::kube::error_from_status(body).message.empty(), "an error without a sentence");
  if (const auto selector = stowage::kube::parse_label_selector(body)) {
    const auto text = stowage::kube::format_label_selector(*selector);
    STOWAGE_CHECK(text && stowage::kube::parse_label_selector(*text) == *selector, "a selector changed");
  }
  return 0;
}
