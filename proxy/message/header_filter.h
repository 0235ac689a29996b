// The header section of a message, read as a stream while its content passes through: what a
// submission server must know of it (RFC 6409 section 8), and the removal of Bcc and of whatever a
// listener's rules remove.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/config/config.h"
#include "proxy/message/guessed_end.h"

namespace sallyport::message {

/// What was seen of the header section.
struct HeaderFacts {
  bool has_date = false;
  bool has_message_id = false;
  std::uint32_t from_fields = 0;      ///< RFC 5322 section 3.6 wants exactly one.
  std::uint32_t received_fields = 0;  ///< Those taken out are counted, too.
  /// Received fields that we took out when the message came through before, as X-Received-Removed
  /// tells.
  std::uint32_t received_before = 0;
  std::uint32_t bcc_fields = 0;      ///< Bcc and Resent-Bcc fields taken out.
  std::uint32_t removed_fields = 0;  ///< Others taken out by the rules.
  bool removes_received = false;     ///< The rules take Received out.
  bool has_8bit = false;             ///< An octet above 127 stands in a field that is passed on.
  bool removed_8bit = false;         ///< One stands in a field that is taken out.
  /// The body began without the empty line that should come before it, so one was put in. Without
  /// it, one reader would see a body where the next, more lenient one still sees header fields, and
  /// a From field that was never checked.
  bool separator_added = false;
  /// Lines of an mbox file that were taken out: `From x@y Mon …` and `>From …`, which tools like
  /// git and formail put before a message.
  std::uint32_t mbox_lines = 0;
  /// The number of the line, from 1, that is no field and stands before others that are, or is a
  /// damaged field: what its sender meant for the header section would become the body, a Bcc field
  /// included. The message must be refused. 0: there is none.
  std::uint64_t broken_line = 0;

  /// Servers this message came through: too many are a mail loop (RFC 5321 section 6.3).
  std::uint32_t hops() const { return received_fields + received_before; }

  bool operator==(const HeaderFacts&) const = default;
};

/// The fields that say who sends a message, or sends it again: RFC 5322 sections 3.6.2 and 3.6.6.
enum class Author : std::uint8_t { kFrom, kSender, kResentFrom, kResentSender };

/// Takes the decoded content of a message in any split and gives it back without its Bcc and
/// Resent-Bcc fields and those that the rules remove or replace, byte for byte otherwise. Sans-I/O;
/// holds no more than one field name and the values of the author fields.
///
/// Date and Message-ID count as missing when they are taken out.
///
/// A field is a name (RFC 5322 section 3.6.8), white space perhaps (section 4.5), and a colon;
/// lines that begin with a space or tab go on with it. The first line that is neither, or is empty,
/// ends the header section; what comes behind one that is not empty is looked through for fields up
/// to the first empty line (`HeaderFacts::broken_line`). Lines end in CRLF only: a lone CR or LF is
/// an octet like others.
class HeaderFilter {
 public:
  /// Values of author fields longer than this together are not kept: `fields` says so.
  static constexpr std::size_t kMostAuthorOctets = 64 * 1024;
  /// So are those of more fields than this.
  static constexpr std::size_t kMostAuthorFields = 16;
  /// A line longer than this without a colon is no field (RFC 5322 section 2.1.1).
  static constexpr std::size_t kMostName = 998;

  HeaderFilter() = default;
  /// `rules` outlive it.
  explicit HeaderFilter(const config::HeaderRules& rules);

  /// From the next field on the values of fields of these names are kept for `watched`, whether
  /// they are passed on or not.
  void watch(std::shared_ptr<const std::vector<std::string>> names) {
    watching_ = std::move(names);
  }

  /// Appends to `kept` views of what is to be passed on of `piece` and of octets held back earlier.
  /// They point into `piece`, this filter or static storage, and hold until the next call.
  void feed(std::string_view piece, std::vector<std::string_view>& kept);
  /// The content ended: gives what was still held back.
  void finish(std::vector<std::string_view>& kept);

  /// The header section was read whole: the facts will not change. Always so after `finish`.
  bool complete() const { return state_ == State::kBody && !guessed_end_; }
  const HeaderFacts& facts() const { return facts_; }
  /// Octets of the header section read so far, with what is taken out.
  std::uint64_t size() const { return size_; }

  /// There is such a field, though it may be unreadable.
  bool has(Author author) const;
  /// The values of all such fields, in order, folded as they came and without their last CRLF. The
  /// views hold as long as this. kLimit past kMostAuthorOctets or kMostAuthorFields: whoever must
  /// know who a message claims to be from can't know it.
  Result<std::vector<std::string_view>> fields(Author author) const;

  /// The fields that were watched for, in order, unfolded and without blanks at the ends of their
  /// text. One that does not fit in `kMostAuthorOctets`, with those before it, is left out: no
  /// field is cut short.
  std::vector<config::HeaderField> watched() const;

  /// The first Message-ID, unfolded, for the log; empty when there is none or it is longer than a
  /// line may be.
  std::string message_id() const;

 private:
  enum class State : std::uint8_t {
    kLineStart,  // a field ended, or nothing was read
    kName,       // in what may be a name
    kAfterName,  // in white space after it
    kEmptyLine,  // after a CR at the start of a line
    kMbox,       // in what may be a line of an mbox file
    kValue,
    kValueCr,  // after a CR in a value
    kBody,
  };
  // What the value of the field is read for.
  enum class Field : std::uint8_t { kNone, kAuthor, kMessageId, kReceivedRemoved, kOther };

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
    return state_ == State::kName || state_ == State::kAfterName || state_ == State::kEmptyLine ||
           state_ == State::kMbox;
  }
  void step(Cut& cut);
  void start_line(Cut& cut);
  void read_name(Cut& cut);
  void read_value(Cut& cut);
  void read_mbox(Cut& cut);
  void begin_field(Cut& cut);
  /// The line that is undecided is no field.
  void read_other(Cut& cut);
  void end_header(Cut& cut, bool add_separator);
  void look_behind_end(std::string_view octets);
  void note_mbox_lines();
  void give_before(Cut& cut, std::string_view before);
  std::string undecided(const Cut& cut) const;
  void decide(Cut& cut, bool keep, std::string_view before);
  bool admit(std::string_view name);
  bool is_removed(std::string_view name) const;
  bool judge(std::string_view name);
  void admit_author(Author author);
  void keep_value(std::string_view octets);

  const config::HeaderRules* rules_ = nullptr;  // none that remove anything
  State state_ = State::kLineStart;
  Field field_ = Field::kNone;
  bool dropping_ = false;  // what is read now belongs to a field that is taken out
  HeaderFacts facts_;
  // Octets of an undecided line from earlier pieces. Two, because views of one may be given out
  // while the next undecided line begins.
  std::string held_[2];
  std::size_t holding_ = 0;
  std::vector<std::pair<Author, std::string>> authors_;
  std::size_t author_octets_ = 0;
  std::uint32_t author_fields_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t line_ = 0;      // lines that have begun, in the header section
  std::string mbox_;            // lines of an mbox file, as long as they may be text
  std::uint64_t ended_at_ = 0;  // the line that ended the header section, if it was not empty
  std::optional<GuessedEnd> guessed_end_;
  std::string message_id_;
  std::shared_ptr<const std::vector<std::string>> watching_;  // names; null: none
  std::vector<config::HeaderField> watched_;
  std::size_t watched_octets_ = 0;
  bool keeping_ = false;            // the value that is read belongs to the last of `watched_`
  std::uint32_t told_ = 0;          // the number in this X-Received-Removed field
  std::uint32_t told_earlier_ = 0;  // the sum of those in earlier ones
};

/// The field that tells how many Received fields were taken out.
inline constexpr std::string_view kReceivedRemoved = "X-Received-Removed";

}  // namespace sallyport::message
