// What a stranger says first to a TLS port: whatever it is, the handshake ends, with a reason, and
// a split hello comes to the same as a whole one. And names: the look-up by hash finds what a scan
// of all names would.
#include <array>
#include <memory>
#include <string>

#include "proxy/base/ascii.h"
#include "proxy/net/server_names.h"
#include "proxy/net/tls.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/certificates.h"
#include "tests/support/memory_stream.h"

namespace sallyport::net {
namespace {

using namespace std::chrono_literals;
using runtime::Loop;
using runtime::Task;
using support::MemoryStream;

constexpr std::array<std::string_view, 5> kNames = {"mail.example.com", "*.example.com",
                                                    "*.a.example.com", "localhost", "*.com"};

/// A server with a choice of both kinds of key, and one that asks for certificates as well.
struct Server {
  Server() {
    for (const auto kind : {support::KeyKind::kEcdsa, support::KeyKind::kRsa}) {
      const auto identity = ca.issue({.names = {"mail.example.com", "*.example.com"}, .key = kind});
      options.certificates.push_back(
          ServerCertificate::make(identity.certificate, identity.key).value());
    }
    options.client_ca = ca.root();
    context = ServerTlsContext::make(options, keys).value();
    for (std::size_t i = 0; i < kNames.size(); ++i) names.add(kNames[i], true, i);
  }

  const support::TestCa ca;
  const TicketKeys keys;
  ServerTlsOptions options;
  std::shared_ptr<const ServerTlsContext> context;
  ServerNames names;
};

/// Why the handshake failed: nobody who can't do the cryptography gets through it.
Task<std::string> refusal(Loop& loop, std::shared_ptr<const ServerTlsContext> context,
                          std::string said, bool split) {
  auto [near, far] = MemoryStream::pair(loop, {.piece = split ? 3 : support::kUnlimited});
  (void)co_await near->write(said, loop.after(1h));
  near->half_close();
  const auto accepted =
      co_await accept_tls(loop, std::move(far), std::move(context), loop.after(1h));
  FUZZ_CHECK(!accepted && !accepted.error().text.empty());
  co_return accepted.error().text;
}

/// What ServerNames should find, by looking at every name.
const std::string_view* scan(std::string name) {
  name = ascii::lower(name);
  if (name.ends_with('.')) name.pop_back();
  if (name.empty() || name.size() > 253 || name.front() == '*') return nullptr;
  for (const std::string_view& known : kNames) {
    if (known == name) return &known;
  }
  const std::size_t dot = name.find('.');
  if (dot == 0 || dot == std::string::npos) return nullptr;
  for (const std::string_view& known : kNames) {
    if (known.starts_with('*') && known.substr(1) == name.substr(dot)) return &known;
  }
  return nullptr;
}

void check_name(const ServerNames& names, std::string_view name) {
  const Choice* const found = names.find(name);
  const std::string_view* const expected = scan(std::string(name));
  FUZZ_CHECK((found == nullptr) == (expected == nullptr));
  FUZZ_CHECK(found == nullptr || kNames[found->ecdsa.value()] == *expected);
  const auto valid = certificate_name(name);
  FUZZ_CHECK(!valid || (certificate_name(*valid) == valid && ascii::lower(*valid) == *valid));
}

}  // namespace
}  // namespace sallyport::net

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sallyport;
  static const net::Server server;
  const std::string input(fuzz::text(data, size));
  net::check_name(server.names, input);
  net::check_name(server.names, input + ".example.com");
  runtime::Loop loop(runtime::Time::kVirtual);
  const auto demanding = server.context->demanding(net::ClientCertificates::kRequire);
  const std::string whole = loop.run(net::refusal(loop, server.context, input, false));
  const std::string split = loop.run(net::refusal(loop, server.context, input, true));
  // What is no TLS is quoted as far as it has come.
  FUZZ_CHECK(whole == split || !input.starts_with("\x16\x03"));
  (void)loop.run(net::refusal(loop, demanding, input, false));
  return 0;
}
