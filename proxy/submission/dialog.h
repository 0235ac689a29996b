// The buffers of a session: octets received and not yet read as commands, and replies not yet sent.
// Knows lines and octets, not their meaning.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/runtime/byte_stream.h"
#include "proxy/runtime/loop.h"
#include "proxy/smtp/line_buffer.h"
#include "proxy/smtp/reply.h"

namespace sallyport::submission {

/// Octets of a command line with its CRLF. RFC 5321 section 4.5.3.1.4 asks for 512, its extensions
/// for some more, and RFC 4954 section 4.3 for 12288 for the base64 of AUTH.
inline constexpr std::size_t kMostCommandLine = 2048;
inline constexpr std::size_t kMostAuthLine = 12288 + 2;

/// Buffers on both sides of one stream. Replies are collected until the session waits for the
/// client, so that the replies to a pipelined group share one write (RFC 2920). While it waits and
/// nothing was received it holds no buffer. `loop` outlives it.
class Dialog {
 public:
  Dialog(runtime::Loop& loop, std::unique_ptr<runtime::ByteStream> stream);

  /// The next line that was received whole, or why it can't be taken; kPartial: `receive` more.
  /// Views hold until the next call of a function that is not const.
  smtp::LineBuffer::Next next_line() { return received_.next(); }
  /// The first octets of the line that could not be taken.
  std::string_view beginning_of_dropped() const { return received_.beginning_of_dropped(); }
  /// Sends what is to be sent, then waits for octets that `next_line` and `rest` will give.
  runtime::Task<Result<void>> receive(TimePoint deadline);
  /// The same, but past the buffer: the octets are the caller's, and hold until it next suspends.
  /// Only when `rest` is empty.
  runtime::Task<Result<std::string_view>> receive_octets(TimePoint deadline);

  /// Whether `rest` begins where a line does, and not inside one that is too long.
  bool is_at_line_start() const { return !received_.is_skipping(); }
  /// Octets received that are not taken as lines.
  std::string_view rest() const { return received_.rest(); }
  void consume(std::size_t count) { received_.consume(count); }
  /// Gives back octets of `receive_octets` that were not used: they are commands.
  void give_back(std::string_view octets) { received_.append(octets); }

  /// Overwrites the octets of the lines taken so far, which held a secret.
  void forget_lines();

  /// Adds a reply to what is to be sent.
  void say(std::string_view wire);
  void say(const smtp::Reply& reply, smtp::ReplyText allowed = smtp::ReplyText::kAscii);
  /// Octets that are to be sent.
  std::size_t unsent() const { return unsent_.size(); }
  /// Sends what is to be sent, until `deadline` and no longer than a client that reads needs: ten
  /// seconds, or thirty after `be_patient`. What it does not take is memory of the kernel.
  runtime::Task<Result<void>> flush(TimePoint deadline);
  /// The client has logged in.
  void be_patient() { reply_timeout_ = std::chrono::seconds(30); }
  /// The client did not take what was sent, so nothing more can be sent to it.
  bool is_stuck() const { return stuck_; }

  /// The stream, to put TLS under the dialog; give it another one before anything else.
  std::unique_ptr<runtime::ByteStream> release_stream() { return std::move(stream_); }
  void set_stream(std::unique_ptr<runtime::ByteStream> stream) { stream_ = std::move(stream); }
  /// Null while TLS is being put under it.
  runtime::ByteStream* stream() const { return stream_.get(); }

  /// Sends what is to be sent, and ends the connection in an orderly way; at once, with a reset, if
  /// it is stuck: else the kernel would go on to offer the client what it does not take.
  runtime::Task<void> close(TimePoint deadline);

 private:
  runtime::Loop& loop_;
  std::unique_ptr<runtime::ByteStream> stream_;
  smtp::LineBuffer received_{kMostAuthLine};
  std::string unsent_;
  Duration reply_timeout_ = std::chrono::seconds(10);
  bool stuck_ = false;
};

}  // namespace sallyport::submission
