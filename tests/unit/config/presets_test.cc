// Each preset as docs/providers.md describes it.
#include "proxy/config/presets.h"

#include <gtest/gtest.h>

#include "tests/unit/config/fake_outside.h"

namespace sallyport::config {
namespace {

constexpr std::string_view kLogin = "provider = 'mailgun'\nusername = 'u'\npassword = 'p'\n";
constexpr std::string_view kSmtp = "provider = 'smtp'\nhost = 'localhost'\n";

using namespace std::chrono_literals;

Upstream upstream(std::string_view keys) {
  const Config config = accepted("[[upstream]]\nname = 'a'\n" + std::string(keys));
  return config.upstreams.empty() ? Upstream() : config.upstreams.front();
}

TEST(Presets, Ses) {
  const Upstream ses =
      upstream("provider = 'ses'\nregion = 'eu-west-1'\nusername = 'AKIA'\npassword = 'p'");
  EXPECT_EQ(ses.provider, Provider::kSes);
  EXPECT_EQ(ses.host, "email-smtp.eu-west-1.amazonaws.com");
  EXPECT_EQ(ses.port, 465);
  EXPECT_EQ(ses.tls, TlsMode::kImplicit);
  EXPECT_EQ(ses.username, "AKIA");
  EXPECT_EQ(ses.password.reveal(), "p");
  EXPECT_EQ(ses.max_message_size, 40'000'000u);
  EXPECT_EQ(ses.max_recipients, 50u);
  EXPECT_EQ(ses.idle_timeout, 8s);
  EXPECT_EQ(ses.max_connection_age, 5min);
}

TEST(Presets, Sendgrid) {
  const Upstream sendgrid = upstream("provider = 'sendgrid'\npassword = 'SG.key'");
  EXPECT_EQ(sendgrid.provider, Provider::kSendgrid);
  EXPECT_EQ(sendgrid.host, "smtp.sendgrid.net");
  EXPECT_EQ(sendgrid.port, 465);
  EXPECT_EQ(sendgrid.username, "apikey");
  EXPECT_EQ(sendgrid.max_message_size, 31'457'280u);
  EXPECT_EQ(sendgrid.max_recipients, 1000u);
  EXPECT_EQ(sendgrid.max_messages_per_connection, 5000u);
}

TEST(Presets, Mailgun) {
  const Upstream mailgun = upstream(kLogin);
  EXPECT_EQ(mailgun.provider, Provider::kMailgun);
  EXPECT_EQ(mailgun.host, "smtp.mailgun.org");
  EXPECT_EQ(mailgun.port, 465);
  EXPECT_EQ(mailgun.max_message_size, 25'000'000u);
  EXPECT_EQ(mailgun.max_recipients, 1000u);
  EXPECT_EQ(upstream(std::string(kLogin) + "region = 'us'").host, "smtp.mailgun.org");
  EXPECT_EQ(upstream(std::string(kLogin) + "region = 'eu'").host, "smtp.eu.mailgun.org");
}

TEST(Presets, CaptureAndSmtp) {
  const Upstream capture = upstream("provider = 'capture'\npath = '/var/mail'");
  EXPECT_EQ(capture.provider, Provider::kCapture);
  EXPECT_EQ(capture.path, "/var/mail");
  EXPECT_EQ(capture.max_recipients, 1000u);
  EXPECT_EQ(capture.max_message_size, 0u);

  const Upstream smtp = upstream("provider = 'smtp'\nhost = 'mx.example.com'");
  Upstream defaults;
  defaults.name = "a";
  defaults.host = "mx.example.com";
  defaults.port = 465;
  EXPECT_EQ(smtp, defaults);
}

TEST(Presets, ThePortFollowsTheWayOfTls) {
  EXPECT_EQ(upstream(std::string(kSmtp) + "tls = 'implicit'").port, 465);
  EXPECT_EQ(upstream(std::string(kSmtp) + "tls = 'starttls'").port, 587);
  EXPECT_EQ(upstream(std::string(kSmtp) + "tls = 'none'").port, 25);
  EXPECT_EQ(upstream(std::string(kSmtp) + "tls = 'none'\nport = 1025").port, 1025);
}

TEST(Presets, TheWayOfTlsFollowsThePort) {
  for (const char* port : {"25", "587", "2525", "2587"}) {
    EXPECT_EQ(upstream(std::string(kSmtp) + "port = " + port).tls, TlsMode::kStarttls) << port;
    EXPECT_EQ(upstream(std::string(kLogin) + "port = " + port).tls, TlsMode::kStarttls) << port;
    const Upstream said = upstream(std::string(kSmtp) + "tls = 'implicit'\nport = " + port);
    EXPECT_EQ(said.tls, TlsMode::kImplicit) << port;
    EXPECT_EQ(std::to_string(said.port), port);
  }
  for (const char* port : {"443", "465", "2465", "1465"}) {
    EXPECT_EQ(upstream(std::string(kSmtp) + "port = " + port).tls, TlsMode::kImplicit) << port;
  }
}

TEST(Presets, AHostMayEndInADot) {
  EXPECT_EQ(upstream("provider = 'smtp'\nhost = 'mx.example.com.'").host, "mx.example.com.");
  EXPECT_EQ(upstream("provider = 'smtp'\nhost = 'localhost.'\ntls = 'none'").host, "localhost.");
}

TEST(Presets, EverythingCanBeOverridden) {
  for (const std::string_view provider : {"ses", "sendgrid", "mailgun"}) {
    const Upstream changed = upstream(
        "provider = '" + std::string(provider) +
        "'\nhost = '127.0.0.1'\nport = 2465\ntls = 'starttls'\nca = 'tls.crt'\nusername = 'u'\n"
        "password = { file = 'password' }\nmax_connections = 2\nmax_messages_per_connection = 3\n"
        "max_connection_age = '4s'\nidle_timeout = '500ms'\nconnect_timeout = '6s'\n"
        "max_recipients = 7\nmax_message_size = '8 KB'\ndisabled_extensions = ['dsn']\n");
    EXPECT_EQ(changed.host, "127.0.0.1");
    EXPECT_EQ(changed.port, 2465);
    EXPECT_EQ(changed.tls, TlsMode::kStarttls);
    EXPECT_EQ(changed.ca, "tls.crt");
    EXPECT_EQ(changed.username, "u");
    EXPECT_EQ(changed.password.reveal(), "from a file");
    EXPECT_EQ(changed.max_connections, 2u);
    EXPECT_EQ(changed.max_messages_per_connection, 3u);
    EXPECT_EQ(changed.max_connection_age, 4s);
    EXPECT_EQ(changed.idle_timeout, 500ms);
    EXPECT_EQ(changed.connect_timeout, 6s);
    EXPECT_EQ(changed.max_recipients, 7u);
    EXPECT_EQ(changed.max_message_size, 8000u);
    EXPECT_EQ(changed.disabled_extensions, std::vector<std::string>{"DSN"});
  }
}

TEST(Presets, AreEachFoundByTheirProvider) {
  for (const Preset& preset : presets()) EXPECT_EQ(&preset_of(preset.provider), &preset);
}

}  // namespace
}  // namespace sallyport::config
