#include "proxy/smtp/content.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

namespace sallyport::smtp {
namespace {

constexpr std::string_view kDot = ".";
constexpr std::string_view kCr = "\r";
constexpr std::string_view kCrlf = "\r\n";

/// What a run of octets holds. Each member is an OR over all octets: nonzero means "somewhere".
struct Marks {
  unsigned char high = 0;      ///< Bit 7: an octet above 127.
  unsigned char nul = 0;       ///< An octet 0.
  unsigned char unpaired = 0;  ///< A CR that is not before LF, or an LF that is not after CR.
  unsigned char dotted = 0;    ///< An LF before a dot.

  void operator|=(const Marks& other) {
    high |= other.high;
    nul |= other.nul;
    unpaired |= other.unpaired;
    dotted |= other.dotted;
  }
};

// A block is big enough to keep the vector units busy; what is shorter is marked by their width.
constexpr std::ptrdiff_t kBlock = 64;
constexpr std::ptrdiff_t kVector = 16;

/// Marks the octets [p, p + kSize), each together with its successor, so p[kSize] is read too.
/// Without branches and with byte-wide accumulators the compiler makes vector code of it.
template <std::ptrdiff_t kSize>
[[gnu::always_inline]] inline Marks mark(const char* p) {
  Marks marks;
  for (std::ptrdiff_t i = 0; i < kSize; ++i) {
    const auto a = static_cast<unsigned char>(p[i]);
    const auto b = static_cast<unsigned char>(p[i + 1]);
    marks.high |= a;
    marks.nul |= static_cast<unsigned char>(a == 0);
    marks.unpaired |= static_cast<unsigned char>((a == '\r') != (b == '\n'));
    marks.dotted |= static_cast<unsigned char>((a == '\n') & (b == '.'));
  }
  return marks;
}

/// Marks the octets [p, end), each together with its successor.
[[gnu::always_inline]] inline Marks mark_short(const char* p, const char* end) {
  Marks marks;
  if (end - p < kVector) {
    for (; p != end; ++p) marks |= mark<1>(p);
    return marks;
  }
  for (; end - p > kVector; p += kVector) marks |= mark<kVector>(p);
  marks |= mark<kVector>(end - kVector);  // marking an octet twice changes nothing
  return marks;
}

/// `find_dotted_line`, in the instructions of whatever function it becomes part of.
[[gnu::always_inline]] inline const char* find_dotted_line_inline(const char* p, const char* last,
                                                                  Marks& marks) {
  for (; last - p >= kBlock; p += kBlock) {
    const Marks block = mark<kBlock>(p);
    if (block.dotted != 0) break;
    marks |= block;
  }
  const char* found = p;
  while (true) {
    const void* line_feed = std::memchr(found, '\n', static_cast<std::size_t>(last - found));
    found = line_feed == nullptr ? last : static_cast<const char*>(line_feed);
    if (found == last || found[1] == '.') break;
    ++found;
  }
  marks |= mark_short(p, found);
  return found;
}

#ifdef __x86_64__
[[gnu::target("avx2"), gnu::noinline]] const char* find_dotted_line_avx2(const char* p,
                                                                         const char* last,
                                                                         Marks& marks) {
  return find_dotted_line_inline(p, last, marks);
}
#endif

/// Looks from `p` for the first LF before a dot and returns its address, or `last` when there is
/// none before `last`, which is the last octet that can be read. Marks the octets before the
/// returned place, each with its successor.
const char* find_dotted_line(const char* p, const char* last, Marks& marks) {
#ifdef __x86_64__
  // Twice as wide, and all content passes here. No resolver chooses: those run before sanitizers.
  if (__builtin_cpu_supports("avx2")) return find_dotted_line_avx2(p, last, marks);
#endif
  return find_dotted_line_inline(p, last, marks);
}

/// Octets at the front of `wire` before the first CR or LF that is no half of a CRLF, or may not be
/// one: of a CR at the end nobody knows yet.
std::size_t faultless_length(std::string_view wire) {
  std::size_t at = wire.find_first_of(kCrlf);
  while (at != wire.npos && wire.substr(at, 2) == kCrlf) at = wire.find_first_of(kCrlf, at + 2);
  return std::min(at, wire.size());
}

}  // namespace

void ContentDecoder::feed(std::string_view& wire, std::vector<std::string_view>& pieces) {
  if (bare_ == BareLineEnds::kRefused) return decode(wire, pieces);
  mend(wire, pieces);
}

void ContentDecoder::decode(std::string_view& wire, std::vector<std::string_view>& pieces) {
  const char* p = wire.data();
  const char* const end = p + wire.size();
  // [run, p) was not handed out yet: text, or the CR after a leading dot.
  const char* run = p;
  const auto hand_out = [&](std::string_view text) {
    if (text.empty()) return;
    pieces.push_back(text);
    size_ += text.size();
  };

  while (p != end && state_ != State::kFinished) {
    switch (state_) {
      case State::kLineStart:
        if (*p != '.') {
          state_ = State::kText;
          break;
        }
        hand_out({run, p});
        run = ++p;  // a leading dot is never part of the text
        state_ = State::kDot;
        break;
      case State::kDot:
        state_ = *p == '\r' ? State::kDotCr : State::kText;
        dotted_line_ |= state_ == State::kText;
        if (state_ == State::kDotCr) ++p;
        break;
      case State::kDotCr:
        if (*p == '\n') {
          run = ++p;
          state_ = State::kFinished;
          break;
        }
        // The dot was doubled or lonely, and this CR is text: only it is handed out, where its
        // octet came with an earlier call.
        if (run == p) hand_out(kCr);
        dotted_line_ = true;
        bare_line_end_ = true;
        state_ = State::kText;
        break;
      case State::kCr:
        if (*p == '\n') {
          ++p;
          state_ = State::kLineStart;
        } else {
          bare_line_end_ = true;
          state_ = State::kText;
        }
        break;
      case State::kText:
        p = read_text(p, end);
        break;
      case State::kFinished:
        break;
    }
  }
  if (state_ != State::kDotCr) hand_out({run, p});
  wire.remove_prefix(static_cast<std::size_t>(p - wire.data()));
}

void ContentDecoder::mend(std::string_view& wire, std::vector<std::string_view>& pieces) {
  while (!wire.empty() && !finished()) {
    if (crs_ > 0) {
      settle_crs(wire, pieces);
      continue;
    }
    // Text that a mended line end set off begins no line on the wire, so a dot in front of it is
    // text. The line we make of it would lose that dot, or end the content: hence we double it.
    if (std::exchange(after_mended_, false) && wire.front() == '.') insert(kDot, pieces);

    std::string_view as_is = wire.substr(0, faultless_length(wire));
    const std::size_t size = as_is.size();
    if (size > 0) decode(as_is, pieces);
    wire.remove_prefix(size - as_is.size());
    if (wire.empty() || finished()) return;

    const char end = wire.front();
    wire.remove_prefix(1);
    if (end == '\r') {
      crs_ = 1;  // the octet behind it tells what it is
    } else {
      mend_line_end(pieces);
    }
  }
}

void ContentDecoder::settle_crs(std::string_view& wire, std::vector<std::string_view>& pieces) {
  if (wire.front() == '\r') {
    ++crs_;
    wire.remove_prefix(1);
    return;
  }
  const std::size_t crs = std::exchange(crs_, 0);
  if (wire.front() != '\n') {
    for (std::size_t i = 0; i < crs; ++i) mend_line_end(pieces);
    return;
  }
  wire.remove_prefix(1);
  // A CRLF is one on the wire whatever stands before it: a dot behind it is taken off, and may end
  // the content. CRLF "." CR CR LF is no end: that lone dot is text.
  if (crs > 1 && state_ == State::kDot) insert(kDot, pieces);
  insert(kCrlf, pieces);
}

void ContentDecoder::mend_line_end(std::vector<std::string_view>& pieces) {
  // CRLF "." LF: the lone dot is text, too, and must not meet the CRLF that we put in.
  if (state_ == State::kDot) insert(kDot, pieces);
  insert(kCrlf, pieces);
  after_mended_ = true;
}

void ContentDecoder::insert(std::string_view octets, std::vector<std::string_view>& pieces) {
  decode(octets, pieces);
}

const char* ContentDecoder::read_text(const char* p, const char* end) {
  // An LF that is first here has no CR before it: kCr takes those that have.
  if (*p == '\n') bare_line_end_ = true;
  const char* const last = end - 1;
  const char* const first = p;
  Marks marks;
  p = find_dotted_line(p, last, marks);
  if (p == last) {
    marks.high |= static_cast<unsigned char>(*last);
    marks.nul |= static_cast<unsigned char>(*last == '\0');
  }
  bare_line_end_ |= marks.unpaired != 0;
  nul_ |= marks.nul != 0;
  has_8bit_ |= marks.high >= 0x80;
  if (*p == '\r') {
    state_ = State::kCr;
  } else if (*p == '\n' && p != first && p[-1] == '\r') {
    state_ = State::kLineStart;
  } else {
    state_ = State::kText;  // an LF alone begins no line
  }
  return p + 1;
}

void ContentEncoder::feed(std::string_view piece, std::vector<std::string_view>& wire) {
  if (piece.empty()) return;
  const char* const first = piece.data();
  const char* const last = first + piece.size() - 1;
  const char* run = first;
  if (line_start_ && *first == '.') wire.push_back(kDot);
  Marks ignored;
  for (const char* p = find_dotted_line(first, last, ignored); p != last;
       p = find_dotted_line(p + 1, last, ignored)) {
    if (p == first ? !after_cr_ : p[-1] != '\r') continue;
    wire.emplace_back(run, p + 1);
    wire.push_back(kDot);
    run = p + 1;
  }
  wire.emplace_back(run, last + 1);
  remember_end(piece);
}

void ContentEncoder::pass(std::string_view piece, std::vector<std::string_view>& wire) {
  if (piece.empty()) return;
  wire.push_back(piece);
  remember_end(piece);
}

void ContentEncoder::remember_end(std::string_view piece) {
  const char last = piece.back();
  const bool after_cr = piece.size() == 1 ? after_cr_ : piece[piece.size() - 2] == '\r';
  line_start_ = last == '\n' && after_cr;
  after_cr_ = last == '\r';
}

void ContentEncoder::finish(std::vector<std::string_view>& wire) {
  wire.push_back(line_start_ ? ".\r\n" : "\r\n.\r\n");
}

}  // namespace sallyport::smtp
