#include "tests/support/memory_stream.h"

#include <gtest/gtest.h>

#include <string>

#include "proxy/runtime/event.h"
#include "proxy/runtime/task_group.h"

namespace sallyport::support {
namespace {

using namespace std::chrono_literals;
using runtime::Loop;
using runtime::Task;
using runtime::TaskGroup;
using runtime::Time;

Task<void> write_expecting(MemoryStream& stream, std::string octets, bool succeeds) {
  EXPECT_EQ((co_await stream.write(octets, kNever)).has_value(), succeeds);
}

Task<void> read_expecting(MemoryStream& stream, ErrorCode code) {
  const auto octets = co_await stream.read(kNever);
  EXPECT_FALSE(octets);
  if (!octets) EXPECT_EQ(octets.error().code, code);
}

Task<void> pause(Loop& loop) {
  runtime::Event event(loop);
  (void)co_await event.wait(loop.after(1ms));
}

Task<std::string> read_all(MemoryStream& stream) {
  std::string all;
  while (true) {
    const auto octets = co_await stream.read(kNever);
    if (!octets) co_return all;
    all += *octets;
  }
}

TEST(MemoryStream, CarriesOctetsAndCountsFlights) {
  Loop loop(Time::kVirtual);
  const auto main = [](Loop& l) -> Task<void> {
    auto [a, b] = MemoryStream::pair(l);
    const std::string_view pieces[] = {"220 ", "", "hello\r\n"};
    EXPECT_TRUE(co_await a->write(pieces, kNever));
    EXPECT_EQ(a->writes(), 1u);
    EXPECT_EQ(a->octets_written(), 11u);
    EXPECT_FALSE(b->is_quiet());
    EXPECT_EQ(*co_await b->read(kNever), "220 hello\r\n");
    EXPECT_TRUE(b->is_quiet());
  };
  loop.run(main(loop));
}

TEST(MemoryStream, SplitsWhatArrives) {
  Loop loop(Time::kVirtual);
  const auto main = [](Loop& l) -> Task<void> {
    auto [a, b] = MemoryStream::pair(l, {.piece = 2});
    EXPECT_TRUE(co_await a->write("abc", kNever));
    EXPECT_EQ(*co_await b->read(kNever), "ab");
    EXPECT_EQ(*co_await b->read(kNever), "c");
    b->split_into(1);
    EXPECT_TRUE(co_await b->write("xy", kNever));
    EXPECT_EQ(*co_await a->read(kNever), "x");
  };
  loop.run(main(loop));
}

TEST(MemoryStream, ABoundedWriterWaitsForItsReader) {
  Loop loop(Time::kVirtual);
  const auto main = [](Loop& l) -> Task<void> {
    auto [a, b] = MemoryStream::pair(l, {.capacity = 100});
    EXPECT_EQ((co_await a->write(std::string(101, 'x'), l.after(1s))).error().code,
              ErrorCode::kTimeout);
    TaskGroup group(l);
    group.spawn(write_expecting(*a, std::string(5000, 'y'), true));
    std::size_t got = 0;
    while (got < 5100) got += (co_await b->read(kNever))->size();
    (void)co_await group.join();
  };
  loop.run(main(loop));
}

TEST(MemoryStream, DeadlinesPassInVirtualTime) {
  Loop loop(Time::kVirtual);
  const auto main = [](Loop& l) -> Task<void> {
    auto [a, b] = MemoryStream::pair(l);
    const TimePoint before = l.now();
    EXPECT_EQ((co_await b->read(l.after(1h))).error().code, ErrorCode::kTimeout);
    EXPECT_GE(l.now() - before, 1h);
    EXPECT_TRUE(co_await a->write("later", kNever));
    EXPECT_EQ(*co_await b->read(kNever), "later");
  };
  loop.run(main(loop));
}

TEST(MemoryStream, InterruptEndsReadsButNotWrites) {
  Loop loop(Time::kVirtual);
  const auto main = [](Loop& l) -> Task<void> {
    auto [a, b] = MemoryStream::pair(l);
    TaskGroup group(l);
    group.spawn(read_expecting(*a, ErrorCode::kCancelled));
    co_await pause(l);
    a->interrupt();
    (void)co_await group.join();
    EXPECT_TRUE(co_await a->write("421 bye", kNever));
    EXPECT_EQ(*co_await b->read(kNever), "421 bye");
  };
  loop.run(main(loop));
}

TEST(MemoryStream, AbortCancelsBothWaysAndResetsThePeer) {
  Loop loop(Time::kVirtual);
  const auto main = [](Loop& l) -> Task<void> {
    auto [a, b] = MemoryStream::pair(l, {.capacity = 1});
    TaskGroup group(l);
    group.spawn(read_expecting(*a, ErrorCode::kCancelled));
    group.spawn(write_expecting(*a, "too much", false));
    co_await pause(l);
    a->abort();
    (void)co_await group.join();
    EXPECT_EQ(*co_await b->read(kNever), "t");
    EXPECT_EQ((co_await b->read(kNever)).error().code, ErrorCode::kNetwork);
    EXPECT_EQ((co_await b->write("x", kNever)).error().code, ErrorCode::kNetwork);
  };
  loop.run(main(loop));
}

Task<void> read_then_finish(MemoryStream& stream, std::string& got) {
  got = co_await read_all(stream);
  co_await stream.finish(kNever);
}

TEST(MemoryStream, FinishTakesWhatStillComesAndEndsWithThePeer) {
  Loop loop(Time::kVirtual);
  const auto main = [](Loop& l) -> Task<void> {
    auto [a, b] = MemoryStream::pair(l);
    TaskGroup group(l);
    std::string got;
    group.spawn(read_then_finish(*b, got));
    EXPECT_TRUE(co_await b->write("unread", kNever));
    EXPECT_TRUE(co_await a->write("last words", kNever));
    co_await a->finish(kNever);
    (void)co_await group.join();
    EXPECT_EQ(got, "last words");
    EXPECT_FALSE(a->is_quiet());
  };
  loop.run(main(loop));
}

TEST(MemoryStream, AnEndThatDiesClosesOrResets) {
  Loop loop(Time::kVirtual);
  const auto main = [](Loop& l) -> Task<void> {
    auto [a, b] = MemoryStream::pair(l);
    EXPECT_TRUE(co_await a->write("last", kNever));
    a.reset();
    EXPECT_EQ(*co_await b->read(kNever), "last");
    EXPECT_EQ((co_await b->read(kNever)).error().code, ErrorCode::kClosed);
    EXPECT_EQ((co_await b->write("x", kNever)).error().code, ErrorCode::kNetwork);

    auto [c, d] = MemoryStream::pair(l);
    EXPECT_TRUE(co_await c->write("unread", kNever));
    d.reset();
    EXPECT_EQ((co_await c->read(kNever)).error().code, ErrorCode::kNetwork);
  };
  loop.run(main(loop));
}

}  // namespace
}  // namespace sallyport::support
