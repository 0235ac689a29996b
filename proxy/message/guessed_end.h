// A header section that ends without an empty line: is what follows text, or the rest of it?
#pragma once

#include <cstdint>
#include <string_view>

namespace sallyport::message {

/// Looks through the lines from the one that is no header field up to the first empty line. Takes
/// octets in any split and keeps none.
class GuessedEnd {
 public:
  /// `octets` follow those of the call before; the first begin the line that is no field.
  void feed(std::string_view octets);

  /// The empty line was read: what follows is body for every reader.
  bool complete() const { return state_ == State::kDone; }
  /// A line is a header field, or the first one is what became of a field: behind a byte order mark
  /// or white space, or with a name that is not ASCII.
  bool finds_field() const { return finds_field_; }

 private:
  enum class State : std::uint8_t {
    kMark,       // at the begin of the first line: a byte order mark or white space may come
    kStart,      // at the begin of another line
    kName,       // in what may be the name of a field
    kAfterName,  // in white space behind it
    kText,       // in what is no field, or behind its colon
    kCr,         // behind a CR in it
    kEmptyCr,    // behind a CR at the begin of a line
    kDone,
  };

  void step(char c);
  bool is_name(char c) const;

  State state_ = State::kMark;
  bool first_ = true;       // in the first line
  std::uint8_t marks_ = 0;  // octets of a byte order mark that were read
  bool finds_field_ = false;
};

}  // namespace sallyport::message
