// Which upstreams a message goes to, and in which order they are asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/message/message.h"
#include "proxy/relay/delivery.h"
#include "proxy/smtp/mailbox.h"

namespace sallyport::relay {

/// What routes look at of a message that is there.
struct Traits {
  const message::Envelope& envelope;
  std::uint64_t size;
  std::span<const config::HeaderField> fields;  ///< Those of `Router::watched_fields`.
};

/// The routes of one config, indexed. Immutable. A route without other conditions than `senders` is
/// found by hash, so that the cost does not grow with their number. Others are looked at one by
/// one, but only those for this user and these groups, where they name any.
class Router {
 public:
  /// Keeps a copy of `routes`.
  explicit Router(std::span<const config::Route> routes);

  /// The first route that serves this message of this caller, as an index into Config::routes.
  std::optional<std::size_t> find(const Traits& traits, const Caller& caller) const;
  /// Visits every route that a message with this reverse-path may go by, in order.
  void each_possible(const smtp::ReversePath& reverse_path, const Caller& caller,
                     const std::function<void(const config::Route&)>& visit) const;

  const config::Route& route(std::size_t index) const { return routes_[index]; }
  /// The upstreams of a route in the order in which they are to be asked: by priority, and among
  /// equals drawn by weight. A view of the route's own targets where there are no equals, or of
  /// `drawn`.
  std::span<const config::Target> order(std::size_t route, std::minstd_rand& random,
                                        std::vector<config::Target>& drawn) const;

  /// The names of the header fields that any route looks at; null if none does.
  const std::shared_ptr<const std::vector<std::string>>& watched_fields() const { return watched_; }

 private:
  // Addresses and names are looked for as they were written: hash and equality ignore ASCII case.
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const;
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const;
  };
  /// To the first route that has the pattern.
  using Index = std::unordered_map<std::string, std::size_t, Hash, Equal>;
  /// To routes, in order.
  using Buckets = std::unordered_map<std::string, std::vector<std::size_t>, Hash, Equal>;

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  void add(std::string_view pattern, std::size_t route);
  void add_conditional(const config::Route& conditions, std::size_t route);
  void watch();
  static std::size_t find(const Index& index, std::string_view key);
  std::size_t find_mailbox(const smtp::Mailbox& mailbox) const;
  /// The first route without other conditions that has the reverse-path.
  std::size_t find_plain(const smtp::ReversePath& reverse_path) const;
  template <class Visit>
  void visit_conditional(std::size_t before, const Caller& caller, Visit visit) const;

  std::vector<config::Route> routes_;
  std::vector<bool> shared_;  // by route: some of its targets have the same priority
  std::shared_ptr<const std::vector<std::string>> watched_;

  std::size_t any_ = kNone;                                        // the first route for everybody
  std::size_t null_ = kNone;                                       // the first that names `<>`
  std::unordered_map<std::string, Index, Hash, Equal> mailboxes_;  // by domain, then local part
  Index domains_;                                                  // `*@domain`
  Index parents_;  // `*@*.domain`, for its subdomains

  // Routes with other conditions: each in one of these.
  Buckets by_user_;
  std::unordered_map<std::string, std::vector<std::size_t>> by_group_;
  std::vector<std::size_t> others_;
};

}  // namespace sallyport::relay
