// Our own gate as a client reaches it: for `sallyport send --user`.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/base/secret.h"
#include "proxy/config/config.h"
#include "proxy/net/tls.h"
#include "proxy/runtime/address.h"
#include "proxy/server/snapshot.h"

namespace sallyport::server {

/// What is needed to reach a listener of ours.
struct GateAccess {
  config::Upstream gate;  ///< In the form that the relay's client takes: TLS, port, login.
  std::vector<runtime::SocketAddress> addresses;
  std::string certificate_name;  ///< The name that its certificate must be for.
  std::string trusted;           ///< PEM: its certificate itself; no other is taken for the gate.
  std::string warning;           ///< What clients will trip over; empty: nothing.
};

/// How `user` reaches the gate of `snapshot` on this machine: by the first listener that takes a
/// client without a PROXY header, with TLS if one has it; or by `listener` ("ADDRESS:PORT"). The
/// error says why there is no way.
Result<GateAccess> access_for(const Snapshot& snapshot, const std::string& listener,
                              const std::string& user, Secret password);

}  // namespace sallyport::server
