// Connections and sessions that are ended because of what the client did: each gets a reply, a
// metric and a line in the log.

#include "proxy/net/proxy_protocol.h"
#include "proxy/smtp/command.h"
#include "proxy/smtp/foreign.h"
#include "proxy/submission/session.h"

namespace sallyport::submission {

void Session::record_refused_connection(metrics::Refusal reason, std::string_view detail) {
  gate_.metrics.connections_refused[reason].add();
  context_.refusals.refused(context_.logger, context_.loop.now(), reason, log_client(), detail);
}

RefusalLog::Client Session::log_client() const {
  return {.listener = gate_.settings.address,
          .ip = client_ip_,
          .ehlo = hello_.name,
          .user = login_ ? std::string_view(login_->identity.name()) : std::string_view()};
}

void Session::count_refusal(int code) {
  gate_.metrics.refused_commands.add(static_cast<std::size_t>(verb_), code);
}

void Session::log_refusal(std::string_view reply) {
  context_.refusals.command_refused(context_.logger, context_.loop.now(), verb_, log_client(),
                                    reply);
}

void Session::disconnect(metrics::Offence reason, replies::Wire reply) {
  note(reason);
  end(reply);
}

void Session::note(metrics::Offence reason) {
  gate_.metrics.offences[reason].add();
  context_.refusals.broke_off(context_.logger, context_.loop.now(), reason, log_client());
}

bool Session::reject_foreign_protocol(std::string_view octets) {
  if (net::looks_like_proxy_header(octets)) {
    disconnect(metrics::Offence::kProxyHeader, replies::kNoProxyHeaderHere);
    return true;
  }
  switch (smtp::foreign_protocol(octets)) {
    case smtp::Foreign::kHttp:
      disconnect(metrics::Offence::kHttp, replies::kNotHttp);
      return true;
    case smtp::Foreign::kTls:
      disconnect(metrics::Offence::kTls, replies::kNotTlsYet);
      return true;
    case smtp::Foreign::kNone:
      break;
  }
  return false;
}

void Session::expect_content() {
  // Before AUTH nothing that content could say does anything.
  if (!login_) return;
  refused_data_.begin(dialog_.rest().size());
}

Error Session::give_up(const Pace& pace, const Error& error) {
  if (error.code == ErrorCode::kTimeout && pace.is_slow()) note(metrics::Offence::kTooSlow);
  return pace.explain(error);
}

}  // namespace sallyport::submission
