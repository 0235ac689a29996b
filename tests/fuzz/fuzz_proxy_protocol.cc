// PROXY headers: octets that come in pieces come to the same header as the whole, a decision once
// made stays, nothing is taken past the header's end, and little is read before one is made.
#include <string>
#include <tuple>

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

  fuzz::same_however_cut(input, [&](fuzz::Cuts cuts) {
    std::string seen;
    net::ProxyHeader header;
    fuzz::feed_in_pieces(input, cuts, [&](std::string_view piece) {
      seen += piece;
      header = net::parse_proxy_header(seen);
      return header.state == State::kPartial;
    });
    return std::tuple(header.state, header.size, header.client, header.reason);
  });
  return 0;
}
