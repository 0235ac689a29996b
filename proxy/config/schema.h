// Every key of the configuration, by section. What is not here is an unknown key; tests hold this
// against docs/configuration.md, both ways, and see that the readers look at each key.
#pragma once

#include <array>
#include <span>
#include <string_view>

namespace sallyport::config {

/// The keys of one section, in the order messages list them.
struct Schema {
  std::string_view name;  ///< As a person would point at it: "[tls]", "[[listener]]".
  std::span<const std::string_view> keys;
};

namespace schema::keys {

inline constexpr auto kTop = std::to_array<std::string_view>(
    {"hostname", "workers", "drain_timeout", "partial_rejection", "listener", "tls", "auth",
     "limits", "limit", "provider", "upstream", "route", "session", "message", "log", "admin",
     "metrics"});
inline constexpr auto kListener = std::to_array<std::string_view>(
    {"address", "tls", "allow_plaintext", "client_certificate", "proxy_protocol", "greeting_delay",
     "compat", "header", "disabled_extensions", "mechanisms"});
inline constexpr auto kHeader =
    std::to_array<std::string_view>({"remove", "add", "message_id_domain", "hide_client"});
inline constexpr auto kTls =
    std::to_array<std::string_view>({"certificate", "key", "ocsp_response", "pair", "directory",
                                     "policy", "client_ca", "client_certificate", "self_signed"});
inline constexpr auto kTlsPair =
    std::to_array<std::string_view>({"certificate", "key", "ocsp_response"});
inline constexpr auto kAuth = std::to_array<std::string_view>(
    {"mechanisms", "file", "cache_lifetime", "brute_force", "user", "group", "source"});
inline constexpr auto kBruteForce = std::to_array<std::string_view>(
    {"network_failures", "account_failures", "window", "block", "max_delay"});
inline constexpr auto kAuthUser = std::to_array<std::string_view>(
    {"name", "match", "password", "senders", "limits", "groups", "labels"});
inline constexpr auto kAuthGroup =
    std::to_array<std::string_view>({"name", "senders", "limits", "groups", "labels"});
inline constexpr auto kAuthSource = std::to_array<std::string_view>(
    {"type",   "path",     "format",  "name",    "issuer",         "jwks",   "audience",   "user",
     "groups", "labels",   "senders", "leeway",  "max_life",       "review", "url",        "ca",
     "token",  "networks", "limits",  "timeout", "cache_lifetime", "grace",  "concurrency"});
inline constexpr auto kUser =
    std::to_array<std::string_view>({"name", "password", "senders", "limits", "groups", "labels"});
inline constexpr auto kUsersFile = std::to_array<std::string_view>({"user"});
inline constexpr auto kLimits =
    std::to_array<std::string_view>({"messages", "recipients", "bytes", "connections"});
inline constexpr auto kLimit = std::to_array<std::string_view>(
    {"name", "key", "messages", "recipients", "bytes", "mode", "charge"});
inline constexpr auto kUpstream = std::to_array<std::string_view>({"name",
                                                                   "provider",
                                                                   "region",
                                                                   "host",
                                                                   "port",
                                                                   "tls",
                                                                   "allow_plaintext",
                                                                   "proxy",
                                                                   "proxy_username",
                                                                   "proxy_password",
                                                                   "ca",
                                                                   "server_name",
                                                                   "pin",
                                                                   "certificate",
                                                                   "key",
                                                                   "min_tls",
                                                                   "username",
                                                                   "password",
                                                                   "secret_access_key",
                                                                   "auth_mechanisms",
                                                                   "oauth",
                                                                   "headers",
                                                                   "max_connections",
                                                                   "min_connections",
                                                                   "max_messages_per_connection",
                                                                   "max_connection_age",
                                                                   "idle_timeout",
                                                                   "connect_timeout",
                                                                   "rate",
                                                                   "rate_of",
                                                                   "daily",
                                                                   "max_wait",
                                                                   "spill_after",
                                                                   "max_waiting",
                                                                   "max_recipients",
                                                                   "max_message_size",
                                                                   "disabled_extensions",
                                                                   "path"});
inline constexpr auto kProvider =
    std::to_array<std::string_view>({"name",           "like",
                                     "title",          "checked",
                                     "host",           "regions",
                                     "default_region", "tls",
                                     "username",       "username_hint",
                                     "login",          "takes_secret_access_key",
                                     "id_after",       "id_is_message_id",
                                     "headers",        "ports",
                                     "caps",           "sender",
                                     "oauth",          "reply"});
inline constexpr auto kProviderPorts = std::to_array<std::string_view>({"implicit", "starttls"});
inline constexpr auto kProviderCaps = std::to_array<std::string_view>(
    {"max_recipients", "max_message_size", "max_connections", "max_messages_per_connection",
     "max_connection_age", "idle_timeout"});
inline constexpr auto kProviderSender = std::to_array<std::string_view>(
    {"spf", "dkim_selectors", "dkim_hint", "replaces_reverse_path"});
inline constexpr auto kProviderReply = std::to_array<std::string_view>(
    {"means", "code", "enhanced", "text", "stages", "why", "examples"});
inline constexpr auto kProviderOAuth = std::to_array<std::string_view>({"token_url", "scope"});
inline constexpr auto kOAuth = std::to_array<std::string_view>(
    {"token_url", "tenant", "client_id", "client_secret", "certificate", "key", "token_file",
     "refresh_token", "service_account", "subject", "scope", "ca", "proxy"});
inline constexpr auto kPassword = std::to_array<std::string_view>({"file", "env"});
inline constexpr auto kRoute = std::to_array<std::string_view>(
    {"name", "users", "groups", "labels", "listeners", "senders", "authors", "recipients", "header",
     "min_size", "max_size", "upstreams"});
inline constexpr auto kTarget = std::to_array<std::string_view>({"name", "priority", "weight"});
inline constexpr auto kSession = std::to_array<std::string_view>(
    {"max_recipients", "overflow", "reply", "max_messages", "max_errors", "max_auth_failures",
     "max_connections", "max_connections_per_network", "max_unauthenticated_per_network",
     "max_commands_before_login", "max_idle_commands", "max_age", "greeting_timeout",
     "login_timeout", "command_timeout", "data_timeout", "min_data_rate", "upstream_timeout"});
inline constexpr auto kMessage = std::to_array<std::string_view>(
    {"max_size", "max_header_size", "memory_threshold", "budget", "directory"});
inline constexpr auto kLog = std::to_array<std::string_view>({"format", "level"});
inline constexpr auto kAdmin = std::to_array<std::string_view>({"address", "socket", "trace"});
inline constexpr auto kMetrics = std::to_array<std::string_view>({"max_users"});

}  // namespace schema::keys

namespace schema {

inline constexpr Schema kTop{"the top level", keys::kTop};
inline constexpr Schema kListener{"[[listener]]", keys::kListener};
inline constexpr Schema kHeader{"[listener.header]", keys::kHeader};
inline constexpr Schema kTls{"[tls]", keys::kTls};
inline constexpr Schema kTlsPair{"[[tls.pair]]", keys::kTlsPair};
inline constexpr Schema kAuth{"[auth]", keys::kAuth};
inline constexpr Schema kBruteForce{"[auth.brute_force]", keys::kBruteForce};
inline constexpr Schema kAuthUser{"[[auth.user]]", keys::kAuthUser};
inline constexpr Schema kAuthGroup{"[[auth.group]]", keys::kAuthGroup};
inline constexpr Schema kAuthSource{"[[auth.source]]", keys::kAuthSource};
inline constexpr Schema kUsersFile{"the top level of a users file", keys::kUsersFile};
inline constexpr Schema kUsersFileUser{"[[user]]", keys::kUser};
inline constexpr Schema kLimits{"[limits]", keys::kLimits};
inline constexpr Schema kUserLimits{"a user's limits", keys::kLimits};
inline constexpr Schema kLimit{"[[limit]]", keys::kLimit};
inline constexpr Schema kUpstream{"[[upstream]]", keys::kUpstream};
inline constexpr Schema kProvider{"[[provider]]", keys::kProvider};
inline constexpr Schema kProviderPorts{"[provider.ports]", keys::kProviderPorts};
inline constexpr Schema kProviderCaps{"[provider.caps]", keys::kProviderCaps};
inline constexpr Schema kProviderSender{"[provider.sender]", keys::kProviderSender};
inline constexpr Schema kProviderReply{"[[provider.reply]]", keys::kProviderReply};
inline constexpr Schema kProviderOAuth{"[provider.oauth]", keys::kProviderOAuth};
inline constexpr Schema kOAuth{"an upstream's oauth", keys::kOAuth};
inline constexpr Schema kPassword{"an upstream's password", keys::kPassword};
inline constexpr Schema kRoute{"[[route]]", keys::kRoute};
inline constexpr Schema kTarget{"an upstream of a route", keys::kTarget};
inline constexpr Schema kSession{"[session]", keys::kSession};
inline constexpr Schema kMessage{"[message]", keys::kMessage};
inline constexpr Schema kLog{"[log]", keys::kLog};
inline constexpr Schema kAdmin{"[admin]", keys::kAdmin};
inline constexpr Schema kMetrics{"[metrics]", keys::kMetrics};

/// Other secrets, which are written as a password is.
inline constexpr Schema kSecret{"a secret", keys::kPassword};

/// Every section, each once.
inline constexpr auto kAll = std::to_array<Schema>(
    {kTop,           kListener,      kHeader,    kTls,           kTlsPair,      kAuth,
     kBruteForce,    kAuthUser,      kAuthGroup, kAuthSource,    kUsersFile,    kUsersFileUser,
     kLimits,        kUserLimits,    kProvider,  kProviderPorts, kProviderCaps, kProviderSender,
     kProviderOAuth, kProviderReply, kUpstream,  kOAuth,         kPassword,     kRoute,
     kTarget,        kSession,       kMessage,   kLog,           kAdmin,        kMetrics,
     kLimit});

}  // namespace schema
}  // namespace sallyport::config
