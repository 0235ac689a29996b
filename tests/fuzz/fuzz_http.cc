// Requests to the admin endpoint. Properties: any split gives the same requests and the same
// refusal; a path that was understood is one that can be asked for again.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/admin/http_request.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace sallyport::admin;

struct Heard {
  std::vector<Request> requests;
  std::optional<Refusal> refusal;
  bool waits = false;

  bool operator==(const Heard&) const = default;
};

Heard parse(std::string_view wire, std::size_t piece) {
  RequestParser parser;
  Heard heard;
  while (!wire.empty()) {
    const auto octets = wire.substr(0, piece);
    parser.append(std::string(octets));
    wire.remove_prefix(octets.size());
    while (true) {
      auto request = parser.next();
      if (!request) {
        heard.refusal = request.error();
        return heard;
      }
      if (!request->has_value()) break;
      heard.requests.push_back(**std::move(request));
    }
  }
  heard.waits = !parser.empty();
  return heard;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view wire = sallyport::fuzz::text(data, size);
  const auto whole = parse(wire, size);
  FUZZ_CHECK(parse(wire, 1) == whole);
  FUZZ_CHECK(parse(wire, 7) == whole);
  FUZZ_CHECK(parse(wire, 1000) == whole);
  for (const auto& request : whole.requests) {
    FUZZ_CHECK(request.path.starts_with('/'));
    FUZZ_CHECK(request.path.find_first_of(" \r\n?#") == std::string::npos);
    const auto again = parse("GET " + request.path + " HTTP/1.1\r\nHost: x\r\n\r\n", 4096);
    // Longer than the limit only if the original was close to it.
    if (again.refusal) {
      FUZZ_CHECK(*again.refusal == Refusal::kTooLarge && request.path.size() > 8000);
    } else {
      FUZZ_CHECK(again.requests.size() == 1 && again.requests[0].path == request.path);
    }
  }
  return 0;
}
