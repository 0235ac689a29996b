// [[listener]] and [tls]: where clients come in, and what certificate they see.
#include <fmt/format.h>

#include "proxy/config/forms.h"
#include "proxy/config/numbers.h"
#include "proxy/config/sections.h"
#include "proxy/config/values.h"

namespace sallyport::config {
namespace {

constexpr std::uint16_t kSubmissionsPort = 465;  // RFC 8314 section 3.3: implicit TLS

Listener read_listener(const Section& section, Names& addresses) {
  Listener listener;
  const bool has_address = section.require("address", listener.address, endpoint_form());
  listener.tls =
      listener.address.port == kSubmissionsPort ? TlsMode::kImplicit : TlsMode::kStarttls;
  section.read("tls", listener.tls,
               choice_form<TlsMode>({{"implicit", TlsMode::kImplicit},
                                     {"starttls", TlsMode::kStarttls},
                                     {"none", TlsMode::kNone}}));
  bool allow_plaintext = false;
  section.read("allow_plaintext", allow_plaintext, boolean_form());
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

void read_tls(const Section& section, const Outside& outside, ServerTls& tls) {
  require_readable_file(section, "certificate", outside, tls.certificate);
  require_readable_file(section, "key", outside, tls.key);
}

}  // namespace

void read_listeners(const Section& top, const Outside& outside, Config& config) {
  Names addresses;
  bool uses_tls = false;
  for (const Section& section : top.tables("listener", schema::kListener)) {
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
}

}  // namespace sallyport::config
