#include "proxy/config/load.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/fake_outside.h"

namespace sallyport::config {
namespace {

constexpr std::string_view kText =
    "[[upstream]]\nname = 'a'\nprovider = 'sendgrid'\npassword = 'p'";

using namespace std::chrono_literals;
using testing::ElementsAre;

std::vector<std::string> texts(const std::vector<AddressPattern>& patterns) {
  std::vector<std::string> texts;
  texts.reserve(patterns.size());
  for (const AddressPattern& pattern : patterns) texts.push_back(pattern.text());
  return texts;
}

/// example.toml is the config of the plan of this program, word for word (but for the hash it
/// elides).
class Example : public testing::Test {
 protected:
  void SetUp() override {
    const std::string path = SALLYPORT_SOURCE_DIR "/tests/unit/config/example.toml";
    const auto text = Outside::real().read_file(path);
    ASSERT_TRUE(text);
    const FakeOutside fake{.files = {{"/etc/sallyport/tls/tls.crt", "certificate"},
                                     {"/etc/sallyport/tls/tls.key", "key"},
                                     {"/etc/ssl/internal-ca.pem", "roots"},
                                     {"/run/secrets/ses-smtp-password", "of ses\n"},
                                     {"/run/secrets/smarthost", "of smarthost\r\n"}},
                           .variables = {{"MAILGUN_PASSWORD", "of mailgun"}},
                           .host_name = std::nullopt};
    auto config = parse(*text, path, fake.outside());
    if (!config) {
      for (const Problem& problem : config.error()) ADD_FAILURE() << problem.str();
      FAIL();
    }
    config_ = std::move(*config);
  }

  Config config_;
};

TEST_F(Example, Listens) {
  EXPECT_EQ(config_.hostname, "mail.example.com");
  EXPECT_THAT(config_.listeners,
              ElementsAre(Listener{.address = {"::", 465}, .tls = TlsMode::kImplicit},
                          Listener{.address = {"::", 587}, .tls = TlsMode::kStarttls},
                          Listener{.address = {"::", 2525}, .tls = TlsMode::kStarttls}));
  EXPECT_EQ(config_.tls.fallback.certificate, "/etc/sallyport/tls/tls.crt");
  EXPECT_EQ(config_.tls.fallback.key, "/etc/sallyport/tls/tls.key");
  EXPECT_EQ(config_.admin, (Endpoint{"127.0.0.1", 9465}));
}

TEST(Load, KnowsWhatAListenerDoesNotOffer) {
  const Config config = accepted(
      "[[listener]]\naddress = '127.0.0.1:25'\ntls = 'none'\n"
      "disabled_extensions = ['Chunking', 'dsn', 'MT-PRIORITY']\n");
  EXPECT_THAT(config.listeners.front().disabled_extensions,
              ElementsAre("CHUNKING", "DSN", "MT-PRIORITY"));
}

TEST(Load, ReadsWhatAListenerDoesToHeaders) {
  const Config config = accepted(
      "[[listener]]\naddress = '127.0.0.1:25'\ntls = 'none'\ncompat = true\n[listener.header]\n"
      "remove = ['X-Originating-IP', 'Received']\nadd = { X-B = 'b', \"X-A\" = 'a c' }\n"
      "message_id_domain = 'example.com'\nhide_client = true\n"
      "[[listener]]\naddress = '127.0.0.1:26'\ntls = 'none'\n"
      "[message]\nmax_header_size = '32 KiB'");
  ASSERT_EQ(config.listeners.size(), 2u);
  EXPECT_TRUE(config.listeners[0].compat);
  EXPECT_EQ(config.listeners[0].header, (HeaderRules{.remove = {"X-Originating-IP", "Received"},
                                                     .add = {{"X-B", "b"}, {"X-A", "a c"}},
                                                     .message_id_domain = "example.com",
                                                     .hide_client = true}));
  EXPECT_FALSE(config.listeners[1].compat);
  EXPECT_EQ(config.listeners[1].header, HeaderRules());
  EXPECT_EQ(config.message.max_header_size, 32u << 10);
}

TEST_F(Example, KnowsItsUsers) {
  EXPECT_THAT(config_.auth.mechanisms, ElementsAre("PLAIN", "LOGIN"));
  ASSERT_EQ(config_.auth.users.size(), 1u);
  const User& user = config_.auth.users[0];
  EXPECT_EQ(user.name, "billing");
  EXPECT_EQ(user.password_hash, kHash);
  EXPECT_THAT(texts(user.senders), ElementsAre("*@billing.example.com", "invoices@example.com"));
  EXPECT_EQ(user.limits.messages, (Rate{100, 60s, 100}));  // its own
  EXPECT_EQ(user.limits.recipients, (Rate{5000, 24h, 5000}));
  EXPECT_EQ(user.limits.bytes, std::nullopt);
  EXPECT_EQ(user.limits.connections, 20u);  // that of [limits]
  EXPECT_EQ(config_.limits.messages, (Rate{60, 60s, 60}));
}

TEST_F(Example, KnowsItsUpstreams) {
  ASSERT_EQ(config_.upstreams.size(), 4u);
  const Upstream& ses = config_.upstreams[0];
  EXPECT_EQ(ses.name, "ses");
  EXPECT_EQ(ses.host, "email-smtp.eu-west-1.amazonaws.com");
  EXPECT_EQ(ses.password.reveal(), "of ses");
  const Upstream& mailgun = config_.upstreams[1];
  EXPECT_EQ(mailgun.username, "postmaster@mg.example.com");
  EXPECT_EQ(mailgun.password.reveal(), "of mailgun");
  const Upstream& smarthost = config_.upstreams[2];
  EXPECT_EQ(smarthost.provider->name, "smtp");
  EXPECT_EQ(smarthost.host, "mail.internal");
  EXPECT_EQ(smarthost.port, 465);
  EXPECT_EQ(smarthost.ca, "/etc/ssl/internal-ca.pem");
  EXPECT_EQ(smarthost.password.reveal(), "of smarthost");
  const Upstream& capture = config_.upstreams[3];
  EXPECT_TRUE(capture.provider->capture);
  EXPECT_EQ(capture.path, "/var/lib/sallyport/captured");
}

TEST_F(Example, Routes) {
  ASSERT_EQ(config_.routes.size(), 1u);
  EXPECT_THAT(texts(config_.routes[0].senders), ElementsAre("*@billing.example.com"));
  EXPECT_THAT(config_.routes[0].upstreams, testing::ElementsAreArray(in_order({0, 1})));
}

TEST(Load, WhatIsNotSaidHasItsDefault) {
  const Config config = accepted("");
  EXPECT_EQ(config.file, "c.toml");
  EXPECT_EQ(config.hostname, "gate.example.com");  // the machine's
  const Config defaults;
  EXPECT_EQ(config.workers, defaults.workers);
  EXPECT_EQ(config.drain_timeout, defaults.drain_timeout);
  EXPECT_EQ(config.partial_rejection, defaults.partial_rejection);
  EXPECT_EQ(config.session, defaults.session);
  EXPECT_EQ(config.message, defaults.message);
  EXPECT_EQ(config.log, defaults.log);
  EXPECT_EQ(config.limits, defaults.limits);
  EXPECT_EQ(config.auth.mechanisms, defaults.auth.mechanisms);
  EXPECT_EQ(config.auth.cache_lifetime, defaults.auth.cache_lifetime);
  EXPECT_EQ(config.admin, std::nullopt);
  EXPECT_TRUE(config.tls.fallback.certificate.empty());
}

TEST(Load, EveryKeySetsItsField) {
  const Config config = accepted(
      "hostname = 'a.example'\nworkers = 3\ndrain_timeout = '1m'\npartial_rejection = 'deliver'\n"
      "[session]\nmax_recipients = 1\noverflow = 'split'\nreply = 'ours'\nmax_messages = "
      "9\nmax_errors = 2\nmax_auth_failures = "
      "3\nmax_connections = 4\n"
      "max_connections_per_network = 9\nmax_age = '2h'\nmin_data_rate = '1 KiB'\n"
      "max_unauthenticated_per_network = 8\nmax_commands_before_login = 10\n"
      "max_idle_commands = 11\nlogin_timeout = '4s'\n"
      "greeting_timeout = '5s'\ncommand_timeout = '6s'\ndata_timeout = '7s'\n"
      "upstream_timeout = '8s'\n"
      "[message]\nmax_size = 1000\nmemory_threshold = '0 B'\nbudget = '1 MiB'\ndirectory = '/d'\n"
      "[log]\nformat = 'json'\nlevel = 'error'\n[admin]\naddress = '[::1]:0'\n"
      "socket = 'a.sock'\ntrace = 12\n"
      "[metrics]\nmax_users = 7\n"
      "[limits]\nmessages = '1/second'\nrecipients = '2/second'\nbytes = '3 KB/second'\n"
      "connections = 4\n"
      "[auth]\nmechanisms = ['LOGIN']\ncache_lifetime = '0s'\nfile = 'empty'\n"
      "[auth.brute_force]\nnetwork_failures = 5\naccount_failures = 0\nwindow = '1m'\n"
      "block = '1h'\nmax_delay = '2s'\n",
      {.files = {{"empty", ""}}, .variables = {}});
  EXPECT_EQ(config.hostname, "a.example");
  EXPECT_EQ(config.workers, 3u);
  EXPECT_EQ(config.drain_timeout, 1min);
  EXPECT_EQ(config.partial_rejection, PartialRejection::kDeliver);
  EXPECT_EQ(config.session, (Session{.max_recipients = 1,
                                     .overflow = Overflow::kSplit,
                                     .reply = ReplyWords::kOurs,
                                     .max_messages = 9,
                                     .max_errors = 2,
                                     .max_auth_failures = 3,
                                     .max_connections = 4,
                                     .max_connections_per_network = 9,
                                     .max_unauthenticated_per_network = 8,
                                     .max_commands_before_login = 10,
                                     .max_idle_commands = 11,
                                     .greeting_timeout = 5s,
                                     .max_age = 2h,
                                     .login_timeout = 4s,
                                     .command_timeout = 6s,
                                     .data_timeout = 7s,
                                     .min_data_rate = 1024,
                                     .upstream_timeout = 8s}));
  EXPECT_EQ(
      config.message,
      (Message{.max_size = 1000, .memory_threshold = 0, .budget = 1u << 20, .directory = "/d"}));
  EXPECT_EQ(config.log, (Log{.format = log::Format::kJson, .level = log::Level::kError}));
  EXPECT_EQ(config.admin, (Endpoint{"::1", 0}));
  EXPECT_EQ(config.admin_socket, "a.sock");
  EXPECT_EQ(config.trace, 12u);
  EXPECT_EQ(config.metrics, Metrics{.max_users = 7});
  EXPECT_EQ(config.limits.bytes, (Rate{3000, 1s, 3000}));
  EXPECT_EQ(config.limits.connections, 4u);
  EXPECT_THAT(config.auth.mechanisms, ElementsAre("LOGIN"));
  EXPECT_EQ(config.auth.cache_lifetime, 0s);
  EXPECT_EQ(config.auth.file, "empty");
  EXPECT_EQ(config.auth.brute_force, (BruteForce{.network_failures = 5,
                                                 .account_failures = 0,
                                                 .window = 1min,
                                                 .block = 1h,
                                                 .max_delay = 2s}));
}

TEST(Load, RecipientsBeyondTheLimitAreTheClientsAffairInDeliverModeUnlessSaid) {
  EXPECT_EQ(accepted("partial_rejection = 'reject'\n").session.overflow, Overflow::kReject);
  EXPECT_EQ(accepted("partial_rejection = 'deliver'\n").session.overflow, Overflow::kClient);
  EXPECT_EQ(
      accepted("partial_rejection = 'deliver'\n[session]\noverflow = 'reject'\n").session.overflow,
      Overflow::kReject);
}

TEST(Load, AListenersTlsFollowsThePortUnlessSaid) {
  const Config config = accepted(
      "[tls]\ncertificate = 'tls.crt'\nkey = 'tls.key'\n[[listener]]\naddress = '[::]:465'\n"
      "[[listener]]\naddress = '[::]:587'\n[[listener]]\naddress = '[::1]:465'\ntls = "
      "'starttls'\n");
  ASSERT_EQ(config.listeners.size(), 3u);
  EXPECT_EQ(config.listeners[0].tls, TlsMode::kImplicit);
  EXPECT_EQ(config.listeners[1].tls, TlsMode::kStarttls);
  EXPECT_EQ(config.listeners[2].tls, TlsMode::kStarttls);
}

TEST(Load, TlsIsIntermediateWithOneCertificateAndNobodysElse) {
  const ServerTls tls = accepted("[tls]\ncertificate = 'tls.crt'\nkey = 'tls.key'\n").tls;
  EXPECT_EQ(tls, (ServerTls{.fallback = {.certificate = "tls.crt", .key = "tls.key"},
                            .pairs = {},
                            .directory = {},
                            .policy = TlsPolicy::kIntermediate,
                            .client_ca = {},
                            .client_certificate = ClientCertificates::kNone}));
}

TEST(Load, EveryKeyOfTlsSetsItsField) {
  const Config config = accepted(
      "[tls]\ncertificate = 'tls.crt'\nkey = 'tls.key'\nocsp_response = 'tls.ocsp'\n"
      "directory = 'certs'\npolicy = 'modern'\nclient_ca = 'password'\n"
      "client_certificate = 'request'\n"
      "[[tls.pair]]\ncertificate = '/o.crt'\nkey = '/o.key'\nocsp_response = '/o.ocsp'\n"
      "[[listener]]\naddress = '127.0.0.1:465'\nclient_certificate = 'require'\n",
      {.files =
           {{"tls.crt", ""}, {"tls.key", ""}, {"/o.crt", ""}, {"/o.key", ""}, {"password", ""}},
       .variables = {}});
  EXPECT_EQ(config.tls, (ServerTls{.fallback = {"tls.crt", "tls.key", "tls.ocsp"},
                                   .pairs = {{"/o.crt", "/o.key", "/o.ocsp"}},
                                   .directory = "certs",
                                   .policy = TlsPolicy::kModern,
                                   .client_ca = "password",
                                   .client_certificate = ClientCertificates::kRequest}));
  EXPECT_EQ(config.listeners[0].client_certificate, ClientCertificates::kRequire);
}

TEST(Load, AClientAuthorityMeansThatCertificatesAreRequired) {
  const Config config = accepted(
      "[tls]\ncertificate = 'tls.crt'\nkey = 'tls.key'\nclient_ca = 'tls.crt'\n"
      "[[listener]]\naddress = '127.0.0.1:465'\n");
  EXPECT_EQ(config.tls.client_certificate, ClientCertificates::kRequire);
  EXPECT_EQ(config.listeners[0].client_certificate, std::nullopt);
}

TEST(Load, AListenerKnowsItsProxiesAndItsPatience) {
  const Config config = accepted(
      "[[listener]]\naddress = '127.0.0.1:25'\ntls = 'none'\ngreeting_delay = '2s'\n"
      "proxy_protocol = ['10.0.0.0/8', 'fd00::/8', '192.0.2.7']\n");
  const Listener& listener = config.listeners.front();
  EXPECT_EQ(listener.greeting_delay, 2s);
  std::vector<std::string> networks;
  for (const IpNetwork& network : listener.proxy_protocol) networks.push_back(network.str());
  EXPECT_THAT(networks, ElementsAre("10.0.0.0/8", "fd00::/8", "192.0.2.7/32"));
}

TEST(Load, WithoutRoutesAllMailGoesToAllUpstreamsInOrder) {
  const Config config = accepted(
      "[[upstream]]\nname = 'a'\nprovider = 'capture'\npath = '/a'\n"
      "[[upstream]]\nname = 'b'\nprovider = 'capture'\npath = '/b'\n");
  ASSERT_EQ(config.routes.size(), 1u);
  EXPECT_TRUE(config.routes[0].senders.empty());
  EXPECT_THAT(config.routes[0].upstreams, testing::ElementsAreArray(in_order({0, 1})));
}

TEST(Load, RoutesMayComeBeforeTheUpstreamsTheyName) {
  const Config config = accepted(
      "[[route]]\nupstreams = ['b', 'a']\n"
      "[[upstream]]\nname = 'a'\nprovider = 'capture'\npath = '/a'\n"
      "[[upstream]]\nname = 'b'\nprovider = 'capture'\npath = '/b'\n");
  ASSERT_EQ(config.routes.size(), 1u);
  EXPECT_THAT(config.routes[0].upstreams, testing::ElementsAreArray(in_order({1, 0})));
}

TEST(Load, AUserNameMayComeFromAFileOrTheEnvironment) {
  FakeOutside fake = usual_outside();
  fake.files["/run/name"] = "AKIA1\n";
  fake.variables["NAME"] = "AKIA2";
  const auto text = [](std::string_view username) {
    return fmt::format(
        "[[upstream]]\nname = 'a'\nprovider = 'smtp'\nhost = 'b'\nusername = {}\n"
        "password = 'p'\n",
        username);
  };
  EXPECT_EQ(accepted(text("{ file = '/run/name' }"), fake).upstreams[0].username, "AKIA1");
  EXPECT_EQ(accepted(text("{ env = 'NAME' }"), fake).upstreams[0].username, "AKIA2");
}

TEST(Load, TheCredentialsOfTenantsAreNotReadYet) {
  const Config config = accepted(
      "[[upstream]]\nname = 'a'\nprovider = 'smtp'\nhost = 'b'\nusername = '{group}@b.example'\n"
      "password = { file = 'secrets/{group}' }\nrate = '14/second'\nrate_of = 'recipients'\n"
      "daily = 500\nmax_wait = '5s'\nspill_after = '2s'\nmax_waiting = 7\n");
  const Upstream& upstream = config.upstreams[0];
  EXPECT_TRUE(is_per_tenant(upstream));
  EXPECT_EQ(upstream.username, "{group}@b.example");
  EXPECT_TRUE(upstream.password_file.ends_with("secrets/{group}"));
  EXPECT_EQ(upstream.password.reveal(), "");
  ASSERT_TRUE(upstream.pace.rate);
  EXPECT_EQ(upstream.pace.rate->amount, 14u);
  EXPECT_TRUE(upstream.pace.per_recipient);
  EXPECT_EQ(upstream.pace.daily, 500u);
  EXPECT_EQ(upstream.max_wait, std::chrono::seconds(5));
  EXPECT_EQ(upstream.spill_after, std::chrono::seconds(2));
  EXPECT_EQ(upstream.max_waiting, 7u);
}

TEST(Load, RelativePathsBeginAtTheConfigsFolder) {
  const FakeOutside fake{.files = {{"/etc/sallyport/tls.crt", ""},
                                   {"/run/tls.key", ""},
                                   {"/etc/sallyport/secrets/p", "hunter2"},
                                   {"/etc/sallyport/users.toml", ""}},
                         .variables = {}};
  const auto config = parse(
      "[[listener]]\naddress = '[::]:465'\n[tls]\ncertificate = 'tls.crt'\nkey = '/run/tls.key'\n"
      "[auth]\nfile = 'users.toml'\n[[upstream]]\nname = 'a'\nprovider = 'sendgrid'\n"
      "password = { file = 'secrets/p' }\n[[upstream]]\nname = 'b'\nprovider = 'capture'\n"
      "path = 'mail'\n",
      "/etc/sallyport/sallyport.toml", fake.outside());
  ASSERT_TRUE(config) << config.error().front().str();
  EXPECT_EQ(config->tls.fallback.certificate, "/etc/sallyport/tls.crt");
  EXPECT_EQ(config->tls.fallback.key, "/run/tls.key");
  EXPECT_EQ(config->auth.file, "/etc/sallyport/users.toml");
  EXPECT_EQ(config->upstreams[0].password.reveal(), "hunter2");
  EXPECT_EQ(config->upstreams[1].path, "/etc/sallyport/mail");
}

TEST(Load, ConfigsOfTheSameTextAreEqual) {
  EXPECT_EQ(accepted(kText), accepted(kText));
  EXPECT_FALSE(accepted(kText) ==
               accepted("[[upstream]]\nname = 'a'\nprovider = 'sendgrid'\npassword = 'q'"));
}

}  // namespace
}  // namespace sallyport::config
