// Structured log lines, logfmt or JSON, one a line on a file descriptor. Logging never waits for
// the descriptor: lines go to a buffer that a writer thread empties in batches (log_writer.h).
//
// Logging libraries format text messages. What is needed here is different: fields with safe
// quoting, and a bounded buffer that drops and counts lines while the descriptor blocks.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "proxy/base/clock.h"
#include "proxy/base/secret.h"

namespace sallyport::log {

enum class Level : std::uint8_t { kDebug, kInfo, kWarning, kError };
enum class Format : std::uint8_t { kLogfmt, kJson };

std::string_view name(Level level);

/// What causes a line. A flood of lines of one kind cannot push lines of the kinds above it out of
/// the buffer.
enum class Kind : std::uint8_t {
  kProcess,      ///< The process and its upstreams: start, reload, faults of the installation.
  kTransaction,  ///< Clients that are logged in.
  kStranger,     ///< Anything that a client without a login can cause.
};
inline constexpr std::array<std::string_view, 3> kKindNames = {"process", "transaction",
                                                               "stranger"};
/// A number for each Kind, in the order of the enum.
using CountByKind = std::array<std::uint64_t, kKindNames.size()>;

/// The most octets of a line, with its newline. Log pipelines cut or refuse longer ones.
inline constexpr std::size_t kMostLine = 8192;
/// The most octets of one text as it is written, without quotes around it: one field alone must not
/// push the others out of the line.
inline constexpr std::size_t kMostText = 2048;

/// The value of a field, of any type that `Line::field` takes. Views what it is made of.
class Value {
 public:
  Value(std::string_view text) : value_(text) {}
  Value(const std::string& text) : value_(std::string_view(text)) {}
  Value(const char* text) : value_(std::string_view(text)) {}
  Value(const Secret& value) = delete;
  template <std::integral T>
  Value(T value) {
    if constexpr (std::is_same_v<T, bool>) {
      value_ = value;
    } else if constexpr (std::is_signed_v<T>) {
      value_ = std::int64_t{value};
    } else {
      value_ = std::uint64_t{value};
    }
  }
  template <class Rep, class Period>
  Value(std::chrono::duration<Rep, Period> value)
      : value_(std::chrono::duration_cast<Duration>(value)) {}

 private:
  friend class Line;
  std::variant<std::string_view, bool, std::int64_t, std::uint64_t, Duration> value_;
};

/// A key and its value, for lines that are written in one call.
struct Field {
  std::string_view key;
  Value value;
};

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
  Line& field(const Field& field);

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

class Buffer;

/// Where lines go. Thread-safe; shared by reference by everything that logs, and outlives it.
class Logger {
 public:
  struct Options {
    Format format = Format::kLogfmt;
    Level least = Level::kInfo;
    int descriptor = 2;                    ///< Not closed by us. May be non-blocking.
    std::size_t most_buffered = 8u << 20;  ///< Octets; lines past it are dropped and counted. 0:
                                           ///< all are, and there is no writer thread.
    WallTime (*clock)() = std::chrono::system_clock::now;  ///< Stamps the lines.
  };

  /// Starts the writer thread, if lines may be buffered.
  explicit Logger(Options options);
  /// `close`, with a second of patience.
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  bool enabled(Level level) const { return level >= least_.load(std::memory_order_relaxed); }
  /// Changes the format and the least level of the lines to come.
  void configure(Format format, Level least);
  /// A line in the format in force, stamped with the time.
  Line line(Level level, std::string_view event) const;
  /// Hands over a finished line, unless its level is below the least.
  void write(Level level, Line&& line, Kind kind = Kind::kProcess);
  /// The short form for lines that are seldom written.
  void write(Level level, std::string_view event, std::initializer_list<Field> fields,
             Kind kind = Kind::kProcess);
  /// Lines dropped so far: the buffer was full, or the descriptor did not take them.
  CountByKind dropped() const;
  /// Writes what is buffered and ends the writer thread. Waits at most `patience`, and half a
  /// second more, for a descriptor that takes nothing. Lines written from now on are dropped.
  /// Returns how many buffered lines did not reach the descriptor; `dropped` counts them, too.
  std::uint64_t close(Duration patience);

 private:
  const Options options_;
  std::atomic<Level> least_;
  // Shared with the writer thread, which outlives this if the descriptor never takes a write.
  const std::shared_ptr<Buffer> buffer_;
};

}  // namespace sallyport::log
