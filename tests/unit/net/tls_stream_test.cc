// A TLS stream keeps every promise of ByteStream.
#include "proxy/net/tls_stream.h"

#include "tests/unit/net/tls_fixture.h"

namespace sallyport::net {
namespace {

class TlsStreamTest : public TlsTest {
 protected:
  Ends connected(MemoryStreamOptions options = {}) {
    server_ = server();
    client_ = client();
    Ends ends = shake(server_, *client_, options);
    EXPECT_TRUE(ends.client && ends.server);
    return ends;
  }

  std::shared_ptr<const ServerTlsContext> server_;
  std::unique_ptr<ClientTlsContext> client_;
};

std::string body_of(std::size_t size) {
  std::string body(size, 'x');
  for (std::size_t i = 0; i < size; i += 97) body[i] = static_cast<char>('a' + i % 26);
  return body;
}

TEST_F(TlsStreamTest, CarriesMuchBothWaysAtOnce) {
  const struct {
    MemoryStreamOptions options;
    std::size_t size;
  } cases[] = {
      {{}, 8u << 20},
      {{.capacity = 1000}, 200'000},
      {{.capacity = 100'000, .piece = 16'384}, 2u << 20},
      {{.piece = 1}, 50'000},
      {{.capacity = 1, .piece = 1}, 5'000},
  };
  for (const auto& c : cases) {
    Ends ends = connected(c.options);
    const auto main = [](Loop& l, Ends& e, std::size_t size) -> Task<void> {
      TaskGroup group(l);
      group.spawn(expect_carried(l, **e.client, **e.server, body_of(size)));
      group.spawn(expect_carried(l, **e.server, **e.client, body_of(size + 1)));
      (void)co_await group.join();
    };
    loop_.run(main(loop_, ends, c.size));
  }
}

TEST_F(TlsStreamTest, SmallPiecesTravelInOneRecordAndOneWrite) {
  Ends ends = connected();
  loop_.run(expect_a_conversation(loop_, ends));
  const auto main = [](Loop& l, Ends& e) -> Task<void> {
    std::vector<std::string> texts(1000);
    std::string expected;
    for (std::size_t i = 0; i < texts.size(); ++i) texts[i] = i % 3 == 0 ? "" : std::to_string(i);
    for (const auto& text : texts) expected += text;
    const std::vector<std::string_view> pieces(texts.begin(), texts.end());
    const auto octets = e.client_wire->octets_written();
    const auto writes = e.client_wire->writes();
    EXPECT_TRUE(co_await (*e.client)->write(pieces, l.after(1s)));
    EXPECT_EQ(e.client_wire->writes() - writes, 1u);
    constexpr std::size_t kOverhead = 5 + 1 + 16;  // header, content type, tag: of one record
    EXPECT_EQ(e.client_wire->octets_written() - octets, expected.size() + kOverhead);
    EXPECT_EQ(*co_await (*e.server)->read(l.after(1s)), expected);
  };
  loop_.run(main(loop_, ends));
}

TEST_F(TlsStreamTest, LargeBodiesTravelInFullRecordsAndFewWrites) {
  Ends ends = connected();
  loop_.run(expect_a_conversation(loop_, ends));
  const auto main = [](Loop& l, Ends& e) -> Task<void> {
    const std::string head = "Received: from a\r\n";
    const std::string body = body_of(1u << 20);
    const std::string_view pieces[] = {head, body, "\r\n.\r\n"};
    const std::size_t size = head.size() + body.size() + 5;
    const auto octets = e.client_wire->octets_written();
    const auto writes = e.client_wire->writes();
    EXPECT_TRUE(co_await (*e.client)->write(pieces, l.after(1s)));
    const std::size_t records = (size + 16383) / 16384;
    EXPECT_EQ(e.client_wire->octets_written() - octets, size + records * 22);
    EXPECT_EQ(e.client_wire->writes() - writes, (records + 3) / 4);
    EXPECT_TRUE(co_await read_exactly(l, **e.server, size) == head + body + "\r\n.\r\n");
  };
  loop_.run(main(loop_, ends));
}

TEST_F(TlsStreamTest, AReadTakesAllRecordsThatOneReadBelowBrought) {
  Ends ends = connected();
  loop_.run(expect_a_conversation(loop_, ends));
  const auto main = [](Loop& l, Ends& e) -> Task<void> {
    for (const char* command : {"MAIL FROM:<a@b>\r\n", "RCPT TO:<c@d>\r\n", "DATA\r\n"}) {
      EXPECT_TRUE(co_await (*e.client)->write(command, l.after(1s)));
    }
    EXPECT_EQ(*co_await (*e.server)->read(l.after(1s)),
              "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
    EXPECT_TRUE((*e.server)->is_quiet());
  };
  loop_.run(main(loop_, ends));
}

TEST_F(TlsStreamTest, NothingToWriteWritesNothing) {
  Ends ends = connected();
  const auto main = [](Loop& l, Ends& e) -> Task<void> {
    const auto writes = e.client_wire->writes();
    EXPECT_TRUE(co_await (*e.client)->write("", l.after(1s)));
    EXPECT_TRUE(co_await (*e.client)->write(std::span<const std::string_view>(), l.after(1s)));
    EXPECT_EQ(e.client_wire->writes(), writes);
  };
  loop_.run(main(loop_, ends));
}

TEST_F(TlsStreamTest, AReadGivesTimeoutAndTheStreamCanBeUsedOn) {
  Ends ends = connected();
  const auto main = [](Loop& l, Ends& e) -> Task<void> {
    EXPECT_EQ((co_await (*e.server)->read(l.after(1s))).error().code, ErrorCode::kTimeout);
    co_await expect_a_conversation(l, e);
    // Also in the middle of a record.
    e.client_wire->split_into(10);
    EXPECT_TRUE(co_await (*e.client)->write("RSET\r\n", l.after(1s)));
    EXPECT_EQ(*co_await (*e.server)->read(l.after(1s)), "RSET\r\n");
  };
  loop_.run(main(loop_, ends));
}

Task<void> read_expecting(runtime::ByteStream& stream, ErrorCode code) {
  const auto octets = co_await stream.read(kNever);
  EXPECT_FALSE(octets);
  if (!octets) EXPECT_EQ(octets.error().code, code);
}

Task<void> pause(Loop& loop) {
  Event event(loop);
  (void)co_await event.wait(loop.after(1ms));
}

TEST_F(TlsStreamTest, InterruptWakesTheReaderAndStillLetsUsWrite) {
  Ends ends = connected();
  const auto main = [](Loop& l, Ends& e) -> Task<void> {
    TaskGroup group(l);
    group.spawn(read_expecting(**e.server, ErrorCode::kCancelled));
    co_await pause(l);
    (*e.server)->interrupt();
    (void)co_await group.join();
    EXPECT_TRUE(co_await (*e.server)->write("421 bye\r\n", l.after(1s)));
    EXPECT_EQ(*co_await (*e.client)->read(l.after(1s)), "421 bye\r\n");
    EXPECT_TRUE(co_await (*e.client)->write("NOOP\r\n", l.after(1s)));
    EXPECT_EQ((co_await (*e.server)->read(l.after(1s))).error().code, ErrorCode::kCancelled);
  };
  loop_.run(main(loop_, ends));
}

Task<void> write_expecting(runtime::ByteStream& stream, std::string octets, ErrorCode code) {
  const auto sent = co_await stream.write(octets, kNever);
  EXPECT_FALSE(sent);
  if (!sent) EXPECT_EQ(sent.error().code, code);
}

TEST_F(TlsStreamTest, AbortEndsReadsAndWritesAndResetsThePeer) {
  Ends ends = connected({.capacity = 4000});
  const auto main = [](Loop& l, Ends& e) -> Task<void> {
    TaskGroup group(l);
    group.spawn(read_expecting(**e.server, ErrorCode::kCancelled));
    group.spawn(write_expecting(**e.server, body_of(100'000), ErrorCode::kCancelled));
    co_await pause(l);
    (*e.server)->abort();
    (void)co_await group.join();
    EXPECT_FALSE(co_await (*e.server)->write("x", l.after(1s)));
    co_await (*e.server)->finish(l.after(1s));
    e.server->reset();
    EXPECT_EQ((co_await (*e.client)->read(l.after(1s))).error().code, ErrorCode::kNetwork);
  };
  loop_.run(main(loop_, ends));
}

Task<void> finish(Loop& loop, TlsStream& stream) { co_await stream.finish(loop.after(1min)); }

TEST_F(TlsStreamTest, FinishSaysGoodbyeAfterTheLastWords) {
  Ends ends = connected();
  const auto main = [](Loop& l, Ends& e) -> Task<void> {
    EXPECT_TRUE(co_await (*e.server)->write("221 bye\r\n", l.after(1s)));
    TaskGroup group(l);
    group.spawn(finish(l, **e.server));
    co_await pause(l);
    EXPECT_EQ(*co_await (*e.client)->read(l.after(1s)), "221 bye\r\n");
    EXPECT_FALSE((*e.client)->is_quiet());
    for (int i = 0; i < 2; ++i) {
      const auto end = co_await (*e.client)->read(l.after(1s));
      EXPECT_EQ(end.error().code, ErrorCode::kClosed);
      EXPECT_EQ(end.error().text, "the peer closed the connection");
    }
    const TimePoint before = l.now();
    co_await (*e.client)->finish(l.after(1min));
    (void)co_await group.join();
    EXPECT_EQ(l.now(), before);  // nobody waited for a deadline
  };
  loop_.run(main(loop_, ends));
}

TEST_F(TlsStreamTest, AnEndWithoutGoodbyeIsAnEndAndSaysSo) {
  Ends ends = connected();
  const auto main = [](Loop& l, Ends& e) -> Task<void> {
    EXPECT_TRUE(co_await (*e.client)->write("QUIT\r\n", l.after(1s)));
    e.client_wire->half_close();
    EXPECT_EQ(*co_await (*e.server)->read(l.after(1s)), "QUIT\r\n");
    const auto end = co_await (*e.server)->read(l.after(1s));
    EXPECT_EQ(end.error().code, ErrorCode::kClosed);
    EXPECT_EQ(end.error().text, "the peer closed the connection without close_notify");
  };
  loop_.run(main(loop_, ends));
}

TEST_F(TlsStreamTest, ARecordThatNobodySealedIsRefusedWithAnAlert) {
  Ends ends = connected();
  loop_.run(expect_a_conversation(loop_, ends));
  const auto main = [](Loop& l, Ends& e) -> Task<void> {
    EXPECT_TRUE(co_await (*e.client)->write("good\r\n", l.after(1s)));
    const std::string forged = std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x');
    EXPECT_TRUE(co_await e.client_wire->write(forged, l.after(1s)));
    EXPECT_EQ(*co_await (*e.server)->read(l.after(1s)), "good\r\n");  // what came before is whole
    EXPECT_FALSE((*e.server)->is_quiet());
    for (int i = 0; i < 2; ++i) {
      const auto end = co_await (*e.server)->read(l.after(1s));
      EXPECT_EQ(end.error().code, ErrorCode::kTls);
      EXPECT_EQ(end.error().text, "TLS: decryption failed or bad record mac");
    }
    const auto told = co_await (*e.client)->read(l.after(1s));
    EXPECT_EQ(told.error().code, ErrorCode::kTls);
    EXPECT_EQ(told.error().text, "TLS: the server gave up (alert bad_record_mac)");
    EXPECT_FALSE(co_await (*e.server)->write("250 ok\r\n", l.after(1s)));
    e.client->reset();
    co_await (*e.server)->finish(l.after(1s));
  };
  loop_.run(main(loop_, ends));
}

TEST_F(TlsStreamTest, AnAlertWaitsForTheWriteUnderWay) {
  Ends ends = connected({.capacity = 2000});
  const auto main = [](Loop& l, Ends& e) -> Task<void> {
    TaskGroup group(l);
    group.spawn(write_all(l, **e.server, body_of(30'000)));
    co_await pause(l);
    EXPECT_TRUE(co_await e.client_wire->write("plain text behind TLS's back", l.after(1s)));
    EXPECT_EQ((co_await (*e.server)->read(l.after(1s))).error().code, ErrorCode::kTls);
    EXPECT_TRUE(co_await read_exactly(l, **e.client, 30'000) == body_of(30'000));
    EXPECT_EQ((co_await (*e.client)->read(l.after(1s))).error().code, ErrorCode::kTls);
    (void)co_await group.join();
  };
  loop_.run(main(loop_, ends));
}

TEST_F(TlsStreamTest, AfterAWriteThatTimedOutNothingMoreIsSent) {
  Ends ends = connected({.capacity = 2000});
  const auto main = [](Loop& l, Ends& e) -> Task<void> {
    EXPECT_EQ((co_await (*e.server)->write(body_of(100'000), l.after(1s))).error().code,
              ErrorCode::kTimeout);
    const auto octets = e.server_wire->octets_written();
    EXPECT_FALSE(co_await (*e.server)->write("421 bye\r\n", l.after(1s)));
    co_await (*e.server)->finish(l.after(1s));
    EXPECT_EQ(e.server_wire->octets_written(), octets);
  };
  loop_.run(main(loop_, ends));
}

TEST_F(TlsStreamTest, IsQuietUntilSomethingUnreadArrives) {
  Ends ends = connected();
  loop_.run(expect_a_conversation(loop_, ends));
  const auto main = [](Loop& l, Ends& e) -> Task<void> {
    EXPECT_TRUE((*e.client)->is_quiet());
    EXPECT_TRUE(co_await (*e.server)->write("421 idle for too long\r\n", l.after(1s)));
    EXPECT_FALSE((*e.client)->is_quiet());
    (void)co_await (*e.client)->read(l.after(1s));
    EXPECT_TRUE((*e.client)->is_quiet());
    // Part of a record counts, too.
    EXPECT_TRUE(co_await e.server_wire->write("\x17\x03\x03", l.after(1s)));
    EXPECT_EQ((co_await (*e.client)->read(l.after(1s))).error().code, ErrorCode::kTimeout);
    EXPECT_FALSE((*e.client)->is_quiet());
    e.server->reset();
    EXPECT_FALSE((*e.client)->is_quiet());
  };
  loop_.run(main(loop_, ends));
}

TEST_F(TlsStreamTest, AKeyUpdateIsAnsweredWithTheNextWrite) {
  Ends ends = connected();
  loop_.run(expect_a_conversation(loop_, ends));
  const auto main = [](Loop& l, Ends& e) -> Task<void> {
    for (int i = 0; i < 3; ++i) {
      SSL& ssl = static_cast<BoringStream&>(**e.client).ssl();
      EXPECT_EQ(SSL_key_update(&ssl, SSL_KEY_UPDATE_REQUESTED), 1);
      const auto writes = e.server_wire->writes();
      co_await expect_a_conversation(l, e);
      EXPECT_EQ(e.server_wire->writes() - writes, 1u);
    }
  };
  loop_.run(main(loop_, ends));
}

}  // namespace
}  // namespace sallyport::net
