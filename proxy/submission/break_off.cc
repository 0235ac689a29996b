// Clients that we part with for what they do: one reply, a metric, a line in the log, and the end.
#include "proxy/net/proxy_protocol.h"
#include "proxy/smtp/foreign.h"
#include "proxy/submission/session.h"

namespace sallyport::submission {

void Session::turn_away(metrics::Refusal reason, std::string_view detail) {
  gate_.metrics.connections_refused[reason].add();
  context_.refusals.refused(
      context_.logger, context_.loop.now(), reason,
      {.listener = gate_.settings.address, .ip = client_ip_, .detail = detail});
}

void Session::break_off(metrics::Offence reason, replies::Wire reply) {
  note(reason);
  end(reply);
}

void Session::note(metrics::Offence reason) {
  gate_.metrics.offences[reason].add();
  const std::string_view user = login_ ? std::string_view(login_->identity.name()) : std::string_view();
  context_.refusals.broke_off(context_.logger, context_.loop.now(), reason,
                              {.listener = gate_.settings.address, .ip = client_ip_, .user = user});
}

bool Session::repel(std::string_view octets) {
  if (net::looks_like_proxy_header(octets)) {
    break_off(metrics::Offence::kProxyHeader, replies::kNoProxyHeaderHere);
    return true;
  }
  switch (smtp::foreign_protocol(octets)) {
    case smtp::Foreign::kHttp:
      break_off(metrics::Offence::kHttp, replies::kNotHttp);
      return true;
    case smtp::Foreign::kTls:
      break_off(metrics::Offence::kTls, replies::kNotTlsYet);
      return true;
    case smtp::Foreign::kNone:
      break;
  }
  return false;
}

Error Session::give_up(const Pace& pace, const Error& error) {
  if (error.code == ErrorCode::kTimeout && pace.is_slow()) note(metrics::Offence::kTooSlow);
  return pace.explain(error);
}

}  // namespace sallyport::submission
