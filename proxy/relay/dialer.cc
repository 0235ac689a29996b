#include "proxy/relay/dialer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "proxy/net/tunnel.h"
#include "proxy/relay/addresses.h"
#include "proxy/relay/ports.h"
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
        proxy_(upstream.proxy),
        ports_(upstream),
        addresses_(loop, proxy_ ? proxy_->host : host_, proxy_ ? proxy_->port : upstream.port),
        tls_(std::move(tls)) {
    addresses_.look_up_failed = [this](const Error& error, bool first, bool usable) {
      if (look_up_failed) look_up_failed(error, first, usable);
    };
    if (!proxy_) return;
    const bool is_http = proxy_->kind == config::OutboundProxy::Kind::kHttp;
    tunnel_.kind = is_http ? net::TunnelSettings::Kind::kHttp : net::TunnelSettings::Kind::kSocks5;
    tunnel_.username = proxy_->username;
    tunnel_.password = proxy_->password;
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
    const auto order = ports_.in_order(findings ? findings->working_port() : 0, loop_.now());
    Error error{ErrorCode::kNetwork, "no other address is left"};
    for (std::size_t i = 0; i < order.size(); ++i) {
      auto left = addresses_left(*addresses, order[i], tried);
      if (left.empty()) continue;
      const auto ports_left = static_cast<Duration::rep>(order.size() - i);
      auto stream = co_await reach(order[i], std::move(left), tried,
                                   ports_left == 1 ? deadline : end_of_port(deadline, ports_left));
      if (cut_offs_ != cut_offs_before) {
        co_return fail(ErrorCode::kCancelled, "sallyport is stopping");
      }
      if (stream) {
        if (ports_.are_several()) tried.port = order[i];
        tried.more = std::ranges::any_of(std::span(order).subspan(i), [&](const auto& port) {
          return !addresses_left(*addresses, port, tried).empty();
        });
        co_return std::move(*stream);
      }
      error = std::move(stream.error());
      if (error.code == ErrorCode::kLimit || loop_.now() >= deadline) break;
    }
    if (tried.blocked.size() > 1) {
      error.text += fmt::format(" (ports: {})", list_blocked(tried.blocked));
    }
    co_return fail(std::move(error));
  }

  void spoke(Tried& tried, bool well) override {
    if (tried.addresses.empty()) return;
    if (!well && tls_ && tls_->should_try_small_hello()) {
      tried.addresses.pop_back();
      tried.more = true;
      return;
    }
    const SocketAddress address = known_as(tried.addresses.back());
    well ? addresses_.succeeded(address) : addresses_.failed(address);
    if (!tried.port) return;
    if (well) {
      note_working(tried.port->number, tried);
    } else {
      note_blocked(tried.port->number, kNoConversation, tried);
    }
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
  /// A port that does not answer has so long while others are left.
  static constexpr Duration kMostPerPort = std::chrono::seconds(2);
  static constexpr Duration kLeastPerPort = std::chrono::seconds(1);

  TimePoint end_of_port(TimePoint deadline, Duration::rep ports_left) const {
    const Duration share = (deadline - loop_.now()) / ports_left;
    return std::min(deadline,
                    loop_.after(std::clamp<Duration>(share, kLeastPerPort, kMostPerPort)));
  }

  /// An address as `tried` has it, with the port of the upstream, as the look-up gave it.
  SocketAddress known_as(const SocketAddress& address) const {
    return address.with_port(addresses_.port());
  }

  /// The addresses that were not tried on `port`. Through a proxy they are the proxy's.
  static std::vector<SocketAddress> addresses_left(const std::vector<SocketAddress>& addresses,
                                                   const config::UpstreamPort& port,
                                                   const Tried& tried) {
    std::vector<SocketAddress> left;
    for (const SocketAddress& address : addresses) {
      const SocketAddress there = address.with_port(port.number);
      if (!contains(tried.addresses, there)) left.push_back(there);
    }
    return left;
  }

  /// A connection to `port` of the host, on one of `addresses`.
  runtime::Task<Result<std::unique_ptr<runtime::ByteStream>>> reach(
      config::UpstreamPort port, std::vector<SocketAddress> addresses, Tried& tried,
      TimePoint deadline) {
    std::vector<SocketAddress> targets = addresses;
    if (proxy_) {
      for (SocketAddress& target : targets) target = known_as(target);
    }
    runtime::ConnectRace race(loop_);
    races_.push_back(&race);
    auto stream = co_await race.run(std::move(targets), deadline);
    std::erase(races_, &race);
    for (const SocketAddress& address : race.failed()) {
      addresses_.failed(known_as(address));
      tried.addresses.push_back(address.with_port(port.number));
    }
    if (!stream) {
      give_up_port(port, addresses, state_of_port(stream.error(), false), tried);
      co_return fail(std::move(stream.error()));
    }
    const SocketAddress reached = (*stream)->peer().with_port(port.number);
    if (proxy_) {
      runtime::ByteStream* const wire = stream->get();
      securing_.push_back(wire);
      auto opened = co_await net::open_tunnel(**stream, tunnel_, host_, port.number, deadline);
      std::erase(securing_, wire);
      if (!opened) {
        // The proxy answers, and another of its addresses is no other way.
        give_up_port(port, addresses, state_of_port(opened.error(), true), tried);
        co_return fail(std::move(opened.error()));
      }
    }
    tried.addresses.push_back(reached);
    co_return std::move(*stream);
  }

  /// None of `addresses` let us out by this port.
  void give_up_port(const config::UpstreamPort& port, const std::vector<SocketAddress>& addresses,
                    std::string_view state, Tried& tried) {
    if (!ports_.are_several()) return;
    for (const SocketAddress& address : addresses) {
      if (!contains(tried.addresses, address)) tried.addresses.push_back(address);
    }
    note_blocked(port.number, state, tried);
  }

  void note_blocked(std::uint16_t port, std::string_view state, Tried& tried) {
    ports_.failed(port, loop_.now());
    const auto known = std::ranges::find(tried.blocked, port, &BlockedPort::number);
    if (known == tried.blocked.end()) tried.blocked.push_back({port, state});
  }

  void note_working(std::uint16_t port, const Tried& tried) {
    ports_.succeeded(port);
    const std::uint16_t before = findings ? findings->works_on(port) : port;
    if (before == port || tried.blocked.empty() || !port_found) return;
    port_found(port, list_blocked(tried.blocked));
  }

  runtime::Loop& loop_;
  const std::string host_;
  const std::string server_name_;
  const std::optional<config::OutboundProxy> proxy_;
  net::TunnelSettings tunnel_;  // by proxy_
  Ports ports_;
  Addresses addresses_;
  const std::unique_ptr<net::ClientTlsContext> tls_;
  std::vector<runtime::ConnectRace*> races_;    // under way
  std::vector<runtime::ByteStream*> securing_;  // below a handshake, of TLS or with the proxy
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
