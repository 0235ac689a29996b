// Tokens of others, in every way that they can be wrong.
#include "auth/sources/jwt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/base/crypto/digest.h"
#include "tests/unit/auth/issuer.h"

namespace sallyport::auth {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using Kind = SigningKey::Kind;
using Verdict = KeySet::Verdict;

const SigningKey& rsa() {
  static const SigningKey kKey(Kind::kRsa, "rsa-1");
  return kKey;
}

Verdict verify(const std::string& set, const std::string& token) {
  return KeySet::parse(set).value().verify(parse_jwt(token).value());
}

TEST(Jwt, IsVerifiedByEachAlgorithmThatWeTake) {
  for (const Kind kind : {Kind::kRsa, Kind::kP256, Kind::kEd25519}) {
    const SigningKey key(kind, "one");
    const SigningKey other(kind, "one");
    const std::string token = key.sign(R"({"sub":"app"})");
    EXPECT_EQ(verify(jwks(key.jwk()), token), Verdict::kSigned) << key.algorithm();
    EXPECT_EQ(verify(jwks(other.jwk()), token), Verdict::kForged) << key.algorithm();
    EXPECT_EQ(parse_jwt(token)->claims.text("sub"), "app");
    std::string changed = token;
    changed[changed.find('.') + 3] ^= 1;
    const auto parsed = parse_jwt(changed);
    if (parsed) EXPECT_EQ(KeySet::parse(jwks(key.jwk()))->verify(*parsed), Verdict::kForged);
  }
}

TEST(Jwt, OfNoSignatureOrOneByASharedSecretIsNone) {
  for (const char* algorithm : {"none", "None", "HS256", "HS512", "RS384", "PS256", "ES256K", ""}) {
    const std::string header = R"({"alg":")" + std::string(algorithm) + R"(","kid":"rsa-1"})";
    const auto parsed = parse_jwt(raw_token(header, R"({"sub":"app"})", ""));
    ASSERT_FALSE(parsed) << algorithm;
    EXPECT_THAT(parsed.error().text, HasSubstr("not signed by RS256, ES256 or EdDSA"));
  }
  // The old trick: the public key taken as the secret of an HMAC.
  const std::string header = R"({"alg":"HS256","kid":"rsa-1"})";
  std::string token = raw_token(header, R"({"sub":"app"})", "");
  token.pop_back();
  const auto mac = crypto::hmac_sha256(rsa().public_pem(), token);
  EXPECT_FALSE(parse_jwt(raw_token(header, R"({"sub":"app"})", crypto::as_view(mac))));
}

TEST(Jwt, DoesNotChooseHowAKeyIsUsed) {
  const SigningKey key(Kind::kP256, "one");
  const std::string token = rsa().sign(R"({"sub":"app"})", R"({"alg":"RS256","kid":"one"})");
  EXPECT_EQ(verify(jwks(key.jwk()), token), Verdict::kForged);
  // Nor does it bring keys along, or say where they are.
  const std::string own =
      key.sign(R"({"sub":"app"})",
               R"({"alg":"ES256","kid":"x","jwk":)" + key.jwk() +
                   R"(,"jku":"https://evil.example/keys","x5u":"https://evil.example"})");
  EXPECT_EQ(verify(jwks(rsa().jwk()), own), Verdict::kUnknownKey);
}

TEST(Jwt, KeyIdsAreComparedAndNothingElse) {
  for (const char* id : {"../../../../dev/null", "/etc/passwd", "' OR 1=1 --", "rsa-1\\u0000"}) {
    const std::string header = R"({"alg":"RS256","kid":")" + std::string(id) + "\"}";
    EXPECT_EQ(verify(jwks(rsa().jwk()), rsa().sign("{}", header)), Verdict::kUnknownKey) << id;
  }
  const std::string header = R"({"alg":"RS256","kid":")" + std::string(600, 'k') + "\"}";
  EXPECT_FALSE(parse_jwt(rsa().sign("{}", header)));
}

TEST(Jwt, WithoutAKeyIdMayBeOfAnyKey) {
  const SigningKey key(Kind::kP256, "other");
  const std::string token = rsa().sign("{}", R"({"alg":"RS256"})");
  EXPECT_EQ(verify(jwks(key.jwk(), rsa().jwk()), token), Verdict::kSigned);
  EXPECT_EQ(verify(jwks(key.jwk()), token), Verdict::kForged);
}

TEST(Jwt, ThatIsNoneIsRefusedInWords) {
  const std::string good = rsa().sign("{}");
  for (const std::string& text :
       {std::string(), std::string("a.b.c"), std::string("..."), good + ".more", good.substr(4),
        good + "=", raw_token("{}", "{}", "x"), raw_token("[]", "{}", "x"),
        raw_token(R"({"alg":"RS256"})", "no json", "x"),
        raw_token(R"({"alg":"RS256","crit":["b64"],"b64":false})", "{}", "x"),
        std::string(kMostToken + 1, 'a')}) {
    const auto parsed = parse_jwt(text);
    ASSERT_FALSE(parsed) << text.substr(0, 40);
    EXPECT_FALSE(parsed.error().text.empty());
  }
  EXPECT_TRUE(looks_like_jwt(good));
  for (const char* password : {"correct horse", "eyes.wide", "ey", "SG.abc.def", "a.b.c"}) {
    EXPECT_FALSE(looks_like_jwt(password)) << password;
  }
}

TEST(KeySet, LeavesOutWhatIsOfNoUse) {
  const SigningKey weak(Kind::kRsa1024, "weak");
  const SigningKey good(Kind::kEd25519, "good");
  const auto set = KeySet::parse(
      jwks(weak.jwk(), rsa().jwk(R"(,"use":"enc")"), rsa().jwk(R"(,"alg":"RS512")"),
           R"({"kty":"oct","k":"c2VjcmV0","kid":"secret"})", R"({"kty":"EC","crv":"P-256"})",
           R"({"kty":"RSA","n":"AQAB","e":"AQAB"})", R"("text")", good.jwk(R"(,"use":"sig")")));
  ASSERT_TRUE(set);
  EXPECT_EQ(set->size(), 1u);
  for (const char* text : {"", "[]", "{}", R"({"keys":[]})", R"({"keys":"none"})", "<html>"}) {
    EXPECT_FALSE(KeySet::parse(text)) << text;
  }
}

/// Claims at a moment, with one of them changed.
class Claims : public testing::Test {
 protected:
  static constexpr std::int64_t kNow = 1'800'000'000;

  static std::string told(std::string_view claims) {
    const ClaimRules rules{.issuer = "https://issuer.example",
                           .audiences = {"sallyport", "mail"},
                           .leeway = 30s,
                           .longest_life = 24h};
    const auto life = check_claims(http::Json::parse(claims).value(), rules,
                                   WallTime(std::chrono::seconds(kNow)));
    return life ? std::to_string(std::chrono::duration_cast<std::chrono::seconds>(*life).count())
                : life.error().text;
  }
  /// What is always there, and `more`.
  static std::string with(const std::string& more) {
    return told(R"({"iss":"https://issuer.example","aud":"sallyport",)" + more + "}");
  }
  static std::string at(std::int64_t offset) { return std::to_string(kNow + offset); }
};

TEST_F(Claims, SayHowLongATokenIsGood) {
  EXPECT_EQ(with(R"("exp":)" + at(3600)), "3630");
  EXPECT_EQ(with(R"("exp":)" + at(3600) + ".75"), "3630");
  EXPECT_EQ(with(R"("exp":)" + at(-29)), "1") << "clocks differ";
}

TEST_F(Claims, OfOthersAreRefused) {
  const std::string life = R"(,"exp":)" + at(60) + "}";
  EXPECT_EQ(told(R"({"iss":"https://issuer.example/","aud":"sallyport")" + life),
            "the token has another issuer");
  EXPECT_EQ(told(R"({"aud":"sallyport")" + life), "the token has another issuer");
  const std::string issuer = R"({"iss":"https://issuer.example")";
  EXPECT_EQ(told(issuer + life), "the token is not for this audience");
  EXPECT_EQ(told(issuer + R"(,"aud":"https://kubernetes.default.svc")" + life),
            "the token is not for this audience");
  EXPECT_EQ(told(issuer + R"(,"aud":["vault","mail"])" + life), "90");
  EXPECT_EQ(told(issuer + R"(,"aud":[])" + life), "the token is not for this audience");
  EXPECT_EQ(told(issuer + R"(,"aud":{"sallyport":1})" + life),
            "the token is not for this audience");
}

TEST_F(Claims, OfAnotherTimeAreRefused) {
  EXPECT_EQ(with(R"("exp":)" + at(-30)), "the token has expired");
  EXPECT_EQ(with(R"("exp":"soon")"), "the token has no end (exp)");
  EXPECT_EQ(with(R"("sub":"x")"), "the token has no end (exp)");
  EXPECT_EQ(with(R"("exp":1e300)"), "the token has no end (exp)");
  EXPECT_EQ(with(R"("nbf":)" + at(31) + R"(,"exp":)" + at(60)), "the token is not valid yet");
  EXPECT_EQ(with(R"("iat":)" + at(31) + R"(,"exp":)" + at(60)), "the token is not valid yet");
  EXPECT_EQ(with(R"("nbf":"x","exp":)" + at(60)), "a date of the token is none");
}

TEST_F(Claims, ThatHoldTooLongAreRefused) {
  const std::string words = "the token lives longer than max_life allows";
  EXPECT_EQ(with(R"("exp":)" + at(24 * 3600 + 1)), words);
  EXPECT_EQ(with(R"("iat":)" + at(-3600) + R"(,"exp":)" + at(23 * 3600 + 1)), words);
  EXPECT_EQ(with(R"("iat":)" + at(-3600) + R"(,"exp":)" + at(60)), "90");
}

std::vector<std::string> filled(std::string_view text, std::string_view claims,
                                std::string_view forbidden = {}) {
  const auto made = ClaimTemplate::parse(text);
  if (!made) return {made.error().text};
  return made->fill(http::Json::parse(claims).value(), forbidden)
      .value_or(std::vector<std::string>{"nothing"});
}

TEST(ClaimTemplate, PutsClaimsInTheirPlaces) {
  const char* const claims =
      R"({"sub":"app","roles":["a","b"],"n":5,"kubernetes.io":{"namespace":"shop",
          "serviceaccount":{"name":"till"}},"evil":"a*b","line":"a\nb","blank":" a","empty":""})";
  EXPECT_THAT(filled("{sub}", claims), ElementsAre("app"));
  EXPECT_THAT(filled("x-{sub}-{sub}", claims), ElementsAre("x-app-app"));
  EXPECT_THAT(filled("{kubernetes.io.namespace}/{kubernetes.io.serviceaccount.name}", claims),
              ElementsAre("shop/till"));
  EXPECT_THAT(filled("{roles}", claims), ElementsAre("a", "b"));
  for (const char* text : {"x{roles}", "{n}", "{nobody}", "{line}", "{blank}", "{empty}",
                           "{kubernetes.io.pod.name}", "{kubernetes.io}"}) {
    EXPECT_THAT(filled(text, claims), ElementsAre("nothing")) << text;
  }
  EXPECT_THAT(filled("*@{evil}.example", claims, "*@"), ElementsAre("nothing"));
  EXPECT_THAT(filled("plain", claims), ElementsAre("plain"));
}

TEST(ClaimTemplate, NeedsItsBraces) {
  for (const char* text : {"{", "}", "{}", "a{b", "a}b", "{a{b}}"}) {
    EXPECT_FALSE(ClaimTemplate::parse(text)) << text;
  }
}

}  // namespace
}  // namespace sallyport::auth
