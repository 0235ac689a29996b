// The tokens that we sign, as the other side reads them.
#include "proxy/oauth/assertion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/digest.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>

#include "proxy/base/base64.h"
#include "proxy/base/crypto/digest.h"
#include "proxy/base/crypto/signature.h"
#include "proxy/http/json.h"
#include "tests/support/certificates.h"

namespace sallyport::oauth {
namespace {

using support::KeyKind;

std::string decoded(std::string text) {
  std::ranges::replace(text, '-', '+');
  std::ranges::replace(text, '_', '/');
  text.resize((text.size() + 3) / 4 * 4, '=');
  return base64::decode(text).value_or("no base64");
}

/// The three parts of a signed token, decoded.
struct Parts {
  explicit Parts(std::string_view token)
      : signed_part(token.substr(0, token.rfind('.'))),
        header(decoded(std::string(token.substr(0, token.find('.'))))),
        claims(decoded(std::string(signed_part.substr(signed_part.find('.') + 1)))),
        signature(decoded(std::string(token.substr(token.rfind('.') + 1)))) {}
  std::string_view signed_part;
  std::string header;
  std::string claims;
  std::string signature;
};

bssl::UniquePtr<EVP_PKEY> key_of(const std::string& pem) {
  const bssl::UniquePtr<BIO> reader(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return bssl::UniquePtr<EVP_PKEY>(
      PEM_read_bio_PrivateKey(reader.get(), nullptr, nullptr, nullptr));
}

bool verifies(const Parts& parts, const std::string& key_pem, bool pss) {
  const auto key = key_of(key_pem);
  std::string signature = parts.signature;
  if (EVP_PKEY_id(key.get()) == EVP_PKEY_EC) {
    if (signature.size() != 64) return false;
    const auto* const halves = reinterpret_cast<const std::uint8_t*>(signature.data());
    const bssl::UniquePtr<ECDSA_SIG> flat(ECDSA_SIG_new());
    ECDSA_SIG_set0(flat.get(), BN_bin2bn(halves, 32, nullptr), BN_bin2bn(halves + 32, 32, nullptr));
    std::uint8_t* der = nullptr;
    std::size_t size = 0;
    ECDSA_SIG_to_bytes(&der, &size, flat.get());
    signature.assign(reinterpret_cast<char*>(der), size);
    OPENSSL_free(der);
  }
  bssl::ScopedEVP_MD_CTX context;
  EVP_PKEY_CTX* parameters = nullptr;
  EVP_DigestVerifyInit(context.get(), &parameters, EVP_sha256(), nullptr, key.get());
  if (pss) {
    EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, -1);
  }
  return EVP_DigestVerify(context.get(), reinterpret_cast<const std::uint8_t*>(signature.data()),
                          signature.size(),
                          reinterpret_cast<const std::uint8_t*>(parts.signed_part.data()),
                          parts.signed_part.size()) == 1;
}

const WallTime kNow{std::chrono::seconds(1'800'000'000)};

TEST(Assertion, OfAClientIsSignedWithTheKeyOfItsCertificate) {
  const support::TestCa ca;
  for (const KeyKind kind : {KeyKind::kRsa, KeyKind::kEcdsa}) {
    const auto identity = ca.issue({.key = kind});
    const auto token = client_assertion(identity.certificate, identity.key, "client\"1",
                                        "https://login.example.com/token", kNow);
    ASSERT_TRUE(token) << token.error().text;
    const Parts parts(token->reveal());
    EXPECT_TRUE(verifies(parts, identity.key, kind == KeyKind::kRsa));
    const auto header = http::Json::parse(parts.header).value();
    EXPECT_EQ(header.text("alg"), kind == KeyKind::kRsa ? "PS256" : "ES256");
    EXPECT_EQ(header.text("typ"), "JWT");
    const auto thumbprint = crypto::certificate_thumbprint(identity.certificate).value();
    EXPECT_EQ(header.text("x5t#S256"), base64::encode_url(thumbprint));
    const auto claims = http::Json::parse(parts.claims).value();
    EXPECT_EQ(claims.text("aud"), "https://login.example.com/token");
    EXPECT_EQ(claims.text("iss"), "client\"1");
    EXPECT_EQ(claims.text("sub"), "client\"1");
    EXPECT_EQ(claims.integer("nbf"), 1'800'000'000);
    EXPECT_EQ(claims.integer("exp"), 1'800'000'300);
    EXPECT_EQ(claims.text("jti").value_or("").size(), 32u);
  }
}

TEST(Assertion, SaysWhichPartIsOfNoUse) {
  const support::TestCa ca;
  const auto identity = ca.issue();
  const auto error = [&](const std::string& certificate, const std::string& key) {
    const auto made = client_assertion(certificate, key, "c", "https://t", kNow);
    return made ? "" : made.error().text;
  };
  EXPECT_EQ(error("x", identity.key), "certificate: there is no certificate in PEM in it");
  const std::string needed =
      "key: an unencrypted private key in PEM is needed: RSA with 2048 bits or more, or ECDSA "
      "P-256";
  EXPECT_EQ(error(identity.certificate, "x"), needed);
  EXPECT_EQ(error(identity.certificate, ca.issue({.key = KeyKind::kRsa1024}).key), needed);
}

std::string json_file(const std::string& key) {
  return "{\"type\":\"service_account\",\"client_email\":\"mail@project.iam.gserviceaccount.com\","
         "\"private_key_id\":\"k1\",\"private_key\":" +
         http::json_quoted(key) + "}";
}

TEST(Assertion, OfAServiceAccountActsForAMailbox) {
  const support::TestCa ca;
  const auto identity = ca.issue({.key = KeyKind::kRsa});
  const auto account = parse_service_account(json_file(identity.key));
  ASSERT_TRUE(account) << account.error().text;
  EXPECT_EQ(account->token_url, "https://oauth2.googleapis.com/token");
  const auto token = service_account_assertion(
      *account, "app@example.com", "https://mail.google.com/", account->token_url, kNow);
  ASSERT_TRUE(token) << token.error().text;
  const Parts parts(token->reveal());
  EXPECT_TRUE(verifies(parts, identity.key, false));
  EXPECT_EQ(parts.header, R"({"alg":"RS256","typ":"JWT","kid":"k1"})");
  const auto claims = http::Json::parse(parts.claims).value();
  EXPECT_EQ(claims.text("iss"), "mail@project.iam.gserviceaccount.com");
  EXPECT_EQ(claims.text("sub"), "app@example.com");
  EXPECT_EQ(claims.text("scope"), "https://mail.google.com/");
  EXPECT_EQ(claims.text("aud"), "https://oauth2.googleapis.com/token");
  EXPECT_EQ(claims.integer("exp"), 1'800'003'600);
}

TEST(Assertion, AFileThatIsNoKeyOfAServiceAccountIsNamed) {
  EXPECT_EQ(parse_service_account("x").error().text, "it is no JSON object");
  EXPECT_EQ(
      parse_service_account("{\"type\":\"authorized_user\"}").error().text,
      "it has no client_email or no private_key: the JSON key of a service account is needed");
  EXPECT_THAT(parse_service_account(json_file("x")).error().text,
              testing::StartsWith("private_key: an unencrypted private key"));
}

}  // namespace
}  // namespace sallyport::oauth
