// Real sockets: ourselves, and the openssl command line on either side.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "proxy/runtime/tcp.h"
#include "tests/unit/net/tls_fixture.h"

namespace sallyport::net {
namespace {

using runtime::SocketAddress;
using runtime::TcpListener;

std::unique_ptr<TcpListener> listen_anywhere(Loop& loop) {
  return TcpListener::listen(loop, *SocketAddress::parse("127.0.0.1", 0)).value();
}

Task<void> serve_one(Loop& loop, TcpListener& listener,
                     std::shared_ptr<const ServerTlsContext> context, TlsInfo& info) {
  auto tcp = co_await listener.accept();
  auto stream =
      co_await accept_tls(loop, std::move(*tcp).stream(loop), std::move(context), loop.after(20s));
  EXPECT_TRUE(stream) << stream.error().text;
  if (!stream) co_return;
  info = (*stream)->info();
  EXPECT_TRUE(co_await (*stream)->write("220 hello\r\n", loop.after(20s)));
  std::string got;
  while (got.find("\r\n") == std::string::npos && got.find('\n') == std::string::npos) {
    const auto octets = co_await (*stream)->read(loop.after(20s));
    EXPECT_TRUE(octets) << octets.error().text;
    if (!octets) co_return;
    got += *octets;
  }
  EXPECT_TRUE(co_await (*stream)->write("250 you said " + got, loop.after(20s)));
  co_await (*stream)->finish(loop.after(20s));
}

class Interop : public TlsTest {
 protected:
  Interop() : folder_(std::filesystem::temp_directory_path() / name()) {
    std::filesystem::create_directory(folder_);
    write("ca.pem", ca_.root());
  }
  ~Interop() override { std::filesystem::remove_all(folder_); }

  static std::string name() { return "sallyport-net-" + std::to_string(::getpid()); }
  void write(const std::string& file, const std::string& text) const {
    std::ofstream(folder_ / file) << text;
  }
  std::string path(const std::string& file) const { return (folder_ / file).string(); }
  static bool has_openssl() { return std::system("openssl version >/dev/null 2>&1") == 0; }

  /// Real sockets need real time.
  Loop real_;
  const std::filesystem::path folder_;
};

/// Runs a shell command to its end; what it printed.
std::string output_of(const std::string& command) {
  std::string output;
  std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return output;
  char part[4096];
  while (std::fgets(part, sizeof part, pipe) != nullptr) output += part;
  ::pclose(pipe);
  return output;
}

TEST_F(Interop, WorksOverTcp) {
  const auto server_context = server();
  const auto client_context = client();
  const auto main = [](Loop& l, std::shared_ptr<const ServerTlsContext> s,
                       ClientTlsContext& c) -> Task<void> {
    const auto listener = listen_anywhere(l);
    for (const bool resumed : {false, true}) {
      TaskGroup group(l);
      TlsInfo info;
      group.spawn(serve_one(l, *listener, s, info));
      auto tcp = co_await runtime::connect(l, listener->local(), l.after(5s));
      auto stream = co_await connect_tls(l, std::move(*tcp), c, kHost, l.after(20s));
      EXPECT_TRUE(stream);
      EXPECT_EQ(*co_await (*stream)->read(l.after(20s)), "220 hello\r\n");
      EXPECT_TRUE(co_await (*stream)->write("NOOP\r\n", l.after(20s)));
      EXPECT_EQ(*co_await (*stream)->read(l.after(20s)), "250 you said NOOP\r\n");
      EXPECT_EQ((co_await (*stream)->read(l.after(20s))).error().code, ErrorCode::kClosed);
      co_await (*stream)->finish(l.after(20s));
      (void)co_await group.join();
      EXPECT_EQ(info.resumed, resumed);
    }
  };
  real_.run(main(real_, server_context, *client_context));
}

Task<void> send_much(Loop& loop, TcpListener& listener,
                     std::shared_ptr<const ServerTlsContext> context, std::string body) {
  auto tcp = co_await listener.accept();
  auto stream =
      co_await accept_tls(loop, std::move(*tcp).stream(loop), std::move(context), loop.after(20s));
  EXPECT_TRUE(co_await (*stream)->write(body, loop.after(1min)));
  co_await (*stream)->finish(loop.after(20s));
}

TEST_F(Interop, CarriesALargeBodyOverTcp) {
  const auto server_context = server();
  const auto client_context = client();
  const auto main = [](Loop& l, std::shared_ptr<const ServerTlsContext> s,
                       ClientTlsContext& c) -> Task<void> {
    const auto listener = listen_anywhere(l);
    std::string body(10u << 20, 'x');
    for (std::size_t i = 0; i < body.size(); i += 997) body[i] = static_cast<char>('a' + i % 26);
    TaskGroup group(l);
    group.spawn(send_much(l, *listener, s, body));
    auto tcp = co_await runtime::connect(l, listener->local(), l.after(5s));
    auto stream = co_await connect_tls(l, std::move(*tcp), c, kHost, l.after(20s));
    EXPECT_TRUE(co_await read_exactly(l, **stream, body.size()) == body);
    stream->reset();
    (void)co_await group.join();
  };
  real_.run(main(real_, server_context, *client_context));
}

TEST_F(Interop, OpensslAsClient) {
  if (!has_openssl()) GTEST_SKIP() << "no openssl command";
  const struct {
    std::string flags;
    std::string version;
    support::KeyKind key;
  } cases[] = {
      {"-tls1_3", "TLSv1.3", support::KeyKind::kEcdsa},
      {"-tls1_2", "TLSv1.2", support::KeyKind::kEcdsa},
      {"-tls1_3 -groups P-384", "TLSv1.3", support::KeyKind::kRsa},
      {"-tls1_2 -cipher ECDHE-RSA-CHACHA20-POLY1305", "TLSv1.2", support::KeyKind::kRsa},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.flags);
    const auto server_context = server({.key = c.key});
    const auto listener = listen_anywhere(real_);
    const std::string ports = std::to_string(listener->local().port());
    const std::string session = path("session");
    for (const bool resume : {false, true}) {
      std::string command = "echo NOOP | openssl s_client -quiet -ign_eof " + c.flags;
      command += " -connect 127.0.0.1:" + ports + " -servername " + kHost;
      command += " -CAfile " + path("ca.pem") + " -verify_return_error -verify_hostname " + kHost;
      command += (resume ? " -sess_in " : " -sess_out ") + session;
      const auto main = [](Loop& l, TcpListener& li, std::shared_ptr<const ServerTlsContext> s,
                           std::string run, TlsInfo& info) -> Task<std::string> {
        TaskGroup group(l);
        group.spawn(serve_one(l, li, s, info));
        const auto work = [&run] { return output_of(run); };
        const std::string output = co_await l.offload(work);
        (void)co_await group.join();
        co_return output;
      };
      TlsInfo info;
      const std::string output = real_.run(main(real_, *listener, server_context, command, info));
      EXPECT_NE(output.find("220 hello"), std::string::npos) << output;
      EXPECT_NE(output.find("250 you said NOOP"), std::string::npos) << output;
      EXPECT_EQ(info.version, c.version);
      EXPECT_EQ(info.resumed, resume) << output;
    }
  }
}

Task<Error> refuse_one(Loop& loop, TcpListener& listener,
                       std::shared_ptr<const ServerTlsContext> context, std::string client) {
  const auto accept = [](Loop& l, TcpListener& li, std::shared_ptr<const ServerTlsContext> s,
                         Error& error) -> Task<void> {
    auto tcp = co_await li.accept();
    auto stream = co_await accept_tls(l, std::move(*tcp).stream(l), std::move(s), l.after(20s));
    if (!stream) error = stream.error();
  };
  Error error;
  TaskGroup group(loop);
  group.spawn(accept(loop, listener, std::move(context), error));
  const auto work = [&client] { return output_of(client); };
  (void)co_await loop.offload(work);
  (void)co_await group.join();
  co_return error;
}

TEST_F(Interop, AnOpensslClientThatDistrustsUsIsUnderstood) {
  if (!has_openssl()) GTEST_SKIP() << "no openssl command";
  // Over TLS 1.3 its alert comes in clear, where BoringSSL expects an encrypted record.
  write("other.pem", support::TestCa("Other").root());
  for (const char* version : {"-tls1_3", "-tls1_2"}) {
    SCOPED_TRACE(version);
    const auto listener = listen_anywhere(real_);
    const std::string client = "echo | openssl s_client " + std::string(version) +
                               " -connect 127.0.0.1:" + std::to_string(listener->local().port()) +
                               " -CAfile " + path("other.pem") + " -verify_return_error";
    const Error error = real_.run(refuse_one(real_, *listener, server(), client));
    EXPECT_EQ(error.code, ErrorCode::kTls);
    EXPECT_EQ(error.text,
              "TLS handshake: the client does not trust our certificate (alert unknown_ca)");
  }
}

/// `openssl s_server` on a port of its choosing; it answers each line with the line reversed.
class OpensslServer {
 public:
  explicit OpensslServer(const std::string& arguments)
      : pipe_(::popen(
            ("exec openssl s_server -accept 127.0.0.1:0 -rev " + arguments + " 2>&1").c_str(),
            "r")) {
    char line[256];
    while (pipe_ != nullptr && std::fgets(line, sizeof line, pipe_) != nullptr) {
      const std::string_view text(line);
      const auto colon = text.rfind(':');
      if (!text.starts_with("ACCEPT") || colon == std::string_view::npos) continue;
      port_ = static_cast<std::uint16_t>(std::atoi(line + colon + 1));
      return;
    }
  }
  ~OpensslServer() {
    if (pipe_ != nullptr) ::pclose(pipe_);
  }
  std::uint16_t port() const { return port_; }

 private:
  std::FILE* const pipe_;
  std::uint16_t port_ = 0;
};

TEST_F(Interop, OpensslAsServer) {
  if (!has_openssl()) GTEST_SKIP() << "no openssl command";
  for (const char* version : {"TLSv1.3", "TLSv1.2"}) {
    SCOPED_TRACE(version);
    const auto identity = ca_.issue();
    write("cert.pem", identity.certificate);
    write("key.pem", identity.key);
    const std::string flag = version == std::string_view("TLSv1.2") ? " -tls1_2" : " -tls1_3";
    const OpensslServer openssl("-naccept 2 -cert " + path("cert.pem") + " -key " +
                                path("key.pem") + flag);
    ASSERT_NE(openssl.port(), 0);
    const auto client_context = client();
    const auto main = [](Loop& l, std::uint16_t port, ClientTlsContext& c) -> Task<TlsInfo> {
      auto tcp =
          co_await runtime::connect(l, *SocketAddress::parse("127.0.0.1", port), l.after(5s));
      auto stream = co_await connect_tls(l, std::move(*tcp), c, kHost, l.after(20s));
      EXPECT_TRUE(stream) << stream.error().text;
      if (!stream) co_return TlsInfo{};
      EXPECT_TRUE(co_await (*stream)->write("stressed\n", l.after(20s)));
      EXPECT_EQ(*co_await (*stream)->read(l.after(20s)), "desserts\n");
      EXPECT_TRUE(co_await (*stream)->write("CLOSE\n", l.after(20s)));
      EXPECT_EQ((co_await (*stream)->read(l.after(20s))).error().code, ErrorCode::kClosed);
      co_await (*stream)->finish(l.after(20s));
      co_return (*stream)->info();
    };
    const TlsInfo first = real_.run(main(real_, openssl.port(), *client_context));
    const TlsInfo second = real_.run(main(real_, openssl.port(), *client_context));
    EXPECT_EQ(first.version, version);
    EXPECT_FALSE(first.resumed);
    EXPECT_TRUE(second.resumed);
  }
}

}  // namespace
}  // namespace sallyport::net
