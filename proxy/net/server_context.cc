#include "proxy/net/server_context.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <utility>

#include "proxy/net/client_hello.h"
#include "proxy/net/client_verification.h"
#include "proxy/net/groups.h"
#include "proxy/net/ticket_keys.h"
#include "proxy/net/tls_errors.h"
#include "proxy/net/trusted_roots.h"

namespace sallyport::net {
namespace {

// Equal preference within brackets: a client without AES instructions gets ChaCha20.
constexpr char kCiphers[] =
    "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]:"
    "[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
constexpr std::string_view kSessionsAreFor = "sallyport";
// A client's chain; what it sends is held while the handshake lasts.
constexpr std::size_t kLongestClientChain = 16 * 1024;

/// A session is resumed for the names of the certificate it began with (RFC 6066 section 3), so
/// that it outlives a renewal but is no way into another host.
bool set_session_context(SSL_CTX& ssl, std::vector<std::string> names) {
  std::ranges::sort(names);
  std::string text(kSessionsAreFor);
  for (const std::string& name : names) text += '\0' + name;
  std::uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256(octets(text), text.size(), digest);
  return SSL_CTX_set_session_id_context(&ssl, digest, sizeof digest) == 1;
}

Result<bssl::UniquePtr<SSL_CTX>> context_for(const ServerCertificate& certificate, TlsPolicy policy,
                                             const TicketKeys& keys) {
  bssl::UniquePtr<SSL_CTX> ssl(SSL_CTX_new(TLS_with_buffers_method()));
  if (!ssl || !restrict_protocol(ssl.get()))
    return fail(ErrorCode::kSystem, "TLS: " + take_reason());
  if (policy == TlsPolicy::kModern) SSL_CTX_set_min_proto_version(ssl.get(), TLS1_3_VERSION);
  SSL_CTX_set_options(ssl.get(), SSL_OP_CIPHER_SERVER_PREFERENCE);

  const ServerCertificate::Impl& shown = certificate.impl();
  std::vector<CRYPTO_BUFFER*> chain;
  chain.reserve(shown.chain.size());
  for (const auto& buffer : shown.chain) chain.push_back(buffer.get());
  if (SSL_CTX_set_chain_and_key(ssl.get(), chain.data(), chain.size(), shown.key.get(), nullptr) !=
      1) {
    return fail(ErrorCode::kInvalid, "certificate and key cannot be used: " + take_reason());
  }
  if (!shown.ocsp_response.empty() &&
      SSL_CTX_set_ocsp_response(ssl.get(), octets(shown.ocsp_response),
                                shown.ocsp_response.size()) != 1) {
    return fail(ErrorCode::kSystem, "OCSP response: " + take_reason());
  }

  // Sessions are kept by clients, in tickets: a stateless server can resume on any worker. One
  // ticket a connection: mail clients come back one after the other.
  SSL_CTX_set_session_cache_mode(ssl.get(), SSL_SESS_CACHE_OFF);
  if (!set_session_context(*ssl, shown.names)) {
    return fail(ErrorCode::kSystem, "TLS: " + take_reason());
  }
  SSL_CTX_set_num_tickets(ssl.get(), 1);
  SSL_CTX_set_early_data_enabled(ssl.get(), 0);
  TicketKeys::Impl::attach(keys, ssl.get());
  return ssl;
}

/// What a client may prove who it is with.
Result<void> trust_clients(std::string_view client_ca, ServerTlsContext::Impl& impl) {
  auto roots = roots_from(client_ca);
  if (!roots) return fail(roots.error());
  impl.client_roots = std::move(*roots);
  for (const auto& ssl : impl.contexts) {
    auto names = authority_names(client_ca);
    if (!names) return fail(names.error());
    SSL_CTX_set0_client_CAs(ssl.get(), names->release());
    SSL_CTX_set_max_cert_list(ssl.get(), kLongestClientChain);
  }
  return {};
}

}  // namespace

bool restrict_protocol(SSL_CTX* context) {
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_strict_cipher_list(context, kCiphers) == 1 && set_groups(*context);
}

Result<void> check_authorities(std::string_view pem) {
  const auto roots = roots_from(pem);
  if (!roots) return fail(roots.error());
  return {};
}

ServerTlsContext::ServerTlsContext(std::shared_ptr<const Impl> impl, ClientCertificates demand)
    : impl_(std::move(impl)), client_certificates_(demand) {}
ServerTlsContext::~ServerTlsContext() = default;

std::shared_ptr<const ServerTlsContext> ServerTlsContext::demanding(
    ClientCertificates demand) const {
  if (!impl_->client_roots) demand = ClientCertificates::kNone;
  return std::make_shared<const ServerTlsContext>(impl_, demand);
}

Result<std::shared_ptr<const ServerTlsContext>> ServerTlsContext::make(
    const ServerTlsOptions& options, const TicketKeys& keys) {
  auto impl = std::make_shared<Impl>();
  for (const auto& certificate : options.certificates) {
    auto ssl = context_for(*certificate, options.policy, keys);
    if (!ssl) return fail(ssl.error());
    SSL_CTX_set_select_certificate_cb(ssl->get(), ServerSide::on_client_hello);
    const std::size_t place = impl->contexts.size();
    impl->contexts.push_back(std::move(*ssl));
    impl->keys.push_back(bssl::UpRef(certificate->impl().key));
    for (const std::string& name : certificate->names()) {
      impl->names.add(name, certificate->impl().is_ecdsa(), place);
    }
  }
  if (impl->contexts.empty()) return fail(ErrorCode::kInvalid, "there is no certificate");
  const ServerCertificate& first = *options.certificates.front();
  if (!first.names().empty()) impl->fallback = impl->names.choice(first.names().front());
  (first.impl().is_ecdsa() ? impl->fallback.ecdsa : impl->fallback.rsa) = 0;
  if (!options.client_ca.empty()) {
    const auto trusted = trust_clients(options.client_ca, *impl);
    if (!trusted) return fail(trusted.error());
  } else if (options.client_certificates != ClientCertificates::kNone) {
    return fail(ErrorCode::kInvalid, "client certificates without an authority to verify them");
  }
  return std::make_shared<const ServerTlsContext>(std::move(impl), options.client_certificates);
}

Result<std::shared_ptr<const ServerTlsContext>> ServerTlsContext::make(
    std::string_view certificate_pem, std::string_view key_pem, const TicketKeys& keys) {
  auto certificate = ServerCertificate::make(certificate_pem, key_pem);
  if (!certificate) return fail(certificate.error());
  return make({.certificates = {std::move(*certificate)}}, keys);
}

SSL_CTX* ServerTlsContext::Impl::choose(const char* server_name,
                                        const SSL_CLIENT_HELLO& hello) const {
  const Choice* found = server_name != nullptr ? names.find(server_name) : nullptr;
  const Choice& choice = found != nullptr ? *found : fallback;
  const bool ecdsa = choice.ecdsa && (!choice.rsa || takes_ecdsa(hello, *keys[*choice.ecdsa]));
  return contexts[ecdsa ? *choice.ecdsa : choice.rsa.value_or(0)].get();
}

ServerSide::ServerSide(SSL& ssl, const ServerTlsContext& context) : ssl_(ssl), context_(context) {
  SSL_set_accept_state(&ssl);
  SSL_set_app_data(&ssl, this);
  const ClientCertificates demand = context.client_certificates();
  if (demand == ClientCertificates::kNone) return;
  const int unless_none =
      demand == ClientCertificates::kRequire ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_set_custom_verify(&ssl, SSL_VERIFY_PEER | unless_none, on_client_certificate);
  // Each connection proves it anew: no session carries on what an authority has taken back, and
  // none begun where nothing is asked gets in where something is.
  SSL_set_options(&ssl, SSL_OP_NO_TICKET);
  SSL_set_retain_only_sha256_of_client_certs(&ssl, 1);
}

ServerSide::~ServerSide() { SSL_set_app_data(&ssl_, nullptr); }

// Before BoringSSL has looked at more than the ClientHello's frame and its server_name, which it
// refuses if it is longer than 255 octets or has a NUL.
ssl_select_cert_result_t ServerSide::on_client_hello(const SSL_CLIENT_HELLO* hello) {
  const auto* side = static_cast<const ServerSide*>(SSL_get_app_data(hello->ssl));
  if (side == nullptr) return ssl_select_cert_error;
  SSL_CTX* const chosen = side->context_.impl().choose(
      SSL_get_servername(hello->ssl, TLSEXT_NAMETYPE_host_name), *hello);
  return SSL_set_SSL_CTX(hello->ssl, chosen) != nullptr ? ssl_select_cert_success
                                                        : ssl_select_cert_error;
}

// Runs on the loop: two or three ECDSA or RSA verifications, some 0.2 ms.
ssl_verify_result_t ServerSide::on_client_certificate(SSL* ssl, std::uint8_t* alert) {
  auto* side = static_cast<ServerSide*>(SSL_get_app_data(ssl));
  const STACK_OF(CRYPTO_BUFFER)* const chain = SSL_get0_peer_certificates(ssl);
  *alert = SSL_AD_INTERNAL_ERROR;
  if (side == nullptr || chain == nullptr) return ssl_verify_invalid;
  auto client = verify_client(*chain, *side->context_.impl().client_roots);
  ERR_clear_error();
  if (client) {
    side->client_ = std::move(*client);
    return ssl_verify_ok;
  }
  if (side->context_.client_certificates() == ClientCertificates::kRequest) return ssl_verify_ok;
  side->refusal_ = std::move(client.error().text);
  *alert = SSL_AD_BAD_CERTIFICATE;
  return ssl_verify_invalid;
}

}  // namespace sallyport::net
