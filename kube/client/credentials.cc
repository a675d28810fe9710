#include "kube/client/credentials.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "kube/client/file_credentials.h"

namespace stowage::kube {
namespace {

/// Certificates, keys and tokens are a few KiB; a bundle of all public authorities is 220 KiB.
constexpr size_t kMaxFileBytes = size_t{4} << 20;

Result<void> check_pem(const std::string& text, std::string_view what, std::string_view where) {
  if (text.find("-----BEGIN") != std::string::npos) return {};
  return fail(Code::kInvalidArgument,
              std::string(what) + " " + std::string(where) + " is not PEM (no \"-----BEGIN\" in it)");
}

}  // namespace

Result<std::string> bearer(std::string token, std::string_view where) {
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' '))
    token.pop_back();
  if (token.empty()) return fail(Code::kUnauthorized, std::string(where) + ": the token is empty");
  if (std::ranges::any_of(token, [](unsigned char c) { return c <= 0x20 || c >= 0x7f; })) {
    return fail(Code::kUnauthorized,
                std::string(where) + ": the token holds spaces or bytes that are not ASCII");
  }
  return "Bearer " + token;
}

Result<std::string> read_small_file(const std::string& path, std::string_view what) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Code::kInvalidArgument, "cannot read " + std::string(what) + " " + path);
  std::string text(kMaxFileBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || (in.gcount() == 0 && !in.eof())) {
    return fail(Code::kInvalidArgument, "cannot read " + std::string(what) + " " + path);
  }
  text.resize(static_cast<size_t>(in.gcount()));
  text.shrink_to_fit();  // kept for the life of the process
  if (text.size() > kMaxFileBytes) return fail(Code::kInvalidArgument, path + " is larger than 4 MiB");
  return text;
}

bool FileCredentials::can_change() const {
  return !parts_.ca_file.empty() || !parts_.cert_file.empty() || !parts_.key_file.empty() ||
         !parts_.token_file.empty();
}

Result<Credentials> FileCredentials::read(bool) {
  Credentials out = parts_.fixed;
  if (!parts_.ca_file.empty()) {
    TRY(out.ca_pem, read_small_file(parts_.ca_file, "certificate-authority"));
    TRY_VOID(check_pem(out.ca_pem, "certificate-authority", parts_.ca_file));
  }
  if (!parts_.cert_file.empty()) {
    TRY(out.client_cert_pem, read_small_file(parts_.cert_file, "client-certificate"));
    TRY_VOID(check_pem(out.client_cert_pem, "client-certificate", parts_.cert_file));
  }
  if (!parts_.key_file.empty()) {
    TRY(out.client_key_pem, read_small_file(parts_.key_file, "client-key"));
    TRY_VOID(check_pem(out.client_key_pem, "client-key", parts_.key_file));
  }
  if (!parts_.token_file.empty()) {
    TRY(std::string token, read_small_file(parts_.token_file, "token file"));
    TRY(out.authorization, bearer(std::move(token), parts_.token_file));
  }
  return out;
}

}  // namespace stowage::kube
