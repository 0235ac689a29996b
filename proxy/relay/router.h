// Which upstreams a sender's mail goes to. The cost of a look-up does not grow with the number of
// routes: patterns are found by hash, not one by one.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/smtp/mailbox.h"

namespace sallyport::relay {

/// The routes of one config, indexed. Immutable.
class Router {
 public:
  /// Copies what it needs of `routes`.
  explicit Router(std::span<const config::Route> routes);

  /// The upstreams of the first route that serves `reverse_path`, as indices into
  /// Config::upstreams, in order; empty if no route does. The view holds as long as the Router.
  std::span<const std::size_t> upstreams_for(const smtp::ReversePath& reverse_path) const;

 private:
  // Addresses are looked for as they were written: hash and equality ignore ASCII case.
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

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  void add(std::string_view pattern, std::size_t route);
  static std::size_t find(const Index& index, std::string_view key);
  std::size_t find_mailbox(const smtp::Mailbox& mailbox) const;

  std::vector<std::vector<std::size_t>> upstreams_;                // by route
  std::size_t any_ = kNone;                                        // the first route for everybody
  std::size_t null_ = kNone;                                       // the first that names `<>`
  std::unordered_map<std::string, Index, Hash, Equal> mailboxes_;  // by domain, then local part
  Index domains_;                                                  // `*@domain`
  Index parents_;  // `*@*.domain`, for its subdomains
};

}  // namespace sallyport::relay
