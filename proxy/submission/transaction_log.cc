#include "proxy/submission/transaction_log.h"

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "proxy/config/values.h"

namespace sallyport::submission {
namespace {

// The line must have room for the rest; `recipients` has the number of them all.
constexpr std::size_t kMostListed = 1536;

/// The first recipients, as many whole ones as there is room for.
std::string list(const std::vector<message::Recipient>& recipients) {
  std::string list;
  for (const message::Recipient& recipient : recipients) {
    const std::string path = recipient.forward_path.str();
    if (list.size() + path.size() + 1 > kMostListed) break;
    if (!list.empty()) list += ',';
    list += path;
  }
  return list;
}

}  // namespace

void log_transaction(log::Logger& logger, const TransactionRecord& record) {
  const relay::Delivery* delivery = record.delivery;
  const bool delivered = delivery && delivery->outcome == relay::Outcome::kDelivered;
  const log::Level level = delivered || !delivery ? log::Level::kInfo : log::Level::kWarning;
  if (!logger.enabled(level)) return;

  const auto& recipients = record.envelope.recipients;
  log::Line line = logger.line(level, "transaction");
  line.field("id", record.id)
      .field("result", delivery ? relay::name(delivery->outcome) : "aborted");
  const std::string_view cause = delivery ? delivery->cause : record.cause;
  if (!cause.empty()) line.field("cause", cause);
  if (!record.error.empty()) line.field("error", record.error);
  line.field("client", record.client_ip)
      .field("listener", config::str(record.listener))
      .field("ehlo", record.ehlo)
      .field("user", record.user)
      .field("from", record.envelope.reverse_path.str())
      .field("to", list(recipients))
      .field("recipients", recipients.size());
  const std::uint32_t refused =
      record.refused_recipients + (delivery ? delivery->refused_recipients : 0);
  if (refused > 0) line.field("refused_recipients", refused);
  line.field("size", record.size);
  if (!record.message_id.empty()) line.field("message_id", record.message_id);
  if (delivery) line.field("code", delivery->reply.code);
  if (delivery && !delivery->route.empty()) line.field("route", delivery->route);
  if (delivery && !delivery->upstream.empty()) {
    line.field("upstream", delivery->upstream).field("upstream_reply", delivery->upstream_reply);
    if (!delivery->upstream_id.empty()) line.field("upstream_id", delivery->upstream_id);
    line.field("attempts", delivery->attempts)
        .field("reused_connection", delivery->reused_connection)
        .field("upstream_time", delivery->upstream_time);
  } else if (delivery && level != log::Level::kInfo) {
    line.field("reply", delivery->reply.one_line());
  }
  if (record.tls) line.field("tls", record.tls->version).field("cipher", record.tls->cipher);
  if (record.tls && !record.tls->client_certificate.empty()) {
    line.field("client_certificate", record.tls->client_certificate);
  }
  line.field("receiving_time", record.receiving).field("total_time", record.total);
  if (delivery) {
    // Last: they are what may be cut off.
    for (std::size_t i = 0; i < delivery->earlier_attempts.size(); ++i) {
      line.field(fmt::format("attempt{}", i + 1), delivery->earlier_attempts[i]);
    }
  }
  logger.write(level, std::move(line), log::Kind::kTransaction);
}

}  // namespace sallyport::submission
