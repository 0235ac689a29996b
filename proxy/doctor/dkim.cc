#include "proxy/doctor/dkim.h"

#include <fmt/format.h>

#include <algorithm>

#include "proxy/base/ascii.h"
#include "proxy/base/base64.h"
#include "proxy/doctor/tags.h"

namespace sallyport::doctor {
namespace {

// A SubjectPublicKeyInfo of RSA has so many octets beside its modulus: 1024 bits are 162 octets,
// 2048 are 294.
constexpr std::size_t kAroundModulus = 38;

std::string without_blanks(std::string_view text) {
  std::string result(text);
  std::erase_if(result, [](char c) { return ascii::is_wsp(c) || c == '\r' || c == '\n'; });
  return result;
}

/// Rounded to what keys are made with: the modulus is not looked at.
std::size_t rsa_bits(std::size_t octets) {
  const std::size_t bits = octets > kAroundModulus ? (octets - kAroundModulus) * 8 : 0;
  return (bits + 64) / 128 * 128;
}

}  // namespace

bool is_dkim_key(std::string_view text) {
  if (has_version(text, "DKIM1")) return true;
  const auto tags = parse_tags(text);
  return tags && tags->find("p").has_value() && !tags->find("v");
}

std::expected<DkimKey, std::string> parse_dkim_key(std::string_view text) {
  const auto tags = parse_tags(text);
  if (!tags) return std::unexpected(tags.error());
  DkimKey key;
  if (const auto type = tags->find("k")) key.type = ascii::lower(*type);
  if (const auto flags = tags->find("t")) {
    key.is_testing = std::ranges::any_of(without_blanks(*flags), [](char c) { return c == 'y'; });
  }
  const auto data = tags->find("p");
  if (!data) return std::unexpected("it has no key: \"p=\" is missing");
  const std::string encoded = without_blanks(*data);
  key.revoked = encoded.empty();
  if (key.revoked) return key;
  const auto octets = base64::decode(encoded);
  if (!octets) return std::unexpected("its key is no base64: perhaps a part of it is missing");
  if (key.type == "rsa") key.bits = rsa_bits(octets->size());
  if (key.type != "rsa" && key.type != "ed25519") {
    return std::unexpected(fmt::format("its key is of the unknown type \"{}\"", key.type));
  }
  return key;
}

}  // namespace sallyport::doctor
