#include "proxy/net/client_verification.h"

#include <openssl/stack.h>
#include <openssl/x509v3.h>

#include <utility>

#include "proxy/net/certificate_errors.h"
#include "proxy/net/chain.h"
#include "proxy/net/pem.h"
#include "proxy/net/tls_errors.h"

namespace sallyport::net {
namespace {

// What of an identity goes into a log line.
constexpr std::size_t kLongestIdentity = 256;
// More than this would make every handshake longer than one flight: then no authority is named, and
// clients choose by themselves.
constexpr std::size_t kMostNamed = 8 * 1024;

std::string text_of(const GENERAL_NAME& name) {
  const char* kind = nullptr;
  const ASN1_IA5STRING* value = nullptr;
  if (name.type == GEN_URI) {
    kind = "URI:";
    value = name.d.uniformResourceIdentifier;
  } else if (name.type == GEN_DNS) {
    kind = "DNS:";
    value = name.d.dNSName;
  } else if (name.type == GEN_EMAIL) {
    kind = "email:";
    value = name.d.rfc822Name;
  }
  if (value == nullptr) return {};
  return kind + std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                            static_cast<std::size_t>(ASN1_STRING_length(value)));
}

std::string identity_of(X509& leaf) {
  std::string identity;
  const X509_NAME* const subject = X509_get_subject_name(&leaf);
  if (X509_NAME_entry_count(subject) > 0) {
    identity = distinguished_name(subject);
  } else {
    const bssl::UniquePtr<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(&leaf, NID_subject_alt_name, nullptr, nullptr)));
    for (std::size_t i = 0; names && identity.empty() && i < sk_GENERAL_NAME_num(names.get()); ++i)
      identity = text_of(*sk_GENERAL_NAME_value(names.get(), i));
  }
  if (identity.size() > kLongestIdentity) identity.resize(kLongestIdentity);
  return identity.empty() ? "(no name)" : identity;
}

}  // namespace

Result<std::string> verify_client(const STACK_OF(CRYPTO_BUFFER) & chain, X509_STORE& roots) {
  const auto leaf = verify_chain(chain, roots,
                                 {.purpose = "ssl_client",
                                  .whose = "the client's certificate",
                                  .explain = [](X509_STORE_CTX& verification, std::string_view) {
                                    return explain_client(verification);
                                  }});
  if (!leaf) return fail(leaf.error());
  return identity_of(**leaf);
}

Result<bssl::UniquePtr<STACK_OF(CRYPTO_BUFFER)>> authority_names(std::string_view ca_pem) {
  const auto certificates = parse_certificates(ca_pem);
  if (!certificates) return fail(certificates.error());
  bssl::UniquePtr<STACK_OF(CRYPTO_BUFFER)> names(sk_CRYPTO_BUFFER_new_null());
  std::size_t total = 0;
  for (const auto& certificate : *certificates) {
    std::uint8_t* der = nullptr;
    const int size = i2d_X509_NAME(X509_get_subject_name(certificate.get()), &der);
    if (size <= 0) return fail(ErrorCode::kInvalid, take_reason());
    const bssl::UniquePtr<std::uint8_t> owner(der);
    total += static_cast<std::size_t>(size) + 2;
    bssl::UniquePtr<CRYPTO_BUFFER> name(
        CRYPTO_BUFFER_new(der, static_cast<std::size_t>(size), nullptr));
    if (!names || !name || !bssl::PushToStack(names.get(), std::move(name))) {
      return fail(ErrorCode::kSystem, take_reason());
    }
  }
  if (total > kMostNamed) names.reset(sk_CRYPTO_BUFFER_new_null());
  return names;
}

}  // namespace sallyport::net
