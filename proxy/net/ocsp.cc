#include "proxy/net/ocsp.h"

#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/nid.h>
#include <openssl/obj.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "proxy/net/pem.h"

namespace sallyport::net {
namespace {

constexpr unsigned kExplicit0 = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0;
constexpr unsigned kGood = CBS_ASN1_CONTEXT_SPECIFIC | 0;
constexpr unsigned kRevoked = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 1;

// 1.3.6.1.5.5.7.48.1.1: id-pkix-ocsp-basic.
constexpr std::array<std::uint8_t, 9> kBasic = {0x2b, 0x06, 0x01, 0x05, 0x05,
                                                0x07, 0x30, 0x01, 0x01};

// A responder's clock may be ahead of ours.
constexpr auto kClockSkew = std::chrono::minutes(5);

/// One SingleResponse: whose status, which, and for how long.
struct Single {
  CBS hash_algorithm;
  CBS issuer_name_hash;
  CBS serial;
  unsigned status = 0;
  WallTime this_update;
  std::optional<WallTime> next_update;
};

bool read_time(CBS& from, WallTime& into) {
  CBS text;
  if (CBS_get_asn1(&from, &text, CBS_ASN1_GENERALIZEDTIME) != 1) return false;
  const std::string digits(reinterpret_cast<const char*>(CBS_data(&text)), CBS_len(&text));
  const bssl::UniquePtr<ASN1_TIME> time(ASN1_TIME_new());
  if (!time || ASN1_GENERALIZEDTIME_set_string(time.get(), digits.c_str()) != 1) return false;
  into = wall_time(*time);
  return true;
}

bool read_single(CBS& responses, Single& into) {
  CBS single;
  CBS id;
  CBS algorithm;
  CBS key_hash;
  CBS status;
  CBS next;
  int has_next = 0;
  if (CBS_get_asn1(&responses, &single, CBS_ASN1_SEQUENCE) != 1 ||
      CBS_get_asn1(&single, &id, CBS_ASN1_SEQUENCE) != 1 ||
      CBS_get_asn1(&id, &algorithm, CBS_ASN1_SEQUENCE) != 1 ||
      CBS_get_asn1(&algorithm, &into.hash_algorithm, CBS_ASN1_OBJECT) != 1 ||
      CBS_get_asn1(&id, &into.issuer_name_hash, CBS_ASN1_OCTETSTRING) != 1 ||
      CBS_get_asn1(&id, &key_hash, CBS_ASN1_OCTETSTRING) != 1 ||
      CBS_get_asn1(&id, &into.serial, CBS_ASN1_INTEGER) != 1 ||
      CBS_get_any_asn1(&single, &status, &into.status) != 1 ||
      !read_time(single, into.this_update) ||
      CBS_get_optional_asn1(&single, &next, &has_next, kExplicit0) != 1) {
    return false;
  }
  if (has_next == 0) return true;
  WallTime end;
  if (!read_time(next, end)) return false;
  into.next_update = end;
  return true;
}

/// The SEQUENCE OF SingleResponse inside, or what is wrong with what is around it.
Result<CBS> responses_in(std::string_view der) {
  const auto malformed = [] { return fail(ErrorCode::kInvalid, "it is no OCSP response in DER"); };
  CBS whole;
  CBS_init(&whole, octets(der), der.size());
  CBS response;
  CBS status;
  if (CBS_get_asn1(&whole, &response, CBS_ASN1_SEQUENCE) != 1 || CBS_len(&whole) != 0 ||
      CBS_get_asn1(&response, &status, CBS_ASN1_ENUMERATED) != 1 || CBS_len(&status) != 1) {
    return malformed();
  }
  if (*CBS_data(&status) != 0) {
    return fail(ErrorCode::kInvalid,
                "the OCSP responder did not answer: status " + std::to_string(*CBS_data(&status)));
  }
  CBS tagged;
  CBS typed;
  CBS type;
  CBS content;
  CBS basic;
  CBS data;
  CBS responder;
  CBS produced;
  CBS responses;
  unsigned tag = 0;
  if (CBS_get_asn1(&response, &tagged, kExplicit0) != 1 ||
      CBS_get_asn1(&tagged, &typed, CBS_ASN1_SEQUENCE) != 1 ||
      CBS_get_asn1(&typed, &type, CBS_ASN1_OBJECT) != 1 ||
      CBS_mem_equal(&type, kBasic.data(), kBasic.size()) != 1 ||
      CBS_get_asn1(&typed, &content, CBS_ASN1_OCTETSTRING) != 1 ||
      CBS_get_asn1(&content, &basic, CBS_ASN1_SEQUENCE) != 1 ||
      CBS_get_asn1(&basic, &data, CBS_ASN1_SEQUENCE) != 1 ||
      CBS_get_optional_asn1(&data, nullptr, nullptr, kExplicit0) != 1 ||  // version
      CBS_get_any_asn1(&data, &responder, &tag) != 1 ||
      CBS_get_asn1(&data, &produced, CBS_ASN1_GENERALIZEDTIME) != 1 ||
      CBS_get_asn1(&data, &responses, CBS_ASN1_SEQUENCE) != 1) {
    return malformed();
  }
  return responses;
}

bool is_about(const Single& single, X509& leaf) {
  std::uint8_t* serial_der = nullptr;
  const int size = i2d_ASN1_INTEGER(X509_get0_serialNumber(&leaf), &serial_der);
  if (size <= 0) return false;
  const bssl::UniquePtr<std::uint8_t> owner(serial_der);
  CBS der;
  CBS serial;
  CBS_init(&der, serial_der, static_cast<std::size_t>(size));
  if (CBS_get_asn1(&der, &serial, CBS_ASN1_INTEGER) != 1 ||
      CBS_mem_equal(&serial, CBS_data(&single.serial), CBS_len(&single.serial)) != 1) {
    return false;
  }
  const EVP_MD* hash = nullptr;
  const int kind = OBJ_cbs2nid(&single.hash_algorithm);
  if (kind == NID_sha1) hash = EVP_sha1();
  if (kind == NID_sha256) hash = EVP_sha256();
  if (hash == nullptr) return true;  // a client that knows it will tell
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest;
  unsigned digest_size = 0;
  return X509_NAME_digest(X509_get_issuer_name(&leaf), hash, digest.data(), &digest_size) == 1 &&
         CBS_mem_equal(&single.issuer_name_hash, digest.data(), digest_size) == 1;
}

Result<WallTime> judge(const Single& single, WallTime now) {
  if (single.status != kGood) {
    return fail(ErrorCode::kInvalid, single.status == kRevoked
                                         ? "it says that the certificate is revoked"
                                         : "it says that the responder does not know the "
                                           "certificate");
  }
  if (single.this_update > now + kClockSkew) {
    return fail(ErrorCode::kInvalid, "it is not in force yet: is the clock right?");
  }
  if (single.next_update && *single.next_update <= now) {
    return fail(ErrorCode::kInvalid, "it has expired");
  }
  return single.next_update.value_or(WallTime::max());
}

}  // namespace

Result<WallTime> check_ocsp_response(std::string_view der, X509& leaf, WallTime now) {
  auto responses = responses_in(der);
  if (!responses) return fail(responses.error());
  while (CBS_len(&*responses) > 0) {
    Single single;
    if (!read_single(*responses, single)) {
      return fail(ErrorCode::kInvalid, "it is no OCSP response in DER");
    }
    if (is_about(single, leaf)) return judge(single, now);
  }
  return fail(ErrorCode::kInvalid, "it is about another certificate");
}

}  // namespace sallyport::net
