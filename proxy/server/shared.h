// What all workers share. Everything in it is thread-safe.
#pragma once

#include "auth/authenticator.h"
#include "metrics/metrics.h"
#include "proxy/base/log.h"
#include "proxy/message/budget.h"
#include "proxy/net/tls.h"
#include "proxy/oauth/tokens.h"
#include "proxy/policy/ledger.h"
#include "proxy/policy/rate_limiter.h"
#include "proxy/relay/connection_cap.h"
#include "proxy/submission/acceptor.h"
#include "proxy/trace/recent.h"

namespace sallyport::server {

/// Made once by the composition root, handed to every worker by reference, outlives them all. None
/// of it is replaced by a reload: what a reload changes is a Snapshot.
struct Shared {
  log::Logger& logger;
  metrics::Registry& metrics;
  message::Budget& budget;
  policy::LimitTable& limits;
  policy::LocalLedger& ledger;
  auth::Authenticator& authenticator;
  relay::ConnectionCaps& upstream_caps;
  oauth::Tokens& tokens;
  submission::ConnectionCount& connections;
  submission::NetworkCount& networks;
  trace::Recent& traces;
};

}  // namespace sallyport::server
