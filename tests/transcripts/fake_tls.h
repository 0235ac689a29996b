// TLS without cryptography, for transcripts: a handshake of one token each way, then octets as they
// are. Whatever else comes in place of the token fails the handshake, as it would in TLS.
#pragma once

#include <memory>
#include <string_view>

#include "proxy/net/tls.h"
#include "proxy/runtime/byte_stream.h"
#include "proxy/runtime/loop.h"

namespace sallyport::transcripts {

inline constexpr std::string_view kClientHello = "\x16(client hello)\n";
inline constexpr std::string_view kServerHello = "\x16(server hello)\n";

/// In place of net::accept_tls.
runtime::Task<Result<std::unique_ptr<net::TlsStream>>> accept_fake_tls(
    runtime::Loop& loop, std::unique_ptr<runtime::ByteStream> inner,
    std::shared_ptr<const net::ServerTlsContext> context, TimePoint deadline);

}  // namespace sallyport::transcripts
