// How `sallyport send` reaches the gate on its own machine.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/net/tls.h"
#include "proxy/relay/dialer.h"
#include "proxy/runtime/address.h"

namespace sallyport::server {

/// To addresses that are known, whatever name their certificate is for.
class GateDialer final : public relay::Dialer {
 public:
  /// Reaches one of `addresses`, whichever answers first; its certificate must be for `name`. `tls`
  /// may be null if TLS is not used. `loop` outlives it.
  GateDialer(runtime::Loop& loop, std::vector<runtime::SocketAddress> addresses, std::string name,
             std::unique_ptr<net::ClientTlsContext> tls)
      : loop_(loop),
        addresses_(std::move(addresses)),
        name_(std::move(name)),
        tls_(std::move(tls)) {}

  runtime::Task<Result<std::unique_ptr<runtime::ByteStream>>> connect(TimePoint deadline) override;
  runtime::Task<Result<std::unique_ptr<runtime::ByteStream>>> connect_next(
      relay::Tried& tried, TimePoint deadline) override;
  runtime::Task<Result<std::unique_ptr<runtime::ByteStream>>> secure(
      std::unique_ptr<runtime::ByteStream> stream, TimePoint deadline) override;

 private:
  runtime::Loop& loop_;
  const std::vector<runtime::SocketAddress> addresses_;
  const std::string name_;
  const std::unique_ptr<net::ClientTlsContext> tls_;
};

}  // namespace sallyport::server
