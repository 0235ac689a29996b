#include "proxy/net/client_context.h"

#include <utility>

#include "proxy/net/certificate_errors.h"
#include "proxy/net/chain.h"
#include "proxy/net/server_context.h"
#include "proxy/net/tls_errors.h"
#include "proxy/net/trusted_roots.h"

namespace sallyport::net {
namespace {

// A TLS 1.3 ticket is good for one connection, so a pool that opens a few at once needs a few.
constexpr std::size_t kMostSessions = 4;

/// Where one copy of a chain is kept for all sessions that saw it. It must outlive whatever holds a
/// certificate, so it is never freed; without holders it is empty.
CRYPTO_BUFFER_POOL* shared_certificates() {
  static CRYPTO_BUFFER_POOL* const pool = CRYPTO_BUFFER_POOL_new();
  return pool;
}

ClientTlsContext::Impl* context_of(const SSL* ssl) {
  return static_cast<ClientTlsContext::Impl*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

ClientSide* side_of(const SSL* ssl) { return static_cast<ClientSide*>(SSL_get_app_data(ssl)); }

// Runs on the loop: three ECDSA or RSA verifications, some 0.2 ms for each connection, also a
// resumed one: what was valid when the session began may have expired since.
ssl_verify_result_t on_certificate(SSL* ssl, std::uint8_t* alert) {
  ClientTlsContext::Impl* const context = context_of(ssl);
  ClientSide* const side = side_of(ssl);
  const STACK_OF(CRYPTO_BUFFER)* const chain = SSL_get0_peer_certificates(ssl);
  *alert = SSL_AD_INTERNAL_ERROR;
  if (context == nullptr || side == nullptr || chain == nullptr) return ssl_verify_invalid;
  // An empty name would be any name's.
  const auto verified = side->host.empty()
                            ? fail(ErrorCode::kTls, "'' cannot be the name of a certificate")
                            : verify_chain(*chain, *context->roots,
                                           {.purpose = "ssl_server",
                                            .whose = "the certificate of " + side->host,
                                            .host = side->host,
                                            .pins = context->pins,
                                            .explain = explain});
  ERR_clear_error();
  if (verified) return ssl_verify_ok;
  side->refusal = verified.error().text;
  *alert = SSL_AD_BAD_CERTIFICATE;
  return ssl_verify_invalid;
}

int on_new_session(SSL* ssl, SSL_SESSION* session) {
  ClientTlsContext::Impl* const context = context_of(ssl);
  const ClientSide* const side = side_of(ssl);
  if (context == nullptr || side == nullptr) return 0;
  context->remember(*side, bssl::UniquePtr<SSL_SESSION>(session));
  return 1;  // it is ours now
}

/// Our own certificate, for servers that ask for one.
Result<void> show(SSL_CTX& ssl, const ClientTlsOptions& options) {
  const auto own = ServerCertificate::make(options.certificate, options.key);
  if (!own) return fail(own.error());
  std::vector<CRYPTO_BUFFER*> chain;
  for (const auto& buffer : (*own)->impl().chain) chain.push_back(buffer.get());
  if (SSL_CTX_set_chain_and_key(&ssl, chain.data(), chain.size(), (*own)->impl().key.get(),
                                nullptr) != 1) {
    return fail(ErrorCode::kInvalid, "certificate and key cannot be used: " + take_reason());
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<ClientTlsContext>> ClientTlsContext::make(const ClientTlsOptions& options) {
  auto roots = options.ca.empty() ? system_roots() : roots_from(options.ca);
  if (!roots) return fail(roots.error());

  auto impl = std::make_unique<Impl>();
  impl->roots = std::move(*roots);
  impl->pins = options.pins;
  impl->ssl.reset(SSL_CTX_new(TLS_with_buffers_method()));
  SSL_CTX* const ssl = impl->ssl.get();
  if (ssl == nullptr || !restrict_protocol(ssl)) {
    return fail(ErrorCode::kSystem, "TLS: " + take_reason());
  }
  if (options.policy == TlsPolicy::kModern) SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION);
  if (!options.certificate.empty()) {
    const auto shown = show(*ssl, options);
    if (!shown) return fail(shown.error());
  }
  SSL_CTX_set0_buffer_pool(ssl, shared_certificates());
  SSL_CTX_set_custom_verify(ssl, SSL_VERIFY_PEER, on_certificate);
  SSL_CTX_set_reverify_on_resume(ssl, 1);
  SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ssl, on_new_session);
  SSL_CTX_set_early_data_enabled(ssl, 0);
  SSL_CTX_set_app_data(ssl, impl.get());
  return std::make_unique<ClientTlsContext>(std::move(impl));
}

ClientTlsContext::ClientTlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

bool ClientTlsContext::should_try_small_hello() const {
  return impl_->hello_size.should_try_small();
}

ClientTlsContext::~ClientTlsContext() { SSL_CTX_set_app_data(impl_->ssl.get(), nullptr); }

Result<void> ClientTlsContext::Impl::prepare(SSL& stream, ClientSide& side) {
  SSL_set_app_data(&stream, &side);
  // RFC 6066 3: an address is not a host name.
  if (!is_address(side.host) && SSL_set_tlsext_host_name(&stream, side.host.c_str()) != 1) {
    return fail(ErrorCode::kTls, "'" + side.host + "' cannot be the name of a server");
  }
  const auto session = take_session(side.host);
  if (session) SSL_set_session(&stream, session.get());
  return {};
}

void ClientTlsContext::Impl::remember(const ClientSide& side,
                                      bssl::UniquePtr<SSL_SESSION> session) {
  if (sessions_are_for_ != side.host) {
    sessions_.clear();
    sessions_are_for_ = side.host;
  }
  if (sessions_.size() == kMostSessions) sessions_.erase(sessions_.begin());
  sessions_.push_back(std::move(session));
}

bssl::UniquePtr<SSL_SESSION> ClientTlsContext::Impl::take_session(const std::string& host) {
  if (sessions_.empty() || sessions_are_for_ != host) return nullptr;
  SSL_SESSION* const latest = sessions_.back().get();
  if (SSL_SESSION_should_be_single_use(latest) != 1) return bssl::UpRef(latest);
  auto session = std::move(sessions_.back());
  sessions_.pop_back();
  return session;
}

}  // namespace sallyport::net
