// The header section of a message, read as a stream while its content passes through: what a
// submission server must know of it (RFC 6409 section 8), and the removal of Bcc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/smtp/mailbox.h"

namespace sallyport::message {

/// What was seen of the header section.
struct HeaderFacts {
  bool has_date = false;
  bool has_message_id = false;
  std::uint32_t from_fields = 0;      ///< RFC 5322 section 3.6 wants exactly one.
  std::uint32_t received_fields = 0;  ///< Too many are a mail loop (RFC 5321 section 6.3).
  std::uint32_t bcc_fields = 0;       ///< Bcc and Resent-Bcc fields taken out.
  /// The body began without the empty line that should come before it, so one was put in. Without
  /// it, one reader would see a body where the next, more lenient one still sees header fields, and
  /// a From field that was never checked.
  bool separator_added = false;
  bool has_8bit = false;  ///< An octet above 127 in what is passed on: RFC 6532 wants SMTPUTF8.

  bool operator==(const HeaderFacts&) const = default;
};

/// Takes the decoded content of a message in any split and gives it back without its Bcc and
/// Resent-Bcc fields, byte for byte otherwise. Sans-I/O; holds no more than one field name and the
/// values of the From fields.
///
/// A field is a name (RFC 5322 section 3.6.8), white space perhaps (section 4.5), and a colon;
/// lines that begin with a space or tab go on with it. The first line that is neither, or is empty,
/// ends the header section. Lines end in CRLF only: a lone CR or LF is an octet like others.
class HeaderFilter {
 public:
  /// Values of From fields longer than this together are not kept: `from()` says so.
  static constexpr std::size_t kMostFrom = 64 * 1024;
  /// So are those of more fields than this.
  static constexpr std::size_t kMostFromFields = 16;
  /// A line longer than this without a colon is no field (RFC 5322 section 2.1.1).
  static constexpr std::size_t kMostName = 998;

  /// Appends to `kept` views of what is to be passed on of `piece` and of octets held back earlier.
  /// They point into `piece`, this filter or static storage, and hold until the next call.
  void feed(std::string_view piece, std::vector<std::string_view>& kept);
  /// The content ended: gives what was still held back.
  void finish(std::vector<std::string_view>& kept);

  /// The header section was read whole: the facts will not change. Always so after `finish`.
  bool complete() const { return state_ == State::kBody; }
  const HeaderFacts& facts() const { return facts_; }

  /// The mailboxes of all From fields, in order; none when there is no field, or only an empty
  /// group (RFC 6854). kInvalid when one can't be understood, kLimit past kMostFrom or
  /// kMostFromFields: whoever must
  /// know who a message claims to be from can't know it.
  Result<std::vector<smtp::Mailbox>> from() const;

  /// The first Message-ID, unfolded, for the log; empty when there is none or it is longer than a
  /// line may be.
  std::string message_id() const;

 private:
  enum class State : std::uint8_t {
    kLineStart,  // a field ended, or nothing was read
    kName,       // in what may be a name
    kAfterName,  // in white space after it
    kEmptyLine,  // after a CR at the start of a line
    kValue,
    kValueCr,  // after a CR in a value
    kBody,
  };
  enum class Field : std::uint8_t { kNone, kBcc, kFrom, kMessageId, kOther };

  // What `feed` keeps about its piece while it reads it.
  struct Cut {
    std::string_view piece;
    std::vector<std::string_view>& kept;
    std::size_t at = 0;          // the octet looked at
    std::size_t run = 0;         // begin of what is kept and not yet given
    std::size_t line_start = 0;  // begin of the undecided line, when that is in this piece

    void give(std::size_t end) {
      if (end > run) kept.push_back(piece.substr(run, end - run));
      run = end;
    }
  };

  // A line is undecided until it is known whether it is a field, and which.
  bool is_undecided() const {
    return state_ == State::kName || state_ == State::kAfterName || state_ == State::kEmptyLine;
  }
  void step(Cut& cut);
  void start_line(Cut& cut);
  void read_name(Cut& cut);
  void read_value(Cut& cut);
  void begin_field(Cut& cut);
  void end_header(Cut& cut, bool add_separator);
  void decide(Cut& cut, bool keep, std::string_view before);
  Field recognise(std::string_view name);
  void keep_value(std::string_view octets);

  State state_ = State::kLineStart;
  Field field_ = Field::kNone;
  bool dropping_ = false;  // what is read now belongs to a field that is taken out
  HeaderFacts facts_;
  // Octets of an undecided line from earlier pieces. Two, because views of one may be given out
  // while the next undecided line begins.
  std::string held_[2];
  std::size_t holding_ = 0;
  std::vector<std::string> from_;
  std::size_t from_octets_ = 0;
  std::string message_id_;
};

}  // namespace sallyport::message
