#include "proxy/config/values.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "proxy/config/numbers.h"
#include "proxy/config/rate.h"

namespace sallyport::config {
namespace {

using namespace std::chrono_literals;

TEST(Duration, IsWholeNumbersWithUnitsTheLargerFirst) {
  const struct {
    std::string_view text;
    milliseconds value;
  } cases[] = {
      {"30s", 30s},         {"5m", 5min}, {"1h30m", 90min},
      {"250ms", 250ms},     {"7d", 168h}, {"1d2h3m4s5ms", 26h + 3min + 4s + 5ms},
      {"1m500ms", 60500ms}, {"0s", 0s},   {"36500d", std::chrono::days(36500)},
  };
  for (const auto& c : cases) {
    const auto duration = parse_duration(c.text);
    ASSERT_TRUE(duration) << c.text;
    EXPECT_EQ(*duration, c.value) << c.text;
    EXPECT_EQ(str(*duration), c.text);
  }
}

TEST(Duration, IsNothingElse) {
  for (const std::string_view text :
       {"", "30", "s", "30 s", "1.5h", "-1s", "+1s", "30S", "30m1h", "1m1m", "5min", "1s2",
        "36501d", "99999999999999999999s", "9223372036854775807ms", "9223372036854775807d"}) {
    const auto duration = parse_duration(text);
    ASSERT_FALSE(duration) << text;
    EXPECT_EQ(duration.error().text,
              "expected a duration such as \"30s\", \"5m\", \"1h30m\" or \"250ms\"");
  }
}

TEST(Size, IsOctetsOrHasAUnit) {
  const struct {
    std::string_view text;
    std::uint64_t octets;
  } cases[] = {
      {"1024", 1024},
      {"0", 0},
      {"10B", 10},
      {"512KB", 512'000},
      {"25 MiB", 26214400},
      {"25mib", 26214400},
      {"1 GB", 1'000'000'000},
      {"3 \tKiB", 3072},
      {"2GiB", 2147483648},
  };
  for (const auto& c : cases) {
    const auto size = parse_size(c.text);
    ASSERT_TRUE(size) << c.text;
    EXPECT_EQ(*size, c.octets) << c.text;
  }
}

TEST(Size, IsNothingElse) {
  for (const std::string_view text : {"", "MiB", "25 M", "25 Mb/s", "1.5 MiB", "-1", " 1", "1 ",
                                      "1 MiB ", "18446744073709551615", "9000000000 GiB"}) {
    const auto size = parse_size(text);
    ASSERT_FALSE(size) << text;
    EXPECT_EQ(size.error().text,
              "expected a size such as \"25 MiB\" or \"512 KB\", or a number of octets");
  }
}

TEST(Size, IsShownInTheLargestWholeUnit) {
  EXPECT_EQ(size_str(26214400), "25 MiB");
  EXPECT_EQ(size_str(25'000'000), "25 MB");
  EXPECT_EQ(size_str(1ull << 40), "1024 GiB");
  EXPECT_EQ(size_str(1001), "1001 octets");
  EXPECT_EQ(size_str(1), "1 octet");
  EXPECT_EQ(size_str(0), "0 octets");
}

TEST(EndpointText, IsAnAddressAndAPort) {
  const struct {
    std::string_view text;
    Endpoint endpoint;
    std::string_view canonical;
  } cases[] = {
      {"127.0.0.1:2525", {"127.0.0.1", 2525}, "127.0.0.1:2525"},
      {"0.0.0.0:587", {"0.0.0.0", 587}, "0.0.0.0:587"},
      {"[::]:465", {"::", 465}, "[::]:465"},
      {"[2001:DB8:0:0::1]:25", {"2001:db8::1", 25}, "[2001:db8::1]:25"},
      {"[::ffff:10.0.0.1]:25", {"::ffff:10.0.0.1", 25}, "[::ffff:10.0.0.1]:25"},
      {"127.0.0.1:0", {"127.0.0.1", 0}, "127.0.0.1:0"},
      {"127.0.0.1:65535", {"127.0.0.1", 65535}, "127.0.0.1:65535"},
  };
  for (const auto& c : cases) {
    const auto endpoint = parse_endpoint(c.text);
    ASSERT_TRUE(endpoint) << c.text;
    EXPECT_EQ(*endpoint, c.endpoint) << c.text;
    EXPECT_EQ(str(*endpoint), c.canonical);
  }
}

TEST(EndpointText, IsNothingElse) {
  for (const std::string_view text :
       {"", ":", ":25", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
        "127.0.0.1:2x", "127.1:25", "::1:25", "[::1]", "[::1]25", "[127.0.0.1]:25", "[]:25", "[:25",
        "localhost:25", "*:25", " 127.0.0.1:25", "[fe80::1%eth0]:25"}) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_FALSE(endpoint) << text;
    EXPECT_EQ(endpoint.error().text,
              "expected an IP address and a port, such as \"[::]:465\" or \"127.0.0.1:2525\"");
  }
  EXPECT_FALSE(parse_endpoint(std::string_view("127.0.0.1\0:25", 13)));
}

TEST(Rate, IsAnAmountPerPeriod) {
  const struct {
    std::string_view text;
    Rate rate;
  } cases[] = {
      {"1/second", {1, 1s, 1}},
      {"100/minute", {100, 60s, 100}},
      {"5000/day burst 200", {5000, 86400s, 200}},
      {"100 / hour  burst  1000", {100, 3600s, 1000}},
      {"100000000000000/day", {kMostInRate, 86400s, kMostInRate}},
  };
  for (const auto& c : cases) {
    const auto rate = parse_rate(c.text, false);
    ASSERT_TRUE(rate) << c.text;
    EXPECT_EQ(*rate, c.rate) << c.text;
  }
  EXPECT_EQ(parse_rate("1 GiB/day burst 50MB", true), (Rate{1ull << 30, 86400s, 50'000'000}));
  EXPECT_EQ(parse_rate("1000/second", true), (Rate{1000, 1s, 1000}));
}

TEST(Rate, IsNothingElse) {
  for (const std::string_view text :
       {"", "100", "100/", "/minute", "0/minute", "100/min", "100/minutes", "100/Minute",
        "1.5/minute", "-1/minute", "100/minute burst", "100/minute burst 0", "100/minuteburst 5",
        "100/minute burst5", "100/minute 5", "100/minute burst 5 ", "100 MB/minute",
        "100000000000001/day"}) {
    const auto rate = parse_rate(text, false);
    ASSERT_FALSE(rate) << text;
    EXPECT_EQ(
        rate.error().text,
        "expected a rate such as \"100/minute\" or \"5000/day burst 200\", per second, minute, "
        "hour or day");
  }
  EXPECT_EQ(parse_rate("5 bananas/day", true).error().text,
            "expected a rate such as \"100 MB/hour\" or \"1 GiB/day burst 50 MiB\", per second, "
            "minute, hour or day");
}

TEST(Loopback, IsALiteralOrLocalhost) {
  for (const std::string_view host :
       {"127.0.0.1", "127.9.9.9", "::1", "0:0::1", "::ffff:127.0.0.1", "localhost", "LocalHost"}) {
    EXPECT_TRUE(is_loopback(host)) << host;
  }
  for (const std::string_view host :
       {"", "0.0.0.0", "::", "10.0.0.1", "::ffff:10.0.0.1", "128.0.0.1", "127.0.0.1.example.com",
        "127.0.0", "localhost.example.com"}) {
    EXPECT_FALSE(is_loopback(host)) << host;
  }
}

TEST(Domain, IsDotSeparatedLabels) {
  const std::string longest_label(63, 'a');
  for (const std::string& name :
       {std::string("a"), std::string("mail.example.com"), std::string("xn--bcher-kva.example"),
        std::string("1.2"), fmt::format("{}.b", longest_label)}) {
    EXPECT_TRUE(is_domain(name)) << name;
  }
  for (const std::string_view name :
       {"", ".", "a.", ".a", "a..b", "-a", "a-", "a.b-", "a b", "a_b", "\xc3\xbc.example"}) {
    EXPECT_FALSE(is_domain(name)) << name;
  }
  EXPECT_FALSE(is_domain(longest_label + "a"));
  EXPECT_FALSE(is_domain(fmt::format("{0}.{0}.{0}.{0}", longest_label)));
}

}  // namespace
}  // namespace sallyport::config
