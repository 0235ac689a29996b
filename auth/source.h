// A place that says who a client is: an issuer of tokens, a webhook, a directory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "auth/verified_cache.h"
#include "proxy/base/clock.h"
#include "proxy/base/ip_address.h"
#include "proxy/base/secret.h"
#include "proxy/config/address_pattern.h"
#include "proxy/config/limits.h"
#include "proxy/runtime/loop.h"
#include "proxy/runtime/task.h"

namespace sallyport::auth {

/// What a client shows, for a source to say yes or no to.
struct Question {
  std::string name;            ///< Whom it says it is; empty: it has shown a token alone.
  Secret secret;               ///< A password or a token.
  bool is_token = false;       ///< It came by a mechanism for tokens: it is no password.
  std::string mechanism = {};  ///< By its registered name.
  IpAddress client = {};
  CredentialsMac mac = {};  ///< Of all of the above but the mechanism: equal questions have it.
};

/// Whom a source has let in, and what it says of them. Rights that it does not speak of come from
/// the configuration.
struct Grant {
  std::string name;
  std::vector<config::AddressPattern> senders = {};  ///< Empty: the source says nothing.
  config::Limits limits = {};                        ///< Only what the source says.
  std::vector<std::string> groups = {};
  std::vector<config::Label> labels = {};
  std::optional<Duration> lifetime = {};  ///< What was shown ends so long after the check.

  // Filled in by GuardedSource.
  std::string source = {};         ///< Its name.
  std::uint64_t source_id = 0;     ///< No other source of the process has it.
  TimePoint valid_until = kNever;  ///< A session ends then.
};

/// `235`.
using Granted = std::shared_ptr<const Grant>;

/// The source does not know the name, or the secret is wrong. The reason is for our own log.
struct Refused {
  std::string reason;
  /// What was shown has not the form, or is for somebody else: nobody was asked, and it says
  /// nothing of how the source is.
  bool unasked = false;
};

/// It cannot say now. The reason is fit for the log, not for clients.
struct Away {
  std::string reason;
  bool busy = false;  ///< Too many logins wait for it.
};

using Answer = std::variant<Granted, Refused, Away>;

/// One source as such: no cache, no limit to what is asked of it at a time. Thread-safe; it
/// outlives every `check`.
class Source {
 public:
  Source() = default;
  virtual ~Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  /// Could it say yes to this at all? Without looking at whether the name is known.
  virtual bool takes(const Question& question) const = 0;

  /// Is it right? `question` outlives the task. By `deadline` it says something. Never blocks the
  /// loop.
  virtual runtime::Task<Answer> check(runtime::Loop& loop, const Question& question,
                                      TimePoint deadline) = 0;

  /// Begins what makes the first check fast. Once.
  virtual void start() {}
  /// Ends what is under way, and refuses what comes.
  virtual void cut_off() {}
};

}  // namespace sallyport::auth
