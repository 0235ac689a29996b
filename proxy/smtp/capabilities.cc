#include "proxy/smtp/capabilities.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "proxy/base/ascii.h"

namespace sallyport::smtp {
namespace {

std::string upper(std::string_view text) {
  std::string raised(text);
  std::ranges::transform(raised, raised.begin(), ascii::to_upper);
  return raised;
}

/// Takes the next word off the front of `text`; empty when there is none.
std::string_view take_word(std::string_view& text) {
  text = ascii::trim(text);
  const std::string_view word = text.substr(0, text.find_first_of(" \t"));
  text.remove_prefix(word.size());
  return word;
}

void read_auth(std::string_view mechanisms, Capabilities& offered) {
  for (auto word = take_word(mechanisms); !word.empty(); word = take_word(mechanisms)) {
    // Servers that say both AUTH and AUTH= name everything twice.
    if (!offered.offers_auth(word)) offered.auth.push_back(upper(word));
  }
}

std::uint64_t number_or_zero(std::string_view digits) {
  std::uint64_t number = 0;
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return fault == std::errc() && end == digits.data() + digits.size() ? number : 0;
}

/// RFC 1870 section 3: SIZE may come without a number, and 0 means that there is no fixed limit. A
/// number that cannot be read is no limit we could hold anyone to.
void read_size(std::string_view text, Capabilities& offered) {
  offered.has_size = true;
  offered.size = number_or_zero(take_word(text));
}

/// RFC 9422 section 4: `LIMITS RCPTMAX=100 MAILMAX=50`; what is not known there is skipped.
void read_limits(std::string_view text, Capabilities& offered) {
  for (auto word = take_word(text); !word.empty(); word = take_word(text)) {
    const std::size_t equals = word.find('=');
    if (equals == word.npos) continue;
    const std::string_view limit = word.substr(0, equals);
    const std::uint64_t value = number_or_zero(word.substr(equals + 1));
    if (ascii::equals_ignoring_case(limit, "MAILMAX")) offered.limits.mail_max = value;
    if (ascii::equals_ignoring_case(limit, "RCPTMAX")) offered.limits.rcpt_max = value;
  }
}

/// A keyword without parameters, and what it switches on.
struct Flag {
  std::string_view keyword;
  bool Capabilities::* offered;
};

constexpr Flag kFlags[] = {
    {"PIPELINING", &Capabilities::pipelining},
    {"8BITMIME", &Capabilities::eight_bit_mime},
    {"ENHANCEDSTATUSCODES", &Capabilities::enhanced_status_codes},
    {"STARTTLS", &Capabilities::starttls},
    {"CHUNKING", &Capabilities::chunking},
    {"BINARYMIME", &Capabilities::binary_mime},
    {"SMTPUTF8", &Capabilities::smtputf8},
    {"DSN", &Capabilities::dsn},
    {"REQUIRETLS", &Capabilities::require_tls},
    {"MT-PRIORITY", &Capabilities::mt_priority},
};

// Said by servers from before RFC 2554, and by those that please clients from before it.
constexpr std::string_view kOldAuth = "AUTH=";

}  // namespace

bool Capabilities::offers_auth(std::string_view mechanism) const {
  return std::ranges::any_of(auth, [&](std::string_view offered) {
    return ascii::equals_ignoring_case(offered, mechanism);
  });
}

Capabilities parse_capabilities(const Reply& ehlo) {
  Capabilities offered;
  for (std::size_t i = 1; i < ehlo.lines.size(); ++i) {  // the first line is the server's name
    std::string_view line = ehlo.lines[i];
    if (ascii::starts_with_ignoring_case(line, kOldAuth)) {
      read_auth(line.substr(kOldAuth.size()), offered);
      continue;
    }
    const std::string_view keyword = take_word(line);
    for (const Flag& flag : kFlags) {
      if (ascii::equals_ignoring_case(keyword, flag.keyword)) offered.*flag.offered = true;
    }
    if (ascii::equals_ignoring_case(keyword, "AUTH")) read_auth(line, offered);
    if (ascii::equals_ignoring_case(keyword, "SIZE")) read_size(line, offered);
    if (ascii::equals_ignoring_case(keyword, "LIMITS")) read_limits(line, offered);
  }
  return offered;
}

void withhold(Capabilities& offered, const ExtensionSet& usable) {
  for (const Flag& flag : kFlags) {
    const auto extension = extension_named(flag.keyword);
    if (!extension || *extension == Extension::kStarttls) continue;
    if (!usable.has(*extension)) offered.*flag.offered = false;
  }
  if (!usable.has(Extension::kSize)) {
    offered.has_size = false;
    offered.size = 0;
  }
  if (!usable.has(Extension::kLimits)) offered.limits = {};
}

Reply ehlo_reply(std::string_view hostname, std::string_view client, const Capabilities& offered) {
  Reply reply(250, fmt::format("{} greets {}", hostname, client));
  for (const Flag& flag : kFlags) {
    if (offered.*flag.offered) reply.lines.emplace_back(flag.keyword);
  }
  if (offered.has_size) {
    reply.lines.push_back(offered.size == 0 ? "SIZE" : fmt::format("SIZE {}", offered.size));
  }
  if (offered.limits != Limits{}) {
    std::string& line = reply.lines.emplace_back("LIMITS");
    if (offered.limits.mail_max != 0) line += fmt::format(" MAILMAX={}", offered.limits.mail_max);
    if (offered.limits.rcpt_max != 0) line += fmt::format(" RCPTMAX={}", offered.limits.rcpt_max);
  }
  if (!offered.auth.empty()) {
    reply.lines.push_back(fmt::format("AUTH {}", fmt::join(offered.auth, " ")));
  }
  return reply;
}

}  // namespace sallyport::smtp
