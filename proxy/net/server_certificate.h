// A certificate that a server shows, and what is told of it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"

namespace sallyport::net {

/// A certificate chain with its key and, perhaps, a stapled OCSP response. Immutable and
/// thread-safe.
class ServerCertificate {
 public:
  /// Reads PEM texts (chain leaf first; ECDSA or RSA key). The error says which part is wrong: no
  /// certificate, key does not match, unsupported key.
  static Result<std::shared_ptr<const ServerCertificate>> make(std::string_view certificate_pem,
                                                               std::string_view key_pem);

  /// The same certificate with this OCSP response (RFC 6960, DER) for its clients, who verify it.
  /// kInvalid says why it can't be: it is malformed, about another certificate, not "good", or not
  /// in force at `now`. An empty one takes away what there is.
  Result<std::shared_ptr<const ServerCertificate>> stapled(std::string_view response,
                                                           WallTime now) const;

  /// The DNS names it is for, in lower case; `*.` may begin one. Never what only its subject says.
  const std::vector<std::string>& names() const;
  /// When the leaf ends.
  WallTime not_after() const;
  /// The stapled response; empty: none.
  std::string_view ocsp_response() const;
  /// When the stapled response ends; without one, never.
  WallTime ocsp_response_ends() const;

  struct Impl;
  explicit ServerCertificate(std::unique_ptr<Impl> impl);
  ~ServerCertificate();
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace sallyport::net
