#include "proxy/submission/acceptor.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "proxy/submission/replies.h"
#include "tests/unit/submission/world.h"

namespace sallyport::submission {
namespace {

using namespace std::chrono_literals;
using runtime::Loop;
using runtime::SocketAddress;
using runtime::Task;
using runtime::TcpStream;
using testing::HasSubstr;

/// A worker's part of the world.
struct Worker {
  explicit Worker(Loop& loop) : world(loop), acceptor(world.context, connections) {}

  std::uint64_t refused(metrics::Refusal reason) {
    return world.metrics.for_listener("127.0.0.1:0").connections_refused[reason].value();
  }

  World world;
  ConnectionCount connections;
  Acceptor acceptor;
};

config::Listener in_clear(std::uint16_t port = 0) {
  return {{"127.0.0.1", port}, config::TlsMode::kNone};
}

SessionSnapshot snapshot_with(std::vector<config::Listener> listeners,
                              std::uint32_t max_connections = 10) {
  auto config = World::make_config();
  config->listeners = std::move(listeners);
  config->session.max_connections = max_connections;
  return {config, nullptr};
}

bool put_in_force(Worker& worker, SessionSnapshot snapshot) {
  if (!worker.acceptor.prepare(std::move(snapshot)).empty()) return false;
  worker.acceptor.commit();
  return true;
}

Task<std::unique_ptr<TcpStream>> dial(Loop& loop, SocketAddress address) {
  auto stream = co_await runtime::connect(loop, address, loop.after(5s));
  co_return std::move(stream.value());
}

/// What is said until `end` is in it, or the connection ends.
Task<std::string> hear(Loop& loop, TcpStream& stream, std::string end) {
  std::string heard;
  while (!heard.contains(end)) {
    const auto octets = co_await stream.read(loop.after(5s));
    if (!octets) break;
    heard += *octets;
  }
  co_return heard;
}

Task<void> say(Loop& loop, TcpStream& stream, std::string octets) {
  EXPECT_TRUE(co_await stream.write(octets, loop.after(5s)));
}

TEST(Acceptor, GreetsAndDrains) {
  Loop loop;
  const auto main = [](Loop& l) -> Task<void> {
    Worker worker(l);
    EXPECT_TRUE(put_in_force(worker, snapshot_with({in_clear()})));
    const auto client = co_await dial(l, worker.acceptor.addresses().front());
    EXPECT_EQ(co_await hear(l, *client, "\r\n"), "220 mail.example.com ESMTP\r\n");
    EXPECT_EQ(worker.acceptor.sessions(), 1);

    runtime::TaskGroup group(l);
    const auto listen = [](Loop& on, TcpStream& stream) -> Task<void> {
      const std::string goodbye = co_await hear(on, stream, "nothing ends it");
      EXPECT_EQ(goodbye, "421 4.3.2 mail.example.com is shutting down\r\n");
      co_await stream.finish(on.after(5s));
    };
    group.spawn(listen(l, *client));
    EXPECT_TRUE(co_await worker.acceptor.drain(l.after(5s)));
    EXPECT_EQ(worker.acceptor.sessions(), 0);
    (void)co_await group.join();
  };
  loop.run(main(loop));
}

TEST(Acceptor, RefusesPastTheCapInOneWrite) {
  Loop loop;
  const auto main = [](Loop& l) -> Task<void> {
    Worker worker(l);
    EXPECT_TRUE(put_in_force(worker, snapshot_with({in_clear()}, 1)));
    const SocketAddress address = worker.acceptor.addresses().front();
    auto first = co_await dial(l, address);
    (void)co_await hear(l, *first, "\r\n");
    const auto second = co_await dial(l, address);
    EXPECT_EQ(co_await hear(l, *second, "nothing ends it"),
              "421 4.7.0 Too many connections, try again later\r\n");
    EXPECT_EQ(worker.refused(metrics::Refusal::kProcess), 1u);

    // Who leaves makes room.
    co_await say(l, *first, "QUIT\r\n");
    (void)co_await hear(l, *first, "nothing ends it");
    first.reset();
    while (worker.acceptor.sessions() > 0) {
      runtime::Event never(l);
      (void)co_await never.wait(l.after(1ms));
    }
    const auto third = co_await dial(l, address);
    EXPECT_THAT(co_await hear(l, *third, "\r\n"), HasSubstr("220 "));
    worker.acceptor.abort();
    (void)co_await worker.acceptor.join();
  };
  loop.run(main(loop));
}

TEST(Acceptor, LetsInNoMoreThanThereAreDescriptorsFor) {
  Loop loop;
  const auto main = [](Loop& l) -> Task<void> {
    Worker worker(l);
    worker.connections.set_room(1);
    EXPECT_TRUE(put_in_force(worker, snapshot_with({in_clear()}, 10)));
    const SocketAddress address = worker.acceptor.addresses().front();
    const auto first = co_await dial(l, address);
    EXPECT_THAT(co_await hear(l, *first, "\r\n"), HasSubstr("220 "));
    EXPECT_EQ(worker.connections.open(), 1u);
    const auto second = co_await dial(l, address);
    EXPECT_THAT(co_await hear(l, *second, "nothing ends it"), HasSubstr("421 4.7.0 "));
    worker.acceptor.abort();
    (void)co_await worker.acceptor.join();
  };
  loop.run(main(loop));
}

TEST(Acceptor, RefusesWithAWordWhereTlsDoesNotComeFirst) {
  Loop loop;
  const auto main = [](Loop& l) -> Task<void> {
    Worker worker(l);
    config::Listener implicit = in_clear();
    implicit.tls = config::TlsMode::kImplicit;
    EXPECT_TRUE(put_in_force(worker, snapshot_with({implicit}, 0)));
    const auto client = co_await dial(l, worker.acceptor.addresses().front());
    EXPECT_EQ(co_await hear(l, *client, "nothing ends it"), "");
    EXPECT_EQ(worker.refused(metrics::Refusal::kProcess), 1u);
    EXPECT_EQ(worker.acceptor.sessions(), 0);
    worker.acceptor.abort();
    (void)co_await worker.acceptor.join();
  };
  loop.run(main(loop));
}

TEST(Acceptor, BelievesAProxyThatItKnows) {
  Loop loop;
  const auto main = [](Loop& l) -> Task<void> {
    Worker worker(l);
    config::Listener listener = in_clear();
    listener.proxy_protocol = {IpNetwork::parse("127.0.0.0/8").value()};
    const SessionSnapshot snapshot = snapshot_with({listener});
    EXPECT_TRUE(put_in_force(worker, snapshot));
    const auto client = co_await dial(l, worker.acceptor.addresses().front());
    co_await say(l, *client, "PROXY TCP4 198.51.100.7 192.0.2.1 56324 587\r\n");
    EXPECT_THAT(co_await hear(l, *client, "\r\n"), HasSubstr("220 "));
    EXPECT_EQ(worker.world.networks.size(), 1u);
    co_await say(l, *client, "QUIT\r\n");
    EXPECT_THAT(co_await hear(l, *client, "nothing ends it"), HasSubstr("221 "));
    worker.acceptor.abort();
    (void)co_await worker.acceptor.join();
    EXPECT_EQ(worker.world.networks.size(), 0u);
  };
  loop.run(main(loop));
}

TEST(Acceptor, ClosesOnWhoGoesAroundTheProxy) {
  Loop loop;
  const auto main = [](Loop& l) -> Task<void> {
    Worker worker(l);
    config::Listener listener = in_clear();
    listener.proxy_protocol = {IpNetwork::parse("10.0.0.0/8").value()};
    EXPECT_TRUE(put_in_force(worker, snapshot_with({listener}, 1)));
    for (int i = 0; i < 3; ++i) {  // and it takes nobody's place
      const auto client = co_await dial(l, worker.acceptor.addresses().front());
      EXPECT_EQ(co_await hear(l, *client, "nothing ends it"), "");
    }
    EXPECT_EQ(worker.refused(metrics::Refusal::kProxyProtocol), 3u);
    EXPECT_EQ(worker.acceptor.sessions(), 0);
    worker.acceptor.abort();
    (void)co_await worker.acceptor.join();
  };
  loop.run(main(loop));
}

TEST(Acceptor, SeesWhoSpokeBeforeItWasAccepted) {
  Loop loop;
  const auto main = [](Loop& l) -> Task<void> {
    Worker worker(l);
    EXPECT_TRUE(put_in_force(worker, snapshot_with({in_clear()})));
    // Without a turn of the loop: connected and said before anybody can accept.
    const SocketAddress address = worker.acceptor.addresses().front();
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(descriptor, address.get(), address.size()), 0);
    EXPECT_EQ(::send(descriptor, "EHLO spam.example\r\n", 19, 0), 19);
    ::fcntl(descriptor, F_SETFL, O_NONBLOCK);
    const auto client = std::make_unique<TcpStream>(l, descriptor, address);
    EXPECT_EQ(co_await hear(l, *client, "nothing ends it"), replies::kEarlyTalker);
    worker.acceptor.abort();
    (void)co_await worker.acceptor.join();
  };
  loop.run(main(loop));
}

TEST(Acceptor, FollowsTheSnapshotAndLeavesSessionsAlone) {
  Loop loop;
  const auto main = [](Loop& l) -> Task<void> {
    Worker worker(l);
    EXPECT_TRUE(put_in_force(worker, snapshot_with({in_clear()})));
    const SocketAddress old_address = worker.acceptor.addresses().front();
    const auto before = co_await dial(l, old_address);
    (void)co_await hear(l, *before, "\r\n");

    // Port 0 twice is the same listener twice: the second is another address.
    config::Listener other = in_clear();
    other.address.host = "127.0.0.2";
    EXPECT_TRUE(put_in_force(worker, snapshot_with({other})));
    const auto after = co_await dial(l, worker.acceptor.addresses().front());
    EXPECT_THAT(co_await hear(l, *after, "\r\n"), HasSubstr("220 "));
    co_await say(l, *before, "NOOP\r\n");
    EXPECT_EQ(co_await hear(l, *before, "\r\n"), "250 2.0.0 Ok\r\n");
    const auto refused = co_await runtime::connect(l, old_address, l.after(5s));
    EXPECT_FALSE(refused);

    worker.acceptor.abort();
    (void)co_await worker.acceptor.join();
  };
  loop.run(main(loop));
}

TEST(Acceptor, AnAddressThatCannotBeListenedOnChangesNothing) {
  Loop loop;
  const auto main = [](Loop& l) -> Task<void> {
    Worker worker(l);
    EXPECT_TRUE(put_in_force(worker, snapshot_with({in_clear()})));
    const runtime::SocketAddress before = worker.acceptor.addresses().front();
    config::Listener foreign = in_clear(1);
    foreign.address.host = "192.0.2.1";
    foreign.origin = {{.line = 7, .column = 11}};
    config::Listener other = in_clear();
    other.address.host = "127.0.0.2";
    const auto problems = worker.acceptor.prepare(snapshot_with({other, foreign}));
    EXPECT_EQ(problems.size(), 1u);
    EXPECT_THAT(problems.front().str(), HasSubstr(":7:11: listener: listen on 192.0.2.1:1"));
    worker.acceptor.commit();  // of what is prepared: nothing
    EXPECT_EQ(worker.acceptor.addresses().size(), 1u);
    EXPECT_EQ(worker.acceptor.addresses().front().str(), before.str());
    const auto client = co_await dial(l, before);
    EXPECT_THAT(co_await hear(l, *client, "\r\n"), HasSubstr("220 "));
    worker.acceptor.abort();
    (void)co_await worker.acceptor.join();
  };
  loop.run(main(loop));
}

TEST(Acceptor, WhatIsAbandonedIsClosed) {
  Loop loop;
  const auto main = [](Loop& l) -> Task<void> {
    Worker worker(l);
    EXPECT_TRUE(put_in_force(worker, snapshot_with({in_clear()})));
    config::Listener other = in_clear();
    other.address.host = "127.0.0.2";
    EXPECT_TRUE(worker.acceptor.prepare(snapshot_with({other})).empty());
    worker.acceptor.abandon();
    worker.acceptor.commit();
    EXPECT_EQ(worker.acceptor.addresses().front().ip(), "127.0.0.1");
    worker.acceptor.abort();
    (void)co_await worker.acceptor.join();
  };
  loop.run(main(loop));
}

TEST(Acceptor, InterruptsWhoDoesNotEndInTime) {
  Loop loop;
  const auto main = [](Loop& l) -> Task<void> {
    Worker worker(l);
    EXPECT_TRUE(put_in_force(worker, snapshot_with({in_clear()})));
    auto client = co_await dial(l, worker.acceptor.addresses().front());
    (void)co_await hear(l, *client, "\r\n");
    co_await say(l, *client, "EHLO me\r\n" + std::string(kLogin));
    (void)co_await hear(l, *client, "235 ");
    co_await say(l, *client, "MAIL FROM:<a@example.com>\r\n");
    (void)co_await hear(l, *client, "250 ");

    runtime::TaskGroup group(l);
    const auto listen = [](Loop& on, TcpStream& stream) -> Task<void> {
      EXPECT_THAT(co_await hear(on, stream, "nothing ends it"), HasSubstr("421 4.3.2 "));
      co_await stream.finish(on.after(5s));
    };
    group.spawn(listen(l, *client));
    const TimePoint asked = l.now();
    EXPECT_TRUE(co_await worker.acceptor.drain(l.after(50ms)));
    EXPECT_GE(l.now() - asked, 50ms);
    (void)co_await group.join();
  };
  loop.run(main(loop));
}

TEST(Acceptor, SaysSoWhenDescriptorsRunOut) {
  Loop loop;
  const auto main = [](Loop& l) -> Task<void> {
    Worker worker(l);
    EXPECT_TRUE(put_in_force(worker, snapshot_with({in_clear()})));
    // The client's descriptor is the last one there is.
    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    const int lowest_free = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(lowest_free);
    const rlimit tight{static_cast<rlim_t>(lowest_free + 1), before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &tight);
    auto client = co_await dial(l, worker.acceptor.addresses().front());
    EXPECT_EQ(co_await hear(l, *client, "nothing ends it"),
              "421 4.7.0 Too many connections, try again later\r\n");
    EXPECT_EQ(worker.refused(metrics::Refusal::kDescriptors), 1u);
    // Again: the spare descriptor is there again.
    client.reset();
    client = co_await dial(l, worker.acceptor.addresses().front());
    EXPECT_THAT(co_await hear(l, *client, "nothing ends it"), HasSubstr("421 "));
    setrlimit(RLIMIT_NOFILE, &before);
    client.reset();
    client = co_await dial(l, worker.acceptor.addresses().front());
    EXPECT_THAT(co_await hear(l, *client, "\r\n"), HasSubstr("220 "));
    worker.acceptor.abort();
    (void)co_await worker.acceptor.join();
  };
  loop.run(main(loop));
}

}  // namespace
}  // namespace sallyport::submission
