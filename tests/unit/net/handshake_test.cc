// What two sides agree on, in how many flights, and what they say when they do not agree.
#include <openssl/ssl.h>

#include <array>

#include "tests/unit/net/tls_fixture.h"

namespace sallyport::net {
namespace {

using support::KeyKind;

class Handshake : public TlsTest {};

struct Case {
  const char* version;
  KeyKind key;
  std::size_t piece;
};

class HandshakeMatrix : public TlsTest, public testing::WithParamInterface<Case> {};

TEST_P(HandshakeMatrix, CarriesAConversationAndIsResumed) {
  const Case& c = GetParam();
  const auto server_context = server({.key = c.key});
  const auto client_context = client();
  if (c.version == std::string_view("TLSv1.2")) limit_to_tls12(*client_context);
  for (const bool resumed : {false, true, true}) {
    Ends ends = shake(server_context, *client_context, {.piece = c.piece});
    ASSERT_TRUE(ends.client) << ends.client.error().text;
    ASSERT_TRUE(ends.server) << ends.server.error().text;
    loop_.run(expect_a_conversation(loop_, ends));
    for (const auto* side : {&ends.client, &ends.server}) {
      EXPECT_EQ((**side)->info().version, c.version);
      EXPECT_EQ((**side)->info().resumed, resumed);
      EXPECT_TRUE((**side)->info().cipher.starts_with("TLS_")) << (**side)->info().cipher;
    }
    EXPECT_EQ((*ends.client)->info().cipher, (*ends.server)->info().cipher);
  }
}

INSTANTIATE_TEST_SUITE_P(VersionsKeysAndPieces, HandshakeMatrix,
                         testing::Values(Case{"TLSv1.3", KeyKind::kEcdsa, support::kUnlimited},
                                         Case{"TLSv1.3", KeyKind::kRsa, support::kUnlimited},
                                         Case{"TLSv1.2", KeyKind::kEcdsa, support::kUnlimited},
                                         Case{"TLSv1.2", KeyKind::kRsa, support::kUnlimited},
                                         Case{"TLSv1.3", KeyKind::kEcdsa, 1},
                                         Case{"TLSv1.2", KeyKind::kRsa, 1},
                                         Case{"TLSv1.3", KeyKind::kRsa, 7}));

TEST_F(Handshake, NamesCiphersAsTheStandardDoes) {
  const auto client_context = client();
  Ends ends = shake(server(), *client_context);
  EXPECT_EQ((*ends.server)->info().cipher, "TLS_AES_128_GCM_SHA256");
  limit_to_tls12(*client_context);
  const auto fresh = client();
  limit_to_tls12(*fresh);
  ends = shake(server(), *fresh);
  EXPECT_EQ((*ends.server)->info().cipher, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
}

TEST_F(Handshake, TakesTheFewestFlights) {
  const auto server_context = server();
  for (const bool tls12 : {false, true}) {
    const auto client_context = client();
    if (tls12) limit_to_tls12(*client_context);
    for (const bool resumed : {false, true}) {
      SCOPED_TRACE(std::string(tls12 ? "1.2" : "1.3") + (resumed ? ", resumed" : ""));
      const auto main = [](Loop& l, std::shared_ptr<const ServerTlsContext> s,
                           ClientTlsContext& c) -> Task<std::array<std::size_t, 2>> {
        auto [near, far] = MemoryStream::pair(l);
        MemoryStream* const near_wire = near.get();
        MemoryStream* const far_wire = far.get();
        Stream accepted;
        TaskGroup group(l);
        group.spawn(accept_into(l, std::move(far), s, accepted));
        const auto connected = co_await connect_tls(l, std::move(near), c, kHost, l.after(1s));
        EXPECT_TRUE(co_await (*connected)->write("EHLO x\r\n", l.after(1s)));
        (void)co_await group.join();
        EXPECT_EQ(*co_await (*accepted)->read(l.after(1s)), "EHLO x\r\n");
        EXPECT_TRUE(co_await (*accepted)->write("250 hi\r\n", l.after(1s)));
        EXPECT_EQ(*co_await (*connected)->read(l.after(1s)), "250 hi\r\n");
        co_return std::array{near_wire->writes(), far_wire->writes()};
      };
      // With the handshake, EHLO and its answer. The server's tickets never travel alone.
      const auto flights = loop_.run(main(loop_, server_context, *client_context));
      EXPECT_EQ(flights[0], 3u);
      EXPECT_EQ(flights[1], tls12 && !resumed ? 3u : 2u);
    }
  }
}

TEST_F(Handshake, SendsAnAlertAndSaysWhyWhenVersionsDiffer) {
  const auto client_context = client();
  SSL_CTX* const old = client_context->impl().ssl.get();
  SSL_CTX_set_min_proto_version(old, TLS1_VERSION);
  SSL_CTX_set_max_proto_version(old, TLS1_1_VERSION);
  SSL_CTX_set_cipher_list(old, "ALL");
  const Ends ends = shake(server(), *client_context);
  ASSERT_FALSE(ends.server);
  EXPECT_EQ(ends.server.error().code, ErrorCode::kTls);
  EXPECT_EQ(ends.server.error().text,
            "TLS handshake: the peer speaks no version we accept: 1.2 or 1.3");
  ASSERT_FALSE(ends.client);
  EXPECT_EQ(ends.client.error().text, "TLS handshake: the server gave up (alert protocol_version)");
}

TEST_F(Handshake, RefusesCiphersWithoutForwardSecrecyOrAead) {
  for (const char* weak : {"AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "AES128-SHA"}) {
    const auto client_context = client();
    limit_to_tls12(*client_context);
    ASSERT_EQ(SSL_CTX_set_cipher_list(client_context->impl().ssl.get(), weak), 1);
    const Ends ends = shake(server(), *client_context);
    ASSERT_FALSE(ends.server);
    EXPECT_EQ(ends.server.error().text,
              "TLS handshake: no cipher suite in common: ECDHE with AES-GCM or ChaCha20-Poly1305 "
              "is needed");
  }
}

Task<Stream> accept_after(Loop& loop, std::shared_ptr<const ServerTlsContext> context,
                          std::string first, bool then_ends, std::string* answer = nullptr) {
  auto [near, far] = MemoryStream::pair(loop);
  if (!first.empty()) (void)co_await near->write(first, kNever);
  if (then_ends) near->half_close();
  auto accepted = co_await accept_tls(loop, std::move(far), std::move(context), loop.after(10s));
  if (answer) {
    const auto octets = co_await near->read(loop.after(1s));
    if (octets) *answer = *octets;
  }
  co_return accepted;
}

TEST_F(Handshake, TellsWhatSomeoneSaidInsteadOfTls) {
  const struct {
    std::string first;
    std::string expected;
  } cases[] = {
      {"EHLO client.example\r\nMAIL", "it said \"EHLO client.example\""},
      {"GET / HTTP/1.1\r\nHost: x\r\n", "it said \"GET / HTTP/1.1\""},
      {"CONNECT mail:25 HTTP/1.1\r\n", "it said \"CONNECT mail:25 HTTP/1.1\""},
      {std::string("\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00", 10),
       "its first octets were 80 2e 01 03 01 00 15 00"},
      {std::string("\x16\x02\x00\x00\x05hello", 10),
       "its first octets were 16 02 00 00 05 68 65 6c"},
  };
  for (const auto& c : cases) {
    const auto accepted = loop_.run(accept_after(loop_, server(), c.first, true));
    ASSERT_FALSE(accepted);
    EXPECT_EQ(accepted.error().code, ErrorCode::kTls);
    EXPECT_EQ(accepted.error().text, "the peer does not speak TLS: " + c.expected);
  }
}

TEST_F(Handshake, GarbageInTheShapeOfTlsIsAnError) {
  for (const std::string& garbage :
       {std::string("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10),
        std::string("\x16\x03\x01\xff\xff", 5) + std::string(70000, 'x'),
        std::string("\x15\x03\x01\x00\x02\x02\x28", 7),
        std::string("\x16\x03\x01\x00\x04\x02\x00\x00\x00", 9)}) {
    std::string answer;
    const auto accepted = loop_.run(accept_after(loop_, server(), garbage, true, &answer));
    ASSERT_FALSE(accepted);
    EXPECT_EQ(accepted.error().code, ErrorCode::kTls);
    EXPECT_TRUE(accepted.error().text.starts_with("TLS handshake: ")) << accepted.error().text;
  }
}

TEST_F(Handshake, AClientSaysWhatAPlainServerSaid) {
  const auto client_context = client();
  const auto main = [](Loop& l, ClientTlsContext& c) -> Task<Error> {
    auto [near, far] = MemoryStream::pair(l);
    (void)co_await far->write("220 mail.example.com ESMTP ready\r\n", kNever);
    const auto connected = co_await connect_tls(l, std::move(near), c, kHost, l.after(1s));
    co_return connected.error();
  };
  const Error error = loop_.run(main(loop_, *client_context));
  EXPECT_EQ(error.code, ErrorCode::kInvalid);
  EXPECT_EQ(error.text,
            "the peer does not speak TLS: it said \"220 mail.example.com ESMTP ready\"");
}

TEST_F(Handshake, ASilentPeerRunsIntoTheDeadline) {
  const auto hello_only = std::string("\x16\x03\x01\x02\x00\x01", 6);
  for (const std::string& first : {std::string(), hello_only}) {
    const TimePoint before = loop_.now();
    const auto accepted = loop_.run(accept_after(loop_, server(), first, false));
    ASSERT_FALSE(accepted);
    EXPECT_EQ(accepted.error().code, ErrorCode::kTimeout);
    EXPECT_EQ(accepted.error().text, "TLS handshake: the peer was silent for too long");
    EXPECT_GE(loop_.now() - before, 10s);
    EXPECT_LE(loop_.now() - before, 11s);
  }
}

TEST_F(Handshake, APeerThatHangsUpIsNotAnErrorOfTls) {
  const auto accepted = loop_.run(accept_after(loop_, server(), "", true));
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().code, ErrorCode::kClosed);
}

TEST_F(Handshake, APeerThatDoesNotReadRunsIntoTheDeadline) {
  const auto client_context = client();
  const auto main = [](Loop& l, ClientTlsContext& c) -> Task<Error> {
    auto [near, far] = MemoryStream::pair(l, {.capacity = 10});
    co_return (co_await connect_tls(l, std::move(near), c, kHost, l.after(1s))).error();
  };
  EXPECT_EQ(loop_.run(main(loop_, *client_context)).code, ErrorCode::kTimeout);
}

TEST_F(Handshake, WhatArrivesWithTheLastFlightIsNotLost) {
  // Client's Finished and first command in one segment, and a server that has to wait in between.
  const auto server_context = server();
  const auto client_context = client();
  const auto main = [](Loop& l, std::shared_ptr<const ServerTlsContext> s,
                       ClientTlsContext& c) -> Task<void> {
    auto [near, far] = MemoryStream::pair(l);
    Stream accepted;
    TaskGroup group(l);
    group.spawn(accept_into(l, std::move(far), s, accepted));
    const auto connected = co_await connect_tls(l, std::move(near), c, kHost, l.after(1s));
    EXPECT_TRUE(co_await (*connected)->write("EHLO x\r\n", l.after(1s)));
    (void)co_await group.join();
    const auto scratch = l.scratch(Loop::Scratch::kWire);
    std::fill(scratch.begin(), scratch.end(), '!');  // what any other connection's read would do
    EXPECT_FALSE((*accepted)->is_quiet());
    EXPECT_EQ(*co_await (*accepted)->read(l.after(1s)), "EHLO x\r\n");
    EXPECT_TRUE((*accepted)->is_quiet());
  };
  loop_.run(main(loop_, server_context, *client_context));
}

}  // namespace
}  // namespace sallyport::net
