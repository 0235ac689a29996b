// The little SMTP that both ends of a benchmark speak. It shares no code with the proxy's own
// grammar, so that a fault there can't hide itself here.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "proxy/runtime/byte_stream.h"

namespace sallyport::bench {

/// Octets received and not yet used, in front of a stream.
class Inbox {
 public:
  explicit Inbox(runtime::ByteStream& stream) : stream_(&stream) {}

  /// After STARTTLS.
  void replace(runtime::ByteStream& stream) { stream_ = &stream; }
  /// The next line without CRLF; empty text and `false` when the stream ended.
  runtime::Task<bool> line(std::string& out, TimePoint deadline);
  /// Reads one reply, however many lines; its code, or 0 when the stream ended.
  runtime::Task<int> reply(TimePoint deadline);
  /// Takes content up to and including CRLF "." CRLF, keeping its first `keep` octets; false when
  /// the stream ended.
  runtime::Task<bool> content(std::string& head, std::size_t keep, TimePoint deadline);
  /// Takes `size` octets, keeping the first `keep` of them; false when the stream ended.
  runtime::Task<bool> chunk(std::size_t size, std::string& head, std::size_t keep,
                            TimePoint deadline);
  /// Nothing is left over: all replies to what was said so far can go out.
  bool empty() const { return begin_ == buffer_.size(); }

 private:
  runtime::Task<bool> more(TimePoint deadline);

  runtime::ByteStream* stream_;
  std::string buffer_;
  std::size_t begin_ = 0;
  std::string reply_line_;
};

}  // namespace sallyport::bench
