// Both ends of a TLS connection in memory, in virtual time.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "proxy/net/client_context.h"
#include "proxy/net/server_context.h"
#include "proxy/net/tls.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/task_group.h"
#include "tests/support/certificates.h"
#include "tests/support/memory_stream.h"

namespace sallyport::net {

using namespace std::chrono_literals;
using runtime::Event;
using runtime::Loop;
using runtime::Task;
using runtime::TaskGroup;
using runtime::Time;
using support::MemoryStream;
using support::MemoryStreamOptions;

using Stream = Result<std::unique_ptr<TlsStream>>;
inline constexpr char kHost[] = "mail.example.com";

/// What became of a handshake on both sides. The streams below belong to the TLS streams.
struct Ends {
  Stream client;
  Stream server;
  MemoryStream* client_wire = nullptr;
  MemoryStream* server_wire = nullptr;
};

inline Task<void> accept_into(Loop& loop, std::unique_ptr<runtime::ByteStream> inner,
                              std::shared_ptr<const ServerTlsContext> context, Stream& result) {
  result = co_await accept_tls(loop, std::move(inner), std::move(context), loop.after(10s));
}

inline Task<void> connect_into(Loop& loop, std::unique_ptr<runtime::ByteStream> inner,
                               ClientTlsContext& context, std::string host, Stream& result) {
  result = co_await connect_tls(loop, std::move(inner), context, std::move(host), loop.after(10s));
}

/// Lets both sides shake hands.
inline Task<Ends> shake_hands(Loop& loop, std::shared_ptr<const ServerTlsContext> server,
                              ClientTlsContext& client, MemoryStreamOptions options = {},
                              std::string host = kHost) {
  auto [near, far] = MemoryStream::pair(loop, options);
  Ends ends;
  ends.client_wire = near.get();
  ends.server_wire = far.get();
  TaskGroup group(loop);
  group.spawn(accept_into(loop, std::move(far), std::move(server), ends.server));
  group.spawn(connect_into(loop, std::move(near), client, std::move(host), ends.client));
  (void)co_await group.join();
  co_return ends;
}

inline Task<void> write_all(Loop& loop, runtime::ByteStream& stream, std::string octets) {
  const auto sent = co_await stream.write(octets, loop.after(1h));
  EXPECT_TRUE(sent) << sent.error().text;
}

/// Reads until `count` octets have come or something else happens.
inline Task<std::string> read_exactly(Loop& loop, runtime::ByteStream& stream, std::size_t count) {
  std::string all;
  while (all.size() < count) {
    const auto octets = co_await stream.read(loop.after(1h));
    if (!octets) {
      ADD_FAILURE() << octets.error().text;
      break;
    }
    all += *octets;
  }
  co_return all;
}

/// Says `octets` on one end and expects them at the other.
inline Task<void> expect_carried(Loop& loop, runtime::ByteStream& from, runtime::ByteStream& to,
                                 std::string octets) {
  TaskGroup group(loop);
  group.spawn(write_all(loop, from, octets));
  const std::string got = co_await read_exactly(loop, to, octets.size());
  EXPECT_TRUE(got == octets);
  (void)co_await group.join();
}

inline Task<void> expect_a_conversation(Loop& loop, Ends& ends) {
  co_await expect_carried(loop, **ends.client, **ends.server, "EHLO client.example\r\n");
  co_await expect_carried(loop, **ends.server, **ends.client,
                          "250-mail.example.com\r\n250 SIZE\r\n");
}

/// The tests' authority, contexts and loop.
class TlsTest : public testing::Test {
 protected:
  std::shared_ptr<const ServerTlsContext> server_of(const support::Identity& identity) {
    auto context = ServerTlsContext::make(identity.certificate, identity.key, keys_);
    EXPECT_TRUE(context) << context.error().text;
    return std::move(context.value());
  }
  std::shared_ptr<const ServerTlsContext> server(const support::CertificateOptions& options = {}) {
    return server_of(ca_.issue(options));
  }
  static std::shared_ptr<const ServerCertificate> certificate_of(
      const support::Identity& identity) {
    auto certificate = ServerCertificate::make(identity.certificate, identity.key);
    EXPECT_TRUE(certificate) << certificate.error().text;
    return std::move(certificate.value());
  }
  std::shared_ptr<const ServerCertificate> certificate(
      const support::CertificateOptions& options = {}) {
    return certificate_of(ca_.issue(options));
  }
  std::shared_ptr<const ServerTlsContext> server_with(const ServerTlsOptions& options) {
    auto context = ServerTlsContext::make(options, keys_);
    EXPECT_TRUE(context) << context.error().text;
    return std::move(context.value());
  }
  std::unique_ptr<ClientTlsContext> client_trusting(const std::string& pem) {
    auto context = ClientTlsContext::make(pem);
    EXPECT_TRUE(context) << context.error().text;
    return std::move(context.value());
  }
  std::unique_ptr<ClientTlsContext> client() { return client_trusting(ca_.root()); }

  /// A client that knows nothing newer.
  static void limit_to_tls12(ClientTlsContext& context) {
    SSL_CTX_set_max_proto_version(context.impl().ssl.get(), TLS1_2_VERSION);
  }

  Ends shake(const std::shared_ptr<const ServerTlsContext>& server_context,
             ClientTlsContext& client_context, MemoryStreamOptions options = {},
             std::string host = kHost) {
    return loop_.run(shake_hands(loop_, server_context, client_context, options, std::move(host)));
  }

  /// The loop outlives everything that runs on it.
  Loop loop_{Time::kVirtual};
  support::TestCa ca_;
  TimePoint now_{};
  TicketKeys keys_{12h, [this] { return now_; }};
};

}  // namespace sallyport::net
