#include "proxy/config/values.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include "proxy/base/ascii.h"
#include "proxy/config/numbers.h"

namespace sallyport::config {
namespace {

constexpr std::string_view kMappedPrefix = "::ffff:";
constexpr std::size_t kLongestDomain = 253;
constexpr std::size_t kLongestLabel = 63;

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

struct DurationUnit {
  std::string_view name;
  milliseconds length;
};

// Larger first: the order in which they may follow each other.
constexpr auto kDurationUnits = std::to_array<DurationUnit>({{"d", days(1)},
                                                             {"h", hours(1)},
                                                             {"m", minutes(1)},
                                                             {"s", seconds(1)},
                                                             {"ms", milliseconds(1)}});
constexpr milliseconds kLongestDuration = days(36500);

std::unexpected<Error> not_a_duration() {
  return fail(ErrorCode::kInvalid,
              "expected a duration such as \"30s\", \"5m\", \"1h30m\" or \"250ms\"");
}

std::unexpected<Error> not_an_endpoint() {
  return fail(ErrorCode::kInvalid,
              "expected an IP address and a port, such as \"[::]:465\" or \"127.0.0.1:2525\"");
}

/// The literal in its canonical form, or nullopt.
std::optional<std::string> canonical(int family, std::string_view text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  std::array<char, INET6_ADDRSTRLEN> out{};
  if (text.contains('\0')) return std::nullopt;
  if (inet_pton(family, std::string(text).c_str(), bytes.data()) != 1) return std::nullopt;
  if (!inet_ntop(family, bytes.data(), out.data(), out.size())) return std::nullopt;
  return std::string(out.data());
}

}  // namespace

Result<milliseconds> parse_duration(std::string_view text) {
  if (text.empty()) return not_a_duration();
  milliseconds total{0};
  auto unit = kDurationUnits.begin();
  while (!text.empty()) {
    const auto amount = take_number(text);
    if (!amount) return not_a_duration();
    std::size_t letters = 0;
    while (letters < text.size() && ascii::is_alpha(text[letters])) ++letters;
    const std::string_view name = text.substr(0, letters);
    text.remove_prefix(letters);
    while (unit != kDurationUnits.end() && unit->name != name) ++unit;
    if (unit == kDurationUnits.end()) return not_a_duration();
    const std::uint64_t most = static_cast<std::uint64_t>(kLongestDuration / unit->length);
    if (*amount > most) return not_a_duration();
    total += unit->length * static_cast<std::int64_t>(*amount);
    ++unit;
  }
  return total;
}

Result<std::uint64_t> parse_size(std::string_view text) {
  const auto size = take_size(text);
  if (!size || !text.empty()) {
    return fail(ErrorCode::kInvalid,
                "expected a size such as \"25 MiB\" or \"512 KB\", or a number of octets");
  }
  return *size;
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return not_an_endpoint();
  std::string_view host = text.substr(0, colon);
  std::string_view digits = text.substr(colon + 1);
  const bool bracketed = host.size() >= 2 && host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = canonical(bracketed ? AF_INET6 : AF_INET, host);
  const auto port = take_number(digits);
  if (!address || !port || !digits.empty()) return not_an_endpoint();
  if (*port > std::numeric_limits<std::uint16_t>::max()) return not_an_endpoint();
  return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

std::string str(const Endpoint& endpoint) {
  const bool ipv6 = endpoint.host.contains(':');
  return fmt::format("{}{}{}:{}", ipv6 ? "[" : "", endpoint.host, ipv6 ? "]" : "", endpoint.port);
}

namespace {

bool is_every_address(std::string_view host) { return host == "0.0.0.0" || host == "::"; }

}  // namespace

bool overlap(const Endpoint& one, const Endpoint& other) {
  if (one.port == 0 || one.port != other.port) return false;
  return one.host == other.host || is_every_address(one.host) || is_every_address(other.host);
}

bool is_reached_at(const Endpoint& endpoint, std::string_view host, std::uint16_t port) {
  if (endpoint.port == 0 || endpoint.port != port) return false;
  if (is_loopback(host)) return is_every_address(endpoint.host) || is_loopback(endpoint.host);
  const auto literal = canonical(host.contains(':') ? AF_INET6 : AF_INET, host);
  return literal && *literal == endpoint.host;
}

std::string str(milliseconds duration) {
  if (duration == milliseconds(0)) return "0s";
  std::string text;
  for (const DurationUnit& unit : kDurationUnits) {
    const auto amount = duration / unit.length;
    duration %= unit.length;
    if (amount != 0) text += fmt::format("{}{}", amount, unit.name);
  }
  return text;
}

bool is_loopback(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  if (ascii::equals_ignoring_case(host, "localhost")) return true;
  if (const auto ipv6 = canonical(AF_INET6, host)) {
    if (!ipv6->starts_with(kMappedPrefix)) return *ipv6 == "::1";
    return canonical(AF_INET, ipv6->substr(kMappedPrefix.size())).value_or("").starts_with("127.");
  }
  return canonical(AF_INET, host).value_or("").starts_with("127.");
}

bool is_ip_literal(std::string_view text) {
  return canonical(AF_INET, text).has_value() || canonical(AF_INET6, text).has_value();
}

bool is_domain(std::string_view text) {
  if (text.empty() || text.size() > kLongestDomain) return false;
  while (true) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    const std::string_view label = text.substr(0, dot);
    if (label.empty() || label.size() > kLongestLabel) return false;
    if (label.starts_with('-') || label.ends_with('-')) return false;
    for (const char c : label) {
      if (!ascii::is_alnum(c) && c != '-') return false;
    }
    if (dot == text.size()) return true;
    text.remove_prefix(dot + 1);
  }
}

}  // namespace sallyport::config
