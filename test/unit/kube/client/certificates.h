#pragma once

#include <string>

namespace stowage::test {

/// A certificate and its private key, PEM.
struct KeyPair {
  std::string cert;
  std::string key;
};

/// A self-signed authority (EC P-256), made anew.
KeyPair make_authority(const std::string& name);
/// A certificate signed by `authority`. `san` as OpenSSL writes it: "IP:127.0.0.1,DNS:localhost".
/// `valid_seconds` from now may be negative: expired.
KeyPair make_leaf(const KeyPair& authority, const std::string& name, const std::string& san,
                  long valid_seconds = 3600);

}  // namespace stowage::test
