// What is known of a provider, as data: hosts and ports, limits, and what its replies mean. The
// built-in ones are the files of proxy/relay/providers, compiled in; `[[provider]]` of the
// configuration changes them key by key or adds others.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::config {

/// How TLS begins on a listener or towards an upstream.
enum class TlsMode : std::uint8_t { kImplicit, kStarttls, kNone };

/// What a reply means, where its code does not tell.
enum class Meaning : std::uint8_t {
  kPlain,        ///< What the code says.
  kThrottled,    ///< Too fast: soon again.
  kConnections,  ///< Too many connections at a time: fewer, then again.
  kQuota,        ///< Used up for the hour, day or month.
  kCredentials,  ///< The login is not accepted: the operator must mend it.
  kAccount,      ///< The account may not send: suspended, not activated, denied. The operator must
                 ///< mend it; another upstream may take the message.
  kSender,       ///< The account may not send as this address: not verified, not authorised. The
                 ///< operator must mend it; another upstream may take the message.
  kPermanent,    ///< The message will never be taken, though the code is 4xx.
  kSuppressed,   ///< A success code for a recipient that will get nothing.
};

/// The word for a meaning in provider files and in output: "throttled", "account" ….
std::string_view name(Meaning meaning);

/// The commands whose replies a rule may be for, as provider files spell them.
inline constexpr auto kReplyStages = std::to_array<std::string_view>(
    {"greeting", "ehlo", "starttls", "auth", "rset", "mail", "rcpt", "data", "end"});

/// A header field as it is written: `NAME: TEXT`, one line.
struct HeaderField {
  std::string name;
  std::string text;

  bool operator==(const HeaderField&) const = default;
};

/// One rule: which replies it is for, and what they mean. All that is set must fit.
struct ReplyRule {
  std::vector<std::string> stages;  ///< Of kReplyStages. Never empty.
  int code = 0;                     ///< 0: any refusal, or any success with kSuppressed.
  std::string enhanced;             ///< "5.4.5"; empty: any or none.
  /// Compared without regard to case with the beginning of each line, behind its codes. `*` stands
  /// for any text. Empty: any text.
  std::string text;
  Meaning meaning = Meaning::kPlain;
  std::string why;                    ///< One sentence for the operator.
  std::vector<std::string> examples;  ///< Replies this rule is for: tests hold them against it.
  std::string source;                 ///< "ses.toml:30": where the rule stands.

  /// Does the rule fit one line of a reply? `line` has neither code nor enhanced code.
  bool fits(std::string_view stage, int reply_code, std::string_view reply_enhanced,
            std::string_view line) const;
  bool operator==(const ReplyRule&) const = default;
};

/// What DNS of a sender's domain shows when its mail goes by a provider: `sallyport doctor` looks
/// for it.
struct SenderDns {
  /// What an SPF record of the domain includes for it; any of them will do. Empty: not known.
  std::vector<std::string> spf;
  std::vector<std::string> dkim_selectors;  ///< Those that it signs by; any of them will do.
  std::string dkim_hint;                    ///< Where the selectors are found, if each account has
                                            ///< its own.
  /// It puts an address of its own in place of the reverse-path, so that SPF is checked for that
  /// one's domain.
  bool replaces_reverse_path = false;

  bool operator==(const SenderDns&) const = default;
};

/// One provider: the values an [[upstream]] starts from, and what its replies mean.
struct Provider {
  std::string name;      ///< As `provider = "…"` spells it.
  std::string title;     ///< For people: "Amazon SES".
  std::string checked;   ///< The month in which its facts were last checked: "2026-11".
  bool capture = false;  ///< Keeps mail in a Maildir; nothing else below means anything then.

  std::string host;  ///< May hold "{region}"; empty: the user says it.
  /// The host of each region, where hosts follow no pattern; with this `host` is empty.
  std::vector<std::pair<std::string, std::string>> region_hosts;
  std::string default_region;                 ///< Empty: the user must say it, if a region is used.
  std::vector<std::uint16_t> implicit_ports;  ///< In order of preference; empty: not offered.
  std::vector<std::uint16_t> starttls_ports;
  TlsMode tls = TlsMode::kImplicit;
  std::string username;                  ///< Filled in; empty: the user says it.
  std::string username_hint;             ///< What the user must say there.
  bool login = false;                    ///< Are user name and password required?
  bool takes_secret_access_key = false;  ///< May the password be derived from one of AWS?
  std::string token_url;    ///< Of OAuth 2; may hold "{tenant}"; empty: the user says it.
  std::string token_scope;  ///< What an access token is asked for.
  /// Put before each message. `{id}` in a text stands for our transaction id.
  std::vector<HeaderField> headers;

  std::uint32_t max_recipients = 0;    ///< 0: what EHLO says, else 1,000.
  std::uint64_t max_message_size = 0;  ///< Octets; 0: what EHLO says.
  std::uint32_t max_connections = 50;
  std::uint32_t max_messages_per_connection = 1000;
  std::chrono::milliseconds max_connection_age = std::chrono::minutes(10);
  std::chrono::milliseconds idle_timeout = std::chrono::seconds(30);

  /// What stands before the message id in the final reply; the id is the word behind it.
  std::vector<std::string> id_after;
  bool id_is_message_id = false;  ///< The provider knows the message by its Message-ID field.

  SenderDns sender;
  std::vector<ReplyRule> replies;  ///< The first that fits decides.

  /// Does `region` mean anything here?
  bool is_regional() const { return !region_hosts.empty() || host.contains("{region}"); }
  /// The host in a region (empty: the default one); nullopt if there is no such region.
  std::optional<std::string> host_in(std::string_view region) const;
  bool operator==(const Provider&) const = default;
};

/// The providers that are compiled in, in the order of their names. Each lives as long as the
/// process.
std::span<const std::shared_ptr<const Provider>> built_in_providers();

/// One of them by its name; null if there is none.
std::shared_ptr<const Provider> built_in_provider(std::string_view name);

/// The rules for every provider, tried after its own: replies whose words are distinct enough.
std::span<const ReplyRule> common_reply_rules();

}  // namespace sallyport::config
