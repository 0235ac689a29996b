#include "tests/bench/smtp_lines.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace sallyport::bench {

runtime::Task<bool> Inbox::more(TimePoint deadline) {
  const auto octets = co_await stream_->read(deadline);
  if (!octets) co_return false;
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  buffer_ += *octets;
  co_return true;
}

runtime::Task<bool> Inbox::line(std::string& out, TimePoint deadline) {
  while (true) {
    const auto end = buffer_.find("\r\n", begin_);
    if (end != std::string::npos) {
      out.assign(buffer_, begin_, end - begin_);
      begin_ = end + 2;
      if (empty()) {
        buffer_.clear();
        begin_ = 0;
      }
      co_return true;
    }
    if (!co_await more(deadline)) co_return false;
  }
}

runtime::Task<int> Inbox::reply(TimePoint deadline) {
  while (co_await line(reply_line_, deadline)) {
    if (reply_line_.size() < 4 || reply_line_[3] != '-') co_return std::atoi(reply_line_.c_str());
  }
  co_return 0;
}

runtime::Task<bool> Inbox::content(std::string& head, std::size_t keep, TimePoint deadline) {
  static constexpr std::string_view kEnd = "\r\n.\r\n";
  head.clear();
  // Content that begins with the dot has no CRLF of its own before it: that of "DATA" stands for
  // it.
  std::string last = "\r\n";
  while (true) {
    const std::string_view octets = std::string_view(buffer_).substr(begin_);
    // The end may lie across the seam of two reads: `last` holds the octets before this one.
    const std::string seam = last + std::string(octets.substr(0, kEnd.size() - 1));
    std::size_t used = octets.size();
    bool ended = false;
    if (const auto at = seam.find(kEnd); at != std::string::npos) {
      used = at + kEnd.size() - last.size();
      ended = true;
    } else if (const void* found = memmem(octets.data(), octets.size(), kEnd.data(), kEnd.size())) {
      used =
          static_cast<std::size_t>(static_cast<const char*>(found) - octets.data()) + kEnd.size();
      ended = true;
    }
    if (head.size() < keep) head += octets.substr(0, std::min(used, keep - head.size()));
    if (ended) {
      begin_ += used;
      if (empty()) {
        buffer_.clear();
        begin_ = 0;
      }
      co_return true;
    }
    last += octets.substr(octets.size() - std::min(octets.size(), kEnd.size() - 1));
    last.erase(0, last.size() - std::min(last.size(), kEnd.size() - 1));
    buffer_.clear();
    begin_ = 0;
    if (!co_await more(deadline)) co_return false;
  }
}

runtime::Task<bool> Inbox::chunk(std::size_t size, std::string& head, std::size_t keep,
                                 TimePoint deadline) {
  head.clear();
  while (size > 0) {
    if (empty() && !co_await more(deadline)) co_return false;
    const std::string_view octets = std::string_view(buffer_).substr(begin_, size);
    if (head.size() < keep) head += octets.substr(0, keep - head.size());
    begin_ += octets.size();
    size -= octets.size();
    if (empty()) {
      buffer_.clear();
      begin_ = 0;
    }
  }
  co_return true;
}

}  // namespace sallyport::bench
