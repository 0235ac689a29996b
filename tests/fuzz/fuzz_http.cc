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
using namespace sallyport::fuzz;

struct Heard {
  std::vector<Request> requests;
  std::optional<HttpError> refusal;
  bool waits = false;

  bool operator==(const Heard&) const = default;
};

Heard parse(std::string_view wire, Cuts cuts) {
  RequestParser parser;
  Heard heard;
  feed_in_pieces(wire, cuts, [&](std::string_view octets) {
    parser.append(std::string(octets));
    while (true) {
      auto request = parser.next();
      if (!request) {
        heard.refusal = request.error();
        return false;
      }
      if (!request->has_value()) return true;
      heard.requests.push_back(**std::move(request));
    }
  });
  heard.waits = !heard.refusal && !parser.empty();
  return heard;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view wire = text(data, size);
  const auto whole = same_however_cut(wire, [&](Cuts cuts) { return parse(wire, cuts); });
  for (const auto& request : whole.requests) {
    FUZZ_CHECK(request.path.starts_with('/'));
    FUZZ_CHECK(request.path.find_first_of(" \r\n?#") == std::string::npos);
    const auto again = parse("GET " + request.path + " HTTP/1.1\r\nHost: x\r\n\r\n", Cuts::whole());
    // Longer than the limit only if the original was close to it.
    if (again.refusal) {
      FUZZ_CHECK(*again.refusal == HttpError::kTooLarge && request.path.size() > 8000);
    } else {
      FUZZ_CHECK(again.requests.size() == 1 && again.requests[0].path == request.path);
    }
  }
  return 0;
}
