// What is kept of a host's addresses over look-ups that fail and conversations that fail.
#include "proxy/relay/addresses.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "proxy/runtime/event.h"
#include "tests/support/fake_name_server.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;
using runtime::Loop;
using runtime::SocketAddress;
using runtime::Task;
using Texts = std::vector<std::string>;

struct Report {
  ErrorCode code;
  bool first;
  bool usable;
};

class AddressesTest : public testing::Test {
 protected:
  AddressesTest()
      : addresses_(loop_, [this](Loop& own) {
          return std::make_unique<runtime::LookUp>(
              own, "mail.test.", 25,
              runtime::ResolverSettings{
                  .servers = server_.address(), .timeout = 100ms, .attempts = 1});
        }) {
    addresses_.look_up_failed = [this](const Error& error, bool first, bool usable) {
      reports_.push_back({error.code, first, usable});
    };
  }

  Texts in_order(Duration at_most = 20s) {
    const auto main = [](Loop& l, Addresses& a, Duration most) -> Task<Texts> {
      const auto order = co_await a.in_order(l.after(most));
      Texts texts;
      if (!order) co_return Texts{order.error().text};
      for (const SocketAddress& address : *order) texts.push_back(address.ip());
      co_return texts;
    };
    return loop_.run(main(loop_, addresses_, at_most));
  }

  void pass(Duration span) {
    const auto main = [](Loop& l, Duration most) -> Task<void> {
      runtime::Event never(l);
      (void)co_await never.wait(l.after(most));
    };
    loop_.run(main(loop_, span));
  }

  static SocketAddress at(const std::string& ip) { return SocketAddress::parse(ip, 25).value(); }

  support::FakeNameServer server_;
  Loop loop_;
  Addresses addresses_;
  std::vector<Report> reports_;
};

TEST_F(AddressesTest, TheWinnerIsFirstAndWhatFailedIsLast) {
  server_.set("mail.test", {.v4 = {"192.0.2.1", "192.0.2.2", "192.0.2.3"}});
  EXPECT_EQ(in_order(), (Texts{"192.0.2.1", "192.0.2.2", "192.0.2.3"}));
  addresses_.failed(at("192.0.2.1"));
  EXPECT_EQ(in_order(), (Texts{"192.0.2.2", "192.0.2.3", "192.0.2.1"}));
  addresses_.succeeded(at("192.0.2.3"));
  EXPECT_EQ(in_order(), (Texts{"192.0.2.3", "192.0.2.2", "192.0.2.1"}));
  addresses_.failed(at("192.0.2.3"));
  EXPECT_EQ(in_order(), (Texts{"192.0.2.2", "192.0.2.1", "192.0.2.3"}));
  addresses_.succeeded(at("192.0.2.1"));
  EXPECT_EQ(in_order(), (Texts{"192.0.2.1", "192.0.2.2", "192.0.2.3"}));
  EXPECT_EQ(server_.queries(), 2);  // one a family: the answer is fresh
}

TEST_F(AddressesTest, AnAnswerIsRenewedOnAge) {
  server_.set("mail.test", {.v4 = {"192.0.2.1"}, .ttl = 1});
  EXPECT_EQ(in_order(), Texts{"192.0.2.1"});
  server_.set("mail.test", {.v4 = {"192.0.2.9"}, .ttl = 1});
  pass(1100ms);
  EXPECT_EQ(in_order(), Texts{"192.0.2.9"});
}

TEST_F(AddressesTest, TheLastAnswerIsUsedWhileTheNameServersFail) {
  server_.set("mail.test", {.v4 = {"192.0.2.1"}, .ttl = 1});
  EXPECT_EQ(in_order(), Texts{"192.0.2.1"});
  server_.set("mail.test", {.silent_on_v4 = true, .silent_on_v6 = true});
  pass(1100ms);
  const TimePoint began = loop_.now();
  EXPECT_EQ(in_order(), Texts{"192.0.2.1"});
  EXPECT_LT(loop_.now() - began, 5s);  // one second of patience at most
  EXPECT_EQ(in_order(), Texts{"192.0.2.1"});
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_TRUE(reports_[0].first);
  EXPECT_TRUE(reports_[0].usable);
}

TEST_F(AddressesTest, ANameThatIsGoneHasNoAddress) {
  server_.set("mail.test", {.v4 = {"192.0.2.1"}, .ttl = 1});
  EXPECT_EQ(in_order(), Texts{"192.0.2.1"});
  server_.set("mail.test", {});
  pass(1100ms);
  EXPECT_EQ(in_order(), Texts{"look up mail.test: the name has no address"});
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_FALSE(reports_[0].usable);
}

TEST_F(AddressesTest, WithoutAnAnswerTheErrorIsTheLookUps) {
  server_.set("mail.test", {.fails = true});
  EXPECT_TRUE(in_order().front().starts_with("look up mail.test: "));
  EXPECT_TRUE(in_order().front().starts_with("look up mail.test: "));
  ASSERT_EQ(reports_.size(), 2u);
  EXPECT_TRUE(reports_[0].first);
  EXPECT_FALSE(reports_[1].first);
  server_.set("mail.test", {.silent_on_v4 = true, .silent_on_v6 = true});
  EXPECT_EQ(in_order(20ms), Texts{"the name servers do not answer in time"});
}

}  // namespace
}  // namespace sallyport::relay
