#include "proxy/net/tunnel.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "proxy/base/base64.h"

namespace sallyport::net {
namespace {

using runtime::Task;

constexpr std::size_t kMostHeader = 16u << 10;  // of the proxy's answer to CONNECT
constexpr std::size_t kMostShown = 100;         // of what it said, in our words

// RFC 1928 and RFC 1929.
constexpr char kSocksVersion = 5;
constexpr char kLoginVersion = 1;
constexpr char kNoLogin = 0;
constexpr char kPasswordLogin = 2;
constexpr char kConnectCommand = 1;
constexpr char kIpv4 = 1;
constexpr char kName = 3;
constexpr char kIpv6 = 4;

std::string printable(std::string_view text) {
  std::string shown(text.substr(0, kMostShown));
  std::ranges::replace_if(shown, [](char c) { return c < ' ' || c > '~'; }, '?');
  return shown;
}

/// The field of RFC 1928 section 6.
std::string_view meaning_of(char reply) {
  switch (reply) {
    case 2:
      return "its rules do not allow the connection";
    case 3:
      return "network unreachable";
    case 4:
      return "host unreachable";
    case 5:
      return "connection refused";
    case 6:
      return "TTL expired";
    case 7:
      return "it does not know CONNECT";
    case 8:
      return "it does not take this kind of address";
    default:
      return "general failure";
  }
}

class Tunnel {
 public:
  Tunnel(runtime::Transport& stream, const TunnelSettings& settings, std::string_view host,
         std::uint16_t port, TimePoint deadline)
      : stream_(stream),
        settings_(settings),
        host_(host.ends_with('.') ? host.substr(0, host.size() - 1) : host),
        port_(port),
        deadline_(deadline) {}

  Task<Result<void>> run() {
    const Result<void> opened = settings_.kind == TunnelSettings::Kind::kHttp
                                    ? co_await connect_http()
                                    : co_await connect_socks5();
    if (opened && !received_.empty()) stream_.unread(received_);
    co_return opened;
  }

 private:
  Task<Result<void>> receive() {
    const auto octets = co_await stream_.read(deadline_);
    if (!octets && octets.error().code == ErrorCode::kClosed) {
      co_return fail(ErrorCode::kNetwork, "the proxy closed the connection");
    }
    if (!octets) co_return fail(octets.error().code, "the proxy: " + octets.error().text);
    received_ += *octets;
    co_return {};
  }

  /// `octets` hold a secret, and are wiped.
  Task<Result<void>> send(std::string octets) {
    const Secret secret = Secret::consume(octets);
    auto sent = co_await stream_.write(secret.reveal(), deadline_);
    if (!sent) co_return fail(sent.error().code, "the proxy: " + sent.error().text);
    co_return {};
  }

  std::string target() const {
    const bool is_ipv6 = host_.contains(':');
    return is_ipv6 ? fmt::format("[{}]:{}", host_, port_) : fmt::format("{}:{}", host_, port_);
  }

  Task<Result<void>> connect_http() {
    std::string request = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", target());
    if (!settings_.username.empty()) {
      std::string login = settings_.username + ":";
      login += settings_.password.reveal();
      std::string encoded = base64::encode(login);
      wipe(login);
      request += "Proxy-Authorization: Basic ";
      request += encoded;
      request += "\r\n";
      wipe(encoded);
    }
    request += "\r\n";
    if (auto sent = co_await send(std::move(request)); !sent) co_return sent;
    std::size_t end = received_.npos;
    while ((end = received_.find("\r\n\r\n")) == received_.npos) {
      if (received_.size() > kMostHeader) {
        co_return fail(ErrorCode::kProtocol, "the proxy's answer to CONNECT has no end");
      }
      if (!received_.empty() && !looks_like_http()) break;
      if (auto more = co_await receive(); !more) co_return more;
    }
    co_return take_http_answer(end);
  }

  bool looks_like_http() const {
    constexpr std::string_view kBegin = "HTTP/1.";
    return std::string_view(received_).substr(0, kBegin.size()) ==
           kBegin.substr(0, std::min(received_.size(), kBegin.size()));
  }

  Result<void> take_http_answer(std::size_t end) {
    // HTTP/1.1 200 Connection established
    const std::string_view line = std::string_view(received_).substr(0, received_.find("\r\n"));
    const std::size_t space = line.find(' ');
    if (!looks_like_http() || space == line.npos) {
      return fail(ErrorCode::kProtocol,
                  fmt::format("the proxy does not speak HTTP: it said \"{}\"", printable(line)));
    }
    const std::string status = printable(line.substr(space + 1));
    if (!status.starts_with('2')) {
      const bool wants_login = status.starts_with("407");
      return fail(ErrorCode::kNetwork,
                  wants_login
                      ? fmt::format("the proxy refuses our login: {}", status)
                      : fmt::format("the proxy does not connect us to {}: {}", target(), status));
    }
    received_.erase(0, end + 4);
    return {};
  }

  /// The next octets of the proxy's answer.
  Task<Result<std::string>> take(std::size_t count) {
    while (received_.size() < count) {
      if (auto more = co_await receive(); !more) co_return fail(more.error());
    }
    std::string taken = received_.substr(0, count);
    received_.erase(0, count);
    co_return taken;
  }

  static std::unexpected<Error> no_socks5() {
    return fail(ErrorCode::kProtocol, "the proxy does not speak SOCKS5");
  }

  Task<Result<void>> connect_socks5() {
    const bool has_login = !settings_.username.empty();
    std::string methods = {kSocksVersion, has_login ? char{2} : char{1}, kNoLogin};
    if (has_login) methods += kPasswordLogin;
    if (auto sent = co_await send(std::move(methods)); !sent) co_return sent;
    const auto method = co_await take(2);
    if (!method) co_return fail(method.error());
    if (method->front() != kSocksVersion) co_return no_socks5();
    if (method->back() == kPasswordLogin && has_login) {
      if (auto known = co_await log_in(); !known) co_return known;
    } else if (method->back() != kNoLogin) {
      co_return fail(ErrorCode::kNetwork, has_login ? "the proxy takes no login with a password"
                                                    : "the proxy wants a login");
    }
    co_return co_await request_socks5();
  }

  Task<Result<void>> log_in() {
    std::string login = {kLoginVersion, static_cast<char>(settings_.username.size())};
    login += settings_.username;
    login += static_cast<char>(settings_.password.reveal().size());
    login += settings_.password.reveal();
    if (auto sent = co_await send(std::move(login)); !sent) co_return sent;
    const auto verdict = co_await take(2);
    if (!verdict) co_return fail(verdict.error());
    if (verdict->back() != 0) {
      co_return fail(ErrorCode::kNetwork, "the proxy refuses our login");
    }
    co_return {};
  }

  Task<Result<void>> request_socks5() {
    std::string request = {kSocksVersion, kConnectCommand, 0, kName,
                           static_cast<char>(host_.size())};
    request += host_;
    request += static_cast<char>(port_ >> 8);
    request += static_cast<char>(port_ & 0xff);
    if (auto sent = co_await send(std::move(request)); !sent) co_return sent;
    const auto answer = co_await take(4);
    if (!answer) co_return fail(answer.error());
    if (answer->front() != kSocksVersion) co_return no_socks5();
    if (const char reply = (*answer)[1]; reply != 0) {
      co_return fail(ErrorCode::kNetwork, fmt::format("the proxy does not connect us to {}: {}",
                                                      target(), meaning_of(reply)));
    }
    co_return co_await skip_bound_address(answer->back());
  }

  Task<Result<void>> skip_bound_address(char kind) {
    std::size_t size = kind == kIpv4 ? 4 : kind == kIpv6 ? 16 : 0;
    if (kind == kName) {
      const auto length = co_await take(1);
      if (!length) co_return fail(length.error());
      size = static_cast<unsigned char>(length->front());
    } else if (size == 0) {
      co_return no_socks5();
    }
    const auto address = co_await take(size + 2);
    if (!address) co_return fail(address.error());
    co_return {};
  }

  runtime::Transport& stream_;
  const TunnelSettings& settings_;
  const std::string host_;
  const std::uint16_t port_;
  const TimePoint deadline_;
  std::string received_;  // and not taken yet
};

}  // namespace

Task<Result<void>> open_tunnel(runtime::Transport& stream, const TunnelSettings& settings,
                               const std::string& host, std::uint16_t port, TimePoint deadline) {
  Tunnel tunnel(stream, settings, host, port, deadline);
  co_return co_await tunnel.run();
}

}  // namespace sallyport::net
