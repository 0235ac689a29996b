// How much each user may send: messages, recipients and bytes over time, and connections at one
// time.
//
// When what is charged:
//   connection  right after AUTH, until the session drops its ConnectionSlot;
//   nothing     at MAIL and RCPT: `peek` there refuses early what would be refused later anyway;
//   message     once the whole content was received and before it is relayed: 1 message, its
//   accepted
//               recipients and its octets, all or nothing. A transaction that was refused or given
//               up before that costs nothing; one that the upstream refuses has been paid for,
//               since it did cost the quota and reputation that limits guard.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/config/config.h"
#include "proxy/policy/gcra.h"
#include "proxy/policy/refusal.h"

namespace sallyport::policy {

/// What one message takes.
struct Charge {
  std::uint64_t messages = 1;
  std::uint64_t recipients = 0;
  std::uint64_t bytes = 0;
};

class UserLimits;

/// One of a user's connections; gives itself back when it dies. Move-only.
class ConnectionSlot {
 public:
  ConnectionSlot() = default;
  ConnectionSlot(ConnectionSlot&& other) noexcept = default;
  ConnectionSlot& operator=(ConnectionSlot&& other) noexcept;
  ~ConnectionSlot();

 private:
  friend class UserLimits;
  explicit ConnectionSlot(std::shared_ptr<UserLimits> owner) : owner_(std::move(owner)) {}

  std::shared_ptr<UserLimits> owner_;
};

/// The state of one user's limits, shared by all of the user's sessions on all workers. No function
/// takes a lock or waits. A reload changes the limits under running sessions' feet: a limit lowered
/// to stop somebody must stop whoever is connected, too.
class UserLimits : public std::enable_shared_from_this<UserLimits> {
 public:
  /// For LimitTable and tests. All times handed in later are held against `epoch`.
  UserLimits(const config::Limits& limits, TimePoint epoch);

  /// Takes one connection, or says that there are too many.
  std::expected<ConnectionSlot, Refusal> connect();

  /// Takes everything in `charge`, or nothing: when one limit refuses, the others get theirs back.
  /// Of several refusals the one that lasts longest is told.
  std::expected<void, Refusal> take(const Charge& charge, TimePoint now);
  /// What `take` would say, without taking. At MAIL: `{.messages = 1, .recipients = 1, .bytes =
  /// SIZE}`.
  std::expected<void, Refusal> peek(const Charge& charge, TimePoint now) const;

  /// How many recipients one message may ever have; past it a session answers RCPT with 452 4.5.3,
  /// so that the client sends the rest in a second transaction. nullopt: no limit.
  std::optional<std::uint64_t> most_recipients() const;

  std::uint32_t connections() const { return connections_.load(std::memory_order_relaxed); }

 private:
  friend class ConnectionSlot;
  friend class LimitTable;

  /// The limits, worked out. Never changes once it is published.
  struct Rates {
    explicit Rates(const config::Limits& from);
    config::Limits limits;
    std::array<std::optional<GcraRate>, 3> of;  // messages, recipients, bytes
    /// Null: not limited.
    const GcraRate* at(std::size_t i) const {
      const std::optional<GcraRate>& rate = of[i];
      return rate ? &*rate : nullptr;
    }
  };

  const Rates& rates() const { return *rates_.load(std::memory_order_acquire); }
  void change(const config::Limits& limits, TimePoint now);
  bool idle(TimePoint now) const;
  SinceEpoch since_epoch(TimePoint now) const;
  std::expected<void, Refusal> look(const Rates& rates, const Charge& charge, SinceEpoch now) const;

  const TimePoint epoch_;
  std::array<Gcra, 3> state_;
  std::atomic<std::uint32_t> connections_ = 0;
  std::atomic<const Rates*> rates_;
  // Every set of limits this user ever had, as readers may still look at an old one. `change`
  // reuses what is there, and is called under the table's lock.
  std::vector<std::unique_ptr<const Rates>> published_;
};

/// The limits of all users, one table a process. Thread-safe. State belongs to the user's name: it
/// survives reloads and the end of sessions, and is forgotten only when forgetting changes nothing,
/// so the table is never larger than the users who sent within their longest burst.
class LimitTable {
 public:
  explicit LimitTable(TimePoint epoch);

  /// The state of this user, made on demand; the user's limits become the current ones. Called once
  /// a session, after AUTH. Takes a lock that is shared by a sixteenth of the users.
  std::shared_ptr<UserLimits> find(const config::User& user, TimePoint now);

  /// Looks a user up in the table of the day; null when there is none of that name.
  using FindUser = std::function<std::shared_ptr<const config::User>(std::string_view name)>;
  /// After a reload: gives everybody who has state their new limits. What was used is kept in
  /// units: who sent 80 messages has sent 80 of the new limit. Who is no longer a user keeps the
  /// old limits.
  void update(const FindUser& find_user, TimePoint now);

  std::size_t size() const;

 private:
  static constexpr std::size_t kShards = 16;
  struct NameHash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, std::shared_ptr<UserLimits>, NameHash, std::equal_to<>> users;
    std::size_t sweep_at = 64;  // entries; then the idle ones are dropped
  };
  Shard& shard(std::string_view name);
  static void sweep(Shard& shard, TimePoint now);

  const TimePoint epoch_;
  std::array<Shard, kShards> shards_;
};

}  // namespace sallyport::policy
