// Responses of HTTP/1.1.
#pragma once

#include <string>
#include <string_view>

#include "proxy/admin/http_request.h"
#include "proxy/base/clock.h"

namespace sallyport::admin {

/// What is answered: always a text, never cached.
struct Response {
  int status = 200;
  std::string body;
  std::string_view content_type = "text/plain; charset=utf-8";
};

/// The response to a request that was refused: a line that names the reason.
Response refuse(HttpError refusal);

/// Status line and header fields, with the empty line after them. They are the same for GET and
/// HEAD.
std::string head_of(const Response& response, bool keep_alive, WallTime now);

}  // namespace sallyport::admin
