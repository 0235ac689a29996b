#include "proxy/relay/health.h"

#include <algorithm>
#include <chrono>

namespace sallyport::relay {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

struct Span {
  Duration first;
  Duration most;
};

Span span_of(Health::Trouble trouble) {
  switch (trouble) {
    case Health::Trouble::kUnreachable:
    case Health::Trouble::kThrottled:
      return {seconds(1), minutes(1)};
    case Health::Trouble::kQuota:
      return {minutes(1), minutes(15)};
    case Health::Trouble::kTls:
    case Health::Trouble::kLogin:
    case Health::Trouble::kAccount:
      return {seconds(5), minutes(5)};
  }
  return {seconds(1), minutes(1)};
}

constexpr std::uint32_t kMostDoublings = 16;
constexpr Duration kLongestRecovery = seconds(30);
constexpr Duration kShortest = seconds(5);  // after less than that all mail comes back at once

}  // namespace

bool Health::admit(TimePoint now) {
  if (condition_.load(std::memory_order_relaxed) == kWell) return true;
  const std::scoped_lock lock(mutex_);
  switch (condition_.load(std::memory_order_relaxed)) {
    case kWell:
      return true;
    case kRecovering: {
      const Duration elapsed = now - recovers_at_;
      if (elapsed >= recovery_) {
        condition_.store(kWell, std::memory_order_relaxed);
        return true;
      }
      // At least one in ten: the line begins where mail still flows.
      const auto share = std::max<Duration::rep>(elapsed.count() * 100 / recovery_.count(), 10);
      return std::uniform_int_distribution<Duration::rep>(0, 99)(random_) < share;
    }
    case kTroubled:
      break;
  }
  if (now < closed_until_ || probing_) return false;
  probing_ = true;
  return true;
}

bool Health::succeeded(TimePoint now) {
  if (condition_.load(std::memory_order_relaxed) != kTroubled) return false;
  const std::scoped_lock lock(mutex_);
  if (condition_.load(std::memory_order_relaxed) != kTroubled) return false;
  probing_ = false;
  kinds_ = {};
  recovers_at_ = now;
  recovery_ = std::clamp<Duration>(now - closed_at_, seconds(0), kLongestRecovery);
  condition_.store(recovery_ > kShortest ? kRecovering : kWell, std::memory_order_relaxed);
  return true;
}

void Health::learned_nothing() {
  if (condition_.load(std::memory_order_relaxed) != kTroubled) return;
  const std::scoped_lock lock(mutex_);
  probing_ = false;
}

void Health::failed(Trouble trouble, TimePoint now, std::string_view words) {
  const std::scoped_lock lock(mutex_);
  Kind& kind = kinds_[static_cast<std::size_t>(trouble)];
  const bool troubled = condition_.load(std::memory_order_relaxed) == kTroubled;
  if (troubled && kind.failures > 0 && now < kind.closed_until) return;
  if (!troubled) since_ = closed_at_ = now;
  probing_ = false;
  last_ = trouble;
  words_ = words;
  const Span span = span_of(trouble);
  const Duration grown = span.first * (1 << std::min(kind.failures, kMostDoublings));
  std::uniform_int_distribution<int> percent(75, 125);
  kind.closed_until = now + std::min(grown, span.most) * percent(random_) / 100;
  ++kind.failures;
  closed_until_ = std::max(closed_until_, kind.closed_until);
  condition_.store(kTroubled, std::memory_order_relaxed);
}

void Health::forget() {
  const std::scoped_lock lock(mutex_);
  kinds_ = {};
  closed_until_ = {};
  probing_ = false;
  condition_.store(kWell, std::memory_order_relaxed);
}

std::optional<Health::Diagnosis> Health::diagnosis() const {
  if (!is_troubled()) return std::nullopt;
  const std::scoped_lock lock(mutex_);
  if (!is_troubled()) return std::nullopt;
  return Diagnosis{
      .trouble = last_, .since = since_, .closed_until = closed_until_, .words = words_};
}

std::string_view name(Health::Trouble trouble) {
  switch (trouble) {
    case Health::Trouble::kUnreachable:
      return "network";
    case Health::Trouble::kThrottled:
      return "throttled";
    case Health::Trouble::kQuota:
      return "quota";
    case Health::Trouble::kTls:
      return "tls";
    case Health::Trouble::kLogin:
      return "login";
    case Health::Trouble::kAccount:
      return "account";
  }
  return {};
}

bool is_for_operator(Health::Trouble trouble) {
  return trouble == Health::Trouble::kTls || trouble == Health::Trouble::kLogin ||
         trouble == Health::Trouble::kAccount;
}

}  // namespace sallyport::relay
