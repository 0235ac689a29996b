// Access tokens for all workers: each is fetched once for everybody who waits, kept while it is
// good, and renewed before it ends.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/base/secret.h"
#include "proxy/config/oauth.h"
#include "proxy/http/client.h"
#include "proxy/oauth/grant.h"
#include "proxy/runtime/handoff.h"
#include "proxy/runtime/loop.h"

namespace sallyport::oauth {

/// The tokens of one credential and scope. Thread-safe; made by `make_shared`.
class TokenSource : public std::enable_shared_from_this<TokenSource> {
 public:
  /// What a source works with; all of it outlives what `run` is given.
  struct Surroundings {
    std::function<Result<Token>()> fetch;              ///< Blocks. Never called twice at a time.
    std::function<void(std::function<void()>)> run;    ///< Calls its argument on another thread.
    std::function<void(const Result<void>&)> fetched;  ///< Hears how each fetch ended.
    std::function<TimePoint()> now = std::chrono::steady_clock::now;
  };

  explicit TokenSource(Surroundings surroundings) : surroundings_(std::move(surroundings)) {}

  /// A token that is good for some time yet. One that ends soon is given, and renewed meanwhile;
  /// without one the caller waits, with all others, for the fetch under way. After a fetch that
  /// failed the next one waits a little, and meanwhile its error is given at once.
  runtime::Task<Result<Secret>> current(runtime::Loop& loop, TimePoint deadline);
  /// A token in place of one that a server refused, if that is not the newest; else a new one,
  /// unless it was fetched only now: kInvalid then.
  runtime::Task<Result<Secret>> after_refusal(runtime::Loop& loop, Secret refused,
                                              TimePoint deadline);
  /// Begins to fetch a token, if there is none.
  void prefetch();
  /// Those that wait on `loop` get kCancelled.
  void cut_off(runtime::Loop& loop);

 private:
  using Waiter = runtime::Handoff<Result<Secret>>;

  runtime::Task<Result<Secret>> wait(std::shared_ptr<Waiter> waiter, TimePoint deadline);
  void begin_fetch();  // under mutex_
  void complete(Result<Token> fetched);
  bool is_good(TimePoint now) const { return token_ && now < good_until_; }

  const Surroundings surroundings_;
  std::mutex mutex_;
  std::optional<Secret> token_;
  TimePoint fetched_at_{};
  TimePoint renew_at_{};
  TimePoint good_until_{};
  bool fetching_ = false;
  std::optional<Error> last_error_;  // of the fetch before, if that failed
  TimePoint not_before_{};           // when the next fetch may begin
  unsigned failures_ = 0;            // in a row
  std::vector<std::shared_ptr<Waiter>> waiters_;
};

/// The sources of the process. Thread-safe.
class Tokens {
 public:
  /// Hears how each fetch ended, with the name of the upstream that first asked for the source.
  using Fetched = std::function<void(const std::string& upstream, const Result<void>&)>;

  /// `client` outlives it; `fetched` is called on its threads.
  Tokens(http::Client& client, Fetched fetched) : client_(client), fetched_(std::move(fetched)) {}

  /// The source of this credential and scope: the same one for all that are alike.
  std::shared_ptr<TokenSource> of(const config::OAuth& settings, const std::string& upstream);

 private:
  http::Client& client_;
  const Fetched fetched_;
  std::mutex mutex_;
  std::vector<std::pair<config::OAuth, std::weak_ptr<TokenSource>>> sources_;
};

}  // namespace sallyport::oauth
