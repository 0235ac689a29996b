// How fast the cipher is by itself, and how fast through our TLS streams: AES-128-GCM records of
// 16 KiB sealed and opened by BoringSSL, then octets written to one BoringStream and read from
// another, with memory between them. Compare with `openssl speed -evp aes-128-gcm -bytes 16384`.

#include <openssl/aead.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "proxy/net/tls.h"
#include "proxy/runtime/task_group.h"
#include "tests/support/memory_stream.h"

namespace sallyport::bench {
namespace {

using runtime::Task;
using std::chrono::seconds;

constexpr std::size_t kRecord = 16 * 1024;
constexpr std::size_t kTag = 16;
constexpr std::size_t kMessage = 2u << 20;  // the scenario `large`

struct Options {
  std::size_t mebibytes = 1024;
  bool cipher = true;
  std::string ca;
  std::string certificate;
  std::string key;
};

/// Of this process: other work on the machine does not count. There is only one thread.
std::chrono::duration<double> cpu_time() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Calls `record` for each record of `mebibytes`; GB (10^9 octets) a second of CPU.
template <class Record>
double speed(std::size_t mebibytes, Record record) {
  const std::size_t records = mebibytes * ((1u << 20) / kRecord);
  const auto began = cpu_time();
  for (std::size_t i = 0; i < records; ++i) {
    if (!record()) return 0;
  }
  const std::chrono::duration<double> taken = cpu_time() - began;
  return static_cast<double>(records * kRecord) / taken.count() / 1e9;
}

void measure_cipher(std::size_t mebibytes) {
  const std::array<std::uint8_t, 16> key{1};
  const std::array<std::uint8_t, 12> nonce{2};
  bssl::ScopedEVP_AEAD_CTX context;
  EVP_AEAD_CTX_init(context.get(), EVP_aead_aes_128_gcm(), key.data(), key.size(), kTag, nullptr);
  const std::vector<std::uint8_t> plain(kRecord, 'x');
  std::vector<std::uint8_t> sealed(kRecord + kTag);
  std::vector<std::uint8_t> opened(kRecord);
  std::size_t size = 0;
  const double seal = speed(mebibytes, [&] {
    return EVP_AEAD_CTX_seal(context.get(), sealed.data(), &size, sealed.size(), nonce.data(),
                             nonce.size(), plain.data(), plain.size(), nullptr, 0) == 1;
  });
  const double open = speed(mebibytes, [&] {
    return EVP_AEAD_CTX_open(context.get(), opened.data(), &size, opened.size(), nonce.data(),
                             nonce.size(), sealed.data(), sealed.size(), nullptr, 0) == 1;
  });
  std::printf("{\"seal_gb_s\": %.2f, \"open_gb_s\": %.2f}\n", seal, open);
}

using Stream = Result<std::unique_ptr<net::TlsStream>>;

Task<void> accept_into(runtime::Loop& loop, std::unique_ptr<runtime::ByteStream> inner,
                       std::shared_ptr<const net::ServerTlsContext> context, Stream& stream) {
  stream =
      co_await net::accept_tls(loop, std::move(inner), std::move(context), loop.after(seconds(10)));
}

Task<void> read_all(runtime::Loop& loop, runtime::ByteStream& stream, std::size_t octets) {
  while (octets > 0) {
    const auto read = co_await stream.read(loop.after(seconds(60)));
    if (!read) co_return;
    octets -= read->size();
  }
}

Task<int> measure_streams(runtime::Loop& loop, Options options) {
  const net::TicketKeys keys;
  auto server =
      net::ServerTlsContext::make(read_file(options.certificate), read_file(options.key), keys);
  auto client = net::ClientTlsContext::make(read_file(options.ca));
  if (!server || !client) {
    std::fprintf(stderr, "seal: %s\n", (server ? client.error() : server.error()).text.c_str());
    co_return 1;
  }
  auto [near, far] = support::MemoryStream::pair(loop, {.capacity = 256 * 1024});
  Stream accepted;
  runtime::TaskGroup group(loop);
  group.spawn(accept_into(loop, std::move(far), *server, accepted));
  auto writer = co_await net::connect_tls(loop, std::move(near), **client, "localhost",
                                          loop.after(seconds(10)));
  (void)co_await group.join();
  if (!writer || !accepted) {
    std::fprintf(stderr, "seal: no handshake: %s\n",
                 (writer ? accepted.error() : writer.error()).text.c_str());
    co_return 1;
  }
  const std::string message(kMessage, 'x');
  const std::size_t messages = options.mebibytes * (1u << 20) / kMessage;
  const auto began = cpu_time();
  runtime::TaskGroup reader(loop);
  reader.spawn(read_all(loop, **accepted, messages * kMessage));
  for (std::size_t i = 0; i < messages; ++i) {
    const std::string_view piece(message);
    const auto written = co_await (*writer)->write(std::span(&piece, 1), loop.after(seconds(60)));
    if (!written) co_return 1;
  }
  (void)co_await reader.join();
  const std::chrono::duration<double> taken = cpu_time() - began;
  std::printf("{\"stream_gb_s\": %.2f}\n",
              static_cast<double>(messages * kMessage) / taken.count() / 1e9);
  co_return 0;
}

}  // namespace
}  // namespace sallyport::bench

int main(int argc, char** argv) {
  sallyport::bench::Options options;
  CLI::App app("The speed of AES-128-GCM in records of 16 KiB; with a certificate, also of TLS");
  app.add_option("--mebibytes", options.mebibytes, "How much is sealed")->capture_default_str();
  app.add_flag("!--no-cipher", options.cipher, "Only the streams");
  app.add_option("--ca", options.ca);
  app.add_option("--certificate", options.certificate);
  app.add_option("--key", options.key);
  CLI11_PARSE(app, argc, argv);
  if (options.cipher) sallyport::bench::measure_cipher(options.mebibytes);
  if (options.certificate.empty()) return 0;
  sallyport::runtime::Loop loop;
  return loop.run(sallyport::bench::measure_streams(loop, options));
}
