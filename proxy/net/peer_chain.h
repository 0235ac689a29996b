// What the other side of a TLS connection showed, for people to read.
#pragma once

#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/net/tls.h"

namespace sallyport::net {

/// One certificate of a chain.
struct PeerCertificate {
  std::string subject;  ///< As RFC 2253 writes it.
  std::string issuer;
  WallTime not_after;
};

/// The chain that the peer of `stream` sent, leaf first; empty: it showed none, or `stream` is none
/// of ours. Verified already where `connect_tls` gave the stream.
std::vector<PeerCertificate> peer_chain(TlsStream& stream);

}  // namespace sallyport::net
