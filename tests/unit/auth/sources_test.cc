// Sources as the Authenticator asks them: cached, once for equal questions, away, back, in order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/authenticator.h"
#include "auth/guarded_source.h"
#include "auth/proof.h"
#include "auth/source_list.h"
#include "auth/sources/https_server.h"
#include "auth/sources/key_store.h"
#include "auth/sources/token_source.h"
#include "auth/sources/webhook_source.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/task_group.h"
#include "tests/unit/auth/issuer.h"

namespace sallyport::auth {
namespace {

using namespace std::chrono_literals;
using runtime::Loop;
using runtime::Task;
using testing::ElementsAre;
using testing::HasSubstr;

const IpAddress kClient = IpAddress::parse("192.0.2.1").value();

Task<void> sleep(Loop& loop, Duration span) {
  runtime::Event never(loop);
  (void)co_await never.wait(loop.after(span));
}

config::Limits connections(std::uint32_t most) {
  config::Limits limits;
  limits.connections = most;
  return limits;
}

Granted granted(std::string name) {
  Grant grant;
  grant.name = std::move(name);
  return std::make_shared<const Grant>(std::move(grant));
}

/// Says what it was told to, after a while.
class FakeSource final : public Source {
 public:
  struct Script {
    Answer answer = Refused{"unknown"};
    Duration takes{};
    int asked = 0;
  };
  explicit FakeSource(Script& script) : script_(script) {}

  bool takes(const Question& /*question*/) const override { return true; }
  Task<Answer> check(Loop& loop, const Question& /*question*/, TimePoint /*deadline*/) override {
    ++script_.asked;
    const Answer answer = script_.answer;
    if (script_.takes > Duration::zero()) co_await sleep(loop, script_.takes);
    co_return answer;
  }

 private:
  Script& script_;
};

config::User own_user(std::string name) {
  return {.name = std::move(name),
          .password_hash =
              "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$"
              "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE",
          .senders = {},
          .limits = {}};
}

class Sources : public testing::Test {
 protected:
  Sources()
      : authenticator_(
            {.verify_password = [this](const std::string&, const Secret&) -> Result<bool> {
              ++hashes_;
              return false;
            }},
            table()) {
    use({.name = "first", .timeout = 5s});
  }

  static std::shared_ptr<const UserTable> table(Rights rights = {}) {
    return UserTable::build({own_user("billing")}, std::move(rights)).value();
  }

  std::shared_ptr<GuardedSource> make(GuardedSource::Options options, FakeSource::Script& script) {
    return std::make_shared<GuardedSource>(std::move(options),
                                           std::make_unique<FakeSource>(script));
  }
  void use(GuardedSource::Options options) {
    sources_ = std::make_shared<const SourceList>(std::vector{make(std::move(options), script_)},
                                                  std::vector<TrustedNetwork>());
    authenticator_.replace_sources(sources_);
  }

  Verdict verify(std::string name, std::string_view password = "secret") {
    return loop_.run(
        authenticator_.verify(loop_, Password{"", std::move(name), Secret(password)}, kClient));
  }
  static std::string told(const Verdict& verdict) {
    if (const auto* accepted = std::get_if<Accepted>(&verdict)) {
      return std::string(accepted->identity.source()) + " lets in " + accepted->identity.name() +
             (accepted->from_cache ? " again" : "");
    }
    if (const auto* unavailable = std::get_if<Unavailable>(&verdict)) return unavailable->detail;
    return "no: " + std::get<Rejected>(verdict).detail;
  }

  Loop loop_{runtime::Time::kVirtual};
  int hashes_ = 0;
  FakeSource::Script script_;
  std::shared_ptr<const SourceList> sources_;  // what `use` made
  Authenticator authenticator_;
};

TEST_F(Sources, LetInWhomWeDoNotKnow) {
  script_.answer = granted("shop/till");
  EXPECT_EQ(told(verify("till")), "first lets in shop/till");
  EXPECT_EQ(hashes_, 0);
}

TEST_F(Sources, AreNotAskedAgainForAWhile) {
  script_.answer = granted("till");
  verify("till");
  EXPECT_EQ(told(verify("TILL")), "first lets in till again");
  EXPECT_EQ(script_.asked, 1);
  EXPECT_EQ(hashes_, 0) << "a warm login costs one MAC";
  verify("till", "another");
  EXPECT_EQ(script_.asked, 2);
  loop_.run(sleep(loop_, 61s));
  verify("till");
  EXPECT_EQ(script_.asked, 3);
  loop_.run(authenticator_.verify(loop_, Password{"", "till", Secret("secret")},
                                  IpAddress::parse("192.0.2.2").value()));
  EXPECT_EQ(script_.asked, 4) << "a source may look at where a client is";
}

TEST_F(Sources, AreNotAskedForOurOwnUsers) {
  script_.answer = granted("billing");
  EXPECT_EQ(told(verify("Billing")), "no: ");
  EXPECT_EQ(script_.asked, 0);
  EXPECT_EQ(told(verify("other")), "no: first: the name is that of a user of ours");
}

TEST_F(Sources, WhoIsRefusedCostsAHashAsAnyUserDoes) {
  EXPECT_EQ(told(verify("nobody")), "no: first: unknown");
  EXPECT_EQ(hashes_, 1);
}

TEST_F(Sources, TheTimeDoesNotTellWhomWeKnow) {
  script_.takes = 700ms;
  const auto time = [this](const std::string& name) {
    const TimePoint before = loop_.now();
    verify(name);
    return loop_.now() - before;
  };
  const Duration unknown = time("nobody");
  EXPECT_GE(unknown, 700ms);
  EXPECT_GE(time("billing"), 700ms);
}

TEST_F(Sources, ThatAreAwayRefuseNobodyAndLetNobodyIn) {
  script_.answer = Away{.reason = "it is down"};
  const Verdict verdict = verify("till");
  EXPECT_EQ(told(verdict), "first: it is down");
  EXPECT_EQ(std::get<Unavailable>(verdict).reason, "the credentials cannot be checked now")
      << "a client learns nothing of our servers";
}

TEST_F(Sources, InOrderUntilOneSaysYes) {
  FakeSource::Script second;
  second.answer = granted("till");
  script_.answer = Away{.reason = "down"};
  const auto first = make({.name = "first"}, script_);
  const auto other = make({.name = "second"}, second);
  authenticator_.replace_sources(
      std::make_shared<const SourceList>(std::vector{first, other}, std::vector<TrustedNetwork>()));
  EXPECT_EQ(told(verify("till")), "second lets in till");
  second.answer = Refused{"unknown"};
  EXPECT_EQ(told(verify("other")), "first: down") << "one could not say";
  script_.answer = Refused{"wrong"};
  EXPECT_EQ(told(verify("other")), "no: first: wrong; second: unknown");
}

TEST_F(Sources, GraceIsForWhoWasLetInBefore) {
  std::vector<Asked> heard;
  use({.name = "first",
       .cache_lifetime = 0s,
       .grace = 1h,
       .heard = [&](std::string_view, Asked how, std::string_view) { heard.push_back(how); }});
  script_.answer = granted("till");
  verify("till");
  script_.answer = Away{.reason = "down"};
  EXPECT_EQ(told(verify("till")), "first lets in till");
  EXPECT_EQ(told(verify("till", "another")), "first: down");
  EXPECT_THAT(heard, ElementsAre(Asked::kAccepted, Asked::kGrace, Asked::kUnavailable));
  loop_.run(sleep(loop_, 61min));
  EXPECT_EQ(told(verify("till")), "first: down");
  // Who is refused meanwhile has no grace any more.
  script_.answer = granted("till");
  verify("till");
  script_.answer = Refused{"gone"};
  verify("till");
  script_.answer = Away{.reason = "down"};
  EXPECT_EQ(told(verify("till")), "first: down");
}

Task<void> ask(Authenticator& authenticator, Loop& loop, std::string password, int& let_in) {
  const Verdict verdict =
      co_await authenticator.verify(loop, Password{"", "till", Secret(password)}, kClient);
  if (std::holds_alternative<Accepted>(verdict)) ++let_in;
}

Task<void> ask_at_once(Authenticator& authenticator, Loop& loop, int times, int& let_in) {
  runtime::TaskGroup group(loop);
  for (int i = 0; i < times; ++i) {
    group.spawn(ask(authenticator, loop, i % 2 == 0 ? "a" : "b", let_in));
  }
  (void)co_await group.join();
}

TEST_F(Sources, EqualQuestionsAreAskedOnce) {
  script_.answer = granted("till");
  script_.takes = 2s;
  int let_in = 0;
  loop_.run(ask_at_once(authenticator_, loop_, 100, let_in));
  EXPECT_EQ(let_in, 100);
  EXPECT_EQ(script_.asked, 2) << "two passwords";
}

TEST_F(Sources, OnlySoManyWaitForOne) {
  use({.name = "first", .most_waiting = 10});
  script_.answer = granted("till");
  script_.takes = 2s;
  int let_in = 0;
  loop_.run(ask_at_once(authenticator_, loop_, 100, let_in));
  EXPECT_EQ(let_in, 10);
}

TEST_F(Sources, WhatNobodyWasAskedAboutSaysNothingOfTheSource) {
  use({.name = "first"});
  script_.answer = Away{.reason = "down"};
  EXPECT_TRUE(std::holds_alternative<Unavailable>(verify("a")));
  script_.answer = Refused{.reason = "it is no token", .unasked = true};
  EXPECT_TRUE(std::holds_alternative<Rejected>(verify("b")));
  EXPECT_THAT(sources_->troubles(loop_.now()), testing::HasSubstr("down"));
  script_.answer = Refused{.reason = "wrong"};
  EXPECT_TRUE(std::holds_alternative<Rejected>(verify("c")));
  EXPECT_EQ(sources_->troubles(loop_.now()), "");
}

TEST_F(Sources, GiveNoRightsOfTheirOwnAccord) {
  config::UserRule by_name{.match = "shop/*", .senders = {}, .limits = connections(1)};
  by_name.senders = {*config::AddressPattern::parse("*@shop.example")};
  config::UserRule by_group{.match = "mail-*", .senders = {}, .limits = connections(2)};
  by_group.senders = {*config::AddressPattern::parse("*@group.example")};
  authenticator_.replace_users(
      table({.rules = {by_name}, .group_rules = {by_group}, .limits = connections(3)}));
  const auto user_of = [this](Grant grant) {
    script_.answer = std::make_shared<const Grant>(std::move(grant));
    static int count = 0;
    return std::get<Accepted>(verify("n" + std::to_string(++count))).identity.user();
  };
  EXPECT_EQ(user_of({.name = "bank/till"}).limits.connections, 3u);
  const config::User nobody = user_of({.name = "bank/till"});
  ASSERT_EQ(nobody.senders.size(), 1u);
  EXPECT_FALSE(nobody.senders.front().matches("a", "b.example"));
  EXPECT_FALSE(nobody.senders.front().matches("", "")) << "nor is the null reverse-path its own";
  EXPECT_EQ(user_of({.name = "shop/till", .groups = {"mail-a"}}).limits.connections, 1u);
  const config::User grouped = user_of({.name = "bank/till", .groups = {"a", "mail-a"}});
  EXPECT_EQ(grouped.limits.connections, 2u);
  EXPECT_EQ(grouped.senders.front().text(), "*@group.example");
  const config::User said = user_of({.name = "shop/till",
                                     .senders = {*config::AddressPattern::parse("a@b.example")},
                                     .limits = connections(7)});
  EXPECT_EQ(said.senders.front().text(), "a@b.example");
  EXPECT_EQ(said.limits.connections, 7u);
}

TEST_F(Sources, AReloadKeepsWhoCameByASourceThatStays) {
  script_.answer = granted("till");
  const auto source = make({.name = "first"}, script_);
  const auto list = [&](std::vector<std::shared_ptr<GuardedSource>> sources) {
    authenticator_.replace_sources(
        std::make_shared<const SourceList>(std::move(sources), std::vector<TrustedNetwork>()));
  };
  list({source});
  Identity identity = std::get<Accepted>(verify("till")).identity;
  list({source});
  EXPECT_EQ(authenticator_.renew(identity), Renewal::kHolds);
  authenticator_.replace_users(UserTable::build({own_user("TILL")}).value());
  EXPECT_EQ(authenticator_.renew(identity), Renewal::kRemoved) << "the name is ours now";
  authenticator_.replace_users(table());
  list({make({.name = "first"}, script_)});
  EXPECT_EQ(authenticator_.renew(identity), Renewal::kRemoved) << "it has other settings";
}

TEST_F(Sources, ATrustedNetworkIsAnIdentity) {
  auto grant = std::make_shared<Grant>();
  grant->name = "printers";
  grant->source_id = 77;
  authenticator_.replace_sources(std::make_shared<const SourceList>(
      std::vector<std::shared_ptr<GuardedSource>>(),
      std::vector<TrustedNetwork>{
          {.networks = {*IpNetwork::parse("192.0.2.0/30")}, .grant = grant}}));
  auto identity = authenticator_.trusted(kClient);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->name(), "printers");
  EXPECT_FALSE(authenticator_.trusted(IpAddress::parse("192.0.2.4").value()));
  authenticator_.replace_sources(std::make_shared<const SourceList>());
  EXPECT_EQ(authenticator_.renew(*identity), Renewal::kRemoved);
}

/// A source of tokens whose issuer is right here.
class Tokens : public Sources {
 protected:
  Tokens() {
    // One client shows every wrong token there is.
    authenticator_.set_guard({.network_failures = 0, .account_failures = 0});
    settings_.name = "issuer";
    settings_.issuer = "https://issuer.example";
    settings_.audience = {"sallyport"};
    settings_.groups = {"{groups}"};
    settings_.sender_templates = {"*@{sub}.example.com"};
    begin();
  }

  void begin() {
    keys_ = std::make_shared<KeyStore>(KeyStore::Surroundings{
        .fetch = [this]() -> Result<IssuerKeys> {
          ++fetches_;
          if (down_) return fail(ErrorCode::kNetwork, "connection refused");
          return IssuerKeys{"https://issuer.example", KeySet::parse(published_).value()};
        },
        .run = [this](std::function<void()> work) { loop_.post(std::move(work)); },
        .now = [this] { return loop_.now(); }});
    auto source = TokenSource::make(
        settings_, {.keys = keys_,
                    .server = std::make_unique<HttpsServer>(HttpsServer::Options{}),
                    .now = [this] { return now(); }});
    authenticator_.replace_sources(std::make_shared<const SourceList>(
        std::vector{std::make_shared<GuardedSource>(
            GuardedSource::Options{.name = "issuer", .cache_lifetime = 1h},
            std::move(source.value()))},
        std::vector<TrustedNetwork>()));
  }

  WallTime now() { return WallTime(1'800'000'000s + (loop_.now() - began_)); }
  std::string token(const SigningKey& key, const std::string& more = "", int life = 600) {
    const auto at = std::chrono::duration_cast<std::chrono::seconds>(now().time_since_epoch());
    return key.sign(R"({"iss":"https://issuer.example","aud":"sallyport","sub":"shop","exp":)" +
                    std::to_string(at.count() + life) + more + "}");
  }
  std::string show(const std::string& text, std::string name = "token") {
    return told(verify(std::move(name), text));
  }

  const TimePoint began_ = loop_.now();
  SigningKey key_{SigningKey::Kind::kP256, "one"};
  SigningKey next_{SigningKey::Kind::kEd25519, "two"};
  std::string published_ = jwks(key_.jwk());
  int fetches_ = 0;
  bool down_ = false;
  config::AuthSource settings_;
  std::shared_ptr<KeyStore> keys_;
};

TEST_F(Tokens, AreAPasswordThatTheirOwnerHas) {
  EXPECT_EQ(show(token(key_)), "issuer lets in shop");
  EXPECT_EQ(show(token(key_, R"(,"jti":"2")"), "SHOP"), "issuer lets in shop");
  EXPECT_EQ(show(token(key_, R"(,"jti":"3")"), "bank"), "no: issuer: the token is of another user");
  EXPECT_EQ(show(token(SigningKey(SigningKey::Kind::kP256, "one"))),
            "no: issuer: the signature is wrong");
  EXPECT_EQ(show("a password"), "no: no source takes it");
  EXPECT_EQ(fetches_, 1);
  EXPECT_EQ(hashes_, 3) << "one for each that was refused";
}

TEST_F(Tokens, ComeAloneAndAreNoPasswordThen) {
  const auto bear = [this](std::string name, const std::string& text) {
    return told(loop_.run(
        authenticator_.verify(loop_, BearerToken{std::move(name), Secret(text)}, kClient)));
  };
  const std::string text = token(key_);
  EXPECT_EQ(bear("", text), "issuer lets in shop");
  EXPECT_EQ(bear("", text), "issuer lets in shop again");
  EXPECT_EQ(bear("bank", text), "no: issuer: the token is of another user");
  EXPECT_EQ(bear("", "opaque"), "no: issuer: it is no signed JSON Web Token");
  EXPECT_EQ(hashes_, 0);
}

TEST_F(Tokens, SayWhatTheirOwnerMayDo) {
  const Verdict verdict = verify("token", token(key_, R"(,"groups":["a","b"])"));
  const Identity& identity = std::get<Accepted>(verdict).identity;
  EXPECT_THAT(identity.user().groups, ElementsAre("a", "b"));
  EXPECT_EQ(identity.user().senders.front().text(), "*@shop.example.com");
  settings_.sender_templates = {"{email}"};
  begin();
  EXPECT_THAT(show(token(key_)), HasSubstr("no claim for a sender"));
  EXPECT_THAT(show(token(key_, R"(,"email":"*")")), HasSubstr("no claim for a sender"));
}

TEST_F(Tokens, EndASessionAndACachedLoginWithThem) {
  const std::string text = token(key_, "", 600);
  const Verdict verdict = verify("token", text);
  EXPECT_EQ(std::get<Accepted>(verdict).identity.valid_until(), loop_.now() + 630s);
  loop_.run(sleep(loop_, 629s));
  EXPECT_EQ(show(text), "issuer lets in shop again");
  loop_.run(sleep(loop_, 1s));
  EXPECT_EQ(show(text), "no: issuer: the token has expired");
}

TEST_F(Tokens, OfANewKeyMakeUsAskForItOnce) {
  show(token(key_));
  loop_.run(sleep(loop_, 61s));
  published_ = jwks(key_.jwk(), next_.jwk());
  EXPECT_EQ(show(token(next_)), "issuer lets in shop");
  EXPECT_EQ(fetches_, 2);
  for (int i = 0; i < 50; ++i) {
    const SigningKey made_up(SigningKey::Kind::kEd25519, "made up " + std::to_string(i));
    EXPECT_EQ(show(token(made_up)), "no: issuer: the issuer has no such key");
  }
  EXPECT_EQ(fetches_, 2) << "once a minute";
  loop_.run(sleep(loop_, 61s));
  const SigningKey made_up(SigningKey::Kind::kEd25519, "made up");
  EXPECT_EQ(show(token(made_up, "", -60)), "no: issuer: the token has expired");
  EXPECT_EQ(fetches_, 2) << "for what would not do anyway nobody is asked";
  show(token(made_up));
  EXPECT_EQ(fetches_, 3);
}

TEST_F(Tokens, OfAnIssuerThatIsAwayAreNeitherRightNorWrong) {
  down_ = true;
  EXPECT_EQ(show(token(key_)), "issuer: connection refused");
  EXPECT_EQ(show("ey.b.c"), "no: issuer: it is no signed JSON Web Token") << "that is wrong anyway";
  EXPECT_EQ(fetches_, 1) << "after a failure it has a moment";
  down_ = false;
  loop_.run(sleep(loop_, 2s));
  EXPECT_EQ(show(token(key_)), "issuer lets in shop");
  down_ = true;
  loop_.run(sleep(loop_, 2h));
  EXPECT_EQ(show(token(key_, R"(,"jti":"2")")), "issuer lets in shop") << "by the keys of before";
  EXPECT_EQ(show(token(next_)), "issuer: connection refused") << "the key may be new";
}

TEST_F(Tokens, OfAClusterAreOfServiceAccounts) {
  settings_.kind = config::SourceKind::kKubernetes;
  settings_.user = "{namespace}/{serviceaccount}";
  settings_.sender_templates = {"*@{namespace}.example.com"};
  begin();
  const std::string pod =
      R"(,"kubernetes.io":{"namespace":"shop","serviceaccount":{"name":"till"}})";
  EXPECT_EQ(show(token(key_, pod)), "no: issuer: the token is of no service account");
  EXPECT_EQ(show(token(key_, pod + R"(,"sub":"system:serviceaccount:shop:till")")),
            "issuer lets in shop/till");
  EXPECT_EQ(show(token(key_, pod + R"(,"sub":"system:serviceaccount:bank:till")")),
            "no: issuer: the token is of no service account");
}

Question question() {
  return {.name = "till", .secret = Secret("s\"1"), .mechanism = "PLAIN", .client = kClient};
}

std::string said(int status, std::string_view body) {
  const Answer answer = read_webhook_response(status, body, question());
  if (const auto* away = std::get_if<Away>(&answer)) return "away: " + away->reason;
  if (std::holds_alternative<Refused>(answer)) return "no";
  const Grant& grant = *std::get<Granted>(answer);
  std::string text = grant.name;
  for (const auto& sender : grant.senders) text += ' ' + sender.text();
  for (const auto& group : grant.groups) text += " in " + group;
  for (const auto& [name, value] : grant.labels) text += ' ' + name + '=' + value;
  if (grant.limits.messages) text += " messages " + std::to_string(grant.limits.messages->amount);
  if (grant.limits.connections) text += " connections " + std::to_string(*grant.limits.connections);
  if (grant.lifetime) text += " for a while";
  return text;
}

TEST(Webhook, IsAskedByItsContract) {
  EXPECT_EQ(webhook_request(question()).reveal(),
            R"({"name":"till","password":"s\"1","client":"192.0.2.1","mechanism":"PLAIN"})");
  Question token = question();
  token.name = "";
  token.is_token = true;
  EXPECT_EQ(webhook_request(token).reveal(),
            R"({"name":null,"token":"s\"1","client":"192.0.2.1","mechanism":"PLAIN"})");
}

TEST(Webhook, AnswersByItsContract) {
  EXPECT_EQ(said(200, ""), "till");
  EXPECT_EQ(said(200, "{}"), "till");
  EXPECT_EQ(said(200, R"({"name":"shop/till","groups":["a","b"],"labels":{"tier":"gold"},
                      "senders":["*@shop.example"],"limits":{"messages":"5/day","connections":2},
                      "valid_for":60,"more":null})"),
            "shop/till *@shop.example in a in b tier=gold messages 5 connections 2 for a while");
  EXPECT_EQ(said(401, "whatever"), "no");
  EXPECT_EQ(said(403, ""), "no");
}

TEST(Webhook, LetsNobodyInByGarbage) {
  for (const auto& [status, body] :
       std::vector<std::pair<int, std::string>>{{500, ""},
                                                {204, ""},
                                                {302, "{}"},
                                                {404, "{}"},
                                                {200, "<html>"},
                                                {200, "[]"},
                                                {200, R"({"name":""})"},
                                                {200, R"({"name":5})"},
                                                {200, R"({"name":"a\u0000b"})"},
                                                {200, R"({"senders":[]})"},
                                                {200, R"({"senders":{"a":"b"}})"},
                                                {200, R"({"senders":["a@@b"]})"},
                                                {200, R"({"groups":["a\nb"]})"},
                                                {200, R"({"limits":"many"})"},
                                                {200, R"({"limits":{"messages":"many"}})"},
                                                {200, R"({"limits":{"messages":5}})"},
                                                {200, R"({"limits":{"connections":0}})"},
                                                {200, R"({"valid_for":0})"}}) {
    EXPECT_THAT(said(status, body), testing::StartsWith("away: ")) << status << ' ' << body;
  }
}

}  // namespace
}  // namespace sallyport::auth
