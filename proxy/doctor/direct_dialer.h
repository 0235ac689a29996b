// A dialer for one conversation that is looked at closely: to addresses that are known already,
// and it keeps the certificates that it was shown.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proxy/net/peer_chain.h"
#include "proxy/net/tls.h"
#include "proxy/relay/dialer.h"
#include "proxy/runtime/address.h"

namespace sallyport::doctor {

class DirectDialer final : public relay::Dialer {
 public:
  /// Reaches one of `addresses`, whichever answers first; its certificate must be for `name`. `tls`
  /// may be null if TLS is not used. `loop` outlives it.
  DirectDialer(runtime::Loop& loop, std::vector<runtime::SocketAddress> addresses, std::string name,
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

  /// What the last handshake that succeeded was shown, leaf first.
  const std::vector<net::PeerCertificate>& chain() const { return chain_; }

 private:
  runtime::Loop& loop_;
  const std::vector<runtime::SocketAddress> addresses_;
  const std::string name_;
  const std::unique_ptr<net::ClientTlsContext> tls_;
  std::vector<net::PeerCertificate> chain_;
};

}  // namespace sallyport::doctor
