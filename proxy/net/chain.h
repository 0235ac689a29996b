// Whether a chain of certificates is one that we accept, whichever side shows it.
#pragma once

#include <span>
#include <string>

#include "proxy/base/result.h"
#include "proxy/net/boringssl.h"

namespace sallyport::net {

/// Of the keys of every certificate that we accept or show.
inline constexpr int kLeastRsaBits = 2048;

/// What a chain has to be good for.
struct ChainUse {
  const char* purpose;    ///< As BoringSSL names it: "ssl_server" or "ssl_client".
  std::string whose;      ///< "the certificate of mail.example.com": how errors begin.
  std::string host = {};  ///< The leaf must be for this DNS name or IP literal; empty: for any.
  /// SHA-256 digests of public keys: one of the verified chain must be among them. Empty: any key.
  std::span<const std::string> pins = {};
  /// What to say of the failed verification.
  std::string (*explain)(X509_STORE_CTX& verification, std::string_view host);
};

/// The leaf of `chain` (leaf first) if the chain leads to one of `roots` and is fit for `use`. A
/// host is only looked for among the subject alternative names, never in the subject (RFC 9525
/// section 2). No signature of the chain may be by SHA-1 or MD5 and no RSA key may have fewer than
/// 2048 bits; how a trusted root signs itself does not matter. Revocation is not checked: see
/// docs/security.md. kTls says what is wrong.
Result<bssl::UniquePtr<X509>> verify_chain(const STACK_OF(CRYPTO_BUFFER) & chain, X509_STORE& roots,
                                           const ChainUse& use);

/// Sets what every verification is done by. False only when `host` can't be in a certificate.
bool set_verification(X509_VERIFY_PARAM& parameters, const std::string& host);

/// Is `host` an address rather than a name?
bool is_address(const std::string& host);

}  // namespace sallyport::net
