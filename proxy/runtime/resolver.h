// Host names to addresses: asked of the machine's hosts file and name servers on the loop, without
// a thread. Nothing is kept between look-ups.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/runtime/address.h"
#include "proxy/runtime/loop.h"

namespace sallyport::runtime {

/// What a name stands for.
struct HostAddresses {
  /// At least one. The families take turns, IPv6 first (RFC 8305 section 4); within a family the
  /// order is the name server's.
  std::vector<SocketAddress> addresses;
  /// How long they may be used: the shortest TTL. Short when one family's answer is missing.
  Duration lifetime{};
};

/// How name servers are asked.
struct ResolverSettings {
  std::string servers = {};  ///< `ADDRESS:PORT`, comma-separated; empty: those of resolv.conf.
  Duration timeout = std::chrono::seconds(2);  ///< For the first answer of a server.
  int attempts = 3;                            ///< Rounds over the servers.
};

/// The settings that /etc/resolv.conf and RES_OPTIONS ask for (`options timeout:N attempts:N`).
ResolverSettings system_resolver_settings();
/// The same from their texts: options of `environment` come last, and win.
ResolverSettings parse_resolver_settings(std::string_view resolv_conf,
                                         std::string_view environment);

/// One look-up. It is under way from its construction on, ends by itself, and several tasks may
/// wait for it. Belongs to one loop.
class LookUp {
 public:
  /// `host`: an IP literal, or a name. A name that ends in a dot is absolute; another one is tried
  /// with the search domains of resolv.conf, as it says. `localhost` and names below it are
  /// loopback addresses even where no hosts file says so, and are never asked for on the network
  /// (RFC 6761 section 6.3).
  LookUp(Loop& loop, std::string_view host, std::uint16_t port,
         const ResolverSettings& settings = system_resolver_settings());
  /// Ends it at once. No task may wait for it any more.
  ~LookUp();
  LookUp(const LookUp&) = delete;
  LookUp& operator=(const LookUp&) = delete;

  /// Returns when it has ended, true, or when `deadline` passes first, false.
  Task<bool> wait(TimePoint deadline);
  bool has_ended() const;
  /// What came of it, once it has ended. kNotFound: the name does not exist or has no address.
  /// kNetwork: no name server gave an answer. kCancelled: after `cancel`.
  const Result<HostAddresses>& result() const;
  /// Ends it, unless it has ended.
  void cancel();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Looks `host` up and waits for the end, at most until `deadline`: then kTimeout.
Task<Result<HostAddresses>> resolve(Loop& loop, std::string host, std::uint16_t port,
                                    TimePoint deadline);

/// The TXT records of `name`, which is absolute, each with its strings put together; at least one.
/// kNotFound: there is none; kNetwork: no name server gave an answer; kTimeout: not by `deadline`;
/// kInvalid: this can be no name. Aliases (CNAME) are followed by the name servers.
Task<Result<std::vector<std::string>>> resolve_texts(Loop& loop, std::string name,
                                                     ResolverSettings settings, TimePoint deadline);

}  // namespace sallyport::runtime
