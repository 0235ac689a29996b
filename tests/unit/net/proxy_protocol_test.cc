// The PROXY protocol by the letter of its text: what is a header, where it ends, whom it names.
#include "proxy/net/proxy_protocol.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>

namespace sallyport::net {
namespace {

using State = ProxyHeader::State;

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

/// A header of version 2: version and command, family and transport, what follows the length.
std::string v2(int command, int family, std::string_view rest) {
  std::string header(kSignature);
  header += static_cast<char>(command);
  header += static_cast<char>(family);
  header += static_cast<char>(rest.size() >> 8);
  header += static_cast<char>(rest.size() & 0xff);
  return header + std::string(rest);
}

const std::string kV4Block("\xc6\x33\x64\x07\x0a\x00\x00\x01\x30\x39\x01\xd1", 12);
const std::string kV6Block = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + '\x07' +
                             std::string("\xfd", 1) + std::string(15, '\0') + "\x30\x39\x01\xd1";

std::string client(const ProxyHeader& header) {
  return header.client ? header.client->str() : "none";
}

TEST(ProxyProtocol, NamesTheClient) {
  const std::string unix_block(216, 'x');
  const std::pair<std::string, std::string> cases[] = {
      {"PROXY TCP4 198.51.100.7 10.0.0.1 12345 465\r\n", "198.51.100.7"},
      {"PROXY TCP4 198.51.100.7 10.0.0.1 0 65535\r\n", "198.51.100.7"},
      {"PROXY TCP6 2001:db8::7 fd00::1 12345 465\r\n", "2001:db8::7"},
      // The longest there can be: 104 octets and the CRLF make 106.
      {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
       "65535 65535\r\n",
       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
      {"PROXY UNKNOWN\r\n", "none"},
      {"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "none"},
      {"PROXY UNKNOWN  whatever there is\r\n", "none"},
      {v2(0x21, 0x11, kV4Block), "198.51.100.7"},
      {v2(0x21, 0x21, kV6Block), "2001:db8::7"},
      // TLVs: of AWS, a CRC32c that is wrong, and what is none. Nobody looks.
      {v2(0x21, 0x11,
          kV4Block + std::string("\xea\x00\x03"
                                 "abc",
                                 6)),
       "198.51.100.7"},
      {v2(0x21, 0x11,
          kV4Block + std::string("\x03\x00\x04"
                                 "1234",
                                 7)),
       "198.51.100.7"},
      {v2(0x21, 0x21, kV6Block + std::string("\x01\xff\xff", 3)), "2001:db8::7"},
      {v2(0x21, 0x11, kV4Block + std::string(kMostProxyHeader - 28, 't')), "198.51.100.7"},
      // LOCAL: the proxy itself, for its health; whatever stands there is skipped.
      {v2(0x20, 0x00, ""), "none"},
      {v2(0x20, 0x11, kV4Block), "none"},
      {v2(0x20, 0xff, "x"), "none"},
      // Families that are not TCP over IP.
      {v2(0x21, 0x00, ""), "none"},
      {v2(0x21, 0x00, "TLVs"), "none"},
      {v2(0x21, 0x12, kV4Block), "none"},
      {v2(0x21, 0x22, kV6Block), "none"},
      {v2(0x21, 0x31, unix_block), "none"},
      {v2(0x21, 0x32, unix_block), "none"},
  };
  for (const auto& [octets, expected] : cases) {
    const ProxyHeader header = parse_proxy_header(octets);
    EXPECT_EQ(header.state, State::kWhole) << octets << ": " << header.reason;
    EXPECT_EQ(header.size, octets.size()) << octets;
    EXPECT_EQ(client(header), expected) << octets;
    // Whatever follows is the client's.
    for (const std::string_view behind : {"EHLO x\r\n", "\x16\x03\x01", "PROXY TCP4 ", "\n"}) {
      const ProxyHeader same = parse_proxy_header(octets + std::string(behind));
      EXPECT_EQ(same.state, State::kWhole) << octets;
      EXPECT_EQ(same.size, octets.size()) << octets;
      EXPECT_EQ(client(same), expected) << octets;
    }
    // And before the end nothing is decided.
    for (std::size_t size = 0; size < octets.size(); ++size) {
      EXPECT_EQ(parse_proxy_header(std::string_view(octets).substr(0, size)).state, State::kPartial)
          << octets << " cut at " << size;
    }
  }
}

TEST(ProxyProtocol, RefusesWhatIsNotQuiteAHeader) {
  const std::string too_short = kV4Block.substr(1);
  const std::pair<std::string, std::string_view> cases[] = {
      {"EHLO client.example\r\n", "no PROXY header"},
      {"\x16\x03\x01", "no PROXY header"},
      {"proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n", "no PROXY header"},
      {"PROXYTCP4", "no PROXY header"},
      {"\r\n\r\n\r", "no PROXY header"},
      {"PROXY\r\n", "no PROXY header"},
      {"PROXY \r\n", "a PROXY line that is not of TCP4, TCP6 or UNKNOWN"},
      {"PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n", "a PROXY line that is not of TCP4, TCP6 or UNKNOWN"},
      {"PROXY TCP5 1.2.3.4 1.2.3.4 1 1\r\n", "a PROXY line that is not of TCP4, TCP6 or UNKNOWN"},
      {"PROXY tcp4 1.2.3.4 1.2.3.4 1 1\r\n", "a PROXY line that is not of TCP4, TCP6 or UNKNOWN"},
      {"PROXY UNKNOWNS\r\n", "a PROXY line that is not of TCP4, TCP6 or UNKNOWN"},
      {"PROXY TCP4\r\n", "a PROXY line that is not of TCP4, TCP6 or UNKNOWN"},
      {"PROXY TCP4 \r\n", "a PROXY line that lacks a field"},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "a PROXY line that lacks a field"},
      {"PROXY TCP4 1.2.3.4  1.2.3.4 1 1\r\n", "a PROXY line that lacks a field"},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n", "a PROXY line with a bad port"},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n", "a PROXY line with a bad port"},
      {"PROXY TCP4 1.2.3.4\t1.2.3.4 1 1\r\n", "a PROXY line that lacks a field"},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n", "a PROXY line with a bad port"},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", "a PROXY line with a bad port"},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n", "a PROXY line with a bad port"},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 +1 1\r\n", "a PROXY line with a bad port"},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1 000001\r\n", "a PROXY line with a bad port"},
      {"PROXY TCP4 1.2.3 1.2.3.4 1 1\r\n",
       "a PROXY line with an address that is none of its family"},
      {"PROXY TCP4 01.2.3.4 1.2.3.4 1 1\r\n",
       "a PROXY line with an address that is none of its family"},
      {"PROXY TCP4 ::1 ::1 1 1\r\n", "a PROXY line with an address that is none of its family"},
      {"PROXY TCP6 1.2.3.4 ::1 1 1\r\n", "a PROXY line with an address that is none of its family"},
      {"PROXY TCP6 ::1 1.2.3.4 1 1\r\n", "a PROXY line with an address that is none of its family"},
      {"PROXY TCP6 [::1] ::1 1 1\r\n", "a PROXY line with an address that is none of its family"},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n", "a bare LF in a PROXY line"},
      {"PROXY TCP4 1.2.3.4\n", "a bare LF in a PROXY line"},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\rE", "a bare CR in a PROXY line"},
      {"PROXY UNKNOWN " + std::string(93, 'x'), "a PROXY line of more than 107 octets"},
      {v2(0x11, 0x11, kV4Block), "a PROXY header of a version that is not 2"},
      {v2(0x31, 0x11, kV4Block).substr(0, 13), "a PROXY header of a version that is not 2"},
      {v2(0x22, 0x11, kV4Block), "a PROXY header with an unknown command"},
      {v2(0x21, 0x10, kV4Block), "a PROXY header with an unknown family or transport"},
      {v2(0x21, 0x13, kV4Block), "a PROXY header with an unknown family or transport"},
      {v2(0x21, 0x41, kV4Block), "a PROXY header with an unknown family or transport"},
      {v2(0x21, 0x11, too_short), "a PROXY header that is too short for its addresses"},
      {v2(0x21, 0x21, kV4Block), "a PROXY header that is too short for its addresses"},
      {v2(0x21, 0x31, kV6Block), "a PROXY header that is too short for its addresses"},
      {v2(0x21, 0x11, std::string(kMostProxyHeader - 15, 't')).substr(0, 16),
       "a PROXY header of more than 4096 octets"},
  };
  for (const auto& [octets, reason] : cases) {
    const ProxyHeader header = parse_proxy_header(octets);
    EXPECT_EQ(header.state, State::kFault) << octets;
    EXPECT_EQ(header.reason, reason) << octets;
    // It cannot be mended by what follows.
    EXPECT_EQ(parse_proxy_header(octets + "\r\n 1 1\r\n").reason, reason) << octets;
  }
}

TEST(ProxyProtocol, ALineOfExactly107OctetsIsTheLongest) {
  const std::string longest = "PROXY UNKNOWN " + std::string(107 - 14 - 2, 'x') + "\r\n";
  EXPECT_EQ(longest.size(), kMostProxyLine);
  EXPECT_EQ(parse_proxy_header(longest).size, longest.size());
  const std::string longer = "PROXY UNKNOWN " + std::string(107 - 14 - 1, 'x') + "\r\n";
  EXPECT_EQ(parse_proxy_header(longer).reason, "a PROXY line of more than 107 octets");
}

TEST(ProxyProtocol, IsKnownWhereItIsNotDue) {
  EXPECT_TRUE(looks_like_proxy_header("PROXY TCP4 1.2.3.4"));
  EXPECT_TRUE(looks_like_proxy_header("PROXY TCP6 "));
  EXPECT_TRUE(looks_like_proxy_header("PROXY UNKNOWN\r\n"));
  EXPECT_TRUE(looks_like_proxy_header(v2(0x21, 0x11, kV4Block)));
  for (const std::string_view octets : {"", "PROXY", "PROXY me\r\n", "\r\n\r\n", "EHLO x\r\n"}) {
    EXPECT_FALSE(looks_like_proxy_header(octets)) << octets;
  }
}

}  // namespace
}  // namespace sallyport::net
