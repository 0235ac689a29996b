// OCSP responses: which are stapled, which are not and why, and that clients get them.
#include <openssl/bytestring.h>
#include <openssl/digest.h>

#include <ctime>

#include "proxy/net/pem.h"
#include "tests/unit/net/tls_fixture.h"

namespace sallyport::net {
namespace {

enum class Status { kGood = 0x80, kRevoked = 0xa1, kUnknown = 0x82 };

/// What a responder says of a certificate.
struct Said {
  Status status = Status::kGood;
  std::chrono::hours from{-1};
  std::chrono::hours to{24};
  bool has_end = true;
  int outcome = 0;  // successful
};

void add_time(CBB& into, std::chrono::hours span) {
  const std::time_t when = std::time(nullptr) + std::chrono::seconds(span).count();
  std::tm parts{};
  gmtime_r(&when, &parts);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &parts);
  CBB time;
  CBB_add_asn1(&into, &time, CBS_ASN1_GENERALIZEDTIME);
  CBB_add_bytes(&time, octets(std::string_view(text, size)), size);
  CBB_flush(&into);
}

constexpr unsigned kExplicit0 = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0;

/// A BasicOCSPResponse whose signature nobody looks at.
std::string response_for(const support::Identity& identity, const Said& said = {}) {
  const auto certificates = parse_certificates(identity.certificate).value();
  X509* const leaf = certificates.front().get();
  std::uint8_t issuer[EVP_MAX_MD_SIZE];
  unsigned issuer_size = 0;
  X509_NAME_digest(X509_get_issuer_name(leaf), EVP_sha1(), issuer, &issuer_size);
  std::uint8_t* serial = nullptr;
  const int serial_size = i2d_ASN1_INTEGER(X509_get0_serialNumber(leaf), &serial);
  const bssl::UniquePtr<std::uint8_t> owner(serial);

  static constexpr std::uint8_t kSha1[] = {0x2b, 0x0e, 0x03, 0x02, 0x1a};
  static constexpr std::uint8_t kBasic[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01};
  bssl::ScopedCBB whole;
  CBB response, status, tagged, typed, part, basic, data, list, single, id, algorithm, inner;
  CBB_init(whole.get(), 512);
  CBB_add_asn1(whole.get(), &response, CBS_ASN1_SEQUENCE);
  CBB_add_asn1(&response, &status, CBS_ASN1_ENUMERATED);
  CBB_add_u8(&status, static_cast<std::uint8_t>(said.outcome));
  if (said.outcome == 0) {
    CBB_add_asn1(&response, &tagged, kExplicit0);
    CBB_add_asn1(&tagged, &typed, CBS_ASN1_SEQUENCE);
    CBB_add_asn1(&typed, &part, CBS_ASN1_OBJECT);
    CBB_add_bytes(&part, kBasic, sizeof kBasic);
    CBB_add_asn1(&typed, &part, CBS_ASN1_OCTETSTRING);
    CBB_add_asn1(&part, &basic, CBS_ASN1_SEQUENCE);
    CBB_add_asn1(&basic, &data, CBS_ASN1_SEQUENCE);
    CBB_add_asn1(&data, &list, CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 2);
    CBB_add_asn1_octet_string(&list, issuer, issuer_size);
    add_time(data, said.from);
    CBB_add_asn1(&data, &list, CBS_ASN1_SEQUENCE);
    CBB_add_asn1(&list, &single, CBS_ASN1_SEQUENCE);
    CBB_add_asn1(&single, &id, CBS_ASN1_SEQUENCE);
    CBB_add_asn1(&id, &algorithm, CBS_ASN1_SEQUENCE);
    CBB_add_asn1(&algorithm, &inner, CBS_ASN1_OBJECT);
    CBB_add_bytes(&inner, kSha1, sizeof kSha1);
    CBB_add_asn1_octet_string(&id, issuer, issuer_size);
    CBB_add_asn1_octet_string(&id, issuer, issuer_size);
    CBB_add_bytes(&id, serial, static_cast<std::size_t>(serial_size));
    CBB_flush(&single);
    CBB_add_u8(&single, static_cast<std::uint8_t>(said.status));
    if (said.status == Status::kRevoked) {
      CBB_add_u8(&single, 17);
      add_time(single, said.from);
    } else {
      CBB_add_u8(&single, 0);
    }
    add_time(single, said.from);
    if (said.has_end) {
      CBB_add_asn1(&single, &inner, kExplicit0);
      add_time(inner, said.to);
    }
  }
  CBB_flush(whole.get());
  return {reinterpret_cast<const char*>(CBB_data(whole.get())), CBB_len(whole.get())};
}

class Ocsp : public TlsTest {
 protected:
  /// Why a response is not stapled to the certificate of `identity`.
  static std::string refusal(const support::Identity& identity, const std::string& response) {
    const auto stapled =
        certificate_of(identity)->stapled(response, std::chrono::system_clock::now());
    return stapled ? "stapled" : stapled.error().text;
  }
};

TEST_F(Ocsp, AResponseInForceIsStapledUntilItEnds) {
  const auto identity = ca_.issue();
  const WallTime now = std::chrono::system_clock::now();
  const auto plain = certificate_of(identity);
  EXPECT_EQ(plain->ocsp_response(), "");
  const std::string response = response_for(identity);
  const auto stapled = plain->stapled(response, now);
  ASSERT_TRUE(stapled) << stapled.error().text;
  EXPECT_EQ((*stapled)->ocsp_response(), response);
  EXPECT_GT((*stapled)->ocsp_response_ends(), now + 23h);
  EXPECT_LT((*stapled)->ocsp_response_ends(), now + 25h);
  EXPECT_EQ((*stapled)->names(), plain->names());
  const auto endless = plain->stapled(response_for(identity, {.has_end = false}), now);
  ASSERT_TRUE(endless) << endless.error().text;
  EXPECT_EQ((*endless)->ocsp_response_ends(), WallTime::max());
  EXPECT_EQ((*stapled)->stapled("", now).value()->ocsp_response(), "");
}

TEST_F(Ocsp, ClientsThatAskGetIt) {
  const auto identity = ca_.issue();
  const std::string response = response_for(identity);
  const auto stapled =
      certificate_of(identity)->stapled(response, std::chrono::system_clock::now());
  ASSERT_TRUE(stapled) << stapled.error().text;
  const auto context =
      server_with({.certificates = {certificate({.names = {"other.example"}}), *stapled}});
  for (const bool old : {false, true}) {
    const auto client_context = client();
    if (old) limit_to_tls12(*client_context);
    static std::string seen;
    seen.clear();
    SSL_CTX_enable_ocsp_stapling(client_context->impl().ssl.get());
    SSL_CTX_set_custom_verify(client_context->impl().ssl.get(), SSL_VERIFY_PEER,
                              [](SSL* ssl, std::uint8_t*) {
                                const std::uint8_t* data = nullptr;
                                std::size_t size = 0;
                                SSL_get0_ocsp_response(ssl, &data, &size);
                                seen.assign(reinterpret_cast<const char*>(data), size);
                                return ssl_verify_ok;
                              });
    EXPECT_TRUE(shake(context, *client_context).server);
    EXPECT_TRUE(seen == response);
    seen.clear();
    EXPECT_TRUE(shake(context, *client_context, {}, "other.example").server);
    EXPECT_EQ(seen, "");
  }
}

TEST_F(Ocsp, WhatNoClientShouldSeeIsNotStapled) {
  const auto identity = ca_.issue();
  EXPECT_EQ(refusal(identity, response_for(identity, {.status = Status::kRevoked})),
            "it says that the certificate is revoked");
  EXPECT_EQ(refusal(identity, response_for(identity, {.status = Status::kUnknown})),
            "it says that the responder does not know the certificate");
  EXPECT_EQ(refusal(identity, response_for(identity, {.from = -48h, .to = -1h})), "it has expired");
  EXPECT_EQ(refusal(identity, response_for(identity, {.from = 2h})),
            "it is not in force yet: is the clock right?");
  EXPECT_EQ(refusal(identity, response_for(identity, {.outcome = 3})),
            "the OCSP responder did not answer: status 3");
  EXPECT_EQ(refusal(identity, response_for(ca_.issue())), "it is about another certificate");
  const support::TestCa other("Other");
  EXPECT_EQ(refusal(identity, response_for(other.issue())), "it is about another certificate");
}

TEST_F(Ocsp, WhatIsNoResponseIsRefusedWhereverItBreaks) {
  const auto identity = ca_.issue();
  EXPECT_EQ(refusal(identity, "-----BEGIN OCSP RESPONSE-----"), "it is no OCSP response in DER");
  const std::string response = response_for(identity);
  EXPECT_EQ(refusal(identity, response + "x"), "it is no OCSP response in DER");
  for (std::size_t size = 1; size < response.size(); ++size) {
    EXPECT_NE(refusal(identity, response.substr(0, size)), "stapled") << size;
  }
}

}  // namespace
}  // namespace sallyport::net
