#include "proxy/net/self_signed.h"

#include <openssl/bytestring.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "proxy/base/secret.h"

namespace sallyport::net {
namespace {

constexpr long kDay = 24 * 60 * 60;
constexpr std::size_t kLongestCommonName = 64;  // ub-common-name of RFC 5280

std::string contents(BIO* writer) {
  const std::uint8_t* text = nullptr;
  std::size_t size = 0;
  BIO_mem_contents(writer, &text, &size);
  return {reinterpret_cast<const char*>(text), size};
}

bssl::UniquePtr<EVP_PKEY> make_key() {
  bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  const bool made = ec && key && EC_KEY_generate_key(ec.get()) == 1 &&
                    EVP_PKEY_set1_EC_KEY(key.get(), ec.get()) == 1;
  return made ? std::move(key) : nullptr;
}

bool add_extension(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const bssl::UniquePtr<X509_EXTENSION> extension(
      X509V3_EXT_nconf_nid(nullptr, &context, kind, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bssl::UniquePtr<X509> make_certificate(EVP_PKEY* key, const std::string& name) {
  bssl::UniquePtr<X509> certificate(X509_new());
  if (!certificate) return nullptr;
  std::uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<std::uint8_t*>(&serial), sizeof serial);
  const std::string common_name = name.substr(0, kLongestCommonName);
  std::time_t now = std::time(nullptr);
  X509* const made = certificate.get();
  X509_NAME* const subject = X509_get_subject_name(made);
  const bool good =
      X509_set_version(made, X509_VERSION_3) == 1 &&
      ASN1_INTEGER_set_uint64(X509_get_serialNumber(made), serial) == 1 &&
      X509_time_adj_ex(X509_getm_notBefore(made), -1, 0, &now) != nullptr &&
      X509_time_adj_ex(X509_getm_notAfter(made), 364, kDay - 1, &now) != nullptr &&
      X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                 reinterpret_cast<const std::uint8_t*>(common_name.data()),
                                 static_cast<int>(common_name.size()), -1, 0) == 1 &&
      X509_set_issuer_name(made, subject) == 1 && X509_set_pubkey(made, key) == 1 &&
      add_extension(made, NID_basic_constraints, "critical,CA:FALSE") &&
      add_extension(made, NID_ext_key_usage, "serverAuth") &&
      add_extension(made, NID_subject_alt_name,
                    "DNS:" + name + ",DNS:localhost,IP:127.0.0.1,IP:::1") &&
      X509_sign(made, key, EVP_sha256()) > 0;
  return good ? std::move(certificate) : nullptr;
}

}  // namespace

Result<std::shared_ptr<const ServerCertificate>> make_self_signed(const std::string& name,
                                                                  std::string& pem) {
  const auto key = make_key();
  const auto certificate = key ? make_certificate(key.get(), name) : nullptr;
  const bssl::UniquePtr<BIO> certificate_text(BIO_new(BIO_s_mem()));
  const bssl::UniquePtr<BIO> key_text(BIO_new(BIO_s_mem()));
  const bool written = certificate && certificate_text && key_text &&
                       PEM_write_bio_X509(certificate_text.get(), certificate.get()) == 1 &&
                       PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0,
                                                nullptr, nullptr) == 1;
  if (!written) return fail(ErrorCode::kSystem, "a self-signed certificate could not be made");
  pem = contents(certificate_text.get());
  std::string secret = contents(key_text.get());
  auto made = ServerCertificate::make(pem, secret);
  wipe(secret);
  return made;
}

}  // namespace sallyport::net
