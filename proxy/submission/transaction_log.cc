#include "proxy/submission/transaction_log.h"

#include <utility>

#include "proxy/submission/replies.h"

namespace sallyport::submission {

void log_transaction(log::Logger& logger, const TransactionRecord& record) {
  const relay::Delivery* delivery = record.delivery;
  const bool delivered = delivery && delivery->outcome == relay::Outcome::kDelivered;
  const log::Level level = delivered || !delivery ? log::Level::kInfo : log::Level::kWarning;
  if (!logger.enabled(level)) return;

  const auto& recipients = record.envelope.recipients;
  log::Line line = logger.line(level, "transaction");
  line.field("id", record.id)
      .field("result", delivery ? relay::name(delivery->outcome) : "aborted")
      .field("client", record.client_ip)
      .field("user", record.user)
      .field("reverse_path", record.envelope.reverse_path.str())
      .field("recipients", recipients.size());
  if (!recipients.empty()) line.field("recipient", recipients.front().forward_path.str());
  const std::uint32_t refused =
      record.refused_recipients + (delivery ? delivery->refused_recipients : 0);
  if (refused > 0) line.field("refused_recipients", refused);
  line.field("size", record.size);
  if (!delivery) line.field("why", record.why);
  if (delivery) line.field("reply", replies::text(delivery->reply));
  if (delivery && !delivery->upstream.empty()) {
    line.field("upstream", delivery->upstream)
        .field("upstream_reply", delivery->upstream_reply)
        .field("upstream_id", delivery->upstream_id)
        .field("attempts", delivery->attempts)
        .field("reused_connection", delivery->reused_connection)
        .field("upstream_time", delivery->upstream_time);
  }
  if (record.tls) line.field("tls", record.tls->version).field("cipher", record.tls->cipher);
  if (record.tls && !record.tls->client_certificate.empty()) {
    line.field("client_certificate", record.tls->client_certificate);
  }
  line.field("receiving_time", record.receiving).field("total_time", record.total);
  logger.write(level, std::move(line));
}

}  // namespace sallyport::submission
