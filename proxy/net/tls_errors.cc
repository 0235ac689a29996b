#include "proxy/net/tls_errors.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "proxy/net/boringssl.h"

namespace sallyport::net {
namespace {

// RFC 8446 5.1: what the records that open a connection start with.
constexpr char kAlert = 21;
constexpr char kHandshake = 22;
constexpr char kMajorVersion = 3;

constexpr std::uint8_t kCertificateRequired = 116;

constexpr char kDigits[] = "0123456789abcdef";

struct AlertName {
  std::uint8_t alert;
  std::string_view name;
  bool is_of_certificate = false;  // it says that our certificate is not accepted
};

// RFC 8446 section 6, and what older versions had.
constexpr AlertName kAlerts[] = {
    {0, "close_notify"},
    {10, "unexpected_message"},
    {20, "bad_record_mac"},
    {21, "decryption_failed"},
    {22, "record_overflow"},
    {40, "handshake_failure"},
    {42, "bad_certificate", true},
    {43, "unsupported_certificate", true},
    {44, "certificate_revoked", true},
    {45, "certificate_expired", true},
    {46, "certificate_unknown", true},
    {47, "illegal_parameter"},
    {48, "unknown_ca", true},
    {49, "access_denied"},
    {50, "decode_error"},
    {51, "decrypt_error"},
    {70, "protocol_version"},
    {71, "insufficient_security"},
    {80, "internal_error"},
    {86, "inappropriate_fallback"},
    {90, "user_canceled"},
    {100, "no_renegotiation"},
    {109, "missing_extension"},
    {110, "unsupported_extension"},
    {112, "unrecognized_name"},
    {113, "bad_certificate_status_response", true},
    {115, "unknown_psk_identity"},
    {kCertificateRequired, "certificate_required"},
    {120, "no_application_protocol"},
};

/// BoringSSL's names are the shouted identifiers of its source.
std::string in_plain_letters(const char* identifier) {
  std::string text(identifier);
  for (char& c : text) {
    if (c == '_') c = ' ';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

/// The first error of SSL itself: what libraries below it say first means less to a person.
std::uint32_t take_error() {
  const std::uint32_t first = ERR_peek_error();
  std::uint32_t error = ERR_get_error();
  while (error != 0 && ERR_GET_LIB(error) != ERR_LIB_SSL) error = ERR_get_error();
  ERR_clear_error();
  return error != 0 ? error : first;
}

}  // namespace

std::string describe_alert(std::uint8_t alert, std::string_view peer) {
  const auto* const known = std::ranges::find(kAlerts, alert, &AlertName::alert);
  const bool is_known = known != std::end(kAlerts);
  const std::string name = is_known ? std::string(known->name) : std::to_string(alert);
  const bool distrusts = is_known && known->is_of_certificate;
  const std::string_view what = distrusts                       ? " does not trust our certificate"
                                : alert == kCertificateRequired ? " wants a certificate of ours"
                                                                : " gave up";
  return std::string(peer) + std::string(what) + " (alert " + name + ")";
}

std::string take_reason(std::string_view peer) {
  const std::uint32_t error = take_error();
  if (error == 0) return "unknown reason";
  const int reason = ERR_GET_REASON(error);
  if (ERR_GET_LIB(error) == ERR_LIB_SSL) {
    if (reason >= SSL_AD_REASON_OFFSET) {
      return describe_alert(static_cast<std::uint8_t>(reason - SSL_AD_REASON_OFFSET), peer);
    }
    switch (reason) {
      case SSL_R_UNSUPPORTED_PROTOCOL:
        return "the peer speaks no version we accept: 1.2 or 1.3";
      case SSL_R_NO_SHARED_CIPHER:
        return "no cipher suite in common: ECDHE with AES-GCM or ChaCha20-Poly1305 is needed";
      case SSL_R_NO_SHARED_GROUP:
        return "no key exchange group in common: X25519, P-256 or P-384 is needed";
      case SSL_R_NO_COMMON_SIGNATURE_ALGORITHMS:
        return "the peer takes no signature that our kind of key can make";
      case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return "the client showed no certificate, and one is required";
      case SSL_R_NO_RENEGOTIATION:
        return "the peer asked to renegotiate";
      default:
        break;
    }
  }
  const char* text = ERR_reason_error_string(error);
  return text != nullptr ? in_plain_letters(text) : "error " + std::to_string(error);
}

bool looks_like_tls(std::string_view first_octets) {
  if (first_octets.empty()) return true;
  if (first_octets[0] != kAlert && first_octets[0] != kHandshake) return false;
  return first_octets.size() < 2 || first_octets[1] == kMajorVersion;
}

std::string not_tls(std::string_view first_octets) {
  const std::string_view line = first_octets.substr(0, first_octets.find_first_of("\r\n"));
  const bool printable =
      !line.empty() && std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; });
  if (printable) return "the peer does not speak TLS: it said \"" + std::string(line) + "\"";
  std::string text = "the peer does not speak TLS: its first octets were";
  for (const char c : first_octets.substr(0, 8)) {
    const auto octet = static_cast<std::uint8_t>(c);
    text += {' ', kDigits[octet >> 4], kDigits[octet & 15]};
  }
  return text;
}

}  // namespace sallyport::net
