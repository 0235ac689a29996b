#include "proxy/server/test_message.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "proxy/message/trace.h"
#include "proxy/message/transaction_id.h"

namespace sallyport::server {
namespace {

constexpr std::string_view kLocalPart = "sallyport-test";

}  // namespace

std::string sender_for(const config::User* user, const std::string& hostname) {
  std::string domain;
  if (user != nullptr) {
    for (const config::AddressPattern& pattern : user->senders) {
      const std::string text = pattern.normal();
      const auto at = text.rfind('@');
      if (at == std::string::npos) continue;
      if (!text.starts_with('*')) return text;
      const std::string_view behind = std::string_view(text).substr(at + 1);
      if (domain.empty() && !behind.starts_with("*.")) domain = behind;
    }
  }
  if (domain.empty()) domain = hostname;
  return fmt::format("{}@{}", kLocalPart, domain);
}

Result<message::Message> make_test_message(const std::string& from, const std::string& to,
                                           const std::string& hostname, WallTime now,
                                           message::Budget& budget,
                                           const message::Storage& storage) {
  const auto recipient = smtp::parse_mailbox(to);
  if (!recipient) return fail(ErrorCode::kInvalid, fmt::format("'{}' is no address", to));
  const auto sender = smtp::parse_mailbox(from);
  if (!sender) return fail(ErrorCode::kInvalid, fmt::format("'{}' is no address", from));
  message::TransactionIds ids;
  const std::string id(ids.next(now).view());
  const std::string message_id = fmt::format("<{}@{}>", id, hostname);
  const std::string content = fmt::format(
      "From: {}\r\n"
      "To: {}\r\n"
      "Subject: Test message from sallyport\r\n"
      "Date: {}\r\n"
      "Message-ID: {}\r\n"
      "Auto-Submitted: auto-generated\r\n"
      "\r\n"
      "\"sallyport send\" on {} sent this message to see whether mail arrives.\r\n",
      sender->str(), recipient->str(), message::date_time(now), message_id, hostname);
  message::Body body(budget, storage, content.size());
  if (const auto kept = body.append(content); !kept) return fail(kept.error());
  body.release_rest();
  message::Message message{
      .id = id, .envelope = {}, .body = std::move(body), .message_id = message_id};
  message.envelope.reverse_path.mailbox = *sender;
  message.envelope.recipients.push_back({.forward_path = *recipient});
  message.may_have_dotted_line = false;
  return message;
}

}  // namespace sallyport::server
