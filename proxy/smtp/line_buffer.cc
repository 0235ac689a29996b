#include "proxy/smtp/line_buffer.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "proxy/base/secret.h"

namespace sallyport::smtp {

void LineBuffer::append(std::string_view bytes) {
  // Moving what is left to the front only when it is the smaller half keeps the cost of each octet
  // constant.
  if (begin_ > 0 && begin_ * 2 >= buffer_.size()) {
    buffer_.erase(0, begin_);
    scanned_ -= begin_;
    begin_ = 0;
  }
  buffer_ += bytes;
}

bool LineBuffer::has_line() const { return buffer_.find('\n', scanned_) != buffer_.npos; }

LineBuffer::Next LineBuffer::next() {
  const std::size_t line_feed = buffer_.find('\n', scanned_);
  if (line_feed == buffer_.npos) {
    scanned_ = buffer_.size();
    if (!skipping_ && buffer_.size() - begin_ >= limit_) {  // no CRLF can still come in time
      skipping_ = true;
      beginning_ = buffer_.substr(begin_, kBeginning);
    }
    // Of a line that is dropped only a CR at the end is kept: an LF may follow it.
    if (skipping_) begin_ = buffer_.size() - (buffer_.ends_with('\r') ? 1 : 0);
    return {};
  }
  const std::string_view line(buffer_.data() + begin_, line_feed + 1 - begin_);
  begin_ = scanned_ = line_feed + 1;
  const bool was_skipping = std::exchange(skipping_, false);
  const bool too_long = was_skipping || line.size() > limit_;
  const bool after_bare_lf = std::exchange(after_bare_lf_, !line.ends_with("\r\n"));
  const Next next = judge(line, too_long, after_bare_lf);
  if (next.state != State::kLine && !was_skipping) beginning_ = line.substr(0, kBeginning);
  return next;
}

LineBuffer::Next LineBuffer::judge(std::string_view line, bool too_long, bool after_bare_lf) {
  const bool ends_in_crlf = line.ends_with("\r\n");
  const std::string_view text = line.substr(0, line.size() - (ends_in_crlf ? 2 : 1));
  if (too_long) return {.state = State::kTooLong, .line = {}};
  if (text.contains('\0')) return {.state = State::kNul, .line = {}};
  if (text.contains('\r')) return {.state = State::kBareCr, .line = {}};
  if (!ends_in_crlf || after_bare_lf) return {.state = State::kBareLf, .line = {}};
  return {.state = State::kLine, .line = text};
}

void LineBuffer::consume(std::size_t count) {
  assert(count <= buffer_.size() - begin_);
  begin_ += count;
  scanned_ = std::max(scanned_, begin_);
}

void LineBuffer::wipe_taken() {
  wipe_memory(buffer_.data(), begin_);
  wipe_memory(beginning_.data(), beginning_.size());
}

void LineBuffer::release() {
  if (!empty()) return;
  std::string().swap(buffer_);
  begin_ = scanned_ = 0;
}

}  // namespace sallyport::smtp
