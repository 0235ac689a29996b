#include "tests/fuzz/session/expected_client.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "tests/fuzz/session/expected_message.h"

namespace sallyport::fuzz {
namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kLongestLine = 107;  // section 2.1
constexpr std::size_t kLongest = 4096;     // docs/configuration.md

Address mapped(const std::uint8_t* v4) {
  Address address;
  address.octets[10] = address.octets[11] = 0xff;
  std::copy_n(v4, 4, address.octets.begin() + 12);
  return address;
}

bool is_port(const std::string& text) {
  unsigned port = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  return error == std::errc() && stop == end && port <= 65535 && text == std::to_string(port);
}

/// Section 2.1: a line of words with one space between each two.
std::optional<Introduction> read_line(std::string_view said) {
  const std::size_t end = said.substr(0, kLongestLine).find("\r\n");
  if (end == said.npos) return std::nullopt;
  const std::string_view line = said.substr(0, end);
  if (line.find_first_of("\r\n") != line.npos) return std::nullopt;
  std::vector<std::string> words(1);
  for (const char c : line) {
    if (c == ' ') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  Introduction introduction{.size = end + 2};
  if (words.size() >= 2 && words[1] == "UNKNOWN") return introduction;
  if (words.size() != 6 || (words[1] != "TCP4" && words[1] != "TCP6")) return std::nullopt;
  const bool v6 = words[1] == "TCP6";
  for (const std::string& literal : {words[2], words[3]}) {
    if (literal.contains(':') != v6 || !Address::read(literal)) return std::nullopt;
  }
  if (!is_port(words[4]) || !is_port(words[5])) return std::nullopt;
  introduction.client = Address::read(words[2]);
  return introduction;
}

/// Section 2.2.
std::optional<Introduction> read_binary(std::string_view said) {
  if (said.size() < 16) return std::nullopt;
  const auto* const octets = reinterpret_cast<const std::uint8_t*>(said.data());
  const std::uint8_t family = octets[13];
  const std::size_t length = octets[14] * std::size_t{256} + octets[15];
  Introduction introduction{.size = 16 + length};
  if (introduction.size > kLongest || said.size() < introduction.size) return std::nullopt;
  if (octets[12] == 0x20) return introduction;  // LOCAL
  if (octets[12] != 0x21) return std::nullopt;
  const bool stream_or_datagram = (family & 0xf) == 1 || (family & 0xf) == 2;
  if (family != 0 && !stream_or_datagram) return std::nullopt;
  std::size_t needed = 0;
  switch (family >> 4) {
    case 0:
      if (family != 0) return std::nullopt;
      break;
    case 1:
      needed = 12;
      break;
    case 2:
      needed = 36;
      break;
    case 3:
      needed = 216;
      break;
    default:
      return std::nullopt;
  }
  if (length < needed) return std::nullopt;
  if (family == 0x11) introduction.client = mapped(octets + 16);
  if (family == 0x21) {
    introduction.client.emplace();
    std::copy_n(octets + 16, 16, introduction.client->octets.begin());
  }
  return introduction;
}

}  // namespace

std::optional<Address> Address::read(std::string_view literal) {
  if (literal.contains('\0')) return std::nullopt;
  const std::string text(literal);
  std::array<std::uint8_t, 4> v4{};
  if (inet_pton(AF_INET, text.c_str(), v4.data()) == 1) return mapped(v4.data());
  Address address;
  if (inet_pton(AF_INET6, text.c_str(), address.octets.data()) == 1) return address;
  return std::nullopt;
}

std::optional<Introduction> read_introduction(std::string_view said) {
  if (said.starts_with("PROXY ")) return read_line(said);
  if (said.starts_with(kSignature)) return read_binary(said);
  return std::nullopt;
}

bool is_foreign(std::string_view line) {
  for (const std::string_view beginning :
       {std::string_view("\x16\x03", 2), std::string_view("PROXY TCP4 "),
        std::string_view("PROXY TCP6 "), std::string_view("PROXY UNKNOWN")}) {
    if (line.starts_with(beginning)) return true;
  }
  const std::size_t end = line.find_first_of(" :\r\n");
  if (end == line.npos || end == 0) return false;
  const std::string word = upper(line.substr(0, end));
  const bool is_name = std::ranges::all_of(
      word, [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'; });
  if (line[end] == ':') return is_name && word.size() <= 64;
  static constexpr std::string_view kMethods =
      " GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH PROPFIND PROPPATCH MKCOL COPY MOVE "
      "LOCK "
      "UNLOCK PRI ";
  return line[end] == ' ' && is_name && kMethods.contains(' ' + word + ' ');
}

}  // namespace sallyport::fuzz
