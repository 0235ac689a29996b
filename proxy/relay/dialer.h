// How an upstream's host is reached: TCP, and TLS over it. What tests put a script in place of.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/config/config.h"
#include "proxy/runtime/byte_stream.h"
#include "proxy/runtime/loop.h"

namespace sallyport::relay {

/// Makes the streams to one upstream, for one worker.
class Dialer {
 public:
  virtual ~Dialer() = default;
  /// A stream in clear.
  virtual runtime::Task<Result<std::unique_ptr<runtime::ByteStream>>> connect(
      TimePoint deadline) = 0;
  /// TLS over it, with the upstream's name verified. kTls: the handshake failed or the certificate
  /// is wrong.
  virtual runtime::Task<Result<std::unique_ptr<runtime::ByteStream>>> secure(
      std::unique_ptr<runtime::ByteStream> stream, TimePoint deadline) = 0;
  /// Ends what is under way: it gives kCancelled, at once unless it still waits for DNS.
  virtual void cut_off() {}
};

/// Gives the dialer of an upstream, or why there can't be one. `ca_pem`: the roots it trusts;
/// empty: the system's.
using MakeDialer = std::function<Result<std::unique_ptr<Dialer>>(
    runtime::Loop& loop, const config::Upstream& upstream, std::string_view ca_pem)>;

/// The real one: resolves the name, tries its addresses in order, verifies chain and name. `loop`
/// outlives it.
Result<std::unique_ptr<Dialer>> make_net_dialer(runtime::Loop& loop,
                                                const config::Upstream& upstream,
                                                std::string_view ca_pem);

}  // namespace sallyport::relay
