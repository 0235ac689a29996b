// Learning that the peer has gone while nothing is read.
#include <gtest/gtest.h>

#include <ctime>

#include "proxy/runtime/cancellation.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/task_group.h"
#include "proxy/runtime/tcp.h"

namespace sallyport::runtime {
namespace {

using namespace std::chrono_literals;
using Departure = ByteStream::Departure;

struct Pair {
  std::unique_ptr<TcpStream> client;
  std::unique_ptr<TcpStream> server;
};

Task<Pair> connected_pair(Loop& loop) {
  const auto listener = TcpListener::listen(loop, *SocketAddress::parse("127.0.0.1", 0)).value();
  auto client = co_await connect(loop, listener->local(), loop.after(5s));
  auto server = co_await listener->accept();
  co_return Pair{std::move(client.value()), std::move(server.value()).stream(loop)};
}

/// Whether `gone` is requested within `span`.
Task<bool> notices(Loop& loop, Cancellation& gone, Duration span) {
  Event event(loop);
  const Cancellation::Wake wake(&gone, event);
  (void)co_await event.wait(loop.after(span));
  co_return gone.is_requested();
}

void in_a_loop(Task<void> (*conversation)(Loop& loop, Pair pair)) {
  Loop loop;
  const auto main = [](Loop& l, auto* each) -> Task<void> {
    co_await each(l, co_await connected_pair(l));
  };
  loop.run(main(loop, conversation));
}

TEST(PeerWatch, NoticesAReset) {
  in_a_loop([](Loop& l, Pair pair) -> Task<void> {
    Cancellation gone;
    pair.server->watch_peer(&gone, Departure::kReset);
    pair.client->abort();
    pair.client.reset();
    EXPECT_TRUE(co_await notices(l, gone, 10s));
  });
}

TEST(PeerWatch, NoticesAResetBehindOctetsThatNobodyReads) {
  in_a_loop([](Loop& l, Pair pair) -> Task<void> {
    Cancellation gone;
    pair.server->watch_peer(&gone, Departure::kReset);
    EXPECT_TRUE(co_await pair.client->write("QUIT\r\n", l.after(5s)));
    EXPECT_FALSE(co_await notices(l, gone, 50ms));
    pair.client->abort();
    pair.client.reset();
    EXPECT_TRUE(co_await notices(l, gone, 10s));
  });
}

TEST(PeerWatch, AnEndIsADepartureOnlyWhereThatIsSaid) {
  in_a_loop([](Loop& l, Pair pair) -> Task<void> {
    TaskGroup group(l);
    Cancellation gone;
    pair.server->watch_peer(&gone, Departure::kReset);
    EXPECT_TRUE(co_await pair.client->write("QUIT\r\n", l.after(5s)));
    group.spawn(pair.client->finish(l.after(200ms)));
    const std::clock_t begun = std::clock();
    EXPECT_FALSE(co_await notices(l, gone, 100ms));
    // The end is reported by a level: it must not keep the loop busy.
    EXPECT_LT(static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC, 0.05);
    pair.server->watch_peer(&gone, Departure::kEndOfStream);
    EXPECT_TRUE(gone.is_requested());
    pair.server->watch_peer(nullptr, Departure::kReset);
    const auto octets = co_await pair.server->read(l.after(5s));  // nothing is lost by it
    EXPECT_EQ(octets.value_or("?"), "QUIT\r\n");
    EXPECT_EQ((co_await pair.server->read(l.after(5s))).error().code, ErrorCode::kClosed);
    (void)co_await group.join();
  });
}

TEST(PeerWatch, NoticesAResetAfterTheEnd) {
  in_a_loop([](Loop& l, Pair pair) -> Task<void> {
    Cancellation gone;
    pair.server->watch_peer(&gone, Departure::kReset);
    co_await pair.client->finish(l.after(20ms));
    EXPECT_FALSE(gone.is_requested());
    // What is left in the client's buffer when it closes makes that a reset.
    EXPECT_TRUE(co_await pair.server->write("250 Ok\r\n", l.after(5s)));
    EXPECT_FALSE(co_await notices(l, gone, 20ms));
    pair.client->abort();
    pair.client.reset();
    EXPECT_TRUE(co_await notices(l, gone, 10s));
  });
}

TEST(PeerWatch, AWatchThatIsOverRequestsNothing) {
  in_a_loop([](Loop& l, Pair pair) -> Task<void> {
    Cancellation gone;
    pair.server->watch_peer(&gone, Departure::kReset);
    pair.server->watch_peer(nullptr, Departure::kReset);
    pair.client->abort();
    pair.client.reset();
    EXPECT_FALSE((co_await pair.server->read(l.after(5s))).has_value());
    EXPECT_FALSE(gone.is_requested());
  });
}

}  // namespace
}  // namespace sallyport::runtime
