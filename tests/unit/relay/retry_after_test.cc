#include "proxy/relay/retry_after.h"

#include <gtest/gtest.h>

#include <chrono>

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;

TEST(RetryAfter, IsReadFromTheWordsOfProviders) {
  EXPECT_EQ(retry_after("Rate limit exceeded, try again in 5 minutes"), 300s);
  EXPECT_EQ(retry_after("Too many requests. Retry-After: 30"), 30s);
  EXPECT_EQ(retry_after("Please retry after 1 hour."), 3600s);
  EXPECT_EQ(retry_after("Greylisted: try again in 299s"), 299s);
  EXPECT_EQ(retry_after("Throttled; retry in 10 sec"), 10s);
  EXPECT_EQ(retry_after("Please wait 2 min and go on"), 120s);
}

TEST(RetryAfter, IsNotMadeUp) {
  for (const char* const text :
       {"Try again later", "", "try again in a while", "retry after 0 seconds",
        "try again in 3 days", "try again in 99999 hours", "retry in 99999999999999 s",
        "message 12 waits for 3 seconds", "retry after -5 s"}) {
    EXPECT_FALSE(retry_after(text)) << text;
  }
}

}  // namespace
}  // namespace sallyport::relay
