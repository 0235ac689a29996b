#include "proxy/relay/ports.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace sallyport::relay {
namespace {

// How long a port that failed goes behind the others.
constexpr Duration kGrudge = std::chrono::minutes(5);

}  // namespace

Ports::Ports(const config::Upstream& upstream) {
  for (const config::UpstreamPort& port : upstream.ports) ports_.push_back({.port = port});
  if (ports_.empty()) ports_.push_back({.port = {upstream.port, upstream.tls}});
}

std::vector<config::UpstreamPort> Ports::in_order(std::uint16_t working, TimePoint now) const {
  const auto rank = [&](const Port& each) {
    if (now < each.failed_until) return 2;
    return each.port.number == working ? 0 : 1;
  };
  std::vector<config::UpstreamPort> order;
  for (const int wanted : {0, 1, 2}) {
    for (const Port& each : ports_) {
      if (rank(each) == wanted) order.push_back(each.port);
    }
  }
  return order;
}

void Ports::failed(std::uint16_t port, TimePoint now) {
  for (Port& each : ports_) {
    if (each.port.number == port) each.failed_until = now + kGrudge;
  }
}

void Ports::succeeded(std::uint16_t port) {
  for (Port& each : ports_) {
    if (each.port.number == port) each.failed_until = {};
  }
}

std::string_view state_of_port(const Error& error, bool by_proxy) {
  if (error.code == ErrorCode::kTimeout) return "filtered";
  if (by_proxy) return "refused by the proxy";
  return error.text.contains("refused") ? "refused" : "unreachable";
}

std::string list_blocked(std::span<const BlockedPort> blocked) {
  std::string text;
  for (const BlockedPort& each : blocked) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", each.number, each.state);
  }
  return text;
}

}  // namespace sallyport::relay
