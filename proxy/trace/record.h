// One message's whole story, once it has ended. A value that owns its text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/trace/story.h"

namespace sallyport::trace {

/// What became of one mail transaction. No content and no credentials.
struct Record {
  /// Recipients that are kept by name; `recipients` counts them all.
  static constexpr std::size_t kMostNamed = 50;

  std::string id = {};  ///< Our transaction id.
  std::string message_id =
      {};  ///< Of the header; empty: none, or the content did not come to its end.
  std::string user = {};
  std::string client = {};    ///< The client's IP address.
  std::string listener = {};  ///< The address it came in by.
  std::string ehlo = {};
  std::string from = {};             ///< The reverse-path; empty for `<>`.
  std::vector<std::string> to = {};  ///< The first forward-paths.
  std::size_t recipients = 0;
  std::uint64_t size = 0;        ///< Octets of content received.
  std::string result = {};       ///< As the log's field `result`.
  std::string cause = {};        ///< As the log's field `cause`; empty: none.
  std::string error = {};        ///< The same in words, if the connection to the client ended it.
  int code = 0;                  ///< Of the reply that the client heard; 0: it heard none.
  std::string reply = {};        ///< That reply, in one line.
  std::string upstream = {};     ///< The last one asked; empty: none was.
  std::string upstream_id = {};  ///< The id that it gave to the message.
  WallTime ended = {};
  TimePoint began = {};  ///< When MAIL came; the times of steps count from it.
  Duration total{};      ///< From MAIL to the end.
  std::vector<Step> steps = {};
  std::size_t steps_left_out = 0;

  /// Octets of memory, about.
  std::size_t octets() const;
};

/// For people: a head, then a line for each step with its time. Control characters are replaced.
std::string to_text(const Record& record);
/// A JSON object; times in seconds.
std::string to_json(const Record& record);

/// A text for a terminal: what would move the cursor or hide something is replaced by '?'.
std::string printable(std::string_view text);
/// Seconds with microseconds: "0.048120".
std::string in_seconds(Duration span);
/// RFC 3339, in UTC, with milliseconds.
std::string timestamp(WallTime when);

}  // namespace sallyport::trace
