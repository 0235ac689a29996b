#include "proxy/net/peer_chain.h"

#include <openssl/pool.h>
#include <openssl/x509.h>

#include "proxy/net/certificate_errors.h"
#include "proxy/net/pem.h"
#include "proxy/net/tls_stream.h"

namespace sallyport::net {

std::vector<PeerCertificate> peer_chain(TlsStream& stream) {
  std::vector<PeerCertificate> chain;
  auto* const own = dynamic_cast<BoringStream*>(&stream);
  if (own == nullptr) return chain;
  const STACK_OF(CRYPTO_BUFFER)* const sent = SSL_get0_peer_certificates(&own->ssl());
  for (std::size_t i = 0; sent != nullptr && i < sk_CRYPTO_BUFFER_num(sent); ++i) {
    const bssl::UniquePtr<X509> certificate(
        X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(sent, i)));
    if (!certificate) continue;
    chain.push_back({.subject = distinguished_name(X509_get_subject_name(certificate.get())),
                     .issuer = distinguished_name(X509_get_issuer_name(certificate.get())),
                     .not_after = wall_time(*X509_get0_notAfter(certificate.get()))});
  }
  ERR_clear_error();
  return chain;
}

}  // namespace sallyport::net
