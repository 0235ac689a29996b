// What a chain must be beyond leading to a trusted root, and what verification never does.
#include "proxy/net/chain.h"

#include <gtest/gtest.h>
#include <openssl/stack.h>

#include <string>
#include <vector>

#include "proxy/net/certificate_errors.h"
#include "proxy/net/client_verification.h"
#include "proxy/net/pem.h"
#include "proxy/net/trusted_roots.h"
#include "tests/support/certificates.h"

namespace sallyport::net {
namespace {

using support::KeyKind;
using support::TestCa;

bssl::UniquePtr<STACK_OF(CRYPTO_BUFFER)> chain_of(const std::string& pem) {
  bssl::UniquePtr<STACK_OF(CRYPTO_BUFFER)> chain(sk_CRYPTO_BUFFER_new_null());
  for (const auto& certificate : parse_certificates(pem).value()) {
    std::uint8_t* der = nullptr;
    const int size = i2d_X509(certificate.get(), &der);
    const bssl::UniquePtr<std::uint8_t> owner(der);
    bssl::PushToStack(chain.get(), bssl::UniquePtr<CRYPTO_BUFFER>(CRYPTO_BUFFER_new(
                                       der, static_cast<std::size_t>(size), nullptr)));
  }
  return chain;
}

/// Why a server that shows `pem` is refused; empty: it is not.
std::string refusal(const std::string& pem, const std::string& ca,
                    const std::string& host = "mail.example.com") {
  const auto roots = roots_from(ca).value();
  const auto leaf = verify_chain(*chain_of(pem), *roots,
                                 {.purpose = "ssl_server",
                                  .whose = "the certificate of " + host,
                                  .host = host,
                                  .explain = explain});
  return leaf ? "" : leaf.error().text;
}

std::string client_refusal(const std::string& pem, const std::string& ca) {
  const auto roots = roots_from(ca).value();
  const auto who = verify_client(*chain_of(pem), *roots);
  return who ? "" : who.error().text;
}

TEST(Chain, TheSubjectIsNoName) {
  const TestCa ca;
  EXPECT_EQ(refusal(ca.issue({.names = {}, .subject = "mail.example.com"}).certificate, ca.root()),
            "the certificate of mail.example.com is for 'CN=mail.example.com' (no DNS name)");
  // Not even where there are names of another kind.
  EXPECT_NE(refusal(ca.issue({.names = {"192.0.2.1"}, .subject = "mail.example.com"}).certificate,
                    ca.root()),
            "");
}

TEST(Chain, NoSignatureIsBySha1) {
  const TestCa ca;
  const std::string leaf = ca.issue({.sha1 = true}).certificate;
  EXPECT_EQ(refusal(leaf, ca.root()),
            "the certificate of mail.example.com is signed with SHA-1 or MD5, which can be forged");
  EXPECT_EQ(client_refusal(leaf, ca.root()),
            "the client's certificate is signed with SHA-1 or MD5, which can be forged");
}

TEST(Chain, HowATrustedRootSignsItselfDoesNotMatter) {
  const TestCa ca("Old Root", {.sha1 = true});
  EXPECT_EQ(refusal(ca.issue().certificate, ca.root()), "");
  EXPECT_EQ(client_refusal(ca.issue().certificate, ca.root()), "");
}

TEST(Chain, NoRsaKeyIsUnder2048Bits) {
  const TestCa ca;
  const std::string leaf = ca.issue({.key = KeyKind::kRsa1024}).certificate;
  EXPECT_EQ(refusal(leaf, ca.root()),
            "the certificate of mail.example.com has an RSA key of 1024 bits: 2048 or more are "
            "needed");
  EXPECT_EQ(client_refusal(leaf, ca.root()),
            "the client's certificate has an RSA key of 1024 bits: 2048 or more are needed");
  EXPECT_EQ(refusal(ca.issue({.key = KeyKind::kRsa}).certificate, ca.root()), "");
  // A root's key signs others: it counts.
  const TestCa weak("Weak Root", {.key = KeyKind::kRsa1024});
  EXPECT_EQ(refusal(weak.issue().certificate, weak.root()),
            "the issuer 'CN=Weak Root' of the certificate of mail.example.com has an RSA key of "
            "1024 bits: 2048 or more are needed");
}

// docs/security.md: what makes the known faults of the BoringSSL snapshot unreachable.
TEST(Chain, NeitherRevocationListsNorPoliciesAreEverLookedAt) {
  const TestCa ca;
  const auto roots = roots_from(ca.root()).value();
  const auto certificates = parse_certificates(ca.issue().certificate).value();
  for (const char* purpose : {"ssl_server", "ssl_client"}) {
    const bssl::UniquePtr<X509_STORE_CTX> verification(X509_STORE_CTX_new());
    ASSERT_EQ(
        X509_STORE_CTX_init(verification.get(), roots.get(), certificates.front().get(), nullptr),
        1);
    ASSERT_EQ(X509_STORE_CTX_set_default(verification.get(), purpose), 1);
    X509_VERIFY_PARAM& parameters = *X509_STORE_CTX_get0_param(verification.get());
    ASSERT_TRUE(set_verification(parameters, "mail.example.com"));
    unsigned long forbidden = X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL |
                              X509_V_FLAG_USE_DELTAS | X509_V_FLAG_EXTENDED_CRL_SUPPORT;
    forbidden |= X509_V_FLAG_POLICY_CHECK | X509_V_FLAG_EXPLICIT_POLICY | X509_V_FLAG_INHIBIT_ANY |
                 X509_V_FLAG_INHIBIT_MAP;
    forbidden |= X509_V_FLAG_ALLOW_PROXY_CERTS | X509_V_FLAG_IGNORE_CRITICAL;
    const unsigned long flags = X509_VERIFY_PARAM_get_flags(&parameters);
    EXPECT_EQ(flags & forbidden, 0u) << purpose;
    EXPECT_NE(flags & X509_V_FLAG_PARTIAL_CHAIN, 0u);
  }
}

}  // namespace
}  // namespace sallyport::net
