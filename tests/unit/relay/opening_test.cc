// From nothing to a connection that is ready for mail.
#include "proxy/relay/opening.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "proxy/base/base64.h"
#include "tests/unit/relay/scripts.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kGreeting = "U: 220 up.example\n";

std::string transaction() { return scripts::Upstream{}.transaction(); }

/// Delivers one message to an upstream that plays `script`.
Delivery deliver(config::Upstream upstream, const std::string& script) {
  World world({std::move(upstream)});
  world.host("a").scripts = {script};
  return world.deliver(world.message());
}

TEST(Opening, StarttlsForgetsWhatWasSaidInClear) {
  config::Upstream with_starttls = upstream("a");
  with_starttls.tls = config::TlsMode::kStarttls;
  World world({with_starttls});
  // In clear it offers neither AUTH nor SIZE nor PIPELINING, and must not be believed about more.
  world.host("a").scripts = {
      kGreeting +
      "P: EHLO gw.example\nU: 250-up.example\nU: 250-CHUNKING\nU: 250 STARTTLS\n"
      "P: STARTTLS\nU: 220 Go ahead\n" +
      scripts::Upstream{}.ehlo() + "P: AUTH PLAIN *\nU: 235 2.7.0 Welcome\n" + transaction()};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  EXPECT_EQ(world.host("a").secured, 1);
}

TEST(Opening, NeverSaysAPasswordInClear) {
  config::Upstream with_starttls = upstream("a");
  with_starttls.tls = config::TlsMode::kStarttls;
  const char* const scripts[] = {
      // not offered, as by someone in the middle
      "P: EHLO gw.example\nU: 250-up.example\nU: 250 AUTH PLAIN LOGIN\n",
      "P: EHLO gw.example\nU: 250-up.example\nU: 250 STARTTLS\nP: STARTTLS\nU: 454 4.7.0 No\n",
      "P: EHLO gw.example\nU: 250-up.example\nU: 250 STARTTLS\nP: STARTTLS\nU: 502 5.5.1 What\n",
      // said in clear, to be taken for said in TLS (CVE-2011-0411, the client's side)
      ("P: EHLO gw.example\nU: 250-up.example\nU: 250 STARTTLS\nP: STARTTLS\n"
       "U: 220 Go ahead\nU: 250 AUTH PLAIN\n"),
  };
  for (const char* const script : scripts) {
    SCOPED_TRACE(script);
    const Delivery delivery = deliver(with_starttls, kGreeting + script);
    EXPECT_EQ(delivery.outcome, Outcome::kDeferred);
    EXPECT_THAT(delivery.reply.wire(), StartsWith("451 4.4."));
  }
}

TEST(Opening, ChoosesAMechanismTheUpstreamOffers) {
  const char* const ways[] = {
      "U: 250 AUTH PLAIN\nP: AUTH PLAIN AHVzZXIAc2VjcmV0\nU: 235 ok\n",
      "U: 250 AUTH LOGIN PLAIN\nP: AUTH PLAIN AHVzZXIAc2VjcmV0\nU: 235 ok\n",
      ("U: 250 AUTH=LOGIN\nP: AUTH LOGIN\nU: 334 VXNlcm5hbWU6\nP: dXNlcg==\n"
       "U: 334 UGFzc3dvcmQ6\nP: c2VjcmV0\nU: 235 ok\n"),
  };
  const scripts::Upstream plain{.pipelining = false, .size = false, .eight_bit = false};
  for (const char* const way : ways) {
    SCOPED_TRACE(way);
    const Delivery delivery =
        deliver(upstream("a"),
                kGreeting + "P: EHLO gw.example\nU: 250-up.example\n" + way + plain.transaction());
    EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
  }
}

/// An upstream that wants its login by this mechanism, which it says as `words` tell.
Delivery deliver_by(config::Upstream upstream, const std::string& offers,
                    const std::string& words) {
  const scripts::Upstream plain{.pipelining = false, .size = false, .eight_bit = false};
  return deliver(std::move(upstream), kGreeting +
                                          "P: EHLO gw.example\nU: 250-up.example\nU: 250 AUTH " +
                                          offers + "\n" + words + plain.transaction());
}

TEST(Opening, AMechanismThatIsRefusedAsSuchIsNotTheLast) {
  // RFC 2195: CRAM-MD5 of "user" and "secret".
  const std::string cram =
      "P: AUTH CRAM-MD5\nU: 334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\n"
      "P: dXNlciA*\nU: 235 ok\n";
  for (const char* const no : {"504 5.5.4 Unrecognized", "534 5.7.9 Too weak", "535 5.5.4 No"}) {
    SCOPED_TRACE(no);
    const std::string refused = "U: " + std::string(no) + "\n";
    EXPECT_EQ(deliver_by(upstream("a"), "CRAM-MD5 PLAIN LOGIN",
                         "P: AUTH PLAIN *\n" + refused + "P: AUTH LOGIN\n" + refused + cram)
                  .outcome,
              Outcome::kDelivered);
  }
}

TEST(Opening, TheMechanismsOfTheConfigurationAreTheOnlyOnes) {
  config::Upstream restricted = upstream("a");
  restricted.auth_mechanisms = {"LOGIN", "PLAIN"};
  EXPECT_EQ(deliver_by(restricted, "PLAIN LOGIN",
                       "P: AUTH LOGIN\nU: 334 x\nP: dXNlcg==\nU: 334 y\nP: c2VjcmV0\nU: 235 ok\n")
                .outcome,
            Outcome::kDelivered);
  restricted.auth_mechanisms = {"SCRAM-SHA-256"};
  World world({restricted});
  world.host("a").scripts = {kGreeting +
                             "P: EHLO gw.example\nU: 250-up.example\nU: 250 AUTH PLAIN LOGIN\n"};
  EXPECT_THAT(world.deliver(world.message()).reply.wire(), StartsWith("451 4.7.0 "));
  world.finish();
  EXPECT_THAT(world.log(), HasSubstr("the upstream offers none of AUTH SCRAM-SHA-256"));
}

TEST(Opening, InClearThePasswordIsShownLast) {
  config::Upstream in_clear = upstream("a");
  in_clear.tls = config::TlsMode::kNone;
  EXPECT_EQ(deliver_by(in_clear, "PLAIN LOGIN CRAM-MD5",
                       "P: AUTH CRAM-MD5\nU: 334 PDFAeD4=\nP: dXNlciA*\nU: 235 ok\n")
                .outcome,
            Outcome::kDelivered);
}

TEST(Opening, ScramIsGivenUpWhereTheServerMakesNoSense) {
  config::Upstream scram = upstream("a");
  scram.auth_mechanisms = {"SCRAM-SHA-256"};
  const char* const ways[] = {
      "U: 334 ???\nP: *\nU: 501 ok\n",            // no base64
      "U: 334 cj1hYmM=\nP: *\nU: 501 ok\n",       // no salt, no iterations
      "U: 235 2.7.0 Welcome, whoever you are\n",  // without a proof
  };
  for (const char* const way : ways) {
    SCOPED_TRACE(way);
    World world({scram});
    world.host("a").scripts = {kGreeting +
                               "P: EHLO gw.example\nU: 250-up.example\n"
                               "U: 250 AUTH SCRAM-SHA-256\nP: AUTH SCRAM-SHA-256 biws*\n" +
                               way};
    const Delivery delivery = world.deliver(world.message());
    EXPECT_EQ(delivery.outcome, Outcome::kDeferred);
    EXPECT_THAT(delivery.reply.wire(), StartsWith("451 4."));
  }
}

TEST(Opening, AnAccessTokenGoesByXoauth2AndItsRefusalIsRead) {
  config::Upstream bearer = upstream("a");
  bearer.auth_mechanisms = {"XOAUTH2", "OAUTHBEARER"};
  // "user=user^Aauth=Bearer secret^A^A"
  EXPECT_EQ(deliver_by(bearer, "LOGIN XOAUTH2",
                       "P: AUTH XOAUTH2 dXNlcj11c2VyAWF1dGg9QmVhcmVyIHNlY3JldAEB\nU: 235 ok\n")
                .outcome,
            Outcome::kDelivered);
  World world({bearer});
  world.host("a").scripts = {kGreeting +
                             "P: EHLO gw.example\nU: 250-up.example\nU: 250 AUTH XOAUTH2\n"
                             "P: AUTH XOAUTH2 *\nU: 334 " +
                             base64::encode(R"({"status":"401","schemes":"bearer"})") +
                             "\nP: \nU: 535 5.7.8 Username and Password not accepted\n"};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDeferred);
  world.finish();
  EXPECT_THAT(world.log(), HasSubstr("535 5.7.8 Username and Password not accepted"));
}

/// A file with a password that a test may change.
class PasswordFile {
 public:
  explicit PasswordFile(const std::string& password)
      : path_(std::filesystem::temp_directory_path() / ("password-" + std::to_string(::getpid()))) {
    write(password);
  }
  ~PasswordFile() { std::filesystem::remove(path_); }
  void write(const std::string& password) const { std::ofstream(path_) << password << '\n'; }
  std::string path() const { return path_; }

 private:
  const std::filesystem::path path_;
};

std::string plain_login(const std::string& password) {
  return "P: AUTH PLAIN " + base64::encode('\0' + std::string("user") + '\0' + password) + "\n";
}

const std::string kToAuth =
    kGreeting + "P: EHLO gw.example\nU: 250-up.example\nU: 250 AUTH PLAIN\n";
const std::string kNoLogin = "U: 535 5.7.8 No\n";

TEST(Opening, APasswordFileThatWasReplacedIsReadWhenTheLoginIsRefused) {
  const PasswordFile file("new");
  config::Upstream from_file = upstream("a");
  from_file.password_file = file.path();
  const scripts::Upstream plain{.pipelining = false, .size = false, .eight_bit = false};
  World world({from_file});
  world.host("a").scripts = {kToAuth + plain_login("secret") + kNoLogin + plain_login("new") +
                                 "U: 235 ok\n" + plain.transaction() + "U! close\n",
                             // and is what the next connection begins with
                             kToAuth + plain_login("new") + "U: 235 ok\n" + plain.transaction()};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  world.pass(1s);
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  EXPECT_EQ(world.metrics.for_upstream("a").auth_failures.value(), 0u);
}

TEST(Opening, AnUpstreamThatTakesOneLoginAConnectionIsConnectedAgain) {
  const PasswordFile file("new");
  config::Upstream from_file = upstream("a");
  from_file.password_file = file.path();
  const scripts::Upstream plain{.pipelining = false, .size = false, .eight_bit = false};
  World world({from_file});
  world.host("a").scripts = {kToAuth + plain_login("secret") + kNoLogin + "U! close\n",
                             kToAuth + plain_login("new") + "U: 235 ok\n" + plain.transaction()};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  EXPECT_EQ(world.host("a").dials, 2);
}

TEST(Opening, APasswordFileThatSaysTheSameIsNotTriedAgain) {
  const PasswordFile file("secret");
  config::Upstream from_file = upstream("a");
  from_file.password_file = file.path();
  World world({from_file});
  world.host("a").scripts = {kToAuth + plain_login("secret") + kNoLogin};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDeferred);
  EXPECT_EQ(world.metrics.for_upstream("a").auth_failures.value(), 1u);
}

TEST(Opening, ALongPasswordGoesAfterAPrompt) {
  config::Upstream with_token = upstream("a");
  const std::string token(400, 't');
  with_token.password = Secret(token);
  std::string credentials = '\0' + std::string("user") + '\0' + token;
  const scripts::Upstream plain{.pipelining = false, .size = false, .eight_bit = false};
  EXPECT_EQ(
      deliver(with_token, kGreeting +
                              "P: EHLO gw.example\nU: 250-up.example\nU: 250 AUTH PLAIN\n"
                              "P: AUTH PLAIN\nU: 334 \nP: " +
                              base64::encode(credentials) + "\nU: 235 ok\n" + plain.transaction())
          .outcome,
      Outcome::kDelivered);
}

TEST(Opening, AnUpstreamThatDoesNotKnowUsIsTheOperatorsFault) {
  const char* const refusals[] = {
      "U: 250 AUTH PLAIN\nP: AUTH PLAIN *\nU: 535 5.7.8 Authentication credentials invalid\n",
      "U: 250 AUTH PLAIN\nP: AUTH PLAIN *\nU: 534 5.7.9 Too weak\n",
      "U: 250 AUTH PLAIN\nP: AUTH PLAIN *\nU: 550 Go away\n",
      "U: 250 AUTH LOGIN\nP: AUTH LOGIN\nU: 504 5.5.4 No\n",
      "U: 250 AUTH LOGIN\nP: AUTH LOGIN\nU: 334 x\nP: dXNlcg==\nU: 535 Who?\n",
      "U: 250 AUTH DIGEST-MD5\n",
      "U: 250 SIZE\n",
  };
  for (const char* const refusal : refusals) {
    SCOPED_TRACE(refusal);
    World world({upstream("a")});
    world.host("a").scripts = {kGreeting + "P: EHLO gw.example\nU: 250-up.example\n" + refusal};
    const Delivery delivery = world.deliver(world.message());
    EXPECT_EQ(delivery.outcome, Outcome::kDeferred);
    EXPECT_THAT(delivery.reply.wire(), StartsWith("451 4.7.0 "));
    EXPECT_EQ(world.metrics.for_upstream("a").auth_failures.value(), 1u);
    world.finish();
    const std::string log = world.log();
    EXPECT_THAT(log, HasSubstr("level=error event=upstream_login_refused upstream=a"));
    EXPECT_THAT(log, Not(HasSubstr("secret")));
    EXPECT_THAT(log, Not(HasSubstr("c2VjcmV0")));
  }
}

TEST(Opening, AnAccountThatIsSuspendedIsNotAWrongPassword) {
  World world({upstream("a")});
  world.host("a").scripts = {kGreeting +
                             "P: EHLO gw.example\nU: 250-up.example\nU: 250 AUTH PLAIN\n"
                             "P: AUTH PLAIN *\nU: 550 Account suspended\n"};
  const Delivery delivery = world.deliver(world.message());
  EXPECT_EQ(delivery.outcome, Outcome::kDeferred);
  EXPECT_THAT(delivery.reply.wire(), StartsWith("451 4.7.0 "));
  EXPECT_EQ(world.metrics.for_upstream("a").auth_failures.value(), 0u);
  EXPECT_EQ(world.metrics.for_upstream("a").account_failures.value(), 1u);
  world.finish();
  EXPECT_THAT(world.log(), HasSubstr("level=error event=upstream_account_refused upstream=a"));
}

TEST(Opening, TheOperatorIsToldOnceAMinute) {
  World world({upstream("a")});
  const std::string refusal =
      kGreeting +
      "P: EHLO gw.example\nU: 250-up\nU: 250 AUTH PLAIN\nP: AUTH PLAIN *\nU: 535 5.7.8 No\n";
  for (int i = 0; i < 4; ++i) world.host("a").scripts.push_back(refusal);
  for (int i = 0; i < 3; ++i) (void)world.deliver(world.message());
  world.pass(61s);
  (void)world.deliver(world.message());
  EXPECT_EQ(world.metrics.for_upstream("a").auth_failures.value(), 4u);
  world.finish();
  const std::string log = world.log();
  EXPECT_THAT(log, HasSubstr("suppressed=0\n"));
  EXPECT_THAT(log, HasSubstr("suppressed=2\n"));
}

TEST(Opening, AQuotaAndATemporaryFaultAtAuthAreNotTheOperators) {
  const struct {
    const char* provider;
    const char* reply;
    const char* heard;
  } cases[] = {
      {"sendgrid", "451 Authentication failed: Maximum credits exceeded", "451 4.4.5 "},
      {"ses", "454 Temporary authentication failure", "451 4.4.0 "},
      {"ses", "421 Too many concurrent SMTP connections", "451 4.4.5 "},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.reply);
    config::Upstream provider = upstream("a");
    provider.provider = config::built_in_provider(c.provider);
    World world({provider});
    world.host("a").scripts = {
        kGreeting +
        "P: EHLO gw.example\nU: 250-up\nU: 250 AUTH PLAIN\nP: AUTH PLAIN *\nU: " + c.reply + "\n"};
    EXPECT_THAT(world.deliver(world.message()).reply.wire(), StartsWith(c.heard));
    EXPECT_EQ(world.metrics.for_upstream("a").auth_failures.value(), 0u);
  }
}

TEST(Opening, HeloIsForUpstreamsFromWhichNothingIsNeeded) {
  config::Upstream old = upstream("a");
  old.tls = config::TlsMode::kNone;
  old.username.clear();
  const scripts::Upstream plain{.pipelining = false, .size = false, .eight_bit = false};
  EXPECT_EQ(deliver(old, kGreeting +
                             "P: EHLO gw.example\nU: 502 5.5.1 What?\n"
                             "P: HELO gw.example\nU: 250-up.example\nU: 250 SIZE 10\n" +
                             plain.transaction())
                .outcome,
            Outcome::kDelivered);
}

TEST(Opening, AllOfItHasConnectTimeout) {
  config::Upstream slow = upstream("a");
  slow.connect_timeout = 30s;
  World world({slow});
  world.host("a").scripts = {
      "U! wait 20s\nU: 220 up.example\nP: EHLO gw.example\nU! wait 20s\nU: 250 AUTH PLAIN\n"};
  const TimePoint begun = world.loop.now();
  const Delivery delivery = world.deliver(world.message());
  EXPECT_EQ(world.loop.now() - begun, 30s);
  EXPECT_THAT(delivery.upstream_reply, StartsWith("EHLO: "));
}

TEST(Opening, RepliesMayComeInAnySplit) {
  World world({upstream("a")});
  world.host("a").stream.piece = 1;
  const scripts::Upstream good;
  world.host("a").scripts = {good.opening() + good.transaction() + good.transaction()};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
}

}  // namespace
}  // namespace sallyport::relay
