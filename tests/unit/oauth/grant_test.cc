// What is asked of a token server, and what its answers mean.
#include "proxy/oauth/grant.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "proxy/http/json.h"
#include "tests/support/certificates.h"

namespace sallyport::oauth {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// A folder with the files of one test.
class Files {
 public:
  Files()
      : folder_(std::filesystem::temp_directory_path() / ("grant-" + std::to_string(::getpid()))) {
    std::filesystem::create_directory(folder_);
  }
  ~Files() { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }

 private:
  const std::filesystem::path folder_;
};

class GrantTest : public testing::Test {
 protected:
  Result<Token> fetch(Grant& grant) { return grant.fetch(); }
  Grant grant(config::OAuth settings) {
    return Grant(std::move(settings), [this](const http::Request& request) {
      asked_ = request;
      return answer_;
    });
  }
  void answer(int status, std::string body) {
    answer_ = http::Response{.status = status, .headers = {}, .body = std::move(body)};
  }
  std::string form() const { return std::string(asked_.body.reveal()); }

  static config::OAuth secret() {
    config::OAuth settings;
    settings.token_url = "https://login.example.com/token";
    settings.scope = "https://outlook.office365.com/.default";
    settings.client_id = "client-1";
    settings.client_secret.text = Secret("s&cret");
    return settings;
  }

  Files files_;
  http::Request asked_;
  Result<http::Response> answer_ =
      http::Response{.status = 200,
                     .headers = {},
                     .body = R"({"token_type":"Bearer","expires_in":3599,"access_token":"tok"})"};
};

TEST_F(GrantTest, ClientCredentialsWithASecret) {
  Grant with_secret = grant(secret());
  const auto token = fetch(with_secret);
  ASSERT_TRUE(token) << token.error().text;
  EXPECT_EQ(token->text.reveal(), "tok");
  EXPECT_EQ(token->lifetime, 3599s);
  EXPECT_EQ(asked_.method, "POST");
  EXPECT_EQ(asked_.url, "https://login.example.com/token");
  EXPECT_EQ(form(),
            "grant_type=client_credentials&client_id=client-1&client_secret=s%26cret&"
            "scope=https%3A%2F%2Foutlook.office365.com%2F.default");
}

TEST_F(GrantTest, AFederatedTokenIsReadEachTime) {
  config::OAuth federated = secret();
  federated.client_secret = {};
  federated.token_file = files_.write("token", "pod.token.1\n");
  Grant pod = grant(federated);
  ASSERT_TRUE(fetch(pod));
  EXPECT_THAT(form(), HasSubstr("client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-"
                                "assertion-type%3Ajwt-bearer&client_assertion=pod.token.1&"));
  files_.write("token", "pod.token.2");
  ASSERT_TRUE(fetch(pod));
  EXPECT_THAT(form(), HasSubstr("client_assertion=pod.token.2&"));
  files_.write("token", "");
  EXPECT_THAT(fetch(pod).error().text, HasSubstr("/token is empty"));
}

TEST_F(GrantTest, ACertificateSignsAnAssertion) {
  const support::TestCa ca;
  const auto identity = ca.issue();
  config::OAuth settings = secret();
  settings.client_secret = {};
  settings.certificate = files_.write("crt", identity.certificate);
  settings.key = files_.write("key", identity.key);
  EXPECT_TRUE(check(settings));
  Grant signing = grant(settings);
  ASSERT_TRUE(fetch(signing));
  EXPECT_THAT(form(), HasSubstr("&client_assertion=eyJ"));
  EXPECT_THAT(form(), Not(HasSubstr("client_secret")));
  files_.write("key", "no key");
  EXPECT_FALSE(check(settings));
}

TEST_F(GrantTest, ARefreshTokenMayBeReplacedByTheServerAndByTheOperator) {
  config::OAuth settings = secret();
  settings.scope = "";
  settings.client_secret = {};
  settings.refresh_token.file = files_.write("refresh", "first\n");
  Grant refreshing = grant(settings);
  answer(200, R"({"access_token":"tok","expires_in":"60","refresh_token":"second"})");
  const auto token = fetch(refreshing);
  ASSERT_TRUE(token) << token.error().text;
  EXPECT_EQ(token->lifetime, 60s);
  EXPECT_EQ(form(), "grant_type=refresh_token&refresh_token=first&client_id=client-1");
  ASSERT_TRUE(fetch(refreshing));
  EXPECT_THAT(form(), HasSubstr("refresh_token=second&"));
  files_.write("refresh", "third");
  ASSERT_TRUE(fetch(refreshing));
  EXPECT_THAT(form(), HasSubstr("refresh_token=third&"));
}

TEST_F(GrantTest, AServiceAccountAsksWhereItsFileSays) {
  const support::TestCa ca;
  const auto identity = ca.issue({.key = support::KeyKind::kRsa});
  const std::string json =
      "{\"client_email\":\"a@b\",\"token_uri\":\"https://google.example.com/t\",\"private_key\":" +
      http::json_quoted(identity.key) + "}";
  config::OAuth settings;
  settings.scope = "https://mail.google.com/";
  settings.subject = "app@example.com";
  settings.service_account = files_.write("account.json", json);
  EXPECT_TRUE(check(settings));
  Grant google = grant(settings);
  ASSERT_TRUE(fetch(google));
  EXPECT_EQ(asked_.url, "https://google.example.com/t");
  EXPECT_THAT(form(), StartsWith("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&"
                                 "assertion=eyJ"));
  EXPECT_THAT(form(), Not(HasSubstr("scope=")));
}

TEST_F(GrantTest, TellsARefusalFromAnOutage) {
  const struct {
    int status;
    std::string body;
    ErrorCode code;
    std::string error;
  } cases[] = {
      {401,
       R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret.\r\nTrace"})",
       ErrorCode::kInvalid,
       "the token server login.example.com: it answered 401 invalid_client: AADSTS7000215: Invalid "
       "client secret.  Trace"},
      {400, "<html>", ErrorCode::kInvalid, "the token server login.example.com: it answered 400"},
      {429, "{}", ErrorCode::kNetwork, "the token server login.example.com: it answered 429"},
      {503, "", ErrorCode::kNetwork, "the token server login.example.com: it answered 503"},
      {302, "", ErrorCode::kProtocol,
       "the token server login.example.com: it answered 302, a redirect, which is not followed"},
      {200, "<html>Sign in</html>", ErrorCode::kProtocol,
       "the token server login.example.com: its answer cannot be read: it is no JSON object"},
      {200, R"({"access_token":"a b"})", ErrorCode::kProtocol,
       "the token server login.example.com: its answer has no access_token that can be used"},
      {200, R"({"token_type":"mac","access_token":"t"})", ErrorCode::kProtocol,
       "the token server login.example.com: its token is of another type: mac"},
  };
  Grant asking = grant(secret());
  for (const auto& c : cases) {
    answer(c.status, c.body);
    const auto token = fetch(asking);
    ASSERT_FALSE(token) << c.status;
    EXPECT_EQ(token.error(), (Error{c.code, c.error}));
  }
  answer_ = fail(ErrorCode::kTimeout, "Connection timed out");
  EXPECT_EQ(
      fetch(asking).error(),
      (Error{ErrorCode::kTimeout, "the token server login.example.com: Connection timed out"}));
}

TEST_F(GrantTest, ALifetimeThatIsNotStatedIsShort) {
  Grant asking = grant(secret());
  answer(200, R"({"access_token":"t"})");
  EXPECT_EQ(fetch(asking)->lifetime, 5min);
  answer(200, R"({"access_token":"t","expires_in":-5})");
  EXPECT_EQ(fetch(asking)->lifetime, 0s);
  answer(200, R"({"access_token":"t","expires_in":99999999999})");
  EXPECT_EQ(fetch(asking)->lifetime, 24h);
}

}  // namespace
}  // namespace sallyport::oauth
