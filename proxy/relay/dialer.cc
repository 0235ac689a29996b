#include "proxy/relay/dialer.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "proxy/relay/addresses.h"
#include "proxy/runtime/connect_race.h"

namespace sallyport::relay {
namespace {

using runtime::SocketAddress;

bool contains(const std::vector<SocketAddress>& addresses, const SocketAddress& address) {
  return std::ranges::find(addresses, address) != addresses.end();
}

class NetDialer final : public Dialer {
 public:
  NetDialer(runtime::Loop& loop, const config::Upstream& upstream,
            std::unique_ptr<net::ClientTlsContext> tls)
      : loop_(loop),
        host_(upstream.host),
        server_name_(upstream.server_name.empty() ? host_ : upstream.server_name),
        addresses_(loop, host_, upstream.port),
        tls_(std::move(tls)) {
    addresses_.look_up_failed = [this](const Error& error, bool first, bool usable) {
      if (look_up_failed) look_up_failed(error, first, usable);
    };
  }

  runtime::Task<Result<std::unique_ptr<runtime::ByteStream>>> connect(TimePoint deadline) override {
    Tried tried;
    co_return co_await connect_next(tried, deadline);
  }

  runtime::Task<Result<std::unique_ptr<runtime::ByteStream>>> connect_next(
      Tried& tried, TimePoint deadline) override {
    const std::uint64_t cut_offs_before = cut_offs_;
    tried.more = false;
    auto addresses = co_await addresses_.in_order(deadline);
    if (cut_offs_ != cut_offs_before) {
      co_return fail(ErrorCode::kCancelled, "sallyport is stopping");
    }
    if (!addresses) {
      // A name that gives no address is told apart from an address that does not answer.
      const bool unresolved = addresses.error().code == ErrorCode::kNetwork;
      co_return fail(unresolved ? ErrorCode::kNotFound : addresses.error().code,
                     addresses.error().text);
    }
    std::erase_if(*addresses, [&](const auto& each) { return contains(tried.addresses, each); });
    if (addresses->empty()) co_return fail(ErrorCode::kNetwork, "no other address is left");

    runtime::ConnectRace race(loop_);
    races_.push_back(&race);
    auto stream = co_await race.run(*addresses, deadline);
    std::erase(races_, &race);
    for (const SocketAddress& address : race.failed()) {
      addresses_.failed(address);
      tried.addresses.push_back(address);
    }
    if (!stream) co_return fail(std::move(stream.error()));
    tried.addresses.push_back((*stream)->peer());
    tried.more = std::ranges::any_of(
        *addresses, [&](const auto& each) { return !contains(tried.addresses, each); });
    co_return std::move(*stream);
  }

  void spoke(Tried& tried, bool well) override {
    if (tried.addresses.empty()) return;
    if (!well && tls_ && tls_->should_try_small_hello()) {
      tried.addresses.pop_back();
      tried.more = true;
      return;
    }
    well ? addresses_.succeeded(tried.addresses.back()) : addresses_.failed(tried.addresses.back());
  }

  runtime::Task<Result<std::unique_ptr<runtime::ByteStream>>> secure(
      std::unique_ptr<runtime::ByteStream> stream, TimePoint deadline) override {
    runtime::ByteStream* const wire = stream.get();
    securing_.push_back(wire);
    auto secured =
        co_await net::connect_tls(loop_, std::move(stream), *tls_, server_name_, deadline);
    std::erase(securing_, wire);
    if (!secured) co_return fail(std::move(secured.error()));
    co_return std::move(*secured);
  }

  void cut_off() override {
    ++cut_offs_;
    addresses_.cancel();
    for (runtime::ConnectRace* const race : races_) race->cancel();
    for (runtime::ByteStream* const stream : securing_) stream->abort();
  }

 private:
  runtime::Loop& loop_;
  const std::string host_;
  const std::string server_name_;
  Addresses addresses_;
  const std::unique_ptr<net::ClientTlsContext> tls_;
  std::vector<runtime::ConnectRace*> races_;    // under way
  std::vector<runtime::ByteStream*> securing_;  // below a handshake
  std::uint64_t cut_offs_ = 0;
};

}  // namespace

Result<std::unique_ptr<net::ClientTlsContext>> make_tls_context(const config::Upstream& upstream,
                                                                const TlsFiles& files) {
  return net::ClientTlsContext::make(net::ClientTlsOptions{
      .ca = files.ca,
      .pins = upstream.pins,
      .certificate = files.certificate,
      .key = files.key.reveal(),
      .policy = upstream.tls_policy == config::TlsPolicy::kModern ? net::TlsPolicy::kModern
                                                                  : net::TlsPolicy::kIntermediate});
}

Result<std::unique_ptr<Dialer>> make_net_dialer(runtime::Loop& loop,
                                                const config::Upstream& upstream,
                                                const TlsFiles& files) {
  std::unique_ptr<net::ClientTlsContext> tls;
  if (upstream.tls != config::TlsMode::kNone) {
    auto made = make_tls_context(upstream, files);
    if (!made) return fail(std::move(made.error()));
    tls = std::move(*made);
  }
  return std::make_unique<NetDialer>(loop, upstream, std::move(tls));
}

}  // namespace sallyport::relay
