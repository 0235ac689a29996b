// The log lines that any client can cause: refused connections, failed handshakes and logins,
// refused commands. Clients can cause them in floods, which must not become floods of lines:
// metrics count them all, the log shows some of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "auth/login_guard.h"
#include "metrics/metrics.h"
#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/base/throttle.h"
#include "proxy/config/config.h"
#include "proxy/smtp/command.h"

namespace sallyport::submission {

/// Why a login failed.
enum class LoginFailure : std::uint8_t {
  kUnknownUser,         ///< 535
  kWrongPassword,       ///< 535
  kForeignAuthzid,      ///< 535: the authorization identity is another user's.
  kForeignNetwork,      ///< 535: the user may log in, but not from there.
  kUnavailable,         ///< 454: the password could not be checked now.
  kTooManyConnections,  ///< 421: the user has `limits.connections`.
  kSource,              ///< 535: no [[auth.source]] lets it in.
  kBarred,              ///< 421: too many logins from there, or by this name, were wrong.
};
inline constexpr std::array<std::string_view, 8> kLoginFailureNames = {
    "unknown_user", "wrong_password",       "foreign_authzid", "foreign_network",
    "unavailable",  "too_many_connections", "no_source",       "barred"};

/// Writes these lines. For each event and reason it writes at most 10 lines in ten seconds for one
/// client network and 100 for all; the next line has the number of those left out in `suppressed`.
/// A network here is one of 16 groups of networks. Of one worker: belongs to its thread.
class RefusalLog {
 public:
  /// The client that a line is about.
  struct Client {
    const config::Endpoint& listener;
    std::string_view ip;
    std::string_view ehlo = {};  ///< The name it gave; empty: none yet.
    std::string_view user = {};  ///< The user it is logged in as; empty: none.
  };

  RefusalLog();

  /// `connection_refused`. `error` says more than the reason does; empty: nothing.
  void refused(log::Logger& logger, TimePoint now, metrics::Refusal reason, const Client& client,
               std::string_view error = {});
  /// `session_broken_off`.
  void broke_off(log::Logger& logger, TimePoint now, metrics::Offence reason, const Client& client);
  /// `tls_handshake_failed`.
  void handshake_failed(log::Logger& logger, TimePoint now, const Client& client,
                        std::string_view error);
  /// `auth`. `authcid` is the name the client tried to log in with; empty: not known.
  void login_failed(log::Logger& logger, TimePoint now, LoginFailure cause, const Client& client,
                    std::string_view mechanism, std::string_view authcid,
                    std::string_view error = {});
  /// `auth_barred`: the login before was the last that is looked at for a while.
  void barred(log::Logger& logger, TimePoint now, auth::BarredBy by, const Client& client,
              std::string_view authcid);
  /// `refused`. `reply` is what the client heard, in one line.
  void command_refused(log::Logger& logger, TimePoint now, smtp::Verb verb, const Client& client,
                       std::string_view reply);

 private:
  /// Bounds the lines of one event and reason.
  class Gate {
   public:
    Gate();
    /// nullopt: write no line; else the number of those left out since the last one.
    std::optional<std::uint64_t> pass(TimePoint now, std::string_view ip);

   private:
    static constexpr std::size_t kGroups = 16;
    std::array<Throttle, kGroups> by_network_;
    Throttle all_;
    std::uint64_t suppressed_ = 0;
  };

  /// Begins a line with what all of them have; nullopt: none is to be written.
  static std::optional<log::Line> begin(log::Logger& logger, TimePoint now, log::Level level,
                                        std::string_view event, Gate& gate, const Client& client);

  std::array<Gate, metrics::kRefusalNames.size()> refusals_;
  std::array<Gate, metrics::kOffenceNames.size()> offences_;
  std::array<Gate, kLoginFailureNames.size()> logins_;
  std::array<Gate, metrics::kVerbNames.size()> commands_;
  Gate bars_;
  Gate handshakes_;
};

}  // namespace sallyport::submission
