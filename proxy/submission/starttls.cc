// TLS under a session: at once on implicit listeners, or after STARTTLS (RFC 3207).
#include <utility>

#include "proxy/submission/session.h"

namespace sallyport::submission {
namespace {

/// `tls` with what the listener demands of clients, or else the config.
std::shared_ptr<const net::ServerTlsContext> demanding(
    std::shared_ptr<const net::ServerTlsContext> tls, config::ClientCertificates demand) {
  switch (demand) {
    case config::ClientCertificates::kNone:
      return tls;
    case config::ClientCertificates::kRequest:
      return tls->demanding(net::ClientCertificates::kRequest);
    case config::ClientCertificates::kRequire:
      break;
  }
  return tls->demanding(net::ClientCertificates::kRequire);
}

}  // namespace

runtime::Task<void> Session::starttls(std::string_view arguments) {
  if (const auto fine = smtp::parse_no_arguments(arguments); !fine) co_return refuse(fine.error());
  // RFC 3207 section 4.2: what came in clear behind STARTTLS may be somebody else's, put there to
  // be obeyed inside TLS (CVE-2011-0411). Nothing that honest clients do looks like that.
  if (!dialog_.rest().empty()) {
    co_return disconnect(metrics::Offence::kInjection, replies::kCommandsBehindStarttls);
  }
  dialog_.say(replies::kReadyForTls);
  const TimePoint deadline = after(config().session.greeting_timeout);
  if (const auto sent = co_await dialog_.flush(deadline); !sent) co_return end(sent.error());
  if (!co_await start_tls(deadline)) {
    open_ = false;
    co_return;
  }
  // RFC 3207 section 4.2: everything the client said in clear is forgotten.
  hello_ = {};
  login_by_ = after(config().session.login_timeout);
}

runtime::Task<bool> Session::start_tls(TimePoint deadline) {
  if (draining_) co_return false;
  auto stream = dialog_.release_stream();
  handshaking_ = stream.get();
  const auto demand = gate_.settings.client_certificate.value_or(config().tls.client_certificate);
  auto accepted = co_await context_.accept_tls(context_.loop, std::move(stream),
                                               demanding(snapshot_.tls, demand), deadline);
  handshaking_ = nullptr;
  // What we broke off ourselves says nothing about the client or our certificate.
  if (!accepted && accepted.error().code == ErrorCode::kCancelled) co_return false;
  // A probe that looks whether the port is open (kubelet, a load balancer) wants no handshake.
  const bool implicit = gate_.settings.tls == config::TlsMode::kImplicit;
  if (!accepted && implicit && accepted.error().code == ErrorCode::kClosed) co_return false;
  if (!accepted) {
    gate_.metrics.handshakes_failed.add();
    context_.refusals.handshake_failed(context_.logger, context_.loop.now(), log_client(),
                                       accepted.error().text);
    co_return false;
  }
  tls_ = &(*accepted)->info();
  tls_stream_ = accepted->get();
  const auto version =
      tls_->version == "TLSv1.2" ? metrics::TlsVersion::k12 : metrics::TlsVersion::k13;
  gate_.metrics.handshake(version, tls_->resumed);
  dialog_.set_stream(std::move(*accepted));
  co_return true;
}

}  // namespace sallyport::submission
