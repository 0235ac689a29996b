// What an upstream is logged in to with: a password that may be replaced, or access tokens.
#pragma once

#include <memory>
#include <optional>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/base/secret.h"
#include "proxy/config/config.h"
#include "proxy/oauth/tokens.h"
#include "proxy/runtime/loop.h"

namespace sallyport::relay {

/// The credential of one upstream, for one worker.
class Credential {
 public:
  virtual ~Credential() = default;
  /// The password or token to log in with now. kInvalid: whoever gives tokens refuses us; any other
  /// error: there is none now.
  virtual runtime::Task<Result<Secret>> current(TimePoint deadline) = 0;
  /// After a login with `refused` was refused: another one to try once. Nullopt: there is none.
  virtual runtime::Task<std::optional<Secret>> after_refusal(Secret refused,
                                                             TimePoint deadline) = 0;
  /// Ends what is under way, at once.
  virtual void cut_off() {}
};

/// The credential that `upstream` names. `loop` and `tokens` outlive it; `tokens` may be null if
/// there is no `oauth`.
std::unique_ptr<Credential> make_credential(runtime::Loop& loop, const config::Upstream& upstream,
                                            oauth::Tokens* tokens);

}  // namespace sallyport::relay
