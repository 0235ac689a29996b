// A provider that takes all mail and forgets it: the upstream of every benchmark. Counts what
// arrived, by the X-Bench-Id that the load generator wrote, so that lost and doubled messages show.

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <vector>

#include "proxy/net/tls.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/signals.h"
#include "proxy/runtime/task_group.h"
#include "proxy/runtime/tcp.h"
#include "tests/bench/smtp_lines.h"

namespace sallyport::bench {
namespace {

using namespace std::chrono_literals;
using runtime::Task;

struct Options {
  std::uint16_t port = 0;
  std::string tls = "implicit";
  std::string certificate;
  std::string key;
  int delay_ms = 0;       // before each reply
  int round_trip_ms = 0;  // before the replies to what came in one flight
  bool pipelining = true;
  bool chunking = false;
  std::string report;
};

struct Tally {
  std::vector<unsigned char> seen;  // by id
  std::uint64_t messages = 0;
  std::uint64_t recipients = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t without_id = 0;
  std::uint64_t connections = 0;

  void count(std::string_view head) {
    ++messages;
    // The first line, unless the gateway put fields of its own in front.
    static constexpr std::string_view kField = "X-Bench-Id: ";
    auto at = head.starts_with(kField) ? 0 : head.find("\r\nX-Bench-Id: ");
    if (at == std::string_view::npos) {
      ++without_id;
      return;
    }
    at = head.find(kField, at);
    const auto id =
        static_cast<std::size_t>(std::strtoull(head.data() + at + kField.size(), nullptr, 10));
    if (seen.size() <= id) seen.resize(id + 1);
    if (seen[id]++) ++duplicates;
  }
};

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// One connection of the sink; `say` answers, after the delay if one was asked for.
class Session {
 public:
  Session(runtime::Loop& loop, const Options& options, Tally& tally,
          std::unique_ptr<runtime::ByteStream> stream)
      : loop_(loop),
        options_(options),
        tally_(tally),
        stream_(std::move(stream)),
        inbox_(*stream_),
        never_(loop) {}

  Task<void> run(std::shared_ptr<const net::ServerTlsContext> context) {
    if (options_.tls == "implicit" && !co_await start_tls(context)) co_return;
    if (!co_await say("220 sink ESMTP\r\n")) co_return;
    while (co_await inbox_.line(line_, deadline())) {
      if (line_.starts_with("STARTTLS")) {
        if (!co_await say("220 go\r\n") || !co_await start_tls(context)) co_return;
      } else if (line_.starts_with("DATA")) {
        if (!co_await say("354 go\r\n")) co_return;
        if (!co_await inbox_.content(head_, 4096, deadline())) co_return;
        tally_.count(head_);
        if (!co_await say("250 2.0.0 Ok: queued as " + std::to_string(tally_.messages) + "\r\n"))
          co_return;
      } else if (line_.starts_with("BDAT ")) {
        const bool last = line_.ends_with(" LAST");
        const std::size_t size = std::strtoull(line_.c_str() + 5, nullptr, 10);
        std::string& head = content_begun_ ? rest_ : head_;
        if (!co_await inbox_.chunk(size, head, 4096, deadline())) co_return;
        content_begun_ = !last;
        if (last) tally_.count(head_);
        if (!co_await say("250 2.0.0 Ok: queued as " + std::to_string(tally_.messages) + "\r\n"))
          co_return;
      } else if (line_.starts_with("EHLO")) {
        std::string reply =
            "250-sink\r\n250-8BITMIME\r\n250-SIZE 104857600\r\n250-ENHANCEDSTATUSCODES\r\n";
        if (options_.pipelining) reply += "250-PIPELINING\r\n";
        if (options_.chunking) reply += "250-CHUNKING\r\n";
        if (options_.tls == "starttls") reply += "250-STARTTLS\r\n";
        if (!co_await say(reply + "250 AUTH PLAIN LOGIN\r\n")) co_return;
      } else if (line_ == "AUTH LOGIN") {
        if (!co_await say("334 VXNlcm5hbWU6\r\n") || !co_await inbox_.line(line_, deadline()))
          co_return;
        if (!co_await say("334 UGFzc3dvcmQ6\r\n") || !co_await inbox_.line(line_, deadline()))
          co_return;
        if (!co_await say("235 2.7.0 Ok\r\n")) co_return;
      } else if (line_.starts_with("AUTH")) {
        if (!co_await say("235 2.7.0 Ok\r\n")) co_return;
      } else if (line_.starts_with("QUIT")) {
        co_await say("221 2.0.0 Bye\r\n");
        co_await stream_->finish(loop_.after(1s));
        co_return;
      } else {
        if (line_.starts_with("RCPT")) ++tally_.recipients;
        if (!co_await say("250 2.0.0 Ok\r\n")) co_return;
      }
    }
  }

 private:
  TimePoint deadline() { return loop_.after(120s); }

  Task<bool> start_tls(std::shared_ptr<const net::ServerTlsContext> context) {
    auto tls = co_await net::accept_tls(loop_, std::move(stream_), context, loop_.after(30s));
    if (!tls) {
      std::fprintf(stderr, "sink: %s\n", tls.error().text.c_str());
      co_return false;
    }
    stream_ = std::move(*tls);
    inbox_.replace(*stream_);
    co_return true;
  }

  /// Replies to a pipelined group go out together, as any real server's would.
  Task<bool> say(std::string reply) {
    unsent_ += reply;
    if (options_.delay_ms > 0)
      (void)co_await never_.wait(loop_.after(std::chrono::milliseconds(options_.delay_ms)));
    if (!inbox_.empty() && options_.delay_ms == 0) co_return true;
    if (options_.round_trip_ms > 0)
      (void)co_await never_.wait(loop_.after(std::chrono::milliseconds(options_.round_trip_ms)));
    const auto written = co_await stream_->write(unsent_, deadline());
    unsent_.clear();
    co_return written.has_value();
  }

  runtime::Loop& loop_;
  const Options& options_;
  Tally& tally_;
  std::unique_ptr<runtime::ByteStream> stream_;
  Inbox inbox_;
  runtime::Event never_;
  std::string line_;
  std::string head_;
  std::string rest_;  // of later chunks: not looked at
  bool content_begun_ = false;
  std::string unsent_;
};

Task<void> serve(runtime::Loop& loop, const Options& options, Tally& tally,
                 std::shared_ptr<const net::ServerTlsContext> context,
                 std::unique_ptr<runtime::TcpStream> stream) {
  Session session(loop, options, tally, std::move(stream));
  co_await session.run(context);
}

Task<int> run(runtime::Loop& loop, Options options) {
  const net::TicketKeys keys;
  std::shared_ptr<const net::ServerTlsContext> context;
  if (options.tls != "none") {
    auto made =
        net::ServerTlsContext::make(read_file(options.certificate), read_file(options.key), keys);
    if (!made) {
      std::fprintf(stderr, "sink: %s\n", made.error().text.c_str());
      co_return 1;
    }
    context = *made;
  }
  auto listener =
      runtime::TcpListener::listen(loop, *runtime::SocketAddress::parse("127.0.0.1", options.port));
  if (!listener) {
    std::fprintf(stderr, "sink: %s\n", listener.error().text.c_str());
    co_return 1;
  }
  Tally tally;
  const runtime::Signals signals(loop, {SIGTERM, SIGINT}, [&](int) { (*listener)->interrupt(); });
  {
    runtime::TaskGroup sessions(loop);
    while (true) {
      auto accepted = co_await (*listener)->accept();
      if (!accepted) break;
      ++tally.connections;
      sessions.spawn(serve(loop, options, tally, context, std::move(*accepted).stream(loop)));
    }
    std::ofstream(options.report) << "{\"messages\": " << tally.messages
                                  << ", \"recipients\": " << tally.recipients
                                  << ", \"duplicates\": " << tally.duplicates
                                  << ", \"without_id\": " << tally.without_id
                                  << ", \"connections\": " << tally.connections << "}\n";
    // Whoever is still connected has nothing more to say that counts.
    std::fflush(nullptr);
    _exit(0);
  }
}

}  // namespace
}  // namespace sallyport::bench

int main(int argc, char** argv) {
  sallyport::bench::Options options;
  CLI::App app("The provider of a benchmark: takes all mail, counts it, forgets it");
  app.add_option("--port", options.port)->required();
  app.add_option("--tls", options.tls, "implicit, starttls or none")->capture_default_str();
  app.add_option("--certificate", options.certificate);
  app.add_option("--key", options.key);
  app.add_option("--delay-ms", options.delay_ms, "Wait before each reply")->capture_default_str();
  app.add_option("--round-trip-ms", options.round_trip_ms,
                 "Wait before the replies to one flight, as a far network does")
      ->capture_default_str();
  app.add_flag("!--no-pipelining", options.pipelining);
  app.add_flag("--chunking", options.chunking);
  app.add_option("--report", options.report, "File for the tally, written at SIGTERM")->required();
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  sallyport::runtime::Loop loop;
  return loop.run(sallyport::bench::run(loop, options));
}
