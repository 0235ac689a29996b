#include "proxy/runtime/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "proxy/runtime/task_group.h"
#include "tests/support/fake_name_server.h"

namespace sallyport::runtime {
namespace {

using namespace std::chrono_literals;
using support::FakeNameServer;

ResolverSettings asking(const FakeNameServer& server) {
  return {.servers = server.address(), .timeout = 100ms, .attempts = 2};
}

Task<Result<HostAddresses>> look_up(Loop& loop, std::string name, ResolverSettings settings) {
  LookUp look_up(loop, name, 465, settings);
  EXPECT_TRUE(co_await look_up.wait(loop.after(30s))) << name;
  co_return look_up.result();
}

std::vector<std::string> texts(const Result<HostAddresses>& found) {
  std::vector<std::string> texts;
  if (!found) return {found.error().text};
  for (const SocketAddress& address : found->addresses) texts.push_back(address.str());
  return texts;
}

using Texts = std::vector<std::string>;

TEST(Resolver, AnswersLiteralsWithoutAsking) {
  Loop loop(Time::kVirtual);
  const auto found = loop.run(resolve(loop, "192.0.2.1", 465, loop.now()));
  EXPECT_EQ(texts(found), Texts{"192.0.2.1:465"});
  EXPECT_EQ(texts(loop.run(resolve(loop, "::1", 25, loop.now()))), Texts{"[::1]:25"});
}

TEST(Resolver, LocalhostIsLoopbackAndNeverAskedFor) {
  // Also where no hosts file knows it (RFC 6761 section 6.3): names below it are in none.
  Loop loop;
  FakeNameServer server;
  for (const char* name : {"localhost", "LOCALHOST.", "mail.localhost", "mail.localhost."}) {
    const auto found = loop.run(look_up(loop, name, asking(server)));
    ASSERT_TRUE(found) << found.error().text;
    for (const SocketAddress& address : found->addresses) EXPECT_TRUE(address.is_loopback());
    EXPECT_EQ(found->addresses.front().port(), 465);
  }
  EXPECT_EQ(server.queries(), 0);
}

TEST(Resolver, FamiliesTakeTurnsIpv6First) {
  Loop loop;
  FakeNameServer server;
  server.set("mail.test", {.v4 = {"192.0.2.1", "192.0.2.2", "192.0.2.3"},
                           .v6 = {"2001:db8::1", "2001:db8::2"},
                           .ttl = 30});
  for (const char* name : {"mail.test", "mail.test."}) {
    const auto found = loop.run(look_up(loop, name, asking(server)));
    EXPECT_EQ(texts(found), (Texts{"[2001:db8::1]:465", "192.0.2.1:465", "[2001:db8::2]:465",
                                   "192.0.2.2:465", "192.0.2.3:465"}));
    EXPECT_EQ(found->lifetime, 30s);
  }
}

TEST(Resolver, AnswersAreKeptAMinuteAtMostAndASecondAtLeast) {
  Loop loop;
  FakeNameServer server;
  server.set("long.test", {.v4 = {"192.0.2.1"}, .ttl = 86400});
  server.set("zero.test", {.v4 = {"192.0.2.1"}, .ttl = 0});
  EXPECT_EQ(loop.run(look_up(loop, "long.test.", asking(server)))->lifetime, 60s);
  EXPECT_GE(loop.run(look_up(loop, "zero.test.", asking(server)))->lifetime, 1s);
}

TEST(Resolver, ANameServerThatIsSilentAboutOneFamilyDoesNotHoldBackTheOther) {
  Loop loop;
  FakeNameServer server;
  server.set("mail.test", {.v4 = {"192.0.2.1"}, .silent_on_v6 = true});
  auto patient = asking(server);
  patient.timeout = 20s;
  const auto began = loop.now();
  const auto found = loop.run(look_up(loop, "mail.test.", patient));
  EXPECT_EQ(texts(found), Texts{"192.0.2.1:465"});
  EXPECT_LT(loop.now() - began, 10s);
  EXPECT_LE(found->lifetime, 5s);  // the other family is asked for again soon
}

TEST(Resolver, TellsANameThatIsNotThereFromAServerThatFails) {
  Loop loop;
  FakeNameServer server;
  server.set("empty.test", {});
  server.set("broken.test", {.fails = true});
  server.set("silent.test", {.silent_on_v4 = true, .silent_on_v6 = true});
  const struct {
    std::string name;
    ErrorCode code;
    std::string text;
  } cases[] = {
      {"missing.test.", ErrorCode::kNotFound, "look up missing.test: the name does not exist"},
      {"empty.test.", ErrorCode::kNotFound, "look up empty.test: the name has no address"},
      {"silent.test.", ErrorCode::kNetwork, "look up silent.test: the name servers do not answer"},
      {"broken.test.", ErrorCode::kNetwork, ""},
  };
  for (const auto& c : cases) {
    const auto found = loop.run(look_up(loop, c.name, asking(server)));
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, c.code) << found.error().text;
    if (!c.text.empty()) EXPECT_EQ(found.error().text, c.text);
  }
}

TEST(Resolver, ALookUpHasADeadlineAndHoldsUpNoOne) {
  // With getaddrinfo on threads, ~Loop waited here for as long as the resolver was silent.
  const auto began = std::chrono::steady_clock::now();
  {
    Loop loop;
    FakeNameServer server;
    server.set("silent.test", {.silent_on_v4 = true, .silent_on_v6 = true});
    const auto main = [](Loop& l, const FakeNameServer& s) -> Task<void> {
      ResolverSettings patient = asking(s);
      patient.timeout = 20s;
      LookUp look_up(l, "silent.test.", 465, patient);
      EXPECT_FALSE(co_await look_up.wait(l.after(50ms)));
      EXPECT_FALSE(look_up.has_ended());
    };
    loop.run(main(loop, server));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
}

TEST(Resolver, ALookUpCanBeCancelledAndSharedByManyTasks) {
  Loop loop;
  FakeNameServer server;
  server.set("silent.test", {.silent_on_v4 = true, .silent_on_v6 = true});
  const auto wait = [](Loop& l, LookUp& shared, int& ended) -> Task<void> {
    EXPECT_TRUE(co_await shared.wait(l.after(30s)));
    EXPECT_EQ(shared.result().error().code, ErrorCode::kCancelled);
    ++ended;
  };
  const auto main = [](Loop& l, const FakeNameServer& s, auto waiting) -> Task<int> {
    ResolverSettings patient = asking(s);
    patient.timeout = 20s;
    LookUp shared(l, "silent.test.", 465, patient);
    int ended = 0;
    TaskGroup group(l);
    for (int i = 0; i < 3; ++i) group.spawn(waiting(l, shared, ended));
    EXPECT_FALSE(co_await shared.wait(l.after(20ms)));
    shared.cancel();
    (void)co_await group.join();
    co_return ended;
  };
  EXPECT_EQ(loop.run(main(loop, server, wait)), 3);
}

TEST(ResolverSettings, TakeWhatResolvConfAsksFor) {
  const auto plain = parse_resolver_settings("nameserver 192.0.2.1\nsearch a.test\n", "");
  EXPECT_EQ(plain.timeout, 2s);
  EXPECT_EQ(plain.attempts, 3);
  const auto asked = parse_resolver_settings(
      "; a comment\nnameserver 192.0.2.1\noptions ndots:5 timeout:7\toptions attempts:9\n", "");
  EXPECT_EQ(asked.timeout, 7s);
  EXPECT_EQ(asked.attempts, 5);
  const auto overruled = parse_resolver_settings("options timeout:7 attempts:2", "timeout:1");
  EXPECT_EQ(overruled.timeout, 1s);
  EXPECT_EQ(overruled.attempts, 2);
  for (const char* odd :
       {"options timeout:", "options timeout:x", "options", "options timeout:3x"}) {
    EXPECT_EQ(parse_resolver_settings(odd, "").timeout, 2s) << odd;
  }
  EXPECT_EQ(parse_resolver_settings("options timeout:0", "").timeout, 1s);
}

std::vector<std::string> texts_of(Loop& loop, const FakeNameServer& server, const char* name) {
  const auto found = loop.run(resolve_texts(loop, name, asking(server), loop.after(30s)));
  return found
             ? *found
             : Texts{std::string(sallyport::name(found.error().code)) + ": " + found.error().text};
}

TEST(Resolver, TextsAreGivenWholeAndInOrder) {
  Loop loop;
  FakeNameServer server;
  const std::string key(600, 'k');
  server.set("example.test", {.texts = {"v=spf1 -all", "other", ""}});
  server.set("long.test", {.texts = {"p=" + key}});
  server.set("address.test", {.v4 = {"192.0.2.1"}});
  server.set("broken.test", {.fails = true});
  EXPECT_EQ(texts_of(loop, server, "example.test"), (Texts{"v=spf1 -all", "other", ""}));
  EXPECT_EQ(texts_of(loop, server, "example.test."), (Texts{"v=spf1 -all", "other", ""}));
  EXPECT_EQ(texts_of(loop, server, "long.test"), Texts{"p=" + key});
  EXPECT_EQ(texts_of(loop, server, "address.test"),
            Texts{"not_found: look up TXT of address.test: the name has no such record"});
  EXPECT_EQ(texts_of(loop, server, "nothing.test"),
            Texts{"not_found: look up TXT of nothing.test: the name does not exist"});
  EXPECT_THAT(texts_of(loop, server, "broken.test").front(), testing::StartsWith("network: "));
  const std::string endless(300, 'x');
  EXPECT_THAT(texts_of(loop, server, endless.c_str()).front(), testing::StartsWith("invalid: "));
}

TEST(Resolver, ASilentServerOrADeadlineEndsATextLookUp) {
  Loop loop;
  FakeNameServer server;
  server.set("silent.test", {.silent_on_v4 = true, .silent_on_v6 = true});
  EXPECT_EQ(texts_of(loop, server, "silent.test"),
            Texts{"network: look up TXT of silent.test: the name servers do not answer"});
  const auto late = loop.run(resolve_texts(loop, "silent.test", asking(server), loop.now()));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kTimeout);
}

}  // namespace
}  // namespace sallyport::runtime
