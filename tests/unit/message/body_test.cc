#include "proxy/message/body.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <random>

namespace sallyport::message {
namespace {

using runtime::Loop;
using runtime::Task;

std::string octets(std::size_t count) {
  std::mt19937 random(7);
  std::string text(count, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

/// What a session does: appends piece by piece, and flushes when it is due.
Task<Result<void>> receive(Loop& loop, Body& body, std::string_view content, std::size_t piece) {
  for (std::size_t at = 0; at < content.size(); at += piece) {
    const auto appended = body.append(content.substr(at, piece));
    if (!appended) co_return fail(appended.error());
    if (body.flush_due()) {
      const auto flushed = co_await body.flush(loop);
      if (!flushed) co_return fail(flushed.error());
    }
  }
  co_return {};
}

/// What a relay does: takes stretch after stretch until the end.
Task<Result<std::string>> read_all(Loop& loop, const Body& body) {
  BodyReader reader(body);
  std::string all;
  std::vector<std::string_view> pieces;
  while (true) {
    pieces.clear();
    const auto more = co_await reader.next(loop, pieces);
    if (!more) co_return fail(more.error());
    if (!*more) co_return all;
    for (const auto view : pieces) all += view;
  }
}

class BodyTest : public ::testing::Test {
 protected:
  BodyTest() { storage_.directory = ::testing::TempDir(); }

  void receive_all(Body& body, std::string_view content, std::size_t piece) {
    const auto received = loop_.run(receive(loop_, body, content, piece));
    ASSERT_TRUE(received) << received.error().text;
  }
  std::string read(const Body& body) {
    const auto all = loop_.run(read_all(loop_, body));
    EXPECT_TRUE(all) << all.error().text;
    return all.value_or("");
  }

  Loop loop_;
  Budget budget_{64 << 20};
  Storage storage_;
};

TEST_F(BodyTest, GivesBackWhatWasAppended) {
  const std::size_t sizes[] = {
      0, 1, 10'240, Chunk::kCommonSize, Chunk::kCommonSize + 1, 1 << 17, (1 << 17) + 1, 700'000};
  const auto all = octets(700'000);
  for (const std::uint64_t threshold : {0u, 1u, 1u << 17}) {
    storage_.memory_threshold = threshold;
    for (const auto size : sizes) {
      for (const std::size_t piece : {4000u, 65'536u, 500'000u}) {
        for (const std::uint64_t expected : {std::uint64_t{0}, std::uint64_t{size}}) {
          SCOPED_TRACE(std::to_string(size) + " in pieces of " + std::to_string(piece) +
                       ", threshold " + std::to_string(threshold));
          const auto content = all.substr(0, size);
          Body body(budget_, storage_, expected);
          receive_all(body, content, piece);
          body.set_prefix("Received: x\r\n");
          EXPECT_EQ(body.size(), size + 13);
          EXPECT_TRUE(read(body) == "Received: x\r\n" + content);
          EXPECT_TRUE(read(body) == "Received: x\r\n" + content);  // as often as one likes
        }
      }
    }
  }
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(BodyTest, ASmallMessageIsOneChunkAndOneStretch) {
  Body body(budget_, storage_, 10'240);
  const auto content = octets(10'240);
  receive_all(body, content, 1448);
  EXPECT_EQ(budget_.used(), Chunk::kCommonSize);
  body.set_prefix("Received: x\r\n");
  BodyReader reader(body);
  std::vector<std::string_view> pieces;
  EXPECT_TRUE(*loop_.run(reader.next(loop_, pieces)));
  EXPECT_EQ(pieces.size(), 2u);  // prefix and content: one write
  EXPECT_FALSE(*loop_.run(reader.next(loop_, pieces)));
}

TEST_F(BodyTest, UsesTheFileOnlyPastTheThreshold) {
  storage_.memory_threshold = 1 << 20;
  Body small(budget_, storage_);
  receive_all(small, octets(1 << 20), 65'536);
  EXPECT_EQ(small.in_file(), 0u);
  Body big(budget_, storage_);
  receive_all(big, octets(4 << 20), 65'536);
  EXPECT_GE(big.in_file(), std::uint64_t{2} << 20);
  EXPECT_EQ(big.in_file() % Body::kFlushSize, 0u);
}

TEST_F(BodyTest, UsesTheFileSoonerWhenTheBudgetIsScarce) {
  storage_.memory_threshold = 4 << 20;
  Budget budget(32 << 20);
  const auto content = octets(4 << 20);
  Body first(budget, storage_);
  receive_all(first, content, 65'536);
  EXPECT_EQ(first.in_file(), 0u);
  Body second(budget, storage_);
  receive_all(second, content, 65'536);
  EXPECT_EQ(second.in_file(), 0u);
  Reservation others(budget);
  ASSERT_TRUE(others.grow(8 << 20));
  Body third(budget, storage_);
  receive_all(third, content, 65'536);
  EXPECT_GE(third.in_file(), content.size() - Body::kSureInMemory - Body::kFlushSize);
  EXPECT_TRUE(read(third) == content);
}

TEST_F(BodyTest, KeepsItsOrderWhenTheBudgetIsScarceForAWhile) {
  storage_.memory_threshold = 4 << 20;
  Budget budget(32 << 20);
  const auto content = octets(6 << 20);
  const std::string_view all(content);
  Body body(budget, storage_);
  receive_all(body, all.substr(0, 1'500'000), 65'536);
  {
    Reservation others(budget);
    ASSERT_TRUE(others.grow(8 << 20));
    receive_all(body, all.substr(1'500'000, 1'000'000), 65'536);
    EXPECT_GT(body.in_file(), 0u);
  }
  receive_all(body, all.substr(2'500'000), 65'536);
  EXPECT_TRUE(read(body) == content);
}

TEST_F(BodyTest, StopsAtTheBudgetAndGivesItBack) {
  Budget small(2 << 20);
  storage_.memory_threshold = 1 << 20;
  {
    Body body(small, storage_);
    const auto received = loop_.run(receive(loop_, body, octets(3 << 20), 65'536));
    ASSERT_FALSE(received);
    EXPECT_EQ(received.error().code, ErrorCode::kLimit);
    EXPECT_GT(body.in_file(), 0u);  // what is in the file counts, too
    EXPECT_LE(small.used(), small.limit());
    Body other(small, storage_);
    EXPECT_FALSE(other.append(octets(1 << 20)));
  }
  EXPECT_EQ(small.used(), 0u);
}

TEST_F(BodyTest, ChargesWhatItHoldsAndNotMuchMore) {
  for (const std::size_t size : {100u, 20'000u, 100'000u, 1'000'000u, 6'000'000u}) {
    Body body(budget_, storage_);
    receive_all(body, octets(size), 65'536);
    EXPECT_GE(budget_.used(), size);
    EXPECT_LE(budget_.used(), 2 * size + Body::kFlushSize) << size;
  }
}

TEST_F(BodyTest, ALyingSizeTakesNoMemoryInAdvance) {
  Body body(budget_, storage_, std::uint64_t{1} << 40);
  ASSERT_TRUE(body.append("x"));
  EXPECT_EQ(budget_.used(), Body::kFlushSize);
}

TEST_F(BodyTest, SaysWhyThereIsNoFile) {
  storage_.memory_threshold = 1 << 20;
  storage_.directory = "/nonexistent/spool";
  Body body(budget_, storage_);
  const auto received = loop_.run(receive(loop_, body, octets(3 << 20), 65'536));
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error().code, ErrorCode::kSystem);
  EXPECT_TRUE(received.error().text.contains("/nonexistent/spool")) << received.error().text;
}

}  // namespace
}  // namespace sallyport::message
