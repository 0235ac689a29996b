// Bytes of a client cut into command lines, strictly at CRLF.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sallyport::smtp {

/// A receive buffer that never looks at a byte twice. Views it gives are valid until the next call
/// of a non-const function.
class LineBuffer {
 public:
  /// A line's fate. Only LF ends a line's octets, so one CRLF is one answer; a line with several
  /// faults is named by the first of kTooLong, kNul, kBareCr, kBareLf that holds.
  enum class State {
    kLine,     ///< `line` is whole, without its CRLF.
    kPartial,  ///< No whole line yet: append more.
    kTooLong,  ///< A line over the limit was dropped up to and including its line end.
    kBareCr,   ///< A line with a CR that is not before LF was dropped up to and including its line
               ///< end.
    kBareLf,  ///< An LF without CR before it: dropped up to and including that LF. What follows it,
              ///< up to the next CRLF, is no line of its own but more of the same fault, and said
              ///< so again: a command hidden behind a bare LF is never obeyed.
    kNul,     ///< A line with a NUL was dropped up to and including its line end.
  };
  struct Next {
    State state = State::kPartial;
    std::string_view line;
  };

  /// `limit`: octets of a line with its CRLF (RFC 5321 section 4.5.3.1.4 asks for 512; AUTH for
  /// 12288).
  explicit LineBuffer(std::size_t limit) : limit_(limit) {}

  void append(std::string_view bytes);
  /// The next line, or why there is none. Lines come in order, however the bytes were split.
  Next next();
  /// Of the line that `next` has just dropped, its first octets: by them its verb can be told.
  std::string_view beginning_of_dropped() const { return beginning_; }
  /// Bytes received but not yet taken as lines; content after DATA begins here.
  std::string_view rest() const { return std::string_view(buffer_).substr(begin_); }
  /// Takes `count` octets of `rest()` away.
  void consume(std::size_t count);
  bool empty() const { return begin_ == buffer_.size(); }
  /// The line that `rest()` belongs to is too long, and its beginning is gone.
  bool is_skipping() const { return skipping_; }
  /// Is a whole line (or a fault) already here? Then replies can wait to share a write (RFC 2920).
  bool has_line() const;
  /// Overwrites what was taken and is still in memory: it held a secret. Ends its views.
  void wipe_taken();
  /// Gives the memory of an empty buffer back: idle sessions hold none.
  void release();

 private:
  static constexpr std::size_t kBeginning = 8;  // as many as the longest verb has
  static Next judge(std::string_view line, bool too_long, bool after_bare_lf);

  std::string buffer_;
  std::string beginning_;    // of the line that was dropped last, or is being dropped
  std::size_t begin_ = 0;    // of the first octet not yet taken
  std::size_t scanned_ = 0;  // octets before it hold no line end
  std::size_t limit_;
  bool skipping_ = false;       // inside a line that is too long
  bool after_bare_lf_ = false;  // the line end before was no CRLF
};

}  // namespace sallyport::smtp
