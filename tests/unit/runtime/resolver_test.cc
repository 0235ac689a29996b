#include "proxy/runtime/resolver.h"

#include <gtest/gtest.h>

namespace sallyport::runtime {
namespace {

using namespace std::chrono_literals;

TEST(Resolver, AnswersLiteralsWithoutAsking) {
  Loop loop(Time::kVirtual);
  const auto addresses = loop.run(resolve(loop, "192.0.2.1", 465, loop.now()));
  ASSERT_TRUE(addresses);
  EXPECT_EQ(addresses->front().str(), "192.0.2.1:465");
}

TEST(Resolver, FindsLocalhost) {
  Loop loop;
  const auto addresses = loop.run(resolve(loop, "localhost", 25, loop.after(30s)));
  ASSERT_TRUE(addresses) << addresses.error().text;
  EXPECT_TRUE(addresses->front().is_loopback());
  EXPECT_EQ(addresses->front().port(), 25);
}

TEST(Resolver, ALookUpThatWasGivenUpIsDroppedWhenItEnds) {
  Loop loop;
  const auto addresses = loop.run(resolve(loop, "localhost", 25, loop.now() - 1s));
  if (!addresses) EXPECT_EQ(addresses.error().code, ErrorCode::kTimeout);  // else it was faster
}  // ~Loop waits for the answer and frees the request

TEST(Resolver, NamesTheHostItDidNotFind) {
  Loop loop;
  const auto addresses = loop.run(resolve(loop, "no such host", 25, loop.after(30s)));
  ASSERT_FALSE(addresses);
  EXPECT_EQ(addresses.error().code, ErrorCode::kNetwork);
  EXPECT_NE(addresses.error().text.find("no such host"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::runtime
