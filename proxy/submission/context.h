// What a session is handed: everything it talks to, and the configuration it keeps to its end.
// Nothing in this room is global.
#pragma once

#include <functional>
#include <memory>

#include "auth/authenticator.h"
#include "metrics/metrics.h"
#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/config/config.h"
#include "proxy/message/body.h"
#include "proxy/message/transaction_id.h"
#include "proxy/net/tls.h"
#include "proxy/policy/ledger.h"
#include "proxy/policy/rate_limiter.h"
#include "proxy/relay/delivery.h"
#include "proxy/runtime/loop.h"
#include "proxy/submission/network_count.h"
#include "proxy/submission/refusal_log.h"
#include "proxy/trace/recent.h"

namespace sallyport::submission {

/// How the server's side of a TLS handshake is done: `net::accept_tls`, or what a test puts in its
/// place.
using AcceptTls = std::function<runtime::Task<Result<std::unique_ptr<net::TlsStream>>>(
    runtime::Loop& loop, std::unique_ptr<runtime::ByteStream> inner,
    std::shared_ptr<const net::ServerTlsContext> context, TimePoint deadline)>;

/// What all sessions of one worker share. It and what it names outlive every session.
struct Context {
  runtime::Loop& loop;
  auth::Authenticator& authenticator;
  policy::LimitTable& limits;
  message::Budget& budget;
  relay::Deliverer& deliverer;
  metrics::Registry& metrics;
  log::Logger& logger;
  NetworkCount& networks;
  message::TransactionIds& ids;
  std::function<WallTime()> wall_time;  ///< For Date and Received; deadlines follow the loop.
  AcceptTls accept_tls = net::accept_tls;
  RefusalLog refusals{};
  trace::Recent* traces = nullptr;        ///< Null: messages are not traced.
  policy::LocalLedger* ledger = nullptr;  ///< Of `[[limit]]`; null: they do not hold.
};

/// What one reload gives to the sessions that begin after it; a session keeps its own to its end.
struct SessionSnapshot {
  std::shared_ptr<const config::Config> config;
  std::shared_ptr<const net::ServerTlsContext> tls;  ///< Null when no listener does TLS.
};

}  // namespace sallyport::submission
