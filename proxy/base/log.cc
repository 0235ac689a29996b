#include "proxy/base/log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <iterator>

#include "proxy/base/ascii.h"
#include "proxy/base/utf8.h"

namespace sallyport::log {
namespace {

// A reader notices nothing of this delay, and the writer wakes at most 100 times a second.
constexpr std::chrono::milliseconds kBatchDelay{10};

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

/// Makes `text` longer by `size` octets and gives their place, to be written to.
char* extend(std::string& text, std::size_t size) {
  const std::size_t before = text.size();
  text.resize_and_overwrite(before + size, [](char*, std::size_t all) { return all; });
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

void append_escaped(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (ascii::is_control(c)) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
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

/// The value with each octet that is not UTF-8 made a '?': log pipelines refuse invalid text.
std::string as_utf8(std::string_view value) {
  std::string text;
  text.reserve(value.size());
  while (!value.empty()) {
    const std::size_t size = utf8::sequence(value);
    text += size == 0 ? std::string_view("?") : value.substr(0, size);
    value.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return text;
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

Line& Line::field(std::string_view key, std::string_view value) {
  const unsigned traits = traits_of(value);
  std::string mended;
  if ((traits & kHigh) != 0) value = mended = as_utf8(value);
  if ((traits & kEscape) != 0) {
    begin_field(key, 0, true);
    text_.pop_back();  // the closing quote comes after what is escaped
    append_escaped(text_, value);
    text_ += '"';
    return *this;
  }
  const bool quoted = format_ == Format::kJson || value.empty() || (traits & kQuotes) != 0;
  put(begin_field(key, value.size(), quoted), value);
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
  put(begin_field(key, digits.size(), false), digits);
  return *this;
}

std::string Line::finish() && {
  if (format_ == Format::kJson) text_ += '}';
  text_ += '\n';
  return std::move(text_);
}

Logger::Logger(Options options) : options_(options) {
  if (options_.most_buffered > 0) writer_ = std::thread([this] { write_batches(); });
}

Logger::~Logger() {
  if (!writer_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  writer_.join();
}

Line Logger::line(Level level, std::string_view event) const {
  return Line(options_.format, level, event, options_.clock());
}

void Logger::write(Level level, Line&& line) {
  if (!enabled(level)) return;
  const std::string text = std::move(line).finish();
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    if (pending_.size() + text.size() > options_.most_buffered) {
      ++dropped_;
      return;
    }
    was_empty = pending_.empty();
    pending_ += text;
  }
  if (was_empty) wake_.notify_one();
}

void Logger::write(Level level, std::string_view event,
                   std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  if (!enabled(level)) return;
  Line built = line(level, event);
  for (const auto& [key, value] : fields) built.field(key, value);
  write(level, std::move(built));
}

std::uint64_t Logger::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

void Logger::write_batches() {
  std::string batch;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !pending_.empty(); });
    if (!stopping_) wake_.wait_for(lock, kBatchDelay, [this] { return stopping_; });
    if (pending_.empty() && stopping_) return;
    batch.clear();
    batch.swap(pending_);
    lock.unlock();
    for (std::string_view rest = batch; !rest.empty();) {
      const ssize_t written = ::write(options_.descriptor, rest.data(), rest.size());
      if (written < 0 && errno != EINTR) break;  // nobody reads stderr: there is no one to tell
      if (written > 0) rest.remove_prefix(static_cast<std::size_t>(written));
    }
    lock.lock();
  }
}

}  // namespace sallyport::log
