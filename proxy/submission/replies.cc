#include "proxy/submission/replies.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "proxy/base/base64.h"

namespace sallyport::submission::replies {
namespace {

std::string wire(int code, smtp::EnhancedCode status, std::string text) {
  return smtp::Reply(code, status, std::move(text)).wire();
}

}  // namespace

std::string greeting(std::string_view hostname) {
  return fmt::format("220 {} ESMTP\r\n", hostname);
}

std::string shutting_down(std::string_view hostname) {
  return fmt::format("421 4.3.2 {} is shutting down\r\n", hostname);
}

std::string timed_out(std::string_view hostname) {
  return fmt::format("421 4.4.2 {} waited too long for you, closing connection\r\n", hostname);
}

std::string no_login(std::string_view hostname) {
  return fmt::format("421 4.7.0 {} waited too long for authentication, closing connection\r\n",
                     hostname);
}

std::string challenge(std::string_view text) {
  return fmt::format("334 {}\r\n", base64::encode(text));
}

std::string malformed_response(std::string_view reason) {
  return wire(501, {5, 5, 2}, std::string(reason));
}

std::string auth_unavailable(std::string_view reason) {
  return wire(454, {4, 7, 0}, fmt::format("Temporary authentication failure: {}", reason));
}

std::string barred(Duration left) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(left).count();
  return fmt::format(
      "421 4.7.0 Too many failed authentications, closing connection; try again in {} s\r\n",
      seconds);
}

std::string chunk_received(std::uint64_t size) {
  return fmt::format("250 2.0.0 {} octets received\r\n", size);
}

smtp::Reply too_large(std::uint64_t limit) {
  return {552, {5, 3, 4}, fmt::format("Message is larger than {} octets", limit)};
}

smtp::Reply bare_line_end() {
  return {554, {5, 6, 0}, "Lines end with CRLF: the message has a bare CR or LF and was not sent"};
}

smtp::Reply nul_in_content() { return {554, {5, 6, 0}, "The message has a NUL and was not sent"}; }

smtp::Reply mail_loop(std::uint32_t hops, std::uint32_t most) {
  return {554,
          {5, 4, 6},
          fmt::format("Mail loop: the message came through {} servers, more than {}", hops, most)};
}

smtp::Reply too_many_recipients(std::string_view id, std::uint64_t most, std::uint64_t beyond) {
  return {554,
          {5, 5, 3},
          fmt::format("{} not sent: {} recipients are too many, at most {} in one transaction", id,
                      most + beyond, most)};
}

smtp::Reply recipients_refused(std::string_view id, std::uint64_t refused, std::uint64_t all,
                               std::string_view first) {
  return {554,
          {5, 1, 0},
          fmt::format("{} not sent: {} of {} recipients were refused at RCPT: {}", id, refused, all,
                      first)};
}

smtp::Reply broken_header(std::uint64_t line) {
  return {554,
          {5, 6, 0},
          fmt::format("Line {} of the message is no header field and stands in the header section: "
                      "the message was not sent",
                      line)};
}

smtp::Reply several_authors(std::uint32_t fields) {
  return {550, {5, 6, 0}, fmt::format("The message has {} From: fields, and may have one", fields)};
}

smtp::Reply header_too_large(std::uint64_t limit) {
  return {552, {5, 3, 4}, fmt::format("The header section is larger than {} octets", limit)};
}

smtp::Reply no_budget() {
  return {452, {4, 3, 1}, "Too much mail is on its way through at the moment, try again later"};
}

smtp::Reply too_much_announced() {
  return {452,
          {4, 3, 1},
          "Your messages that are announced and still to come are too large together, try again "
          "when they have been sent"};
}

smtp::Reply no_room() { return {452, {4, 3, 1}, "Insufficient system storage, try again later"}; }

smtp::Reply no_storage() {
  return {451, {4, 3, 0}, "The message could not be stored, try again later"};
}

Wire for_fault(smtp::LineBuffer::State state) {
  using State = smtp::LineBuffer::State;
  switch (state) {
    case State::kTooLong:
      return kLineTooLong;
    case State::kBareCr:
      return kBareCr;
    case State::kBareLf:
      return kBareLf;
    case State::kNul:
      return kNul;
    case State::kLine:
    case State::kPartial:
      break;
  }
  return {};
}

int code(Wire reply) {
  int code = 0;
  std::from_chars(reply.data(), reply.data() + std::min<std::size_t>(reply.size(), 3), code);
  return code;
}

}  // namespace sallyport::submission::replies
