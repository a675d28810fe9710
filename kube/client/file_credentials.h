#pragma once

#include <string>
#include <string_view>

#include "kube/client/credentials.h"

namespace stowage::kube {

/// Credentials that are fixed, in files that may be rotated, or a mixture.
class FileCredentials final : public CredentialSource {
 public:
  struct Parts {
    Credentials fixed = {};
    std::string ca_file = {};  ///< A path here wins over the fixed value.
    std::string cert_file = {};
    std::string key_file = {};
    std::string token_file = {};
  };
  explicit FileCredentials(Parts parts) : parts_(std::move(parts)) {}

  /// Reads all files anew. Errors name the file: kInvalidArgument, kUnauthorized for an empty token.
  Result<Credentials> read(bool rejected) override;
  [[nodiscard]] bool can_change() const override;

 private:
  Parts parts_;
};

/// A file of at most 4 MiB. Error: kInvalidArgument "cannot read <what> <path>".
Result<std::string> read_small_file(const std::string& path, std::string_view what);

}  // namespace stowage::kube
