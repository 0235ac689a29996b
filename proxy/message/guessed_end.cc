#include "proxy/message/guessed_end.h"

#include "proxy/base/ascii.h"

namespace sallyport::message {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

void GuessedEnd::feed(std::string_view octets) {
  for (const char c : octets) {
    if (complete() || finds_field_) return;
    step(c);
  }
}

/// RFC 5322 section 3.6.8: ftext. In the first line octets above 127 count as well.
bool GuessedEnd::is_name(char c) const {
  const auto octet = static_cast<unsigned char>(c);
  return (octet > ' ' && octet < 0x7f && c != ':') || (first_ && octet >= 0x80);
}

void GuessedEnd::step(char c) {
  switch (state_) {
    case State::kMark:
      if (marks_ < kByteOrderMark.size() && c == kByteOrderMark[marks_]) {
        ++marks_;
        return;
      }
      if (marks_ > 0 && marks_ < kByteOrderMark.size()) {  // it was none, but octets of a name
        state_ = State::kName;
        return step(c);
      }
      if (ascii::is_wsp(c)) return;
      [[fallthrough]];
    case State::kStart:
      // A first line of nothing but a mark or white space is not empty.
      if (c == '\r') {
        state_ = first_ ? State::kCr : State::kEmptyCr;
      } else {
        state_ = is_name(c) ? State::kName : State::kText;
      }
      return;
    case State::kName:
    case State::kAfterName:
      if (c == ':') {
        finds_field_ = true;
      } else if (c == '\r') {
        state_ = State::kCr;
      } else if (ascii::is_wsp(c)) {
        state_ = State::kAfterName;
      } else if (state_ == State::kAfterName || !is_name(c)) {
        state_ = State::kText;
      }
      return;
    case State::kText:
      if (c == '\r') state_ = State::kCr;
      return;
    case State::kCr:
      if (c == '\n') {
        state_ = State::kStart;
        first_ = false;
      } else if (c != '\r') {
        state_ = State::kText;
      }
      return;
    case State::kEmptyCr:
      state_ = c == '\n' ? State::kDone : c == '\r' ? State::kCr : State::kText;
      return;
    case State::kDone:
      return;
  }
}

}  // namespace sallyport::message
