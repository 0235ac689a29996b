// Reads log lines back, strictly and without any code of the writer: tests hold what was written
// against what a log pipeline would understand.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/log.h"

namespace sallyport::support {

/// One field of a line.
struct LogField {
  std::string key;
  std::string value;    ///< Of texts: with the escapes undone.
  bool is_text = true;  ///< JSON: a string, and not a number or boolean. logfmt: always.

  bool operator==(const LogField&) const = default;
};

/// A line in the order of its fields, or what is wrong with it.
using LogLine = std::expected<std::vector<LogField>, std::string>;

/// Reads one line of logfmt, without its newline: `key=value` and `key="value"`, with one space
/// between two of them.
LogLine parse_logfmt(std::string_view line);

/// Reads one line that is a JSON object (RFC 8259) of texts, numbers and booleans.
LogLine parse_json_line(std::string_view line);

LogLine parse_log_line(log::Format format, std::string_view line);

/// The value of a field; empty if the line does not have it.
std::string value_of(const std::vector<LogField>& line, std::string_view key);

/// What is wrong with a whole log, such as a NUL or a line that can't be read or is too long; empty
/// when nothing is.
std::string fault_of_log(log::Format format, std::string_view text);

}  // namespace sallyport::support
