// SMTP replies: made by us for clients, parsed by us from upstreams. RFC 5321 section 4.2, RFC
// 2034.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proxy/base/result.h"

namespace sallyport::smtp {

/// An enhanced status code of RFC 3463: class.subject.detail.
struct EnhancedCode {
  std::uint8_t klass = 0;
  std::uint16_t subject = 0;
  std::uint16_t detail = 0;

  std::string str() const;
  bool operator==(const EnhancedCode&) const = default;
};

/// The octets that the text of a reply may have: RFC 6531 section 3.7.4 allows UTF-8 only towards a
/// client that said SMTPUTF8.
enum class ReplyText : std::uint8_t { kAscii, kUtf8 };

/// A reply: the code, the enhanced status code if it has one, and one line of text or more.
struct Reply {
  int code = 0;
  std::optional<EnhancedCode> enhanced;
  std::vector<std::string> lines;  ///< Without codes and CRLF; at least one.

  Reply() = default;
  Reply(int reply_code, EnhancedCode status, std::string text);
  /// A reply that carries no enhanced status code: greeting, EHLO, 354, 334 (RFC 2034 section 4).
  Reply(int reply_code, std::string text);

  bool is_positive() const { return code >= 200 && code < 400; }
  bool is_transient() const { return code >= 400 && code < 500; }
  bool is_permanent() const { return code >= 500; }
  /// The lines joined by a space: for logs and for passing on in one line.
  std::string text() const;
  /// `550 5.1.1 no such user`: code, enhanced code and text in one line without CRLF.
  std::string one_line() const;
  /// Appends the reply as it goes on the wire: each line with code and enhanced code, split so that
  /// no line is longer than 512 octets, ended by CRLF. CR, LF and other controls in the text become
  /// spaces; octets above 127 that are not allowed, or are not part of valid UTF-8, become '?'.
  void append_to(std::string& wire, ReplyText allowed = ReplyText::kAscii) const;
  std::string wire(ReplyText allowed = ReplyText::kAscii) const;

  bool operator==(const Reply&) const = default;
};

/// Reads an upstream's replies from its bytes, in any split. Holds at most one unfinished reply.
class ReplyParser {
 public:
  /// Takes bytes from the front of `bytes` (which shrinks) until one reply is whole: gives the
  /// reply; nullopt when more bytes are needed; kProtocol when this is no SMTP reply or goes past
  /// 64 KiB. The enhanced code is recognised when its class fits the code, and taken off the text.
  /// Lines end in CRLF only. After an error nothing more can be read: each further call fails.
  Result<std::optional<Reply>> feed(std::string_view& bytes);

 private:
  Result<void> take_line(std::string_view line, bool& last);

  std::string line_;        // an unfinished line
  Reply reply_;             // the lines so far
  std::size_t octets_ = 0;  // of this reply
  bool broken_ = false;     // what came was no reply
};

}  // namespace sallyport::smtp
