#include "proxy/oauth/tokens.h"

#include <algorithm>
#include <chrono>

#include "proxy/base/crypto/digest.h"

namespace sallyport::oauth {
namespace {

using runtime::Task;
using std::chrono::minutes;
using std::chrono::seconds;

// One request to a token server.
constexpr Duration kRequestTimeout = seconds(20);
// A login may take so long after it was given its token.
constexpr Duration kLeastLeft = seconds(10);
// A token is renewed when a fifth of its life is left, but not more than this.
constexpr Duration kMostEarly = minutes(5);
constexpr Duration kShortestPause = seconds(1);
constexpr Duration kLongestPause = minutes(1);
// A token that is younger was not refused for its age.
constexpr Duration kYoung = seconds(10);

/// 1, 2, 4 … 60 s, each up to a quarter more: replicas do not ask together.
Duration pause_after(unsigned failures) {
  const unsigned doublings = std::min(failures - 1, 6u);
  const Duration pause = std::min<Duration>(kShortestPause * (1u << doublings), kLongestPause);
  return pause + pause / 4 * static_cast<Duration::rep>(crypto::random_u64() % 1000) / 1000;
}

}  // namespace

Task<Result<Secret>> TokenSource::current(runtime::Loop& loop, TimePoint deadline) {
  const auto self = shared_from_this();
  std::shared_ptr<Waiter> waiter;
  {
    const std::lock_guard lock(mutex_);
    const TimePoint now = surroundings_.now();
    const bool may_fetch = !fetching_ && now >= not_before_;
    if (token_ && is_good(now)) {
      if (now >= renew_at_ && may_fetch) begin_fetch();
      co_return *token_;
    }
    if (!fetching_ && !may_fetch && last_error_) co_return fail(*last_error_);
    waiter = std::make_shared<Waiter>(loop);
    waiters_.push_back(waiter);
    if (!fetching_) begin_fetch();
  }
  co_return co_await wait(std::move(waiter), deadline);
}

Task<Result<Secret>> TokenSource::after_refusal(runtime::Loop& loop, Secret refused,
                                                TimePoint deadline) {
  const auto self = shared_from_this();
  std::shared_ptr<Waiter> waiter;
  {
    const std::lock_guard lock(mutex_);
    const TimePoint now = surroundings_.now();
    const bool is_newest = token_ && token_->reveal() == refused.reveal();
    if (token_ && is_good(now) && !is_newest) co_return *token_;
    if (is_newest && now - fetched_at_ < kYoung) {
      co_return fail(ErrorCode::kInvalid, "a token that was fetched only now is refused");
    }
    if (!fetching_ && now < not_before_ && last_error_) co_return fail(*last_error_);
    token_.reset();
    waiter = std::make_shared<Waiter>(loop);
    waiters_.push_back(waiter);
    if (!fetching_) begin_fetch();
  }
  co_return co_await wait(std::move(waiter), deadline);
}

void TokenSource::prefetch() {
  const std::lock_guard lock(mutex_);
  const TimePoint now = surroundings_.now();
  if (!fetching_ && !is_good(now) && now >= not_before_) begin_fetch();
}

void TokenSource::cut_off(runtime::Loop& loop) {
  const std::lock_guard lock(mutex_);
  std::erase_if(waiters_, [&loop](const auto& waiter) {
    if (!waiter->is_for(loop)) return false;
    waiter->give(fail(ErrorCode::kCancelled, "sallyport is stopping"));
    return true;
  });
}

Task<Result<Secret>> TokenSource::wait(std::shared_ptr<Waiter> waiter, TimePoint deadline) {
  auto token = co_await waiter->wait(deadline);
  if (token) co_return std::move(*token);
  {
    const std::lock_guard lock(mutex_);
    std::erase(waiters_, waiter);
  }
  co_return fail(ErrorCode::kTimeout, "the token server gave no access token in time");
}

void TokenSource::begin_fetch() {
  fetching_ = true;
  surroundings_.run([self = shared_from_this()] { self->complete(self->surroundings_.fetch()); });
}

void TokenSource::complete(Result<Token> fetched) {
  std::vector<std::shared_ptr<Waiter>> waiters;
  Result<Secret> result;
  {
    const std::lock_guard lock(mutex_);
    const TimePoint now = surroundings_.now();
    fetching_ = false;
    if (fetched) {
      const Duration lifetime = fetched->lifetime;
      token_ = std::move(fetched->text);
      fetched_at_ = now;
      renew_at_ = now + lifetime - std::min<Duration>(kMostEarly, lifetime / 5);
      good_until_ = now + std::max<Duration>(lifetime - kLeastLeft, lifetime / 2);
      last_error_.reset();
      failures_ = 0;
      not_before_ = now;
      result = *token_;
    } else {
      last_error_ = fetched.error();
      not_before_ = now + pause_after(++failures_);
      result = fail(fetched.error());
    }
    waiters = std::exchange(waiters_, {});
  }
  if (surroundings_.fetched) {
    surroundings_.fetched(result ? Result<void>() : fail(result.error()));
  }
  for (const auto& waiter : waiters) waiter->give(result);
}

std::shared_ptr<TokenSource> Tokens::of(const config::OAuth& settings,
                                        const std::string& upstream) {
  const std::lock_guard lock(mutex_);
  std::erase_if(sources_, [](const auto& entry) { return entry.second.expired(); });
  for (const auto& [known, source] : sources_) {
    if (known != settings) continue;
    if (auto shared = source.lock()) return shared;
  }
  const auto grant = std::make_shared<Grant>(settings, [&client = client_](const auto& request) {
    return client.send_here(request, kRequestTimeout);
  });
  auto source = std::make_shared<TokenSource>(TokenSource::Surroundings{
      .fetch = [grant] { return grant->fetch(); },
      .run = [&client = client_](std::function<void()> work) { client.run(std::move(work)); },
      .fetched =
          [fetched = fetched_, upstream](const Result<void>& result) {
            if (fetched) fetched(upstream, result);
          }});
  sources_.emplace_back(settings, source);
  return source;
}

}  // namespace sallyport::oauth
