#include "proxy/relay/added_fields.h"

#include <fmt/format.h>

#include <algorithm>

#include "proxy/base/ascii.h"
#include "proxy/base/crypto/digest.h"

namespace sallyport::relay {
namespace {

constexpr std::string_view kId = "{id}";
constexpr std::string_view kKey = "{key}";

/// A split message goes in several transactions under one id: its parts differ in their recipients.
std::string key_of(const message::Message& message) {
  std::string recipients;
  for (const message::Recipient& recipient : message.envelope.recipients) {
    recipients += recipient.forward_path.str() + '\n';
  }
  const auto digest = crypto::sha256(recipients);
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i) number = number << 8 | digest[i];
  return fmt::format("{}-{:016x}", message.id, number);
}

std::string replaced(std::string text, std::string_view placeholder, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(placeholder, at)) != std::string::npos;) {
    text.replace(at, placeholder.size(), by);
    at += by.size();
  }
  return text;
}

std::string line(const config::HeaderField& field, const message::Message& message) {
  std::string text = replaced(field.text, kId, message.id);
  if (text.contains(kKey)) text = replaced(std::move(text), kKey, key_of(message));
  return fmt::format("{}: {}\r\n", field.name, text);
}

/// The header section, as far as the pieces have it.
std::string header_in(std::span<const std::string_view> pieces) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  std::string header = "\r\n";
  for (const std::string_view piece : pieces) {
    const std::size_t looked_at = header.size() - std::min(header.size(), kEnd.size());
    header += piece;
    const std::size_t end = header.find(kEnd, looked_at);
    if (end == std::string::npos) continue;
    header.resize(end + 2);
    break;
  }
  return ascii::lower(header);
}

}  // namespace

std::string added_fields(const config::Upstream& upstream, const message::Message& message,
                         std::span<const std::string_view> beginning) {
  std::string lines;
  if (upstream.headers.empty()) return lines;
  const std::string header = header_in(beginning);
  for (const config::HeaderField& field : upstream.headers) {
    const bool has_it = header.contains(fmt::format("\r\n{}:", ascii::lower(field.name)));
    if (!has_it) lines += line(field, message);
  }
  return lines;
}

std::uint64_t most_added(const config::Upstream& upstream, const message::Message& message) {
  std::uint64_t size = 0;
  for (const config::HeaderField& field : upstream.headers) size += line(field, message).size();
  return size;
}

}  // namespace sallyport::relay
