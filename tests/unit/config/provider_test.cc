// The providers that are compiled in, as docs/providers.md describes them, and what [[provider]]
// can change.
#include "proxy/config/provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/config/ses_password.h"
#include "tests/unit/config/fake_outside.h"

namespace sallyport::config {
namespace {

constexpr std::string_view kLogin = "provider = 'mailgun'\nusername = 'u'\npassword = 'p'\n";
constexpr std::string_view kSmtp =
    "provider = 'smtp'\nhost = 'mx.example.com'\nallow_plaintext = true\n";

using namespace std::chrono_literals;

Upstream upstream(std::string_view keys) {
  const Config config = accepted("[[upstream]]\nname = 'a'\n" + std::string(keys));
  return config.upstreams.empty() ? Upstream() : config.upstreams.front();
}

TEST(Provider, Ses) {
  const Upstream ses =
      upstream("provider = 'ses'\nregion = 'eu-west-1'\nusername = 'AKIA'\npassword = 'p'");
  EXPECT_EQ(ses.provider->name, "ses");
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

TEST(Provider, AutoTriesThePortsThatItHas) {
  using enum TlsMode;
  using Ports = std::vector<UpstreamPort>;
  const Upstream ses = upstream(
      "provider = 'ses'\nregion = 'eu-west-1'\nusername = 'u'\npassword = 'p'\nport = 'auto'");
  EXPECT_EQ(ses.ports, (Ports{{465, kImplicit},
                              {587, kStarttls},
                              {2465, kImplicit},
                              {2587, kStarttls},
                              {25, kStarttls}}));
  EXPECT_EQ(ses.port, 465);
  EXPECT_EQ(ses.tls, kImplicit);
  const Upstream any = upstream("provider = 'smtp'\nhost = 'b.example'\nport = 'auto'");
  EXPECT_EQ(any.ports, (Ports{{465, kImplicit},
                              {587, kStarttls},
                              {2465, kImplicit},
                              {2587, kStarttls},
                              {2525, kStarttls},
                              {443, kImplicit},
                              {25, kStarttls}}));
  const Upstream starttls =
      upstream("provider = 'smtp'\nhost = 'b.example'\nport = 'auto'\ntls = 'starttls'");
  EXPECT_EQ(starttls.ports,
            (Ports{{587, kStarttls}, {2587, kStarttls}, {2525, kStarttls}, {25, kStarttls}}));
  EXPECT_EQ(starttls.port, 587);
  EXPECT_THAT(upstream("provider = 'smtp'\nhost = 'b.example'\nport = 587").ports,
              testing::IsEmpty());
}

TEST(Provider, SesDerivesItsPasswordFromASecretAccessKey) {
  // What terraform's provider for AWS expects of its ses_smtp_password_v4, and values computed by
  // the script in the SES developer guide ("Obtaining your SES SMTP credentials by converting").
  const struct {
    const char* region;
    const char* key;
    const char* password;
  } vectors[] = {
      {"eu-central-1", "some+secret+key", "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2"},
      {"us-east-1", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
       "BOntiZFm/r+5s3psZ/RpsjB+aSGsj2J0rXdiLuO0cQL7"},
      {"ap-southeast-2", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
       "BAzbEzGWYFtl2/Y5jYjbyS2pCdLjqoO1eApa0aYnOPqb"},
  };
  for (const auto& vector : vectors) {
    EXPECT_EQ(ses_smtp_password(vector.key, vector.region).reveal(), vector.password);
  }
  FakeOutside outside = usual_outside();
  outside.files["key"] = "some+secret+key\n";
  const Config config = accepted(
      "[[upstream]]\nname = 'a'\nprovider = 'ses'\nregion = 'eu-central-1'\nusername = 'AKIA'\n"
      "secret_access_key = { file = 'key' }",
      outside);
  ASSERT_EQ(config.upstreams.size(), 1u);
  EXPECT_EQ(config.upstreams[0].password.reveal(), vectors[0].password);
  EXPECT_EQ(config.upstreams[0].password_file, "key");
  EXPECT_EQ(config.upstreams[0].secret_key_region, "eu-central-1");
}

TEST(Provider, TheTokensOfMicrosoftAndGoogleNeedOnlyACredential) {
  const Upstream office = upstream(
      "provider = 'microsoft-365'\nusername = 'a@example.com'\n"
      "oauth = { tenant = 'example.com', client_id = 'c', token_file = 'password' }");
  ASSERT_TRUE(office.oauth);
  EXPECT_EQ(office.oauth->token_url,
            "https://login.microsoftonline.com/example.com/oauth2/v2.0/token");
  EXPECT_EQ(office.oauth->scope, "https://outlook.office365.com/.default");
  const Upstream gmail = upstream(
      "provider = 'gmail'\nusername = 'a@example.com'\noauth = { service_account = 'password' }");
  ASSERT_TRUE(gmail.oauth);
  EXPECT_EQ(gmail.oauth->scope, "https://mail.google.com/");
  EXPECT_EQ(gmail.oauth->subject, "a@example.com");
}

TEST(Provider, FieldsOfItsOwnGoWithEachMessage) {
  const Upstream resend = upstream("provider = 'resend'\npassword = 're_key'");
  EXPECT_THAT(resend.headers, testing::ElementsAre(HeaderField{"Resend-Idempotency-Key", "{key}"}));
  const Upstream tagged =
      upstream("provider = 'resend'\npassword = 're_key'\nheaders = { X-Tag = 'app' }");
  EXPECT_THAT(tagged.headers, testing::ElementsAre(HeaderField{"Resend-Idempotency-Key", "{key}"},
                                                   HeaderField{"X-Tag", "app"}));
}

TEST(Provider, Sendgrid) {
  const Upstream sendgrid = upstream("provider = 'sendgrid'\npassword = 'SG.key'");
  EXPECT_EQ(sendgrid.provider->name, "sendgrid");
  EXPECT_EQ(sendgrid.host, "smtp.sendgrid.net");
  EXPECT_EQ(sendgrid.port, 465);
  EXPECT_EQ(sendgrid.username, "apikey");
  EXPECT_EQ(sendgrid.max_message_size, 31'457'280u);
  EXPECT_EQ(sendgrid.max_recipients, 1000u);
  EXPECT_EQ(sendgrid.max_messages_per_connection, 5000u);
}

TEST(Provider, Mailgun) {
  const Upstream mailgun = upstream(kLogin);
  EXPECT_EQ(mailgun.provider->name, "mailgun");
  EXPECT_EQ(mailgun.host, "smtp.mailgun.org");
  EXPECT_EQ(mailgun.port, 465);
  EXPECT_EQ(mailgun.max_message_size, 25'000'000u);
  EXPECT_EQ(mailgun.max_recipients, 1000u);
  EXPECT_EQ(upstream(std::string(kLogin) + "region = 'us'").host, "smtp.mailgun.org");
  EXPECT_EQ(upstream(std::string(kLogin) + "region = 'eu'").host, "smtp.eu.mailgun.org");
}

TEST(Provider, CaptureAndSmtp) {
  const Upstream capture = upstream("provider = 'capture'\npath = '/var/mail'");
  EXPECT_TRUE(capture.provider->capture);
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

TEST(Provider, ThePortFollowsTheWayOfTls) {
  EXPECT_EQ(upstream(std::string(kSmtp) + "tls = 'implicit'").port, 465);
  EXPECT_EQ(upstream(std::string(kSmtp) + "tls = 'starttls'").port, 587);
  EXPECT_EQ(upstream(std::string(kSmtp) + "tls = 'none'").port, 25);
  EXPECT_EQ(upstream(std::string(kSmtp) + "tls = 'none'\nport = 1025").port, 1025);
}

TEST(Provider, TheWayOfTlsFollowsThePort) {
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

TEST(Provider, AHostMayEndInADot) {
  EXPECT_EQ(upstream("provider = 'smtp'\nhost = 'mx.example.com.'").host, "mx.example.com.");
  EXPECT_EQ(upstream("provider = 'smtp'\nhost = 'localhost.'\ntls = 'none'").host, "localhost.");
}

TEST(Provider, EverythingCanBeOverridden) {
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

TEST(Provider, EveryFileIsReadAndSaysWhenItWasChecked) {
  EXPECT_GE(built_in_providers().size(), 27u);
  for (const auto& provider : built_in_providers()) {
    SCOPED_TRACE(provider->name);
    EXPECT_EQ(built_in_provider(provider->name), provider);
    EXPECT_EQ(provider->checked.size(), std::string_view("2026-11").size());
    EXPECT_FALSE(provider->title.empty());
    const bool has_ports = !provider->implicit_ports.empty() || !provider->starttls_ports.empty();
    EXPECT_TRUE(has_ports || provider->capture);
    const auto& ports =
        provider->tls == TlsMode::kStarttls ? provider->starttls_ports : provider->implicit_ports;
    EXPECT_TRUE(!ports.empty() || provider->capture) << "tls has no port";
    EXPECT_TRUE(!provider->login || !provider->username.empty() ||
                !provider->username_hint.empty() || provider->name == "ses");
  }
}

TEST(Provider, AnyCanBeAnUpstream) {
  for (const auto& provider : built_in_providers()) {
    SCOPED_TRACE(provider->name);
    if (provider->capture) continue;
    std::string keys = "provider = '" + provider->name + "'\n";
    if (provider->login) keys += "username = 'u'\npassword = 'p'\n";
    if (!provider->region_hosts.empty()) {
      keys += "region = '" + provider->region_hosts.front().first + "'\n";
    } else if (provider->is_regional() && provider->default_region.empty()) {
      keys += "region = 'eu-x-1'\n";
    }
    if (provider->name == "smtp") keys += "host = 'mx.example.com'\n";
    const Upstream made = upstream(keys);
    EXPECT_FALSE(made.host.empty());
    EXPECT_NE(made.port, 0);
    EXPECT_EQ(made.tls, provider->tls);
    EXPECT_EQ(made.max_connections, provider->max_connections);
  }
}

TEST(Provider, HostsOfRegions) {
  const auto zoho = built_in_provider("zoho");
  EXPECT_EQ(zoho->host_in(""), "smtp.zoho.com");
  EXPECT_EQ(zoho->host_in("eu"), "smtp.zoho.eu");
  const auto zeptomail = built_in_provider("zeptomail");
  EXPECT_EQ(zeptomail->host_in(""), "smtp.zeptomail.com");
  EXPECT_EQ(zeptomail->host_in("in"), "smtp.zeptomail.in");
  EXPECT_EQ(zeptomail->host_in("xx"), std::nullopt);
  EXPECT_EQ(built_in_provider("ses")->host_in(""), std::nullopt);
  EXPECT_EQ(built_in_provider("ses")->host_in("a.b"), std::nullopt);
}

TEST(Provider, OfTheConfigChangesABuiltInOneKeyByKey) {
  const Upstream ses = upstream(
      "provider = 'ses'\nregion = 'eu-west-1'\nusername = 'u'\npassword = 'p'\n"
      "[[provider]]\nname = 'ses'\n[provider.caps]\nmax_recipients = 20\n"
      "[[provider.reply]]\ntext = 'Our own words'\nmeans = 'quota'\nwhy = 'seen in March'\n");
  EXPECT_EQ(ses.max_recipients, 20u);
  EXPECT_EQ(ses.max_message_size, 40'000'000u);
  EXPECT_EQ(ses.host, "email-smtp.eu-west-1.amazonaws.com");
  const auto& rules = ses.provider->replies;
  ASSERT_EQ(rules.size(), built_in_provider("ses")->replies.size() + 1);
  EXPECT_EQ(rules.front().text, "Our own words");
  EXPECT_EQ(rules.front().source, "c.toml:11");
}

TEST(Provider, OfTheConfigCanBeNew) {
  const Upstream own = upstream(
      "provider = 'own'\nusername = 'u'\npassword = 'p'\n"
      "[[provider]]\nname = 'own'\nhost = 'mx.example.com'\ntls = 'starttls'\nlogin = true\n"
      "id_after = ['id ']\n[provider.ports]\nstarttls = [2587, 587]\n");
  EXPECT_EQ(own.host, "mx.example.com");
  EXPECT_EQ(own.port, 2587);
  EXPECT_EQ(own.tls, TlsMode::kStarttls);
  const Upstream like = upstream(
      "provider = 'eu'\nregion = 'eu-west-1'\nusername = 'u'\npassword = 'p'\n"
      "[[provider]]\nname = 'eu'\nlike = 'ses'\n[provider.caps]\nmax_connections = 3\n");
  EXPECT_EQ(like.host, "email-smtp.eu-west-1.amazonaws.com");
  EXPECT_EQ(like.max_connections, 3u);
}

TEST(Provider, FaultsAreNamedWithTheirPlace) {
  const auto problem = [](std::string_view keys) {
    const auto problems = problems_of("[[provider]]\nname = 'own'\n" + std::string(keys));
    return problems.empty() ? std::string() : problems.front();
  };
  EXPECT_THAT(problem("[[provider.reply]]\nmeans = 'quota'\n"),
              testing::HasSubstr("text is missing"));
  EXPECT_THAT(problem("[[provider.reply]]\ntext = 'x'\nmeans = 'nonsense'\n"),
              testing::HasSubstr("means is \"nonsense\"; expected \"plain\", \"throttled\""));
  EXPECT_THAT(problem("[[provider.reply]]\ntext = 'x'\nmeans = 'quota'\nstages = ['rcpt']\n"),
              testing::HasSubstr("a reply to RCPT speaks of the recipient"));
  EXPECT_THAT(problem("[[provider.reply]]\ncode = 600\nmeans = 'quota'\n"),
              testing::HasSubstr("expected an integer from 200 to 599"));
  EXPECT_THAT(problem("[[provider.reply]]\nenhanced = '5.4'\nmeans = 'quota'\n"),
              testing::HasSubstr("an enhanced status code such as"));
  EXPECT_THAT(problem("[provider.ports]\n"), testing::HasSubstr("at least one port"));
  EXPECT_THAT(problem("regions = { eu = 5 }\n"), testing::HasSubstr("regions.eu is 5"));
  EXPECT_THAT(problem("like = 'nix'\n"),
              testing::HasSubstr("like is \"nix\"; expected \"alibaba\""));
}

}  // namespace
}  // namespace sallyport::config
