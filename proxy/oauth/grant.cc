#include "proxy/oauth/grant.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/config/load.h"
#include "proxy/http/json.h"
#include "proxy/http/url.h"
#include "proxy/oauth/assertion.h"

namespace sallyport::oauth {
namespace {

using std::chrono::seconds;

constexpr std::string_view kAssertionType =
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
constexpr std::string_view kJwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
constexpr std::size_t kMostAnswer = 256 * 1024;
constexpr std::size_t kMostToken = 16 * 1024;
constexpr std::size_t kMostReason = 300;
// RFC 6749 section 5.1: a server may leave it out.
constexpr seconds kUnstatedLifetime{300};
constexpr std::int64_t kLongestLifetime = 24 * 3600;

Result<std::string> read_file(const std::string& path) {
  auto content = config::Outside::real().read_file(path);
  if (!content) return fail(ErrorCode::kSystem, path + ": " + content.error().text);
  return content;
}

/// One line of a file, as secrets are kept in files.
Result<Secret> read_line(const std::string& path) {
  auto content = read_file(path);
  if (!content) return fail(content.error());
  while (!content->empty() && (content->back() == '\n' || content->back() == '\r')) {
    content->pop_back();
  }
  Secret line(ascii::trim(*content));
  wipe(*content);
  if (line.empty()) return fail(ErrorCode::kSystem, path + " is empty");
  return line;
}

Result<Secret> read(const config::SecretSource& source) {
  if (source.file.empty()) return source.text;
  return read_line(source.file);
}

/// What a server says of itself, for a log line.
std::string cleaned(std::string_view text) {
  std::string clean;
  for (const char c : text.substr(0, kMostReason)) clean += c >= ' ' && c <= '~' ? c : ' ';
  return clean;
}

bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= kMostToken &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

/// The error of an answer (RFC 6749 section 5.2), in words.
std::string reason_in(const http::Response& response) {
  const auto json = http::Json::parse(response.body);
  if (!json) return fmt::format("it answered {}", response.status);
  const std::string error = cleaned(json->text("error").value_or(""));
  const std::string words = cleaned(json->text("error_description").value_or(""));
  return fmt::format("it answered {}{}{}{}{}", response.status, error.empty() ? "" : " ", error,
                     words.empty() ? "" : ": ", words);
}

/// Does a status say that the request itself is at fault?
bool is_refusal(int status) {
  return status >= 400 && status < 500 && status != 408 && status != 425 && status != 429;
}

}  // namespace

/// application/x-www-form-urlencoded, of which every part may be secret.
class Grant::Form {
 public:
  void add(std::string_view key, std::string_view value) {
    if (value.empty()) return;
    std::string encoded = http::form_encoded(value);
    std::string longer;
    longer.reserve(body_.size() + key.size() + encoded.size() + 2);
    longer.append(body_).append(body_.empty() ? "" : "&").append(key).append("=").append(encoded);
    wipe(encoded);
    wipe(body_);
    body_ = std::move(longer);
  }
  Secret take() { return Secret::consume(body_); }
  ~Form() { wipe(body_); }

 private:
  std::string body_;
};

Result<Token> Grant::fetch() {
  const auto asked = request();
  if (!asked) return fail(ErrorCode::kInvalid, asked.error().text);
  auto response = send_(*asked);
  const std::string who = "the token server " + http::host_of(asked->url);
  if (!response) {
    // An answer that is too long is a fault of the server, not a shortage of ours.
    const ErrorCode code =
        response.error().code == ErrorCode::kLimit ? ErrorCode::kProtocol : response.error().code;
    return fail(code, fmt::format("{}: {}", who, response.error().text));
  }
  auto token = read(*response);
  wipe(response->body);
  if (!token) return fail(token.error().code, fmt::format("{}: {}", who, token.error().text));
  return token;
}

Result<http::Request> Grant::request() {
  Form form;
  auto url = fill(form);
  if (!url) return fail(url.error());
  form.add("scope", settings_.service_account.empty() ? settings_.scope : "");
  http::Request request{.method = "POST",
                        .url = std::move(*url),
                        .headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                                    {"Accept", "application/json"}},
                        .body = form.take(),
                        .proxy = settings_.proxy,
                        .most = kMostAnswer};
  if (!settings_.ca.empty()) {
    auto ca = read_file(settings_.ca);
    if (!ca) return fail(ca.error());
    request.ca = std::move(*ca);
  }
  return request;
}

/// Gives the URL to ask.
Result<std::string> Grant::fill(Form& form) {
  if (!settings_.service_account.empty()) return fill_service_account(form);
  if (settings_.refresh_token.empty()) {
    form.add("grant_type", "client_credentials");
  } else {
    const auto token = refresh_token();
    if (!token) return fail(token.error());
    form.add("grant_type", "refresh_token");
    form.add("refresh_token", token->reveal());
  }
  form.add("client_id", settings_.client_id);
  const auto filled = fill_client(form, settings_.token_url);
  if (!filled) return fail(filled.error());
  return settings_.token_url;
}

/// How the client proves who it is: RFC 6749 section 2.3.1, or an assertion (RFC 7523 section 2.2).
Result<void> Grant::fill_client(Form& form, std::string_view token_url) {
  if (!settings_.client_secret.empty()) {
    const auto secret = oauth::read(settings_.client_secret);
    if (!secret) return fail(secret.error());
    form.add("client_secret", secret->reveal());
    return {};
  }
  Result<Secret> assertion;
  if (!settings_.token_file.empty()) {
    assertion = read_line(settings_.token_file);
  } else if (!settings_.certificate.empty()) {
    const auto certificate = read_file(settings_.certificate);
    if (!certificate) return fail(certificate.error());
    auto key = read_file(settings_.key);
    if (!key) return fail(key.error());
    assertion = client_assertion(*certificate, *key, settings_.client_id, token_url,
                                 std::chrono::system_clock::now());
    wipe(*key);
  } else {
    return {};  // a public client, with a refresh token
  }
  if (!assertion) return fail(assertion.error());
  form.add("client_assertion_type", kAssertionType);
  form.add("client_assertion", assertion->reveal());
  return {};
}

Result<std::string> Grant::fill_service_account(Form& form) {
  auto json = read_file(settings_.service_account);
  if (!json) return fail(json.error());
  const auto account = parse_service_account(*json);
  wipe(*json);
  if (!account) return fail(account.error());
  std::string url = settings_.token_url.empty() ? account->token_url : settings_.token_url;
  const auto assertion = service_account_assertion(*account, settings_.subject, settings_.scope,
                                                   url, std::chrono::system_clock::now());
  if (!assertion) return fail(assertion.error());
  form.add("grant_type", kJwtBearer);
  form.add("assertion", assertion->reveal());
  return url;
}

/// RFC 6749 section 6: a server may replace the refresh token. What the operator says anew counts
/// more.
Result<Secret> Grant::refresh_token() {
  auto said = oauth::read(settings_.refresh_token);
  if (!said) return said;
  if (said->reveal() != refresh_token_said_.reveal()) {
    refresh_token_said_ = *said;
    refresh_token_ = *said;
  }
  return refresh_token_;
}

/// RFC 6749 sections 5.1 and 5.2.
Result<Token> Grant::read(const http::Response& response) {
  if (is_refusal(response.status)) return fail(ErrorCode::kInvalid, reason_in(response));
  if (response.status >= 300 && response.status < 400) {
    return fail(ErrorCode::kProtocol,
                fmt::format("it answered {}, a redirect, which is not followed", response.status));
  }
  if (response.status != 200) return fail(ErrorCode::kNetwork, reason_in(response));
  const auto json = http::Json::parse(response.body);
  if (!json) return fail(ErrorCode::kProtocol, "its answer cannot be read: " + json.error().text);
  const auto text = json->text("access_token");
  if (!text || !is_token(*text)) {
    return fail(ErrorCode::kProtocol, "its answer has no access_token that can be used");
  }
  const auto type = json->text("token_type");
  if (type && !ascii::equals_ignoring_case(*type, "bearer")) {
    return fail(ErrorCode::kProtocol, "its token is of another type: " + cleaned(*type));
  }
  const auto stated = json->integer("expires_in");
  const Duration lifetime =
      stated ? seconds(std::clamp<std::int64_t>(*stated, 0, kLongestLifetime)) : kUnstatedLifetime;
  const auto replaced = json->text("refresh_token");
  if (replaced && !replaced->empty() && !settings_.refresh_token.empty()) {
    refresh_token_ = Secret(*replaced);
  }
  return Token{.text = Secret(*text), .lifetime = lifetime};
}

Result<void> check(const config::OAuth& settings) {
  if (!settings.service_account.empty()) {
    auto json = read_file(settings.service_account);
    if (!json) return fail(json.error());
    const auto account = parse_service_account(*json);
    wipe(*json);
    if (!account) {
      return fail(account.error().code,
                  fmt::format("{}: {}", settings.service_account, account.error().text));
    }
    if (settings.token_url.empty() && !http::is_safe(account->token_url)) {
      return fail(ErrorCode::kInvalid, settings.service_account + ": token_uri must be https");
    }
  }
  if (settings.certificate.empty()) return {};
  const auto certificate = read_file(settings.certificate);
  if (!certificate) return fail(certificate.error());
  auto key = read_file(settings.key);
  if (!key) return fail(key.error());
  const auto assertion = client_assertion(*certificate, *key, settings.client_id,
                                          settings.token_url, std::chrono::system_clock::now());
  wipe(*key);
  return assertion ? Result<void>() : fail(assertion.error());
}

}  // namespace sallyport::oauth
