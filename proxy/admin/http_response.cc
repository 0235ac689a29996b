#include "proxy/admin/http_response.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <utility>

namespace sallyport::admin {
namespace {

std::string_view reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Bad Request";
  }
}

}  // namespace

Response refuse(HttpError refusal) {
  const int status = std::to_underlying(refusal);
  return {.status = status, .body = fmt::format("{}\n", reason(status))};
}

std::string head_of(const Response& response, bool keep_alive, WallTime now) {
  return fmt::format(
      "HTTP/1.1 {} {}\r\n"
      "Date: {:%a, %d %b %Y %H:%M:%S} GMT\r\n"
      "Content-Type: {}\r\n"
      "Content-Length: {}\r\n"
      "Cache-Control: no-store\r\n"
      "{}Connection: {}\r\n\r\n",
      response.status, reason(response.status),
      fmt::gmtime(std::chrono::system_clock::to_time_t(now)), response.content_type,
      response.body.size(), response.status == 405 ? "Allow: GET, HEAD\r\n" : "",
      keep_alive ? "keep-alive" : "close");
}

}  // namespace sallyport::admin
