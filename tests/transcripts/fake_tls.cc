#include "tests/transcripts/fake_tls.h"

#include <string>
#include <utility>

namespace sallyport::transcripts {
namespace {

class FakeTls final : public net::TlsStream {
 public:
  /// `early`: what came behind the handshake.
  FakeTls(std::unique_ptr<runtime::ByteStream> inner, std::string early)
      : inner_(std::move(inner)), early_(std::move(early)) {}

  runtime::Task<Result<std::string_view>> read(TimePoint deadline) override {
    if (!early_.empty()) {
      given_ = std::exchange(early_, {});
      co_return given_;
    }
    co_return co_await inner_->read(deadline);
  }
  runtime::Task<Result<void>> write(std::span<const std::string_view> pieces,
                                    TimePoint deadline) override {
    return inner_->write(pieces, deadline);
  }
  void interrupt() override { inner_->interrupt(); }
  void abort() override { inner_->abort(); }
  runtime::Task<void> finish(TimePoint deadline) override { return inner_->finish(deadline); }
  bool is_quiet() const override { return early_.empty() && inner_->is_quiet(); }
  /// The end of the client's side stands for close_notify: it still listens.
  void watch_peer(runtime::Cancellation* gone, Departure /*by*/) override {
    inner_->watch_peer(gone, Departure::kReset);
  }
  const net::TlsInfo& info() const override { return info_; }

 private:
  const net::TlsInfo info_{"TLSv1.3", "TLS_AES_128_GCM_SHA256", false};
  std::unique_ptr<runtime::ByteStream> inner_;
  std::string early_;
  std::string given_;
};

}  // namespace

runtime::Task<Result<std::unique_ptr<net::TlsStream>>> accept_fake_tls(
    runtime::Loop&, std::unique_ptr<runtime::ByteStream> inner,
    std::shared_ptr<const net::ServerTlsContext>, TimePoint deadline) {
  std::string received;
  while (received.size() < kClientHello.size()) {
    const auto octets = co_await inner->read(deadline);
    if (!octets) co_return fail(octets.error());
    received += *octets;
    if (!kClientHello.starts_with(std::string_view(received).substr(0, kClientHello.size()))) {
      co_return fail(ErrorCode::kTls, "handshake: wrong version number");
    }
  }
  const std::span<const std::string_view> hello(&kServerHello, 1);
  const auto answered = co_await inner->write(hello, deadline);
  if (!answered) co_return fail(answered.error());
  co_return std::make_unique<FakeTls>(std::move(inner), received.substr(kClientHello.size()));
}

}  // namespace sallyport::transcripts
