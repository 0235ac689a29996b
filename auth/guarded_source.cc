#include "auth/guarded_source.h"

#include <algorithm>
#include <atomic>
#include <utility>

namespace sallyport::auth {
namespace {

std::uint64_t next_id() {
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
}

// After its deadline a source has a moment more to say so itself.
constexpr Duration kLastWord = std::chrono::seconds(1);

}  // namespace

GuardedSource::GuardedSource(Options options, std::unique_ptr<Source> source)
    : options_(std::move(options)),
      id_(next_id()),
      source_(std::move(source)),
      cache_(options_.most_cached, std::max(options_.cache_lifetime, options_.grace)) {}

GuardedSource::~GuardedSource() = default;

Granted GuardedSource::recall(const Question& question, TimePoint now) const {
  Granted grant = cache_.find(question.mac, options_.cache_lifetime, now);
  if (grant) hear(Asked::kCached);
  return grant;
}

runtime::Task<Answer> GuardedSource::ask(runtime::Loop& loop, const Question& question) {
  std::shared_ptr<Waiter> follower;
  bool full = false;
  {
    const std::lock_guard lock(mutex_);
    const auto flight = flights_.find(question.mac);
    full = waiting_ >= options_.most_waiting;
    if (!full && flight != flights_.end()) {
      follower = std::make_shared<Waiter>(loop);
      flight->second.push_back(follower);
    } else if (!full) {
      flights_.emplace(question.mac, Flight());
    }
    if (!full) ++waiting_;
  }
  if (full) {
    if (Granted grant = cache_.find(question.mac, options_.grace, loop.now())) {
      hear(Asked::kGrace, "too many logins wait for it");
      co_return grant;
    }
    hear(Asked::kUnavailable, "too many logins wait for it");
    co_return Away{.reason = "too many logins wait for it", .busy = true};
  }
  const TimePoint deadline = loop.after(options_.timeout);
  if (follower) {
    auto answer = co_await follower->wait(deadline + kLastWord);
    const std::lock_guard lock(mutex_);
    --waiting_;
    if (answer) co_return std::move(*answer);
    const auto flight = flights_.find(question.mac);
    if (flight != flights_.end()) std::erase(flight->second, follower);
    if (Granted grant = cache_.find(question.mac, options_.grace, loop.now())) co_return grant;
    co_return Away{.reason = "it did not answer in time"};
  }
  Answer found = co_await source_->check(loop, question, deadline);
  Answer answer = settle(question, std::move(found), loop.now());
  Flight followers;
  {
    const std::lock_guard lock(mutex_);
    --waiting_;
    auto flight = flights_.extract(question.mac);
    if (flight) followers = std::move(flight.mapped());
  }
  for (const auto& waiter : followers) waiter->give(answer);
  co_return answer;
}

/// What the answer is once the cache has had its say.
Answer GuardedSource::settle(const Question& question, Answer answer, TimePoint now) {
  if (const auto* refused = std::get_if<Refused>(&answer); refused && refused->unasked) {
    return answer;
  }
  note(answer, now);
  if (const auto* granted = std::get_if<Granted>(&answer)) {
    auto grant = std::make_shared<Grant>(**granted);
    grant->source = options_.name;
    grant->source_id = id_;
    if (const auto lifetime = grant->lifetime) grant->valid_until = now + *lifetime;
    cache_.insert(question.mac, grant, now);
    hear(Asked::kAccepted);
    return Granted(std::move(grant));
  }
  if (std::holds_alternative<Refused>(answer)) {
    cache_.erase(question.mac);
    hear(Asked::kRejected);
    return answer;
  }
  const std::string& reason = std::get<Away>(answer).reason;
  if (Granted grant = cache_.find(question.mac, options_.grace, now)) {
    hear(Asked::kGrace, reason);
    return grant;
  }
  hear(Asked::kUnavailable, reason);
  return answer;
}

void GuardedSource::note(const Answer& answer, TimePoint now) {
  const auto* const away = std::get_if<Away>(&answer);
  const std::lock_guard lock(mutex_);
  if (!away) {
    trouble_.reset();
  } else if (trouble_) {
    trouble_->reason = away->reason;
  } else {
    trouble_ = {.reason = away->reason, .since = now};
  }
}

void GuardedSource::hear(Asked how, std::string_view reason) const {
  if (options_.heard) options_.heard(options_.name, how, reason);
}

std::optional<GuardedSource::Trouble> GuardedSource::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

}  // namespace sallyport::auth
