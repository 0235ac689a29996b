#include "auth/sources/webhook_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/base/secret.h"
#include "proxy/config/rate.h"
#include "proxy/http/json.h"

namespace sallyport::auth {
namespace {

using http::Json;

constexpr std::size_t kMostBody = 64 * 1024;
constexpr std::size_t kMostName = 255;
constexpr std::int64_t kMostSeconds = 366LL * 24 * 3600;

Answer garbage(std::string_view what) {
  return Away{.reason = fmt::format("its answer has {}", what)};
}

bool read_rate(const Json& limits, std::string_view key, bool sizes,
               std::optional<config::Rate>& into) {
  if (!limits.has(key)) return true;
  const auto rate = config::parse_rate(limits.text(key).value_or(""), sizes);
  if (!rate) return false;
  into = *rate;
  return true;
}

bool read_limits(const Json& limits, config::Limits& into) {
  if (limits.has("connections")) {
    const auto count = limits.integer("connections");
    if (!count || *count < 1 || *count > 1'000'000) return false;
    into.connections = static_cast<std::uint32_t>(*count);
  }
  return read_rate(limits, "messages", false, into.messages) &&
         read_rate(limits, "recipients", false, into.recipients) &&
         read_rate(limits, "bytes", true, into.bytes);
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMostName && std::ranges::none_of(text, ascii::is_control);
}

Answer read_grant(const Json& json, const Question& question) {
  Grant grant;
  grant.name = json.has("name") ? json.text("name").value_or("") : question.name;
  if (!is_name(grant.name)) return garbage("no name, or one that is none");
  for (const std::string_view group : json.texts("groups")) {
    if (!is_name(group)) return garbage("a group that is no name");
    grant.groups.emplace_back(group);
  }
  if (const auto labels = json.object("labels")) {
    for (const auto& [name, value] : labels->text_members()) {
      if (!is_name(name) || !is_name(value)) return garbage("a label that is none");
      grant.labels.push_back({std::string(name), std::string(value)});
    }
  }
  const auto senders = json.texts("senders");
  if (json.has("senders") && senders.empty()) return garbage("senders that are no list of texts");
  for (const std::string_view sender : senders) {
    auto pattern = config::AddressPattern::parse(sender);
    if (!pattern) return garbage("a sender that is no address pattern");
    grant.senders.push_back(std::move(*pattern));
  }
  if (json.has("limits")) {
    const auto limits = json.object("limits");
    if (!limits || !read_limits(*limits, grant.limits)) return garbage("limits that are none");
  }
  if (json.has("valid_for")) {
    const auto seconds = json.integer("valid_for");
    if (!seconds || *seconds < 1 || *seconds > kMostSeconds) return garbage("no good valid_for");
    grant.lifetime = std::chrono::seconds(*seconds);
  }
  return std::make_shared<const Grant>(std::move(grant));
}

}  // namespace

Secret webhook_request(const Question& question) {
  std::string secret = http::json_quoted(question.secret.reveal());
  std::string body =
      fmt::format(R"({{"name":{},"{}":{},"client":{},"mechanism":{}}})",
                  question.name.empty() ? "null" : http::json_quoted(question.name),
                  question.is_token ? "token" : "password", secret,
                  http::json_quoted(question.client.str()), http::json_quoted(question.mechanism));
  wipe(secret);
  return Secret::consume(body);
}

Answer read_webhook_response(int status, std::string_view body, const Question& question) {
  if (status == 401 || status == 403) {
    return Refused{fmt::format("it says no (HTTP status {})", status)};
  }
  if (status != 200) return Away{.reason = fmt::format("HTTP status {}", status)};
  const auto json = Json::parse(body.empty() ? "{}" : body);
  if (!json) return Away{.reason = "its answer is no JSON object"};
  return read_grant(*json, question);
}

runtime::Task<Answer> WebhookSource::check(runtime::Loop& loop, const Question& question,
                                           TimePoint deadline) {
  http::Request request{
      .method = "POST",
      .url = url_,
      .headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}},
      .body = webhook_request(question),
      .most = kMostBody};
  const auto response = co_await server_->send(loop, std::move(request), deadline);
  if (!response) co_return Away{.reason = response.error().text};
  co_return read_webhook_response(response->status, response->body, question);
}

}  // namespace sallyport::auth
