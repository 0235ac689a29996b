#include "tests/support/certificates.h"

#include <openssl/bn.h>
#include <openssl/bytestring.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cassert>
#include <ctime>

namespace sallyport::support {
namespace {

bssl::UniquePtr<EVP_PKEY> make_ec(int curve) {
  bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(curve));
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  EC_KEY_generate_key(ec.get());
  EVP_PKEY_assign_EC_KEY(key.get(), ec.release());
  return key;
}

bssl::UniquePtr<EVP_PKEY> make_rsa(int bits) {
  bssl::UniquePtr<RSA> rsa(RSA_new());
  bssl::UniquePtr<BIGNUM> exponent(BN_new());
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  BN_set_word(exponent.get(), RSA_F4);
  RSA_generate_key_ex(rsa.get(), bits, exponent.get(), nullptr);
  EVP_PKEY_assign_RSA(key.get(), rsa.release());
  return key;
}

bssl::UniquePtr<EVP_PKEY> make_key(KeyKind kind) {
  switch (kind) {
    case KeyKind::kRsa: {
      // Slow to make, above all under a sanitizer, and no test needs two.
      static const bssl::UniquePtr<EVP_PKEY> one = make_rsa(2048);
      return bssl::UpRef(one);
    }
    case KeyKind::kRsa1024:
      return make_rsa(1024);
    case KeyKind::kEcdsaP224:
      return make_ec(NID_secp224r1);
    case KeyKind::kEd25519: {
      std::uint8_t seed[32];
      RAND_bytes(seed, sizeof seed);
      return bssl::UniquePtr<EVP_PKEY>(
          EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed, sizeof seed));
    }
    case KeyKind::kEcdsa:
      break;
  }
  return make_ec(NID_X9_62_prime256v1);
}

std::string contents(BIO* writer) {
  const std::uint8_t* text = nullptr;
  std::size_t size = 0;
  BIO_mem_contents(writer, &text, &size);
  return {reinterpret_cast<const char*>(text), size};
}

std::string pem_of(X509* certificate) {
  const bssl::UniquePtr<BIO> writer(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(writer.get(), certificate);
  return contents(writer.get());
}

std::string pem_of(EVP_PKEY* key) {
  const bssl::UniquePtr<BIO> writer(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(writer.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return contents(writer.get());
}

void add_extension(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const bssl::UniquePtr<X509_EXTENSION> extension(
      X509V3_EXT_nconf_nid(nullptr, &context, kind, value.c_str()));
  assert(extension);
  X509_add_ext(certificate, extension.get(), -1);
}

bool is_ip(const std::string& name) {
  return name.find_first_not_of("0123456789.") == std::string::npos ||
         name.find(':') != std::string::npos;
}

void set_name(X509_NAME* name, const std::string& common_name) {
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const std::uint8_t*>(common_name.data()),
                             static_cast<int>(common_name.size()), -1, 0);
}

bssl::UniquePtr<X509> unsigned_certificate(EVP_PKEY* key, const std::string& common_name,
                                           const CertificateOptions& options) {
  bssl::UniquePtr<X509> certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  std::uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<std::uint8_t*>(&serial), sizeof serial);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial);
  const std::time_t now = std::time(nullptr);
  const auto seconds = [](std::chrono::hours span) {
    return static_cast<long>(std::chrono::seconds(span).count());
  };
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), now + seconds(options.valid_from));
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), now + seconds(options.valid_to));
  set_name(X509_get_subject_name(certificate.get()), common_name);
  X509_set_pubkey(certificate.get(), key);
  return certificate;
}

bssl::UniquePtr<X509> leaf(EVP_PKEY* key, const CertificateOptions& options) {
  const std::string first = options.names.empty() ? "nameless" : options.names.front();
  auto certificate =
      unsigned_certificate(key, options.subject.empty() ? first : options.subject, options);
  std::string names;
  for (const auto& name : options.names) {
    names += (names.empty() ? "" : ",") + std::string(is_ip(name) ? "IP:" : "DNS:") + name;
  }
  if (!names.empty()) add_extension(certificate.get(), NID_subject_alt_name, names);
  add_extension(certificate.get(), NID_ext_key_usage, options.purpose);
  return certificate;
}

}  // namespace

struct TestCa::Impl {
  bssl::UniquePtr<EVP_PKEY> key;
  bssl::UniquePtr<X509> certificate;
  std::string pem;
};

TestCa::TestCa(const std::string& common_name, const AuthorityOptions& options)
    : impl_(std::make_unique<Impl>()) {
  impl_->key = make_key(options.key);
  impl_->certificate = unsigned_certificate(impl_->key.get(), common_name, {});
  X509* const certificate = impl_->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
  X509_sign(certificate, impl_->key.get(), options.sha1 ? EVP_sha1() : EVP_sha256());
  impl_->pem = pem_of(certificate);
}

TestCa::~TestCa() = default;

const std::string& TestCa::root() const { return impl_->pem; }

Identity TestCa::issue(const CertificateOptions& options) const {
  const auto key = make_key(options.key);
  const auto certificate = leaf(key.get(), options);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(impl_->certificate.get()));
  X509_sign(certificate.get(), impl_->key.get(), options.sha1 ? EVP_sha1() : EVP_sha256());
  return {pem_of(certificate.get()), pem_of(key.get())};
}

Identity self_signed(const CertificateOptions& options) {
  const auto key = make_key(options.key);
  const auto certificate = leaf(key.get(), options);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  X509_sign(certificate.get(), key.get(),
            options.key == KeyKind::kEd25519 ? nullptr : EVP_sha256());
  return {pem_of(certificate.get()), pem_of(key.get())};
}

}  // namespace sallyport::support
