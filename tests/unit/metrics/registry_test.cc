#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "metrics/metrics.h"

namespace sallyport::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Registry, GivesTheSameHandleForTheSameName) {
  Registry registry({});
  EXPECT_EQ(&registry.for_user("billing"), &registry.for_user("billing"));
  EXPECT_NE(&registry.for_user("billing"), &registry.for_user("shop"));
  EXPECT_EQ(&registry.for_upstream("ses"), &registry.for_upstream("ses"));
  EXPECT_EQ(&registry.for_listener("[::]:465"), &registry.for_listener("[::]:465"));
}

TEST(Registry, UsersPastTheCapShareOneLabel) {
  Registry registry({.most_users = 2});
  auto& first = registry.for_user("a");
  registry.for_user("b");
  auto& third = registry.for_user("c");
  EXPECT_EQ(&third, &registry.for_user("d"));
  EXPECT_EQ(&third, &registry.for_user("other"));
  EXPECT_EQ(&first, &registry.for_user("a"));  // who was first keeps its own
  third.message(Outcome::kAccepted, 1, 1);
  const auto page = registry.expose();
  EXPECT_THAT(page, HasSubstr("sallyport_messages_total{user=\"other\",result=\"accepted\"} 1\n"));
  EXPECT_THAT(page, Not(HasSubstr("user=\"c\"")));
}

TEST(Registry, TheCapCanBeChanged) {
  Registry registry({.most_users = 1});
  auto& first = registry.for_user("a");
  auto& other = registry.for_user("b");
  registry.set_most_users(3);
  EXPECT_NE(&registry.for_user("b"), &other);
  registry.set_most_users(0);
  EXPECT_EQ(&registry.for_user("a"), &first);
  EXPECT_EQ(&registry.for_user("c"), &other);
}

TEST(Registry, AMechanismThatAClientMadeUpIsNoLabel) {
  Registry registry({});
  EXPECT_EQ(&registry.for_mechanism("plain"), &registry.for_mechanism("PLAIN"));
  registry.for_mechanism("PLAIN\"} 1\nforged 1").results[AuthResult::kRejected].add();
  registry.for_mechanism("X-1").results[AuthResult::kRejected].add();
  const auto page = registry.expose();
  EXPECT_THAT(page, HasSubstr("sallyport_auth_total{mechanism=\"other\",result=\"rejected\"} 2\n"));
  EXPECT_THAT(page, Not(HasSubstr("forged")));
}

TEST(Registry, CanBeCountedInWhileItIsRead) {
  Registry registry({});
  std::atomic<bool> stop = false;
  std::jthread scraper([&] {
    while (!stop) (void)registry.expose();
  });
  {
    std::vector<std::jthread> workers;
    workers.reserve(3);
    for (int worker = 0; worker < 3; ++worker) {
      workers.emplace_back([&registry] {
        for (int n = 0; n < 500; ++n) {
          registry.for_user(std::to_string(n % 50)).message(Outcome::kDeferred, 10, 1);
          registry.for_upstream("ses").transaction.observe(std::chrono::milliseconds(n));
        }
      });
    }
  }
  stop = true;
  scraper.join();
  EXPECT_THAT(registry.expose(),
              HasSubstr("sallyport_upstream_transaction_seconds_count{upstream=\"ses\"} 1500\n"));
}

}  // namespace
}  // namespace sallyport::metrics
