// The certificates of [tls], read from their files; what is broken now stays as it was before.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/config/load.h"
#include "proxy/net/tls.h"

namespace sallyport::server {

/// What the files of [tls] held when they were last good, each by itself. A value: a reload makes
/// the next one from the one before.
struct Certificates {
  struct Pair {
    config::CertificateFiles files;
    std::shared_ptr<const net::ServerCertificate> certificate;
    std::string text = {};  ///< What the certificate's file held: tells a renewed one from the old.
  };
  std::vector<Pair> pairs;  ///< The fallback, `[[tls.pair]]`, those of the directory; or none.
  std::string client_ca;    ///< PEM.
  /// What could not be used although it was asked for, and what stays in its place. Not fatal.
  std::vector<config::Problem> complaints;

  /// The pair that is read from this file; null if there is none.
  const Pair* from(const std::string& certificate_file) const;
  /// When the first certificate ends; the end of time without any.
  WallTime first_end() const;
  /// When the first stapled OCSP response ends: then they are to be read again.
  WallTime first_response_end() const;
};

/// Reads the certificates of `config`. What cannot be used is a complaint if `before` has what
/// stays in its place, if it is an OCSP response, or if it has come to the directory since
/// `before`; otherwise it is one of `problems`. Blocks on files: not for the loop's thread.
Certificates load_certificates(const config::Config& config, const config::Outside& outside,
                               const Certificates* before, WallTime now,
                               std::vector<config::Problem>& problems);

/// What listeners need of `certificates` and the policy of `tls`. Null without certificates. What
/// is demanded of clients is each listener's own matter.
Result<std::shared_ptr<const net::ServerTlsContext>> make_context(const Certificates& certificates,
                                                                  const config::ServerTls& tls,
                                                                  const net::TicketKeys& keys);

}  // namespace sallyport::server
