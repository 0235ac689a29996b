// Structured log lines, logfmt or JSON, one a line on a file descriptor. Who logs never waits for
// the descriptor: lines go to a buffer that a writer thread empties in batches.
//
// A library was weighed and left: logging libraries format text messages, and what we need is the
// other half, fields with safe quoting and a bounded buffer that drops and counts when stderr
// blocks.
#pragma once

#include <concepts>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>

#include "proxy/base/clock.h"
#include "proxy/base/secret.h"

namespace sallyport::log {

enum class Level : std::uint8_t { kDebug, kInfo, kWarning, kError };
enum class Format : std::uint8_t { kLogfmt, kJson };

std::string_view name(Level level);

/// The most octets of a line, with its newline. Log pipelines cut or refuse longer ones.
inline constexpr std::size_t kMostLine = 8192;
/// The most octets of one text as it is written, without quotes around it: one field alone must not
/// push the others out of the line.
inline constexpr std::size_t kMostText = 2048;

/// One event, built field by field: `Line(Level::kInfo, "transaction").field("id", id)`. Values are
/// quoted so that no input can forge a field or a second line: controls, octets that are not UTF-8,
/// and characters that some readers take for a line end or that reorder text never stand as they
/// are. What would make a text longer than kMostText or the line longer than kMostLine is left out,
/// and the field `cut` names the fields that are not whole. Keys are ours: lower_snake_case.
class Line {
 public:
  Line(Format format, Level level, std::string_view event, WallTime now);

  Line& field(std::string_view key, std::string_view value);
  Line& field(std::string_view key, const char* value) {
    return field(key, std::string_view(value));
  }
  Line& field(std::string_view key, bool value);
  Line& field(std::string_view key, Duration value);  ///< In seconds, with microseconds.
  template <std::integral T>
  Line& field(std::string_view key, T value) {
    const auto bits = static_cast<std::uint64_t>(value);
    if constexpr (std::is_signed_v<T>) {
      if (value < 0) return integer(key, 0 - bits, true);
    }
    return integer(key, bits, false);
  }
  Line& field(std::string_view key, const Secret& value) = delete;

  /// The finished line, newline included. The Line must not be used after.
  std::string finish() &&;

 private:
  Line& number(std::string_view key, std::string_view digits);
  Line& integer(std::string_view key, std::uint64_t magnitude, bool negative);
  /// The octets that a value of `key` may still have, and at most kMostText; 0: not even the key
  /// has room.
  std::size_t room_for(std::string_view key) const;
  /// Appends the key and room for a value of `size` octets; gives the place of that room.
  char* begin_field(std::string_view key, std::size_t size, bool quoted);
  void note_cut(std::string_view key);

  Format format_;
  std::string text_;
  std::string cut_;  // keys of the fields that are not whole
};

/// Where lines go. Thread-safe; shared by reference by everything that logs, and outlives it.
class Logger {
 public:
  struct Options {
    Format format = Format::kLogfmt;
    Level least = Level::kInfo;
    int descriptor = 2;                    ///< Not closed by us.
    std::size_t most_buffered = 8u << 20;  ///< Octets; lines past it are dropped and counted. 0:
                                           ///< all are, and there is no writer thread.
    WallTime (*clock)() = std::chrono::system_clock::now;  ///< Stamps the lines.
  };

  /// Starts the writer thread, if lines may be buffered.
  explicit Logger(Options options);
  /// Writes what is buffered, then stops the writer thread.
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  bool enabled(Level level) const { return level >= options_.least; }
  /// A line of this logger's format, stamped with the time.
  Line line(Level level, std::string_view event) const;
  /// Hands over a finished line, unless its level is below the least.
  void write(Level level, Line&& line);
  /// The short form for lines that are seldom written: event, then pairs of key and text.
  void write(Level level, std::string_view event,
             std::initializer_list<std::pair<std::string_view, std::string_view>> fields);
  /// Lines dropped so far because the descriptor did not take them fast enough.
  std::uint64_t dropped() const;

 private:
  void write_batches();

  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::string pending_;
  std::uint64_t dropped_ = 0;
  bool stopping_ = false;
  std::thread writer_;
};

}  // namespace sallyport::log
