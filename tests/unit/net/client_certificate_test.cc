// Clients that show certificates: who gets in, who they are taken for, and that no session is a way
// around.
#include <openssl/pem.h>

#include "proxy/net/pem.h"
#include "tests/unit/net/tls_fixture.h"

namespace sallyport::net {
namespace {

class ClientCertificate : public TlsTest, public testing::WithParamInterface<bool> {
 protected:
  std::shared_ptr<const ServerTlsContext> asking(ClientCertificates demand) {
    return server_with({.certificates = {certificate()},
                        .client_ca = devices_.root(),
                        .client_certificates = demand});
  }

  /// A client that shows `identity`, if it is asked.
  std::unique_ptr<ClientTlsContext> showing(const support::Identity& identity) {
    auto context = client_of_version();
    const auto certificates = parse_certificates(identity.certificate).value();
    std::uint8_t* der = nullptr;
    const int size = i2d_X509(certificates.front().get(), &der);
    const bssl::UniquePtr<std::uint8_t> owner(der);
    const bssl::UniquePtr<CRYPTO_BUFFER> leaf(
        CRYPTO_BUFFER_new(der, static_cast<std::size_t>(size), nullptr));
    CRYPTO_BUFFER* const chain[] = {leaf.get()};
    const auto key = parse_key(identity.key).value();
    EXPECT_EQ(SSL_CTX_set_chain_and_key(context->impl().ssl.get(), chain, 1, key.get(), nullptr),
              1);
    return context;
  }
  std::unique_ptr<ClientTlsContext> client_of_version() {
    auto context = client();
    if (GetParam()) limit_to_tls12(*context);
    return context;
  }

  support::TestCa devices_{"Devices"};
};

INSTANTIATE_TEST_SUITE_P(Versions, ClientCertificate, testing::Values(false, true),
                         [](const auto& version) { return version.param ? "Tls12" : "Tls13"; });

TEST_P(ClientCertificate, SaysWhoTheClientIs) {
  const auto printer = showing(devices_.issue({.names = {}, .subject = "printer-7"}));
  for (const auto demand : {ClientCertificates::kRequire, ClientCertificates::kRequest}) {
    Ends ends = shake(asking(demand), *printer);
    ASSERT_TRUE(ends.server) << ends.server.error().text;
    EXPECT_EQ((*ends.server)->info().client_certificate, "CN=printer-7");
    EXPECT_EQ((*ends.client)->info().client_certificate, "");
    loop_.run(expect_a_conversation(loop_, ends));
  }
}

TEST_P(ClientCertificate, IsNotAskedForUnlessDemanded) {
  const auto printer = showing(devices_.issue());
  Ends ends = shake(asking(ClientCertificates::kNone), *printer);
  ASSERT_TRUE(ends.server) << ends.server.error().text;
  EXPECT_EQ((*ends.server)->info().client_certificate, "");
}

TEST_P(ClientCertificate, IsRequiredWithAnAlertThatSaysSo) {
  const auto nobody = client_of_version();
  const Ends ends = shake(asking(ClientCertificates::kRequire), *nobody);
  ASSERT_FALSE(ends.server);
  EXPECT_EQ(ends.server.error().code, ErrorCode::kTls);
  EXPECT_EQ(ends.server.error().text,
            "TLS handshake: the client showed no certificate, and one is required");
  if (!GetParam()) return;  // a client of 1.3 has its handshake done, and hears it when it reads
  ASSERT_FALSE(ends.client);
  EXPECT_EQ(ends.client.error().text,
            "TLS handshake: the server gave up (alert handshake_failure)");
}

TEST_P(ClientCertificate, RequestedGoesOnWithout) {
  const auto nobody = client_of_version();
  Ends ends = shake(asking(ClientCertificates::kRequest), *nobody);
  ASSERT_TRUE(ends.server) << ends.server.error().text;
  EXPECT_EQ((*ends.server)->info().client_certificate, "");
  loop_.run(expect_a_conversation(loop_, ends));
}

TEST_P(ClientCertificate, ThatIsNotGoodIsRefusedWithTheReason) {
  const support::TestCa strangers("Strangers");
  const struct {
    support::Identity identity;
    std::string reason;
  } cases[] = {
      {strangers.issue({.names = {}, .subject = "x"}),
       "the client's certificate 'CN=x' does not come from an authority in client_ca but from "
       "'CN=Strangers'"},
      {support::self_signed({.names = {}, .subject = "x"}),
       "the client's certificate 'CN=x' does not come from an authority in client_ca but from "
       "'CN=x'"},
      {devices_.issue({.names = {}, .subject = "x", .purpose = "serverAuth"}),
       "the client's certificate 'CN=x' is not for clients: its extended key usage must have "
       "clientAuth"},
      {devices_.issue({.names = {}, .valid_to = -1h, .subject = "x"}),
       "the client's certificate 'CN=x' expired on "},
  };
  for (const auto& c : cases) {
    const auto shows = showing(c.identity);
    const Ends refused = shake(asking(ClientCertificates::kRequire), *shows);
    ASSERT_FALSE(refused.server);
    EXPECT_TRUE(refused.server.error().text.starts_with(c.reason)) << refused.server.error().text;
    // Only asked, it is as good as none.
    Ends ends = shake(asking(ClientCertificates::kRequest), *shows);
    ASSERT_TRUE(ends.server) << ends.server.error().text;
    EXPECT_EQ((*ends.server)->info().client_certificate, "");
  }
}

TEST_P(ClientCertificate, NoSessionIsAWayAround) {
  const auto nobody = client_of_version();
  const auto open = asking(ClientCertificates::kNone);
  Ends ends = shake(open, *nobody);
  ASSERT_TRUE(ends.server);
  loop_.run(expect_a_conversation(loop_, ends));
  ends = shake(open, *nobody);
  EXPECT_TRUE((*ends.server)->info().resumed);
  loop_.run(expect_a_conversation(loop_, ends));
  // The client has a session now, and brings it where a certificate is required.
  EXPECT_FALSE(shake(open->demanding(ClientCertificates::kRequire), *nobody).server);
  Ends requested = shake(open->demanding(ClientCertificates::kRequest), *nobody);
  ASSERT_TRUE(requested.server);
  EXPECT_FALSE((*requested.server)->info().resumed);
}

TEST_P(ClientCertificate, IsShownAndVerifiedOnEachConnection) {
  const auto printer = showing(devices_.issue({.names = {}, .subject = "printer-7"}));
  const auto required = asking(ClientCertificates::kRequire);
  for (int i = 0; i < 3; ++i) {
    Ends ends = shake(required, *printer);
    ASSERT_TRUE(ends.server);
    loop_.run(expect_a_conversation(loop_, ends));
    EXPECT_FALSE((*ends.server)->info().resumed);
    EXPECT_EQ((*ends.server)->info().client_certificate, "CN=printer-7");
  }
  // Nor would one get in after the authority was changed.
  const support::TestCa others("Others");
  const auto changed = server_with({.certificates = {certificate()},
                                    .client_ca = others.root(),
                                    .client_certificates = ClientCertificates::kRequire});
  EXPECT_FALSE(shake(changed, *printer).server);
}

TEST_P(ClientCertificate, NothingCanBeDemandedWithoutAnAuthority) {
  EXPECT_EQ(server()->demanding(ClientCertificates::kRequire)->client_certificates(),
            ClientCertificates::kNone);
  const auto context = ServerTlsContext::make(
      {.certificates = {certificate()}, .client_certificates = ClientCertificates::kRequire},
      keys_);
  EXPECT_FALSE(context);
  const auto bad =
      ServerTlsContext::make({.certificates = {certificate()}, .client_ca = "nonsense"}, keys_);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().text,
            "there is no certificate in it: PEM with -----BEGIN CERTIFICATE----- is needed");
}

}  // namespace
}  // namespace sallyport::net
