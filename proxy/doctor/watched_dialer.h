// A dialer of an upstream, as mail uses it, that keeps the certificates that it was shown.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "proxy/net/peer_chain.h"
#include "proxy/relay/dialer.h"

namespace sallyport::doctor {

class WatchedDialer final : public relay::Dialer {
 public:
  explicit WatchedDialer(std::unique_ptr<relay::Dialer> dialer) : dialer_(std::move(dialer)) {}

  runtime::Task<Result<std::unique_ptr<runtime::ByteStream>>> connect(TimePoint deadline) override {
    return dialer_->connect(deadline);
  }
  runtime::Task<Result<std::unique_ptr<runtime::ByteStream>>> connect_next(
      relay::Tried& tried, TimePoint deadline) override {
    return dialer_->connect_next(tried, deadline);
  }
  void spoke(relay::Tried& tried, bool well) override { dialer_->spoke(tried, well); }
  runtime::Task<Result<std::unique_ptr<runtime::ByteStream>>> secure(
      std::unique_ptr<runtime::ByteStream> stream, TimePoint deadline) override;
  void cut_off() override { dialer_->cut_off(); }

  /// What the last handshake that succeeded was shown, leaf first.
  const std::vector<net::PeerCertificate>& chain() const { return chain_; }

 private:
  const std::unique_ptr<relay::Dialer> dialer_;
  std::vector<net::PeerCertificate> chain_;
};

}  // namespace sallyport::doctor
