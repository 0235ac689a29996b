#include "proxy/admin/http_request.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "proxy/base/ascii.h"

namespace sallyport::admin {
namespace {

constexpr std::string_view kCrlf = "\r\n";
constexpr std::string_view kScheme = "http://";
constexpr std::string_view kEnd = "\r\n\r\n";

// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return ascii::is_alnum(c) || std::string_view("!#$%&'*+-.^_`|~").contains(c);
  });
}

// Seen early, so that a TLS handshake or another protocol is refused and not waited for.
bool has_strange_octet(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return ascii::is_control(c) && c != '\r' && c != '\n' && c != '\t'; });
}

/// Takes what comes before `delimiter` off the front of `text`, and the delimiter; all if there is
/// none.
std::string_view cut(std::string_view& text, std::string_view delimiter) {
  const auto at = text.find(delimiter);
  const auto before = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + delimiter.size());
  return before;
}

struct Target {
  std::string_view path;
  std::string_view query;
};

// origin-form, or absolute-form, which every server must take (RFC 9112 section 3.2.2).
std::optional<Target> parse_target(std::string_view target) {
  const bool visible = std::ranges::all_of(target, [](char c) { return c > 32 && c < 127; });
  if (!visible || target.contains('#')) return std::nullopt;
  const bool absolute = ascii::starts_with_ignoring_case(target, kScheme);
  if (absolute) {
    target.remove_prefix(kScheme.size());
    const auto authority = target.substr(0, target.find_first_of("/?"));
    if (authority.empty()) return std::nullopt;
    target.remove_prefix(authority.size());
  }
  const std::string_view path = cut(target, "?");
  if (path.empty() && absolute) return Target{.path = "/", .query = target};
  if (!path.starts_with('/')) return std::nullopt;
  return Target{.path = path, .query = target};
}

/// What header fields say that matters here.
struct Fields {
  int hosts = 0;
  bool close = false;
  bool keep_alive = false;
};

void read_connection(std::string_view value, Fields& fields) {
  while (!value.empty()) {
    const auto option = ascii::trim(cut(value, ","));
    if (ascii::equals_ignoring_case(option, "close")) fields.close = true;
    if (ascii::equals_ignoring_case(option, "keep-alive")) fields.keep_alive = true;
  }
}

// False: malformed, or it announces a body, which no request here may have.
bool read_field(std::string_view line, Fields& fields) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return false;
  const auto name = line.substr(0, colon);
  const auto value = ascii::trim(line.substr(colon + 1));
  if (!is_token(name)) return false;  // a folded line, too (RFC 9112 section 5.2)
  if (ascii::equals_ignoring_case(name, "Host")) ++fields.hosts;
  if (ascii::equals_ignoring_case(name, "Connection")) read_connection(value, fields);
  if (ascii::equals_ignoring_case(name, "Transfer-Encoding")) return false;
  return !ascii::equals_ignoring_case(name, "Content-Length") || value == "0";
}

std::expected<Request, HttpError> parse(std::string_view text) {
  std::string_view line = cut(text, kCrlf);
  const auto method = cut(line, " ");
  const auto target = cut(line, " ");
  const auto version = line;
  const bool lone_line_end = version.find_first_of(kCrlf) != std::string_view::npos;
  if (!is_token(method) || lone_line_end) return std::unexpected(HttpError::kBadRequest);
  if (!version.starts_with("HTTP/")) return std::unexpected(HttpError::kBadRequest);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return std::unexpected(HttpError::kVersion);

  Fields fields;
  while (!text.empty()) {
    const auto field = cut(text, kCrlf);
    if (field.find_first_of(kCrlf) != std::string_view::npos || !read_field(field, fields)) {
      return std::unexpected(HttpError::kBadRequest);
    }
  }
  const bool is_1_1 = version == "HTTP/1.1";
  const auto parsed = parse_target(target);
  // RFC 9112 section 3.2: exactly one Host; 1.0 had none.
  if (!parsed || fields.hosts > 1 || (is_1_1 && fields.hosts == 0)) {
    return std::unexpected(HttpError::kBadRequest);
  }
  if (method != "GET" && method != "HEAD") return std::unexpected(HttpError::kMethodNotAllowed);
  return Request{.method = method == "GET" ? Method::kGet : Method::kHead,
                 .path = std::string(parsed->path),
                 .query = std::string(parsed->query),
                 .keep_alive = !fields.close && (is_1_1 || fields.keep_alive)};
}

std::optional<std::string> unescaped(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    char c = text.front();
    text.remove_prefix(1);
    if (c == '+') c = ' ';
    if (c == '%') {
      unsigned code = 0;
      const auto [end, error] = std::from_chars(
          text.data(), text.data() + std::min<std::size_t>(text.size(), 2), code, 16);
      if (error != std::errc{} || end != text.data() + 2) return std::nullopt;
      c = static_cast<char>(code);
      text.remove_prefix(2);
    }
    result += c;
  }
  return result;
}

}  // namespace

std::optional<std::string> parameter(const Request& request, std::string_view name) {
  std::string_view query = request.query;
  while (!query.empty()) {
    std::string_view pair = cut(query, "&");
    if (cut(pair, "=") == name) return unescaped(pair);
  }
  return std::nullopt;
}

std::expected<std::optional<Request>, HttpError> RequestParser::next() {
  // RFC 9112 section 2.2: empty lines before a request are skipped.
  std::size_t empty = 0;
  while (std::string_view(buffer_).substr(empty).starts_with(kCrlf)) empty += kCrlf.size();
  if (empty > 0) {
    buffer_.erase(0, empty);
    scanned_ = 0;
  }
  const std::size_t begin = scanned_ < kEnd.size() ? 0 : scanned_ - kEnd.size();
  const auto end = buffer_.find(kEnd, begin);
  const auto size = end == std::string::npos ? buffer_.size() : end + kEnd.size();
  const auto fresh = std::string_view(buffer_).substr(0, std::min(size, kMostOctets)).substr(begin);
  if (has_strange_octet(fresh)) return std::unexpected(HttpError::kBadRequest);
  if (size > kMostOctets) return std::unexpected(HttpError::kTooLarge);
  if (end == std::string::npos) {
    scanned_ = buffer_.size();
    return std::nullopt;
  }
  // Its last line end is left out: the fields are separated by the others.
  const auto request = parse(std::string_view(buffer_).substr(0, end));
  if (!request) return std::unexpected(request.error());
  buffer_.erase(0, size);
  scanned_ = 0;
  return *request;
}

}  // namespace sallyport::admin
