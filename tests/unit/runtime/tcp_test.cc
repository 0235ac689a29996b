#include "proxy/runtime/tcp.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "proxy/runtime/task_group.h"

namespace sallyport::runtime {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<TcpListener> listen_anywhere(Loop& loop) {
  return TcpListener::listen(loop, *SocketAddress::parse("127.0.0.1", 0)).value();
}

struct Pair {
  std::unique_ptr<TcpStream> client;
  std::unique_ptr<TcpStream> server;
};

Task<Pair> connected_pair(Loop& loop) {
  const auto listener = listen_anywhere(loop);
  auto client = co_await connect(loop, listener->local(), loop.after(5s));
  auto server = co_await listener->accept();
  co_return Pair{std::move(client.value()), std::move(server.value()).stream(loop)};
}

/// Runs `conversation` with a connected pair of its own.
void in_a_loop(Task<void> (*conversation)(Loop& loop, Pair pair)) {
  Loop loop;
  const auto main = [](Loop& l, auto* each) -> Task<void> {
    co_await each(l, co_await connected_pair(l));
  };
  loop.run(main(loop, conversation));
}

/// Reads until the peer ends.
Task<std::string> read_all(ByteStream& stream, TimePoint deadline) {
  std::string all;
  while (true) {
    const auto octets = co_await stream.read(deadline);
    if (!octets) co_return all;
    all += *octets;
  }
}

Task<void> write_and_finish(Loop& loop, ByteStream& stream, std::string octets) {
  EXPECT_TRUE(co_await stream.write(octets, loop.after(10s)));
  co_await stream.finish(loop.after(10s));
}

TEST(Tcp, CarriesMoreThanTheKernelBuffersInOnePiece) {
  in_a_loop([](Loop& l, Pair pair) -> Task<void> {
    TaskGroup group(l);
    std::string sent(20 << 20, 'x');
    for (std::size_t i = 0; i < sent.size(); i += 997) sent[i] = static_cast<char>('a' + i % 26);
    group.spawn(write_and_finish(l, *pair.client, sent));
    const std::string got = co_await read_all(*pair.server, l.after(30s));
    EXPECT_TRUE(got == sent);
    pair.server.reset();
    (void)co_await group.join();
  });
}

TEST(Tcp, WritesManyPiecesInOrder) {
  in_a_loop([](Loop& l, Pair pair) -> Task<void> {
    std::vector<std::string> texts;
    std::string expected;
    for (int i = 0; i < 1000; ++i) texts.push_back(std::to_string(i) + (i % 7 == 0 ? "" : ","));
    for (const auto& text : texts) expected += text;
    const std::vector<std::string_view> pieces(texts.begin(), texts.end());
    EXPECT_TRUE(co_await pair.client->write(pieces, l.after(5s)));
    TaskGroup group(l);
    group.spawn(write_and_finish(l, *pair.client, ""));
    EXPECT_EQ(co_await read_all(*pair.server, l.after(5s)), expected);
    pair.server.reset();
    (void)co_await group.join();
  });
}

/// Reads until told to stop; the peer always has more for it.
Task<void> read_on(Loop& loop, ByteStream& stream, const bool& stop) {
  while (!stop && co_await stream.read(loop.after(10s))) {
  }
}

/// Writes until told to stop; the peer always takes it.
Task<void> write_on(Loop& loop, ByteStream& stream, const bool& stop, std::size_t octets) {
  const std::string piece(octets, 'x');
  while (!stop && co_await stream.write(piece, loop.after(10s))) {
  }
}

/// What the turns of a loop carry while `greedy` streams are fed without pause: a quiet peer's
/// octet must come through in a few turns, whoever else is served meanwhile.
void is_heard_beside(Task<void> (*greedy)(Loop& loop, TaskGroup& group, Pair& pair,
                                          const bool& stop)) {
  Loop loop;
  const auto main = [](Loop& l, auto* each) -> Task<void> {
    Pair pair = co_await connected_pair(l);
    Pair quiet = co_await connected_pair(l);
    TaskGroup group(l);
    bool stop = false;
    co_await each(l, group, pair, stop);
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(co_await quiet.client->write("?", l.after(5s)));
      const std::uint64_t before = l.turns();
      EXPECT_TRUE(co_await quiet.server->read(l.after(5s)));
      EXPECT_LE(l.turns() - before, 3u);
    }
    stop = true;
    (void)co_await group.join();
  };
  loop.run(main(loop, greedy));
}

TEST(Tcp, AQuietPeerIsHeardBesideOneThatSendsWithoutPause) {
  is_heard_beside([](Loop& l, TaskGroup& group, Pair& pair, const bool& stop) -> Task<void> {
    group.spawn(write_on(l, *pair.client, stop, 1 << 20));
    group.spawn(read_on(l, *pair.server, stop));
    co_return;
  });
}

TEST(Tcp, AQuietPeerIsHeardBesideOneThatSendsAndTakesSmallPieces) {
  is_heard_beside([](Loop& l, TaskGroup& group, Pair& pair, const bool& stop) -> Task<void> {
    group.spawn(write_on(l, *pair.client, stop, 1));
    group.spawn(read_on(l, *pair.server, stop));
    co_return;
  });
}

TEST(Tcp, WhatIsHereHidesNeitherAnInterruptNorADeadline) {
  in_a_loop([](Loop& l, Pair pair) -> Task<void> {
    const std::string flood(256 * 1024, 'x');
    TaskGroup group(l);
    group.spawn([](Loop& loop, TcpStream& stream, std::string octets) -> Task<void> {
      (void)co_await stream.write(octets, loop.after(5s));
    }(l, *pair.client, flood));
    EXPECT_TRUE(co_await pair.server->read(l.after(5s)));
    (void)co_await group.join();  // more than one read gives is there
    const auto late = co_await pair.server->read(l.now());
    EXPECT_EQ(late.error().code, ErrorCode::kTimeout);
    EXPECT_TRUE(co_await pair.server->read(l.after(5s)));
    pair.server->interrupt();
    const auto stopped = co_await pair.server->read(l.after(5s));
    EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
  });
}

TEST(Tcp, AReadGivesTimeoutAndTheStreamCanBeUsedOn) {
  in_a_loop([](Loop& l, Pair pair) -> Task<void> {
    EXPECT_EQ((co_await pair.server->read(l.after(5ms))).error().code, ErrorCode::kTimeout);
    EXPECT_TRUE(co_await pair.client->write("later", l.after(5s)));
    EXPECT_EQ(*co_await pair.server->read(l.after(5s)), "later");
  });
}

Task<void> read_expecting(ByteStream& stream, ErrorCode code, bool& ended) {
  const auto octets = co_await stream.read(kNever);
  EXPECT_FALSE(octets);
  if (!octets) EXPECT_EQ(octets.error().code, code);
  ended = true;
}

TEST(Tcp, InterruptWakesTheReaderAndStillLetsUsWrite) {
  in_a_loop([](Loop& l, Pair pair) -> Task<void> {
    TaskGroup group(l);
    bool ended = false;
    group.spawn(read_expecting(*pair.server, ErrorCode::kCancelled, ended));
    (void)co_await pair.server->write("", l.after(1s));
    Event pause(l);
    (void)co_await pause.wait(l.after(1ms));
    pair.server->interrupt();
    (void)co_await group.join();
    EXPECT_TRUE(ended);
    EXPECT_TRUE(co_await pair.server->write("421 bye\r\n", l.after(1s)));
    EXPECT_EQ(*co_await pair.client->read(l.after(1s)), "421 bye\r\n");
  });
}

// Octets that nobody read make the kernel reset the connection at close, and a reset takes from
// the peer what it has not read yet.
TEST(Tcp, TheGoodbyeAfterAnInterruptIsNotLostToAReset) {
  in_a_loop([](Loop& l, Pair pair) -> Task<void> {
    EXPECT_TRUE(co_await pair.client->write("MAIL FROM:<a@b>\r\n", l.after(1s)));
    pair.server->interrupt();
    EXPECT_EQ((co_await pair.server->read(l.after(1s))).error().code, ErrorCode::kCancelled);
    TaskGroup group(l);
    group.spawn(write_and_finish(l, *pair.server, "421 bye\r\n"));
    Event pause(l);
    while (pair.client->is_quiet()) (void)co_await pause.wait(l.after(1ms));
    EXPECT_TRUE(co_await pair.client->write("RCPT TO:<a@b>\r\n", l.after(1s)));
    EXPECT_EQ(co_await read_all(*pair.client, l.after(5s)), "421 bye\r\n");
    pair.client.reset();
    (void)co_await group.join();
  });
}

TEST(Tcp, FinishAfterAnAbortWaitsForNothing) {
  in_a_loop([](Loop& l, Pair pair) -> Task<void> {
    pair.server->abort();
    co_await pair.server->finish(kNever);
  });
}

TEST(Tcp, AbortEndsAReadThatWaitsAndResetsThePeer) {
  in_a_loop([](Loop& l, Pair pair) -> Task<void> {
    TaskGroup group(l);
    bool ended = false;
    group.spawn(read_expecting(*pair.server, ErrorCode::kCancelled, ended));
    Event pause(l);
    (void)co_await pause.wait(l.after(1ms));
    pair.server->abort();
    (void)co_await group.join();
    pair.server.reset();
    EXPECT_EQ((co_await pair.client->read(l.after(5s))).error().code, ErrorCode::kNetwork);
  });
}

TEST(Tcp, IsQuietUntilSomethingUnreadArrives) {
  in_a_loop([](Loop& l, Pair pair) -> Task<void> {
    EXPECT_TRUE(co_await pair.client->write("220 hello\r\n", l.after(1s)));
    EXPECT_EQ(*co_await pair.server->read(l.after(1s)), "220 hello\r\n");
    EXPECT_TRUE(pair.server->is_quiet());
    pair.client.reset();  // an idle upstream that closes is noticed without a read
    Event pause(l);
    while (pair.server->is_quiet()) (void)co_await pause.wait(l.after(1ms));
    EXPECT_EQ((co_await pair.server->read(l.after(1s))).error().code, ErrorCode::kClosed);
  });
}

TEST(Tcp, ConnectSaysWhereAndWhyItFailed) {
  Loop loop;
  const auto main = [](Loop& l) -> Task<Error> {
    const SocketAddress nobody = listen_anywhere(l)->local();
    co_return (co_await connect(l, nobody, l.after(5s))).error();
  };
  const Error error = loop.run(main(loop));
  EXPECT_EQ(error.code, ErrorCode::kNetwork);
  EXPECT_TRUE(error.text.starts_with("connect to 127.0.0.1:")) << error.text;
  EXPECT_TRUE(error.text.ends_with(": Connection refused")) << error.text;
}

TEST(Tcp, TwoListenersShareAPortForTwoWorkers) {
  Loop loop;
  const auto first = listen_anywhere(loop);
  EXPECT_TRUE(TcpListener::listen(loop, first->local()));
}

TEST(Tcp, AnInterruptedListenerStopsAccepting) {
  Loop loop;
  const auto main = [](Loop& l) -> Task<void> {
    const auto listener = listen_anywhere(l);
    listener->interrupt();
    EXPECT_EQ((co_await listener->accept()).error().code, ErrorCode::kCancelled);
  };
  loop.run(main(loop));
}

TEST(SocketAddress, ReadsAndWritesLiterals) {
  EXPECT_EQ(SocketAddress::parse("192.0.2.1", 25)->str(), "192.0.2.1:25");
  EXPECT_EQ(SocketAddress::parse("2001:db8::1", 465)->str(), "[2001:db8::1]:465");
  EXPECT_EQ(SocketAddress::parse("::ffff:192.0.2.7", 1)->ip(), "192.0.2.7");
  EXPECT_TRUE(SocketAddress::parse("::1", 1)->is_loopback());
  EXPECT_TRUE(SocketAddress::parse("127.8.8.8", 1)->is_loopback());
  EXPECT_FALSE(SocketAddress::parse("localhost", 1));
}

}  // namespace
}  // namespace sallyport::runtime
