#include "proxy/oauth/assertion.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "proxy/base/base64.h"
#include "proxy/base/crypto/digest.h"
#include "proxy/base/crypto/signature.h"
#include "proxy/http/json.h"

namespace sallyport::oauth {
namespace {

using http::json_quoted;

constexpr std::chrono::minutes kClientLifetime{5};
constexpr std::chrono::hours kAccountLifetime{1};  // the longest that Google takes
constexpr std::string_view kGoogleTokens = "https://oauth2.googleapis.com/token";

std::int64_t seconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

/// RFC 7515 section 7.1: header, claims and signature.
Result<Secret> signed_token(std::string_view header, std::string_view claims,
                            std::string_view key_pem, crypto::RsaPadding padding) {
  std::string token = base64::encode_url(header) + '.' + base64::encode_url(claims);
  const auto signature = crypto::sign_jws(key_pem, padding, token);
  if (!signature) return fail(signature.error());
  token += '.' + base64::encode_url(signature->octets);
  return Secret::consume(token);
}

}  // namespace

Result<Secret> client_assertion(std::string_view certificate_pem, std::string_view key_pem,
                                std::string_view client_id, std::string_view token_url,
                                WallTime now) {
  const auto padding = crypto::RsaPadding::kPss;
  const auto thumbprint = crypto::certificate_thumbprint(certificate_pem);
  if (!thumbprint) return fail(thumbprint.error().code, "certificate: " + thumbprint.error().text);
  const auto algorithm = crypto::jws_algorithm(key_pem, padding);
  if (!algorithm) return fail(algorithm.error().code, "key: " + algorithm.error().text);
  const std::string header = fmt::format(R"({{"alg":"{}","typ":"JWT","x5t#S256":"{}"}})",
                                         *algorithm, base64::encode_url(*thumbprint));
  const std::string id = json_quoted(client_id);
  const std::string claims = fmt::format(
      R"({{"aud":{},"iss":{},"sub":{},"jti":"{:016x}{:016x}","iat":{},"nbf":{},"exp":{}}})",
      json_quoted(token_url), id, id, crypto::random_u64(), crypto::random_u64(), seconds(now),
      seconds(now), seconds(now + kClientLifetime));
  return signed_token(header, claims, key_pem, padding);
}

Result<ServiceAccount> parse_service_account(std::string_view json) {
  const auto file = http::Json::parse(json);
  if (!file) return fail(file.error());
  const auto email = file->text("client_email");
  const auto key = file->text("private_key");
  if (!email || !key) {
    return fail(ErrorCode::kInvalid,
                "it has no client_email or no private_key: the JSON key of a service account is "
                "needed");
  }
  const auto algorithm = crypto::jws_algorithm(*key, crypto::RsaPadding::kPkcs1);
  if (!algorithm) return fail(algorithm.error().code, "private_key: " + algorithm.error().text);
  return ServiceAccount{.email = std::string(*email),
                        .key_id = std::string(file->text("private_key_id").value_or("")),
                        .key = Secret(*key),
                        .token_url = std::string(file->text("token_uri").value_or(kGoogleTokens))};
}

Result<Secret> service_account_assertion(const ServiceAccount& account, std::string_view subject,
                                         std::string_view scope, std::string_view token_url,
                                         WallTime now) {
  const auto padding = crypto::RsaPadding::kPkcs1;
  const auto algorithm = crypto::jws_algorithm(account.key.reveal(), padding);
  if (!algorithm) return fail(algorithm.error());
  const std::string key_id =
      account.key_id.empty() ? "" : fmt::format(R"(,"kid":{})", json_quoted(account.key_id));
  const std::string header = fmt::format(R"({{"alg":"{}","typ":"JWT"{}}})", *algorithm, key_id);
  const std::string acts_for =
      subject.empty() ? "" : fmt::format(R"(,"sub":{})", json_quoted(subject));
  const std::string claims =
      fmt::format(R"({{"iss":{},"scope":{},"aud":{},"iat":{},"exp":{}{}}})",
                  json_quoted(account.email), json_quoted(scope), json_quoted(token_url),
                  seconds(now), seconds(now + kAccountLifetime), acts_for);
  return signed_token(header, claims, account.key.reveal(), padding);
}

}  // namespace sallyport::oauth
