#include "proxy/relay/dialer.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "proxy/net/tls.h"
#include "proxy/runtime/resolver.h"
#include "proxy/runtime/tcp.h"

namespace sallyport::relay {
namespace {

// An address that does not answer must leave time for the next; two seconds are many round trips.
constexpr Duration kLeastPerAddress = std::chrono::seconds(2);

class NetDialer final : public Dialer {
 public:
  NetDialer(runtime::Loop& loop, const config::Upstream& upstream,
            std::unique_ptr<net::ClientTlsContext> tls)
      : loop_(loop), host_(upstream.host), port_(upstream.port), tls_(std::move(tls)) {}

  runtime::Task<Result<std::unique_ptr<runtime::ByteStream>>> connect(TimePoint deadline) override {
    const std::uint64_t cut_offs_before = cut_offs_;
    const auto addresses = co_await runtime::resolve(loop_, host_, port_, deadline);
    if (!addresses) {
      // A name that gives no address is told apart from an address that does not answer.
      const bool unresolved = addresses.error().code == ErrorCode::kNetwork;
      co_return fail(unresolved ? ErrorCode::kNotFound : addresses.error().code,
                     addresses.error().text);
    }
    if (cut_offs_ != cut_offs_before) {
      co_return fail(ErrorCode::kCancelled, "sallyport is stopping");
    }
    Error last;
    for (std::size_t i = 0; i < addresses->size(); ++i) {
      const Duration left = deadline - loop_.now();
      const Duration share = left / static_cast<Duration::rep>(addresses->size() - i);
      const TimePoint bound = loop_.after(std::min(left, std::max(share, kLeastPerAddress)));
      auto stream = co_await dial((*addresses)[i], bound);
      if (stream || stream.error().code == ErrorCode::kCancelled) co_return stream;
      last = std::move(stream.error());
    }
    co_return fail(std::move(last));
  }

  runtime::Task<Result<std::unique_ptr<runtime::ByteStream>>> secure(
      std::unique_ptr<runtime::ByteStream> stream, TimePoint deadline) override {
    runtime::ByteStream* const wire = stream.get();
    under_way_.push_back(wire);
    auto secured = co_await net::connect_tls(loop_, std::move(stream), *tls_, host_, deadline);
    std::erase(under_way_, wire);
    if (!secured) co_return fail(std::move(secured.error()));
    co_return std::move(*secured);
  }

  void cut_off() override {
    ++cut_offs_;
    for (runtime::ByteStream* const stream : under_way_) stream->abort();
  }

 private:
  runtime::Task<Result<std::unique_ptr<runtime::ByteStream>>> dial(
      const runtime::SocketAddress& address, TimePoint deadline) {
    auto stream = runtime::begin_connect(loop_, address);
    if (!stream) co_return fail(std::move(stream.error()));
    under_way_.push_back(stream->get());
    const auto connected = co_await (*stream)->connected(deadline);
    std::erase(under_way_, stream->get());
    if (!connected) co_return fail(connected.error());
    co_return std::move(*stream);
  }

  runtime::Loop& loop_;
  const std::string host_;
  const std::uint16_t port_;
  const std::unique_ptr<net::ClientTlsContext> tls_;
  std::vector<runtime::ByteStream*> under_way_;  // being connected, or below a handshake
  std::uint64_t cut_offs_ = 0;
};

}  // namespace

Result<std::unique_ptr<Dialer>> make_net_dialer(runtime::Loop& loop,
                                                const config::Upstream& upstream,
                                                std::string_view ca_pem) {
  std::unique_ptr<net::ClientTlsContext> tls;
  if (upstream.tls != config::TlsMode::kNone) {
    auto made = net::ClientTlsContext::make(ca_pem);
    if (!made) return fail(std::move(made.error()));
    tls = std::move(*made);
  }
  return std::make_unique<NetDialer>(loop, upstream, std::move(tls));
}

}  // namespace sallyport::relay
