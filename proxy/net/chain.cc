#include "proxy/net/chain.h"

#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/stack.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "proxy/base/base64.h"
#include "proxy/base/crypto/digest.h"
#include "proxy/net/certificate_errors.h"
#include "proxy/net/tls_errors.h"
#include "proxy/runtime/address.h"

namespace sallyport::net {
namespace {

bool has_weak_signature(const X509& certificate) {
  switch (X509_get_signature_nid(&certificate)) {
    case NID_md5WithRSAEncryption:
    case NID_sha1WithRSAEncryption:
    case NID_sha1WithRSA:
    case NID_dsaWithSHA1:
    case NID_ecdsa_with_SHA1:
      return true;
    default:
      return false;
  }
}

/// What is too weak about a chain that was verified, leaf first, its trusted end last.
std::optional<std::string> weakness_of(const STACK_OF(X509) & verified, const std::string& whose) {
  const std::size_t count = sk_X509_num(&verified);
  for (std::size_t i = 0; i < count; ++i) {
    X509* const certificate = sk_X509_value(&verified, i);
    const std::string which = i == 0 ? whose
                                     : "the issuer '" +
                                           distinguished_name(X509_get_subject_name(certificate)) +
                                           "' of " + whose;
    // What is trusted by itself is not trusted for its signature.
    const bool is_trusted_end = i + 1 == count;
    if (!is_trusted_end && has_weak_signature(*certificate)) {
      return which + " is signed with SHA-1 or MD5, which can be forged";
    }
    const bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(certificate));
    if (!key) return which + " has a key of an unknown kind";
    if (EVP_PKEY_id(key.get()) == EVP_PKEY_RSA && EVP_PKEY_bits(key.get()) < kLeastRsaBits) {
      return which + " has an RSA key of " + std::to_string(EVP_PKEY_bits(key.get())) +
             " bits: 2048 or more are needed";
    }
  }
  return std::nullopt;
}

/// SHA-256 of a certificate's SubjectPublicKeyInfo, as RFC 7469 section 2.4 pins it.
std::string pin_of(X509& certificate) {
  std::uint8_t* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(&certificate), &der);
  if (size <= 0) return {};
  const bssl::UniquePtr<std::uint8_t> owner(der);
  const auto digest =
      crypto::sha256({reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)});
  return std::string(crypto::as_view(digest));
}

bool has_pin(const STACK_OF(X509) & verified, std::span<const std::string> pins) {
  for (std::size_t i = 0; i < sk_X509_num(&verified); ++i) {
    if (std::ranges::find(pins, pin_of(*sk_X509_value(&verified, i))) != pins.end()) return true;
  }
  return false;
}

}  // namespace

bool is_address(const std::string& host) {
  return runtime::SocketAddress::parse(host, 0).has_value();
}

bool set_verification(X509_VERIFY_PARAM& parameters, const std::string& host) {
  // A CA file may name an intermediate or the peer's own certificate instead of a root.
  X509_VERIFY_PARAM_set_flags(&parameters, X509_V_FLAG_PARTIAL_CHAIN);
#ifdef X509_CHECK_FLAG_NEVER_CHECK_SUBJECT
  X509_VERIFY_PARAM_set_hostflags(&parameters, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
#endif
  if (host.empty()) return true;
  if (is_address(host)) return X509_VERIFY_PARAM_set1_ip_asc(&parameters, host.c_str()) == 1;
  return X509_VERIFY_PARAM_set1_host(&parameters, host.data(), host.size()) == 1;
}

Result<bssl::UniquePtr<X509>> verify_chain(const STACK_OF(CRYPTO_BUFFER) & chain, X509_STORE& roots,
                                           const ChainUse& use) {
  const bssl::UniquePtr<STACK_OF(X509)> certificates(sk_X509_new_null());
  for (std::size_t i = 0; certificates && i < sk_CRYPTO_BUFFER_num(&chain); ++i) {
    bssl::UniquePtr<X509> certificate(X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(&chain, i)));
    if (!certificate || !bssl::PushToStack(certificates.get(), std::move(certificate))) {
      return fail(ErrorCode::kTls, use.whose + " cannot be read: " + take_reason());
    }
  }
  const bssl::UniquePtr<X509_STORE_CTX> verification(X509_STORE_CTX_new());
  if (!verification || !certificates || sk_X509_num(certificates.get()) == 0 ||
      X509_STORE_CTX_init(verification.get(), &roots, sk_X509_value(certificates.get(), 0),
                          certificates.get()) != 1 ||
      X509_STORE_CTX_set_default(verification.get(), use.purpose) != 1) {
    return fail(ErrorCode::kTls, use.whose + " cannot be verified");
  }
  if (!set_verification(*X509_STORE_CTX_get0_param(verification.get()), use.host)) {
    return fail(ErrorCode::kTls, "'" + use.host + "' cannot be the name of a certificate");
  }
  if (X509_verify_cert(verification.get()) != 1) {
    return fail(ErrorCode::kTls, use.explain(*verification, use.host));
  }
  const STACK_OF(X509)* const verified = X509_STORE_CTX_get0_chain(verification.get());
  if (auto weakness = weakness_of(*verified, use.whose)) {
    return fail(ErrorCode::kTls, std::move(*weakness));
  }
  X509* const leaf = sk_X509_value(certificates.get(), 0);
  if (!use.pins.empty() && !has_pin(*verified, use.pins)) {
    return fail(ErrorCode::kTls,
                use.whose + " and its issuers have none of the pinned keys; its own is sha256/" +
                    base64::encode(pin_of(*leaf)));
  }
  return bssl::UpRef(leaf);
}

}  // namespace sallyport::net
