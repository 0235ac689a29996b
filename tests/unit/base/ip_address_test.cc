#include "proxy/base/ip_address.h"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

TEST(IpAddress, IsReadAndWritten) {
  const struct {
    std::string_view text;
    std::string_view canonical;
    bool v4;
    bool loopback;
  } cases[] = {
      {"192.0.2.1", "192.0.2.1", true, false},
      {"127.8.9.1", "127.8.9.1", true, true},
      {"::ffff:192.0.2.1", "192.0.2.1", true, false},
      {"::FFFF:127.0.0.1", "127.0.0.1", true, true},
      {"2001:DB8:0:0::1", "2001:db8::1", false, false},
      {"::1", "::1", false, true},
      {"::", "::", false, false},
      {"0.0.0.0", "0.0.0.0", true, false},
  };
  for (const auto& c : cases) {
    const auto address = IpAddress::parse(c.text);
    ASSERT_TRUE(address) << c.text;
    EXPECT_EQ(address->str(), c.canonical);
    EXPECT_EQ(address->is_v4(), c.v4) << c.text;
    EXPECT_EQ(address->is_loopback(), c.loopback) << c.text;
  }
}

TEST(IpAddress, IsOfTheNetworkOfOneCustomer) {
  const struct {
    const char* one;
    const char* other;
    bool same;
  } cases[] = {
      {"192.0.2.1", "::ffff:192.0.2.1", true},
      {"192.0.2.1", "192.0.2.2", false},
      {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
      {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
      {"0.0.0.0", "::", false},
  };
  for (const auto& [one, other, same] : cases) {
    EXPECT_EQ(ip(one).network() == ip(other).network(), same) << one << ' ' << other;
  }
}

TEST(IpAddress, IsALiteralAndNothingElse) {
  for (const std::string_view text :
       {"", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", " 1.2.3.4", "1.2.3.4 ", "[::1]",
        "fe80::1%eth0", "::1::", "localhost", "1.2.3.4:25",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
}

TEST(IpNetwork, ContainsWhatBeginsLikeIt) {
  const struct {
    std::string_view network;
    std::string_view address;
    bool inside;
  } cases[] = {
      {"10.0.0.0/8", "10.255.1.2", true},
      {"10.0.0.0/8", "11.0.0.0", false},
      {"10.0.0.0/8", "::ffff:10.1.1.1", true},
      {"192.0.2.128/25", "192.0.2.128", true},
      {"192.0.2.128/25", "192.0.2.127", false},
      {"192.0.2.7", "192.0.2.7", true},
      {"192.0.2.7", "192.0.2.6", false},
      {"0.0.0.0/0", "8.8.8.8", true},
      {"0.0.0.0/0", "2001:db8::1", false},
      {"::/0", "2001:db8::1", true},
      {"fd00::/8", "fdff::1", true},
      {"fd00::/8", "fe00::1", false},
      {"2001:db8::/33", "2001:db8:7fff::", true},
      {"2001:db8::/33", "2001:db8:8000::", false},
      {"::1", "::1", true},
      {"::1", "::", false},
  };
  for (const auto& c : cases) {
    const auto network = IpNetwork::parse(c.network);
    ASSERT_TRUE(network) << c.network;
    EXPECT_EQ(network->contains(ip(c.address)), c.inside) << c.network << ' ' << c.address;
  }
}

TEST(IpNetwork, IsWrittenWithItsLength) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"10.0.0.0/8", "10.0.0.0/8"},
      {"192.0.2.7", "192.0.2.7/32"},
      {"::1", "::1/128"},
      {"2001:DB8::/32", "2001:db8::/32"},
      {"::/0", "::/0"},
      {"0.0.0.0/0", "0.0.0.0/0"},
  };
  for (const auto& [text, canonical] : cases) {
    ASSERT_TRUE(IpNetwork::parse(text)) << text;
    EXPECT_EQ(IpNetwork::parse(text)->str(), canonical);
  }
}

TEST(IpNetwork, HasNoHostBits) {
  EXPECT_FALSE(IpNetwork::parse("10.0.0.1/8"));
  EXPECT_EQ(IpNetwork::meant_by("10.0.0.1/8")->str(), "10.0.0.0/8");
  EXPECT_EQ(IpNetwork::meant_by("2001:db8::1/32")->str(), "2001:db8::/32");
  EXPECT_FALSE(IpNetwork::meant_by("10.0.0.0/8"));
  EXPECT_FALSE(IpNetwork::meant_by("10/8"));
}

TEST(IpNetwork, IsNothingElse) {
  for (const std::string_view text :
       {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "::/129", "10.0.0.0/-1",
        "10.0.0.0/8/8", "10/8", "10.0.0.0/255.0.0.0", "10.0.0.0 /8", "example.com"}) {
    EXPECT_FALSE(IpNetwork::parse(text)) << text;
  }
}

}  // namespace
}  // namespace sallyport
