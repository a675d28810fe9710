#include "test/unit/kube/client/certificates.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>

#include "base/check.h"

namespace stowage::test {
namespace {

template <class T, void (*Free)(T*)>
struct Deleter {
  void operator()(T* object) const { Free(object); }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY, EVP_PKEY_free>>;
using Cert = std::unique_ptr<X509, Deleter<X509, X509_free>>;

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string out(data, static_cast<size_t>(size));
  BIO_free(bio);
  return out;
}

void extend(X509* cert, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  STOWAGE_CHECK(extension != nullptr, "bad extension");
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

Cert blank(const std::string& name, EVP_PKEY* key, long valid_seconds) {
  static long serial = 1;
  Cert cert(X509_new());
  X509_set_version(cert.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -7200);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), valid_seconds);
  X509_set_pubkey(cert.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return cert;
}

KeyPair pem_of(X509* cert, EVP_PKEY* key) {
  BIO* const cert_bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(cert_bio, cert);
  BIO* const key_bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(key_bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  return {.cert = text_of(cert_bio), .key = text_of(key_bio)};
}

}  // namespace

KeyPair make_authority(const std::string& name) {
  const Key key(EVP_EC_gen("P-256"));
  const Cert cert = blank(name, key.get(), 3600);
  X509_set_issuer_name(cert.get(), X509_get_subject_name(cert.get()));
  extend(cert.get(), cert.get(), NID_basic_constraints, "critical,CA:TRUE");
  extend(cert.get(), cert.get(), NID_subject_key_identifier, "hash");
  X509_sign(cert.get(), key.get(), EVP_sha256());
  return pem_of(cert.get(), key.get());
}

KeyPair make_leaf(const KeyPair& authority, const std::string& name, const std::string& san,
                  long valid_seconds) {
  BIO* const cert_bio = BIO_new_mem_buf(authority.cert.data(), static_cast<int>(authority.cert.size()));
  const Cert issuer(PEM_read_bio_X509(cert_bio, nullptr, nullptr, nullptr));
  BIO_free(cert_bio);
  BIO* const key_bio = BIO_new_mem_buf(authority.key.data(), static_cast<int>(authority.key.size()));
  const Key issuer_key(PEM_read_bio_PrivateKey(key_bio, nullptr, nullptr, nullptr));
  BIO_free(key_bio);
  const Key key(EVP_EC_gen("P-256"));
  const Cert cert = blank(name, key.get(), valid_seconds);
  X509_set_issuer_name(cert.get(), X509_get_subject_name(issuer.get()));
  extend(cert.get(), issuer.get(), NID_subject_alt_name, san);
  X509_sign(cert.get(), issuer_key.get(), EVP_sha256());
  return pem_of(cert.get(), key.get());
}

}  // namespace stowage::test
