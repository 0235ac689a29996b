#include "auth/sources/key_store.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace sallyport::auth {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

// An issuer that takes a key back must be heard, even if no token asks for it.
constexpr Duration kOld = std::chrono::hours(1);
// Tokens with made-up key ids must not become requests to the issuer.
constexpr Duration kPause = minutes(1);
// After a failure: 1, 2, 4 … 60 s.
constexpr Duration kShortestPause = seconds(1);

}  // namespace

KeyStore::KeyStore(IssuerKeys keys)
    : keys_(std::make_shared<const IssuerKeys>(std::move(keys))), not_before_(kNever) {}

runtime::Task<Result<KeyStore::Keys>> KeyStore::current(runtime::Loop& loop, TimePoint deadline) {
  const auto self = shared_from_this();
  std::shared_ptr<Waiter> waiter;
  {
    const std::lock_guard lock(mutex_);
    if (keys_) {
      if (surroundings_.now) {
        const TimePoint now = surroundings_.now();
        if (!fetching_ && now >= not_before_ && now - fetched_at_ >= kOld) begin_fetch();
      }
      co_return keys_;
    }
    const bool may_fetch = fetching_ || surroundings_.now() >= not_before_;
    if (!may_fetch && last_error_) co_return fail(*last_error_);
    waiter = std::make_shared<Waiter>(loop);
    waiters_.push_back(waiter);
    if (!fetching_) begin_fetch();
  }
  co_return co_await wait(std::move(waiter), deadline);
}

runtime::Task<Result<KeyStore::Keys>> KeyStore::newer(runtime::Loop& loop, Keys known,
                                                      TimePoint deadline) {
  const auto self = shared_from_this();
  std::shared_ptr<Waiter> waiter;
  {
    const std::lock_guard lock(mutex_);
    if (keys_ != known || not_before_ == kNever) co_return keys_;
    if (!fetching_ && surroundings_.now() < not_before_) {
      if (last_error_) co_return fail(*last_error_);
      co_return keys_;
    }
    waiter = std::make_shared<Waiter>(loop);
    waiters_.push_back(waiter);
    if (!fetching_) begin_fetch();
  }
  co_return co_await wait(std::move(waiter), deadline);
}

void KeyStore::prefetch() {
  const std::lock_guard lock(mutex_);
  if (!keys_ && !fetching_) begin_fetch();
}

runtime::Task<Result<KeyStore::Keys>> KeyStore::wait(std::shared_ptr<Waiter> waiter,
                                                     TimePoint deadline) {
  auto keys = co_await waiter->wait(deadline);
  if (keys) co_return std::move(*keys);
  {
    const std::lock_guard lock(mutex_);
    std::erase(waiters_, waiter);
  }
  co_return fail(ErrorCode::kTimeout, "the issuer gave no keys in time");
}

void KeyStore::begin_fetch() {
  fetching_ = true;
  surroundings_.run([self = shared_from_this()] { self->complete(self->surroundings_.fetch()); });
}

void KeyStore::complete(Result<IssuerKeys> fetched) {
  std::vector<std::shared_ptr<Waiter>> waiters;
  Result<Keys> result;
  {
    const std::lock_guard lock(mutex_);
    const TimePoint now = surroundings_.now();
    fetching_ = false;
    if (fetched) {
      keys_ = std::make_shared<const IssuerKeys>(std::move(*fetched));
      fetched_at_ = now;
      last_error_.reset();
      failures_ = 0;
      not_before_ = now + kPause;
      result = keys_;
    } else {
      last_error_ = fetched.error();
      not_before_ =
          now + std::min<Duration>(kPause, kShortestPause * (1u << std::min(failures_, 6u)));
      ++failures_;
      result = fail(fetched.error());
    }
    waiters = std::exchange(waiters_, {});
  }
  for (const auto& waiter : waiters) waiter->give(result);
}

}  // namespace sallyport::auth
