// What every source has around it, whatever it is: a deadline, a cache, one check for equal
// questions, a bound on how many wait, a grace for when it is away, and a record of how it does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auth/grant_cache.h"
#include "auth/source.h"
#include "proxy/base/clock.h"
#include "proxy/runtime/handoff.h"
#include "proxy/runtime/loop.h"

namespace sallyport::auth {

/// How a question to a source ended.
enum class Asked : std::uint8_t {
  kAccepted,
  kRejected,
  kUnavailable,
  kCached,  ///< It was not asked: it had accepted the same a short while ago.
  kGrace,   ///< It is away, and had accepted the same within its grace.
};

/// One source in force, for all loops of the process. Thread-safe.
class GuardedSource {
 public:
  struct Options {
    std::string name;
    Duration timeout = std::chrono::seconds(5);
    Duration cache_lifetime = std::chrono::minutes(1);  ///< 0: every login is asked for.
    Duration grace{};                                   ///< 0: none.
    std::size_t most_waiting = 1024;  ///< Questions at one time, with those that are asked.
    std::size_t most_cached = 65536;
    /// Hears of each question: the source's name, how it ended, the reason if it was away.
    std::function<void(std::string_view source, Asked how, std::string_view reason)> heard = {};
  };

  GuardedSource(Options options, std::unique_ptr<Source> source);
  ~GuardedSource();
  GuardedSource(const GuardedSource&) = delete;
  GuardedSource& operator=(const GuardedSource&) = delete;

  const std::string& name() const { return options_.name; }
  std::uint64_t id() const { return id_; }
  bool takes(const Question& question) const { return source_->takes(question); }

  /// Whom it let in for the same question not long ago; null: nobody. Asks nobody, hashes nothing.
  Granted recall(const Question& question, TimePoint now) const;
  /// Asks it, or waits for the answer to an equal question that is under way.
  runtime::Task<Answer> ask(runtime::Loop& loop, const Question& question);

  void start() { source_->start(); }
  void cut_off() { source_->cut_off(); }

  /// Why it could not answer the last time it was asked; nullopt: it could, or was never asked.
  struct Trouble {
    std::string reason;
    TimePoint since;
  };
  std::optional<Trouble> trouble() const;

 private:
  using Waiter = runtime::Handoff<Answer>;
  using Flight = std::vector<std::shared_ptr<Waiter>>;

  Answer settle(const Question& question, Answer answer, TimePoint now);
  void note(const Answer& answer, TimePoint now);
  void hear(Asked how, std::string_view reason = {}) const;

  const Options options_;
  const std::uint64_t id_;
  const std::unique_ptr<Source> source_;
  GrantCache cache_;
  mutable std::mutex mutex_;
  std::unordered_map<CredentialsMac, Flight, MacHash, MacEqual> flights_;  // who waits for each
  std::size_t waiting_ = 0;
  std::optional<Trouble> trouble_;
};

}  // namespace sallyport::auth
