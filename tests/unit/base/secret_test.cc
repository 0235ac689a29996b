#include "proxy/base/secret.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace sallyport {
namespace {

template <class T>
concept Streams = requires(std::ostream& out, const T& value) { out << value; };
static_assert(!Streams<Secret>, "a secret must not reach a stream");
static_assert(!std::is_convertible_v<Secret, std::string_view>);

TEST(Secret, RevealsWhatItWasGiven) { EXPECT_EQ(Secret("hunter2").reveal(), "hunter2"); }

TEST(Secret, ConsumeWipesTheSourceBuffer) {
  std::string source = "correct horse battery staple, long enough for the heap";
  const char* buffer = source.data();
  const std::size_t size = source.size();
  const Secret secret = Secret::consume(source);
  EXPECT_EQ(secret.reveal().size(), size);
  EXPECT_TRUE(source.empty());
  EXPECT_EQ(std::string(buffer, size), std::string(size, '\0'));
}

TEST(Secret, MovedFromIsEmpty) {
  Secret a("short");
  const Secret b = std::move(a);
  EXPECT_EQ(b.reveal(), "short");
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): the promise under test
}

}  // namespace
}  // namespace sallyport
