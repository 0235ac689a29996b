// Log lines: whatever is put in, a strict reader gets one line in each format, not longer than a
// line may be, with the same fields in both; a text that is not whole is named in `cut`.
#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/log.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/log_lines.h"

namespace sallyport::log {
namespace {

using Fields = std::vector<support::LogField>;

Fields read(Format format, const std::vector<std::string>& values) {
  Line line(format, Level::kInfo, "e", WallTime(std::chrono::seconds(1767323045)));
  for (std::size_t i = 0; i < values.size(); ++i) line.field("v" + std::to_string(i), values[i]);
  line.field("number", values.size());
  const std::string text = std::move(line).finish();
  FUZZ_CHECK(support::fault_of_log(format, text).empty());
  FUZZ_CHECK(text.find('\n') == text.size() - 1);
  auto fields = support::parse_log_line(format, std::string_view(text).substr(0, text.size() - 1));
  FUZZ_CHECK(fields);
  return std::move(*fields);
}

/// Both are the value with its ending left out, where either is not whole.
void check_same(const Fields& a, const Fields& b) {
  const bool whole = support::value_of(a, "cut").empty() && support::value_of(b, "cut").empty();
  for (const support::LogField& field : a) {
    const std::string other = support::value_of(b, field.key);
    FUZZ_CHECK(!whole || field.value == other);
    if (field.key != "cut" && field.key != "number") {
      FUZZ_CHECK(field.value.starts_with(other) || other.starts_with(field.value));
    }
  }
}

}  // namespace
}  // namespace sallyport::log

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sallyport;
  std::string_view input = fuzz::text(data, size);
  // Values are cut at 0xff; each comes as often as its first octet says, so that some are long.
  std::vector<std::string> values;
  while (!input.empty()) {
    const std::size_t end = std::min(input.find('\xff'), input.size());
    const std::string_view piece = input.substr(0, end);
    std::string value(piece);
    const std::size_t times = piece.empty() ? 0 : static_cast<unsigned char>(piece[0]) % 64;
    for (std::size_t i = 0; i < times && value.size() < 65536; ++i) value += piece;
    values.push_back(std::move(value));
    input.remove_prefix(std::min(end + 1, input.size()));
  }
  log::check_same(log::read(log::Format::kLogfmt, values), log::read(log::Format::kJson, values));
  return 0;
}
