#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace stowage::kube {

/// RFC 4648 with padding; white space between characters is skipped. Error: kInvalidArgument.
Result<std::string> base64_decode(std::string_view text);
std::string base64_encode(std::string_view bytes);

}  // namespace stowage::kube
