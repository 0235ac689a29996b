// Sessions are resumed across workers, contexts and key generations, and never across host names.
#include <array>
#include <thread>

#include "proxy/net/trusted_roots.h"
#include "tests/unit/net/tls_fixture.h"

namespace sallyport::net {
namespace {

class Resumption : public TlsTest, public testing::WithParamInterface<bool> {
 protected:
  std::unique_ptr<ClientTlsContext> client_of_version() {
    auto context = client();
    if (GetParam()) limit_to_tls12(*context);
    return context;
  }

  /// Shakes hands, talks, and tells whether the session was resumed.
  bool resumed(const std::shared_ptr<const ServerTlsContext>& server_context,
               ClientTlsContext& client_context, const std::string& host = kHost) {
    Ends ends = shake(server_context, client_context, {}, host);
    EXPECT_TRUE(ends.client && ends.server);
    if (!ends.client || !ends.server) return false;
    loop_.run(expect_a_conversation(loop_, ends));
    EXPECT_EQ((*ends.client)->info().resumed, (*ends.server)->info().resumed);
    return (*ends.client)->info().resumed;
  }
};

INSTANTIATE_TEST_SUITE_P(Versions, Resumption, testing::Values(false, true),
                         [](const auto& version) { return version.param ? "Tls12" : "Tls13"; });

TEST_P(Resumption, WorksAcrossContextsWithTheSameKeys) {
  const auto client_context = client_of_version();
  EXPECT_FALSE(resumed(server(), *client_context));
  EXPECT_TRUE(resumed(server(), *client_context));
  // A session of 1.2 is bound to its cipher suite and so to the kind of key.
  EXPECT_EQ(resumed(server({.key = support::KeyKind::kRsa}), *client_context), !GetParam());
}

TEST_P(Resumption, AnotherProcessesTicketMeansAFullHandshake) {
  const auto client_context = client_of_version();
  EXPECT_FALSE(resumed(server(), *client_context));
  const TicketKeys others;
  const auto identity = ca_.issue();
  const auto other = ServerTlsContext::make(identity.certificate, identity.key, others);
  EXPECT_FALSE(resumed(*other, *client_context));
  EXPECT_TRUE(resumed(*other, *client_context));
}

TEST_P(Resumption, TakesAndRenewsTicketsOfTheKeyBefore) {
  const auto client_context = client_of_version();
  const auto server_context = server();
  EXPECT_FALSE(resumed(server_context, *client_context));
  for (int generation = 0; generation < 3; ++generation) {
    now_ += 13h;  // each time past one lifetime, and within two of the last ticket
    EXPECT_TRUE(resumed(server_context, *client_context));
  }
}

TEST_P(Resumption, ForgetsKeysAfterTwoLifetimes) {
  const auto client_context = client_of_version();
  const auto server_context = server();
  EXPECT_FALSE(resumed(server_context, *client_context));
  now_ += 25h;
  EXPECT_FALSE(resumed(server_context, *client_context));
  EXPECT_TRUE(resumed(server_context, *client_context));
}

TEST_P(Resumption, IsForOneHostNameOnly) {
  const auto client_context = client_of_version();
  const auto server_context = server({.names = {kHost, "other.example.com"}});
  EXPECT_FALSE(resumed(server_context, *client_context));
  EXPECT_FALSE(resumed(server_context, *client_context, "other.example.com"));
  EXPECT_TRUE(resumed(server_context, *client_context, "other.example.com"));
  EXPECT_FALSE(resumed(server_context, *client_context));
}

// Otherwise a pool that reconnects often enough would trust an expired certificate for ever.
TEST_P(Resumption, TheCertificateIsVerifiedAgain) {
  const auto client_context = client_of_version();
  const auto server_context = server();
  EXPECT_FALSE(resumed(server_context, *client_context));
  client_context->impl().roots = roots_from(support::TestCa().root()).value();
  const Ends ends = shake(server_context, *client_context);
  ASSERT_FALSE(ends.client);
  EXPECT_EQ(ends.client.error().code, ErrorCode::kTls);
  EXPECT_TRUE(ends.client.error().text.contains("certificate")) << ends.client.error().text;
}

TEST_P(Resumption, SeveralConnectionsAtOnceEachBringATicket) {
  const auto client_context = client_of_version();
  const auto server_context = server();
  std::vector<Ends> open;
  for (int i = 0; i < 3; ++i) {
    open.push_back(shake(server_context, *client_context));
    EXPECT_FALSE((*open.back().client)->info().resumed && !GetParam());
  }
  for (Ends& ends : open) loop_.run(expect_a_conversation(loop_, ends));
  for (int i = 0; i < 3; ++i) open.push_back(shake(server_context, *client_context));
  for (std::size_t i = 3; i < 6; ++i) EXPECT_TRUE((*open[i].client)->info().resumed);
}

TEST(TicketKeys, MayBeUsedByManyThreads) {
  TicketKeys keys(1ns);  // every look is a rotation
  const support::TestCa ca;
  const auto identity = ca.issue();
  const auto server = ServerTlsContext::make(identity.certificate, identity.key, keys).value();
  const auto work = [&] {
    const auto client = ClientTlsContext::make(ca.root()).value();
    Loop loop(Time::kVirtual);
    for (int i = 0; i < 10; ++i) {
      Ends ends = loop.run(shake_hands(loop, server, *client));
      ASSERT_TRUE(ends.client && ends.server);
      loop.run(expect_a_conversation(loop, ends));
    }
  };
  std::array<std::thread, 4> threads;
  for (auto& thread : threads) thread = std::thread(work);
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace sallyport::net
