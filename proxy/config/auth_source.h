// `[[auth.source]]` beyond files of passwords: who else may say who a client is.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/ip_address.h"
#include "proxy/config/address_pattern.h"
#include "proxy/config/limits.h"
#include "proxy/config/oauth.h"
#include "proxy/config/place.h"

namespace sallyport::config {

/// `type` of a source that is asked when a client comes.
enum class SourceKind : std::uint8_t {
  kToken,       ///< Signed JSON Web Tokens, checked here.
  kKubernetes,  ///< The same, of a cluster's service accounts.
  kHttp,        ///< A webhook.
  kNetwork,     ///< Addresses that need no AUTH.
};

/// The word that `type` is.
std::string_view name_of(SourceKind kind);

/// One source. What its kind does not have is at its default.
struct AuthSource {
  SourceKind kind = SourceKind::kToken;
  std::string name;  ///< For logs, metrics and `sallyport auth`; by default the type.

  // Asked elsewhere.
  std::chrono::milliseconds timeout{5000};           ///< Of one check.
  std::chrono::milliseconds cache_lifetime{60'000};  ///< Of who was let in; 0: no cache.
  std::chrono::milliseconds grace{0};  ///< Who was let in so lately may come while it is away.
  std::uint32_t concurrency = 8;       ///< Requests at one time.
  std::string url;                     ///< Of the webhook, or the cluster's API.
  std::string ca;                      ///< PEM file of trusted roots; empty: the system's.
  SecretSource token;                  ///< Shown to the server; empty: none.

  // Tokens. All texts but `issuer` and `audience` may have {claims}.
  std::string issuer;  ///< Empty: whatever the cluster says of itself.
  std::string jwks;    ///< URL or path of the keys; empty: the issuer says it.
  std::vector<std::string> audience{};
  std::string user = "{sub}";
  std::vector<std::string> sender_templates{};  ///< Each an address pattern once it is filled.
  std::chrono::milliseconds leeway{30'000};
  std::chrono::milliseconds max_life = std::chrono::hours(24);
  bool review = false;  ///< The cluster is asked whether the account and its pod are still there.

  // Networks. `user` is the name they have.
  std::vector<IpNetwork> networks{};
  std::vector<AddressPattern> senders{};
  Limits limits{};  ///< Of its own: only what is said.

  // Tokens and networks.
  std::vector<std::string> groups{};
  std::vector<Label> labels{};

  Origin origin = {};       ///< Of the table.
  Origin ca_origin = {};    ///< Of `ca`.
  Origin jwks_origin = {};  ///< Of `jwks`.

  bool operator==(const AuthSource&) const = default;
};

/// Is this URL, and no path?
inline bool is_url(std::string_view text) { return text.contains("://"); }

}  // namespace sallyport::config
