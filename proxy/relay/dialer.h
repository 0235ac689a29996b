// How an upstream's host is reached: TCP, and TLS over it. What tests put a script in place of.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/base/secret.h"
#include "proxy/config/config.h"
#include "proxy/net/tls.h"
#include "proxy/relay/findings.h"
#include "proxy/runtime/address.h"
#include "proxy/runtime/byte_stream.h"
#include "proxy/runtime/loop.h"

namespace sallyport::relay {

/// A port that can't be used, and what it looks like.
struct BlockedPort {
  std::uint16_t number = 0;
  std::string_view state;  ///< Static text: "filtered", "refused" …
};

/// The addresses that one opening has tried.
struct Tried {
  std::vector<runtime::SocketAddress> addresses;  ///< The last is the one that is connected.
  bool more = false;                              ///< Is another call of `connect_next` worth it?
  /// Of the last address, where the upstream has several ports; else those of its settings hold.
  std::optional<config::UpstreamPort> port = {};
  std::vector<BlockedPort> blocked = {};  ///< The ports that let nothing out.
};

/// Makes the streams to one upstream, for one worker.
class Dialer {
 public:
  virtual ~Dialer() = default;
  /// A stream in clear.
  virtual runtime::Task<Result<std::unique_ptr<runtime::ByteStream>>> connect(
      TimePoint deadline) = 0;
  /// The same, to an address that is not among `tried`, which it keeps up to date. A host with one
  /// address need not know of it.
  virtual runtime::Task<Result<std::unique_ptr<runtime::ByteStream>>> connect_next(
      Tried& /*tried*/, TimePoint deadline) {
    return connect(deadline);
  }
  /// The conversation with the address that was connected last came as far as the reply to EHLO, or
  /// did not. `tried` may then allow that address once more.
  virtual void spoke(Tried& /*tried*/, bool /*well*/) {}
  /// TLS over it, with the upstream's name verified. kTls: the certificate is not one for that name
  /// from an authority we trust. kInvalid: the peer does not speak TLS here. Any other: the
  /// connection failed.
  virtual runtime::Task<Result<std::unique_ptr<runtime::ByteStream>>> secure(
      std::unique_ptr<runtime::ByteStream> stream, TimePoint deadline) = 0;
  /// Ends what is under way, at once: it gives kCancelled.
  virtual void cut_off() {}

  /// Called for each look-up of the host's name that failed. `first`: the one before did not.
  /// `usable`: earlier addresses are used on. Empty: nobody needs to know.
  std::function<void(const Error& error, bool first, bool usable)> look_up_failed;
  /// Called when another port than the one before was found to work, and which ones did not: "465
  /// filtered, 587 refused". Empty: nobody needs to know.
  std::function<void(std::uint16_t port, const std::string& blocked)> port_found;
  /// What all workers know of the upstream; null: nothing.
  std::shared_ptr<Findings> findings;
};

/// What the files say that an upstream names for its TLS, as PEM texts.
struct TlsFiles {
  std::string ca = {};           ///< The roots it trusts; empty: the system's.
  std::string certificate = {};  ///< Its own certificate; empty: none.
  Secret key = {};

  bool operator==(const TlsFiles& other) const {
    return ca == other.ca && certificate == other.certificate && key.reveal() == other.key.reveal();
  }
};

/// Gives the dialer of an upstream, or why there can't be one.
using MakeDialer = std::function<Result<std::unique_ptr<Dialer>>(
    runtime::Loop& loop, const config::Upstream& upstream, const TlsFiles& files)>;

/// How TLS with `upstream` is made. kInvalid says what is wrong with a file.
Result<std::unique_ptr<net::ClientTlsContext>> make_tls_context(const config::Upstream& upstream,
                                                                const TlsFiles& files);

/// The real one: looks the name up, tries its addresses (RFC 8305) on one port after the other,
/// straight or through the proxy that the settings name, remembers what worked, verifies chain and
/// name. `loop` outlives it.
Result<std::unique_ptr<Dialer>> make_net_dialer(runtime::Loop& loop,
                                                const config::Upstream& upstream,
                                                const TlsFiles& files);

}  // namespace sallyport::relay
