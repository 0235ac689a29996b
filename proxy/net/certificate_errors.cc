#include "proxy/net/certificate_errors.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <optional>

#include "proxy/net/pem.h"

namespace sallyport::net {
namespace {

constexpr std::size_t kMostNames = 4;

std::string day_of(const ASN1_TIME& time) {
  const std::time_t seconds = WallTime::clock::to_time_t(wall_time(time));
  std::tm parts{};
  char text[32];
  gmtime_r(&seconds, &parts);
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts)};
}

std::string text_of(const GENERAL_NAME& name) {
  if (name.type == GEN_DNS) {
    const ASN1_IA5STRING* const dns = name.d.dNSName;
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(dns)),
            static_cast<std::size_t>(ASN1_STRING_length(dns))};
  }
  if (name.type == GEN_IPADD) {
    const ASN1_OCTET_STRING* const ip = name.d.iPAddress;
    const int family = ASN1_STRING_length(ip) == sizeof(in_addr) ? AF_INET : AF_INET6;
    if (family == AF_INET6 && ASN1_STRING_length(ip) != sizeof(in6_addr)) return {};
    char text[INET6_ADDRSTRLEN] = "";
    inet_ntop(family, ASN1_STRING_get0_data(ip), text, sizeof text);
    return text;
  }
  return {};
}

/// Whom a certificate is for: its alternative names, or for old ones its subject.
std::string names_of(X509& certificate) {
  const bssl::UniquePtr<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::string text;
  std::size_t count = 0;
  for (std::size_t i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const std::string name = text_of(*sk_GENERAL_NAME_value(names.get(), i));
    if (name.empty()) continue;
    if (++count > kMostNames) return text + ", ...";
    text += (count > 1 ? ", " : "") + name;
  }
  return count > 0
             ? text
             : "'" + distinguished_name(X509_get_subject_name(&certificate)) + "' (no DNS name)";
}

/// What is wrong with its dates, if they are what is wrong.
std::optional<std::string> wrong_dates(int error, const X509& certificate,
                                       const std::string& which) {
  if (error == X509_V_ERR_CERT_HAS_EXPIRED) {
    return which + " expired on " + day_of(*X509_get0_notAfter(&certificate));
  }
  if (error == X509_V_ERR_CERT_NOT_YET_VALID) {
    return which + " is not valid before " + day_of(*X509_get0_notBefore(&certificate)) +
           ": is the clock right?";
  }
  return std::nullopt;
}

}  // namespace

std::string distinguished_name(const X509_NAME* name) {
  const bssl::UniquePtr<BIO> writer(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(writer.get(), name, 0, XN_FLAG_RFC2253);
  const std::uint8_t* text = nullptr;
  std::size_t size = 0;
  if (BIO_mem_contents(writer.get(), &text, &size) != 1 || size == 0) return "(no name)";
  return {reinterpret_cast<const char*>(text), size};
}

std::string explain(X509_STORE_CTX& verification, std::string_view host) {
  const int error = X509_STORE_CTX_get_error(&verification);
  X509* const certificate = X509_STORE_CTX_get_current_cert(&verification);
  const std::string whose = "the certificate of " + std::string(host);
  if (certificate == nullptr) {
    return whose + " is not accepted: " + X509_verify_cert_error_string(error);
  }
  const std::string subject = "'" + distinguished_name(X509_get_subject_name(certificate)) + "'";
  const std::string issuer = "'" + distinguished_name(X509_get_issuer_name(certificate)) + "'";
  const bool is_leaf = X509_STORE_CTX_get_error_depth(&verification) == 0;
  const std::string which = is_leaf ? whose : "the issuer " + subject + " of " + whose;
  if (const auto dates = wrong_dates(error, *certificate, which)) return *dates;
  switch (error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return whose + " is for " + names_of(*certificate);
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return whose +
             " is self-signed and not trusted: name it as the upstream's `ca` if it is right";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return whose + " leads to the root " + subject +
             ", which is not trusted: name that root as the upstream's `ca` if it is right";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return whose + " has an unknown issuer, " + issuer +
             ": name its root as the upstream's `ca`, or let the server send the whole chain";
    default:
      return which + " is not accepted: " + X509_verify_cert_error_string(error);
  }
}

std::string explain_client(X509_STORE_CTX& verification) {
  const int error = X509_STORE_CTX_get_error(&verification);
  X509* const certificate = X509_STORE_CTX_get_current_cert(&verification);
  if (certificate == nullptr) {
    return std::string("the client's certificate is not accepted: ") +
           X509_verify_cert_error_string(error);
  }
  const std::string subject = "'" + distinguished_name(X509_get_subject_name(certificate)) + "'";
  const bool is_leaf = X509_STORE_CTX_get_error_depth(&verification) == 0;
  const std::string which =
      (is_leaf ? "the client's certificate " : "an issuer of the client's certificate, ") + subject;
  if (const auto dates = wrong_dates(error, *certificate, which)) return *dates;
  switch (error) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return which + " does not come from an authority in client_ca but from '" +
             distinguished_name(X509_get_issuer_name(certificate)) + "'";
    case X509_V_ERR_INVALID_PURPOSE:
      return which + " is not for clients: its extended key usage must have clientAuth";
    default:
      return which + " is not accepted: " + X509_verify_cert_error_string(error);
  }
}

}  // namespace sallyport::net
