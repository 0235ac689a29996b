// What transcripts cannot see of AUTH: many clients at once.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/base64.h"
#include "tests/unit/submission/conversation.h"

namespace sallyport::submission {
namespace {

using namespace std::string_literals;
using runtime::Loop;
using runtime::Task;

std::string login(const std::string& password) {
  return "AUTH PLAIN " + base64::encode("\0app\0"s + password) + "\r\n";
}

Task<void> note(Conversation& talk, std::string flight, std::string& answer) {
  answer = co_await talk.ask(std::move(flight));
}

// All come in one turn of the loop, so that none is answered before the last is there.
Task<void> flood(Loop& loop) {
  // Two places: what can be served in time at the usual cost.
  World world(loop,
              {.hashing = {.most_running = 1, .longest_wait = std::chrono::milliseconds(125)}});
  std::vector<std::unique_ptr<Conversation>> crowd;
  for (const char* ip : {"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"}) {
    crowd.push_back(std::make_unique<Conversation>(world, ip));
  }
  for (const auto& talk : crowd) (void)co_await talk->ask("EHLO me\r\n");
  std::vector<std::string> answers(crowd.size());
  runtime::TaskGroup group(loop);
  for (std::size_t i = 0; i < crowd.size(); ++i) {
    const bool is_last = i + 1 == crowd.size();
    const std::string password = is_last ? "secret"s : "guess" + std::to_string(i);
    group.spawn(note(*crowd[i], login(password), answers[i]));
  }
  (void)co_await group.join();

  EXPECT_TRUE(answers.back().starts_with("235 ")) << answers.back();
  const auto refused = std::ranges::count_if(
      answers, [](const std::string& answer) { return answer.starts_with("454 4.7.0 "); });
  EXPECT_EQ(refused, 2);
  EXPECT_EQ(world.metrics.process().auth_queue_refusals.value(), 2);
  const auto& results = world.metrics.for_mechanism("PLAIN").results;
  EXPECT_EQ(results[metrics::AuthResult::kUnavailable].value(), 2);
  EXPECT_EQ(results[metrics::AuthResult::kRejected].value(), 2);
  for (const auto& talk : crowd) co_await talk->end();
}

TEST(Authenticate, AFloodOfWrongPasswordsFromOneNetworkKeepsNobodyElseOut) {
  Loop loop(runtime::Time::kVirtual);
  loop.run(flood(loop));
}

}  // namespace
}  // namespace sallyport::submission
