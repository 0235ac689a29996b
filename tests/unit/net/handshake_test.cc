#include <gtest/gtest.h>

#include "proxy/net/tls.h"
#include "proxy/runtime/task_group.h"
#include "tests/support/certificates.h"
#include "tests/support/memory_stream.h"

namespace sallyport::net {
namespace {

using namespace std::chrono_literals;
using runtime::Loop;
using runtime::Task;
using runtime::TaskGroup;
using runtime::Time;
using support::MemoryStream;

using Stream = Result<std::unique_ptr<TlsStream>>;

Task<void> accept_into(Loop& loop, std::unique_ptr<runtime::ByteStream> inner,
                       std::shared_ptr<const ServerTlsContext> context, Stream& result) {
  result = co_await accept_tls(loop, std::move(inner), std::move(context), loop.after(10s));
}

TEST(Handshake, Works) {
  const support::TestCa ca;
  const auto identity = ca.issue();
  TicketKeys keys;
  const auto server = ServerTlsContext::make(identity.certificate, identity.key, keys);
  ASSERT_TRUE(server) << server.error().text;
  const auto client = ClientTlsContext::make(ca.root());
  ASSERT_TRUE(client) << client.error().text;
  Loop loop(Time::kVirtual);
  const auto main = [](Loop& l, std::shared_ptr<const ServerTlsContext> s,
                       ClientTlsContext& c) -> Task<void> {
    auto [a, b] = MemoryStream::pair(l);
    Stream accepted;
    TaskGroup group(l);
    group.spawn(accept_into(l, std::move(b), s, accepted));
    const auto connected =
        co_await connect_tls(l, std::move(a), c, "mail.example.com", l.after(10s));
    EXPECT_TRUE(connected) << connected.error().text;
    EXPECT_TRUE(co_await (*connected)->write("EHLO x\r\n", l.after(1s)));
    (void)co_await group.join();
    EXPECT_TRUE(accepted) << accepted.error().text;
    EXPECT_EQ(*co_await (*accepted)->read(l.after(1s)), "EHLO x\r\n");
    EXPECT_TRUE(co_await (*accepted)->write("250 hi\r\n", l.after(1s)));
    EXPECT_EQ(*co_await (*connected)->read(l.after(1s)), "250 hi\r\n");
    EXPECT_EQ((*connected)->info().version, "TLSv1.3");
    EXPECT_EQ((*accepted)->info().cipher, "TLS_AES_128_GCM_SHA256");
  };
  loop.run(main(loop, *server, **client));
}

}  // namespace
}  // namespace sallyport::net
