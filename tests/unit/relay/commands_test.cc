// What MAIL and RCPT say to an upstream: what the client said, and nothing that the upstream's EHLO
// of this connection did not offer.
#include "proxy/relay/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/relay/scripts.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

const std::string kMail = "MAIL FROM:<from@here.example>";
const std::string kRcpt = "RCPT TO:<to@there.example>";

/// The rest of a transaction whose commands were all said.
const std::string kTaken = "P: DATA\nU: 250 ok\nU: 250 ok\nU: 354 go\nP! content\nU: 250 ok\n";

using Change = std::function<void(message::Message&)>;

/// One message to an upstream that offers `offers` must be announced by these commands.
void expect_commands(std::vector<std::string> offers, const Change& change, const std::string& mail,
                     const std::string& rcpt, bool eight_bit = true) {
  const scripts::Upstream offering{
      .size = false, .eight_bit = eight_bit, .offers = std::move(offers)};
  World world({upstream("a")});
  world.host("a").scripts = {offering.opening() + "P: " + mail + "\nP: " + rcpt + "\n" + kTaken};
  message::Message message = world.message();
  change(message);
  EXPECT_EQ(world.deliver(message).outcome, Outcome::kDelivered);
}

smtp::MailParameters& mail_of(message::Message& message) { return message.envelope.parameters; }
smtp::RcptParameters& rcpt_of(message::Message& message) {
  return message.envelope.recipients.front().parameters;
}

/// As a client says it that uses everything that can be left out.
void say_all_that_is_optional(message::Message& message) {
  mail_of(message).ret = smtp::Ret::kHeaders;
  mail_of(message).envid = "QQ314159+2B1";
  mail_of(message).mt_priority = std::int8_t{-3};
  mail_of(message).auth = "app+40here.example";
  mail_of(message).body = smtp::BodyType::kBinarymime;
  mail_of(message).smtputf8 = true;
  rcpt_of(message).notify = {.success = true, .failure = true, .delay = true};
  rcpt_of(message).orcpt = "rfc822;To+2BTag@There.example";
}

TEST(Commands, WhatIsNotOfferedIsLeftOut) {
  // AUTH was offered, and we have used it.
  expect_commands({}, say_all_that_is_optional, kMail + " AUTH=app+40here.example", kRcpt);
}

TEST(Commands, WhatIsOfferedGoesOnAsItCame) {
  expect_commands({"DSN", "MT-PRIORITY MIXER", "SMTPUTF8", "CHUNKING", "BINARYMIME", "REQUIRETLS"},
                  say_all_that_is_optional,
                  kMail + " RET=HDRS ENVID=QQ314159+2B1 MT-PRIORITY=-3 AUTH=app+40here.example",
                  kRcpt + " NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;To+2BTag@There.example");
}

TEST(Commands, NothingIsMadeUp) {
  const auto nothing = [](message::Message&) {};
  expect_commands({"DSN", "MT-PRIORITY", "SMTPUTF8", "CHUNKING", "BINARYMIME", "REQUIRETLS"},
                  nothing, kMail, kRcpt);
}

TEST(Commands, EachFormOfNotifyAndRet) {
  const struct {
    smtp::Notify notify;
    const char* said;
  } cases[] = {
      {{}, ""},
      {{.never = true}, " NOTIFY=NEVER"},
      {{.success = true}, " NOTIFY=SUCCESS"},
      {{.failure = true}, " NOTIFY=FAILURE"},
      {{.delay = true}, " NOTIFY=DELAY"},
      {{.failure = true, .delay = true}, " NOTIFY=FAILURE,DELAY"},
      {{.success = true, .delay = true}, " NOTIFY=SUCCESS,DELAY"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.said);
    const auto change = [&](message::Message& message) {
      rcpt_of(message).notify = c.notify;
      mail_of(message).ret = smtp::Ret::kFull;
    };
    expect_commands({"DSN"}, change, kMail + " RET=FULL", kRcpt + c.said);
  }
}

TEST(Commands, EachRecipientHasItsOwnParameters) {
  World world({upstream("a")});
  const scripts::Upstream with_dsn{.size = false, .offers = {"DSN"}};
  world.host("a").scripts = {with_dsn.opening() + "P: " + kMail +
                             "\nP: RCPT TO:<a@x.example> NOTIFY=NEVER\n"
                             "P: RCPT TO:<b@x.example>\n"
                             "P: RCPT TO:<Postmaster> ORCPT=rfc822;Postmaster\n"
                             "P: DATA\nU: 250 ok\nU: 250 ok\nU: 250 ok\nU: 250 ok\nU: 354 go\n"
                             "P! content\nU: 250 ok\n"};
  message::Message message = world.message({"a@x.example", "b@x.example"});
  message.envelope.recipients[0].parameters.notify.never = true;
  message.envelope.recipients.push_back(
      {{.local = "Postmaster", .domain = {}}, {.notify = {}, .orcpt = "rfc822;Postmaster"}});
  EXPECT_EQ(world.deliver(message).outcome, Outcome::kDelivered);
}

TEST(Commands, BodySaysWhatTheContentIs) {
  using enum smtp::BodyType;
  for (const smtp::BodyType declared : {k7bit, k8bitmime, kBinarymime}) {
    const auto plain = [&](message::Message& message) { mail_of(message).body = declared; };
    expect_commands({"CHUNKING", "BINARYMIME"}, plain, kMail, kRcpt);
    expect_commands({}, plain, kMail, kRcpt, false);
    const auto has_8bit = [&](message::Message& message) {
      mail_of(message).body = declared;
      message.has_8bit = true;
    };
    expect_commands({"CHUNKING", "BINARYMIME"}, has_8bit, kMail + " BODY=8BITMIME", kRcpt);
  }
}

TEST(Commands, Smtputf8IsSaidWhereItMayBeNeeded) {
  const auto needless = [](message::Message& message) { mail_of(message).smtputf8 = true; };
  expect_commands({"SMTPUTF8"}, needless, kMail, kRcpt);
  expect_commands({}, needless, kMail, kRcpt);
  // The header section is ASCII, but a part's header fields in the body may not be.
  const auto has_8bit = [](message::Message& message) {
    mail_of(message).smtputf8 = true;
    message.has_8bit = true;
  };
  expect_commands({"SMTPUTF8"}, has_8bit, kMail + " BODY=8BITMIME SMTPUTF8", kRcpt);
  expect_commands({}, has_8bit, kMail + " BODY=8BITMIME", kRcpt);
  // A header section from before RFC 6532, of a client that knows nothing of it.
  const auto old = [](message::Message& message) {
    message.has_8bit = true;
    message.has_8bit_header = true;
  };
  expect_commands({"SMTPUTF8"}, old, kMail + " BODY=8BITMIME", kRcpt);
  expect_commands({}, old, kMail + " BODY=8BITMIME", kRcpt);

  const auto reverse_path = [](message::Message& message) {
    mail_of(message).smtputf8 = true;
    message.envelope.reverse_path.mailbox->local = "dörte";
  };
  expect_commands({"SMTPUTF8"}, reverse_path, "MAIL FROM:<dörte@here.example> SMTPUTF8", kRcpt);
  const auto forward_path = [](message::Message& message) {
    mail_of(message).smtputf8 = true;
    message.envelope.recipients[0].forward_path.domain = "dörfer.example";
  };
  expect_commands({"SMTPUTF8"}, forward_path, kMail + " SMTPUTF8", "RCPT TO:<to@dörfer.example>");
  const auto original = [](message::Message& message) {
    mail_of(message).smtputf8 = true;
    rcpt_of(message).orcpt = "utf-8;dörte@there.example";
  };
  expect_commands({"SMTPUTF8", "DSN"}, original, kMail + " SMTPUTF8",
                  kRcpt + " ORCPT=utf-8;dörte@there.example");
  expect_commands({}, original, kMail, kRcpt);
}

TEST(Commands, AuthIsForUpstreamsThatWeLogInAt) {
  for (const char* const identity : {"app+40here.example", "<>"}) {
    const auto change = [&](message::Message& message) { mail_of(message).auth = identity; };
    expect_commands({}, change, kMail + " AUTH=" + identity, kRcpt);
  }
  config::Upstream open = upstream("a");
  open.username.clear();
  World world({open});
  const scripts::Upstream without_size{.size = false};
  world.host("a").scripts = {"U: 220 up.example\n" + without_size.ehlo() + "P: " + kMail +
                             "\nP: " + kRcpt + "\n" + kTaken};
  message::Message message = world.message();
  mail_of(message).auth = "app+40here.example";
  EXPECT_EQ(world.deliver(message).outcome, Outcome::kDelivered);
}

TEST(Commands, RequiretlsGoesToAVerifiedUpstreamThatOffersIt) {
  const auto change = [](message::Message& message) { mail_of(message).require_tls = true; };
  expect_commands({"REQUIRETLS"}, change, kMail + " REQUIRETLS", kRcpt);
  config::Upstream with_starttls = upstream("a");
  with_starttls.tls = config::TlsMode::kStarttls;
  World world({with_starttls});
  const scripts::Upstream offering{.size = false, .offers = {"REQUIRETLS"}};
  world.host("a").scripts = {
      "U: 220 up.example\nP: EHLO gw.example\nU: 250-up.example\nU: 250 STARTTLS\nP: STARTTLS\n"
      "U: 220 Go ahead\n" +
      offering.ehlo() + "P: AUTH PLAIN *\nU: 235 ok\nP: " + kMail + " REQUIRETLS\nP: " + kRcpt +
      "\n" + kTaken};
  message::Message message = world.message();
  change(message);
  EXPECT_EQ(world.deliver(message).outcome, Outcome::kDelivered);
}

TEST(Commands, AllTogetherInOneOrder) {
  World world({upstream("a")});
  const scripts::Upstream all{.binary = true,
                              .offers = {"SMTPUTF8", "DSN", "MT-PRIORITY", "REQUIRETLS"}};
  world.host("a").scripts = {
      all.opening() + "P: " + kMail +
      " SIZE=21 BODY=BINARYMIME SMTPUTF8 REQUIRETLS RET=HDRS ENVID=QQ314159+2B1 MT-PRIORITY=-3"
      " AUTH=app+40here.example\nP: " +
      kRcpt +
      " NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;To+2BTag@There.example\n"
      "U: 250 ok\nU: 250 ok\nP! bdat\nU: 250 ok\n"};
  message::Message message = world.message();
  say_all_that_is_optional(message);
  mail_of(message).require_tls = true;
  message.has_8bit = true;
  message.is_binary = true;
  EXPECT_EQ(world.deliver(message).outcome, Outcome::kDelivered);
}

}  // namespace
}  // namespace sallyport::relay
