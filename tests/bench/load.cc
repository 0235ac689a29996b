// The load generator: clients that log in over TLS and send messages, closed loop (each client
// sends its next message when the last was answered) or open loop (messages come at a rate,
// whatever the answers do, and latency counts from when a message should have been sent: no
// coordinated omission).

#include <sys/timerfd.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <deque>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "proxy/base/base64.h"
#include "proxy/net/tls.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/poller.h"
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
  std::string ca;
  std::string user = "bench";
  std::string password = "bench";
  std::size_t connections = 50;
  std::size_t messages = 1000;
  std::size_t per_connection = 0;  // 0: a connection is kept to the end
  std::size_t size = 10'240;
  std::size_t recipients = 1;
  std::size_t first_id = 0;
  bool pipelining = true;
  bool resume = true;
  double rate = 0;  // messages a second; 0: closed loop
  bool idle = false;
  std::size_t hold_seconds = 0;
  std::size_t spread_ms = 0;
  std::string ready_file;
};

struct Result {
  std::vector<double> latencies_ms;
  std::size_t accepted = 0;
  std::size_t refused = 0;
  std::size_t failed = 0;
  std::size_t connected = 0;
};

/// Waits to the microsecond, where the loop's own timers are good to a millisecond: with those,
/// messages that come at a rate would come in bursts, and late.
class Alarm {
 public:
  explicit Alarm(runtime::Loop& loop)
      : poller_(loop, ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {}

  Task<void> wait_until(TimePoint when) {
    const auto since_start = when.time_since_epoch();
    const auto whole = std::chrono::floor<std::chrono::seconds>(since_start);
    const itimerspec at{
        .it_interval = {},
        .it_value = {.tv_sec = whole.count(), .tv_nsec = Duration(since_start - whole).count()}};
    ::timerfd_settime(poller_.descriptor(), TFD_TIMER_ABSTIME, &at, nullptr);
    (void)co_await poller_.readable(kNever);
    std::uint64_t times = 0;
    (void)!::read(poller_.descriptor(), &times, sizeof times);
    poller_.used_up();
  }

 private:
  runtime::Poller poller_;
};

class Load {
 public:
  Load(runtime::Loop& loop, const Options& options) : loop_(loop), options_(options) {
    content_ =
        "From: bench@example.com\r\nTo: sink@example.net\r\nSubject: bench\r\n"
        "Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nMessage-ID: <bench@example.com>\r\n\r\n";
    while (content_.size() + 80 <= options.size) {
      content_ +=
          "The quick brown fox jumps over the lazy dog, and the dog does not mind at all.\r\n";
    }
    commands_ = "MAIL FROM:<bench@example.com>\r\n";
    for (std::size_t i = 0; i < options.recipients; ++i) {
      commands_ += "RCPT TO:<sink" + std::to_string(i) + "@example.net>\r\n";
    }
    commands_ += "DATA\r\n";
  }

  Task<int> run() {
    std::ifstream file(options_.ca);
    const std::string ca{std::istreambuf_iterator<char>(file), {}};
    if (options_.tls != "none") {
      auto context = net::ClientTlsContext::make(ca);
      if (!context) {
        std::fprintf(stderr, "load: %s\n", context.error().text.c_str());
        co_return 1;
      }
      tls_ = std::move(*context);
    }
    ca_ = ca;
    start_ = loop_.now();
    runtime::TaskGroup clients(loop_);
    if (options_.idle) {
      // A few at a time: what counts is how they idle, not who survives 5,000 handshakes at once.
      for (std::size_t i = 0; i < std::min<std::size_t>(50, options_.connections); ++i)
        clients.spawn(idlers());
    } else {
      for (std::size_t i = 0; i < options_.connections; ++i) clients.spawn(client(i));
    }
    (void)co_await clients.join();
    report();
    co_return result_.failed == 0 ? 0 : 1;
  }

 private:
  struct Connection {
    std::unique_ptr<runtime::ByteStream> stream;
    std::unique_ptr<Inbox> inbox;
  };

  TimePoint deadline() { return loop_.after(120s); }

  Task<bool> secure(Connection& connection) {
    // Without resumption each connection has a context of its own: nothing to resume from.
    if (!options_.resume) tls_kept_.push_back(std::move(*net::ClientTlsContext::make(ca_)));
    net::ClientTlsContext& context = options_.resume ? *tls_ : *tls_kept_.back();
    auto stream = co_await net::connect_tls(loop_, std::move(connection.stream), context,
                                            "localhost", deadline());
    if (!stream) {
      std::fprintf(stderr, "load: %s\n", stream.error().text.c_str());
      co_return false;
    }
    connection.stream = std::move(*stream);
    if (connection.inbox) connection.inbox->replace(*connection.stream);
    co_return true;
  }

  /// Connects and logs in; says at which step it failed.
  Task<bool> open(Connection& connection) {
    const std::string failed_at = co_await open_until_failure(connection);
    if (!failed_at.empty()) std::fprintf(stderr, "load: failed at %s\n", failed_at.c_str());
    co_return failed_at.empty();
  }

  Task<std::string> open_until_failure(Connection& connection) {
    auto tcp = co_await runtime::connect(
        loop_, *runtime::SocketAddress::parse("127.0.0.1", options_.port), deadline());
    if (!tcp) co_return tcp.error().text;
    connection.stream = std::move(*tcp);
    if (options_.tls == "implicit" && !co_await secure(connection)) co_return "TLS";
    connection.inbox = std::make_unique<Inbox>(*connection.stream);
    if (co_await connection.inbox->reply(deadline()) != 220) co_return "greeting";
    if (co_await command(connection, "EHLO bench.example.com\r\n") != 250) co_return "EHLO";
    if (options_.tls == "starttls") {
      if (co_await command(connection, "STARTTLS\r\n") != 220 || !co_await secure(connection)) {
        co_return "STARTTLS";
      }
      if (co_await command(connection, "EHLO bench.example.com\r\n") != 250) co_return "EHLO";
    }
    using namespace std::string_literals;
    const std::string plain = base64::encode("\0"s + options_.user + "\0"s + options_.password);
    if (co_await command(connection, "AUTH PLAIN " + plain + "\r\n") != 235) co_return "AUTH";
    ++result_.connected;
    co_return "";
  }

  Task<int> command(Connection& connection, std::string line) {
    if (!co_await connection.stream->write(line, deadline())) co_return 0;
    co_return co_await connection.inbox->reply(deadline());
  }

  /// Sends message `id`; the code that decided, or 0 when the connection was lost.
  Task<int> send(Connection& connection, std::size_t id) {
    Inbox& inbox = *connection.inbox;
    if (options_.pipelining) {
      if (!co_await connection.stream->write(commands_, deadline())) co_return 0;
      int worst = 0;
      for (std::size_t i = 0; i < options_.recipients + 1; ++i) {
        worst = std::max(worst, co_await inbox.reply(deadline()));
      }
      const int go = co_await inbox.reply(deadline());
      if (go != 354) co_return std::max(worst, go);
    } else {
      std::string_view rest = commands_;
      while (!rest.empty()) {
        const auto end = rest.find('\n') + 1;
        const int code = co_await command(connection, std::string(rest.substr(0, end)));
        rest.remove_prefix(end);
        if (code != 250 && code != 354) co_return code;
      }
    }
    const std::string id_field = "X-Bench-Id: " + std::to_string(id) + "\r\n";
    const std::string_view pieces[] = {id_field, content_, ".\r\n"};
    if (!co_await connection.stream->write(pieces, deadline())) co_return 0;
    co_return co_await inbox.reply(deadline());
  }

  /// When message `n` should be sent.
  TimePoint due(std::size_t n) const {
    if (options_.rate <= 0) return {};
    return start_ + std::chrono::duration_cast<Duration>(
                        std::chrono::duration<double>(static_cast<double>(n) / options_.rate));
  }

  void say_ready() const {
    if (!options_.ready_file.empty()) std::ofstream(options_.ready_file) << "ready\n";
  }

  /// Opens connections and keeps them until everybody was there for --hold seconds.
  Task<void> idlers() {
    runtime::Event never(loop_);
    std::vector<Connection> kept;
    while (next_ < options_.connections && result_.failed < 100) {
      ++next_;
      Connection connection;
      if (co_await open(connection)) {
        kept.push_back(std::move(connection));
      } else {
        ++result_.failed;
        --next_;
      }
    }
    if (result_.connected == options_.connections) say_ready();
    (void)co_await never.wait(loop_.after(std::chrono::seconds(options_.hold_seconds)));
  }

  Task<void> client(std::size_t index) {
    runtime::Event never(loop_);
    Alarm alarm(loop_);
    while (next_ < options_.messages) {
      Connection connection;
      TimePoint began = std::chrono::steady_clock::now();
      if (!co_await open(connection)) {
        ++result_.failed;
        if (result_.failed <= options_.connections + 100) continue;
        ++given_up_;
        co_return;
      }
      if (options_.per_connection == 0 && !started_) {
        // Where connections are kept the clock starts when everybody is there: logging in is
        // another scenario.
        while (result_.connected + given_up_ < options_.connections && !started_)
          (void)co_await never.wait(loop_.after(1ms));
        if (!std::exchange(started_, true)) {
          start_ = std::chrono::steady_clock::now();
          if (options_.rate > 0) start_ += 100ms;
          say_ready();
        }
        // Who all begin at once stay in step, and every burst of theirs queues.
        (void)co_await never.wait(start_ + options_.spread_ms * 1ms * index / options_.connections);
      }
      for (std::size_t sent = 0; next_ < options_.messages; ++sent) {
        if (options_.per_connection > 0 && sent == options_.per_connection) break;
        const std::size_t n = next_++;
        if (options_.rate > 0) {
          if (due(n) > std::chrono::steady_clock::now()) co_await alarm.wait_until(due(n));
          began = due(n);
        } else if (sent > 0 || options_.per_connection == 0) {
          began = std::chrono::steady_clock::now();
        }
        const int code = co_await send(connection, options_.first_id + n);
        if (code == 250) {
          ++result_.accepted;
          result_.latencies_ms.push_back(
              std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began)
                  .count());
        } else if (code == 0) {
          ++result_.failed;
          break;
        } else {
          ++result_.refused;
          if (co_await command(connection, "RSET\r\n") != 250) break;
        }
      }
      (void)co_await command(connection, "QUIT\r\n");
      co_await connection.stream->finish(loop_.after(1s));
    }
  }

  double percentile(double fraction) const {
    if (result_.latencies_ms.empty()) return 0;
    const auto last = static_cast<double>(result_.latencies_ms.size() - 1);
    return result_.latencies_ms[static_cast<std::size_t>(fraction * last)];
  }

  void report() {
    std::ranges::sort(result_.latencies_ms);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    std::printf(
        "{\"accepted\": %zu, \"refused\": %zu, \"failed\": %zu, \"connections\": %zu, \"seconds\": "
        "%.3f, "
        "\"messages_per_second\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f, "
        "\"max_ms\": %.3f}\n",
        result_.accepted, result_.refused, result_.failed, result_.connected, seconds,
        static_cast<double>(result_.accepted) / seconds, percentile(0.5), percentile(0.99),
        percentile(0.999), percentile(1));
  }

  runtime::Loop& loop_;
  const Options& options_;
  std::string ca_;
  std::unique_ptr<net::ClientTlsContext> tls_;
  std::deque<std::unique_ptr<net::ClientTlsContext>> tls_kept_;
  std::string content_;
  std::string commands_;
  TimePoint start_;
  bool started_ = false;
  std::size_t given_up_ = 0;  // clients that never got in
  std::size_t next_ = 0;
  Result result_;
};

}  // namespace
}  // namespace sallyport::bench

int main(int argc, char** argv) {
  sallyport::bench::Options options;
  CLI::App app(
      "The load of a benchmark: clients that log in and send messages; prints one JSON object");
  app.add_option("--port", options.port)->required();
  app.add_option("--tls", options.tls, "implicit, starttls or none")->capture_default_str();
  app.add_option("--ca", options.ca, "PEM file to verify the server by");
  app.add_option("--user", options.user)->capture_default_str();
  app.add_option("--password", options.password)->capture_default_str();
  app.add_option("--connections", options.connections)->capture_default_str();
  app.add_option("--messages", options.messages, "In all")->capture_default_str();
  app.add_option("--per-connection", options.per_connection, "Then connect anew; 0: never")
      ->capture_default_str();
  app.add_option("--size", options.size, "Octets a message")->capture_default_str();
  app.add_option("--recipients", options.recipients)->capture_default_str();
  app.add_option("--first-id", options.first_id, "X-Bench-Id of the first message")
      ->capture_default_str();
  app.add_flag("!--no-pipelining", options.pipelining);
  app.add_flag("!--no-resume", options.resume, "A full TLS handshake each time");
  app.add_option("--rate", options.rate, "Messages a second, open loop; 0: closed loop")
      ->capture_default_str();
  app.add_flag("--idle", options.idle, "Log in, send nothing, hold the connections");
  app.add_option("--hold", options.hold_seconds, "Seconds to hold idle connections")
      ->capture_default_str();
  app.add_option("--spread-ms", options.spread_ms, "Kept connections begin one after the other")
      ->capture_default_str();
  app.add_option("--ready-file", options.ready_file,
                 "Written when all connections are there, if they are kept");
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  sallyport::runtime::Loop loop;
  sallyport::bench::Load load(loop, options);
  return loop.run(load.run());
}
