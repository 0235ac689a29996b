// Who guesses passwords waits longer for each answer, and hears 421 in the end.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "auth/network_path.h"
#include "auth/verified_cache.h"
#include "proxy/base/clock.h"
#include "proxy/config/brute_force.h"

namespace sallyport::auth {

/// What too many wrong logins were counted of.
enum class BarredBy : std::uint8_t { kNetwork, kAccount };

/// Nobody is let in by this name from there, for so long.
struct Bar {
  BarredBy by = BarredBy::kNetwork;
  Duration left{};
};

/// What a wrong login costs.
struct Penalty {
  Duration delay{};                ///< The answer is held back for so long.
  std::optional<BarredBy> bars{};  ///< With this one the bar has begun.
};

/// Counts wrong logins by network and by account. An IPv4 address or IPv6 /64 has
/// `network_failures`, the networks around it (/56, and /24 or /48) twice and four times as many.
/// The count of a name is the same whether a user has it or not. A count runs off evenly within
/// `window`; the same wrong credentials again count once, for a program whose password was changed
/// comes back with the old one for hours and guesses nothing.
///
/// Thread-safe, bounded in size: past `most` of each kind the one that was quiet longest goes. In
/// memory, and of this process alone.
class LoginGuard {
 public:
  using Options = config::BruteForce;

  explicit LoginGuard(Options options, std::size_t most = 65536) : options_(options), most_(most) {}

  /// A reload may change it, from any thread; counts stay, and so do bars.
  void set_options(Options options);

  /// Whether logins by `name` from there are barred now. `name`: in lower case; empty: none was
  /// said, and only the network counts.
  std::optional<Bar> bar(std::string_view name, const NetworkPath& path, TimePoint now) const;
  /// A login was wrong. `credentials`: what tells these from others; null: not known.
  Penalty failed(std::string_view name, const NetworkPath& path, const CredentialsMac* credentials,
                 TimePoint now);
  /// A login was right: from this network the name is not locked out for a week.
  void succeeded(std::string_view name, const NetworkPath& path, TimePoint now);
  /// Was a login by `name` right from there lately?
  bool has_succeeded(std::string_view name, const NetworkPath& path, TimePoint now) const;

 private:
  /// Of one network or account.
  struct Count {
    double failures = 0;  // as of `at`; they run off since
    TimePoint at{};
    TimePoint barred_until{};
    // The last ones seen, by the first octets of their MACs; 0: none.
    std::array<std::uint64_t, 8> seen{};
    std::size_t next = 0;
  };
  /// What was counted, the longest quiet first.
  template <typename Value>
  struct Book {
    using Entries = std::list<std::pair<std::uint64_t, Value>>;
    Entries entries;
    std::unordered_map<std::uint64_t, typename Entries::iterator> by_key;

    const Value* find(std::uint64_t key) const;
    /// The entry of `key`, a new one if there is none; it is the freshest from now on.
    Value& touch(std::uint64_t key, std::size_t most);
  };

  double failures_at(const Count& count, std::uint32_t most, TimePoint now) const;
  /// Counts one more, unless these credentials were counted already; gives the count with it.
  double add(Count& count, std::uint32_t most, std::uint64_t credentials, TimePoint now) const;
  std::uint32_t most_at(std::size_t level) const;

  mutable std::mutex mutex_;
  Options options_;
  const std::size_t most_;
  std::array<Book<Count>, 3> networks_;  // by level of the path
  Book<Count> accounts_;
  Book<TimePoint> successes_;  // by name and narrowest network: when
};

}  // namespace sallyport::auth
