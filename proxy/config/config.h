// The configuration as one immutable value: parsed whole, checked whole, then shared by snapshot.
// What a user writes is in docs/configuration.md; every default here is stated there.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/ip_address.h"
#include "proxy/base/log.h"
#include "proxy/base/secret.h"
#include "proxy/config/address_pattern.h"
#include "proxy/config/auth_source.h"
#include "proxy/config/brute_force.h"
#include "proxy/config/limit.h"
#include "proxy/config/limits.h"
#include "proxy/config/oauth.h"
#include "proxy/config/place.h"
#include "proxy/config/provider.h"
#include "proxy/config/rate.h"

namespace sallyport::config {

using std::chrono::milliseconds;

/// An address to listen on: an IPv4 or IPv6 literal without brackets, and a port.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;

  bool operator==(const Endpoint&) const = default;
};

/// Whether clients have to show a certificate.
enum class ClientCertificates : std::uint8_t { kNone, kRequest, kRequire };

/// `[listener.header]`: what becomes of the header section of messages that come in by a listener.
struct HeaderRules {
  std::vector<std::string> remove = {};  ///< Names of fields that are taken out.
  std::vector<HeaderField> add =
      {};  ///< In place of whatever fields of these names the client has.
  std::string message_id_domain = {};  ///< Of the Message-IDs that we add; empty: the hostname.
  bool hide_client = false;            ///< Our Received field does not tell where the client is.

  bool operator==(const HeaderRules&) const = default;
};

/// `[[listener]]`: one address that clients connect to.
struct Listener {
  Endpoint address;
  TlsMode tls = TlsMode::kStarttls;
  std::optional<ClientCertificates> client_certificate = {};  ///< Unset: as `[tls]` says.
  std::vector<IpNetwork> proxy_protocol{};  ///< From these a PROXY header must come.
  milliseconds greeting_delay{0};           ///< Who speaks meanwhile is refused; not on kImplicit.
  bool compat = false;  ///< Bare CRs and LFs in content are mended, not refused.
  HeaderRules header = {};
  /// Keywords of EHLO, in upper case, of what is neither shown nor taken here.
  std::vector<std::string> disabled_extensions = {};
  /// SASL mechanisms in the order EHLO shows them; unset: as `[auth]` says.
  std::optional<std::vector<std::string>> mechanisms = {};
  Origin origin = {};             ///< Of `address`.
  Origin mechanisms_origin = {};  ///< Of `mechanisms`.

  bool operator==(const Listener&) const = default;
};

/// A certificate with its key, as files.
struct CertificateFiles {
  std::string certificate;         ///< PEM, the chain leaf first.
  std::string key;                 ///< PEM.
  std::string ocsp_response = {};  ///< DER; empty: none.

  bool operator==(const CertificateFiles&) const = default;
};

/// Which versions of TLS clients may speak: 1.2 and 1.3, or 1.3 alone.
enum class TlsPolicy : std::uint8_t { kIntermediate, kModern };

/// `[tls]`: the certificates shown to clients, and what is asked of theirs.
struct ServerTls {
  /// Shown when no other is for the name that is asked for. Its certificate is empty if no
  /// listener does TLS.
  CertificateFiles fallback;
  /// In place of it a certificate that is made at the start.
  bool self_signed = false;
  std::vector<CertificateFiles> pairs;  ///< `[[tls.pair]]`.
  std::string directory;                ///< With more pairs in it; empty: none.
  TlsPolicy policy = TlsPolicy::kIntermediate;
  std::string client_ca;  ///< PEM file of whom clients' certificates must come from; empty: none.
  ClientCertificates client_certificate = ClientCertificates::kNone;

  bool operator==(const ServerTls&) const = default;
};

/// One user that may authenticate: from `[[auth.user]]`, the users file or a password file.
struct User {
  std::string name;                     ///< The authentication identity (authcid).
  std::string password_hash;            ///< As parse_password_hash takes it.
  std::vector<AddressPattern> senders;  ///< Empty: any sender.
  Limits limits;                        ///< Already merged with `[limits]`.
  std::vector<IpNetwork> networks{};    ///< From where it may log in; empty: from anywhere.
  std::vector<std::string> groups{};    ///< For routes and credentials; the first is `{group}`.
  std::vector<Label> labels{};          ///< In the order of the file, each name once.

  bool operator==(const User&) const = default;
};

/// `[[auth.user]]` with `match` in place of `name`: the rights of users that come from elsewhere.
struct UserRule {
  std::string match;  ///< A name in which `*` stands for any octets; case of A-Z does not count.
  std::vector<AddressPattern> senders;  ///< Empty: any sender.
  Limits limits;                        ///< Already merged with `[limits]`.
  std::vector<std::string> groups{};    ///< As of a User.
  std::vector<Label> labels{};          ///< As of a User.

  bool operator==(const UserRule&) const = default;
};

/// Whose form a password file has.
enum class PasswdFormat : std::uint8_t { kHtpasswd, kDovecot, kSmtprelay };

/// `[[auth.source]]`: a password file that another program keeps.
struct PasswdFile {
  std::string path;
  PasswdFormat format = PasswdFormat::kHtpasswd;

  bool operator==(const PasswdFile&) const = default;
};

/// `[auth]`.
struct Auth {
  std::vector<std::string> mechanisms = {"PLAIN", "LOGIN"};  ///< In the order EHLO shows them.
  std::string file;                                          ///< Users file; empty: none.
  milliseconds cache_lifetime = std::chrono::minutes(5);  ///< Of verified credentials; 0: no cache.
  std::vector<User> users;                                ///< From `[[auth.user]]`.
  std::vector<UserRule> rules{};  ///< From `[[auth.user]]` with `match`: the first one counts.
  std::vector<UserRule> group_rules{};  ///< `[[auth.group]]`; their `match` is of a group's name.
  std::vector<PasswdFile> sources{};    ///< `[[auth.source]]` that are files of passwords.
  std::vector<AuthSource> asked_sources{};  ///< The others, in the order they are asked.
  BruteForce brute_force{};                 ///< Against guessing.
  std::vector<User> file_users;  ///< From the users file and the sources, as `load` read them.

  bool operator==(const Auth&) const = default;
};

/// `rate`, `rate_of` and `daily` of an upstream.
struct Pace {
  std::optional<Rate> rate;    ///< Unset: as fast as it goes.
  bool per_recipient = false;  ///< Recipients are counted, not messages.
  std::uint32_t daily = 0;     ///< Within 24 hours; 0: no quota.

  bool operator==(const Pace&) const = default;
};

/// A port of an upstream, and the way of TLS that goes with it.
struct UpstreamPort {
  std::uint16_t number = 0;
  TlsMode tls = TlsMode::kImplicit;

  bool operator==(const UpstreamPort&) const = default;
};

/// `proxy` of an `[[upstream]]`: the way out of a network that lets nothing else out.
struct OutboundProxy {
  enum class Kind : std::uint8_t { kHttp, kSocks5 };
  Kind kind = Kind::kHttp;
  std::string host;
  std::uint16_t port = 0;
  std::string username;  ///< Empty: no login. At most 255 octets, and the password, too.
  Secret password;

  bool operator==(const OutboundProxy& other) const;
};

/// `[[upstream]]`: a provider or smarthost that takes our mail. What its
/// provider fills in is filled in.
struct Upstream {
  std::string name;
  std::shared_ptr<const Provider> provider = built_in_provider("smtp");  ///< Never null.

  // SMTP upstreams.
  std::string host;
  std::uint16_t port = 0;
  TlsMode tls = TlsMode::kImplicit;
  std::string ca;                      ///< PEM file of trusted roots; empty: the system's.
  std::string server_name = {};        ///< Whom the certificate must be for; empty: `host`.
  std::vector<std::string> pins = {};  ///< SHA-256 of public keys, 32 octets each; empty: any key.
  std::string certificate = {};        ///< PEM file of our own certificate; empty: none.
  std::string key = {};                ///< PEM file of its key.
  TlsPolicy tls_policy = TlsPolicy::kIntermediate;
  std::string username;       ///< Empty: no AUTH.
  Secret password;            ///< Already read from its file or environment variable.
  std::string password_file;  ///< Where it was read from; empty: not from a file.
  /// The password is derived from an AWS secret access key, for this region of SES. Then
  /// `password_file` holds that key. Empty: it is the password itself.
  std::string secret_key_region = {};
  /// SASL mechanisms in order of preference; empty: those that suit the credential.
  std::vector<std::string> auth_mechanisms = {};
  std::optional<OAuth> oauth = {};  ///< Then an access token is the password.
  /// Put before each message. `{id}` in a text stands for our transaction id.
  std::vector<HeaderField> headers = {};
  std::uint32_t max_connections = 50;  ///< In the whole process.
  std::uint32_t min_connections = 0;   ///< That are kept open, in the whole process.
  std::uint32_t max_messages_per_connection = 1000;
  milliseconds max_connection_age = std::chrono::minutes(10);
  milliseconds idle_timeout = std::chrono::seconds(30);  ///< Of a pooled connection.
  std::uint32_t max_recipients = 0;    ///< In one mail transaction; 0: what EHLO says, else 1,000.
  std::uint64_t max_message_size = 0;  ///< Octets; 0: what EHLO says.
  milliseconds connect_timeout =
      std::chrono::seconds(30);  ///< DNS, TCP, TLS, greeting, EHLO, AUTH.
  Pace pace = {};
  milliseconds max_wait = std::chrono::seconds(30);  ///< For a connection, and a turn of its pace.
  milliseconds spill_after = std::chrono::seconds(1);  ///< The same, where the route has another.
  std::uint32_t max_waiting = 10'000;                  ///< Messages, in the whole process.
  /// Keywords of EHLO, in upper case, that are not used even if the upstream offers them.
  std::vector<std::string> disabled_extensions = {};
  /// `port = "auto"`: the ports to try, in this order; `port` and `tls` are those of the first.
  /// Empty: there is no other.
  std::vector<UpstreamPort> ports = {};
  std::optional<OutboundProxy> proxy = {};  ///< Unset: connections go straight to the host.

  // The capture upstream.
  std::string path;  ///< Maildir; made when missing.

  Origin ca_origin = {};   ///< Of `ca`.
  Origin key_origin = {};  ///< Of `certificate`.

  /// Alike in all but their origin.
  bool operator==(const Upstream& other) const;
};

/// Does it log in by another name or password for each tenant: has its `username` or
/// `password_file` a `{user}` or `{group}`?
bool is_per_tenant(const Upstream& upstream);
/// Does `text` have one?
bool names_tenant(std::string_view text);

/// What becomes of a message that only some recipients of which were refused.
enum class PartialRejection : std::uint8_t { kReject, kDeliver };

/// What becomes of a message with more recipients than fit in one mail transaction.
enum class Overflow : std::uint8_t {
  kReject,  ///< RCPT hears 452 4.5.3, and the transaction as a whole is refused.
  kSplit,   ///< The message is sent in several upstream transactions, under one verdict.
  kClient,  ///< RCPT hears 452 4.5.3, and the client sends the rest (RFC 5321 section 4.5.3.1.10).
};

/// Whose words the client hears once an upstream has accepted its message.
enum class ReplyWords : std::uint8_t { kUpstream, kOurs };

/// One upstream of a route.
struct Target {
  std::size_t upstream = 0;    ///< An index into Config::upstreams.
  std::uint32_t priority = 1;  ///< The lowest is asked first.
  std::uint32_t weight = 1;    ///< Its share among those of the same priority; 0: after them.

  bool operator==(const Target&) const = default;
};

/// Targets that are asked in this order, each with a priority of its own.
std::vector<Target> in_order(const std::vector<std::size_t>& upstreams);

/// `[[route]]`: the first that a message matches decides its upstreams. A condition that is empty
/// holds for every message; all that are there must hold.
struct Route {
  std::vector<AddressPattern> senders = {};     ///< One matches the reverse-path.
  std::vector<Target> upstreams = {};           ///< In the order of priority; never empty.
  std::string name = {};                        ///< For logs and `sallyport explain`; may be empty.
  std::vector<std::string> users = {};          ///< The user is one of these, whatever the case.
  std::vector<std::string> groups = {};         ///< The user is in one of these.
  std::vector<Label> labels = {};               ///< The user has all of these; `*` in values.
  std::vector<Endpoint> listeners = {};         ///< The message came in by one of these.
  std::vector<AddressPattern> authors = {};     ///< Every address in From: matches one of these.
  std::vector<AddressPattern> recipients = {};  ///< Every recipient matches one of these.
  std::vector<HeaderField> header = {};         ///< There is a field for each; `*` in texts.
  std::uint64_t min_size = 0;                   ///< Octets.
  std::uint64_t max_size = ~std::uint64_t{0};   ///< Octets.

  bool operator==(const Route&) const = default;
};

/// `[session]`: limits and deadlines of a client's session. RFC 5321 section 4.5.3 gives the
/// defaults.
struct Session {
  std::uint32_t max_recipients = 1000;    ///< In one mail transaction; past it 452 4.5.3.
  Overflow overflow = Overflow::kReject;  ///< By default kClient where kDeliver is set.
  ReplyWords reply = ReplyWords::kUpstream;
  std::uint32_t max_messages = 0;         ///< MAIL commands of one connection; 0: no limit.
  std::uint32_t max_errors = 20;          ///< Bad commands before 421 4.7.0.
  std::uint32_t max_auth_failures = 3;    ///< Before 421 4.7.0.
  std::uint32_t max_connections = 10000;  ///< In the whole process.
  std::uint32_t max_connections_per_network = 1000;     ///< Of an IPv4 address or an IPv6 /64.
  std::uint32_t max_unauthenticated_per_network = 250;  ///< Of these, before AUTH has succeeded.
  std::uint32_t max_commands_before_login = 50;         ///< Before 421 4.7.0.
  std::uint32_t max_idle_commands =
      1000;  ///< After AUTH, without a message; one a second comes back.
  milliseconds greeting_timeout = std::chrono::seconds(30);  ///< TLS handshake and first command.
  milliseconds max_age = std::chrono::hours(24);  ///< Of a session; past it 421 between messages.
  milliseconds login_timeout = std::chrono::seconds(30);  ///< From greeting or STARTTLS to AUTH.
  milliseconds command_timeout = std::chrono::minutes(5);
  milliseconds data_timeout = std::chrono::minutes(3);  ///< Between two blocks of content.
  std::uint64_t min_data_rate = 500;  ///< Octets of content a second; 0: none is asked for.
  milliseconds upstream_timeout =
      std::chrono::minutes(10);  ///< Whole delivery after the final dot.

  bool operator==(const Session&) const = default;
};

/// `[message]`: how message content is held while it passes through.
struct Message {
  std::uint64_t max_size = 25u << 20;          ///< Octets; offered as SIZE.
  std::uint64_t max_header_size = 256u << 10;  ///< Octets of the header section, in it.
  std::uint64_t memory_threshold =
      4u << 20;  ///< Octets kept in memory before a temporary file is used.
  std::uint64_t budget =
      512u << 20;                  ///< Octets of content in the whole process; past it 452 4.3.1.
  std::string directory = "/tmp";  ///< Where the unlinked temporary files are.

  bool operator==(const Message&) const = default;
};

/// `[log]`.
struct Log {
  log::Format format = log::Format::kLogfmt;
  log::Level level = log::Level::kInfo;

  bool operator==(const Log&) const = default;
};

/// `[metrics]`.
struct Metrics {
  std::uint32_t max_users = 1000;  ///< With a label value of their own; the rest share "other".

  bool operator==(const Metrics&) const = default;
};

/// The whole configuration. Valid by construction: `load` gives one only if everything was
/// accepted.
struct Config {
  std::string file;           ///< The path it was read from.
  std::string hostname;       ///< Said in 220, EHLO and Received.
  std::uint32_t workers = 0;  ///< 0: as many as the cgroup allows.
  milliseconds drain_timeout = std::chrono::seconds(30);
  std::vector<Listener> listeners;
  ServerTls tls;
  Auth auth;
  Limits limits;                         ///< For users that set none.
  std::vector<LimitRule> limit_rules{};  ///< `[[limit]]`.
  std::vector<Upstream> upstreams;
  std::vector<Route> routes;  ///< Without `[[route]]` one with all upstreams: never empty.
  PartialRejection partial_rejection = PartialRejection::kReject;
  Session session;
  Message message;
  std::optional<Endpoint> admin;
  Origin admin_origin = {};         ///< Of `admin.address`.
  std::string admin_socket;         ///< Path of the unix socket for commands; empty: none.
  Origin admin_socket_origin = {};  ///< Of `admin.socket`.
  std::uint32_t trace = 0;          ///< The last messages that are kept for `sallyport trace`.
  Log log;
  Metrics metrics;

  bool operator==(const Config&) const = default;
};

}  // namespace sallyport::config
