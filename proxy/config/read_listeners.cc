// [[listener]] and [tls]: where clients come in, and what certificates they see.
#include <fmt/format.h>

#include "proxy/config/forms.h"
#include "proxy/config/numbers.h"
#include "proxy/config/sections.h"
#include "proxy/config/values.h"

namespace sallyport::config {
namespace {

constexpr std::uint16_t kSubmissionsPort = 465;  // RFC 8314 section 3.3: implicit TLS
// Clients wait 5 minutes for a greeting (RFC 5321 section 4.5.3.2.1), people less.
constexpr milliseconds kLongestDelay = std::chrono::seconds(30);

/// Who the client is, and who speaks first.
void read_arrival(const Section& section, Listener& listener) {
  section.read_values("proxy_protocol", listener.proxy_protocol, network_form(), true);
  section.read("greeting_delay", listener.greeting_delay,
               duration_form(milliseconds(0), kLongestDelay));
  if (listener.greeting_delay > milliseconds(0) && listener.tls == TlsMode::kImplicit) {
    section.blame("greeting_delay",
                  fmt::format("is {}, but with tls = \"implicit\" it is the client that speaks "
                              "first; expected \"0s\" or no greeting_delay here",
                              quote(str(listener.greeting_delay))));
  }
}

Form<ClientCertificates> client_certificate_form() {
  return choice_form<ClientCertificates>({{"none", ClientCertificates::kNone},
                                          {"request", ClientCertificates::kRequest},
                                          {"require", ClientCertificates::kRequire}});
}

/// A listener that asks for certificates must do TLS and know whom to trust.
void check_client_certificate(const Section& section, const Listener& listener,
                              const ServerTls& tls) {
  if (!listener.client_certificate || *listener.client_certificate == ClientCertificates::kNone) {
    return;
  }
  if (listener.tls == TlsMode::kNone) {
    section.blame("client_certificate",
                  "means nothing without TLS; expected tls = \"implicit\" or \"starttls\"");
  } else if (tls.client_ca.empty()) {
    section.blame("client_certificate",
                  "needs an authority to verify certificates with; expected tls.client_ca as well");
  }
}

Listener read_listener(const Section& section, Names& addresses) {
  Listener listener;
  const bool has_address = section.require("address", listener.address, endpoint_form());
  listener.origin = {section.place_of("address")};
  listener.tls =
      listener.address.port == kSubmissionsPort ? TlsMode::kImplicit : TlsMode::kStarttls;
  section.read("tls", listener.tls,
               choice_form<TlsMode>({{"implicit", TlsMode::kImplicit},
                                     {"starttls", TlsMode::kStarttls},
                                     {"none", TlsMode::kNone}}));
  ClientCertificates client_certificate{};
  if (section.read("client_certificate", client_certificate, client_certificate_form())) {
    listener.client_certificate = client_certificate;
  }
  bool allow_plaintext = false;
  section.read("allow_plaintext", allow_plaintext, boolean_form());
  read_arrival(section, listener);
  section.read("compat", listener.compat, boolean_form());
  if (const auto header = section.table("header", schema::kHeader)) {
    read_header(*header, listener.header);
  }
  listener.disabled_extensions = read_disabled_extensions(section);
  if (section.has("mechanisms")) {
    listener.mechanisms = read_mechanisms(section);
    listener.mechanisms_origin = {section.place_of("mechanisms")};
  }
  if (!has_address) return listener;
  if (listener.tls == TlsMode::kNone && !is_loopback(listener.address.host) && !allow_plaintext) {
    section.blame("tls",
                  fmt::format("is \"none\" and {} is not a loopback address: passwords and mail "
                              "would cross the network in clear; expected \"implicit\" or "
                              "\"starttls\", or allow_plaintext = true to say it twice",
                              quote(str(listener.address))));
  }
  if (listener.address.port != 0) addresses.take(section, "address", str(listener.address));
  return listener;
}

/// A certificate, its key and, if it is said, where its OCSP response is. That one need not be
/// there: it is fetched by somebody else, and no connection is refused for the lack of it.
CertificateFiles read_certificate(const Section& section, const Outside& outside,
                                  Names& certificates) {
  CertificateFiles files;
  require_readable_file(section, "certificate", outside, files.certificate);
  require_readable_file(section, "key", outside, files.key);
  section.read("ocsp_response", files.ocsp_response,
               path_form("the path of an OCSP response in DER", section.problems().file()));
  if (!files.certificate.empty()) certificates.take(section, "certificate", files.certificate);
  return files;
}

void read_directory(const Section& section, const Outside& outside, std::string& directory) {
  const auto form = path_form("the path of a folder with certificates", section.problems().file());
  if (!section.read("directory", directory, form) || !outside.listable) return;
  if (const auto listed = outside.listable(directory); !listed) {
    section.blame("directory", fmt::format("is {}, which cannot be listed: {}; expected {}",
                                           quote(directory), listed.error().text, form.expected));
  }
}

void read_client_certificates(const Section& section, const Outside& outside, ServerTls& tls) {
  if (section.has("client_ca")) {
    require_readable_file(section, "client_ca", outside, tls.client_ca);
    tls.client_certificate = ClientCertificates::kRequire;
  }
  section.read("client_certificate", tls.client_certificate, client_certificate_form());
  if (section.has("client_certificate") && !section.has("client_ca")) {
    section.blame("client_certificate",
                  "needs an authority to verify certificates with; expected client_ca as well");
  }
}

void read_tls(const Section& section, const Outside& outside, ServerTls& tls) {
  Names certificates;
  section.read("self_signed", tls.self_signed, boolean_form());
  if (!tls.self_signed) {
    tls.fallback = read_certificate(section, outside, certificates);
  } else if (section.has("certificate") || section.has("key")) {
    section.blame("self_signed", "stands beside a certificate; expected one of the two");
  }
  for (const Section& pair : section.tables("pair", schema::kTlsPair)) {
    tls.pairs.push_back(read_certificate(pair, outside, certificates));
  }
  read_directory(section, outside, tls.directory);
  section.read("policy", tls.policy,
               choice_form<TlsPolicy>(
                   {{"intermediate", TlsPolicy::kIntermediate}, {"modern", TlsPolicy::kModern}}));
  read_client_certificates(section, outside, tls);
}

}  // namespace

void read_listeners(const Section& top, const Outside& outside, Config& config) {
  Names addresses;
  bool uses_tls = false;
  const std::vector<Section> listeners = top.tables("listener", schema::kListener);
  for (const Section& section : listeners) {
    config.listeners.push_back(read_listener(section, addresses));
    uses_tls |= config.listeners.back().tls != TlsMode::kNone;
  }
  if (top.lacks("listener")) {
    top.missing("listener", "at least one [[listener]] with an address");
  }
  if (const auto tls = top.table("tls", schema::kTls)) {
    read_tls(*tls, outside, config.tls);
  } else if (uses_tls && !top.has("tls")) {
    top.missing("tls",
                "[tls] with certificate and key, for the listeners whose tls is not \"none\"");
  }
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    check_client_certificate(listeners[i], config.listeners[i], config.tls);
  }
}

}  // namespace sallyport::config
