// SCRAM as a server, against libgsasl's own client: right and wrong passwords, and the binding of
// the channel, which somebody between the two may have tampered with.
#include "proxy/sasl/scram_server.h"

#include <gsasl.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "proxy/base/base64.h"
#include "proxy/sasl/library.h"

namespace sallyport::sasl {
namespace {

constexpr const char* kPlain = "SCRAM-SHA-256";
constexpr const char* kPlus = "SCRAM-SHA-256-PLUS";

/// libgsasl's client.
class Client {
 public:
  Client(const char* mechanism, const std::string& name, const std::string& password,
         const std::string& binding = "") {
    Gsasl* library = nullptr;
    gsasl_init(&library);
    library_.reset(library);
    Gsasl_session* session = nullptr;
    EXPECT_EQ(gsasl_client_start(library, mechanism, &session), GSASL_OK);
    session_.reset(session);
    (void)gsasl_property_set(session, GSASL_AUTHID, name.c_str());
    (void)gsasl_property_set(session, GSASL_PASSWORD, password.c_str());
    if (!binding.empty()) {
      (void)gsasl_property_set(session, GSASL_CB_TLS_EXPORTER, base64::encode(binding).c_str());
    }
  }

  std::string say(const std::string& challenge) {
    char* output = nullptr;
    std::size_t size = 0;
    code = gsasl_step(session_.get(), challenge.data(), challenge.size(), &output, &size);
    std::string said(output == nullptr ? "" : output, size);
    gsasl_free(output);
    return said;
  }

  int code = GSASL_OK;

 private:
  Library library_;
  LibrarySession session_;
};

ScramKeys keys_of(const std::string& password) { return *make_scram_keys(Secret(password), 4096); }

/// What became of a login: "done", or the error of the server.
std::string login(Client& client, const ScramKeys& keys, const char* mechanism = kPlain,
                  const std::string& binding = "") {
  const auto server = ScramServer::make(
      mechanism,
      [&](std::string_view authcid) {
        EXPECT_EQ(authcid, "tim,=");
        return keys;
      },
      binding);
  EXPECT_TRUE(server);
  std::string challenge;
  for (int i = 0; i < 2; ++i) {
    const auto said = (*server)->respond(client.say(challenge));
    if (!said) return std::string(name(said.error().code));
    challenge = *said;
  }
  EXPECT_TRUE((*server)->is_done());
  EXPECT_EQ((*server)->authcid(), "tim,=");
  EXPECT_EQ((*server)->authzid(), "");
  (void)client.say(challenge);
  EXPECT_EQ(client.code, GSASL_OK) << "the server proved that it knows the password";
  EXPECT_EQ((*server)->respond("").error().code, ErrorCode::kProtocol);
  return "done";
}

TEST(ScramServer, LetsInWhoKnowsThePassword) {
  Client right(kPlain, "tim,=", "tanstaaf");
  EXPECT_EQ(login(right, keys_of("tanstaaf")), "done");
  Client wrong(kPlain, "tim,=", "guess");
  EXPECT_EQ(login(wrong, keys_of("tanstaaf")), "invalid");
}

TEST(ScramServer, PasswordsArePreparedOnBothSides) {
  // U+00AA is "a", U+00AD nothing (RFC 4013 section 3).
  Client client(kPlain, "tim,=", "p\xc2\xaass");
  EXPECT_EQ(login(client, keys_of("pa\xc2\xadss")), "done");
  EXPECT_FALSE(make_scram_keys(Secret("bell\x07"), 4096));
}

TEST(ScramServer, BindsTheChannel) {
  const std::string binding(32, 'b');
  Client bound(kPlus, "tim,=", "tanstaaf", binding);
  EXPECT_EQ(login(bound, keys_of("tanstaaf"), kPlus, binding), "done");
  Client elsewhere(kPlus, "tim,=", "tanstaaf", std::string(32, 'x'));
  EXPECT_NE(login(elsewhere, keys_of("tanstaaf"), kPlus, binding), "done");
  Client unbound(kPlain, "tim,=", "tanstaaf");
  EXPECT_EQ(login(unbound, keys_of("tanstaaf"), kPlain, binding), "done") << "it can't: \"n\"";
}

/// Feeds a server; the error, if there is one.
ErrorCode error_of(const std::string& message, const std::string& binding = "",
                   const char* mechanism = kPlain) {
  const auto server =
      ScramServer::make(mechanism, [](std::string_view) { return keys_of("x"); }, binding);
  const auto said = (*server)->respond(message);
  return said ? ErrorCode::kSystem : said.error().code;
}

TEST(ScramServer, RefusesWhoWasToldThatPlusIsNotOffered) {
  const std::string y = "y,,n=tim,r=abcdefgh";
  EXPECT_EQ(error_of(y), ErrorCode::kSystem) << "nor is it";
  EXPECT_NE(error_of(y, std::string(32, 'b')), ErrorCode::kSystem) << "somebody took it out";
}

TEST(ScramServer, RefusesWhatIsNoMessage) {
  for (const char* message :
       {"n", "n,,", "n,,n=,r=x", "n,,r=x,n=tim", "n,,m=x,n=tim,r=x", "\xff\xfe"}) {
    EXPECT_NE(error_of(message), ErrorCode::kSystem) << message;
  }
}

TEST(ScramServer, HasTwoMechanisms) {
  EXPECT_FALSE(ScramServer::make("SCRAM-SHA-512", nullptr, ""));
}

}  // namespace
}  // namespace sallyport::sasl
