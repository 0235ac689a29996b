// What is behind a ServerTlsContext.
#pragma once

#include "proxy/net/boringssl.h"
#include "proxy/net/tls.h"

namespace sallyport::net {

struct ServerTlsContext::Impl {
  bssl::UniquePtr<SSL_CTX> ssl;
  WallTime not_after;
};

}  // namespace sallyport::net
