#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "exercise.h"

namespace sallyport::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Exposition, ShowsWhatWasCounted) {
  const auto page = exercised_registry()->expose();
  const char* lines[] = {
      "# TYPE sallyport_messages_total counter",
      "sallyport_connections_total{listener=\"[::]:465\"} 1",
      "sallyport_tls_handshakes_total{listener=\"[::]:465\",version=\"1.3\",resumed=\"true\"} 1",
      "sallyport_tls_handshakes_total{listener=\"[::]:465\",version=\"1.3\",resumed=\"false\"} 0",
      "sallyport_auth_total{mechanism=\"PLAIN\",result=\"accepted\"} 1",
      "sallyport_messages_total{user=\"billing\",result=\"accepted\"} 1",
      "sallyport_message_bytes_total{user=\"billing\",result=\"accepted\"} 10240",
      "sallyport_recipients_total{user=\"billing\",result=\"accepted\"} 3",
      "sallyport_limit_refusals_total{user=\"billing\",limit=\"messages\"} 1",
      "sallyport_recipients_refused_total{user=\"billing\",reason=\"overflow\"} 1",
      "sallyport_upstream_messages_total{upstream=\"ses\",result=\"accepted\"} 1",
      "sallyport_upstream_pool_connections{upstream=\"ses\",state=\"busy\"} 1",
      "# TYPE sallyport_delivery_seconds histogram",
      "sallyport_upstream_transaction_seconds_count{upstream=\"ses\"} 1",
      "sallyport_upstream_transaction_seconds_bucket{upstream=\"ses\",le=\"+Inf\"} 1",
      "sallyport_config_reloads_total{result=\"success\"} 1",
      "sallyport_certificate_expiry_timestamp_seconds 1800000000",
      "sallyport_certificates_failed 1",
      "sallyport_content_bytes 4096",
      "sallyport_content_limit_bytes 536870912",
      "sallyport_log_lines_dropped_total{kind=\"transaction\"} 2",
      "sallyport_refused_commands_total{listener=\"[::]:465\",verb=\"MAIL\",code=\"550\"} 1",
      "sallyport_start_time_seconds 1700000000",
      "sallyport_build_info{version=\"1.2.3\"} 1",
  };
  for (const auto* line : lines) EXPECT_THAT(page, HasSubstr(std::string(line) + "\n"));
}

TEST(Exposition, HasNoExpiryOfACertificateThatIsNotThere) {
  EXPECT_THAT(Registry({}).expose(), Not(HasSubstr("certificate")));
}

TEST(Exposition, AUserNameCanForgeNothing) {
  Registry registry({});
  registry.for_user("a\"} 1\nforged_total 7\\").message(Outcome::kAccepted, 1, 1);
  EXPECT_THAT(registry.expose(),
              HasSubstr(R"({user="a\"} 1\nforged_total 7\\",result="accepted"} 1)"
                        "\n"));
}

// Every line has a form of the text format 0.0.4, every series belongs to the family announced
// above it and is there once. What promtool would say, for machines that have none.
TEST(Exposition, IsWellFormed) {
  std::istringstream page(exercised_registry()->expose());
  const std::regex help(R"(# HELP (sallyport_[a-z0-9_]+) [A-Z].*\.)");
  const std::regex type(R"(# TYPE (sallyport_[a-z0-9_]+) (counter|gauge|histogram))");
  const std::regex sample(
      R"re((sallyport_[a-z0-9_]+)(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? ([0-9.e+-]+))re");
  std::string family, kind;
  std::set<std::string> families, series;
  for (std::string line; std::getline(page, line);) {
    std::smatch match;
    if (std::regex_match(line, match, help)) {
      EXPECT_TRUE(families.insert(match[1]).second) << line;
      family = match[1];
    } else if (std::regex_match(line, match, type)) {
      EXPECT_EQ(match[1], family);
      kind = match[2];
      EXPECT_EQ(family.ends_with("_total"), kind == "counter") << family;
    } else {
      ASSERT_TRUE(std::regex_match(line, match, sample)) << line;
      EXPECT_TRUE(series.insert(std::string(match[1]) + match[2].str()).second) << line;
      const std::string suffix = match[1].str().substr(family.size());
      EXPECT_TRUE(
          suffix.empty() ||
          (kind == "histogram" && (suffix == "_bucket" || suffix == "_sum" || suffix == "_count")))
          << line;
    }
  }
}

TEST(Exposition, PromtoolFindsNothingToSay) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) GTEST_SKIP() << "no promtool";
  const std::string path = ::testing::TempDir() + "sallyport-exposition.txt";
  std::ofstream(path) << exercised_registry()->expose();
  const std::string command = "promtool check metrics 2>&1 <" + path;
  std::FILE* const pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string said;
  for (int c; (c = std::fgetc(pipe)) != EOF;) said.push_back(static_cast<char>(c));
  EXPECT_EQ(pclose(pipe), 0);
  EXPECT_EQ(said, "");
  std::remove(path.c_str());
}

// A scrape of a thousand users runs on the thread pool; it must still be quick. The bound is wide
// because sanitizers and shared machines are slow; the figure of a release build is in the log.
TEST(Exposition, OfAThousandUsersTakesMilliseconds) {
  Registry registry({});
  for (int n = 0; n < 1000; ++n) {
    registry.for_user("user-" + std::to_string(n)).message(Outcome::kAccepted, 10'000, 2);
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto page = registry.expose();
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
  RecordProperty("milliseconds", std::to_string(took.count()));
  RecordProperty("octets", std::to_string(page.size()));
  std::printf("%zu octets in %.1f ms\n", page.size(), took.count());
  EXPECT_LT(took.count(), 5000);
}

}  // namespace
}  // namespace sallyport::metrics
