#include "auth/hashing_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <string>
#include <vector>

#include "proxy/runtime/loop_thread.h"
#include "proxy/runtime/task_group.h"

namespace sallyport::auth {
namespace {

using runtime::Loop;
using runtime::Task;
using runtime::TaskGroup;

CredentialsMac key(int number) {
  CredentialsMac mac{};
  mac[0] = static_cast<std::uint8_t>(number);
  mac[1] = static_cast<std::uint8_t>(number >> 8);
  return mac;
}

using Work = HashingQueue::Work;

/// Of a stranger, alone in its networks of every level.
Place at(std::uint64_t network) { return {.path = {network, network, network}}; }

/// One `run`, its outcome written down as "true", "false" or the error's text.
Task<void> note_run(HashingQueue& queue, Loop& loop, CredentialsMac mac, Work work,
                    std::string& outcome, std::uint64_t network = 1) {
  const Result<bool> result = co_await queue.run(loop, at(network), mac, work);
  outcome = !result ? result.error().text : *result ? "true" : "false";
}

/// So many hashes at one time, and so many that wait: virtual time stands still meanwhile, so no
/// hash is measured before the last has come.
HashingQueue::Options places(std::size_t running, int waiting) {
  HashingQueue::Options options;
  options.most_running = running;
  // And half a place, so that even without any there is a moment to wait in.
  options.longest_wait = (2 * waiting + 1) * options.usual_cost / static_cast<int>(2 * running);
  return options;
}

TEST(HashingQueue, FitsTheMachine) {
  EXPECT_EQ(HashingQueue::Options::fit(0).most_running, 1u);
  EXPECT_EQ(HashingQueue::Options::fit(1).most_running, 1u);
  EXPECT_EQ(HashingQueue::Options::fit(64).most_running, 64u);
}

TEST(HashingQueue, GivesWhatTheWorkGave) {
  Loop loop(runtime::Time::kVirtual);
  HashingQueue queue(HashingQueue::Options{});
  const Work works[] = {[] { return true; }, [] { return false; },
                        [] { return fail(ErrorCode::kSystem, "no memory"); }};
  std::vector<std::string> outcomes(3);
  for (int i = 0; i < 3; ++i) {
    loop.run(note_run(queue, loop, key(i), works[i], outcomes[static_cast<std::size_t>(i)]));
  }
  EXPECT_EQ(outcomes, (std::vector<std::string>{"true", "false", "no memory"}));
}

/// Spawns `count` runs with the keys `key_of(i)`, all in one turn of the loop, and joins them.
Task<void> run_all(HashingQueue& queue, Loop& loop, Work work, int (*key_of)(int),
                   std::vector<std::string>& outcomes) {
  TaskGroup group(loop);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    group.spawn(note_run(queue, loop, key(key_of(static_cast<int>(i))), work, outcomes[i]));
  }
  (void)co_await group.join();
}

TEST(HashingQueue, PastTheLineItRefusesAtOnce) {
  Loop loop(runtime::Time::kVirtual);
  HashingQueue queue(places(2, 3));
  std::atomic<int> calls = 0;
  std::vector<std::string> outcomes(8);
  loop.run(run_all(queue, loop, [&] { return ++calls > 0; }, [](int i) { return i; }, outcomes));
  EXPECT_EQ(calls, 5);
  EXPECT_EQ(std::ranges::count(outcomes, "true"), 5);
  EXPECT_EQ(std::ranges::count(outcomes, "too many logins are waiting to be checked"), 3);
  EXPECT_EQ(queue.load().running, 0u);
  EXPECT_EQ(queue.load().waiting, 0u);
}

TEST(HashingQueue, TheSameKeyIsWorkedOutOnceAndNeverRefused) {
  Loop loop(runtime::Time::kVirtual);
  HashingQueue queue(places(1, 0));
  std::atomic<int> calls = 0;
  std::vector<std::string> outcomes(1000);
  loop.run(run_all(queue, loop, [&] { return ++calls > 0; }, [](int) { return 7; }, outcomes));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(std::ranges::count(outcomes, "true"), 1000);
}

TEST(HashingQueue, FirstComeFirstServed) {
  Loop loop(runtime::Time::kVirtual);
  HashingQueue queue(places(1, 100));
  std::vector<int> order;  // one at a time, so no lock
  const auto main = [](Loop& l, HashingQueue& q, std::vector<int>& served) -> Task<void> {
    TaskGroup group(l);
    std::vector<std::string> outcomes(20);
    for (int i = 0; i < 20; ++i) {
      const Work work = [&served, i] {
        served.push_back(i);
        return true;
      };
      group.spawn(note_run(q, l, key(i), work, outcomes[static_cast<std::size_t>(i)]));
    }
    (void)co_await group.join();
  };
  loop.run(main(loop, queue, order));
  ASSERT_EQ(order.size(), 20u);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

constexpr std::string_view kRefused = "too many logins are waiting to be checked";

/// One that asks, of which network, and with which key.
struct Asker {
  std::uint64_t network;
  int key;
  std::string outcome = {};
};

/// All ask in one turn of the loop, in order; returns the keys in the order they were worked out.
std::vector<int> serve(HashingQueue::Options options, std::vector<Asker>& askers) {
  Loop loop(runtime::Time::kVirtual);
  HashingQueue queue(options);
  std::vector<int> order;  // one at a time, so no lock
  const auto main = [](Loop& l, HashingQueue& q, std::vector<Asker>& all,
                       std::vector<int>& served) -> Task<void> {
    TaskGroup group(l);
    for (Asker& asker : all) {
      const Work work = [&served, &asker] {
        served.push_back(asker.key);
        return true;
      };
      group.spawn(note_run(q, l, key(asker.key), work, asker.outcome, asker.network));
    }
    (void)co_await group.join();
  };
  loop.run(main(loop, queue, askers, order));
  EXPECT_EQ(queue.load().running, 0u);
  EXPECT_EQ(queue.load().waiting, 0u);
  return order;
}

TEST(HashingQueue, AShutdownSaysThatItIsOne) {
  Loop loop;
  HashingQueue queue(places(1, 100));
  std::vector<std::string> outcomes(3);
  std::latch closed(1);
  const auto main = [](Loop& l, HashingQueue& q, std::vector<std::string>& told,
                       std::latch& go_on) -> Task<void> {
    const Work slow = [&go_on] {
      go_on.wait();
      return true;
    };
    const Work quick = [] { return true; };
    TaskGroup group(l);
    group.spawn(note_run(q, l, key(0), slow, told[0]));
    group.spawn(note_run(q, l, key(1), quick, told[1]));
    group.spawn(note_run(q, l, key(2), quick, told[2]));
    while (q.load().waiting < 2) co_await l.next_turn();
    q.close();
    go_on.count_down();
    (void)co_await group.join();
  };
  loop.run(main(loop, queue, outcomes, closed));
  EXPECT_EQ(outcomes[1], "sallyport is stopping");
  EXPECT_EQ(outcomes[2], "sallyport is stopping");
}

TEST(HashingQueue, NetworksTakeTurns) {
  std::vector<Asker> askers;
  for (int i = 0; i < 50; ++i) askers.push_back({.network = 1, .key = i});
  askers.push_back({.network = 2, .key = 100});
  askers.push_back({.network = 3, .key = 200});
  const auto order = serve(places(1, 100), askers);
  ASSERT_EQ(order.size(), askers.size());
  EXPECT_EQ((std::vector<int>(order.begin(), order.begin() + 5)),
            (std::vector<int>{0, 1, 100, 200, 2}));
}

TEST(HashingQueue, WhoHasMostInLineIsRefusedFirst) {
  std::vector<Asker> askers;
  for (int i = 0; i < 10; ++i) askers.push_back({.network = 1, .key = i});
  askers.push_back({.network = 2, .key = 100});
  askers.push_back({.network = 1, .key = 10});
  // Key 0 is worked out at once, 1 to 4 have places, and 4 loses its own.
  const auto order = serve(places(1, 4), askers);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 100, 2, 3}));
  for (const Asker& asker : askers) {
    const bool served = asker.key < 4 || asker.key == 100;
    EXPECT_EQ(asker.outcome, served ? "true" : kRefused) << asker.key;
  }
}

TEST(HashingQueue, WhoFollowsOneThatLosesItsPlaceIsToldSo) {
  std::vector<Asker> askers = {{1, 0}, {1, 1}, {1, 2}, {1, 2}, {2, 100}};
  EXPECT_EQ(serve(places(1, 2), askers), (std::vector<int>{0, 1, 100}));
  EXPECT_EQ(askers[2].outcome, kRefused);
  EXPECT_EQ(askers[3].outcome, kRefused);
  EXPECT_EQ(askers[4].outcome, "true");
}

// The same credentials from two networks, one of which is flooded: they are waited for in the line
// of the other.
TEST(HashingQueue, WhoFollowsIsNotRefusedForTheNetworkOfTheOneWhoLeads) {
  std::vector<Asker> askers = {{1, 0}, {1, 1}, {1, 2}, {1, 3}, {2, 3}, {3, 100}};
  EXPECT_EQ(serve(places(1, 3), askers), (std::vector<int>{0, 1, 3, 100}));
  EXPECT_EQ(askers[2].outcome, kRefused);
  EXPECT_EQ(askers[3].outcome, "true");
  EXPECT_EQ(askers[4].outcome, "true");
}

// Four loops on four threads contend for two places and share keys across loops.
TEST(HashingQueue, BoundsTheWholeProcessAndWakesOtherLoops) {
  constexpr int kLoops = 4;
  constexpr int kRuns = 250;
  constexpr int kKeys = 100;
  HashingQueue queue(places(2, 1'000'000));
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  std::atomic<int> calls = 0;
  const Work work = [&] {
    const int now = ++running;
    int seen = most;
    while (seen < now && !most.compare_exchange_weak(seen, now)) {
    }
    ++calls;
    --running;
    return true;
  };
  std::vector<std::vector<std::string>> outcomes(kLoops, std::vector<std::string>(kRuns));
  {
    std::latch together(kLoops);
    std::vector<std::unique_ptr<runtime::LoopThread>> threads;
    for (auto& own : outcomes) {
      threads.push_back(std::make_unique<runtime::LoopThread>([&](Loop& loop) -> Task<void> {
        together.arrive_and_wait();
        return run_all(queue, loop, work, [](int i) { return i % kKeys; }, own);
      }));
    }
  }
  for (const auto& own : outcomes) EXPECT_EQ(std::ranges::count(own, "true"), kRuns);
  EXPECT_LE(most, 2);
  EXPECT_GE(calls, kKeys);
  EXPECT_LE(calls, kLoops * kRuns);
  EXPECT_EQ(queue.load().running, 0u);
}

}  // namespace
}  // namespace sallyport::auth
