#include "proxy/base/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "proxy/base/ascii.h"
#include "proxy/base/utf8.h"

namespace sallyport::log {
namespace {

// A reader notices nothing of this delay, and the writer wakes at most 100 times a second.
constexpr std::chrono::milliseconds kBatchDelay{10};

void append_json_string(std::string& out, std::string_view value) {
  out += '"';
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
  out += '"';
}

bool needs_quotes(std::string_view value) {
  return value.empty() || std::ranges::any_of(value, [](char c) {
           return c == ' ' || c == '"' || c == '=' || c == '\\' || ascii::is_control(c);
         });
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
  text_.reserve(512);
  if (format_ == Format::kJson) text_ += '{';
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(now);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  field("time",
        fmt::format("{:%FT%T}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                    (milliseconds - seconds).count()));
  field("level", log::name(level));
  field("event", event);
}

void Line::begin_field(std::string_view key) {
  if (format_ == Format::kJson) {
    if (text_.size() > 1) text_ += ',';
    text_ += '"';
    text_ += key;
    text_ += "\":";
  } else {
    if (!text_.empty()) text_ += ' ';
    text_ += key;
    text_ += '=';
  }
}

Line& Line::field(std::string_view key, std::string_view value) {
  begin_field(key);
  std::string repaired;
  if (!utf8::is_ascii(value)) value = repaired = as_utf8(value);
  if (format_ == Format::kJson || needs_quotes(value)) {
    append_json_string(text_, value);
  } else {
    text_ += value;
  }
  return *this;
}

Line& Line::field(std::string_view key, bool value) {
  return number(key, value ? "true" : "false");
}

Line& Line::field(std::string_view key, Duration value) {
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(value).count();
  begin_field(key);
  fmt::format_to(std::back_inserter(text_), "{}.{:06}", microseconds / 1'000'000,
                 microseconds % 1'000'000);
  return *this;
}

Line& Line::number(std::string_view key, std::string_view digits) {
  begin_field(key);
  text_ += digits;
  return *this;
}

std::string Line::finish() && {
  if (format_ == Format::kJson) text_ += '}';
  text_ += '\n';
  return std::move(text_);
}

Logger::Logger(Options options) : options_(options), writer_([this] { write_batches(); }) {}

Logger::~Logger() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  writer_.join();
}

Line Logger::line(Level level, std::string_view event) const {
  return Line(options_.format, level, event, std::chrono::system_clock::now());
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
