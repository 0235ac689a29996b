// The keys of an issuer as they are known now: fetched off the loops, once for everybody who waits,
// and again when a token names a key that is not known.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "auth/sources/jwt.h"
#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/runtime/handoff.h"
#include "proxy/runtime/loop.h"

namespace sallyport::auth {

/// Whose keys, and the keys.
struct IssuerKeys {
  std::string issuer;
  KeySet keys;
};

/// Thread-safe; made by `make_shared`. Keys that are there stay in use while the issuer is away.
class KeyStore : public std::enable_shared_from_this<KeyStore> {
 public:
  using Keys = std::shared_ptr<const IssuerKeys>;

  struct Surroundings {
    std::function<Result<IssuerKeys>()> fetch;       ///< Blocks. Never called twice at a time.
    std::function<void(std::function<void()>)> run;  ///< Calls its argument on another thread.
    std::function<TimePoint()> now = std::chrono::steady_clock::now;
  };

  explicit KeyStore(Surroundings surroundings) : surroundings_(std::move(surroundings)) {}
  /// Keys that never change: those of a file.
  explicit KeyStore(IssuerKeys keys);

  /// The keys there are; without any it waits for them. When they are an hour old they are fetched
  /// again meanwhile.
  runtime::Task<Result<Keys>> current(runtime::Loop& loop, TimePoint deadline);
  /// Keys in place of `known`, in which one is missing: fetched now, or by somebody else meanwhile.
  /// `known` itself: they were fetched within the last minute, and there are no others.
  runtime::Task<Result<Keys>> newer(runtime::Loop& loop, Keys known, TimePoint deadline);
  /// Begins to fetch keys, if there are none.
  void prefetch();

 private:
  using Waiter = runtime::Handoff<Result<Keys>>;

  runtime::Task<Result<Keys>> wait(std::shared_ptr<Waiter> waiter, TimePoint deadline);
  void begin_fetch();  // under mutex_
  void complete(Result<IssuerKeys> fetched);

  const Surroundings surroundings_;
  std::mutex mutex_;
  Keys keys_;
  TimePoint fetched_at_{};
  bool fetching_ = false;
  std::optional<Error> last_error_;  // of the fetch before, if that failed
  TimePoint not_before_{};           // when the next fetch may begin
  unsigned failures_ = 0;            // in a row
  std::vector<std::shared_ptr<Waiter>> waiters_;
};

}  // namespace sallyport::auth
