// Which of several certificates a client is shown, and that a server_name can do no harm.
#include <openssl/bytestring.h>
#include <openssl/ssl.h>

#include <algorithm>

#include "tests/unit/net/tls_fixture.h"

namespace sallyport::net {
namespace {

using support::KeyKind;

class ServerNameIndication : public TlsTest {
 protected:
  /// The first DNS name of the certificate that a client gets for `host`, with its kind of key.
  std::string shown(const std::shared_ptr<const ServerTlsContext>& context, const std::string& host,
                    const std::function<void(SSL_CTX*)>& prepare = {}) {
    const auto client_context = client();
    SSL_CTX* const ssl = client_context->impl().ssl.get();
    std::string seen;
    SSL_CTX_set_app_data(ssl, &seen);
    SSL_CTX_set_custom_verify(ssl, SSL_VERIFY_PEER, [](SSL* s, std::uint8_t*) {
      const STACK_OF(CRYPTO_BUFFER)* const chain = SSL_get0_peer_certificates(s);
      const bssl::UniquePtr<X509> leaf(X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(chain, 0)));
      char name[256] = "";
      X509_NAME_get_text_by_NID(X509_get_subject_name(leaf.get()), NID_commonName, name,
                                sizeof name);
      const bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(leaf.get()));
      *static_cast<std::string*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(s))) =
          std::string(name) + (EVP_PKEY_id(key.get()) == EVP_PKEY_RSA ? " rsa" : "");
      return ssl_verify_ok;
    });
    SSL_CTX_sess_set_new_cb(ssl, nullptr);
    if (prepare) prepare(ssl);
    const Ends ends = shake(context, *client_context, {}, host);
    SSL_CTX_set_app_data(ssl, &client_context->impl());
    if (!ends.server) return ends.server.error().text;
    return seen;
  }

  std::shared_ptr<const ServerTlsContext> several() {
    return server_with(
        {.certificates = {certificate({.names = {"default.example"}}),
                          certificate({.names = {"mail.example.com", "Smtp.Example.com"}}),
                          certificate({.names = {"*.example.com"}}),
                          certificate({.names = {"mail.example.com"}, .subject = "too late"}),
                          certificate({.names = {"mail.example.org"}, .key = KeyKind::kRsa})}});
  }
};

TEST_F(ServerNameIndication, ChoosesTheCertificate) {
  const auto context = several();
  EXPECT_EQ(shown(context, "mail.example.com"), "mail.example.com");
  EXPECT_EQ(shown(context, "SMTP.example.COM"), "mail.example.com");
  EXPECT_EQ(shown(context, "other.example.com"), "*.example.com");
  EXPECT_EQ(shown(context, "mail.example.org"), "mail.example.org rsa");
  EXPECT_EQ(shown(context, "default.example"), "default.example");
}

TEST_F(ServerNameIndication, WithoutAMatchShowsTheFirst) {
  const auto context = several();
  EXPECT_EQ(shown(context, "a.b.example.com"), "default.example");
  EXPECT_EQ(shown(context, "unknown.example"), "default.example");
  EXPECT_EQ(shown(context, "192.0.2.1"), "default.example");  // no server_name is sent for it
}

TEST_F(ServerNameIndication, GivesEcdsaToClientsThatCanVerifyIt) {
  const auto context = server_with(
      {.certificates = {certificate({.names = {kHost}, .key = KeyKind::kRsa}),
                        certificate({.names = {kHost}, .key = KeyKind::kEcdsa}),
                        certificate({.names = {"only.example.com"}, .key = KeyKind::kEcdsa})}});
  const auto without_ecdsa = [](SSL_CTX* ssl) {
    const std::uint16_t rsa[] = {SSL_SIGN_RSA_PSS_RSAE_SHA256};
    SSL_CTX_set_verify_algorithm_prefs(ssl, rsa, 1);
  };
  const auto tls12 = [](SSL_CTX* ssl) { SSL_CTX_set_max_proto_version(ssl, TLS1_2_VERSION); };
  const auto tls12_rsa_suites = [](SSL_CTX* ssl) {
    SSL_CTX_set_max_proto_version(ssl, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(ssl, "ECDHE-RSA-AES128-GCM-SHA256");
  };
  const auto other_curve = [](SSL_CTX* ssl) {
    SSL_CTX_set_max_proto_version(ssl, TLS1_2_VERSION);
    SSL_CTX_set1_curves_list(ssl, "X25519:P-384");
  };
  EXPECT_EQ(shown(context, kHost), kHost);
  EXPECT_EQ(shown(context, kHost, without_ecdsa), std::string(kHost) + " rsa");
  EXPECT_EQ(shown(context, kHost, tls12), kHost);
  EXPECT_EQ(shown(context, kHost, tls12_rsa_suites), std::string(kHost) + " rsa");
  EXPECT_EQ(shown(context, kHost, other_curve), std::string(kHost) + " rsa");
  // The first one's like is also for whoever asks for no name.
  EXPECT_EQ(shown(context, "unknown.example"), kHost);
  EXPECT_EQ(shown(context, "unknown.example", without_ecdsa), std::string(kHost) + " rsa");
  // There is no choice: the client hears why.
  EXPECT_EQ(shown(context, "only.example.com", without_ecdsa),
            "TLS handshake: the peer takes no signature that our kind of key can make");
}

TEST_F(ServerNameIndication, SessionsAreResumedForTheNamesOfTheirCertificateOnly) {
  for (const bool old : {false, true}) {
    const auto client_context = client();
    if (old) limit_to_tls12(*client_context);
    const auto resumed = [&](const std::shared_ptr<const ServerTlsContext>& context,
                             const std::string& host) {
      // The client thinks that it is all one host.
      SSL_CTX_set_custom_verify(client_context->impl().ssl.get(), SSL_VERIFY_PEER,
                                [](SSL*, std::uint8_t*) { return ssl_verify_ok; });
      SSL_CTX_set_app_data(client_context->impl().ssl.get(), &client_context->impl());
      auto main = [](Loop& l, std::shared_ptr<const ServerTlsContext> s, ClientTlsContext& c,
                     std::string name) -> Task<bool> {
        auto [near, far] = MemoryStream::pair(l);
        Stream accepted;
        Stream connected;
        TaskGroup group(l);
        group.spawn(accept_into(l, std::move(far), std::move(s), accepted));
        group.spawn(connect_into(l, std::move(near), c, std::move(name), connected));
        (void)co_await group.join();
        EXPECT_TRUE(accepted && connected);
        Ends ends{std::move(connected), std::move(accepted), nullptr, nullptr};
        co_await expect_a_conversation(l, ends);
        co_return (*ends.server)->info().resumed;
      };
      return loop_.run(main(loop_, context, *client_context, host));
    };
    const auto both = [&] {
      return server_with({.certificates = {certificate({.names = {"a.example"}}),
                                           certificate({.names = {"b.example", "c.example"}})}});
    };
    const auto context = both();
    EXPECT_FALSE(resumed(context, "b.example"));
    EXPECT_TRUE(resumed(context, "b.example"));
    // After a renewal the names are the same.
    EXPECT_TRUE(resumed(both(), "b.example"));
    const auto fewer = server_with({.certificates = {certificate({.names = {"a.example"}}),
                                                     certificate({.names = {"b.example"}})}});
    EXPECT_FALSE(resumed(fewer, "b.example"));
  }
}

/// A ClientHello of TLS 1.2 with this server_name, in one record.
std::string client_hello(const std::string& server_name) {
  bssl::ScopedCBB whole;
  CBB record;
  CBB message;
  CBB list;
  CBB extensions;
  CBB extension;
  CBB names;
  CBB name;
  const std::string random(32, 'r');
  CBB_init(whole.get(), 1024);
  CBB_add_u8(whole.get(), SSL3_RT_HANDSHAKE);
  CBB_add_u16(whole.get(), TLS1_VERSION);
  CBB_add_u16_length_prefixed(whole.get(), &record);
  CBB_add_u8(&record, SSL3_MT_CLIENT_HELLO);
  CBB_add_u24_length_prefixed(&record, &message);
  CBB_add_u16(&message, TLS1_2_VERSION);
  CBB_add_bytes(&message, octets(random), random.size());
  CBB_add_u8(&message, 0);
  CBB_add_u16_length_prefixed(&message, &list);
  CBB_add_u16(&list, 0xc02b);
  CBB_add_u8_length_prefixed(&message, &list);
  CBB_add_u8(&list, 0);
  CBB_add_u16_length_prefixed(&message, &extensions);
  CBB_add_u16(&extensions, TLSEXT_TYPE_server_name);
  CBB_add_u16_length_prefixed(&extensions, &extension);
  CBB_add_u16_length_prefixed(&extension, &names);
  CBB_add_u8(&names, TLSEXT_NAMETYPE_host_name);
  CBB_add_u16_length_prefixed(&names, &name);
  CBB_add_bytes(&name, octets(server_name), server_name.size());
  CBB_flush(whole.get());
  return {reinterpret_cast<const char*>(CBB_data(whole.get())), CBB_len(whole.get())};
}

/// What the server answers to these octets, and what it says of them.
struct Answer {
  std::string octets;
  std::string reason;
};

Task<Answer> answer_to(Loop& loop, std::shared_ptr<const ServerTlsContext> context,
                       std::string said) {
  auto [near, far] = MemoryStream::pair(loop);
  EXPECT_TRUE(co_await near->write(said, loop.after(1s)));
  near->half_close();
  const auto accepted =
      co_await accept_tls(loop, std::move(far), std::move(context), loop.after(1s));
  EXPECT_FALSE(accepted);
  Answer answer{.octets = {}, .reason = accepted.error().text};
  const auto octets = co_await near->read(loop.after(1s));
  if (octets) answer.octets = *octets;
  co_return answer;
}

// Alert records: type, version, length 2, fatal, the alert.
constexpr char kFatal = 2;
bool is_alert(const std::string& octets, int alert) {
  return octets.size() >= 7 && octets[0] == SSL3_RT_ALERT && octets[5] == kFatal &&
         octets[6] == static_cast<char>(alert);
}

TEST_F(ServerNameIndication, NamesNobodyCouldHaveAreRefused) {
  const auto context = several();
  for (const std::string& name :
       {std::string(300, 'a'), std::string(256, 'a'), std::string(16384, 'a'),
        std::string("m\0x", 3), std::string("\0", 1), std::string()}) {
    const std::string hello =
        name.size() < 16000 ? client_hello(name) : client_hello(name.substr(0, 16200));
    const Answer answer = loop_.run(answer_to(loop_, context, hello));
    EXPECT_TRUE(is_alert(answer.octets, SSL_AD_DECODE_ERROR) ||
                is_alert(answer.octets, SSL_AD_UNRECOGNIZED_NAME))
        << name.size() << ' ' << answer.reason;
    EXPECT_TRUE(answer.reason.starts_with("TLS handshake: ")) << answer.reason;
  }
}

TEST_F(ServerNameIndication, MalformedAndEndlessHellosAreRefused) {
  // Both kinds of key, so that the client's signatures are looked at as well.
  const auto context =
      server_with({.certificates = {certificate(), certificate({.key = KeyKind::kRsa})}});
  const std::string hello = client_hello("mail.example.com");
  // Any one octet behind the frame may be wrong; whatever comes of it, it ends.
  for (std::size_t i = 9; i < hello.size(); ++i) {
    std::string broken = hello;
    broken[i] = static_cast<char>(broken[i] ^ 0xff);
    const Answer answer = loop_.run(answer_to(loop_, context, broken));
    EXPECT_FALSE(answer.reason.empty());
  }
  // A message of 16 MiB is refused when its length is known, not when it is there.
  std::string endless = hello.substr(0, 5);
  endless += std::string("\x01\xff\xff\xff", 4) + std::string(hello.size() - 9, 'x');
  const Answer answer = loop_.run(answer_to(loop_, context, endless));
  EXPECT_TRUE(is_alert(answer.octets, SSL_AD_ILLEGAL_PARAMETER)) << answer.reason;
  EXPECT_EQ(answer.reason, "TLS handshake: excessive message size");
}

TEST_F(ServerNameIndication, ModernMeansTls13Alone) {
  const auto context = server_with({.certificates = {certificate()}, .policy = TlsPolicy::kModern});
  const auto client_context = client();
  EXPECT_EQ((*shake(context, *client_context).server)->info().version, "TLSv1.3");
  limit_to_tls12(*client_context);
  const Ends ends = shake(context, *client_context);
  ASSERT_FALSE(ends.server);
  EXPECT_EQ(ends.client.error().text, "TLS handshake: the server gave up (alert protocol_version)");
}

TEST_F(ServerNameIndication, ASessionOfTls12IsNoWayAroundModern) {
  const auto client_context = client();
  limit_to_tls12(*client_context);
  Ends ends = shake(server(), *client_context);
  ASSERT_TRUE(ends.server);
  loop_.run(expect_a_conversation(loop_, ends));
  const auto modern = server_with({.certificates = {certificate()}, .policy = TlsPolicy::kModern});
  EXPECT_FALSE(shake(modern, *client_context).server);
}

}  // namespace
}  // namespace sallyport::net
