// Where an upstream's host is reached: the addresses of its name, and what is known of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/runtime/address.h"
#include "proxy/runtime/loop.h"
#include "proxy/runtime/resolver.h"

namespace sallyport::relay {

/// The addresses of one host, for one worker. They are looked up when they are needed and older
/// than their TTL, by one look-up for all that wait. The last answer is used on while the name
/// servers fail (RFC 8767); a name that does not exist any more has none.
class Addresses {
 public:
  /// Makes a look-up. What tests replace.
  using Ask = std::function<std::unique_ptr<runtime::LookUp>(runtime::Loop&)>;

  /// `loop` outlives it.
  Addresses(runtime::Loop& loop, std::string host, std::uint16_t port);
  Addresses(runtime::Loop& loop, Ask ask, std::uint16_t port = 0)
      : loop_(loop), ask_(std::move(ask)), port_(port) {}

  /// The port of each address.
  std::uint16_t port() const { return port_; }

  /// The addresses in the order in which to try them: first the one that worked last, last those
  /// that failed lately. The look-up's error when nothing is known; kTimeout when it takes longer
  /// than until `deadline`.
  runtime::Task<Result<std::vector<runtime::SocketAddress>>> in_order(TimePoint deadline);
  /// A conversation with `address` came as far as the reply to EHLO.
  void succeeded(const runtime::SocketAddress& address);
  /// A conversation with `address` did not come so far.
  void failed(const runtime::SocketAddress& address);
  /// Every wait for a look-up gives kCancelled.
  void cancel();

  /// Called for each look-up that failed. `first`: the one before succeeded, or there was none.
  /// `usable`: earlier addresses are used on.
  std::function<void(const Error& error, bool first, bool usable)> look_up_failed;

 private:
  struct Failure {
    runtime::SocketAddress address;
    TimePoint when;
  };

  void take(const Result<runtime::HostAddresses>& result);
  std::vector<runtime::SocketAddress> sorted();

  runtime::Loop& loop_;
  Ask ask_;
  const std::uint16_t port_;
  std::shared_ptr<runtime::LookUp> look_up_;  // under way, or ended and not taken yet
  std::vector<runtime::SocketAddress> known_;
  TimePoint fresh_until_{};
  bool failing_ = false;
  std::optional<runtime::SocketAddress> winner_;
  std::vector<Failure> failures_;
};

}  // namespace sallyport::relay
