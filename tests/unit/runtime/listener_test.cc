// Who may listen where: workers of one process together, two processes not without a word.
#include <gtest/gtest.h>

#include "proxy/runtime/address.h"
#include "proxy/runtime/loop.h"
#include "proxy/runtime/tcp.h"

namespace sallyport::runtime {
namespace {

SocketAddress loopback(std::uint16_t port) {
  return SocketAddress::parse("127.0.0.1", port).value();
}

TEST(TcpListener, IsSharedByWorkersAndSeenByWhoAsks) {
  Loop loop;
  const auto first = TcpListener::listen(loop, loopback(0)).value();
  const SocketAddress address = first->local();
  EXPECT_TRUE(is_listened_on(address));
  EXPECT_TRUE(is_listened_on(SocketAddress::parse("0.0.0.0", address.port()).value()));
  EXPECT_FALSE(is_listened_on(SocketAddress::parse("127.0.0.2", address.port()).value()));
  EXPECT_TRUE(TcpListener::listen(loop, address));
}

TEST(TcpListener, LeavesItsAddressFree) {
  Loop loop;
  auto first = TcpListener::listen(loop, loopback(0)).value();
  const SocketAddress address = first->local();
  first.reset();
  EXPECT_FALSE(is_listened_on(address));
}

TEST(TcpListener, AloneLetsAnotherInOnlyWhenItSharesItsAddress) {
  Loop loop;
  const auto first = TcpListener::listen_alone(loop, loopback(0)).value();
  const SocketAddress address = first->local();
  for (const auto& refused :
       {TcpListener::listen(loop, address), TcpListener::listen_alone(loop, address)}) {
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text.find("another process listens there"), std::string::npos)
        << refused.error().text;
  }
  first->share();
  EXPECT_TRUE(TcpListener::listen_alone(loop, address));
}

}  // namespace
}  // namespace sallyport::runtime
