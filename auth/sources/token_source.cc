#include "auth/sources/token_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <variant>

#include "proxy/base/ascii.h"
#include "proxy/http/url.h"

namespace sallyport::auth {
namespace {

using config::SourceKind;
using http::Json;

constexpr Duration kFetchTimeout = std::chrono::seconds(10);
constexpr std::string_view kDiscovery = "/.well-known/openid-configuration";
// What a name is that says nothing: some clients must be given one.
constexpr std::string_view kNobody = "token";
// What an address pattern, and a list of them, is made of: no claim may bring it along.
constexpr std::string_view kPatternOctets = "*@{}()<>,;:\"\\/ ";

/// A cluster's claims by short names.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kClusterClaims = {
    {{"{namespace}", "{kubernetes.io.namespace}"},
     {"{serviceaccount}", "{kubernetes.io.serviceaccount.name}"},
     {"{pod}", "{kubernetes.io.pod.name}"},
     {"{node}", "{kubernetes.io.node.name}"}}};

Result<ClaimTemplate> parse_template(SourceKind kind, std::string text) {
  if (kind == SourceKind::kKubernetes) {
    for (const auto& [name, claim] : kClusterClaims) {
      for (std::size_t at = text.find(name); at != text.npos; at = text.find(name, at)) {
        text.replace(at, name.size(), claim);
      }
    }
  }
  return ClaimTemplate::parse(text);
}

std::string without_slash(std::string text) {
  while (text.ends_with('/')) text.pop_back();
  return text;
}

Result<Json> get(const HttpsServer& server, std::string url) {
  const std::string host = http::host_of(url);
  const auto response = server.send_here({.url = std::move(url)}, kFetchTimeout);
  if (!response) return fail(response.error().code, host + ": " + response.error().text);
  if (response->status != 200) {
    return fail(ErrorCode::kProtocol, fmt::format("{}: HTTP status {}", host, response->status));
  }
  auto json = Json::parse(response->body);
  if (!json) return fail(ErrorCode::kProtocol, host + ": what it says is no JSON object");
  return json;
}

Result<KeySet> get_keys(const HttpsServer& server, std::string url) {
  const std::string host = http::host_of(url);
  const auto response = server.send_here({.url = std::move(url)}, kFetchTimeout);
  if (!response) return fail(response.error().code, host + ": " + response.error().text);
  if (response->status != 200) {
    return fail(ErrorCode::kProtocol, fmt::format("{}: HTTP status {}", host, response->status));
  }
  auto keys = KeySet::parse(response->body);
  if (!keys) return fail(ErrorCode::kProtocol, host + ": the JWK set: " + keys.error().text);
  return keys;
}

}  // namespace

Result<IssuerKeys> fetch_keys(const config::AuthSource& settings, const HttpsServer& server) {
  std::string issuer = settings.issuer;
  std::string url = settings.jwks;
  if (settings.kind == SourceKind::kKubernetes) {
    const std::string cluster = without_slash(settings.url);
    url = cluster + "/openid/v1/jwks";
    if (issuer.empty()) {
      const auto found = get(server, cluster + std::string(kDiscovery));
      if (!found) return fail(found.error());
      issuer = found->text("issuer").value_or("");
      if (issuer.empty()) return fail(ErrorCode::kProtocol, "the cluster does not name its issuer");
    }
  } else if (url.empty()) {
    const auto found = get(server, without_slash(issuer) + std::string(kDiscovery));
    if (!found) return fail(found.error());
    // OpenID Connect Discovery 1.0 section 4.3: else it is not its own word.
    if (found->text("issuer").value_or("") != issuer) {
      return fail(ErrorCode::kProtocol, "what is found by the issuer's URL is of another issuer");
    }
    url = found->text("jwks_uri").value_or("");
    if (!url.starts_with("https://") || !http::is_safe(url)) {
      return fail(ErrorCode::kProtocol, "the issuer names no https URL of its keys");
    }
  }
  auto keys = get_keys(server, std::move(url));
  if (!keys) return fail(keys.error());
  return IssuerKeys{.issuer = std::move(issuer), .keys = std::move(*keys)};
}

Result<std::unique_ptr<Source>> TokenSource::make(const config::AuthSource& settings, Parts parts) {
  std::unique_ptr<TokenSource> source(new TokenSource(settings, std::move(parts)));
  const auto read = [&](const std::string& text) { return parse_template(settings.kind, text); };
  const auto read_all = [&](const std::vector<std::string>& texts,
                            std::vector<ClaimTemplate>& into) -> Result<void> {
    into.reserve(texts.size());
    for (const std::string& text : texts) {
      auto one = read(text);
      if (!one) return fail(one.error());
      into.push_back(std::move(*one));
    }
    return {};
  };
  auto user = read(settings.user);
  if (!user) return fail(user.error());
  source->user_ = std::move(*user);
  if (auto groups = read_all(settings.groups, source->groups_); !groups) {
    return fail(groups.error());
  }
  if (auto senders = read_all(settings.sender_templates, source->senders_); !senders) {
    return fail(senders.error());
  }
  source->labels_.reserve(settings.labels.size());
  for (const config::Label& label : settings.labels) {
    auto value = read(label.value);
    if (!value) return fail(value.error());
    source->labels_.emplace_back(label.name, std::move(*value));
  }
  return source;
}

bool TokenSource::takes(const Question& question) const {
  return question.is_token || looks_like_jwt(question.secret.reveal());
}

runtime::Task<Answer> TokenSource::check(runtime::Loop& loop, const Question& question,
                                         TimePoint deadline) {
  auto token = parse_jwt(question.secret.reveal());
  if (!token) co_return Refused{.reason = token.error().text, .unasked = true};
  // Where the issuer is known, what is another's need not wait for this one's keys.
  if (!settings_.issuer.empty()) {
    Answer claims = read_claims(question, token->claims, settings_.issuer);
    if (auto* refused = std::get_if<Refused>(&claims)) {
      co_return Refused{.reason = std::move(refused->reason), .unasked = true};
    }
  }
  auto keys = co_await parts_.keys->current(loop, deadline);
  if (!keys) co_return Away{.reason = keys.error().text};
  KeySet::Verdict verdict = (*keys)->keys.verify(*token);
  if (verdict == KeySet::Verdict::kUnknownKey) {
    // Only for a token that would do otherwise: who makes one up must not make us ask.
    const Answer claims = read_claims(question, token->claims, (*keys)->issuer);
    if (std::holds_alternative<Refused>(claims)) co_return claims;
    auto known = *keys;
    keys = co_await parts_.keys->newer(loop, std::move(known), deadline);
    if (!keys) co_return Away{.reason = keys.error().text};
    verdict = (*keys)->keys.verify(*token);
  }
  if (verdict != KeySet::Verdict::kSigned) {
    co_return Refused{verdict == KeySet::Verdict::kForged ? "the signature is wrong"
                                                          : "the issuer has no such key"};
  }
  Answer answer = read_claims(question, token->claims, (*keys)->issuer);
  const auto* const granted = std::get_if<Granted>(&answer);
  if (granted == nullptr || !settings_.review) co_return answer;
  std::string subject(token->claims.text("sub").value_or(""));
  co_return co_await review(loop, question, *granted, std::move(subject), deadline);
}

Answer TokenSource::read_claims(const Question& question, const Json& claims,
                                const std::string& issuer) const {
  const ClaimRules rules{.issuer = issuer,
                         .audiences = settings_.audience,
                         .leeway = settings_.leeway,
                         .longest_life = settings_.max_life};
  const auto life = check_claims(claims, rules, parts_.now());
  if (!life) return Refused{life.error().text};
  Grant grant;
  grant.lifetime = *life;
  const auto names = user_.fill(claims);
  if (!names || names->size() != 1) return Refused{"the token has no claim for the user's name"};
  grant.name = names->front();
  if (settings_.kind == SourceKind::kKubernetes) {
    // What the cluster vouches for is the subject; the other claims say the same in parts.
    static const ClaimTemplate kSubject = *parse_template(
        SourceKind::kKubernetes, "system:serviceaccount:{namespace}:{serviceaccount}");
    const auto subject = kSubject.fill(claims);
    if (!subject || subject->front() != claims.text("sub").value_or("")) {
      return Refused{"the token is of no service account"};
    }
  }
  const bool names_itself = question.name.empty() ||
                            ascii::equals_ignoring_case(question.name, kNobody) ||
                            ascii::equals_ignoring_case(question.name, grant.name);
  if (!names_itself) return Refused{"the token is of another user"};
  for (const ClaimTemplate& each : groups_) {
    // Who is in no group has no such claim.
    auto groups = each.fill(claims);
    if (groups) std::ranges::move(*groups, std::back_inserter(grant.groups));
  }
  for (const auto& [name, each] : labels_) {
    auto values = each.fill(claims);
    if (values && values->size() == 1) grant.labels.push_back({name, std::move(values->front())});
  }
  for (const ClaimTemplate& each : senders_) {
    // Without one of its senders it would have others than are meant.
    const auto texts = each.fill(claims, kPatternOctets);
    if (!texts) return Refused{"the token has no claim for a sender, or one that is no name"};
    for (const std::string& text : *texts) {
      auto pattern = config::AddressPattern::parse(text);
      if (!pattern) return Refused{"a sender made of the token's claims is no address pattern"};
      grant.senders.push_back(std::move(*pattern));
    }
  }
  return std::make_shared<const Grant>(std::move(grant));
}

/// https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/
runtime::Task<Answer> TokenSource::review(runtime::Loop& loop, const Question& question,
                                          Granted grant, std::string subject, TimePoint deadline) {
  std::string audiences;
  for (const std::string& audience : settings_.audience) {
    audiences += (audiences.empty() ? "" : ",") + http::json_quoted(audience);
  }
  std::string body = fmt::format(
      R"({{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{{"token":{},)"
      R"("audiences":[{}]}}}})",
      http::json_quoted(question.secret.reveal()), audiences);
  http::Request request{
      .method = "POST",
      .url = without_slash(settings_.url) + "/apis/authentication.k8s.io/v1/tokenreviews",
      .headers = {{"Content-Type", "application/json"}}};
  request.body = Secret::consume(body);
  const auto response = co_await parts_.server->send(loop, std::move(request), deadline);
  if (!response) co_return Away{.reason = "TokenReview: " + response.error().text};
  if (response->status / 100 != 2) {
    co_return Away{.reason = fmt::format("TokenReview: HTTP status {}", response->status)};
  }
  const auto json = Json::parse(response->body);
  const auto status = json ? json->object("status") : std::nullopt;
  if (!status) co_return Away{.reason = "TokenReview: the answer has no status"};
  if (!status->boolean("authenticated").value_or(false)) {
    co_return Refused{"the cluster does not accept the token any more"};
  }
  const auto user = status->object("user");
  if (!user || user->text("username").value_or("") != subject) {
    co_return Refused{"the cluster knows the token as somebody else's"};
  }
  co_return grant;
}

}  // namespace sallyport::auth
