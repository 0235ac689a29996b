// Which of several addresses a connection goes to: RFC 8305, on loopback.
#include "proxy/runtime/connect_race.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

namespace sallyport::runtime {
namespace {

using namespace std::chrono_literals;

/// A listening socket of 127.0.0.x. Full: it never answers a SYN.
class Place {
 public:
  explicit Place(const std::string& ip, bool full = false)
      : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const SocketAddress any = SocketAddress::parse(ip, 0).value();
    EXPECT_EQ(::bind(listening_, any.get(), any.size()), 0);
    EXPECT_EQ(::listen(listening_, full ? 0 : 10), 0);
    for (int i = 0; full && i < 4; ++i) {
      const int filler = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      (void)::connect(filler, address().get(), address().size());
      fillers_.push_back(filler);
    }
  }
  ~Place() {
    ::close(listening_);
    for (const int filler : fillers_) ::close(filler);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  SocketAddress address() const {
    sockaddr_storage local{};
    socklen_t size = sizeof local;
    getsockname(listening_, reinterpret_cast<sockaddr*>(&local), &size);
    return SocketAddress::from(reinterpret_cast<const sockaddr*>(&local), size);
  }

 private:
  int listening_;
  std::vector<int> fillers_;
};

/// An address that refuses.
SocketAddress closed_port() { return Place("127.0.0.9").address(); }

struct Raced {
  std::string peer;
  Error error;
  Duration took{};
  std::vector<SocketAddress> failed;
};

Raced race(std::vector<SocketAddress> addresses, Duration at_most = 20s) {
  Loop loop;
  const auto main = [](Loop& l, std::vector<SocketAddress> each, Duration most) -> Task<Raced> {
    const TimePoint began = l.now();
    ConnectRace running(l);
    const auto stream = co_await running.run(std::move(each), l.after(most));
    Raced raced;
    raced.took = l.now() - began;
    raced.failed = running.failed();
    stream ? void(raced.peer = (*stream)->peer().str()) : void(raced.error = stream.error());
    co_return raced;
  };
  return loop.run(main(loop, std::move(addresses), at_most));
}

TEST(ConnectRace, TheFirstAddressWinsWhereItAnswers) {
  const Place first("127.0.0.1");
  const Place second("127.0.0.2");
  const Raced raced = race({first.address(), second.address()});
  EXPECT_EQ(raced.peer, first.address().str());
  EXPECT_LT(raced.took, 200ms);
}

TEST(ConnectRace, ASilentAddressCostsAQuarterOfASecond) {
  const Place silent("127.0.0.1", true);
  const Place second("127.0.0.2");
  const Raced raced = race({silent.address(), second.address()});
  EXPECT_EQ(raced.peer, second.address().str());
  EXPECT_GE(raced.took, 240ms);
  EXPECT_LT(raced.took, 5s);
  EXPECT_TRUE(raced.failed.empty());  // it might have answered yet
}

TEST(ConnectRace, AnAddressThatRefusesCostsNothing) {
  const Place last("127.0.0.2");
  const SocketAddress refusing = closed_port();
  const Raced raced = race({refusing, last.address()});
  EXPECT_EQ(raced.peer, last.address().str());
  EXPECT_LT(raced.took, 200ms);
  EXPECT_EQ(raced.failed, std::vector{refusing});
}

TEST(ConnectRace, SaysWhyWhenNoneAnswers) {
  const Raced refused = race({closed_port(), closed_port()});
  EXPECT_EQ(refused.error.code, ErrorCode::kNetwork);
  EXPECT_NE(refused.error.text.find("refused"), std::string::npos) << refused.error.text;
  const Place silent("127.0.0.1", true);
  const Raced timed_out = race({silent.address()}, 100ms);
  EXPECT_EQ(timed_out.error.code, ErrorCode::kTimeout);
  EXPECT_EQ(timed_out.failed, std::vector{silent.address()});
}

TEST(ConnectRace, CanBeCancelled) {
  Loop loop;
  const Place silent("127.0.0.1", true);
  const auto cancel_soon = [](Loop& l, ConnectRace& running) -> Task<void> {
    Event never(l);
    (void)co_await never.wait(l.after(20ms));
    running.cancel();
  };
  const auto main = [](Loop& l, SocketAddress address, auto canceller) -> Task<Error> {
    ConnectRace running(l);
    TaskGroup group(l);
    group.spawn(canceller(l, running));
    const auto stream = co_await running.run({address, address}, l.after(20s));
    (void)co_await group.join();
    co_return stream.error();
  };
  EXPECT_EQ(loop.run(main(loop, silent.address(), cancel_soon)).code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace sallyport::runtime
