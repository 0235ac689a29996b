#include "proxy/server/trace_page.h"

#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace sallyport::server {
namespace {

using admin::Request;
using admin::Response;
using Records = std::vector<std::shared_ptr<const trace::Record>>;

std::optional<std::size_t> number_in(const std::string& text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string as_text(const Records& records) {
  std::string text;
  for (const auto& record : records) {
    if (!text.empty()) text += '\n';
    text += trace::to_text(*record);
  }
  return text;
}

/// One object a line: what a program can read piece by piece.
std::string as_json(const Records& records) {
  std::string text;
  for (const auto& record : records) text += trace::to_json(*record) + '\n';
  return text;
}

Response answer(const trace::Recent& recent, const Request& request) {
  if (!recent.is_on()) {
    return {.status = 404, .body = "messages are not traced: admin.trace is 0\n"};
  }
  trace::Query query{.id = admin::parameter(request, "id").value_or(""),
                     .message_id = admin::parameter(request, "message_id").value_or(""),
                     .user = admin::parameter(request, "user").value_or(""),
                     .to = admin::parameter(request, "to").value_or("")};
  if (const auto last = admin::parameter(request, "last")) {
    const auto number = number_in(*last);
    if (!number) return {.status = 400, .body = "last is no number\n"};
    query.last = *number;
  }
  const Records found = recent.find(query);
  if (found.empty()) {
    return {.status = 404,
            .body =
                "no such message among the last ones; one that is under way is there once it "
                "has ended\n"};
  }
  if (admin::parameter(request, "format") == "json") {
    return {.body = as_json(found), .content_type = "application/x-ndjson"};
  }
  return {.body = as_text(found)};
}

}  // namespace

admin::Page trace_page(const trace::Recent& recent) {
  return {.path = "/trace",
          .summary =
              "what became of the last messages: ?id=, message_id=, user=, to=, last=, "
              "format=json",
          .make = [&recent](const Request& request) { return answer(recent, request); },
          .takes_a_while = true};
}

}  // namespace sallyport::server
