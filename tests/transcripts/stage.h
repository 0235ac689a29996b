// Everything around the sessions of a transcript: configuration, users, limits, relay, log. All of
// it is real but the network, TLS and the time; the providers are the script's.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/log.h"
#include "proxy/relay/relay.h"
#include "proxy/runtime/task_group.h"
#include "proxy/submission/session.h"
#include "tests/support/memory_stream.h"
#include "tests/transcripts/providers.h"
#include "tests/transcripts/script.h"

namespace sallyport::transcripts {

/// A log that can be read back.
class CapturedLog {
 public:
  static constexpr log::Format kFormat = log::Format::kLogfmt;

  CapturedLog();
  ~CapturedLog();
  log::Logger& logger() { return *logger_; }
  /// Ends the log and gives its text.
  std::string finish();

 private:
  int descriptor_;
  std::optional<log::Logger> logger_;
};

class Stage {
 public:
  /// Reads the directives of `script` that say how things are set up. Throws std::invalid_argument.
  Stage(runtime::Loop& loop, const Script& script);
  ~Stage();

  /// A client's end of a new connection, with a session at the other.
  std::unique_ptr<support::MemoryStream> connect();
  bool is_implicit_tls() const {
    return config_->listeners.front().tls == config::TlsMode::kImplicit;
  }
  /// As SIGTERM does.
  void drain();
  /// As a second SIGTERM does.
  void abort();
  /// As a reload does that has this user, new or changed: NAME PASSWORD [KEY=VALUE…].
  void reload_with_user(const std::vector<std::string>& words);
  /// As a reload does without this user.
  void reload_without_user(const std::string& name);
  /// Waits for all sessions to end; false when they do not. Then ends the relay.
  runtime::Task<bool> ended();

  Providers& providers() { return providers_; }

  std::size_t sessions() const { return sessions_.size(); }
  std::uint64_t octets_held() const { return budget_->used(); }
  std::string finish_log() { return log_.finish(); }
  /// Is this directive one that only the constructor reads?
  static bool is_setting(const std::string& directive);

 private:
  void set(const Step& step);
  void set_listener(const std::vector<std::string>& words);
  void set_value(const std::string& key, const std::string& value);
  void trust_network(const std::vector<std::string>& words);
  static config::LimitRule make_limit(const std::vector<std::string>& words);
  static config::User make_user(const std::vector<std::string>& words);
  void reload_users();
  void add_upstream(const std::vector<std::string>& words);
  void add_route(const std::vector<std::string>& words);
  runtime::Task<void> host(std::list<submission::Session>::iterator session);

  runtime::Loop& loop_;
  std::shared_ptr<config::Config> config_;
  std::vector<config::User> users_;
  bool authenticator_fails_ = false;
  std::vector<auth::TrustedNetwork> networks_without_login_;
  CapturedLog log_;
  metrics::Registry metrics_;
  Providers providers_;
  relay::ConnectionCaps caps_;
  std::optional<relay::Surroundings> surroundings_;
  std::unique_ptr<relay::Relay> relay_;
  std::optional<message::Budget> budget_;
  std::optional<auth::Authenticator> authenticator_;
  policy::LimitTable limits_;
  policy::LocalLedger ledger_;
  submission::NetworkCount networks_;
  message::TransactionIds ids_;
  std::unique_ptr<submission::Context> context_;
  std::list<submission::Session> sessions_;
  runtime::TaskGroup tasks_;
};

}  // namespace sallyport::transcripts
