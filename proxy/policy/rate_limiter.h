// How much each user may send: messages, recipients and bytes over time, and connections at one
// time.
//
// When what is charged:
//   connection  right after AUTH, until the session drops its ConnectionSlot;
//   nothing     at MAIL and RCPT: `peek` there refuses early what would be refused later anyway;
//   message     once the whole content was received and before it is relayed: 1 message, its
//               recipients and its octets, all or nothing. The Receipt gives them back unless it is
//               kept: a message that was not delivered, whether it was refused, deferred or given
//               up, costs nothing. One that was delivered, or may have been, is paid for from the
//               moment it was charged.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proxy/base/ascii.h"
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

/// Octets that a client announced and that have not come yet; gives them back when it dies.
/// Move-only.
class Announced {
 public:
  /// Of nothing.
  Announced() = default;
  Announced(Announced&& other) noexcept;
  Announced& operator=(Announced&& other) noexcept;
  ~Announced();

 private:
  friend class UserLimits;
  Announced(std::shared_ptr<UserLimits> owner, std::uint64_t octets)
      : owner_(std::move(owner)), octets_(octets) {}

  std::shared_ptr<UserLimits> owner_;
  std::uint64_t octets_ = 0;
};

/// What one message has taken; gives it back when it dies, unless it was kept. Move-only.
class Receipt {
 public:
  /// Of nothing.
  Receipt() = default;
  Receipt(Receipt&& other) noexcept;
  Receipt& operator=(Receipt&& other) noexcept;
  ~Receipt();

  /// It stays taken: the message was delivered, or may have been.
  void keep();
  /// So much of it stays taken, and the rest is given back.
  void keep(const Charge& part);

 private:
  friend class UserLimits;
  Receipt(std::shared_ptr<UserLimits> owner, std::uint64_t id)
      : owner_(std::move(owner)), id_(id) {}

  std::shared_ptr<UserLimits> owner_;
  std::uint64_t id_ = 0;
};

/// The state of one user's limits, shared by all of the user's sessions on all workers. No function
/// waits, but for a lock that is held for a few comparisons. A reload changes the limits of
/// sessions that run: a limit lowered to stop a user must stop its open sessions, too.
class UserLimits : public std::enable_shared_from_this<UserLimits> {
 public:
  /// For LimitTable and tests. All times handed in later are held against `epoch`.
  UserLimits(const config::Limits& limits, TimePoint epoch);

  /// Takes one connection, or says that there are too many.
  std::expected<ConnectionSlot, LimitExceeded> connect();

  /// Counts octets that are announced on one of the user's connections. nullopt, and nothing
  /// counted, if it would be more than `most` on all of them.
  std::optional<Announced> announce(std::uint64_t octets, std::uint64_t most);

  /// Takes everything in `charge`, or nothing. Of several refusals the one that lasts longest is
  /// told. A Receipt that gives back leaves the limits as if its charge had never been.
  std::expected<Receipt, LimitExceeded> take(const Charge& charge, TimePoint now);
  /// What `take` would say, without taking. At MAIL: `{.messages = 1, .recipients = 1, .bytes =
  /// SIZE}`.
  std::expected<void, LimitExceeded> peek(const Charge& charge, TimePoint now) const;

  /// How many recipients one message may ever have; past it a session answers RCPT with 452 4.5.3,
  /// so that the client sends the rest in a second transaction. nullopt: no limit.
  std::optional<std::uint64_t> most_recipients() const;

  std::uint32_t connections() const { return connections_.load(std::memory_order_relaxed); }

 private:
  friend class Announced;
  friend class ConnectionSlot;
  friend class Receipt;
  friend class LimitTable;

  static constexpr std::size_t kRates = 3;  // messages, recipients, bytes
  using Rates = std::array<std::optional<GcraRate>, kRates>;
  using Steps = std::array<Step, kRates>;
  using States = std::array<Gcra, kRates>;

  /// Charges in a row: one that may still be given back, or several that stay.
  struct Taken {
    std::uint64_t id = 0;
    bool open = true;
    Steps steps{};
  };

  static Rates rates_of(const config::Limits& limits);
  /// Ends an open charge, of which only `part` stays; null: all of it.
  void settle(std::uint64_t id, const Charge* part);
  void forget_what_is_settled(std::vector<Taken>::iterator settled);
  void change(const config::Limits& limits, TimePoint now);
  bool idle(TimePoint now) const;
  SinceEpoch since_epoch(TimePoint now) const;
  std::expected<void, LimitExceeded> look(const Charge& charge, SinceEpoch now) const;

  const TimePoint epoch_;
  std::atomic<std::uint32_t> connections_ = 0;
  std::atomic<std::uint64_t> announced_ = 0;
  mutable std::mutex mutex_;
  // All below under the mutex.
  config::Limits limits_;
  Rates rates_;
  States state_;  // with everything that was taken
  // What was taken from the oldest open charge on, and the state before it: what is given back is
  // left out, and the rest is done again.
  States before_;
  std::vector<Taken> taken_;  // in the order of their ids
  std::uint64_t last_id_ = 0;
};

/// The limits of all users, one table a process. Thread-safe. State belongs to the user's name, in
/// whatever case: it survives reloads and the end of sessions, and is forgotten only when
/// forgetting changes nothing, so the table is never larger than the users who sent within their
/// longest burst.
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
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, std::shared_ptr<UserLimits>, ascii::CaselessHash,
                       ascii::CaselessEqual>
        users;
    std::size_t sweep_at = 64;  // entries; then the idle ones are dropped
  };
  Shard& shard(std::string_view name);
  static void sweep(Shard& shard, TimePoint now);

  const TimePoint epoch_;
  std::array<Shard, kShards> shards_;
};

}  // namespace sallyport::policy
