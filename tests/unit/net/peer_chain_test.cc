#include "proxy/net/peer_chain.h"

#include "tests/unit/net/tls_fixture.h"

namespace sallyport::net {
namespace {

class PeerChain : public TlsTest {};

TEST_F(PeerChain, IsWhatTheServerShowed) {
  const auto now = std::chrono::system_clock::now();
  const Ends ends = shake(server({.names = {kHost}, .valid_to = 240h}), *client());
  ASSERT_TRUE(ends.client);
  const auto chain = peer_chain(**ends.client);
  ASSERT_FALSE(chain.empty());
  EXPECT_EQ(chain.front().subject, "CN=mail.example.com");
  EXPECT_EQ(chain.front().issuer, "CN=Test CA");
  EXPECT_GT(chain.front().not_after, now + 230h);
  EXPECT_LT(chain.front().not_after, now + 250h);
  // A client shows none unless it is asked for one.
  ASSERT_TRUE(ends.server);
  EXPECT_TRUE(peer_chain(**ends.server).empty());
}

}  // namespace
}  // namespace sallyport::net
