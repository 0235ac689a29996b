// Whom a client trusts, and what it says about whom it does not.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "proxy/base/base64.h"
#include "proxy/base/crypto/digest.h"
#include "proxy/net/pem.h"
#include "tests/unit/net/tls_fixture.h"

namespace sallyport::net {
namespace {

using support::CertificateOptions;
using support::KeyKind;

class Verification : public TlsTest {
 protected:
  /// The client's error, or "".
  std::string refusal(const std::shared_ptr<const ServerTlsContext>& server_context,
                      ClientTlsContext& client_context, const std::string& host = kHost) {
    const Ends ends = shake(server_context, client_context, {}, host);
    EXPECT_EQ(ends.client.has_value(), ends.server.has_value() && ends.client.has_value());
    if (ends.client) return "";
    EXPECT_EQ(ends.client.error().code, ErrorCode::kTls);
    if (!ends.server) server_error_ = ends.server.error().text;
    return ends.client.error().text;
  }
  std::string refusal(const CertificateOptions& options, const std::string& host = kHost) {
    return refusal(server(options), *client(), host);
  }

  std::string server_error_;
};

TEST_F(Verification, AcceptsNamesWildcardsAndAddresses) {
  const CertificateOptions options{
      .names = {"mail.example.com", "*.relay.example.net", "192.0.2.1", "2001:db8::1"}};
  for (const char* host : {"mail.example.com", "MAIL.Example.COM", "mail.example.com.",
                           "eu.relay.example.net", "192.0.2.1", "2001:db8::1"}) {
    EXPECT_EQ(refusal(options, host), "") << host;
  }
}

TEST_F(Verification, NamesWhomAWrongCertificateIsFor) {
  EXPECT_EQ(refusal({.names = {"smtp.example.net", "*.example.net"}}),
            "the certificate of mail.example.com is for smtp.example.net, *.example.net");
  EXPECT_EQ(server_error_,
            "TLS handshake: the client does not trust our certificate (alert bad_certificate)");
  EXPECT_EQ(refusal({.names = {"10.0.0.1", "2001:db8::2"}}, "10.0.0.2"),
            "the certificate of 10.0.0.2 is for 10.0.0.1, 2001:db8::2");
  EXPECT_EQ(refusal({.names = {}}),
            "the certificate of mail.example.com is for 'CN=nameless' (no DNS name)");
  EXPECT_EQ(refusal({.names = {"a.x", "b.x", "c.x", "d.x", "e.x"}}),
            "the certificate of mail.example.com is for a.x, b.x, c.x, d.x, ...");
  // A wildcard stands for one label, and an address is no name.
  EXPECT_NE(refusal({.names = {"*.example.com"}}, "a.b.example.com"), "");
  EXPECT_NE(refusal({.names = {"example.com"}}, "192.0.2.1"), "");
}

TEST_F(Verification, TellsTheDatesOfACertificateOutOfTime) {
  const std::string expired = refusal({.valid_from = -48h, .valid_to = -1h});
  EXPECT_TRUE(expired.starts_with("the certificate of mail.example.com expired on 20")) << expired;
  EXPECT_TRUE(expired.ends_with(" UTC")) << expired;
  const std::string early = refusal({.valid_from = 24h, .valid_to = 48h});
  EXPECT_TRUE(early.starts_with("the certificate of mail.example.com is not valid before 20"))
      << early;
}

TEST_F(Verification, NamesAnUnknownIssuer) {
  const support::TestCa other("Other Root");
  EXPECT_EQ(refusal(server(), *client_trusting(other.root())),
            "the certificate of mail.example.com has an unknown issuer, 'CN=Test CA': name its "
            "root as the upstream's `ca`, or let the server send the whole chain");
  auto with_root = ca_.issue();
  with_root.certificate += ca_.root();
  EXPECT_EQ(refusal(server_of(with_root), *client_trusting(other.root())),
            "the certificate of mail.example.com leads to the root 'CN=Test CA', which is not "
            "trusted: name that root as the upstream's `ca` if it is right");
}

TEST_F(Verification, ASelfSignedCertificateIsGoodOnlyIfNamed) {
  const auto identity = support::self_signed();
  EXPECT_EQ(refusal(server_of(identity), *client()),
            "the certificate of mail.example.com is self-signed and not trusted: name it as the "
            "upstream's `ca` if it is right");
  EXPECT_EQ(refusal(server_of(identity), *client_trusting(identity.certificate)), "");
}

TEST_F(Verification, ACaFileMayHoldSeveralRootsOrTheLeafItself) {
  const support::TestCa other("Other Root");
  EXPECT_EQ(refusal(server(), *client_trusting(other.root() + "# ours\n" + ca_.root())), "");
  const auto identity = ca_.issue();
  EXPECT_EQ(refusal(server_of(identity), *client_trusting(identity.certificate)), "");
}

TEST_F(Verification, RefusesACaFileWithoutCertificates) {
  const struct {
    std::string pem;
    const char* expected;
  } cases[] = {
      {"not a certificate",
       "there is no certificate in it: PEM with -----BEGIN CERTIFICATE----- is needed"},
      {ca_.root().substr(0, 200), "certificate 1 cannot be read: bad end line"},
  };
  for (const auto& c : cases) {
    const auto context = ClientTlsContext::make(c.pem);
    ASSERT_FALSE(context);
    EXPECT_EQ(context.error().code, ErrorCode::kInvalid);
    EXPECT_EQ(context.error().text, c.expected);
  }
}

TEST_F(Verification, TheSystemsRootsAreThoseOfSslCertFileIfItIsSet) {
  const auto file = std::filesystem::temp_directory_path() /
                    ("sallyport-roots-" + std::to_string(::getpid()) + ".pem");
  std::ofstream(file) << ca_.root();
  ::setenv("SSL_CERT_FILE", file.c_str(), 1);
  EXPECT_EQ(refusal(server(), *client_trusting("")), "");
  ::setenv("SSL_CERT_FILE", "/nonexistent", 1);
  const auto missing = ClientTlsContext::make("");
  ::unsetenv("SSL_CERT_FILE");
  std::filesystem::remove(file);
  ASSERT_FALSE(missing);
  EXPECT_TRUE(missing.error().text.starts_with("the trusted roots in /nonexistent cannot be read"))
      << missing.error().text;
  // Without it, the distribution's: they know nothing of our test authority.
  if (std::filesystem::exists("/etc/ssl/certs/ca-certificates.crt")) {
    EXPECT_NE(refusal(server(), *client_trusting("")), "");
  }
}

/// The pin of a certificate's key, computed as `openssl x509 -pubkey | openssl pkey -outform der |
/// openssl dgst -sha256` does.
std::string pin_of(const std::string& pem) {
  const auto certificates = parse_certificates(pem).value();
  const bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(certificates.front().get()));
  std::uint8_t* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  const bssl::UniquePtr<std::uint8_t> owner(der);
  return std::string(crypto::as_view(
      crypto::sha256({reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)})));
}

TEST_F(Verification, AnyKeyOfTheChainMayBePinned) {
  const auto identity = ca_.issue();
  const auto server_context = server_of(identity);
  const std::string other = pin_of(ca_.issue().certificate);
  const auto pinning = [&](std::vector<std::string> pins) {
    return ClientTlsContext::make({.ca = ca_.root(), .pins = std::move(pins)}).value();
  };
  EXPECT_EQ(refusal(server_context, *pinning({pin_of(identity.certificate)})), "");
  EXPECT_EQ(refusal(server_context, *pinning({other, pin_of(identity.certificate)})), "");
  EXPECT_EQ(refusal(server_context, *pinning({pin_of(ca_.root())})), "");
  EXPECT_EQ(refusal(server_context, *pinning({other})),
            "the certificate of mail.example.com and its issuers have none of the pinned keys; its "
            "own is sha256/" +
                base64::encode(pin_of(identity.certificate)));
}

TEST_F(Verification, APinReplacesNothingElse) {
  const auto identity = ca_.issue({.names = {"other.example.com"}});
  const auto context =
      ClientTlsContext::make({.ca = ca_.root(), .pins = {pin_of(identity.certificate)}}).value();
  EXPECT_EQ(refusal(server_of(identity), *context),
            "the certificate of mail.example.com is for other.example.com");
  const auto foreign = support::self_signed();
  const auto pinned =
      ClientTlsContext::make({.ca = ca_.root(), .pins = {pin_of(foreign.certificate)}}).value();
  EXPECT_NE(refusal(server_of(foreign), *pinned), "");
}

TEST_F(Verification, AResumedSessionIsHeldAgainstThePins) {
  for (const bool tls12 : {false, true}) {
    const auto identity = ca_.issue();
    const auto server_context = server_of(identity);
    const auto context =
        ClientTlsContext::make({.ca = ca_.root(), .pins = {pin_of(identity.certificate)}}).value();
    if (tls12) limit_to_tls12(*context);
    for (const bool resumed : {false, true}) {
      Ends ends = shake(server_context, *context);
      ASSERT_TRUE(ends.client) << ends.client.error().text;
      EXPECT_EQ((*ends.client)->info().resumed, resumed);
      loop_.run(expect_a_conversation(loop_, ends));
    }
    context->impl().pins = {std::string(32, 'x')};
    EXPECT_TRUE(refusal(server_context, *context).contains("none of the pinned keys"));
  }
}

TEST_F(Verification, AServerMayBeAskedForTls13) {
  const auto modern =
      ClientTlsContext::make({.ca = ca_.root(), .policy = TlsPolicy::kModern}).value();
  EXPECT_EQ(refusal(server(), *modern), "");
  limit_to_tls12(*client());
  const auto old = server();
  for (const auto& context : old->impl().contexts) {
    SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  }
  EXPECT_EQ(refusal(old, *client()), "");
  const Ends ends = shake(old, *modern);
  ASSERT_FALSE(ends.client);
  EXPECT_EQ(ends.client.error().code, ErrorCode::kProtocol);
  EXPECT_EQ(ends.client.error().text, "TLS handshake: the server gave up (alert protocol_version)");
}

TEST_F(Verification, ShowsItsOwnCertificateToServersThatAsk) {
  const support::TestCa devices("Devices");
  const auto own = devices.issue({.names = {}, .subject = "gateway"});
  const auto asking = server_with({.certificates = {certificate()},
                                   .client_ca = devices.root(),
                                   .client_certificates = ClientCertificates::kRequire});
  const auto showing =
      ClientTlsContext::make({.ca = ca_.root(), .certificate = own.certificate, .key = own.key})
          .value();
  for (int i = 0; i < 2; ++i) {  // the second is resumed
    Ends ends = shake(asking, *showing);
    ASSERT_TRUE(ends.server) << ends.server.error().text;
    EXPECT_EQ((*ends.server)->info().client_certificate, "CN=gateway");
    loop_.run(expect_a_conversation(loop_, ends));
  }
  // Without one a server of TLS 1.3 says no after our side of the handshake is over.
  Ends ends = shake(asking, *client());
  ASSERT_TRUE(ends.client);
  const auto read = [](Loop& loop, runtime::ByteStream& stream) -> Task<std::string> {
    const auto octets = co_await stream.read(loop.after(1h));
    co_return octets ? "" : octets.error().text;
  };
  EXPECT_EQ(loop_.run(read(loop_, **ends.client)),
            "TLS: the server wants a certificate of ours (alert certificate_required)");
}

TEST_F(Verification, SaysWhatIsWrongWithItsOwnCertificate) {
  const auto own = ca_.issue();
  const auto made = ClientTlsContext::make(
      {.ca = ca_.root(), .certificate = own.certificate, .key = ca_.issue().key});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().text, "the key does not belong to the first certificate");
}

TEST_F(Verification, AHostThatCannotBeANameIsAnErrorNotACrash) {
  for (const std::string& host : {std::string(), std::string("."), std::string(300, 'a'),
                                  std::string("bad\0name", 8), std::string("a b")}) {
    EXPECT_NE(refusal(server(), *client(), host), "") << host;
  }
}

class ServerContext : public TlsTest {
 protected:
  std::string refusal(const support::Identity& identity) {
    const auto context = ServerTlsContext::make(identity.certificate, identity.key, keys_);
    if (context) return "";
    EXPECT_EQ(context.error().code, ErrorCode::kInvalid);
    return context.error().text;
  }
};

TEST_F(ServerContext, SaysWhichPartOfACertificateIsWrong) {
  const auto good = ca_.issue();
  EXPECT_EQ(refusal(good), "");
  EXPECT_EQ(refusal({"", good.key}),
            "certificate: there is no certificate in it: PEM with -----BEGIN CERTIFICATE----- is "
            "needed");
  EXPECT_EQ(refusal({good.key, good.key}),
            "certificate: there is no certificate in it: PEM with -----BEGIN CERTIFICATE----- is "
            "needed");
  EXPECT_EQ(refusal({good.certificate, ""}),
            "key: there is no private key in it: PEM with -----BEGIN PRIVATE KEY----- is needed");
  EXPECT_EQ(refusal({good.certificate, ca_.issue().key}),
            "the key does not belong to the first certificate");
  EXPECT_EQ(refusal({good.certificate, ca_.issue({.key = KeyKind::kRsa}).key}),
            "the key does not belong to the first certificate");
  EXPECT_EQ(refusal({ca_.root() + good.certificate, good.key}),
            "the key does not belong to the first certificate");
  EXPECT_EQ(refusal({good.certificate, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n"}),
            "key: the private key is encrypted: store it without a password");
  EXPECT_TRUE(refusal({good.certificate.substr(0, 300), good.key})
                  .starts_with("certificate: certificate 1 cannot be read: "));
}

TEST_F(ServerContext, SaysWhichKeysItTakes) {
  EXPECT_EQ(refusal(ca_.issue({.key = KeyKind::kRsa})), "");
  EXPECT_EQ(refusal(ca_.issue({.key = KeyKind::kRsa1024})),
            "key: the RSA key has 1024 bits: 2048 or more are needed");
  EXPECT_EQ(refusal(ca_.issue({.key = KeyKind::kEcdsaP224})),
            "key: the key's curve is not supported: P-256, P-384 or P-521 is needed");
  EXPECT_EQ(refusal(ca_.issue({.key = KeyKind::kEd25519})),
            "key: this kind of private key is not supported: ECDSA or RSA is needed");
}

TEST_F(ServerContext, KnowsWhenItsCertificateEnds) {
  const auto shown = certificate({.valid_to = 240h});
  const auto left = shown->not_after() - WallTime::clock::now();
  EXPECT_GT(left, 239h);
  EXPECT_LE(left, 240h);
}

}  // namespace
}  // namespace sallyport::net
