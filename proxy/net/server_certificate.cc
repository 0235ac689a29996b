#include "proxy/net/server_certificate.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "proxy/net/ocsp.h"
#include "proxy/net/pem.h"
#include "proxy/net/server_context.h"
#include "proxy/net/server_names.h"
#include "proxy/net/tls_errors.h"

namespace sallyport::net {
namespace {

/// The chain as BoringSSL's buffers: no parsed certificate stays behind.
std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> as_buffers(
    const std::vector<bssl::UniquePtr<X509>>& certificates) {
  std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> buffers;
  for (const auto& certificate : certificates) {
    std::uint8_t* der = nullptr;
    const int size = i2d_X509(certificate.get(), &der);
    if (size <= 0) return {};
    buffers.emplace_back(CRYPTO_BUFFER_new(der, static_cast<std::size_t>(size), nullptr));
    OPENSSL_free(der);
  }
  return buffers;
}

std::vector<std::string> names_of(const X509& leaf) {
  std::vector<std::string> names;
  const bssl::UniquePtr<GENERAL_NAMES> all(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&leaf, NID_subject_alt_name, nullptr, nullptr)));
  for (std::size_t i = 0; all && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const GENERAL_NAME& each = *sk_GENERAL_NAME_value(all.get(), i);
    if (each.type != GEN_DNS) continue;
    const ASN1_IA5STRING* const dns = each.d.dNSName;
    const auto name = certificate_name({reinterpret_cast<const char*>(ASN1_STRING_get0_data(dns)),
                                        static_cast<std::size_t>(ASN1_STRING_length(dns))});
    if (name) names.push_back(*name);
  }
  ERR_clear_error();
  return names;
}

}  // namespace

ServerCertificate::ServerCertificate(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ServerCertificate::~ServerCertificate() = default;

const std::vector<std::string>& ServerCertificate::names() const { return impl_->names; }
WallTime ServerCertificate::not_after() const { return impl_->not_after; }
std::string_view ServerCertificate::ocsp_response() const { return impl_->ocsp_response; }
WallTime ServerCertificate::ocsp_response_ends() const { return impl_->ocsp_response_ends; }

Result<std::shared_ptr<const ServerCertificate>> ServerCertificate::make(
    std::string_view certificate_pem, std::string_view key_pem) {
  const auto certificates = parse_certificates(certificate_pem);
  if (!certificates)
    return fail(certificates.error().code, "certificate: " + certificates.error().text);
  auto key = parse_key(key_pem);
  if (!key) return fail(key.error().code, "key: " + key.error().text);
  const bssl::UniquePtr<EVP_PKEY> public_key(X509_get_pubkey(certificates->front().get()));
  if (!public_key || EVP_PKEY_cmp(public_key.get(), key->get()) != 1) {
    ERR_clear_error();
    return fail(ErrorCode::kInvalid, "the key does not belong to the first certificate");
  }
  auto impl = std::make_unique<Impl>();
  impl->chain = as_buffers(*certificates);
  impl->key = std::move(*key);
  impl->names = names_of(*certificates->front());
  impl->not_after = wall_time(*X509_get0_notAfter(certificates->front().get()));
  return std::make_shared<const ServerCertificate>(std::move(impl));
}

Result<std::shared_ptr<const ServerCertificate>> ServerCertificate::stapled(
    std::string_view response, WallTime now) const {
  Result<WallTime> ends = WallTime::max();
  if (!response.empty()) {
    const bssl::UniquePtr<X509> leaf(X509_parse_from_buffer(impl_->chain.front().get()));
    if (!leaf) return fail(ErrorCode::kInvalid, take_reason());
    ends = check_ocsp_response(response, *leaf, now);
    ERR_clear_error();
  }
  if (!ends) return fail(ends.error());
  auto impl = std::make_unique<Impl>();
  for (const auto& certificate : impl_->chain) impl->chain.push_back(bssl::UpRef(certificate));
  impl->key = bssl::UpRef(impl_->key);
  impl->names = impl_->names;
  impl->not_after = impl_->not_after;
  impl->ocsp_response = response;
  impl->ocsp_response_ends = *ends;
  return std::make_shared<const ServerCertificate>(std::move(impl));
}

}  // namespace sallyport::net
