#include "proxy/submission/refusal_log.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/log_lines.h"

namespace sallyport::submission {
namespace {

using namespace std::chrono_literals;

/// A log in memory and the object under test.
class Lines {
 public:
  Lines() : descriptor_(::memfd_create("log", 0)) {
    logger_.emplace(log::Logger::Options{.descriptor = descriptor_});
  }
  ~Lines() {
    logger_.reset();
    ::close(descriptor_);
  }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  RefusalLog::Client client(std::string_view ip) const { return {.listener = listener_, .ip = ip}; }
  log::Logger& logger() { return *logger_; }

  /// Ends the log; the lines of an event.
  std::vector<std::vector<support::LogField>> finish(std::string_view event) {
    logger_.reset();
    std::string text(static_cast<std::size_t>(::lseek(descriptor_, 0, SEEK_END)), '\0');
    EXPECT_EQ(::pread(descriptor_, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    EXPECT_EQ(support::fault_of_log(log::Format::kLogfmt, text), "");
    std::vector<std::vector<support::LogField>> lines;
    for (std::string_view rest = text; !rest.empty();) {
      const std::size_t end = rest.find('\n');
      auto line = support::parse_logfmt(rest.substr(0, end));
      if (line && support::value_of(*line, "event") == event) lines.push_back(std::move(*line));
      rest.remove_prefix(end + 1);
    }
    return lines;
  }

  RefusalLog refusals;
  TimePoint now = TimePoint(1h);

 private:
  int descriptor_;
  config::Endpoint listener_{"::", 465};
  std::optional<log::Logger> logger_;
};

TEST(RefusalLog, AFloodOfOneNetworkIsFewLinesAndACount) {
  Lines lines;
  for (int i = 0; i < 1000; ++i) {
    lines.refusals.handshake_failed(lines.logger(), lines.now, lines.client("192.0.2.1"), "no TLS");
  }
  lines.now += 11s;
  lines.refusals.handshake_failed(lines.logger(), lines.now, lines.client("192.0.2.1"), "no TLS");
  const auto all = lines.finish("tls_handshake_failed");
  ASSERT_EQ(all.size(), 11u);
  EXPECT_EQ(support::value_of(all[0], "listener"), "[::]:465");
  EXPECT_EQ(support::value_of(all[0], "suppressed"), "");
  EXPECT_EQ(support::value_of(all[10], "suppressed"), "990");
}

TEST(RefusalLog, AFloodOfManyNetworksIsBoundedToo) {
  Lines lines;
  std::size_t written = 0;
  for (int i = 0; i < 65536; ++i) {
    const std::string ip = "10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256);
    lines.refusals.login_failed(lines.logger(), lines.now, LoginFailure::kWrongPassword,
                                lines.client(ip), "PLAIN", "app");
  }
  written = lines.finish("auth").size();
  EXPECT_EQ(written, 100u);
}

TEST(RefusalLog, AFloodOfOneNetworkHidesNoOtherNetworkOrEvent) {
  Lines lines;
  for (int i = 0; i < 1000; ++i) {
    lines.refusals.login_failed(lines.logger(), lines.now, LoginFailure::kWrongPassword,
                                lines.client("192.0.2.1"), "PLAIN", "app");
  }
  // Some of these share the group of the first.
  for (int i = 1; i <= 64; ++i) {
    lines.refusals.login_failed(lines.logger(), lines.now, LoginFailure::kWrongPassword,
                                lines.client("198.51.100." + std::to_string(i)), "PLAIN", "other");
  }
  lines.refusals.login_failed(lines.logger(), lines.now, LoginFailure::kUnavailable,
                              lines.client("192.0.2.1"), "PLAIN", "app", "busy");
  const auto all = lines.finish("auth");
  std::size_t others = 0;
  bool has_unavailable = false;
  for (const auto& line : all) {
    others += support::value_of(line, "authcid") == "other";
    has_unavailable = has_unavailable || support::value_of(line, "cause") == "unavailable";
  }
  EXPECT_GT(others, 40u);
  EXPECT_TRUE(has_unavailable);
}

TEST(RefusalLog, MetricsNameVerbsAsCommandsDo) {
  for (std::size_t i = 0; i < metrics::kVerbNames.size(); ++i) {
    EXPECT_EQ(metrics::kVerbNames[i], smtp::name(static_cast<smtp::Verb>(i)));
  }
  EXPECT_EQ(static_cast<std::size_t>(smtp::Verb::kUnknown) + 1, metrics::kVerbNames.size());
}

}  // namespace
}  // namespace sallyport::submission
