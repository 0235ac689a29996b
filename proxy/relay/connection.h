// One connection to an upstream: replies in, octets out, and what is known of the other side.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/runtime/byte_stream.h"
#include "proxy/runtime/loop.h"
#include "proxy/smtp/capabilities.h"
#include "proxy/smtp/reply.h"

namespace sallyport::relay {

/// An SMTP client's side of a stream. Belongs to one loop; used by one task at a time.
class Connection {
 public:
  /// `loop` outlives the connection.
  Connection(runtime::Loop& loop, std::unique_ptr<runtime::ByteStream> stream);

  /// The next reply, in the order of the commands. kProtocol when it is none; else the stream's
  /// error.
  runtime::Task<Result<smtp::Reply>> read_reply(TimePoint deadline);
  runtime::Task<Result<void>> write(std::span<const std::string_view> pieces, TimePoint deadline) {
    return stream_->write(pieces, deadline);
  }
  runtime::Task<Result<void>> write(std::string_view octets, TimePoint deadline) {
    return stream_->write(octets, deadline);
  }

  /// Nothing was said that no command asked for: true of a connection that can be used again.
  bool is_quiet() const;
  /// A reply has been received whole that nobody has read: `read_reply` gives it without waiting.
  bool has_unread() const { return next_ != replies_.size(); }
  /// Whether both sides agree where they are: nothing has been received beyond the replies that
  /// were read. Looks at what the stream holds, and does not wait. kProtocol when there is more;
  /// the stream's error when the upstream has ended the connection. RFC 2920 section 3.1.
  runtime::Task<Result<void>> check_in_step(TimePoint now);
  /// The stream, for TLS to be put on top of. kProtocol when something was received beyond the last
  /// reply: it was said in clear, and may not be taken for what is said in TLS (RFC 3207 section
  /// 6).
  Result<std::unique_ptr<runtime::ByteStream>> release_stream();

  /// Says QUIT and waits for the end, at most until `deadline`.
  runtime::Task<void> quit(TimePoint deadline);
  /// Ends it at once.
  void abort() { stream_->abort(); }

  smtp::Capabilities capabilities;  ///< Of the last EHLO.
  TimePoint opened;                 ///< When it was made.
  TimePoint idle_since;             ///< When it came back to the pool.
  bool verified_tls = false;        ///< It is in TLS, and the certificate is the upstream's.
  bool authenticated = false;       ///< The upstream took our login.
  std::uint64_t mails = 0;          ///< MAIL commands said, whatever became of them.
  std::uint32_t messages = 0;       ///< Transactions that came to the reply to the content.
  bool cut_off = false;             ///< We broke it off: its message gets no other connection.
  bool rset_due = false;            ///< A transaction was left open: RSET goes before the next.
  bool may_go_at_once = true;       ///< Content may go along with MAIL and RCPT, if all else fits.
  /// Set once its state is not sure, or the upstream hangs up: only good for closing then.
  std::optional<metrics::CloseReason> closing;

  // Memory of the transaction under way, kept so that the next one needs none.
  std::string commands;
  std::vector<std::string_view> stretch;  // of the body, as it is
  std::vector<std::string_view> wire;     // the same with its dots doubled

 private:
  void take_replies(std::string_view octets);

  std::unique_ptr<runtime::ByteStream> stream_;
  smtp::ReplyParser parser_;
  std::vector<smtp::Reply> replies_;  // received and not yet asked for: from next_ on
  std::size_t next_ = 0;
  bool mid_reply_ = false;
  std::optional<Error> broken_;
};

}  // namespace sallyport::relay
