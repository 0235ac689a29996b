#include "auth/login_guard.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <utility>

#include "proxy/base/crypto/digest.h"

namespace sallyport::auth {
namespace {

// So many may be wrong before an answer is held back: people mistype.
constexpr double kFreeFailures = 3;
constexpr Duration kFirstDelay = std::chrono::seconds(1);
// As long as networks are known from which a login succeeded (auth::KnownNetworks).
constexpr Duration kSuccessLasts = std::chrono::days(7);
// Of the networks around an address, how much more may be wrong in each.
constexpr std::array<std::uint32_t, 3> kMoreAtLevel = {4, 2, 1};

/// A number for a name that a stranger can't steer: names collide by chance only.
std::uint64_t key_of(std::string_view name, std::uint64_t network = 0) {
  static const std::uint64_t key = crypto::random_u64();
  std::uint64_t hash = std::hash<std::string_view>()(name) ^ key;
  for (const std::uint64_t part : {network, key}) {
    hash ^= part;
    hash *= 0x9e3779b97f4a7c15;
    hash ^= hash >> 32U;
  }
  return hash;
}

double seconds(Duration span) { return std::chrono::duration<double>(span).count(); }

}  // namespace

template <typename Value>
const Value* LoginGuard::Book<Value>::find(std::uint64_t key) const {
  const auto found = by_key.find(key);
  return found == by_key.end() ? nullptr : &found->second->second;
}

template <typename Value>
Value& LoginGuard::Book<Value>::touch(std::uint64_t key, std::size_t most) {
  if (const auto found = by_key.find(key); found != by_key.end()) {
    entries.splice(entries.end(), entries, found->second);
  } else {
    entries.emplace_back(key, Value{});
    by_key.emplace(key, std::prev(entries.end()));
  }
  if (entries.size() > most) {
    by_key.erase(entries.front().first);
    entries.pop_front();
  }
  return entries.back().second;
}

void LoginGuard::set_options(Options options) {
  const std::lock_guard lock(mutex_);
  options_ = options;
}

std::uint32_t LoginGuard::most_at(std::size_t level) const {
  return options_.network_failures * kMoreAtLevel.at(level);
}

double LoginGuard::failures_at(const Count& count, std::uint32_t most, TimePoint now) const {
  const double run_off = most * seconds(now - count.at) / seconds(options_.window);
  return std::max(0.0, count.failures - run_off);
}

double LoginGuard::add(Count& count, std::uint32_t most, std::uint64_t credentials,
                       TimePoint now) const {
  const double failures = failures_at(count, most, now);
  if (credentials != 0 && std::ranges::find(count.seen, credentials) != count.seen.end())
    return failures;
  count.seen.at(count.next++ % count.seen.size()) = credentials;
  count.at = now;
  // A little has run off since the first one of a quick row.
  if (failures + 1.5 < most) return count.failures = failures + 1;
  count.barred_until = now + options_.block;
  count.failures = 0;  // after the bar it begins anew
  return most;
}

std::optional<Bar> LoginGuard::bar(std::string_view name, const NetworkPath& path,
                                   TimePoint now) const {
  const std::lock_guard lock(mutex_);
  std::optional<Bar> bar;
  const auto look = [&](const Count* count, BarredBy by) {
    if (!count || count->barred_until <= now) return;
    const Duration left = count->barred_until - now;
    if (!bar || left > bar->left) bar = Bar{.by = by, .left = left};
  };
  if (options_.network_failures > 0) {
    for (std::size_t level = 0; level < path.size(); ++level) {
      look(networks_.at(level).find(path.at(level)), BarredBy::kNetwork);
    }
  }
  if (options_.account_failures > 0 && !name.empty()) {
    look(accounts_.find(key_of(name)), BarredBy::kAccount);
  }
  return bar;
}

Penalty LoginGuard::failed(std::string_view name, const NetworkPath& path,
                           const CredentialsMac* credentials, TimePoint now) {
  const std::uint64_t seen = credentials ? MacHash()(*credentials) : 0;
  Penalty penalty;
  double worst = 0;
  const std::lock_guard lock(mutex_);
  const auto count = [&](Book<Count>& book, std::uint64_t key, std::uint32_t most, BarredBy by) {
    if (most == 0) return;
    const double failures = add(book.touch(key, most_), most, seen, now);
    if (failures >= most) penalty.bars = by;
    // One address of a wide network does not wait for what others of it did.
    if (by == BarredBy::kAccount || most == options_.network_failures) {
      worst = std::max(worst, failures);
    }
  };
  for (std::size_t level = path.size(); level-- > 0;) {
    count(networks_.at(level), path.at(level), most_at(level), BarredBy::kNetwork);
  }
  if (!name.empty()) {
    count(accounts_, key_of(name), options_.account_failures, BarredBy::kAccount);
  }
  if (worst > kFreeFailures) {
    const double doublings = std::min(worst - kFreeFailures - 1, 20.0);
    const auto delay = std::chrono::duration_cast<Duration>(kFirstDelay * std::exp2(doublings));
    penalty.delay = std::min<Duration>(delay, options_.max_delay);
  }
  return penalty;
}

void LoginGuard::succeeded(std::string_view name, const NetworkPath& path, TimePoint now) {
  const std::lock_guard lock(mutex_);
  successes_.touch(key_of(name, path[kNarrowest]), most_) = now;
}

bool LoginGuard::has_succeeded(std::string_view name, const NetworkPath& path,
                               TimePoint now) const {
  const std::lock_guard lock(mutex_);
  const TimePoint* last = successes_.find(key_of(name, path[kNarrowest]));
  return last && now - *last < kSuccessLasts;
}

}  // namespace sallyport::auth
