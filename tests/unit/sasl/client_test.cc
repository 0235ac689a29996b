// What each mechanism says, octet by octet; SCRAM and CRAM-MD5 against libgsasl's server.
#include "proxy/sasl/client.h"

#include <gmock/gmock.h>
#include <gsasl.h>
#include <gtest/gtest.h>

#include <string>

namespace sallyport::sasl {
namespace {

using testing::HasSubstr;

const Login kLogin{.authcid = "user@example.com",
                   .secret = Secret("s3cret"),
                   .host = "smtp.example.com",
                   .port = 587};

std::unique_ptr<Client> client(std::string_view mechanism, const Login& login = kLogin) {
  auto made = make_client(mechanism, login);
  EXPECT_TRUE(made) << made.error().text;
  return made ? std::move(*made) : nullptr;
}

std::string said(Client& client, std::string_view challenge = "") {
  const auto response = client.respond(challenge);
  return response ? std::string(response->reveal()) : "error: " + response.error().text;
}

TEST(Client, PlainIsOneMessage) {
  const auto plain = client("PLAIN");
  EXPECT_TRUE(plain->speaks_first());
  EXPECT_EQ(said(*plain), std::string("\0user@example.com\0s3cret", 24));
  EXPECT_TRUE(plain->finish());
  EXPECT_THAT(said(*plain, "more"), HasSubstr("asks for more"));
}

TEST(Client, LoginAnswersTwoPrompts) {
  const auto login = client("LOGIN");
  EXPECT_FALSE(login->speaks_first());
  EXPECT_EQ(said(*login, "Username:"), "user@example.com");
  EXPECT_EQ(said(*login, "what?"), "s3cret");
  EXPECT_THAT(said(*login, "and?"), HasSubstr("asks for more"));
}

TEST(Client, Xoauth2IsAsGoogleAndMicrosoftDocumentIt) {
  const auto bearer = client("XOAUTH2");
  EXPECT_TRUE(bearer->speaks_first());
  EXPECT_EQ(said(*bearer),
            "user=user@example.com\x01"
            "auth=Bearer s3cret\x01\x01");
  EXPECT_EQ(bearer->refusal(), "");
  // A refused token: the reason comes as a challenge, and wants an answer.
  EXPECT_EQ(said(*bearer, "{\"status\":\"401\",\r\n\"schemes\":\"bearer\"}"), "");
  EXPECT_EQ(bearer->refusal(), "{\"status\":\"401\",  \"schemes\":\"bearer\"}");
  EXPECT_THAT(said(*bearer, "again"), HasSubstr("asks for more"));
}

TEST(Client, OauthbearerIsThatOfRfc7628) {
  Login login = kLogin;
  login.authcid = "a=b,c@example.com";
  const auto bearer = client("OAUTHBEARER", login);
  EXPECT_EQ(said(*bearer),
            "n,a=a=3Db=2Cc@example.com,\x01host=smtp.example.com\x01port=587\x01"
            "auth=Bearer s3cret\x01\x01");
  EXPECT_EQ(said(*bearer, "{\"status\":\"invalid_token\"}"), "\x01");
  EXPECT_EQ(bearer->refusal(), "{\"status\":\"invalid_token\"}");
}

TEST(Client, ALongReasonIsCut) {
  const auto bearer = client("XOAUTH2");
  (void)said(*bearer);
  (void)said(*bearer, std::string(5000, 'x'));
  EXPECT_LE(bearer->refusal().size(), 300u);
}

// RFC 2195 section 2.
TEST(Client, CramMd5IsThatOfItsRfc) {
  const auto cram = client("CRAM-MD5", {.authcid = "tim", .secret = Secret("tanstaaftanstaaf")});
  EXPECT_FALSE(cram->speaks_first());
  EXPECT_EQ(said(*cram, "<1896.697170952@postoffice.reston.mci.net>"),
            "tim b913a602c7eda7a495b4e6e7334d3890");
  EXPECT_TRUE(cram->finish());
}

/// A server of SCRAM-SHA-256 that knows one password.
class Server {
 public:
  explicit Server(std::string password) : password_(std::move(password)) {
    EXPECT_EQ(gsasl_init(&library_), GSASL_OK);
    gsasl_callback_set(library_, [](Gsasl*, Gsasl_session* session, Gsasl_property property) {
      const auto* const password = static_cast<const std::string*>(gsasl_session_hook_get(session));
      if (property == GSASL_PASSWORD) {
        gsasl_property_set(session, GSASL_PASSWORD, password->c_str());
        return static_cast<int>(GSASL_OK);
      }
      return static_cast<int>(GSASL_NO_CALLBACK);
    });
    EXPECT_EQ(gsasl_server_start(library_, "SCRAM-SHA-256", &session_), GSASL_OK);
    gsasl_session_hook_set(session_, &password_);
  }
  ~Server() {
    gsasl_finish(session_);
    gsasl_done(library_);
  }

  std::string step(const std::string& response) {
    char* output = nullptr;
    std::size_t size = 0;
    result = gsasl_step(session_, response.data(), response.size(), &output, &size);
    std::string challenge(output == nullptr ? "" : output, output == nullptr ? 0 : size);
    gsasl_free(output);
    return challenge;
  }

  int result = GSASL_NEEDS_MORE;

 private:
  std::string password_;
  Gsasl* library_ = nullptr;
  Gsasl_session* session_ = nullptr;
};

TEST(Client, ScramProvesThePasswordAndHearsAProof) {
  Server server("s3cret");
  const auto scram = client("SCRAM-SHA-256");
  EXPECT_TRUE(scram->speaks_first());
  EXPECT_TRUE(scram->is_slow());
  const std::string first = said(*scram);
  EXPECT_THAT(first, HasSubstr("n,,n=user@example.com,r="));
  const std::string challenge = server.step(first);
  const std::string proof = said(*scram, challenge);
  EXPECT_THAT(proof, HasSubstr(",p="));
  EXPECT_FALSE(scram->finish());  // not before the server has proved itself
  const std::string verifier = server.step(proof);
  EXPECT_EQ(server.result, GSASL_OK);
  EXPECT_EQ(said(*scram, verifier), "");
  EXPECT_TRUE(scram->finish());
}

TEST(Client, ScramRefusesAServerThatDoesNotKnowThePassword) {
  Server server("s3cret");
  const auto scram = client("SCRAM-SHA-256");
  const std::string challenge = server.step(said(*scram));
  (void)said(*scram, challenge);
  EXPECT_THAT(said(*scram, "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
              HasSubstr("error: SASL:"));
  EXPECT_FALSE(scram->finish());
}

TEST(Client, ScramComputesNoMoreThanItsLimit) {
  for (const char* const count : {"", ",i=0", ",i=1000001", ",i=4294967296", ",i=x", ",i=5x"}) {
    const auto scram = client("SCRAM-SHA-256");
    const std::string first = said(*scram);
    const std::string nonce = first.substr(first.find("r=") + 2);
    EXPECT_THAT(said(*scram, "r=" + nonce + "abc,s=QSXCR+Q6sek8bf92" + count),
                HasSubstr("iteration count"))
        << count;
  }
}

TEST(Client, RefusesWhatAMechanismCannotCarry) {
  Login login = kLogin;
  login.authcid = std::string("a\0b", 3);
  for (const char* const mechanism : {"PLAIN", "LOGIN", "SCRAM-SHA-256", "CRAM-MD5", "XOAUTH2"}) {
    EXPECT_FALSE(make_client(mechanism, login)) << mechanism;
  }
  login = kLogin;
  login.secret = Secret(
      "tok\x01"
      "en");
  EXPECT_FALSE(make_client("OAUTHBEARER", login));
  EXPECT_FALSE(make_client("NTLM", kLogin));
}

}  // namespace
}  // namespace sallyport::sasl
