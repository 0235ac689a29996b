#include "proxy/net/server_context.h"

#include <openssl/evp.h>

#include <vector>

#include "proxy/net/pem.h"
#include "proxy/net/ticket_keys.h"
#include "proxy/net/tls_errors.h"

namespace sallyport::net {
namespace {

// Equal preference within brackets: a client without AES instructions gets ChaCha20.
constexpr char kCiphers[] =
    "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]:"
    "[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
constexpr std::uint8_t kSessionsAreFor[] = "sallyport";
constexpr char kGroups[] = "X25519:P-256:P-384";

/// Upstream renamed curves to groups; whichever this BoringSSL has.
template <class Context>
bool set_groups(Context* context) {
  if constexpr (requires { SSL_CTX_set1_groups_list(context, kGroups); }) {
    return SSL_CTX_set1_groups_list(context, kGroups) == 1;
  } else {
    return SSL_CTX_set1_curves_list(context, kGroups) == 1;
  }
}

/// The chain as BoringSSL's buffers: no parsed certificate stays behind.
std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> as_buffers(
    const std::vector<bssl::UniquePtr<X509>>& certificates) {
  std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> buffers;
  for (const auto& certificate : certificates) {
    std::uint8_t* der = nullptr;
    const int size = i2d_X509(certificate.get(), &der);
    if (size <= 0) return {};
    buffers.emplace_back(CRYPTO_BUFFER_new(der, static_cast<std::size_t>(size), nullptr));
    OPENSSL_free(der);
  }
  return buffers;
}

}  // namespace

bool restrict_protocol(SSL_CTX* context) {
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_strict_cipher_list(context, kCiphers) == 1 && set_groups(context);
}

ServerTlsContext::ServerTlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ServerTlsContext::~ServerTlsContext() = default;

WallTime ServerTlsContext::not_after() const { return impl_->not_after; }

Result<std::shared_ptr<const ServerTlsContext>> ServerTlsContext::make(
    std::string_view certificate_pem, std::string_view key_pem, const TicketKeys& keys) {
  const auto certificates = parse_certificates(certificate_pem);
  if (!certificates)
    return fail(certificates.error().code, "certificate: " + certificates.error().text);
  const auto key = parse_key(key_pem);
  if (!key) return fail(key.error().code, "key: " + key.error().text);
  const bssl::UniquePtr<EVP_PKEY> public_key(X509_get_pubkey(certificates->front().get()));
  if (!public_key || EVP_PKEY_cmp(public_key.get(), key->get()) != 1) {
    return fail(ErrorCode::kInvalid, "the key does not belong to the first certificate");
  }

  bssl::UniquePtr<SSL_CTX> ssl(SSL_CTX_new(TLS_with_buffers_method()));
  if (!ssl || !restrict_protocol(ssl.get()))
    return fail(ErrorCode::kSystem, "TLS: " + take_reason());
  SSL_CTX_set_options(ssl.get(), SSL_OP_CIPHER_SERVER_PREFERENCE);

  const auto buffers = as_buffers(*certificates);
  std::vector<CRYPTO_BUFFER*> chain;
  chain.reserve(buffers.size());
  for (const auto& buffer : buffers) chain.push_back(buffer.get());
  if (SSL_CTX_set_chain_and_key(ssl.get(), chain.data(), chain.size(), key->get(), nullptr) != 1) {
    return fail(ErrorCode::kInvalid, "certificate and key cannot be used: " + take_reason());
  }

  // Sessions are kept by clients, in tickets: a stateless server can resume on any worker. One
  // ticket a connection: mail clients come back one after the other.
  SSL_CTX_set_session_cache_mode(ssl.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(ssl.get(), kSessionsAreFor, sizeof kSessionsAreFor);
  SSL_CTX_set_num_tickets(ssl.get(), 1);
  SSL_CTX_set_early_data_enabled(ssl.get(), 0);
  TicketKeys::Impl::attach(keys, ssl.get());

  auto impl = std::make_unique<Impl>();
  impl->not_after = wall_time(*X509_get0_notAfter(certificates->front().get()));
  impl->ssl = std::move(ssl);
  return std::make_shared<const ServerTlsContext>(std::move(impl));
}

}  // namespace sallyport::net
