// Requests of HTTP/1.1, as much of it as probes and scrapers speak. RFC 9112, strictly: what is not
// understood is refused. Sans-I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::admin {

enum class Method : std::uint8_t { kGet, kHead };

/// Why a request is refused: the status to answer with. The connection ends after it.
enum class HttpError : std::uint16_t {
  kBadRequest = 400,
  kMethodNotAllowed = 405,
  kTooLarge = 431,
  kVersion = 505,
};

/// A request that was understood.
struct Request {
  Method method = Method::kGet;
  std::string path;        ///< Without query; "/" at least.
  std::string query = {};  ///< What stands behind the first `?`, as it came.
  bool keep_alive = true;

  bool operator==(const Request&) const = default;
};

/// The value of `name` in a query such as `user=billing&to=a%40example.net`, with its escapes
/// (RFC 3986 section 2.1) and `+` for a space undone; nullopt if it is not there or has a broken
/// escape.
std::optional<std::string> parameter(const Request& request, std::string_view name);

/// Cuts a connection's octets into requests. None may have a body.
class RequestParser {
 public:
  /// Octets of a request line and its header fields together.
  static constexpr std::size_t kMostOctets = 8 * 1024;

  /// Takes octets from the connection, in any split.
  void append(std::string_view octets) { buffer_ += octets; }
  /// The next request; nullopt when more octets are needed; or why it is refused, after which the
  /// parser is of no more use.
  std::expected<std::optional<Request>, HttpError> next();
  /// Nothing of a request is here.
  bool empty() const { return buffer_.empty(); }

 private:
  std::string buffer_;
  std::size_t scanned_ = 0;  // octets that were searched for the end of the header
};

}  // namespace sallyport::admin
