// One fetch for everybody who waits, tokens that are renewed before they end, outages.
#include "proxy/oauth/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <deque>
#include <thread>

#include "proxy/runtime/task_group.h"

namespace sallyport::oauth {
namespace {

using namespace std::chrono_literals;
using runtime::Loop;
using runtime::Task;

/// A source whose fetches happen when a test says so.
class TokenSourceTest : public testing::Test {
 public:
  std::shared_ptr<TokenSource> source_ = std::make_shared<TokenSource>(TokenSource::Surroundings{
      .fetch =
          [this] {
            ++fetches_;
            return answer_;
          },
      .run = [this](std::function<void()> work) { due_.push_back(std::move(work)); },
      .fetched = [this](const Result<void>& result) { ended_.push_back(result.has_value()); },
      .now = [this] { return now_; }});

  void answer(std::string token, Duration lifetime = 1h) {
    answer_ = Token{.text = Secret(token), .lifetime = lifetime};
  }
  /// Runs the fetches that are due.
  void work() {
    while (!due_.empty()) {
      const auto next = std::move(due_.front());
      due_.pop_front();
      next();
    }
  }
  std::string result_of(Result<Secret> token) {
    return token ? std::string(token->reveal()) : "error: " + token.error().text;
  }
  Task<void> ask_into(std::string& result) {
    result = result_of(co_await source_->current(loop_, loop_.after(30s)));
  }
  Task<void> work_later() {
    co_await loop_.next_turn();
    work();
  }
  /// What a login gets, if the fetch that it may need is done meanwhile.
  std::string ask() {
    const auto both = [](TokenSourceTest& test, std::string& result) -> Task<void> {
      runtime::TaskGroup group(test.loop_);
      group.spawn(test.ask_into(result));
      group.spawn(test.work_later());
      (void)co_await group.join();
    };
    std::string result;
    loop_.run(both(*this, result));
    return result;
  }
  std::string after_refusal(std::string refused) {
    const auto both = [](TokenSourceTest& test, std::string token,
                         std::string& result) -> Task<void> {
      runtime::TaskGroup group(test.loop_);
      group.spawn(test.work_later());
      result = test.result_of(
          co_await test.source_->after_refusal(test.loop_, Secret(token), test.loop_.after(30s)));
      (void)co_await group.join();
    };
    std::string result;
    loop_.run(both(*this, std::move(refused), result));
    return result;
  }

  Loop loop_{runtime::Time::kVirtual};
  TimePoint now_{1000h};
  Result<Token> answer_ = Token{.text = Secret("one"), .lifetime = 1h};
  std::deque<std::function<void()>> due_;
  std::vector<bool> ended_;
  int fetches_ = 0;
};

TEST_F(TokenSourceTest, IsFetchedOnceForAllWhoWait) {
  const auto all = [](TokenSourceTest& test, std::vector<std::string>& results) -> Task<void> {
    runtime::TaskGroup group(test.loop_);
    for (std::string& result : results) group.spawn(test.ask_into(result));
    group.spawn(test.work_later());
    (void)co_await group.join();
  };
  std::vector<std::string> results(20);
  loop_.run(all(*this, results));
  EXPECT_THAT(results, testing::Each("one"));
  EXPECT_EQ(fetches_, 1);
  answer("two");
  EXPECT_EQ(ask(), "one");
  EXPECT_EQ(fetches_, 1);
  EXPECT_THAT(ended_, testing::ElementsAre(true));
}

TEST_F(TokenSourceTest, IsRenewedBeforeItEndsAndNobodyWaitsForThat) {
  EXPECT_EQ(ask(), "one");
  answer("two");
  now_ += 54min;
  EXPECT_EQ(ask(), "one");
  EXPECT_EQ(fetches_, 1);
  now_ += 2min;
  EXPECT_EQ(ask(), "one");  // and its renewal began
  EXPECT_EQ(fetches_, 2);
  EXPECT_EQ(ask(), "two");
}

TEST_F(TokenSourceTest, IsUsedToItsEndWhileTheServerIsDown) {
  EXPECT_EQ(ask(), "one");
  now_ += 56min;
  answer_ = fail(ErrorCode::kNetwork, "down");
  EXPECT_EQ(ask(), "one");
  EXPECT_EQ(ask(), "one");
  EXPECT_EQ(fetches_, 2);  // not for each login
  now_ += 5min;
  EXPECT_EQ(ask(), "error: down");
  EXPECT_EQ(fetches_, 3);
  EXPECT_EQ(ask(), "error: down");  // at once: the next fetch waits a little
  EXPECT_EQ(fetches_, 3);
  answer("two");
  now_ += 5s;
  EXPECT_EQ(ask(), "two");
}

TEST_F(TokenSourceTest, APauseGrowsToAMinute) {
  answer_ = fail(ErrorCode::kNetwork, "down");
  EXPECT_EQ(ask(), "error: down");
  for (int i = 0; i < 10; ++i) {
    now_ += 80s;
    EXPECT_EQ(ask(), "error: down");
  }
  EXPECT_EQ(fetches_, 11);
  now_ += 50s;
  EXPECT_EQ(ask(), "error: down");
  EXPECT_EQ(fetches_, 11);
}

TEST_F(TokenSourceTest, ARefusedTokenIsReplacedOnce) {
  EXPECT_EQ(ask(), "one");
  answer("two");
  now_ += 1min;
  EXPECT_EQ(after_refusal("one"), "two");
  EXPECT_EQ(fetches_, 2);
  // Others that heard no with the old one get the new one, without a fetch.
  EXPECT_EQ(after_refusal("one"), "two");
  EXPECT_EQ(fetches_, 2);
  // The new one is refused as well: it is not its age.
  EXPECT_EQ(after_refusal("two"), "error: a token that was fetched only now is refused");
  EXPECT_EQ(fetches_, 2);
  now_ += 11s;
  answer("three");
  EXPECT_EQ(after_refusal("two"), "three");
}

TEST_F(TokenSourceTest, AWaiterThatGivesUpLeavesTheFetchToTheOthers) {
  EXPECT_EQ(loop_.run([](TokenSourceTest& test) -> Task<std::string> {
    co_return test.result_of(co_await test.source_->current(test.loop_, test.loop_.after(5s)));
  }(*this)),
            "error: the token server gave no access token in time");
  EXPECT_EQ(ask(), "one");
  EXPECT_EQ(fetches_, 1);
}

TEST_F(TokenSourceTest, WhoWaitsIsSentAwayWhenAllEnds) {
  const auto both = [](TokenSourceTest& test, std::string& result) -> Task<void> {
    runtime::TaskGroup group(test.loop_);
    group.spawn(test.ask_into(result));
    co_await test.loop_.next_turn();
    test.source_->cut_off(test.loop_);
    (void)co_await group.join();
  };
  std::string result;
  loop_.run(both(*this, result));
  EXPECT_EQ(result, "error: sallyport is stopping");
  work();
  EXPECT_EQ(ask(), "one");
}

TEST_F(TokenSourceTest, IsFetchedBeforeAnyLogin) {
  source_->prefetch();
  source_->prefetch();
  work();
  EXPECT_EQ(ask(), "one");
  EXPECT_EQ(fetches_, 1);
}

TEST(TokenSource, ServesManyLoopsAtOnce) {
  http::Client threads(2);
  std::atomic<int> fetches = 0;
  const auto source = std::make_shared<TokenSource>(TokenSource::Surroundings{
      .fetch = [&]() -> Result<Token> {
        return Token{.text = Secret(std::to_string(++fetches)), .lifetime = 1h};
      },
      .run = [&](std::function<void()> work) { threads.run(std::move(work)); },
      .fetched = {}});
  // All at a time: ThreadSanitizer does not see libuv close descriptors, and would take their next
  // use in another thread for a race.
  std::array<Loop, 8> loops;
  std::vector<std::thread> workers;
  std::atomic<int> served = 0;
  workers.reserve(loops.size());
  for (Loop& loop : loops) {
    workers.emplace_back([&] {
      for (int j = 0; j < 50; ++j) {
        const auto token = loop.run(source->current(loop, loop.after(30s)));
        if (token) ++served;
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(served, 400);
  EXPECT_EQ(fetches, 1);
}

TEST(Tokens, AreSharedByUpstreamsWithTheSameCredential) {
  http::Client client(1);
  Tokens tokens(client, {});
  config::OAuth one;
  one.token_url = "https://login.example.com/token";
  one.client_id = "a";
  config::OAuth other = one;
  other.scope = "s";
  const auto first = tokens.of(one, "x");
  EXPECT_EQ(tokens.of(one, "y"), first);
  EXPECT_NE(tokens.of(other, "z"), first);
}

}  // namespace
}  // namespace sallyport::oauth
