// log::Line: fields, their quoting, and the bounds of a line.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/base/log.h"
#include "proxy/base/utf8.h"

namespace sallyport::log {
namespace {

// Room kept at the end of each line for `cut`, whose keys need no more than kMostCutKeys octets.
constexpr std::size_t kMostCutKeys = 128;
constexpr std::size_t kMostTail = kMostCutKeys + std::string_view(",\"cut\":\"\"}\n").size();

// What an octet of a value asks for.
constexpr unsigned kQuotes = 1;  // logfmt must put the value into quotes
constexpr unsigned kEscape = 2;  // it does not stand for itself inside quotes
constexpr unsigned kHigh = 4;    // it is above 127, and perhaps not UTF-8

constexpr auto kTraits = [] {
  std::array<unsigned char, 256> traits{};
  for (std::size_t octet = 0; octet < traits.size(); ++octet) {
    const char c = static_cast<char>(octet);
    if (c == ' ' || c == '=') traits[octet] = kQuotes;
    if (c == '"' || c == '\\' || ascii::is_control(c)) traits[octet] = kQuotes | kEscape;
    if (octet > 127) traits[octet] = kHigh;
  }
  return traits;
}();

unsigned traits_of(std::string_view value) {
  unsigned traits = 0;
  for (const char c : value) traits |= kTraits[static_cast<unsigned char>(c)];
  return traits;
}

/// Makes `text` longer by `size` octets and gives their place. The caller overwrites all of them.
char* extend(std::string& text, std::size_t size) {
  const std::size_t before = text.size();
  const std::size_t after = before + size;
  // The size asked for is returned, not the callback's argument: libstdc++ 12 passes the capacity
  // there when the text had to grow, and what lies between the two is memory of others.
  text.resize_and_overwrite(after, [after](char*, std::size_t) { return after; });
  return text.data() + before;
}

char* put(char* to, std::string_view octets) { return std::ranges::copy(octets, to).out; }

/// Writes `value` with as many digits as there is room from `to` to `end`.
void put_digits(char* to, char* end, std::uint64_t value) {
  while (end != to) {
    *--end = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

/// Whether a character above 127, well-formed UTF-8, must not stand as it is: C1 controls, which
/// terminals obey, line and paragraph separators, which many readers take for a line end, and the
/// marks that make text run the other way. All are below U+10000.
std::optional<unsigned> unprintable(std::string_view sequence) {
  const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  unsigned code = 0;
  if (sequence.size() == 2) code = (octet(0) & 0x1fu) << 6 | (octet(1) & 0x3fu);
  if (sequence.size() == 3) {
    code = (octet(0) & 0xfu) << 12 | (octet(1) & 0x3fu) << 6 | (octet(2) & 0x3fu);
  }
  const bool is_c1 = code >= 0x80 && code <= 0x9f;
  const bool separates_or_reorders = code >= 0x2028 && code <= 0x202e;
  const bool isolates = code >= 0x2066 && code <= 0x2069;
  const bool marks = code == 0x200e || code == 0x200f || code == 0x061c || code == 0xfeff;
  if (is_c1 || separates_or_reorders || isolates || marks) return code;
  return std::nullopt;
}

/// A value as it is written.
struct Written {
  std::string text;
  bool escaped = false;  // so it needs quotes
  bool cut = false;
};

/// `value` with what needs it escaped, and each octet that is not UTF-8 made a '?', because log
/// pipelines refuse invalid text. At most `room` octets: whole characters and escapes only.
Written write_out(std::string_view value, std::size_t room) {
  Written written;
  written.text.reserve(std::min(value.size() + 16, room));
  std::array<char, 8> escape;
  while (!value.empty()) {
    const std::size_t size = utf8::sequence(value);
    const std::string_view character = value.substr(0, std::max<std::size_t>(size, 1));
    const char c = character.front();
    std::optional<unsigned> code;
    if (size == 1 && ascii::is_control(c)) code = static_cast<unsigned char>(c);
    if (size > 1) code = unprintable(character);
    std::string_view piece = size == 0 ? std::string_view("?") : character;
    if (code) {
      piece = {escape.data(), fmt::format_to(escape.data(), "\\u{:04x}", *code)};
    } else if (c == '"' || c == '\\') {
      escape[0] = '\\';
      escape[1] = c;
      piece = {escape.data(), 2};
    }
    if (written.text.size() + piece.size() > room) {
      written.cut = true;
      break;
    }
    written.escaped = written.escaped || piece.front() == '\\';
    written.text += piece;
    value.remove_prefix(character.size());
  }
  return written;
}

constexpr std::string_view kTimeForm = "0000-00-00T00:00:00.000Z";

/// RFC 3339 in UTC, with milliseconds. By hand: formatting it in general costs as much as the
/// rest of a line.
void put_time(char* to, WallTime now) {
  using namespace std::chrono;
  const auto day = floor<days>(now);
  const year_month_day date(day);
  const hh_mm_ss clock(floor<milliseconds>(now - day));
  put(to, kTimeForm);
  put_digits(to, to + 4, static_cast<std::uint64_t>(static_cast<int>(date.year())));
  put_digits(to + 5, to + 7, static_cast<unsigned>(date.month()));
  put_digits(to + 8, to + 10, static_cast<unsigned>(date.day()));
  put_digits(to + 11, to + 13, static_cast<std::uint64_t>(clock.hours().count()));
  put_digits(to + 14, to + 16, static_cast<std::uint64_t>(clock.minutes().count()));
  put_digits(to + 17, to + 19, static_cast<std::uint64_t>(clock.seconds().count()));
  put_digits(to + 20, to + 23, static_cast<std::uint64_t>(clock.subseconds().count()));
}

}  // namespace

std::string_view name(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      return "error";
  }
  return "info";
}

Line::Line(Format format, Level level, std::string_view event, WallTime now) : format_(format) {
  text_.reserve(1024);
  if (format_ == Format::kJson) text_ += '{';
  put_time(begin_field("time", kTimeForm.size(), format_ == Format::kJson), now);
  field("level", log::name(level));
  field("event", event);
}

std::size_t Line::room_for(std::string_view key) const {
  constexpr std::size_t kSeparators = 6;  // of JSON: ,"key":"value"
  const std::size_t used = text_.size() + key.size() + kSeparators + kMostTail;
  return used >= kMostLine ? 0 : std::min(kMostLine - used, kMostText);
}

char* Line::begin_field(std::string_view key, std::size_t size, bool quoted) {
  const bool json = format_ == Format::kJson;
  const bool first = text_.size() <= (json ? 1U : 0U);
  const std::size_t around = (first ? 0U : 1U) + (json ? 3U : 1U) + (quoted ? 2U : 0U);
  char* to = extend(text_, key.size() + around + size);
  if (!first) *to++ = json ? ',' : ' ';
  if (json) *to++ = '"';
  to = put(to, key);
  if (json) *to++ = '"';
  *to++ = json ? ':' : '=';
  if (quoted) {
    *to++ = '"';
    to[size] = '"';
  }
  return to;
}

void Line::note_cut(std::string_view key) {
  // If the list is full, further keys are left out: the field `cut` itself shows that the line is
  // not whole.
  const std::size_t size = cut_.size() + key.size() + (cut_.empty() ? 0 : 1);
  if (size > kMostCutKeys) return;
  if (!cut_.empty()) cut_ += ',';
  cut_ += key;
}

Line& Line::field(std::string_view key, std::string_view value) {
  const std::size_t room = room_for(key);
  if (room == 0) {
    note_cut(key);
    return *this;
  }
  const bool json = format_ == Format::kJson;
  const unsigned traits = traits_of(value);
  if ((traits & (kEscape | kHigh)) == 0 && value.size() <= room) {
    const bool quoted = json || value.empty() || (traits & kQuotes) != 0;
    put(begin_field(key, value.size(), quoted), value);
    return *this;
  }
  const Written written = write_out(value, room);
  if (written.cut) note_cut(key);
  const bool quoted = json || written.escaped || written.text.empty() || (traits & kQuotes) != 0;
  put(begin_field(key, written.text.size(), quoted), written.text);
  return *this;
}

Line& Line::field(const Field& field) {
  std::visit([&](const auto& value) { this->field(field.key, value); }, field.value.value_);
  return *this;
}

Line& Line::field(std::string_view key, bool value) {
  return number(key, value ? "true" : "false");
}

Line& Line::field(std::string_view key, Duration value) {
  const auto all = std::chrono::duration_cast<std::chrono::microseconds>(value).count();
  const auto microseconds = static_cast<std::uint64_t>(all < 0 ? -all : all);
  std::array<char, 32> digits;
  char* end = digits.data();
  if (all < 0) *end++ = '-';
  end = std::to_chars(end, digits.end(), microseconds / 1'000'000).ptr;
  *end++ = '.';
  put_digits(end, end + 6, microseconds % 1'000'000);
  return number(key, {digits.data(), end + 6});
}

Line& Line::integer(std::string_view key, std::uint64_t magnitude, bool negative) {
  std::array<char, 24> digits;
  digits[0] = '-';
  const char* const end = std::to_chars(digits.begin() + 1, digits.end(), magnitude).ptr;
  return number(key, {digits.data() + (negative ? 0 : 1), end});
}

Line& Line::number(std::string_view key, std::string_view digits) {
  if (room_for(key) < digits.size()) {
    note_cut(key);
    return *this;
  }
  put(begin_field(key, digits.size(), false), digits);
  return *this;
}

std::string Line::finish() && {
  if (!cut_.empty()) {
    put(begin_field("cut", cut_.size(), format_ == Format::kJson), cut_);
  }
  if (format_ == Format::kJson) text_ += '}';
  text_ += '\n';
  return std::move(text_);
}

}  // namespace sallyport::log
