#include "proxy/policy/refusal.h"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::policy {
namespace {

using namespace std::chrono_literals;

config::Rate rate(std::uint64_t amount, std::chrono::seconds period, std::uint64_t burst = 0) {
  return {.amount = amount, .period = period, .burst = burst == 0 ? amount : burst};
}

std::string line(const LimitExceeded& refusal) {
  const smtp::Reply reply = reply_for(refusal, "billing");
  return std::to_string(reply.code) + ' ' + (reply.enhanced ? reply.enhanced->str() : "-") + ' ' +
         reply.text();
}

TEST(LimitExceeded, SaysTheLimitInTheWordsOfTheConfig) {
  const std::string over = "450 4.7.1 user billing is over its limit of ";
  const std::string again = ": try again in 12 s";
  const struct {
    Limit limit;
    config::Rate rate;
    const char* expected;
  } cases[] = {
      {Limit::kMessages, rate(100, 1min), "100 messages per minute"},
      {Limit::kMessages, rate(1, 1s), "1 message per second"},
      {Limit::kRecipients, rate(5000, 24h), "5000 recipients per day"},
      {Limit::kRecipients, rate(1, 1h), "1 recipient per hour"},
      {Limit::kBytes, rate(50'000'000, 1h), "50 MB per hour"},
      {Limit::kBytes, rate(50u << 20, 1h), "50 MiB per hour"},
      {Limit::kBytes, rate(3'000'000'000, 1h), "3 GB per hour"},
      {Limit::kBytes, rate(2u << 30, 1h), "2 GiB per hour"},
      {Limit::kBytes, rate(1024, 1h), "1 KiB per hour"},
      {Limit::kBytes, rate(12'345, 1h), "12345 octets per hour"},
  };
  for (const auto& c : cases) {
    const LimitExceeded refusal{.limit = c.limit, .asked = 1, .rate = c.rate, .retry_after = 12s};
    EXPECT_EQ(line(refusal), over + c.expected + again);
  }
}

TEST(LimitExceeded, SaysWhenToComeBackAndNotTooEarly) {
  const std::pair<Duration, const char*> cases[] = {
      {1ns, "in 1 s"},        {1s, "in 1 s"},          {1001ms, "in 2 s"},
      {119s, "in 119 s"},     {119'500ms, "in 2 min"}, {121s, "in 3 min"},
      {119min, "in 119 min"}, {119min + 1s, "in 2 h"}, {25h, "in 25 h"},
  };
  for (const auto& [wait, expected] : cases) {
    const LimitExceeded refusal{.asked = 1, .rate = rate(1, 1s), .retry_after = wait};
    EXPECT_TRUE(line(refusal).ends_with(expected)) << line(refusal);
  }
}

TEST(LimitExceeded, WhatCanNeverPassIsRefusedForGood) {
  EXPECT_EQ(
      line({.limit = Limit::kRecipients,
            .asked = 70,
            .rate = rate(1000, 24h, 50),
            .permanent = true}),
      "550 5.7.1 user billing may send to 50 recipients at a time, not to 70: split the message");
  EXPECT_EQ(
      line({.limit = Limit::kBytes,
            .asked = 12'500'000,
            .rate = rate(10'000'000, 1h),
            .permanent = true}),
      "552 5.3.4 user billing may send 10 MB at a time, and this message has 12500000 octets");
}

TEST(LimitExceeded, TooManyConnectionsEndTheSession) {
  EXPECT_EQ(
      line({.limit = Limit::kConnections, .asked = 1, .rate = rate(20, 1s)}),
      "421 4.7.0 user billing has all of its 20 connections open: close one or try again later");
}

TEST(LimitExceeded, LimitsHaveStableNamesForMetrics) {
  EXPECT_EQ(name(Limit::kMessages), "messages");
  EXPECT_EQ(name(Limit::kRecipients), "recipients");
  EXPECT_EQ(name(Limit::kBytes), "bytes");
  EXPECT_EQ(name(Limit::kConnections), "connections");
}

}  // namespace
}  // namespace sallyport::policy
