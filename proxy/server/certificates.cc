#include "proxy/server/certificates.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/net/self_signed.h"
#include "proxy/server/certificate_directory.h"

namespace sallyport::server {
namespace {

using config::CertificateFiles;
using config::Problem;

Problem problem(std::string file, std::string what) {
  return {.file = std::move(file), .line = 0, .column = 0, .what = std::move(what)};
}

using Certificate = std::shared_ptr<const net::ServerCertificate>;

struct ReadPair {
  Certificate certificate;
  std::string text;
};

/// The certificate in these files, or which of them is wrong.
std::expected<ReadPair, Problem> read_pair(const CertificateFiles& files,
                                           const config::Outside& outside) {
  const auto certificate = outside.read_file(files.certificate);
  if (!certificate) {
    return std::unexpected(
        problem(files.certificate, "cannot be read: " + certificate.error().text));
  }
  auto key = outside.read_file(files.key);
  if (!key) return std::unexpected(problem(files.key, "cannot be read: " + key.error().text));
  auto made = net::ServerCertificate::make(*certificate, *key);
  wipe(*key);
  if (made) return ReadPair{.certificate = *made, .text = *certificate};
  return std::unexpected(
      problem(files.certificate, fmt::format("{} (the key is {})", made.error().text, files.key)));
}

/// Reads one configuration's certificates, one after the other.
class Reader {
 public:
  Reader(const config::Config& config, const config::Outside& outside, const Certificates* before,
         WallTime now, std::vector<Problem>& problems)
      : config_(config), outside_(outside), before_(before), now_(now), problems_(problems) {}

  Certificates read() && {
    const config::ServerTls& tls = config_.tls;
    if (tls.self_signed) {
      add_self_signed();
    } else if (tls.fallback.certificate.empty()) {
      return {};
    } else {
      add(tls.fallback, false);
    }
    for (const CertificateFiles& files : tls.pairs) add(files, false);
    if (!tls.directory.empty()) add_directory(tls.directory);
    if (!tls.client_ca.empty()) read_client_ca(tls.client_ca);
    return std::move(result_);
  }

 private:
  /// `may_be_left_out`: it has not been asked for by name.
  void add(const CertificateFiles& files, bool may_be_left_out) {
    auto read = read_pair(files, outside_);
    const Certificates::Pair* old = before_ ? before_->from(files.certificate) : nullptr;
    if (read && is_extra() && read->certificate->names().empty()) {
      read = std::unexpected(
          problem(files.certificate,
                  "has no DNS name among its alternative names: no client could ask "
                  "for it"));
    }
    if (!read && old == nullptr) {
      if (before_ && may_be_left_out) {
        complain(std::move(read.error()), "it is left out");
      } else {
        problems_.push_back(std::move(read.error()));
      }
      return;
    }
    if (!read) {
      complain(std::move(read.error()), "the certificate before stays in force");
      read = ReadPair{.certificate = old->certificate, .text = old->text};
    }
    result_.pairs.push_back({files, staple(files, read->certificate, old), std::move(read->text)});
  }

  /// Made once: clients that were told to trust it must find it after a reload, too.
  void add_self_signed() {
    Certificates::Pair own;
    const Certificates::Pair* const old = before_ ? before_->from({}) : nullptr;
    if (old != nullptr) {
      own = *old;
    } else if (auto made = net::make_self_signed(config_.hostname, own.text)) {
      own.certificate = std::move(*made);
    } else {
      problems_.push_back(problem(config_.file, made.error().text));
      return;
    }
    result_.pairs.push_back(std::move(own));
  }

  bool is_extra() const { return !result_.pairs.empty(); }

  /// With the response in its file; else with the one before, while that lasts; else without.
  Certificate staple(const CertificateFiles& files, const Certificate& certificate,
                     const Certificates::Pair* old) {
    if (files.ocsp_response.empty()) return bare(certificate);
    auto response = outside_.read_file(files.ocsp_response);
    if (response && response->empty()) response = fail(ErrorCode::kInvalid, "it is empty");
    const auto fresh = response ? certificate->stapled(*response, now_)
                                : Result<Certificate>(fail(response.error()));
    if (fresh) return *fresh;
    const std::string why = response ? fresh.error().text : "cannot be read: " + fresh.error().text;
    if (old != nullptr && !old->certificate->ocsp_response().empty()) {
      const auto kept = certificate->stapled(old->certificate->ocsp_response(), now_);
      if (kept) {
        complain(problem(files.ocsp_response, why), "the response before stays in force");
        return *kept;
      }
    }
    complain(problem(files.ocsp_response, why), "no OCSP response is stapled");
    return bare(certificate);
  }

  Certificate bare(const Certificate& certificate) const {
    if (certificate->ocsp_response().empty()) return certificate;
    return certificate->stapled({}, now_).value_or(certificate);
  }

  void add_directory(const std::string& directory) {
    const auto found = certificates_in(directory);
    if (found) {
      for (const CertificateFiles& files : *found) add(files, true);
      return;
    }
    Problem failure = problem(directory, "cannot be listed: " + found.error().text);
    if (before_ == nullptr) {
      problems_.push_back(std::move(failure));
      return;
    }
    complain(std::move(failure), "its certificates stay in force");
    const std::string inside = directory.ends_with('/') ? directory : directory + '/';
    for (const Certificates::Pair& pair : before_->pairs) {
      if (pair.files.certificate.starts_with(inside)) result_.pairs.push_back(pair);
    }
  }

  void read_client_ca(const std::string& file) {
    const auto text = outside_.read_file(file);
    const auto usable =
        text ? net::check_authorities(*text)
             : Result<void>(fail(text.error().code, "cannot be read: " + text.error().text));
    if (usable) {
      result_.client_ca = *text;
    } else if (before_ && !before_->client_ca.empty()) {
      complain(problem(file, usable.error().text), "the authorities before stay in force");
      result_.client_ca = before_->client_ca;
    } else {
      problems_.push_back(problem(file, usable.error().text));
    }
  }

  void complain(Problem what, std::string_view instead) {
    what.what += fmt::format("; {}", instead);
    result_.complaints.push_back(std::move(what));
  }

  const config::Config& config_;
  const config::Outside& outside_;
  const Certificates* const before_;
  const WallTime now_;
  std::vector<Problem>& problems_;
  Certificates result_;
};

}  // namespace

const Certificates::Pair* Certificates::from(const std::string& certificate_file) const {
  const auto found = std::ranges::find_if(
      pairs, [&](const Pair& pair) { return pair.files.certificate == certificate_file; });
  return found != pairs.end() ? &*found : nullptr;
}

WallTime Certificates::first_end() const {
  WallTime first = WallTime::max();
  for (const Pair& pair : pairs) first = std::min(first, pair.certificate->not_after());
  return first;
}

WallTime Certificates::first_response_end() const {
  WallTime first = WallTime::max();
  for (const Pair& pair : pairs) first = std::min(first, pair.certificate->ocsp_response_ends());
  return first;
}

Certificates load_certificates(const config::Config& config, const config::Outside& outside,
                               const Certificates* before, WallTime now,
                               std::vector<config::Problem>& problems) {
  return Reader(config, outside, before, now, problems).read();
}

Result<std::shared_ptr<const net::ServerTlsContext>> make_context(const Certificates& certificates,
                                                                  const config::ServerTls& tls,
                                                                  const net::TicketKeys& keys) {
  if (certificates.pairs.empty()) return nullptr;
  net::ServerTlsOptions options;
  for (const Certificates::Pair& pair : certificates.pairs) {
    options.certificates.push_back(pair.certificate);
  }
  if (tls.policy == config::TlsPolicy::kModern) options.policy = net::TlsPolicy::kModern;
  options.client_ca = certificates.client_ca;
  return net::ServerTlsContext::make(options, keys);
}

}  // namespace sallyport::server
