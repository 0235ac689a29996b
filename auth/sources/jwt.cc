#include "auth/sources/jwt.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "proxy/base/ascii.h"
#include "proxy/base/base64.h"

namespace sallyport::auth {
namespace {

using crypto::JwsAlgorithm;
using http::Json;

// More keys than any issuer has: a token without an id is tried with each.
constexpr std::size_t kMostKeys = 32;
constexpr std::size_t kMostKeyId = 512;
constexpr std::size_t kMostClaim = 255;
constexpr std::string_view kForm = "it is no signed JSON Web Token";

struct AlgorithmName {
  std::string_view name;
  JwsAlgorithm algorithm;
};
constexpr std::array<AlgorithmName, 3> kAlgorithms = {
    {{.name = "RS256", .algorithm = JwsAlgorithm::kRs256},
     {.name = "ES256", .algorithm = JwsAlgorithm::kEs256},
     {.name = "EdDSA", .algorithm = JwsAlgorithm::kEdDsa}}};

/// What stands between the dots.
struct Parts {
  std::string_view header;
  std::string_view claims;
  std::string_view signature;
};

std::optional<Parts> split(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t second = first == token.npos ? first : token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos) return std::nullopt;
  return Parts{.header = token.substr(0, first),
               .claims = token.substr(first + 1, second - first - 1),
               .signature = token.substr(second + 1)};
}

std::optional<Json> object_in(std::string_view part) {
  const auto text = base64::decode_url(part);
  if (!text) return std::nullopt;
  auto json = Json::parse(*text);
  return json ? std::optional(std::move(*json)) : std::nullopt;
}

std::string octets(const Json& key, std::string_view name) {
  const auto text = key.text(name);
  return text ? base64::decode_url(*text).value_or("") : "";
}

/// A key of a JWK set, or nullopt where it is none that we use.
std::optional<crypto::PublicKey> read_key(const Json& key) {
  if (key.text("use").value_or("sig") != "sig") return std::nullopt;
  const std::string_view type = key.text("kty").value_or("");
  const std::string_view algorithm = key.text("alg").value_or("");
  const std::string_view curve = key.text("crv").value_or("");
  const auto is_for = [&](std::string_view name) { return algorithm.empty() || algorithm == name; };
  const auto kept = [](Result<crypto::PublicKey> read) {
    return read ? std::optional(std::move(*read)) : std::nullopt;
  };
  if (type == "RSA" && is_for("RS256")) {
    return kept(crypto::PublicKey::rsa(octets(key, "n"), octets(key, "e")));
  }
  if (type == "EC" && curve == "P-256" && is_for("ES256")) {
    return kept(crypto::PublicKey::p256(octets(key, "x"), octets(key, "y")));
  }
  if (type == "OKP" && curve == "Ed25519" && (is_for("EdDSA") || is_for("Ed25519"))) {
    return kept(crypto::PublicKey::ed25519(octets(key, "x")));
  }
  return std::nullopt;
}

/// The texts of a claim that may lie within others: names of claims may have dots of their own.
std::vector<std::string_view> claim_texts(const Json& claims, std::string_view path) {
  if (claims.has(path)) return claims.texts(path);
  for (std::size_t dot = path.find('.'); dot != path.npos; dot = path.find('.', dot + 1)) {
    const auto inner = claims.object(path.substr(0, dot));
    if (!inner) continue;
    // The texts live in what all parts of the token share.
    auto texts = claim_texts(*inner, path.substr(dot + 1));
    if (!texts.empty()) return texts;
  }
  return {};
}

bool is_harmless(std::string_view text, std::string_view forbidden) {
  return !text.empty() && text.size() <= kMostClaim && text.front() != ' ' && text.back() != ' ' &&
         std::ranges::none_of(text, ascii::is_control) &&
         text.find_first_of(forbidden) == text.npos;
}

}  // namespace

bool looks_like_jwt(std::string_view text) {
  // '{"' in base64url, which the header begins with but for white space.
  return text.size() <= kMostToken && text.starts_with("ey") && split(text).has_value();
}

Result<Jwt> parse_jwt(std::string_view token) {
  if (token.size() > kMostToken) return fail(ErrorCode::kInvalid, "the token is too long");
  const auto parts = split(token);
  if (!parts) return fail(ErrorCode::kInvalid, std::string(kForm));
  const auto header = object_in(parts->header);
  auto claims = object_in(parts->claims);
  auto signature = base64::decode_url(parts->signature);
  if (!header || !claims || !signature) return fail(ErrorCode::kInvalid, std::string(kForm));
  // RFC 7515 section 4.1.11: what must be understood, and is not.
  if (header->has("crit")) {
    return fail(ErrorCode::kInvalid, "the token has a critical header that is not known here");
  }
  const auto algorithm =
      std::ranges::find(kAlgorithms, header->text("alg").value_or(""), &AlgorithmName::name);
  if (algorithm == kAlgorithms.end()) {
    return fail(ErrorCode::kInvalid, "the token is not signed by RS256, ES256 or EdDSA");
  }
  const std::string_view key_id = header->text("kid").value_or("");
  if (key_id.size() > kMostKeyId) return fail(ErrorCode::kInvalid, "the id of its key is too long");
  return Jwt{.algorithm = algorithm->algorithm,
             .key_id = std::string(key_id),
             .signed_part = token.substr(0, token.rfind('.')),
             .signature = std::move(*signature),
             .claims = std::move(*claims)};
}

Result<KeySet> KeySet::parse(std::string_view json) {
  const auto document = Json::parse(json);
  if (!document) return fail(ErrorCode::kInvalid, "it is no JSON object");
  KeySet set;
  for (const Json& each : document->objects("keys")) {
    if (set.keys_.size() == kMostKeys) break;
    auto key = read_key(each);
    if (key) set.keys_.push_back({std::string(each.text("kid").value_or("")), std::move(*key)});
  }
  if (set.keys_.empty()) {
    return fail(ErrorCode::kInvalid,
                "it holds no key of RSA (2048 bits or more), EC P-256 or Ed25519 to verify with");
  }
  return set;
}

KeySet::Verdict KeySet::verify(const Jwt& token) const {
  bool known = false;
  for (const Key& each : keys_) {
    if (!token.key_id.empty() && each.id != token.key_id) continue;
    known = true;
    // What the token says of its algorithm must agree with the key: it does not choose how the key
    // is used.
    if (each.key.algorithm() == token.algorithm &&
        each.key.verifies(token.signed_part, token.signature)) {
      return Verdict::kSigned;
    }
  }
  return known ? Verdict::kForged : Verdict::kUnknownKey;
}

Result<Duration> check_claims(const Json& claims, const ClaimRules& rules, WallTime now) {
  using std::chrono::seconds;
  const auto wrong = [](std::string_view what) {
    return fail(ErrorCode::kInvalid, std::string(what));
  };
  if (claims.text("iss").value_or("") != rules.issuer) return wrong("the token has another issuer");
  const auto audiences = claims.texts("aud");
  if (std::ranges::find_first_of(audiences, rules.audiences) == audiences.end()) {
    return wrong("the token is not for this audience");
  }
  const auto leeway = std::chrono::floor<seconds>(rules.leeway).count();
  const std::int64_t at = std::chrono::floor<seconds>(now.time_since_epoch()).count();
  const auto ends = claims.seconds("exp");
  if (!ends) return wrong("the token has no end (exp)");
  if (at >= *ends + leeway) return wrong("the token has expired");
  const auto begins = claims.seconds("nbf");
  const auto issued = claims.seconds("iat");
  if ((claims.has("nbf") && !begins) || (claims.has("iat") && !issued)) {
    return wrong("a date of the token is none");
  }
  if (begins.value_or(at) > at + leeway || issued.value_or(at) > at + leeway) {
    return wrong("the token is not valid yet");
  }
  const std::int64_t born = issued.value_or(begins.value_or(at));
  if (*ends - born > std::chrono::floor<seconds>(rules.longest_life).count()) {
    return wrong("the token lives longer than max_life allows");
  }
  return seconds(*ends + leeway - at);
}

Result<ClaimTemplate> ClaimTemplate::parse(std::string_view text) {
  ClaimTemplate made;
  while (!text.empty()) {
    const std::size_t open = text.find('{');
    std::string before(text.substr(0, open));
    if (before.contains('}')) return fail(ErrorCode::kInvalid, "it has a } without a {");
    if (open == text.npos) {
      made.parts_.emplace_back(std::move(before), "");
      break;
    }
    const std::size_t close = text.find('}', open);
    const std::string_view claim =
        close == text.npos ? "" : text.substr(open + 1, close - open - 1);
    if (claim.empty() || claim.contains('{')) {
      return fail(ErrorCode::kInvalid, "it has a { without the name of a claim and a }");
    }
    made.parts_.emplace_back(std::move(before), claim);
    text.remove_prefix(close + 1);
  }
  return made;
}

std::optional<std::vector<std::string>> ClaimTemplate::fill(const Json& claims,
                                                            std::string_view forbidden) const {
  if (parts_.size() == 1 && parts_.front().first.empty()) {
    std::vector<std::string> filled;
    for (const std::string_view text : claim_texts(claims, parts_.front().second)) {
      if (!is_harmless(text, forbidden)) return std::nullopt;
      filled.emplace_back(text);
    }
    return filled.empty() ? std::nullopt : std::optional(std::move(filled));
  }
  std::string filled;
  for (const auto& [before, claim] : parts_) {
    filled += before;
    if (claim.empty()) continue;
    const auto texts = claim_texts(claims, claim);
    if (texts.size() != 1 || !is_harmless(texts.front(), forbidden)) return std::nullopt;
    filled += texts.front();
  }
  return std::vector{std::move(filled)};
}

}  // namespace sallyport::auth
