// The one line that the log has of each mail transaction, whatever became of it.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/config/config.h"
#include "proxy/message/envelope.h"
#include "proxy/net/tls.h"
#include "proxy/relay/delivery.h"

namespace sallyport::submission {

/// What the line tells. Only names things: they need to live for the call.
struct TransactionRecord {
  std::string_view id;
  const config::Endpoint& listener;
  std::string_view client_ip;
  std::string_view ehlo;
  std::string_view user;
  std::string_view message_id;  ///< Empty: none, or the content did not come to its end.
  const message::Envelope& envelope;
  std::uint64_t size = 0;                     ///< Octets of content received.
  std::uint32_t refused_recipients = 0;       ///< That we refused at RCPT.
  const relay::Delivery* delivery = nullptr;  ///< What came of it; null: it was given up.
  std::string_view cause;                     ///< It was given up: a word of relay/cause.h,
  std::string_view error;                     ///< and text, or nothing.
  const net::TlsInfo* tls = nullptr;          ///< Null: no TLS.
  Duration receiving{};                       ///< From MAIL to the end of the content.
  Duration total{};                           ///< From MAIL to now.
};

/// Writes the line, if its level is enabled: a warning when the client did not hear 250.
void log_transaction(log::Logger& logger, const TransactionRecord& record);

}  // namespace sallyport::submission
