#include "proxy/net/groups.h"

#include <gtest/gtest.h>

#include <chrono>

namespace sallyport::net {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNow{1000h};

TEST(HelloSize, IsLargeAsLongAsItIsAnswered) {
  HelloSize size;
  EXPECT_TRUE(size.may_be_large(kNow));
  size.learn(true, true, kNow);
  EXPECT_TRUE(size.may_be_large(kNow));
  EXPECT_FALSE(size.should_try_small());
}

TEST(HelloSize, ASmallOneThatIsAnsweredIsRememberedForAnHour) {
  HelloSize size;
  size.learn(true, false, kNow);
  EXPECT_TRUE(size.should_try_small());
  EXPECT_FALSE(size.may_be_large(kNow));
  size.learn(false, true, kNow);
  EXPECT_FALSE(size.should_try_small());
  EXPECT_FALSE(size.may_be_large(kNow + 59min));
  size.learn(false, false, kNow + 59min);  // an outage says nothing of the size
  EXPECT_FALSE(size.may_be_large(kNow + 59min));
  EXPECT_TRUE(size.may_be_large(kNow + 60min));
  size.learn(true, true, kNow + 60min);
  EXPECT_TRUE(size.may_be_large(kNow + 60min));
}

TEST(HelloSize, AHostThatIsDownIsNotBlamedOnTheSize) {
  HelloSize size;
  size.learn(true, false, kNow);
  size.learn(false, false, kNow);
  EXPECT_FALSE(size.should_try_small());
  EXPECT_TRUE(size.may_be_large(kNow));
}

TEST(Groups, CanBeSetOnBothApis) {
  const bssl::UniquePtr<SSL_CTX> context(SSL_CTX_new(TLS_method()));
  EXPECT_TRUE(set_groups(*context));
  const bssl::UniquePtr<SSL> connection(SSL_new(context.get()));
  EXPECT_TRUE(set_classic_groups(*connection));
}

}  // namespace
}  // namespace sallyport::net
