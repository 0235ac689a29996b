// PROXY headers: octets that come in pieces come to the same header as the whole, a decision once
// made stays, nothing is taken past the header's end, and little is read before one is made.
#include <optional>

#include "proxy/net/proxy_protocol.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sallyport;
  using State = net::ProxyHeader::State;
  const std::string_view input = fuzz::text(data, size);
  const net::ProxyHeader whole = net::parse_proxy_header(input);

  if (whole.state == State::kWhole) {
    FUZZ_CHECK(whole.size <= input.size() && whole.size <= net::kMostProxyHeader);
    FUZZ_CHECK(whole.reason.empty());
    // It is the header's own octets that make it: one fewer is no header yet.
    FUZZ_CHECK(net::parse_proxy_header(input.substr(0, whole.size)).size == whole.size);
    FUZZ_CHECK(net::parse_proxy_header(input.substr(0, whole.size - 1)).state == State::kPartial);
    FUZZ_CHECK(whole.size == 0 || input.starts_with("PROXY ") || input.starts_with("\r\n\r\n"));
    if (whole.client) FUZZ_CHECK(IpAddress::parse(whole.client->str()) == whole.client);
  } else {
    FUZZ_CHECK(whole.size == 0 && !whole.client);
    FUZZ_CHECK((whole.state == State::kFault) == !whole.reason.empty());
  }
  if (whole.state == State::kPartial) FUZZ_CHECK(input.size() < net::kMostProxyHeader);

  fuzz::Cuts cuts(input);
  std::string_view rest = input;
  std::size_t seen = 0;
  while (!rest.empty()) {
    seen += cuts.take(rest).size();
    const net::ProxyHeader part = net::parse_proxy_header(input.substr(0, seen));
    if (part.state == State::kPartial) continue;
    FUZZ_CHECK(part.state == whole.state && part.size == whole.size);
    FUZZ_CHECK(part.client == whole.client && part.reason == whole.reason);
    return 0;
  }
  FUZZ_CHECK(whole.state == State::kPartial);
  return 0;
}
