// The 40 ms stall: a peer without TCP_NODELAY holds back its next octets until its last ones are
// acknowledged, and a kernel with nothing to send acknowledges 40 ms later. Modelled in virtual
// time, where a conversation that never stalls takes none.
#include "tests/unit/net/tls_fixture.h"

namespace sallyport::net {
namespace {

constexpr Duration kDelayedAcknowledgement = 40ms;

/// What one side has sent that the other has not acknowledged.
struct InFlight {
  explicit InFlight(Loop& loop) : acknowledged(loop) { acknowledged.set(); }
  Event acknowledged;
};

/// A stream whose writes Nagle's algorithm delays. What it writes, or acknowledge_now, acknowledges
/// the other side's octets.
class NagleStream final : public runtime::ByteStream {
 public:
  NagleStream(Loop& loop, std::unique_ptr<MemoryStream> inner, InFlight& ours, InFlight& theirs)
      : loop_(loop), inner_(std::move(inner)), ours_(ours), theirs_(theirs) {}

  using ByteStream::write;
  Task<Result<std::string_view>> read(TimePoint deadline) override {
    return inner_->read(deadline);
  }
  Task<Result<void>> write(std::span<const std::string_view> pieces, TimePoint deadline) override {
    if (nagle_) (void)co_await ours_.acknowledged.wait(loop_.after(kDelayedAcknowledgement));
    theirs_.acknowledged.set();
    ours_.acknowledged.reset();
    co_return co_await inner_->write(pieces, deadline);
  }
  void interrupt() override { inner_->interrupt(); }
  void abort() override { inner_->abort(); }
  Task<void> finish(TimePoint deadline) override { return inner_->finish(deadline); }
  bool is_quiet() const override { return inner_->is_quiet(); }
  void acknowledge_now() override {
    inner_->acknowledge_now();
    theirs_.acknowledged.set();
  }
  void use_nagle() { nagle_ = true; }

 private:
  Loop& loop_;
  const std::unique_ptr<MemoryStream> inner_;
  InFlight& ours_;
  InFlight& theirs_;
  bool nagle_ = false;
};

/// A client like those that send Finished at once and then their first command.
Task<void> speak_first(Loop& loop, std::unique_ptr<NagleStream> inner, ClientTlsContext& context) {
  inner->use_nagle();
  const auto stream = co_await connect_tls(loop, std::move(inner), context, kHost, loop.after(10s));
  EXPECT_TRUE(stream);
  EXPECT_TRUE(co_await (*stream)->write("EHLO client.example\r\n", loop.after(10s)));
  EXPECT_EQ(*co_await (*stream)->read(loop.after(10s)), "250 hello\r\n");
}

Task<void> listen_first(Loop& loop, std::unique_ptr<NagleStream> inner, ClientTlsContext& context) {
  const auto stream = co_await connect_tls(loop, std::move(inner), context, kHost, loop.after(10s));
  EXPECT_TRUE(stream);
  EXPECT_EQ(*co_await (*stream)->read(loop.after(10s)), "220 hello\r\n");
}

/// Both ends of a connection, each of which may hold its octets back.
struct Sides {
  explicit Sides(Loop& loop) : from_client(loop), from_server(loop) {
    auto [near, far] = MemoryStream::pair(loop);
    wire = far.get();
    client = std::make_unique<NagleStream>(loop, std::move(near), from_client, from_server);
    server = std::make_unique<NagleStream>(loop, std::move(far), from_server, from_client);
  }

  InFlight from_client;
  InFlight from_server;
  const MemoryStream* wire = nullptr;  // the server's
  std::unique_ptr<NagleStream> client;
  std::unique_ptr<NagleStream> server;
};

class Nagle : public TlsTest, public testing::WithParamInterface<bool> {
 protected:
  using Conversation = Task<void> (*)(Loop& loop, Sides& sides,
                                      std::shared_ptr<const ServerTlsContext> server,
                                      ClientTlsContext& client);

  /// With a full handshake and then resumed, `conversation` never waits for an acknowledgement.
  void expect_no_stall(Conversation conversation) {
    const auto server_context = server();
    const auto client_context = client();
    if (GetParam()) limit_to_tls12(*client_context);
    for (int resumed = 0; resumed < 2; ++resumed) {
      const TimePoint before = loop_.now();
      Sides sides(loop_);
      loop_.run(conversation(loop_, sides, server_context, *client_context));
      EXPECT_LT(loop_.now() - before, kDelayedAcknowledgement);
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Versions, Nagle, testing::Values(false, true),
                         [](const auto& version) { return version.param ? "Tls12" : "Tls13"; });

TEST_P(Nagle, AClientThatSpeaksFirstNeverWaitsForADelayedAcknowledgement) {
  expect_no_stall([](Loop& l, Sides& sides, std::shared_ptr<const ServerTlsContext> s,
                     ClientTlsContext& c) -> Task<void> {
    TaskGroup group(l);
    group.spawn(speak_first(l, std::move(sides.client), c));
    auto stream = co_await accept_tls(l, std::move(sides.server), s, l.after(10s));
    EXPECT_EQ(*co_await (*stream)->read(l.after(10s)), "EHLO client.example\r\n");
    EXPECT_LE(sides.wire->acknowledgements(), 1u);  // each costs a system call and a packet
    EXPECT_TRUE(co_await (*stream)->write("250 hello\r\n", l.after(10s)));
    (void)co_await group.join();
  });
}

TEST_P(Nagle, AServerThatSpeaksFirstNeedsNoAcknowledgementAndNeitherSideStalls) {
  expect_no_stall([](Loop& l, Sides& sides, std::shared_ptr<const ServerTlsContext> s,
                     ClientTlsContext& c) -> Task<void> {
    TaskGroup group(l);
    group.spawn(listen_first(l, std::move(sides.client), c));
    sides.server->use_nagle();
    auto stream = co_await accept_tls(l, std::move(sides.server), s, l.after(10s));
    EXPECT_TRUE(co_await (*stream)->write("220 hello\r\n", l.after(10s)));
    (void)co_await group.join();
    EXPECT_EQ(sides.wire->acknowledgements(), 0u);
  });
}

}  // namespace
}  // namespace sallyport::net
