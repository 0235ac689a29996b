// Message content on the wire: the dot transparency of RFC 5321 section 4.5.2, both ways, strictly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sallyport::smtp {

/// What becomes of a CR or LF in content that is no half of a CRLF.
enum class BareLineEnds : std::uint8_t {
  kRefused,  ///< It stays as it is, and the message must be refused.
  /// It is read as CRLF: for devices that know no better. It begins no line on the wire: no dot is
  /// taken off behind it, and no lone dot beside it ends the content. CRs before a CRLF are dropped
  /// (CR CR LF is what Windows makes of a CRLF that it converts again), and a lone dot before them
  /// ends nothing either.
  kMended,
};

/// Takes the octets after 354 apart, in any split, until CRLF "." CRLF. A bare CR, bare LF or NUL
/// never ends the content. A NUL is never normalised, a bare CR or LF only if that is asked for: it
/// is remembered, and the message must be refused.
class ContentDecoder {
 public:
  explicit ContentDecoder(BareLineEnds bare = BareLineEnds::kRefused) : bare_(bare) {}

  /// Decodes from the front of `wire` (which shrinks) until the content ends or `wire` is empty.
  /// Appends to `pieces` views of decoded octets: into `wire`'s bytes, or into static storage. The
  /// views are valid as long as those bytes are. The pieces of all calls, joined, are the message.
  void feed(std::string_view& wire, std::vector<std::string_view>& pieces);

  /// CRLF "." CRLF was read: what is left of `wire` are commands again.
  bool finished() const { return state_ == State::kFinished; }
  /// The content broke RFC 5321 section 2.3.8: a bare CR or LF that was not mended.
  bool has_bare_line_end() const { return bare_line_end_; }
  /// The content has a NUL.
  bool has_nul() const { return nul_; }
  /// The content has an octet above 127.
  bool has_8bit() const { return has_8bit_; }
  /// A line of the content may begin with a dot: so that ContentEncoder need not look for one where
  /// none is. True as long as the content is not whole.
  bool may_have_dotted_line() const { return dotted_line_ || !finished(); }
  /// Octets decoded so far: the message size of RFC 1870.
  std::uint64_t size() const { return size_; }

 private:
  enum class State : std::uint8_t { kLineStart, kDot, kDotCr, kText, kCr, kFinished };

  /// `feed`, with line ends as they come.
  void decode(std::string_view& wire, std::vector<std::string_view>& pieces);
  /// `feed`, with bare CRs and LFs mended on their way to `decode`.
  void mend(std::string_view& wire, std::vector<std::string_view>& pieces);
  /// What the CRs at the end of what was read so far are, now that an octet follows them.
  void settle_crs(std::string_view& wire, std::vector<std::string_view>& pieces);
  /// Puts a CRLF in the place of a bare CR or LF.
  void mend_line_end(std::vector<std::string_view>& pieces);
  /// Gives `decode` octets that are not on the wire.
  void insert(std::string_view octets, std::vector<std::string_view>& pieces);
  /// Takes octets of text up to the next leading dot or to the end; returns the octet after them.
  const char* read_text(const char* p, const char* end);

  const BareLineEnds bare_;
  State state_ = State::kLineStart;
  bool bare_line_end_ = false;
  bool nul_ = false;
  bool has_8bit_ = false;
  bool after_mended_ = false;  // mending: the last octet was a bare CR or LF
  bool dotted_line_ = false;   // a leading dot was not that of the end
  std::size_t crs_ = 0;        // mending: CRs that were read and not yet decoded
  std::uint64_t size_ = 0;
};

/// Puts the dots in: the inverse of ContentDecoder.
class ContentEncoder {
 public:
  /// Appends to `wire` views that, written in order, are `piece` with each line's leading dot
  /// doubled. The views point into `piece` or into static storage.
  void feed(std::string_view piece, std::vector<std::string_view>& wire);
  /// The same for a piece of which is known that none of its lines begins with a dot: not looked
  /// at.
  void pass(std::string_view piece, std::vector<std::string_view>& wire);
  /// Appends the end of the content: CRLF if the last line has none, then "." CRLF.
  void finish(std::vector<std::string_view>& wire);

 private:
  void remember_end(std::string_view piece);

  // The last two octets decide whether the next one begins a line.
  bool line_start_ = true;
  bool after_cr_ = false;
};

}  // namespace sallyport::smtp
