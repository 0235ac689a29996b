#include "proxy/message/chunk.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace sallyport::message {
namespace {

TEST(Chunk, TakesWhatThereIsRoomFor) {
  Chunk chunk(1);
  EXPECT_EQ(chunk.capacity(), Chunk::kCommonSize);
  const std::string text(Chunk::kCommonSize + 5, 'x');
  std::string_view rest = text;
  chunk.fill_from(rest);
  EXPECT_TRUE(chunk.is_full());
  EXPECT_EQ(rest.size(), 5u);
  EXPECT_EQ(chunk.content(), std::string_view(text).substr(5));
  chunk.clear();
  EXPECT_EQ(chunk.content(), "");
}

TEST(Chunk, HasWholeMultiplesOfTheCommonSize) {
  const std::pair<std::size_t, std::size_t> cases[] = {
      {0, 16384}, {16384, 16384}, {16385, 32768}, {262144, 262144}};
  for (const auto& [asked, got] : cases) EXPECT_EQ(Chunk(asked).capacity(), got) << asked;
}

TEST(Chunk, MovesItsContent) {
  Chunk chunk(1);
  std::string_view text = "abc";
  chunk.fill_from(text);
  Chunk other = std::move(chunk);
  EXPECT_EQ(other.content(), "abc");
  Chunk third(100'000);
  third = std::move(other);
  EXPECT_EQ(third.content(), "abc");
}

}  // namespace
}  // namespace sallyport::message
