#include "proxy/net/server_names.h"

#include <algorithm>
#include <array>

#include "proxy/base/ascii.h"

namespace sallyport::net {
namespace {

constexpr std::size_t kLongestName = 253;
constexpr std::size_t kLongestLabel = 63;

/// Labels of letters, digits, hyphens and, as people do write them, underscores.
bool is_host_name(std::string_view name) {
  std::size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if ((!ascii::is_alnum(c) && c != '-' && c != '_') || ++label > kLongestLabel) {
      return false;
    }
  }
  return label > 0;
}

std::string_view without_root(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

}  // namespace

std::optional<std::string> certificate_name(std::string_view dns_name) {
  std::string_view name = without_root(dns_name);
  if (name.size() > kLongestName) return std::nullopt;
  std::string_view rest = name;
  if (rest.starts_with("*.")) rest.remove_prefix(2);
  if (!is_host_name(rest)) return std::nullopt;
  return ascii::lower(name);
}

bool ServerNames::add(std::string_view name, bool is_ecdsa, std::size_t certificate) {
  Choice& choice = choices_[std::string(name)];
  auto& place = is_ecdsa ? choice.ecdsa : choice.rsa;
  if (place) return false;
  place = certificate;
  return true;
}

const Choice* ServerNames::find(std::string_view server_name) const {
  server_name = without_root(server_name);
  if (server_name.empty() || server_name.size() > kLongestName) return nullptr;
  // The last octet of the first label will make room for a wildcard.
  std::array<char, kLongestName> lower;
  std::ranges::transform(server_name, lower.begin(), ascii::to_lower);
  const std::string_view name(lower.data(), server_name.size());
  if (name.front() == '*') return nullptr;  // nobody is called so
  if (const auto exact = choices_.find(name); exact != choices_.end()) return &exact->second;
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos || dot == 0) return nullptr;
  lower[dot - 1] = '*';
  const auto wildcard = choices_.find(name.substr(dot - 1));
  return wildcard != choices_.end() ? &wildcard->second : nullptr;
}

Choice ServerNames::choice(std::string_view name) const {
  const auto found = choices_.find(name);
  return found != choices_.end() ? found->second : Choice{};
}

}  // namespace sallyport::net
